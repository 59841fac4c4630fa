"""Which copy stays: the declared order; and how many documents it stands for."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sejong.errors import Refused

from .conftest import RULES, Build, japanese, korean

ORIGINAL = korean(1, 20)
COPIES = [
    {"text": ORIGINAL, "source": "press", "id": "a"},
    {"text": ORIGINAL + " 그리고 한 줄이 더 있습니다.", "source": "blog", "id": "b"},
    {"text": ORIGINAL + " 끝.", "source": "law", "id": "c"},
    {"text": ORIGINAL, "source": "blog", "id": "d"},
]


def kept(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "documents").to_pylist()
    return rows


@pytest.mark.parametrize(
    ("prefer", "stays"),
    [
        (None, "b"),
        (["longest"], "b"),
        (["source:law", "longest"], "c"),
        (["source:press"], "a"),
        (["source:none", "longest"], "b"),
    ],
)
def test_the_declared_order_decides(build: Build, prefer: list[str] | None, stays: str) -> None:
    limits = {} if prefer is None else {"prefer": prefer}
    out, _ = build({"a.jsonl": [*COPIES, korean(2)]}, rules={**RULES, "near_duplicate": limits})
    rows = {row["locator"]: row for row in kept(out)}
    assert len(rows) == 2
    assert rows[stays]["signals"]["copies"] == 4
    assert next(row for name, row in rows.items() if name != stays)["signals"]["copies"] == 1
    fell = pq.read_table(out / "dropped.parquet").to_pylist()
    assert {row["duplicate_of"] for row in fell} == {rows[stays]["id"]}


def test_an_unknown_order_is_refused(build: Build) -> None:
    with pytest.raises(Refused, match=r"`prefer` of the rule `near_duplicate` names `longst`.* did you mean longest"):
        build({"a.jsonl": [korean(1)]}, rules={**RULES, "near_duplicate": {"prefer": ["longst"]}})


def test_one_changed_japanese_character_does_not_hide_a_copy(build: Build) -> None:
    """A short text: a change every 40 characters."""
    original = japanese(3, 6)
    changed = "".join("鰯" if place % 80 == 40 else letter for place, letter in enumerate(original))
    rows = [original, changed, *(japanese(seed, 6) for seed in range(10, 20))]
    scripts = ["Hiragana", "Katakana", "Han"]
    _, metrics = build({"a.jsonl": rows}, language="ja", scripts=scripts, near_duplicates=0.7)
    assert metrics["dropped"] == {"near_duplicate": 1}
