"""Pretraining and tuning as a whole: they learn, they can be killed anywhere, and their bytes are a function of their inputs."""

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, sha256_file
from sejong.recipe import AlignSettings, OutsideModel, PretrainSettings, TokensSettings
from sejong.train import align, initial, loop, pretrain, tokens
from sejong.train.batches import Stream
from tests.train.artifacts import write_corpus

PROMPTS = {"questions": ["{topic}에 대해 알려 주세요.", "{topic}?"], "refusal": "주어진 글에서 답을 찾을 수 없습니다."}
STEPS = 48
TINY = PretrainSettings(
    width=48,
    depth=2,
    heads=4,
    kv_heads=2,
    context=64,
    batch_tokens=512,
    pass_tokens=256,
    steps=STEPS,
    dtype="float32",
    compile=False,
    threads=1,
)
TUNE = AlignSettings(
    prompts=PROMPTS, batch_tokens=512, pass_tokens=256, steps=60, learning_rate=6e-3, dtype="float32", compile=False, threads=1
)

# A stage in a process of its own, with a checkpoint after every step: it can be killed, or kills itself beside a given one.
CHILD = """
import json, os, signal, sys
from pathlib import Path
from sejong.flow import Artifact
from sejong.recipe import AlignSettings, OutsideModel, PretrainSettings
from sejong.train import align, checkpoint, loop, pretrain
loop.CHECKPOINT_SECONDS = loop.CHECKPOINT_SHARE = 0.0
stage, settings, inputs, out = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4])
module, kind = {"pretrain": (pretrain, PretrainSettings), "align": (align, AlignSettings)}[stage]
step, moment = (sys.argv[5:] + ["", ""])[:2]


def killing(self, *given):
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    if moment == "within":
        checkpoint.sha256_file = lambda path: os.kill(os.getpid(), signal.SIGKILL)
    save(self, *given)
    os.kill(os.getpid(), signal.SIGKILL)


save = checkpoint.Checkpoints.save
if step:
    checkpoint.Checkpoints.save = lambda self, *given: (killing if given[2].step == int(step) else save)(self, *given)
print("started", flush=True)
module.run(kind.model_validate(settings), [Artifact(name, Path(path), name, name) for name, path in inputs], out)
"""


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory, tokenizer: Artifact, shards: Artifact) -> Artifact:
    out = tmp_path_factory.mktemp("pretrain") / "pretrain"
    out.mkdir()
    found = pretrain.run(TINY, [tokenizer, shards], out)
    (out.parent / "metrics.json").write_text(json.dumps(found), "utf-8")
    return Artifact("pretrain", out, "pretrain", "pretrain")


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory, corpus: Artifact, tokenizer: Artifact, pretrained: Artifact) -> Artifact:
    # The tiny model's context is too short for passages; give it more room, as rotary positions allow.
    out = tmp_path_factory.mktemp("align") / "align"
    out.mkdir()
    align.run(TUNE, [corpus, tokenizer, roomy(pretrained)], out)
    return Artifact("align", out, "align", "align")


def roomy(pretrained: Artifact) -> Artifact:
    path = pretrained.path / "model" / "config.json"
    config = json.loads(path.read_text("utf-8")) | {"max_position_embeddings": 192}
    path.write_text(json.dumps(config), "utf-8")
    return pretrained


def rows_of(artifact: Artifact) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (artifact.path / "loss.jsonl").read_text("utf-8").splitlines()]


def result(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256_file(path) for path in sorted(out.rglob("*")) if path.is_file()}


def killed_until_done(stage: str, settings: Any, inputs: list[Artifact], out: Path, seed: int) -> int:
    """Run the stage in a process, kill it at random moments, start it again, until it ends by itself. Returns the kills."""
    generator = random.Random(seed)
    named = json.dumps([(one.stage, str(one.path)) for one in inputs])
    command = [sys.executable, "-c", CHILD, stage, settings.model_dump_json(), named, str(out)]
    kills = 0
    while True:
        for path in sorted(out.rglob("*"), reverse=True) if out.exists() else ():
            path.unlink() if path.is_file() else path.rmdir()
        out.mkdir(exist_ok=True)
        pipe = subprocess.PIPE
        running = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=pipe, stderr=pipe, text=True)
        assert running.stdout is not None
        running.stdout.readline()
        try:
            # Early enough for any machine; some hit between two steps, some in the middle of writing.
            running.communicate(timeout=generator.uniform(0.05, 0.6) if kills < 3 else None)
        except subprocess.TimeoutExpired:
            os.kill(running.pid, signal.SIGKILL)
            running.communicate()
            kills += 1
            continue
        assert running.returncode == 0
        return kills


