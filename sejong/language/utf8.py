"""Columns of texts as bytes for compiled loops, and the decoding of one character there."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sejong.compiled import inlined_kernel
from sejong.language.scripts import Counts

Bytes = NDArray[np.uint8]


def one_chunk(texts: Any) -> pa.LargeStringArray:
    """A column of texts as one array."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    whole = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks) if chunks else pa.array([], pa.large_string())
    return whole.cast(pa.large_string())


def utf8_of(texts: pa.LargeStringArray) -> tuple[Bytes, Counts]:
    """The bytes of a column without nulls, and where each text begins in them (one more than texts). Nothing is copied."""
    if not len(texts):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = texts.buffers()[2]
    return np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8), offsets


@inlined_kernel
def decode(data: Bytes, at: int) -> tuple[Any, int]:
    """The code point that begins at byte `at` of valid UTF-8, and how many bytes it takes."""
    first = np.int64(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (np.int64(data[at + 1]) & 0x3F), 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((np.int64(data[at + 1]) & 0x3F) << 6) | (np.int64(data[at + 2]) & 0x3F), 3
    high = ((first & 0x07) << 18) | ((np.int64(data[at + 1]) & 0x3F) << 12)
    return high | ((np.int64(data[at + 2]) & 0x3F) << 6) | (np.int64(data[at + 3]) & 0x3F), 4
