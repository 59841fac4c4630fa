"""JSON Lines: an object a line, with `text` and, where known, the other columns of `sejong.corpus.read.records`."""

import json
from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.records import document

LONGEST_LINE = 64 << 20  # bytes
BLOCK = 1 << 20


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """A document a line; a line that is broken is a row of its own, and the others are kept."""
    for number, line in enumerate(lines(stream), start=1):
        part = f"line-{number}"
        if line is None:
            yield Unread(f"line {number} is longer than {LONGEST_LINE >> 20} MiB", part, LONGEST_LINE)
        elif line.strip():
            try:
                record = json.loads(line if line.isascii() else decode(line, hints))
            except (ValueError, RecursionError, Unreadable) as error:
                yield Unread(f"line {number} is not JSON ({_why(error)})", part, len(line), line[:400].decode("utf-8", "replace"))
            else:
                yield document(record, part, len(line))


def lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their ends; none for one that is longer than `LONGEST_LINE`, which is skipped, not held."""
    held = bytearray()
    skipping = False
    while block := stream.read(BLOCK):
        *ended, rest = block.split(b"\n")
        for piece in ended:
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


def _why(error: Exception) -> str:
    return f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
