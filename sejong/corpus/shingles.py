"""Documents as sets of hashed character shingles, and short signatures whose bands collide where the sets are alike.

A document's letters and digits, lower-cased, without spaces and punctuation, are cut into overlapping runs of `length`
characters, so that neither layout nor a missing word boundary hides a copy. The signature is one-permutation MinHash (Li, Owen
and Zhang 2012) with optimal densification (Shrivastava 2017): one hash a shingle, its upper part chooses a bin, the smallest
value in each bin stays, and an empty bin borrows from one chosen by a hash that all documents share. Letters are hashed as they
pass (Karp and Rabin 1987), in one compiled pass over UTF-8.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sejong.corpus.letters import STEP, folded, mix
from sejong.language.scripts import Counts
from sejong.language.utf8 import Bytes, decode

Hashes = NDArray[np.uint64]

BINS = 160
ROWS = range(10, 1, -1)  # bins a band, the longest band first
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
RADIX = 11  # bits


def bands(data: Bytes, offsets: Counts, length: int, threshold: float) -> Hashes:
    """Band keys of each document, `(documents, bands)`: two documents whose Jaccard similarity is at least `threshold` share one
    with a probability of 0.9 at the threshold itself and soon almost surely above it. A document of fewer than `length` letters
    has no shingles, and all its bands are `EMPTY`.

    Args:
        data: the texts as UTF-8, one after another.
        offsets: where each begins (one more than texts).
        length: letters of a shingle.
        threshold: Jaccard similarity that is looked for.
    """
    rows = rows_a_band(threshold)
    keys = np.empty((len(offsets) - 1, BINS // rows), np.uint64)
    _bands(data, offsets, length, _letter_hashes(), _power(length), rows, keys)
    return keys


def shingle_sets(data: Bytes, offsets: Counts, length: int) -> tuple[NDArray[np.uint32], Counts]:
    """Each document's set of shingles: sorted 32-bit hashes without repeats, document after document, and the set sizes."""
    sizes = np.zeros(len(offsets) - 1, np.int64)
    room = np.empty(int(offsets[-1] - offsets[0]), np.uint32)  # a shingle a byte is more than there can be
    used = _sets(data, offsets, length, _letter_hashes(), _power(length), room, sizes)
    return room[:used].copy(), sizes


def rows_a_band(threshold: float) -> int:
    """The most bins a band for which a pair at `threshold` still shares a band with a probability of 0.9."""
    enough = [rows for rows in ROWS if 1 - (1 - threshold**rows) ** (BINS // rows) >= 0.9]
    return enough[0] if enough else 1


def sorted_distinct(values: NDArray[Any]) -> NDArray[Any]:
    """`np.unique` by a sort, which vector instructions make several times faster than its hash table."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


@cache
def _letter_hashes() -> Hashes:
    """For every code point the hash of its lower-case letter, or 0 where it is no letter."""
    letters = folded()
    hashes: Hashes = np.zeros(len(letters), np.uint64)
    _mix_all(letters, hashes)
    return hashes


def _power(length: int) -> np.uint64:
    """What the letter that leaves a window of `length` letters is multiplied by, modulo 2^64."""
    return np.uint64(pow(int(STEP), length, 1 << 64))


@njit(cache=True, nogil=True)
def _mix_all(letters: NDArray[np.uint32], hashes: Hashes) -> None:
    for code in range(len(letters)):
        if letters[code]:
            hashes[code] = mix(np.uint64(letters[code]))


@njit(cache=True, nogil=True)
def _shingle_hashes(data: Bytes, length: int, letters: Hashes, power: np.uint64, found: Hashes) -> int:
    """Hashes of all shingles of one text, repeats included, into `found`; gives how many."""
    recent = np.zeros(length, np.uint64)  # the last letters, in a ring
    place = count = seen = 0
    rolling = np.uint64(0)
    at = 0
    while at < len(data):
        code, size = decode(data, at)
        at += size
        own = letters[code]
        if own == 0:
            continue
        rolling = rolling * STEP + own - recent[place] * power
        recent[place] = own
        place = place + 1 if place + 1 < length else 0
        seen += 1
        if seen >= length:
            found[count] = mix(rolling)
            count += 1
    return count


@njit(cache=True, nogil=True)
def _bands(data: Bytes, offsets: Counts, length: int, letters: Hashes, power: np.uint64, rows: int, keys: Hashes) -> None:
    longest = 0
    for text in range(len(keys)):
        longest = max(longest, offsets[text + 1] - offsets[text])
    found = np.empty(longest, np.uint64)
    signature = np.empty(BINS, np.uint64)
    for text in range(len(keys)):
        count = _shingle_hashes(data[offsets[text] : offsets[text + 1]], length, letters, power, found)
        if count == 0:
            keys[text] = EMPTY
            continue
        _sign(found[:count], signature)
        for band in range(keys.shape[1]):
            key = np.uint64(0)
            for row in range(rows):
                key = mix(key + signature[band * rows + row] + STEP)
            keys[text, band] = key


@njit(cache=True, nogil=True)
def _sign(found: Hashes, signature: Hashes) -> None:
    """The smallest value of each bin; an empty bin has that of another one."""
    signature[:] = EMPTY
    for shingle in found:
        place = np.int64(((shingle >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32))
        value = mix(shingle)
        if value < signature[place]:
            signature[place] = value
    own = signature != EMPTY
    for empty in range(BINS):
        if own[empty]:
            continue
        attempt = np.uint64(0)
        source = np.int64(empty)
        while not own[source]:
            attempt += np.uint64(1)
            source = np.int64(mix(np.uint64(empty) * STEP + attempt) % np.uint64(BINS))
        signature[empty] = signature[source]


@njit(cache=True, nogil=True)
def _sets(
    data: Bytes, offsets: Counts, length: int, letters: Hashes, power: np.uint64, room: NDArray[np.uint32], sizes: Counts
) -> int:
    longest = 1
    for text in range(len(sizes)):
        longest = max(longest, offsets[text + 1] - offsets[text])
    found = np.empty(longest, np.uint64)
    short, spare = np.empty(longest, np.uint32), np.empty(longest, np.uint32)
    used = 0
    for text in range(len(sizes)):
        count = _shingle_hashes(data[offsets[text] : offsets[text + 1]], length, letters, power, found)
        for place in range(count):
            short[place] = np.uint32(found[place] >> np.uint64(32))
        ordered = _sorted(short, spare, count)
        first = used
        for place in range(count):
            if place == 0 or ordered[place] != ordered[place - 1]:
                room[used] = ordered[place]
                used += 1
        sizes[text] = used - first
    return used


@njit(cache=True, nogil=True)
def _sorted(values: NDArray[np.uint32], spare: NDArray[np.uint32], count: int) -> NDArray[np.uint32]:
    """The first `count` values in order, in one of the two arrays: a radix sort where that is faster."""
    if count < 256:
        values[:count].sort()
        return values
    mask = np.uint32((1 << RADIX) - 1)
    source, target = values, spare
    for shift in (0, RADIX, 2 * RADIX):
        starts = np.zeros((1 << RADIX) + 1, np.int64)
        for place in range(count):
            starts[((source[place] >> np.uint32(shift)) & mask) + 1] += 1
        for bucket in range(1 << RADIX):
            starts[bucket + 1] += starts[bucket]
        for place in range(count):
            bucket = (source[place] >> np.uint32(shift)) & mask
            target[starts[bucket]] = source[place]
            starts[bucket] += 1
        source, target = target, source
    return source
