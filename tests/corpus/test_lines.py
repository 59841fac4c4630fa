"""Lines that many documents share: removed from all but one, or from all; later rules and spans see what is left."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sejong.corpus import lines, pool, screen
from sejong.errors import Refused

from .conftest import RULES, Build, digest, korean, sources

MENU = "처음으로 | 소식 | 자료실 | 찾아오시는 길"
FOOTER = "본 누리집의 저작권은 담당 기관에 있습니다. 문의: help@example.co.kr"
FILTERS = ["language", "duplicate_lines", "too_short", "exact_duplicate", "near_duplicate"]


def limits(**given: Any) -> dict[str, Any]:
    return {"filters": FILTERS, "rules": {**RULES, "duplicate_lines": {"documents": 5, **given}}}


def rows(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / "documents").to_pylist()
    return found


def pages(count: int) -> list[str]:
    return [f"{MENU}\n\n{korean(seed)}\n---\n{FOOTER}" for seed in range(count)]


def test_shared_lines_stay_in_the_document_of_the_smallest_id_only(build: Build) -> None:
    out, metrics = build({"a.jsonl": pages(30)}, **limits())
    assert metrics["documents"] == 30
    first, *others = rows(out)
    assert first["text"].startswith(MENU)
    assert first["text"].endswith("<EMAIL>")
    assert first["signals"]["removed_lines"] == 0
    for row in others:
        assert MENU not in row["text"]
        assert row["text"].endswith("\n---"), "a line of a few marks is no menu"
        assert not row["spans"]
        assert row["signals"]["removed_lines"] == 2
        assert row["signals"]["removed_characters"] == len(MENU) + len(FOOTER)
        assert row["signals"]["characters"] == len(row["text"])


def test_with_keep_none_they_go_everywhere(build: Build) -> None:
    out, _ = build({"a.jsonl": pages(30)}, **limits(keep="none"))
    assert all(MENU not in row["text"] for row in rows(out))


def test_lines_of_fewer_documents_stay(build: Build) -> None:
    out, _ = build({"a.jsonl": pages(4)}, **limits())
    assert all(MENU in row["text"] for row in rows(out))


def test_a_line_is_counted_once_a_document(build: Build) -> None:
    out, _ = build({"a.jsonl": [f"{MENU}\n{korean(1)}\n{MENU}\n{korean(2)}\n{MENU}\n{MENU}\n{MENU}"]}, **limits())
    assert rows(out)[0]["text"].count(MENU) == 5


def test_what_is_left_is_judged_by_the_rules_behind(build: Build) -> None:
    texts = [*pages(10), MENU, f"{MENU}\n짧은 글입니다만 괜찮습니다."]
    out, metrics = build({"a.jsonl": texts}, **limits(keep="none"))
    assert metrics["dropped"] == {"duplicate_lines": 1, "too_short": 1}
    fell = {row["rule"]: row for row in pq.read_table(out / "dropped.parquet").to_pylist()}
    assert fell["duplicate_lines"]["reason"] == "nothing is left of it: all its lines of text stand in 5 documents or more"
    assert fell["duplicate_lines"]["excerpt"] == MENU
    assert metrics["documents"] == 10


def test_pieces_parts_and_workers_do_not_matter(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = sources(tmp_path / "files", {"a.jsonl": pages(40), "b.jsonl": [f"{FOOTER}\n{korean(99)}"]})
    whole, _ = build(given, **limits())
    monkeypatch.setattr(screen, "LEAST", 3000)
    monkeypatch.setattr(lines, "COUNTED", 20)
    monkeypatch.setattr(pool, "WORTH_A_PROCESS", 0)
    parted, _ = build(given, workers=2, **limits())
    assert digest(whole) == digest(parted)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"documents": 1}, "give two or more"), ({"keep": "last"}, "`keep` .* 'last'"), ({"document": 3}, "no limit `document`")],
)
def test_limits_that_cannot_be_applied_are_refused(build: Build, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        build({"a.jsonl": pages(2)}, **limits(**given))
