import asyncio
import copy
import json
import shutil
from contextlib import aclosing
from pathlib import Path

import openvino as ov
import pytest
import torch
from transformers import AutoModelForCausalLM

from sejong.errors import Failed, Refused
from sejong.serve.engines import Sampling, openvino
from sejong.serve.engines.batching import Engine

PROMPT = [1, 300, 400, 500]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


async def all_tokens(engine: Engine, prompt: list[int], sampling: Sampling) -> list[int]:
    return [token async for chunk in engine.generate(prompt, sampling) for token in chunk.tokens]


def test_the_engine_says_what_the_model_says(model_folder: Path, engine_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    expected = model.generate(torch.tensor([PROMPT]), max_new_tokens=32, do_sample=False, eos_token_id=None)[
        0, len(PROMPT) :
    ].tolist()
    assert len(set(expected)) > 8, "a model that repeats one token proves nothing"
    with Engine(engine_folder) as engine:
        assert asyncio.run(all_tokens(engine, PROMPT, Sampling(32, temperature=0, ignore_end=True))) == expected


def test_the_same_bytes_whatever_was_converted_before(model_folder: Path, engine_folder: Path, tmp_path: Path) -> None:
    openvino.convert(model_folder, tmp_path / "again")
    assert files(tmp_path / "again") == files(engine_folder)
    assert str(model_folder.parent).encode() not in b"".join(files(engine_folder).values())


def test_half_precision_is_half_the_size(model_folder: Path, engine_folder: Path, tmp_path: Path) -> None:
    openvino.convert(model_folder, tmp_path, "float16")
    size = [(folder / "openvino_model.bin").stat().st_size for folder in (tmp_path, engine_folder)]
    assert size[0] < 0.6 * size[1]


def test_a_conversion_that_changes_the_model_fails(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = openvino._trace

    def damaged(model: torch.nn.Module) -> ov.Model:
        other = copy.deepcopy(model)
        other.model.norm.weight.data *= torch.linspace(0.5, 1.5, 48)
        return whole(other)

    monkeypatch.setattr(openvino, "_trace", damaged)
    with pytest.raises(Failed, match="not converted faithfully"):
        openvino.convert(model_folder, tmp_path)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not a Hugging Face model folder"):
        openvino.convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_engine_is_named(engine_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(engine_folder, tmp_path / "engine")
    (tmp_path / "engine" / "openvino_model.xml").write_text("<net")
    with pytest.raises(Failed, match=r"cannot be opened .*build the stage `engine` again"):
        Engine(tmp_path / "engine")


def test_a_seed_gives_the_same_text_alone_and_beside_others(engine_folder: Path) -> None:
    async def ask(engine: Engine) -> list[list[int]]:
        alone = [await all_tokens(engine, PROMPT, Sampling(24, seed=seed, ignore_end=True)) for seed in (1, 2)]
        beside = await asyncio.gather(
            *(all_tokens(engine, PROMPT, Sampling(24, seed=seed, ignore_end=True)) for seed in (2, 1, 3))
        )
        return [*alone, *beside]

    with Engine(engine_folder) as engine:
        first, second, *beside = asyncio.run(ask(engine))
    assert first != second
    assert beside[:2] == [second, first]


def test_closing_an_answer_frees_its_slot(engine_folder: Path) -> None:
    async def ask(engine: Engine) -> None:
        async with aclosing(engine.generate(PROMPT, Sampling(700, ignore_end=True))) as chunks:
            await anext(chunks)
            assert engine.active == 1
        for _ in range(200):
            if engine.active == 0:
                break
            await asyncio.sleep(0.01)
        assert engine.active == 0
        assert len(await all_tokens(engine, PROMPT, Sampling(5, ignore_end=True))) == 5

    with Engine(engine_folder, slots=1) as engine:
        asyncio.run(ask(engine))


def test_more_requests_than_slots_wait_their_turn(engine_folder: Path) -> None:
    async def ask(engine: Engine) -> list[list[int]]:
        greedy = Sampling(20, temperature=0, ignore_end=True)
        prompts = [[1, 300 + number] for number in range(6)]
        single = [await all_tokens(engine, prompt, greedy) for prompt in prompts]
        assert await asyncio.gather(*(all_tokens(engine, prompt, greedy) for prompt in prompts)) == single
        return single

    with Engine(engine_folder, slots=2) as engine:
        assert len({tuple(one) for one in asyncio.run(ask(engine))}) == 6


def test_a_finished_text_says_why(engine_folder: Path, tmp_path: Path) -> None:
    async def last(engine: Engine, most: int) -> tuple[list[int], str | None]:
        chunks = [chunk async for chunk in engine.generate(PROMPT, Sampling(most, temperature=0))]
        return [token for chunk in chunks for token in chunk.tokens], chunks[-1].finish_reason

    with Engine(engine_folder) as engine:
        tokens, reason = asyncio.run(last(engine, 12))
    assert (len(tokens), reason) == (12, "length")
    # Let the fifth token of that very text be an end.
    shutil.copytree(engine_folder, tmp_path / "engine")
    ending = json.loads((tmp_path / "engine" / "generation_config.json").read_text())
    (tmp_path / "engine" / "generation_config.json").write_text(json.dumps({**ending, "eos_token_id": [2, tokens[4]]}))
    with Engine(tmp_path / "engine") as engine:
        ended, reason = asyncio.run(last(engine, 12))
    assert (ended, reason) == (tokens[: tokens.index(tokens[4])], "stop")


def test_a_request_that_the_engine_refuses_harms_no_other(engine_folder: Path) -> None:
    async def ask(engine: Engine) -> list[int]:
        other = asyncio.create_task(all_tokens(engine, PROMPT, Sampling(50, ignore_end=True)))
        with pytest.raises(Failed, match="refuses this request"):
            await all_tokens(engine, PROMPT, Sampling(0))
        extreme = await all_tokens(engine, PROMPT, Sampling(3, temperature=1e-300, top_p=5e-324, ignore_end=True))
        assert len(extreme) == 3
        return await other

    with Engine(engine_folder) as engine:
        assert len(asyncio.run(ask(engine))) == 50
        assert engine.active == 0


def test_an_engine_that_was_closed_refuses(engine_folder: Path) -> None:
    engine = Engine(engine_folder)
    engine.close()
    with pytest.raises(Failed, match="engine has stopped"):
        asyncio.run(all_tokens(engine, PROMPT, Sampling(3)))
