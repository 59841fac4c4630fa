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
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.corpus.letters import STEP, folded, mix
from sejong.language.scripts import Counts
from sejong.language.utf8 import Bytes, decode

Hashes = NDArray[np.uint64]

BINS = 160
ROWS = range(10, 1, -1)  # bins a band, the longest band first
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


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


@kernel
def _mix_all(letters: NDArray[np.uint32], hashes: Hashes) -> None:
    for code in range(len(letters)):
        if letters[code]:
            hashes[code] = mix(np.uint64(letters[code]))


@kernel
def _letters(data: Bytes, letters: Hashes, found: Hashes) -> int:
    """Hashes of the letters of one text into `found`; gives how many."""
    count = 0
    at = 0
    while at < len(data):
        code, size = decode(data, at)
        at += size
        own = letters[code]
        found[count] = own  # what is no letter is written over
        count += own != 0
    return count


@kernel
def _shingle_hashes(data: Bytes, length: int, letters: Hashes, power: np.uint64, found: Hashes) -> int:
    """Hashes of all shingles of one text, repeats included, into `found`; gives how many."""
    seen = _letters(data, letters, found)
    count = max(seen - length + 1, 0)
    rolling = leaves = np.uint64(0)
    for place in range(min(length - 1, seen)):
        rolling = rolling * STEP + found[place]
    for place in range(count):
        rolling = rolling * STEP + (found[place + length - 1] - leaves * power)
        leaves = found[place]
        found[place] = mix(rolling)
    return count


@kernel
def _bands(data: Bytes, offsets: Counts, length: int, letters: Hashes, power: np.uint64, rows: int, keys: Hashes) -> None:
    found = np.empty(_longest(offsets), np.uint64)
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


@kernel
def _longest(offsets: Counts) -> int:
    """Bytes of the longest text."""
    longest = 1
    for text in range(len(offsets) - 1):
        longest = max(longest, offsets[text + 1] - offsets[text])
    return longest


@kernel
def _sign(found: Hashes, signature: Hashes) -> None:
    """The smallest value of each bin; an empty bin has that of another one."""
    signature[:] = EMPTY
    for shingle in found:
        place = ((shingle >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32)
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


@kernel
def _sets(
    data: Bytes, offsets: Counts, length: int, letters: Hashes, power: np.uint64, room: NDArray[np.uint32], sizes: Counts
) -> int:
    longest = _longest(offsets)
    found = np.empty(longest, np.uint64)
    table = np.zeros(5 * longest + 4, np.uint32)  # fewer than four places a shingle, and room behind the last of them
    used = 0
    for text in range(len(sizes)):
        count = _shingle_hashes(data[offsets[text] : offsets[text + 1]], length, letters, power, found)
        sizes[text] = _distinct(found[:count], table, room[used:])
        used += sizes[text]
    return used


@kernel
def _distinct(found: Hashes, table: NDArray[np.uint32], room: NDArray[np.uint32]) -> int:
    """The upper halves of `found` into `room`, in order and without repeats; gives how many.

    A table of hashes whose place follows from a value's upper bits (linear probing without a wrap) holds the values nearly in
    order; what collided is put right by insertion. `table` is all zeros before and after.
    """
    bits = 1
    while (1 << bits) < 2 * len(found):
        bits += 1
    shift = np.uint64(64 - bits)
    last = np.uint64(0)
    zero = False
    for one in found:
        value = np.uint32(one >> np.uint64(32))
        if value == 0:
            zero = True
            continue
        place = one >> shift
        while table[place] != 0 and table[place] != value:
            place += np.uint64(1)
        table[place] = value
        last = max(last, place)
    used = 0
    if zero:
        room[0] = 0
        used = 1
    for place in range(last + np.uint64(1)):
        value = table[place]
        if value == 0:
            continue
        table[place] = 0
        behind = used
        while behind > 0 and room[behind - 1] > value:
            room[behind] = room[behind - 1]
            behind -= 1
        room[behind] = value
        used += 1
    return used
