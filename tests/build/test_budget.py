"""How long pretraining is follows from the text once; what is taken down later changes neither its steps nor its schedule."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sejong.build.request import Request, asked_of_budget, read, resolve
from sejong.flow import manifest
from tests.build.test_takedown import answer, records

ASKED: dict[str, Any] = {
    "pretrain.steps": 500,
    "pretrain.epochs": 1.0,
    "pretrain.dtype": "float32",
    "pretrain.compile": False,
    "pretrain.threads": 1,
    "pretrain.width": 16,
    "pretrain.heads": 2,
    "pretrain.kv_heads": 1,
    "pretrain.depth": 1,
    "pretrain.context": 64,
    "pretrain.batch_tokens": 64,
    "pretrain.pass_tokens": 64,
    "align.steps": 3,
    "align.dtype": "float32",
    "align.compile": False,
    "align.threads": 1,
}
LATE = {"pretrain.late": ["letters"]}


def built(run: Path, text: list[Path], **changes: Any) -> None:
    content = {"nation": "korea", "size": "nano", "text": [str(one) for one in text], "set": ASKED | changes}
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.toml").write_text(tomli_w.dumps(content), "utf-8")
    answer("build", run / "recipe.toml", "--to", "pretrain")


def steps_of(run: Path) -> int:
    """What the finished pretraining did, and not what its recipe says."""
    made = manifest.read(run / "pretrain")
    assert manifest.manifest_settings(made)["steps"] == manifest.manifest_metrics(made)["steps"]
    return int(manifest.manifest_metrics(made)["steps"])


def tokens_of(run: Path) -> int:
    counted: int = json.loads((run / "tokens" / "tokens.json").read_text("utf-8"))["splits"]["train"]["tokens"]
    return counted


def text_with_letters(folder: Path) -> Path:
    """Our own pages, and the records of several contributors as a source of their own."""
    records(folder)
    rows = [json.loads(line) for line in (folder / "records.jsonl").read_text("utf-8").splitlines()]
    lines = [json.dumps(row | {"source": "letters"}, ensure_ascii=False) + "\n" for row in rows]
    (folder / "records.jsonl").write_text("".join(lines), "utf-8")
    return folder


def test_a_takedown_changes_neither_steps_nor_the_turn_and_other_text_does(tmp_path: Path) -> None:
    text, run = text_with_letters(tmp_path / "texts"), tmp_path / "run"
    built(run, [text], **LATE)
    tokens, steps = tokens_of(run), steps_of(run)
    assert steps == math.ceil(tokens / 64) < 500, "one epoch"
    before = resolve(read(run / "recipe.toml")).pretrain
    assert before.steps == steps and before.late_share and 0 < before.late_share < 0.5
    again = answer("build", run / "recipe.toml", "--to", "pretrain", "--dry-run")
    assert all(one["cached"] for one in again["stages"])

    answer("takedown", run, "--contributor", "이웃", "--yes")
    answer("build", run / "recipe.toml", "--to", "pretrain")
    assert steps_of(run) == steps
    assert resolve(read(run / "recipe.toml")).pretrain == before

    for gone in (["--contributor", "송하윤"], ["--locator-prefix", "https://sea.example.kr/"]):
        answer("takedown", run, *gone, "--yes")
    answer("build", run / "recipe.toml", "--to", "pretrain")
    assert math.ceil(tokens_of(run) / 64) < steps == steps_of(run), "the whole late source is gone"

    (text / "records.jsonl").unlink()
    built(run, [text])
    assert steps_of(run) == math.ceil(tokens_of(run) / 64) < steps, "other text, another budget"


def test_a_late_source_without_text_is_refused_at_first(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Refused\('pretrain.late names the source `letters`, which has no text"):
        built(tmp_path / "run", [records(tmp_path / "texts")], **LATE)


def test_a_budget_counts_only_for_its_settings() -> None:
    plain = Request("korea", "nano", overrides=ASKED)
    known = {"settings": asked_of_budget(resolve(plain)), "text": "", "pretrain": {"steps": 77, "late_share": 0.25}}
    found = resolve(replace(plain, probed={"budget": known})).pretrain
    assert (found.steps, found.late_share) == (77, 0.25)
    assert resolve(replace(plain, overrides=ASKED | {"pretrain.epochs": 2.0}, probed={"budget": known})).pretrain.steps == 500
    assert resolve(replace(plain, overrides=ASKED | {"align.steps": 4}, probed={"budget": known})).pretrain.steps == 77