def test_pretraining_learns_more_than_unigrams(pretrained: Artifact, shards: Artifact) -> None:
    stream = np.concatenate([np.fromfile(path, "<u2") for path in shards.path.glob("train-*.bin")])
    shares = np.bincount(stream) / len(stream)
    entropy = -sum(share * math.log(share) for share in shares if share > 0)
    rows = rows_of(pretrained)
    assert rows[0]["loss"] == pytest.approx(math.log(512), rel=0.05), "a fresh model knows nothing"
    assert rows[-1]["validation_loss"] < 0.6 * entropy


def test_validation_is_in_bits_per_byte_of_the_text(pretrained: Artifact, shards: Artifact, tokenizer: Artifact) -> None:
    """Scored again without any of the training code, one document after another."""
    model = AutoModelForCausalLM.from_pretrained(pretrained.path / "model")
    opened = AutoTokenizer.from_pretrained(pretrained.path / "model")
    context = TINY.context
    stream = torch.from_numpy(np.fromfile(shards.path / "validation-00000.bin", "<u2").astype(np.int64))
    wanted = max(TINY.pass_tokens // context, int(0.01 * STEPS * 8))
    nats, size = 0.0, 0
    for start in range(0, wanted * context, context):
        piece = stream[start : start + context + 1]
        borders = [0, *[at + 1 for at in range(context) if piece[at] == 2], context + 1]
        for left, right in pairwise(borders):
            ids = piece[left:right]
            if len(ids) > 1:
                with torch.no_grad():
                    logits = model(input_ids=ids[None, :-1]).logits[0]
                nats += torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum").item()
                alphabet = "".join(opened.convert_ids_to_tokens([number for number in ids[1:].tolist() if number > 7]))
                size += len(alphabet)
    assert rows_of(pretrained)[-1]["validation_bits_per_byte"] == pytest.approx(nats / size / math.log(2), rel=1e-3)


def test_the_model_folder_is_whole(pretrained: Artifact) -> None:
    folder = pretrained.path / "model"
    model, opened = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    prompt = opened("<|begin|># 글꼴", return_tensors="pt", return_token_type_ids=False)
    written = opened.decode(model.generate(**prompt, max_new_tokens=12, do_sample=False)[0])
    assert written.startswith("<|begin|># 글꼴") and len(written) > len("<|begin|># 글꼴")
    assert model.generation_config.eos_token_id == [2, 7]
    assert {path.name for path in folder.iterdir()} >= {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    }


def test_initial_weights_are_recorded_and_recomputed(pretrained: Artifact) -> None:
    recorded = json.loads((pretrained.path / "initial.json").read_text("utf-8"))
    assert recorded["foreign"] is None and recorded["seed"] == 1
    assert initial.recompute(recorded) == recorded["tensors"]


def test_order_covers_every_position(pretrained: Artifact) -> None:
    order = pq.read_table(pretrained.path / "order.parquet")
    assert order.schema.names == ["position", "id"]
    assert sorted(set(order["position"].to_pylist())) == list(range(STEPS * 8))


def test_metrics(pretrained: Artifact) -> None:
    found = json.loads((pretrained.path.parent / "metrics.json").read_text("utf-8"))
    assert (
        found["tokens"] == STEPS * 512 and found["steps"] == STEPS and found["dtype"] == "float32" and found["compiled"] is False
    )
    body = sum(math.prod(shape) for shape in [(48, 48), (24, 48), (24, 48), (48, 48), (128, 48), (128, 48), (48, 128)]) * 2
    assert found["flops"] == (6 * (body + 512 * 48) + 12 * 2 * 48 * 64) * STEPS * 512
    assert found["device"].startswith("cpu")


def test_killed_pretraining_ends_with_the_same_bytes(
    tmp_path: Path, pretrained: Artifact, tokenizer: Artifact, shards: Artifact
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    pretrain.run(TINY, [tokenizer, shards], whole)
    assert killed_until_done("pretrain", TINY, [tokenizer, shards], tmp_path / "out", seed=int(time.time()))
    assert result(tmp_path / "out") == result(whole)


def test_killed_at_random_steps_of_both_passes_it_ends_with_the_same_bytes(
    tmp_path: Path, pretrained: Artifact, tokenizer: Artifact, shards: Artifact
) -> None:
    """Before, while and after a checkpoint is written."""
    tokens_a_pass = Stream(shards.path, "train", TINY.context, TINY.seed, TINY).tokens
    border = tokens_a_pass // 512 + 1  # from this step on it is the second pass
    generator = random.Random(seed := int(time.time()))
    steps = sorted(generator.sample(range(1, border), 2)) + sorted(generator.sample(range(border, STEPS), 3))
    out = tmp_path / "out"
    named = json.dumps([(one.stage, str(one.path)) for one in (tokenizer, shards)])
    command = [sys.executable, "-c", CHILD, "pretrain", TINY.model_dump_json(), named, str(out)]
    for step, moment in [*zip(map(str, steps), ["before", "within", "after", "within", "before"], strict=True), ("", "")]:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        ended = subprocess.run([*command, step, moment], cwd=Path(__file__).parents[2], capture_output=True, text=True)
        assert ended.returncode == (-signal.SIGKILL if step else 0), (seed, ended.stderr)
    made, whole = result(out), result(pretrained.path)
    assert {name: made[name] for name in made if name != "model/config.json"} == {
        name: whole[name] for name in whole if name not in ("model/config.json", "model/README.md")
    }, seed


def test_killed_tuning_ends_with_the_same_bytes(
    tmp_path: Path, aligned: Artifact, corpus: Artifact, tokenizer: Artifact, pretrained: Artifact
) -> None:
    inputs = [corpus, tokenizer, roomy(pretrained)]
    assert killed_until_done("align", TUNE, inputs, tmp_path / "out", seed=int(time.time()))
    assert result(tmp_path / "out") == result(aligned.path)


@pytest.mark.slow
@pytest.mark.parametrize("choice", [{"dtype": "bfloat16"}, {"compile": True}, {"dtype": "bfloat16", "compile": True}])
def test_every_choice_of_the_probe_resumes_with_the_same_bytes(
    tmp_path: Path, tokenizer: Artifact, shards: Artifact, choice: dict[str, Any]
) -> None:
    settings = TINY.model_copy(update=choice | {"steps": 12})
    (tmp_path / "whole").mkdir()
    pretrain.run(settings, [tokenizer, shards], tmp_path / "whole")
    killed_until_done("pretrain", settings, [tokenizer, shards], tmp_path / "out", seed=int(time.time()))
    assert result(tmp_path / "out") == result(tmp_path / "whole")


def test_a_checkpoint_in_the_middle_is_used(
    tmp_path: Path, tokenizer: Artifact, shards: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above would pass by starting over."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 0.0)
    plain, steps = loop.one_step, [0]

    def counting(*arguments: Any) -> tuple[float, float]:
        steps[0] += 1
        if steps[0] == 20:
            raise KeyboardInterrupt
        return plain(*arguments)

    monkeypatch.setattr(loop, "one_step", counting)
    (tmp_path / "out").mkdir()
    short = TINY.model_copy(update={"steps": 30})
    with pytest.raises(KeyboardInterrupt):
        pretrain.run(short, [tokenizer, shards], tmp_path / "out")
    pretrain.run(short, [tokenizer, shards], tmp_path / "out")
    assert steps[0] == 20 + (30 - 19)


def test_too_little_text_is_refused_with_both_numbers(tmp_path: Path, tokenizer: Artifact) -> None:
    corpus = write_corpus(tmp_path / "corpus", ["짧은 글."])
    for name in ("tokens", "out"):
        (tmp_path / name).mkdir()
    tokens.run(TokensSettings(), [corpus, tokenizer], tmp_path / "tokens")
    with pytest.raises(Refused, match=r"there are \d+ tokens to train on, but one sequence needs 65"):
        pretrain.run(TINY, [tokenizer, Artifact("tokens", tmp_path / "tokens", "", "")], tmp_path / "out")


def test_a_loss_that_is_not_a_number_stops(tmp_path: Path, tokenizer: Artifact, shards: Artifact) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(Failed, match=r"pretraining stopped at step \d, since its \w+ is not a number, and 3 steps were left out"):
        pretrain.run(TINY.model_copy(update={"learning_rate": 1e30}), [tokenizer, shards], tmp_path / "out")


def test_open_choices_are_an_error(tmp_path: Path, tokenizer: Artifact, shards: Artifact) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(Failed, match="still open"):
        pretrain.run(TINY.model_copy(update={"dtype": "auto"}), [tokenizer, shards], tmp_path / "out")


def test_a_few_passes_over_the_text_are_the_most(shards: Artifact) -> None:
    found = pretrain.budget(TINY.model_copy(update={"epochs": 1.0}), shards.path)
    train_tokens = json.loads((shards.path / "tokens.json").read_text("utf-8"))["splits"]["train"]["tokens"]
    assert found == {"steps": math.ceil(train_tokens / 512)} and found["steps"] < STEPS
    assert pretrain.budget(TINY, shards.path) == {"steps": STEPS}


def test_a_foreign_base_is_recorded(tmp_path: Path, pretrained: Artifact, tokenizer: Artifact, shards: Artifact) -> None:
    base = pretrained.path / "model"
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    (tmp_path / "out").mkdir()
    settings = TINY.model_copy(
        update={"base": OutsideModel(name="tiny", sha256="0", path=str(base)), "steps": 5, "learning_rate": 1e-4}
    )
    pretrain.run(settings, [tokenizer, shards], tmp_path / "out")
    recorded = json.loads((tmp_path / "out" / "initial.json").read_text("utf-8"))
    assert recorded["foreign"]["name"] == "tiny"
    assert recorded["foreign"]["licence"] == "apache-2.0"
    assert recorded["foreign"]["files"]["model.safetensors"] == sha256_file(base / "model.safetensors")
    losses = [
        json.loads(line)["loss"] for line in (tmp_path / "out" / "loss.jsonl").read_text("utf-8").splitlines() if '"loss"' in line
    ]
    assert losses[0] < 0.5 * math.log(512), "it starts from what the base knows"


def test_a_base_that_is_none_is_refused(tmp_path: Path, tokenizer: Artifact, shards: Artifact) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(Refused, match="is not a model folder"):
        pretrain.run(
            TINY.model_copy(update={"base": OutsideModel(name="none", sha256="0", path=str(tmp_path))}),
            [tokenizer, shards],
            tmp_path / "out",
        )


def test_tuning_teaches_answers(aligned: Artifact) -> None:
    rows = rows_of(aligned)
    first, last = rows[0]["loss"], [row["validation_loss"] for row in rows if "validation_loss" in row][-1]
    assert last < 0.6 * first


def test_only_training_documents_are_trained_on(aligned: Artifact, corpus: Artifact) -> None:
    splits = {
        row["id"]: row["split"]
        for path in (corpus.path / "documents").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    }
    made = pq.read_table(aligned.path / "conversations.parquet").to_pylist()
    assert {one["split"] for one in made} == {"train", "validation"}
    assert all(splits[one["document"]] == one["split"] for one in made)


def test_a_corpus_of_fragments_cannot_be_tuned_on(tmp_path: Path, tokenizer: Artifact, pretrained: Artifact) -> None:
    corpus = write_corpus(tmp_path / "corpus", ["# 하나", "둘", "# 셋\n\n넷"])
    (tmp_path / "out").mkdir()
    with pytest.raises(Refused, match="no conversation"):
        align.run(TUNE, [corpus, tokenizer, pretrained], tmp_path / "out")


def test_a_validation_split_of_a_few_words_still_gives_a_loss(tmp_path: Path, tokenizer: Artifact) -> None:
    corpus = write_corpus(tmp_path / "corpus", [f"글 {number}. 표를 삽입합니다. 저장 단추를 누릅니다." for number in range(8)])
    for name in ("tokens", "out"):
        (tmp_path / name).mkdir()
    counted = tokens.run(TokensSettings(), [corpus, tokenizer], tmp_path / "tokens")
    assert 0 < counted["validation_tokens"] < TINY.context
    found = pretrain.run(
        TINY.model_copy(update={"steps": 3}), [tokenizer, Artifact("tokens", tmp_path / "tokens", "", "")], tmp_path / "out"
    )
    assert 0 < found["validation_bits_per_byte"] < 10
