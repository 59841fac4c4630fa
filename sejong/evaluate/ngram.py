"""An n-gram model over bytes, the baseline that knows only counts: interpolated Kneser-Ney with three discounts an order.

After Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999). The shortest order backs off
to all 256 bytes alike, so every byte has a probability after every context and a model always sums to one.
An n-gram is one 64-bit number, its oldest byte highest, so that counting is sorting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sejong.evaluate.bits_per_byte import Scored

LONGEST = 8  # bytes of an n-gram: what a 64-bit number holds
ORDERS = (5, 6, 8)
LARGEST = 10_000_000  # bytes to count: more is not worth the memory of a baseline

Numbers = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """N-grams of one length: `grams`, sorted, with `held` (their counts less the discount); `contexts`, sorted, all but the last
    byte, with `total` counts and `spared`, the share of probability that goes to the shorter order."""

    grams: Numbers
    held: Floats
    contexts: Numbers
    total: Floats
    spared: Floats


@dataclass(frozen=True)
class NGram:
    """A counted model: levels of length 1 to `order`."""

    levels: tuple[Level, ...]

    @property
    def order(self) -> int:
        """Bytes of the longest n-gram."""
        return len(self.levels)

    def score(self, texts: Sequence[str]) -> list[Scored]:
        """Bits of each byte of each text."""
        found = []
        for text in texts:
            keys = _keys([text])
            found.append(Scored(-np.log2(self._probability(keys)), np.arange(1, len(keys) + 1)))
        return found

    def distribution(self, context: bytes) -> Floats:
        """The probability of each of the 256 bytes after `context`."""
        before = int.from_bytes(context[-(LONGEST - 1) :], "big")
        return self._probability(np.array([(before << 8) | byte for byte in range(256)], dtype=np.uint64))

    def _probability(self, keys: Numbers) -> Floats:
        """Of the last byte of each 8-byte window in `keys`, given the bytes before it."""
        probability = np.full(len(keys), 1 / 256)
        for length, level in enumerate(self.levels, 1):
            context, known = _look_up(level.contexts, _last(keys, length) >> np.uint64(8))
            gram, seen = _look_up(level.grams, _last(keys, length))
            share = np.where(seen, level.held[gram], 0.0) / level.total[context]
            probability = np.where(known, share + level.spared[context] * probability, probability)
        return probability


def train(texts: Sequence[str], held_out: Sequence[str] = (), orders: Sequence[int] = ORDERS) -> NGram:
    """The model of the order that scores `held_out` best; without held-out text, of the highest order."""
    keys = _keys(texts)
    if not len(keys):
        raise ValueError("an n-gram model needs some text to count")
    if not held_out or len(orders) == 1:
        return count(keys, max(orders))
    best: tuple[float, NGram] | None = None
    for order in orders:
        model = count(keys, order)
        bits = sum(float(one.bits.sum()) for one in model.score(held_out))
        if best is None or bits < best[0]:
            best = (bits, model)
    assert best is not None
    return best[1]


def count(keys: Numbers, order: int) -> NGram:
    """Levels from 8-byte windows: the longest by how often, the shorter ones by after how many different bytes."""
    grams, counts = _distinct(_last(keys, order))
    levels = [_level(grams, counts)]
    for length in range(order - 1, 0, -1):
        grams, counts = _distinct(_last(grams, length))
        levels.append(_level(grams, counts))
    return NGram(tuple(reversed(levels)))


def _level(grams: Numbers, counts: npt.NDArray[np.int64]) -> Level:
    taken = _discounts(counts)[np.minimum(counts, 3)]
    prefixes = grams >> np.uint64(8)
    first = np.flatnonzero(np.concatenate([[True], prefixes[1:] != prefixes[:-1]]))
    total = np.add.reduceat(counts, first).astype(np.float64)
    spared = np.add.reduceat(taken, first) / total
    return Level(grams, counts - taken, prefixes[first], total, spared)


def _discounts(counts: npt.NDArray[np.int64]) -> Floats:
    """What is taken from a count of 0, 1, 2 and 3 or more; at least a tenth, so that each context spares some."""
    once, twice, thrice, four = (max(int((counts == n).sum()), 1) for n in (1, 2, 3, 4))
    share = once / (once + 2 * twice)
    raw = [1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice]
    return np.array([0.0, *(float(np.clip(value, 0.1, n)) for n, value in enumerate(raw, 1))])


def _keys(texts: Sequence[str]) -> Numbers:
    """The window of 8 bytes that ends at each byte of each text; before a text stand zeros."""
    margin = b"\0" * (LONGEST - 1)
    encoded = [text.encode() for text in texts]
    whole = np.frombuffer(b"".join(margin + one for one in encoded), dtype=np.uint8)
    keys = np.zeros(len(whole), dtype=np.uint64)
    for back in range(LONGEST):
        keys[back:] |= whole[: len(whole) - back].astype(np.uint64) << np.uint64(8 * back)
    own = np.ones(len(whole), dtype=bool)
    starts = np.cumsum([0, *(len(one) + len(margin) for one in encoded)])[:-1]
    own[(starts[:, None] + np.arange(len(margin))).ravel()] = False
    return keys[own]


def _last(keys: Numbers, length: int) -> Numbers:
    """The last `length` bytes of each window."""
    return keys if length == LONGEST else keys & np.uint64((1 << (8 * length)) - 1)


def _distinct(keys: Numbers) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Sorted distinct keys and how often each occurs."""
    found, counts = np.unique(keys, return_counts=True)
    return found, counts.astype(np.int64)


def _look_up(table: Numbers, keys: Numbers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Rows of `keys` in a sorted `table`, and whether each is there."""
    rows = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return rows, table[rows] == keys
