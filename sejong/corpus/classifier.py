"""A linear classifier over hashed n-grams, of the kind of fastText (Joulin et al. 2016, "Bag of Tricks for Efficient Text
Classification"): a document's score is the logistic of the mean weight of its n-grams.

Where words stand between spaces, the n-grams are words and pairs of words; else pairs and triples of characters. Letters are
folded, digits are all one digit, so that dates and numbers teach nothing. Weights come from stochastic gradient descent with its
own step for each (Duchi, Hazan and Singer 2011, "Adaptive Subgradient Methods"), one document after another in a fixed order:
the same documents give the same weights.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.corpus.letters import FIRST, STEP, Codes, Hashes, folded, mix
from sejong.language.scripts import CODE_POINTS, Counts, table
from sejong.language.utf8 import Bytes, decode

Weights = NDArray[np.float32]  # one an n-gram, and the bias last
Floats = NDArray[np.float64]

BITS = 18  # of an n-gram's hash: a table of 1 MiB, which stays in a core's cache
EPOCHS = 5
RATE = 2.0
LESS = 1e-12  # keeps the first step finite
AT_ONCE = 4096  # n-grams
SIGN = 1 << 21  # above every code point


def scores(weights: Weights, data: Bytes, offsets: Counts, characters: bool) -> Floats:
    """The score in 0..1 of each UTF-8 document; 0.5 where it has no n-gram.

    Args:
        weights: from `fit`.
        data: the documents' bytes, one after another.
        offsets: where each begins, one more than documents.
        characters: whether n-grams are of characters, not of words; as in `fit`.
    """
    total: Floats = _scores(weights, data, offsets, tokens(), characters)
    return 1 / (1 + np.exp(-total))


def fit(data: Bytes, offsets: Counts, labels: NDArray[np.bool_], characters: bool, order: Counts) -> Weights:
    """The weights that tell documents of one label from the others; both labels count the same in sum.

    Args:
        data: the documents' bytes, one after another.
        offsets: where each begins, one more than documents.
        labels: which documents are good.
        characters: whether n-grams are of characters, not of words.
        order: a permutation of the documents, in which they are read each time.
    """
    own = np.where(labels, 0.5 / max(labels.sum(), 1), 0.5 / max((~labels).sum(), 1)) * len(labels)
    weights: Weights = _fit(data, offsets, tokens(), characters, labels.astype(np.float64), own, order).astype(np.float32)
    return weights


def auc(good: Floats, others: Floats) -> tuple[float, tuple[float, float]]:
    """The area under the ROC curve, and its 95% interval (DeLong, DeLong and Clarke-Pearson 1988, on the scale of the logit).

    Where all pairs are in order, the interval's lower end is that of as many successes as the smaller side has documents.
    """
    place = np.sort(others)
    above = (np.searchsorted(place, good, "left") + np.searchsorted(place, good, "right")) / (2 * len(others))
    place = np.sort(good)
    below = 1 - (np.searchsorted(place, others, "left") + np.searchsorted(place, others, "right")) / (2 * len(good))
    area = float(above.mean())
    error = float(np.sqrt(above.var(ddof=1) / len(good) + below.var(ddof=1) / len(others)))
    if error == 0 or not 0 < area < 1:
        few = 0.025 ** (1 / min(len(good), len(others)))
        return area, ((few, 1.0) if area > 0.5 else (0.0, 1 - few))
    logit, width = np.log(area / (1 - area)), 1.96 * error / (area * (1 - area))
    low, high = (float(1 / (1 + np.exp(-(logit + side * width)))) for side in (-1, 1))
    return area, (low, high)


@cache
def tokens() -> Codes:
    """For every code point what an n-gram sees of it: its lower-case letter, the same digit for all digits, itself with the bit
    `SIGN` where it is a sign, and 0 where it only separates."""
    codes = np.where(table(r"[\s\p{C}\p{Z}]"), np.uint32(0), np.arange(CODE_POINTS, dtype=np.uint32) | np.uint32(SIGN))
    codes = np.where(folded() > 0, folded(), codes).astype(np.uint32)
    codes[table(r"\p{Nd}")] = ord("0")
    return codes


@kernel
def _fill(
    data: Bytes, at: int, end: int, table: Codes, characters: bool, state: Hashes, out: NDArray[np.int32]
) -> tuple[int, int]:
    """Put n-grams from byte `at` on into `out` until it is full. Returns the byte to go on from, and how many there are.

    `state` (zeros at the start of a document) is the hash of the open word or the last token, and the one or two before it.
    """
    shift, count = np.uint64(64 - BITS), 0
    open_, before, earlier = state[0], state[1], state[2]
    while at < end and count < len(out) - 4:
        code, width = decode(data, at)
        token = np.uint64(table[code])
        at += width
        if characters:
            if token == 0 and before == 0:
                continue  # a run of spaces is one
            pair = (before + np.uint64(1)) * STEP + token
            out[count] = np.int32(mix(pair) >> shift)
            out[count + 1] = np.int32(mix((earlier + np.uint64(1)) * FIRST + pair) >> shift)
            count += 2
            earlier, before = before, token
            continue
        letter = token != 0 and token < np.uint64(SIGN)
        if letter:
            open_ = mix(open_ * STEP + token)
        if open_ != 0 and (not letter or at >= end):
            out[count] = np.int32(open_ >> shift)
            out[count + 1] = np.int32(mix(before * STEP + open_) >> shift)
            count += 2
            before, open_ = open_, np.uint64(0)
        if token >= np.uint64(SIGN) and before != mix(token):  # a run of one sign is one
            before = mix(token)
            out[count] = np.int32(before >> shift)
            count += 1
    state[0], state[1], state[2] = open_, before, earlier
    return at, count


@kernel
def _scores(weights: Weights, data: Bytes, offsets: Counts, table: Codes, characters: bool) -> Any:
    """The mean weight of each document's n-grams, with the bias."""
    result = np.zeros(len(offsets) - 1)
    grams, state = np.empty(AT_ONCE, np.int32), np.zeros(3, np.uint64)
    for document in range(len(result)):
        state[:] = 0
        at, total, seen = offsets[document], 0.0, 0
        while at < offsets[document + 1]:
            at, count = _fill(data, at, offsets[document + 1], table, characters, state, grams)
            for place in range(count):
                total += weights[grams[place]]
            seen += count
        if seen:
            result[document] = total / seen + weights[-1]
    return result


@kernel
def _fit(data: Bytes, offsets: Counts, table: Codes, characters: bool, labels: Floats, importance: Floats, order: Counts) -> Any:
    """Gradient descent on the logistic loss; weights and bias in one array."""
    weights, squares = np.zeros((1 << BITS) + 1), np.full((1 << BITS) + 1, LESS)
    longest = 0
    for document in range(len(labels)):
        longest = max(longest, offsets[document + 1] - offsets[document])
    grams, state = np.empty(2 * longest + AT_ONCE, np.int32), np.zeros(3, np.uint64)
    for _ in range(EPOCHS):
        for document in order:
            state[:] = 0
            _, count = _fill(data, offsets[document], offsets[document + 1], table, characters, state, grams)
            if count == 0:
                continue
            total = 0.0
            for place in range(count):
                total += weights[grams[place]]
            expected = 1 / (1 + np.exp(-(total / count + weights[-1])))
            slope = (expected - labels[document]) * importance[document]
            squares[-1] += slope * slope
            weights[-1] -= RATE * slope / np.sqrt(squares[-1])
            slope /= count
            for place in range(count):
                gram = grams[place]
                squares[gram] += slope * slope
                weights[gram] -= RATE * slope / np.sqrt(squares[gram])
    return weights
