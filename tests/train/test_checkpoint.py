"""Checkpoints: damaged ones are found, leaps of the loss undone, and neither changes what an undisturbed training gives."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sejong.errors import Failed
from sejong.flow import Artifact
from sejong.train import loop, pretrain
from sejong.train.batches import Stream
from sejong.train.checkpoint import Checkpoints, Standing
from sejong.train.left_out import SPAN, LeftOut, fault, remember
from sejong.train.plan import Plan, warmup
from tests.train.test_training import TINY, result

SHORT = TINY.model_copy(update={"steps": 30})
PLAN = Plan("pretraining", 200, 8, 1, 1, 1e-3, torch.float32, False)


@pytest.fixture(autouse=True)
def at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 0.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tokenizer: Artifact, shards: Artifact) -> dict[str, str]:
    """The files of an undisturbed training."""
    out = tmp_path_factory.mktemp("whole") / "out"
    out.mkdir()
    pretrain.run(SHORT, [tokenizer, shards], out)
    return result(out)


def stop_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Have a person stop the training in its n-th step."""
    plain, calls = vars(loop)["one_step"], [0]

    def counting(*arguments: Any) -> tuple[float, float]:
        calls[0] += 1
        if calls[0] == call:
            raise KeyboardInterrupt
        return plain(*arguments)

    monkeypatch.setattr(loop, "one_step", counting)


def stopped(out: Path, inputs: list[Artifact], monkeypatch: pytest.MonkeyPatch, call: int) -> Path:
    """A training stopped in step `call`; returns the folder of its checkpoints."""
    out.mkdir()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        stop_at(patched, call)
        pretrain.run(SHORT, inputs, out)
    return out.with_name("out.scratch") / "checkpoints"


def steps_in(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("*.json"))


