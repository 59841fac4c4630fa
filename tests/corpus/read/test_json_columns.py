"""JSON Lines in columns: the same documents as line by line, whatever the lines hold."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sejong.corpus.read import json_columns, jsonl
from sejong.corpus.read.batch import batches
from sejong.corpus.read.formats import Hints
from sejong.flow import SourceFile

HINTS = Hints(("cp949",), ("Hangul",), ())
FILE = SourceFile(
    root=Path(), path="a.jsonl", source="own", licence="CC0-1.0", contributor=None, collected="2026-01-01", bytes=1, sha256=""
)
NAMES = ("id", "locator", "source", "licence", "contributor", "collected", "other")

values = st.one_of(st.text(max_size=12), st.none(), st.integers(), st.booleans(), st.just(""), st.just("  \u2003"))
records = st.fixed_dictionaries(
    {"text": st.one_of(st.text(max_size=30), st.just("한글 문장입니다."), values)}, optional=dict.fromkeys(NAMES, values)
)
numbered = st.fixed_dictionaries({"text": st.text(max_size=9), "id": st.one_of(st.integers(), st.none())})
BROKEN = rb"""
{
[1]
{"text": "x"}garbage
{"text": "a"} {"text": "b"}
{"text": "a",}
{"text": "a", "n": NaN}
{"text": "a", "text": "b"}
{"text": null, "text": "b"}
{"te\u0078t": "a"}
{"text": "\ud800"}
{"text": "\udc00"}
{"text": "a", "id": "\ud800"}
{"text": "a\u0000b"}
{"text": "\u2003\u00ad"}
{"text": "\u00ad"}
{"text": "\u001c"}
{"text": "\ufeff"}
{"text": "\u180e"}
{"text": "a", "z": {"text": "b"}}
{"text": "a", "z": "\x"}
{"text": "a", "z": 1e999}
{"text": "a", "id": 1.0}
{"text": "a", "id": -0}
{"text": "a", "id": 1e3}
{"text": "a", "id": 1000000000000000000000000000000}
""".split(b"\n")
BROKEN += [b"  ", b'{"text": "a"}\r', b'\xef\xbb\xbf{"text": "a"}', b'{"text": "a\x7f"}', b'{"text": "a"}\0{"text": "b"}']
BROKEN += [b'{"text": "\xff"}', b'{"text": "a", "z": "\xb0\xa1"}', b'{"text": "\xea\xb0\x80"}', b'{"text": "\xea"}']
BROKEN += [b'{"text": "a", "z": ' + b"[" * 2000 + b"]" * 2000 + b"}"]


def written(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")


lines = st.one_of(
    st.lists(records.map(written)),
    st.lists(numbered.map(written)),
    st.lists(st.one_of(st.sampled_from(BROKEN), records.map(written)), max_size=6),
)

Found = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def by_line(block: bytes) -> Found:
    """What the reader of a small file finds."""
    found = list(batches((FILE, one) for one in jsonl.read(io.BytesIO(block), HINTS)))
    return [row for one in found for row in one.documents.to_pylist()], [row for one in found for row in one.dropped.to_pylist()]


def by_block(block: bytes) -> Found:
    found = list(jsonl.in_batches(FILE, jsonl.blocks(io.BytesIO(block)), HINTS, lambda: 1))
    return [row for one in found for row in one.documents.to_pylist()], [row for one in found for row in one.dropped.to_pylist()]


@settings(max_examples=500, deadline=None)
@given(lines, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
@example([b'{"text": "a"}', b'{"text": null}', b'{"text": "\\u2003"}', b'{"text": "b"}'], b"\n", True)
def test_blocks_give_what_lines_give(chosen: list[bytes], end: bytes, ended: bool) -> None:
    block = end.join(chosen) + (end if ended else b"")
    assert by_block(block) == by_line(block)


USUAL = (
    '{"id": "가", "text": "하나 \\n 둘é😀", "z": [1, {"text": "셋"}]}\n{"text": "넷", "licence": "MIT", "locator": ""}\n'.encode()
)


@settings(max_examples=2000, deadline=None)
@given(
    st.integers(0, len(USUAL)), st.integers(0, 2), st.one_of(st.binary(max_size=2), st.sampled_from(list(b'{}[]",:\\\n\0\r\t')))
)
def test_damage_is_told_as_by_lines(place: int, lost: int, came: bytes | int) -> None:
    """Bytes are lost and others come in their place."""
    block = USUAL[:place] + (came if isinstance(came, bytes) else bytes([came])) + USUAL[place + lost :]
    assert by_block(block) == by_line(block)


def test_usual_lines_are_taken_in_columns() -> None:
    """Else the tests above would pass without them."""
    block = '{"id": "a", "text": "하나"}\n{"text": "둘 ", "source": "", "licence": "MIT", "more": {"text": 1}}\n'.encode()
    block += b'{"text": null}\r\n{"text": "\\u3000\\n"}\n{"text": "x"}'
    found = json_columns.documents(FILE, block)
    assert found is not None
    documents, without_text = found
    assert documents["text"].to_pylist() == ["하나", "둘", "x"]
    assert documents["licence"].to_pylist() == ["CC0-1.0", "MIT", "CC0-1.0"]
    assert documents["collected"].to_pylist() == ["2026-01-01"] * 3
    assert documents["contributor"].null_count == 3
    assert without_text == [2, 3]
    assert documents.to_pylist() == by_line(block)[0]
    numbers = json_columns.documents(FILE, b'{"id": 7, "text": "a"}\n{"id": null, "text": "b", "locator": "c"}\n')
    assert numbers is not None
    assert numbers[0]["locator"].to_pylist() == ["7", "c"]


def test_a_bad_line_leaves_its_neighbours_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "SMALL_BLOCK", 300)
    chosen = [json.dumps({"text": f"글 {number}"}).encode() for number in range(100)]
    chosen[41] = b'{"text": "\xff"}'
    chosen[77] = b"{"
    block = b"\n".join(chosen)
    asked: list[bytes] = []
    take = jsonl._take
    monkeypatch.setattr(jsonl, "_take", lambda rows, file, line: asked.append(line) or take(rows, file, line))  # type: ignore[func-returns-value]
    assert by_block(block) == by_line(block)
    assert 2 < len(asked) < 40


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
