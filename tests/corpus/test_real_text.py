"""Real pages, where they are available: good ones survive a nation's own rules, foreign ones do not."""

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sejong import nations

from .conftest import Build


def rows(path: Path, count: int) -> list[dict[str, Any]]:
    with pa.input_stream(str(path), compression="zstd") as stream:
        lines = io.TextIOWrapper(stream, "utf-8")
        return [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]


def nation_settings(name: str) -> dict[str, Any]:
    nation = nations.load(name)
    filters = nation.toml("filters.toml")
    return {
        "language": nation.identity.language,
        "scripts": nation.identity.scripts,
        "filters": list(filters),
        "rules": filters,
        "identifiers": nation.toml("pii.toml")["identifiers"],
    }


@pytest.mark.parametrize(
    ("name", "file", "count", "share"),
    [
        ("korea", "ko_cpp_docs", 300, 0.9),  # mostly C++ by letters
        ("korea", "ko_dev_notes", 300, 0.95),
        ("korea", "ko_law", 20, 1.0),
        ("japan", "ja_aozora", 20, 1.0),
        ("vietnam", "vi_law", 4, 1.0),
        ("indonesia", "id_dev_books", 250, 0.95),
    ],
)
def test_good_pages_survive(build: Build, shared_data: Path, name: str, file: str, count: int, share: float) -> None:
    given = rows(shared_data / "text" / f"{file}.jsonl.zst", count)
    out, metrics = build({"a.jsonl": given}, **nation_settings(name))
    assert metrics["documents"] >= share * metrics["found"], metrics["dropped"]
    languages = Counter(pq.read_table(out / "documents", columns=["language"])["language"].to_pylist())
    assert languages == {nation_settings(name)["language"]: metrics["documents"]}


def test_pages_of_another_nation_fall_by_language(build: Build, shared_data: Path) -> None:
    given = rows(shared_data / "text" / "ko_dev_notes.jsonl.zst", 5)
    foreign = [
        row for file in ("ja_aozora", "vi_law", "th_thaigov") for row in rows(shared_data / "text" / f"{file}.jsonl.zst", 3)
    ]
    _, metrics = build({"a.jsonl": [*given, *foreign]}, **nation_settings("korea"))
    assert metrics["dropped"] == {"language": len(foreign)}