def test_the_newest_and_those_of_the_plan_stay(
    tmp_path: Path, tokenizer: Artifact, shards: Artifact, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stopped(tmp_path / "out", [tokenizer, shards], monkeypatch, 26)
    assert steps_in(folder) == [9, 17, 24, 25]
    assert {path.name for path in folder.iterdir()} == {
        f"step-{step:08d}.{kind}" for step in (9, 17, 24, 25) for kind in ("pt", "json")
    }
    assert "pretraining stopped: the same command goes on from step 25 of 30" in capsys.readouterr().err


@pytest.mark.parametrize("hurt", ["cut", "flipped", "note", "gone"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path,
    whole: dict[str, str],
    tokenizer: Artifact,
    shards: Artifact,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hurt: str,
) -> None:
    folder = stopped(tmp_path / "out", [tokenizer, shards], monkeypatch, 18)
    newest = folder / "step-00000017.pt"
    content = bytearray(newest.read_bytes())
    if hurt == "cut":
        newest.write_bytes(content[: len(content) // 2])
    elif hurt == "flipped":
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
    elif hurt == "note":
        newest.with_suffix(".json").write_text("{", "utf-8")
    else:
        newest.unlink()
    calls: list[int] = []
    read = Stream.batch

    def reading(self: Stream, first: int, size: int) -> Any:
        calls.append(first)
        return read(self, first, size)

    monkeypatch.setattr(Stream, "batch", reading)
    pretrain.run(SHORT, [tokenizer, shards], tmp_path / "out")
    assert result(tmp_path / "out") == whole
    assert 16 * 8 in calls and 15 * 8 not in calls
    said = "the checkpoint of step 17 is damaged: training goes on from that of step 16"
    assert (said in capsys.readouterr().err) == (hurt != "gone")


def test_where_none_can_be_read_a_sentence_says_so(
    tmp_path: Path, tokenizer: Artifact, shards: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped(tmp_path / "out", [tokenizer, shards], monkeypatch, 5)
    for path in folder.glob("*.pt"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Failed, match=r"no checkpoint in .*checkpoints can be read \(the bytes of step-\d+.pt have changed\)"):
        pretrain.run(SHORT, [tokenizer, shards], tmp_path / "out")
    assert len(list(folder.glob("*.pt"))) == 2, "nothing was deleted"


def test_nothing_of_a_damaged_checkpoint_is_loaded(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    model = LlamaForCausalLM(config)
    optimiser = torch.optim.AdamW(model.parameters())
    kept = Checkpoints(tmp_path, ())
    kept.save(model, optimiser, Standing(3))
    path = tmp_path / "checkpoints" / "step-00000003.pt"
    path.write_bytes(path.read_bytes() + b" ")
    with torch.no_grad():
        for one in model.parameters():
            one.fill_(0.5)
    with pytest.raises(Failed):
        kept.restore(model, optimiser)
    assert all(bool((one == 0.5).all()) for one in model.parameters())


def test_the_hash_of_samples_is_that_of_what_was_read(
    tmp_path: Path, tokenizer: Artifact, shards: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped(tmp_path / "out", [tokenizer, shards], monkeypatch, 22)
    stream = Stream(shards.path, "train", SHORT.context, SHORT.seed, SHORT)
    at, found = Standing(), {}
    for step in range(21):
        at.read(stream.batch(step * 8, 8))
        found[step + 1] = at.samples
    for step in steps_in(folder):
        assert json.loads((folder / f"step-{step:08d}.json").read_text("utf-8"))["samples"] == found[step]
    other = Standing()
    other.read(stream.batch(8, 8))
    assert other.samples != found[1] and len(set(found.values())) == 21


def leaping(monkeypatch: pytest.MonkeyPatch, bad: dict[int, float]) -> list[int]:
    """Give the steps in `bad` another loss, and ruin the weights, as such a step does. Returns the steps taken."""
    plain, taken, batches = vars(loop)["one_step"], list[int](), dict[str, int]()
    read = Stream.batch

    def reading(self: Stream, first: int, size: int) -> Any:
        batch = read(self, first, size)
        if size == 8:
            batches["step"] = first // 8
        return batch

    def step(model: Any, *rest: Any) -> tuple[float, float]:
        loss, norm = plain(model, *rest)
        taken.append(batches["step"])
        if batches["step"] in bad:
            with torch.no_grad():
                for one in model.parameters():
                    one.fill_(math.nan)
            return bad[batches["step"]], norm
        return loss, norm

    monkeypatch.setattr(Stream, "batch", reading)
    monkeypatch.setattr(loop, "one_step", step)
    return taken


@pytest.mark.parametrize("bad", [{0: math.nan}, {7: math.inf, 8: math.nan}, {29: math.nan}])
def test_a_step_that_is_left_out_is_as_if_never_taken(
    tmp_path: Path,
    tokenizer: Artifact,
    shards: Artifact,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bad: dict[int, float],
) -> None:
    """Whenever checkpoints were written, and where the run was stopped between."""
    files = []
    for number, (seconds, stop) in enumerate([(0.0, 0), (1e9, 0), (0.0, 20)]):
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", seconds)
        out = tmp_path / str(number) / "out"
        out.mkdir(parents=True)
        with monkeypatch.context() as patched:
            taken = leaping(patched, bad)
            if stop:
                with patched.context() as stopping, pytest.raises(KeyboardInterrupt):
                    stop_at(stopping, stop)
                    pretrain.run(SHORT, [tokenizer, shards], out)
            metrics = pretrain.run(SHORT, [tokenizer, shards], out)
        assert metrics["left_out_steps"] == [step + 1 for step in sorted(bad)]
        assert all(taken.count(step) == 1 for step in bad)
        files.append(result(out))
    assert files[0] == files[1] == files[2]
    rows = [json.loads(line) for line in (tmp_path / "0" / "out" / "loss.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if "left_out" in row] == [step + 1 for step in sorted(bad)]
    assert rows[-1]["validation_loss"] < rows[0].get("loss", 10)
    step = min(bad)
    assert (
        f"pretraining leaves step {step + 1} out, since its loss is not a number: it goes on from step {step}"
        in capsys.readouterr().err
    )


def test_a_fourth_step_is_too_many(
    tmp_path: Path, tokenizer: Artifact, shards: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaping(monkeypatch, dict.fromkeys((3, 5, 9, 12), math.nan))
    (tmp_path / "out").mkdir()
    for _ in range(2):  # the same again, not another three
        with pytest.raises(Failed, match="pretraining stopped at step 13, since its loss is not a number, and 3 steps"):
            pretrain.run(SHORT, [tokenizer, shards], tmp_path / "out")


def at_step(step: int, losses: list[float], plan: Plan = PLAN) -> Standing:
    at = Standing()
    for at.step, loss in enumerate(losses, step - len(losses)):
        remember(at, loss, plan)
    at.step = step
    return at


def test_what_is_a_leap() -> None:
    noise = (3 + 0.05 * np.sin(np.arange(SPAN) * 2.4)).tolist()
    at = at_step(100, noise)
    assert fault(5.5, 1, at, PLAN) == "its loss of 5.50 is far above the usual 3.00"
    assert fault(4.9, 1, at, PLAN) is None and fault(0.1, 1, at, PLAN) is None
    wild = at_step(100, (3 + np.sin(np.arange(SPAN) * 2.4)).tolist())
    assert fault(5.5, 1, wild, PLAN) is None, "losses that differ much anyway"
    assert fault(9.0, 1, at_step(warmup(200) - 1, noise), PLAN) is None, "never in the warm-up"
    assert fault(9.0, 1, at_step(100, noise[1:]), PLAN) is None, "too few losses to tell"
    assert fault(math.nan, 1, Standing(), PLAN) and fault(1, math.inf, Standing(), PLAN)
    turned = at_step(100, noise, Plan("", 200, 8, 1, 1, 1e-3, torch.float32, False, turn=90))
    assert len(turned.recent) == 10 and fault(9.0, 1, turned, PLAN) is None


def test_steps_left_out_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "left_out.json").write_text("[]", "utf-8")
    with pytest.raises(Failed, match=r"left_out\.json cannot be read"):
        LeftOut(tmp_path, "pretraining")


def test_checkpoints_that_stay_divide_the_first_pass(shards: Artifact) -> None:
    stream = Stream(shards.path, "train", 64, 1, TINY)
    passes = math.ceil(stream.tokens / 512)
    plan = pretrain.planned(TINY.model_copy(update={"steps": 4 * passes}))
    assert pretrain.with_checkpoints(plan, stream, 3).keep == tuple(round(passes * part / 4) for part in (1, 2, 3))
    assert pretrain.with_checkpoints(plan, stream, 0).keep == ()
    late = TINY.model_copy(update={"late": ["web"]})
    turned = Stream(shards.path, "train", 64, 1, late).until(plan.steps * plan.sequences)
    found = pretrain.with_checkpoints(plan, turned, 1)
    assert turned.turn is not None and found.turn == turned.turn // 512 and found.turn in found.keep and len(found.keep) == 2
