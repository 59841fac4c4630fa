"""Learn the merges of byte-pair encoding from weighted words, in memory that the number of symbols bounds.

The algorithm is that of Sennrich et al. (2016): join the heaviest pair of neighbours, again and again. Every place of a pair is
kept in a linked list, so that a merge touches only the places it changes. Unlike the trainer of the `tokenizers` library this one
takes words with weights, and goes on from a vocabulary that exists: a second stage of merges across spaces (SuperBPE, Liu et al.
2025) and new tokens for a model's old vocabulary both need that. Weights are whole numbers: sums are exact, and the same
everywhere.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.errors import Failed

Ids = NDArray[np.int32]
Weights = NDArray[np.int64]

Merge = tuple[int, int, int]  # the two ids that are joined, and the id of what they give

NONE = -1
EMPTY = np.int64(-1)
HASH_BASE = np.uint64(0x9E3779B97F4A7C15)
SPREAD = np.uint64(0xD6E8FEB86659FD93)


class Words(NamedTuple):
    """Words as symbols, one after another: word `n` is `symbols[offsets[n]:offsets[n + 1]]` and counts `weights[n]` times."""

    symbols: Ids
    offsets: NDArray[np.int64]
    weights: Weights


def learn(words: Words, known: list[bytes], tokens: int, longest: int, least: int) -> list[Merge]:
    """The merges that add up to `tokens` new tokens to the vocabulary `known`.

    Args:
        words: no pair is joined across words; a symbol is an index into `known`.
        known: the bytes of each token there is; empty for ids that are never joined.
        tokens: stop after so many new tokens.
        longest: no token gets longer, in bytes.
        least: a pair of less weight is not joined.

    Returns:
        `(left, right, joined)` for each merge in order. A new token's id is the next after `known`; two merges that give the same
        bytes give the same token.
    """
    hashes = np.array([_hash(token) for token in known], np.uint64)
    sizes = np.array([len(token) for token in known], np.int32)
    word = np.repeat(np.arange(len(words.weights), dtype=np.int32), np.diff(words.offsets))
    found = _learn(words.symbols.astype(np.int32), word, words.weights, hashes, sizes, tokens, longest, least)
    return [(int(left), int(right), int(joined)) for left, right, joined in found]


def extended(known: list[bytes], learnt: list[Merge]) -> list[bytes]:
    """The bytes of each token after the merges.

    Raises:
        Failed: two tokens of different bytes have one hash.
    """
    tokens = list(known)
    for left, right, joined in learnt:
        if joined == len(tokens):
            tokens.append(tokens[left] + tokens[right])
        elif tokens[joined] != tokens[left] + tokens[right]:
            raise Failed(f"tokens {left} and {right} have the hash of token {joined}: set tokenizer.vocabulary to another size")
    return tokens


def _hash(token: bytes) -> int:
    """A polynomial hash, so that the hash of two tokens joined follows from theirs."""
    value = 0
    for byte in token:
        value = (value * int(HASH_BASE) + byte + 1) & 0xFFFFFFFFFFFFFFFF
    return value


@kernel
def _power(exponent: int) -> np.uint64:
    value, base = np.uint64(1), HASH_BASE
    while exponent:
        if exponent & 1:
            value *= base
        base *= base
        exponent >>= 1
    return value


@kernel
def _slot(keys: Weights, key: np.int64) -> np.int64:
    """Where `key` is in the table, or the empty place where it belongs."""
    mask = len(keys) - 1
    mixed = np.uint64(key) * SPREAD
    place = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(mask))
    while keys[place] != EMPTY and keys[place] != key:
        place = (place + 1) & mask
    return place


@kernel
def _grown(keys: Weights, weight: Weights, head: Ids, at: Ids, capacity: int) -> tuple[Weights, Weights, Ids, int]:
    """The table with another capacity, without the pairs that have no place left; `at` is moved along."""
    new_keys = np.full(capacity, EMPTY)
    new_weight = np.zeros(capacity, np.int64)
    new_head = np.full(capacity, NONE, np.int32)
    moved = np.full(len(keys), NONE, np.int32)
    used = 0
    for old in range(len(keys)):
        if keys[old] != EMPTY and head[old] != NONE:
            place = _slot(new_keys, keys[old])
            new_keys[place], new_weight[place], new_head[place] = keys[old], weight[old], head[old]
            moved[old] = place
            used += 1
    for n in range(len(at)):
        if at[n] != NONE:
            at[n] = moved[at[n]]
    return new_keys, new_weight, new_head, used


@kernel
def _before(queue: Weights, one: int, other: int) -> bool:
    """The heavier pair first; of equals the one of older tokens, so that the order is always the same."""
    if queue[one, 0] != queue[other, 0]:
        return bool(queue[one, 0] > queue[other, 0])
    return bool(queue[one, 1] < queue[other, 1])


@kernel
def _push(queue: Weights, queued: int, weight: np.int64, key: np.int64) -> tuple[Weights, int]:
    if queued == len(queue):
        wider = np.empty((2 * queued, 2), np.int64)
        wider[:queued] = queue
        queue = wider
    queue[queued, 0], queue[queued, 1] = weight, key
    at = queued
    while at and _before(queue, at, (at - 1) // 2):
        above = (at - 1) // 2
        for column in range(2):
            queue[at, column], queue[above, column] = queue[above, column], queue[at, column]
        at = above
    return queue, queued + 1


@kernel
def _pop(queue: Weights, queued: int) -> int:
    queued -= 1
    queue[0, 0], queue[0, 1] = queue[queued, 0], queue[queued, 1]
    at = 0
    while 2 * at + 1 < queued:
        below = 2 * at + 1
        if below + 1 < queued and _before(queue, below + 1, below):
            below += 1
        if not _before(queue, below, at):
            break
        for column in range(2):
            queue[at, column], queue[below, column] = queue[below, column], queue[at, column]
        at = below
    return queued


@kernel
def _learn(
    symbols: Ids,
    word: Ids,
    weights: Weights,
    known_hashes: NDArray[np.uint64],
    known_sizes: Ids,
    tokens: int,
    longest: int,
    least: int,
) -> Ids:
    count = len(symbols)
    before = np.arange(-1, count - 1).astype(np.int32)
    after = np.arange(1, count + 1).astype(np.int32)
    for n in range(count):
        if n == 0 or word[n] != word[n - 1]:
            before[n] = NONE
        if n == count - 1 or word[n] != word[n + 1]:
            after[n] = NONE
    at = np.full(count, NONE, np.int32)  # the table's place of the pair that begins here
    following = np.full(count, NONE, np.int32)  # neighbours in the list of places of that pair
    preceding = np.full(count, NONE, np.int32)
    keys = np.full(1 << 16, EMPTY)
    weight = np.zeros(len(keys), np.int64)
    head = np.full(len(keys), NONE, np.int32)
    used = 0
    for n in range(count - 1, -1, -1):
        if after[n] == NONE:
            continue
        if 2 * used >= len(keys):
            keys, weight, head, used = _grown(keys, weight, head, at, 2 * len(keys))
        key = (np.int64(symbols[n]) << 32) | np.int64(symbols[after[n]])
        place = _slot(keys, key)
        if keys[place] == EMPTY:
            keys[place] = key
            used += 1
        weight[place] += weights[word[n]]
        at[n], following[n] = place, head[place]
        if head[place] != NONE:
            preceding[head[place]] = n
        head[place] = n
    first = len(known_hashes)
    hashes = np.zeros(first + tokens, np.uint64)
    sizes = np.zeros(first + tokens, np.int32)
    hashes[:first], sizes[:first] = known_hashes, known_sizes
    capacity = 1024
    while capacity < 4 * (first + tokens):
        capacity *= 2
    token_keys, token_ids = np.full(capacity, EMPTY), np.zeros(capacity, np.int32)
    for n in range(first):
        if sizes[n]:
            place = _slot(token_keys, np.int64(hashes[n]))
            token_keys[place], token_ids[place] = np.int64(hashes[n]), n
    queue = np.empty((1 << 16, 2), np.int64)
    queued = 0
    for slot in range(len(keys)):
        if keys[slot] != EMPTY and weight[slot] >= least:
            queue, queued = _push(queue, queued, weight[slot], keys[slot])
    merges = np.empty((1 << 10, 3), np.int32)
    marked = np.zeros(len(keys), np.int32)  # the merge that last queued the pair
    done = made = 0
    while queued and made < tokens:
        heaviest, key = queue[0, 0], queue[0, 1]
        queued = _pop(queue, queued)
        place = _slot(keys, key)
        if keys[place] == EMPTY or head[place] == NONE:
            continue
        if weight[place] != heaviest:  # it has lost weight since; a gain was queued anew
            if least <= weight[place] < heaviest:
                queue, queued = _push(queue, queued, weight[place], key)
            continue
        left, right = np.int32(key >> 32), np.int32(key & 0xFFFFFFFF)
        size = sizes[left] + sizes[right]
        if size > longest or sizes[left] == 0 or sizes[right] == 0:
            continue
        value = hashes[left] * _power(sizes[right]) + hashes[right]
        short = np.int64(value)
        token = _slot(token_keys, short)
        if token_keys[token] == EMPTY:
            joined = np.int32(first + made)
            token_keys[token], token_ids[token] = short, joined
            hashes[joined], sizes[joined] = value, size
            made += 1
        joined = token_ids[token]
        if done == len(merges):
            wider = np.empty((2 * done, 3), np.int32)
            wider[:done] = merges
            merges = wider
        merges[done, 0], merges[done, 1], merges[done, 2] = left, right, joined
        done += 1
        places = 0
        at_place = head[place]
        while at_place != NONE:
            places += 1
            at_place = following[at_place]
        if used + 2 * places >= len(keys) // 2:
            capacity = len(keys)
            while used + 2 * places >= capacity // 2:
                capacity *= 2
            keys, weight, head, used = _grown(keys, weight, head, at, capacity)
            place = _slot(keys, key)
            marked = np.zeros(len(keys), np.int32)
        touched = np.empty(2 * places, np.int64)
        changes = 0
        here = np.empty(places, np.int32)
        at_place = head[place]
        for number in range(places):
            here[number], at_place = at_place, following[at_place]
        here.sort()
        for one in here:  # from left to right, as encoding joins
            n = int(one)
            if at[n] != place:  # overlapped by the one before
                continue
            gone = after[n]
            heavy = weights[word[n]]
            for left_of in (before[n], n, gone):
                if left_of != NONE and at[left_of] != NONE:
                    old = at[left_of]
                    weight[old] -= heavy
                    if preceding[left_of] == NONE:
                        head[old] = following[left_of]
                    else:
                        following[preceding[left_of]] = following[left_of]
                    if following[left_of] != NONE:
                        preceding[following[left_of]] = preceding[left_of]
                    at[left_of] = following[left_of] = preceding[left_of] = NONE
            symbols[n] = joined
            after[n] = after[gone]
            if after[gone] != NONE:
                before[after[gone]] = n
            for left_of in (before[n], n):
                if left_of != NONE and after[left_of] != NONE:
                    new_key = (np.int64(symbols[left_of]) << 32) | np.int64(symbols[after[left_of]])
                    new = _slot(keys, new_key)
                    if keys[new] == EMPTY:
                        keys[new] = new_key
                        used += 1
                    weight[new] += heavy
                    at[left_of], following[left_of] = new, head[new]
                    if head[new] != NONE:
                        preceding[head[new]] = left_of
                    head[new] = left_of
                    if marked[new] != done:
                        marked[new] = done
                        touched[changes] = new
                        changes += 1
        for new in touched[:changes]:
            if weight[new] >= least:
                queue, queued = _push(queue, queued, weight[new], keys[new])
    return merges[:done]
