"""JSON Lines of the usual form, parsed by Arrow straight into columns.

A block of whole lines is taken if each line is one object and all that is asked for are strings, or whole numbers as ids. Of any
other block nothing is taken: `sejong.corpus.read.jsonl` then looks at its lines one by one.
"""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.json
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.corpus.read import columns
from sejong.corpus.read.batch import DOCUMENT
from sejong.corpus.read.records import COLUMNS
from sejong.flow import SourceFile
from sejong.language.utf8 import Bytes

STRINGS = pa.schema([(name, DOCUMENT.field(name).type) for name in COLUMNS])
NUMBERED = STRINGS.set(STRINGS.get_field_index("id"), pa.field("id", pa.int64()))
BACK = 3  # bytes that a character may begin before its last one
LOOKED_AT = 1 << 14  # bytes at once, which stay in the processor's first cache
LINE_FEED, CARRIAGE_RETURN, DELETE, OPENS, CLOSES = 10, 13, 0x7F, ord("{"), ord("}")
Bools = NDArray[np.bool_]


def documents(file: SourceFile, block: bytes) -> tuple[pa.RecordBatch, list[int]] | None:
    """The documents of a block of lines and the lines, from 0, that have no text; or None."""
    if not block.startswith(b"{") or not block[:BACK].isascii() or not block.endswith((b"}", b"}\n", b"}\r\n")):
        return None
    data = np.frombuffer(block, np.uint8)
    if _is_unusual(data):
        return None
    lines = np.count_nonzero(data == LINE_FEED) + (data[-1] != LINE_FEED)
    for types in (STRINGS, NUMBERED):
        table = _parsed(block, types)
        if table is not None:
            given = {name: table[name].chunk(0) for name in COLUMNS}
            given["id"] = given["id"].cast(pa.string())
            return columns.documents(file, given) if len(table) == lines else None
    return None


def pieces(block: bytes, size: int) -> list[bytes]:
    """The block cut behind line ends into pieces of about `size` bytes."""
    ends = [0]
    while ends[-1] < len(block):
        ends.append((block.find(b"\n", ends[-1] + size) + 1) or len(block))
    return [block[start:end] for start, end in pairwise(ends)]


def _parsed(block: bytes, types: pa.Schema) -> pa.Table | None:
    """The rows of a block; none where Arrow takes exception to any."""
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(block),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=types, unexpected_field_behavior="ignore"),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None


@kernel
def _is_unusual(data: Bytes) -> bool:
    """Whether the bytes are not UTF-8, or hold a control character (many DELETE are a sign of another encoding; JSON itself
    allows no other), or a line does not begin and end as an object does. The first `BACK` bytes must be ASCII."""
    found = np.zeros(LOOKED_AT, np.bool_)
    words = found.view(np.uint64)
    last = len(data) - BACK
    for start in range(0, last, LOOKED_AT):
        end = min(start + LOOKED_AT, last)
        _mark_unusual(
            data[start + 3 : end + 3], data[start + 2 : end + 2], data[start + 1 : end + 1], data[start:end], found[: end - start]
        )
        any_of_them = np.uint64(0)
        for word in words:
            any_of_them |= word
        if any_of_them:
            return True
    return False


@kernel
def _mark_unusual(owns: Bytes, ones: Bytes, twos: Bytes, threes: Bytes, found: Bools) -> None:
    """Mark bytes that must not stand where they stand, by the one, two and three bytes before them. UTF-8 after table 3-7 of the
    Unicode Standard. Without branches, so that the compiler makes vector instructions of it."""
    for at in range(len(owns)):
        own, one, two, three = owns[at], ones[at], twos[at], threes[at]
        wrong = ((one >= 0xC0) | (two >= 0xE0) | (three >= 0xF0)) ^ ((own >= 0x80) & (own < 0xC0))
        wrong |= (own == 0xC0) | (own == 0xC1) | (own >= 0xF5)
        wrong |= ((one == 0xE0) & (own < 0xA0)) | ((one == 0xED) & (own >= 0xA0))
        wrong |= ((one == 0xF0) & (own < 0x90)) | ((one == 0xF4) & (own >= 0x90))
        wrong |= (own == DELETE) | ((own < 0x20) & (own != LINE_FEED) & (own != CARRIAGE_RETURN))
        wrong |= (own == CARRIAGE_RETURN) & (one != CLOSES)
        wrong |= (own == LINE_FEED) & (one != CLOSES) & (one != CARRIAGE_RETURN)
        wrong |= ((one == LINE_FEED) & (own != OPENS)) | ((one == CARRIAGE_RETURN) & (own != LINE_FEED))
        found[at] = wrong
