"""Documents as sets of hashed character shingles, and short signatures whose bands collide where the sets are alike.

A document's letters and digits, lower-cased, without spaces and punctuation, are cut into overlapping runs of `length`
characters, so that neither layout nor a missing word boundary hides a copy. The signature is one-permutation MinHash (Li, Owen
and Zhang 2012) with optimal densification (Shrivastava 2017): one hash a shingle, its upper part chooses a bin, the smallest
value in each bin stays, and an empty bin borrows from one chosen by a hash that all documents share.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sejong.language.scripts import CODE_POINTS, Characters, table

Hashes = NDArray[np.uint64]

BINS = 160
ROWS = range(10, 1, -1)  # bins a band, the longest band first
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio
FIRST = np.uint64(0xBF58476D1CE4E5B9)  # the constants of splitmix64 (Steele, Lea and Flood 2014)
SECOND = np.uint64(0x94D049BB133111EB)


def shingles(column: Characters, length: int) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of all shingles of a batch, document after document, repeats included.

    Returns:
        The hashes and, for each document, how many are its own; a document of fewer than `length` letters has none.
    """
    kept = table(r"[\p{L}\p{M}\p{N}]")[column.codes]
    letters = _lower()[column.codes[kept]].astype(np.uint64)
    counts = column.count(kept)
    own = np.maximum(counts - (length - 1), 0)
    size = len(letters) - (length - 1)
    if size <= 0:
        return np.empty(0, np.uint64), np.zeros(len(counts), np.int64)
    mixed = mix(letters)
    hashes = np.zeros(size, np.uint64)
    for place in range(length):
        hashes *= STEP
        hashes += mixed[place : place + size]
    starts = np.cumsum(counts) - counts
    inside = np.arange(own.sum()) + np.repeat(starts - (np.cumsum(own) - own), own)
    return mix(hashes[inside]), own


def bands(hashes: Hashes, counts: NDArray[np.int64], threshold: float) -> Hashes:
    """Band keys of each document, `(documents, bands)`: two documents whose Jaccard similarity is at least `threshold` share one
    with a probability of 0.9 at the threshold itself and soon almost surely above it. All bands are `EMPTY` without shingles."""
    rows = rows_a_band(threshold)
    signature = _signature(hashes, counts)
    wide = BINS // rows
    keys = np.zeros((len(counts), wide), np.uint64)
    for row in range(rows):
        keys = mix(keys + signature[:, row : wide * rows : rows] + STEP)
    keys[counts == 0] = EMPTY
    return keys


def rows_a_band(threshold: float) -> int:
    """The most bins a band for which a pair at `threshold` still shares a band with a probability of 0.9."""
    enough = [rows for rows in ROWS if 1 - (1 - threshold**rows) ** (BINS // rows) >= 0.9]
    return enough[0] if enough else 1


def mix(values: Hashes) -> Hashes:
    """splitmix64's finaliser: every output bit depends on every input bit."""
    values = (values ^ (values >> np.uint64(30))) * FIRST
    values = (values ^ (values >> np.uint64(27))) * SECOND
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed


def distinct(hashes: Hashes, counts: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Each document's set of shingles: sorted 32-bit hashes without repeats, document after document, and the set sizes."""
    short = (hashes >> np.uint64(32)).astype(np.uint32)
    document = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    keys = sorted_distinct((document << np.uint64(32)) | short)
    sizes = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(counts))
    return keys.astype(np.uint32), sizes


def sorted_distinct(values: NDArray[Any]) -> NDArray[Any]:
    """`np.unique` by a sort, which vector instructions make several times faster than its hash table."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _signature(hashes: Hashes, counts: NDArray[np.int64]) -> Hashes:
    document = np.repeat(np.arange(len(counts)), counts)
    bin_ = ((hashes >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32)
    flat = np.full(len(counts) * BINS, EMPTY)
    np.minimum.at(flat, document * BINS + bin_.astype(np.int64), mix(hashes))
    signature = flat.reshape(len(counts), BINS)
    rows, columns = np.nonzero((signature == EMPTY) & (counts > 0)[:, None])
    filled = signature.copy()
    attempt = 0
    while len(rows):
        attempt += 1
        source = mix(columns.astype(np.uint64) * STEP + np.uint64(attempt)) % np.uint64(BINS)
        borrowed = signature[rows, source.astype(np.int64)]
        found = borrowed != EMPTY
        filled[rows[found], columns[found]] = borrowed[found]
        rows, columns = rows[~found], columns[~found]
    return filled


@cache
def _lower() -> NDArray[Any]:
    """For every code point its lower-case letter, where that is one code point."""
    lowered = np.arange(CODE_POINTS, dtype=np.uint32)
    for code in np.flatnonzero(table(r"\p{Lu}")):
        small = chr(code).lower()
        if len(small) == 1:
            lowered[code] = ord(small)
    return lowered
