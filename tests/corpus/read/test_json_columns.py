"""JSON Lines in columns: the same documents as line by line, whatever the lines hold."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.corpus.read import json_columns, jsonl
from sejong.corpus.read.batch import batches
from sejong.corpus.read.formats import Hints
from sejong.flow import SourceFile

HINTS = Hints(("cp949",), ("Hangul",), ())
FILE = SourceFile(
    root=Path(), path="a.jsonl", source="own", licence="CC0-1.0", contributor=None, collected="2026-01-01", bytes=1, sha256=""
)

values = st.one_of(st.text(max_size=12), st.none(), st.integers(), st.booleans(), st.just(""), st.just("  \u2003"))
records = st.fixed_dictionaries(
    {"text": st.one_of(st.text(max_size=30), st.just("한글 문장입니다."), values)},
    optional={name: values for name in ("id", "locator", "source", "licence", "contributor", "collected", "other")},
)
broken = st.sampled_from([
    b"", b"  ", b"{", b"[1]", b'{"text": "a"} {"text": "b"}', b'{"text": "a", "text": "b"}', b'{"text": "\\ud800"}', b'{"text": "\xff"}',
    b'{"text": "a", "z": "\xb0\xa1"}', b'{"text": "a"}\r', b'\xef\xbb\xbf{"text": "a"}', b'{"text": "a\x7f"}', b'{"text": "a", "n": NaN}',
    b'{"text": "a", "z": {"text": "b"}}', b'{"te\\u0078t": "a"}', b'{"text": "a\\u0000b"}', b'{"text": "x"}garbage', b'{"text": "\xea\xb0\x80"}',
])  # fmt: skip
lines = st.lists(
    st.one_of(records.map(lambda one: json.dumps(one, ensure_ascii=False).encode("utf-8", "surrogatepass")), broken), max_size=6
)


def by_line(block: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the reader of a small file finds."""
    found = list(batches((FILE, one) for one in jsonl.read(io.BytesIO(block), HINTS)))
    return [row for one in found for row in one.documents.to_pylist()], [row for one in found for row in one.dropped.to_pylist()]


@settings(max_examples=400, deadline=None)
@given(lines, st.booleans())
def test_blocks_give_what_lines_give(chosen: list[bytes], ended: bool) -> None:
    block = b"\n".join(chosen) + (b"\n" if ended else b"")
    found = list(jsonl.in_batches(FILE, jsonl.blocks(io.BytesIO(block)), HINTS, lambda: 1))
    documents = [row for one in found for row in one.documents.to_pylist()]
    dropped = [row for one in found for row in one.dropped.to_pylist()]
    assert (documents, dropped) == by_line(block)


def test_usual_lines_are_taken_in_columns() -> None:
    """Else the test above would pass without them."""
    block = '{"id": "a", "text": "하나"}\n{"text": "둘 ", "source": "", "licence": "MIT", "more": {"text": 1}}\n'.encode()
    found = json_columns.batch(FILE, block)
    assert found is not None
    assert found.documents["text"].to_pylist() == ["하나", "둘"]
    assert found.documents["licence"].to_pylist() == ["CC0-1.0", "MIT"]
    assert found.documents["collected"].to_pylist() == ["2026-01-01"] * 2
    assert found.documents["contributor"].null_count == 2
    assert found.documents.to_pylist() == by_line(block)[0]


def test_a_long_line_and_a_cut_file_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "PIECE", 16)
    monkeypatch.setattr(jsonl, "BLOCK", 32)
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 100)
    text = b"\n".join([b"a" * 20, b"b" * 101, b"c" * 100, b"", b"d" * 500, b"e"])
    kept = list(jsonl.lines(io.BytesIO(text)))
    assert kept == [b"a" * 20, None, b"c" * 100, b"", None, b"e"]

    class Cut(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            if not found:
                raise OSError("cut")
            return found

    found = jsonl.lines(Cut(b"one\ntwo\nthr"))
    assert [next(found), next(found)] == [b"one", b"two"]
    with pytest.raises(OSError):
        next(found)
