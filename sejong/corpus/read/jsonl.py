"""JSON Lines: an object a line, with `text` and, where known, the other columns of `sejong.corpus.read.records`.

A large file can be read in shares by several processes: `in_batches` reads one share, a block of lines at a time. A block of the
usual form becomes columns as it is (`json_columns`); of another, pieces may. Elsewhere a line that orjson takes and whose fields
are of the usual kinds needs no more, and what is left is read as `read` reads it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from sejong.corpus.read import json_columns
from sejong.corpus.read.batch import Batch, Rows, Text, Unread, Unreadable, joined
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.records import FIELDS, document
from sejong.flow import SourceFile

LONGEST_LINE = 64 << 20  # bytes
DELETE = b"\x7f"  # the only control byte that JSON allows in a text: many of them are a sign of another encoding
PIECE, BLOCK = 1 << 18, 4 << 20  # bytes that are read at once, and of lines that become a batch
SMALL_BLOCK = 1 << 18  # of lines that are looked at one by one, where the whole block is not of the usual form
SIMPLE = (str, int, bool, type(None))  # fields of these kinds mean the same to both parsers


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """A document a line; a line that is broken is a row of its own, and the others are kept."""
    for number, line in enumerate(lines(stream), start=1):
        if found := _line(line, number, hints):
            yield found


def in_batches(file: SourceFile, blocks: Iterator[bytes | None], hints: Hints, first: Callable[[], int]) -> Iterator[Batch]:
    """The documents of blocks of whole lines, a batch a block. `first` gives the number of the first line; it is asked only where
    a line has to be named, since it may take a while to count."""
    share = _Lines(file, hints, first)
    for block in blocks:
        found = share.batches(block)
        if found:
            yield joined(found)


class _Lines:
    """The lines of a share of a file, as they come."""

    def __init__(self, file: SourceFile, hints: Hints, first: Callable[[], int]) -> None:
        self.file, self.hints, self.first = file, hints, first
        self.count = 0  # lines that were read

    def batches(self, block: bytes | None) -> list[Batch]:
        """What the block holds. One that is not of the usual form is looked at in pieces, and such a piece by lines."""
        if block is None:
            return self._by_line([None])
        if (whole := self._in_columns(block)) is not None:
            return [whole]
        parts = json_columns.pieces(block, SMALL_BLOCK)
        found: list[Batch] = []
        for part in parts:
            taken = self._in_columns(part) if len(parts) > 1 else None
            found += self._by_line(part.removesuffix(b"\n").split(b"\n")) if taken is None else [taken]
        return found

    def _in_columns(self, block: bytes) -> Batch | None:
        taken = json_columns.documents(self.file, block)
        if taken is None:
            return None
        documents, without_text = taken
        rows = Rows()
        texts = block.split(b"\n") if without_text else []
        for place in without_text:
            if one := self._line(texts[place], place):
                rows.add(self.file, one)
        others = rows.batch()
        if len(others.documents):  # what is a space is told otherwise there: let it tell all of them
            return None
        self.count += len(documents) + len(without_text)
        return Batch(documents, others.dropped)

    def _by_line(self, lines: Sequence[bytes | None]) -> list[Batch]:
        rows = Rows()
        for place, line in enumerate(lines):
            if (line is None or not _take(rows, self.file, line)) and (one := self._line(line, place)):
                rows.add(self.file, one)
        self.count += len(lines)
        return [rows.batch()] if len(rows) else []

    def _line(self, line: bytes | None, place: int) -> Text | Unread | None:
        if line is not None and not line.strip():
            return None
        return _line(line, self.first() + self.count + place, self.hints)


def lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their ends; none for one that is longer than `LONGEST_LINE`."""
    for block in blocks(stream):
        if block is None:
            yield None
        else:
            yield from block.removesuffix(b"\n").split(b"\n")


def blocks(stream: BinaryIO) -> Iterator[bytes | None]:
    """Whole lines, about `BLOCK` bytes together; none for a line longer than `LONGEST_LINE`, which is skipped, not held."""
    whole: list[bytes] = []  # lines that have ended
    rest: list[bytes] = []  # one that has not
    size = 0  # of both
    skipping = False
    try:
        while piece := stream.read(PIECE):
            if skipping:
                end = piece.find(b"\n") + 1
                if not end:
                    continue
                yield None
                piece, skipping = piece[end:], False
            size += len(piece)
            if cut := piece.rfind(b"\n") + 1:
                whole += [*rest, piece[:cut]]
                rest = [piece[cut:]]
            else:
                rest.append(piece)
            if size >= BLOCK and whole:
                yield from _bounded(b"".join(whole))
                whole, size = [], sum(map(len, rest))
            elif size > LONGEST_LINE:
                rest, size, skipping = [], 0, True
    except OSError:  # a packed file that is cut off: what came before is kept
        yield from _bounded(b"".join(whole))
        raise
    if skipping:
        yield None
    yield from _bounded(b"".join([*whole, *rest]))


def _bounded(block: bytes) -> Iterator[bytes | None]:
    """The block, its first line apart where that is too long: the others have come in one piece."""
    first = (block.find(b"\n") + 1) or len(block)
    if first - 1 > LONGEST_LINE:
        yield None
        block = block[first:]
    if block:
        yield block


def _line(line: bytes | None, number: int, hints: Hints) -> Text | Unread | None:
    """A line as a document, as a row that says what is wrong with it, or nothing where it is blank."""
    part = f"line-{number}"
    if line is None:
        return Unread(f"line {number} is longer than {LONGEST_LINE >> 20} MiB", part, LONGEST_LINE)
    if not line.strip():
        return None
    try:
        record = json.loads(line if line.isascii() else decode(line, hints))
    except (ValueError, RecursionError, Unreadable) as error:
        return Unread(f"line {number} is not JSON ({_why(error)})", part, len(line), line[:400].decode("utf-8", "replace"))
    return document(record, part, len(line))


def _take(rows: Rows, file: SourceFile, line: bytes) -> int:
    """Add the line's document to `rows` if it is of the usual form; gives its bytes, or 0 if it is not."""
    try:
        record = orjson.loads(line)
    except ValueError:
        return 0
    if type(record) is not dict or DELETE in line:
        return 0
    get = record.get
    text = get("text")
    own, name = get("locator"), get("id")
    if type(text) is not str or type(own) not in SIMPLE or type(name) not in SIMPLE or not text or text.isspace():
        return 0
    locator = own if own not in (None, "") else name
    if locator in (None, ""):
        locator = hashlib.sha256(text.encode()).hexdigest()
    given: list[Any] = []
    for field in FIELDS:
        value = get(field)
        if type(value) not in SIMPLE:
            return 0
        given.append(None if value in (None, "") else str(value))
    columns = rows.columns
    columns["text"].append(text)
    columns["locator"].append(str(locator))
    for field, value in zip(FIELDS, given, strict=True):
        columns[field].append(value)
    columns["marks"].append(())
    rows.file.append(file)
    rows.place.append((str(locator), None))
    return len(line)


def _why(error: Exception) -> str:
    return f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
