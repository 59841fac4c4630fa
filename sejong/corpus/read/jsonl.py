"""JSON Lines: an object a line, with `text` and, where known, the other columns of `sejong.corpus.read.records`.

A file that lies there as it is, or packed, can be read in shares by several processes: `in_rows` reads one share, in columns. A
line that orjson takes and whose fields are of the usual kinds needs no more; any other is read as `read` reads it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson

from sejong.corpus.read.batch import Rows, Text, Unread, Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.records import FIELDS, document
from sejong.flow import SourceFile

LONGEST_LINE = 64 << 20  # bytes
BLOCK = 1 << 20
DELETE = b"\x7f"  # the only control byte that JSON allows in a text: many of them are a sign of another encoding
SIMPLE = (str, int, bool, type(None))  # fields of these kinds mean the same to both parsers


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """A document a line; a line that is broken is a row of its own, and the others are kept."""
    for number, line in enumerate(lines(stream), start=1):
        if found := _line(line, number, hints):
            yield found


def in_rows(file: SourceFile, lines: Iterator[bytes | None], hints: Hints, first: Callable[[], int], size: int) -> Iterator[Rows]:
    """The documents of some lines of `file`, in rows of about `size` bytes. `first` gives the number of the first line; it is
    asked only where a line has to be named, since it may take a while to count."""
    rows, held, count = Rows(), 0, 0
    try:
        for line in lines:
            taken = _take(rows, file, line) if line is not None else 0
            if not taken and (line is None or line.strip()):
                found = _line(line, first() + count, hints)
                taken = rows.add(file, found) if found else 0
            count += 1
            held += taken
            if held >= size:
                yield rows
                rows, held = Rows(), 0
    finally:  # a packed file that is cut off: what came before is kept
        if len(rows):
            yield rows


def lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their ends; none for one that is longer than `LONGEST_LINE`, which is skipped, not held."""
    held = bytearray()
    skipping = False
    while block := stream.read(BLOCK):
        *ended, rest = block.split(b"\n")
        for piece in ended:
            if not held and not skipping:  # nearly all
                yield piece
                continue
            held += piece
            yield None if skipping or len(held) > LONGEST_LINE else bytes(held)
            held.clear()
            skipping = False
        held += rest
        if skipping or len(held) > LONGEST_LINE:
            held.clear()
            skipping = True
    if held or skipping:
        yield None if skipping else bytes(held)


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
