"""The n-grams of words that are commonest within a document (Gopher, Rae et al. 2021, table A1)."""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.scan import power, powers, signed
from sejong.corpus.kernels.tables import LOW, ODD, mixed, same, table_size


@kernel
def commonest(
    data: Any, offsets: Any, asked: Any, first: Any, start: Any, end: Any, visible: Any, prefix: Any, sizes: Any, found: Any
) -> None:  # fmt: skip
    """Fill `found`, `(documents, sizes)`, with the characters of the commonest n-gram of each size (spaces between its words
    included) times how often it stands in the document; of equally common ones the earliest."""
    longest = 1
    for document in range(len(offsets) - 1):
        longest = max(longest, first[document + 1] - first[document])
    known = powers()
    table, where = np.empty(table_size(longest), np.uint64), np.empty(table_size(longest), np.int32)
    ids, counts, places = np.empty(longest, np.int32), np.empty(longest, np.int32), np.empty(longest, np.int32)
    again = np.empty(longest, np.uint8)
    for document in range(len(offsets) - 1):
        own, words, base = first[document], first[document + 1] - first[document] - 1, offsets[document]
        if not asked[document] or words == 0:
            continue
        shown, shortest = visible[own:], sizes.min()
        _number(data, base, words, shortest, start[own:], end[own:], shown, prefix[own:], known, table, ids, counts)
        best, best_at = 1, 0
        for place in range(words - shortest + 1):
            again[place] = counts[ids[place]] > 1
            if counts[place] > best and ids[place] == place:
                best, best_at = counts[place], place
        for n in range(shortest, min(sizes.max(), words) + 1):
            if n > shortest:
                best, best_at = _lengthen(words - n + 1, table, where, counts, places, ids, again)
            for which in range(len(sizes)):
                if sizes[which] == n:
                    found[document, which] = best * (signed(shown[best_at + n]) - signed(shown[best_at]) + n - 1)


@kernel
def _number(
    data: Any, base: int, words: int, n: int, start: Any, end: Any, visible: Any, prefix: Any, known: Any, table: Any, ids: Any,
    counts: Any,
) -> None:  # fmt: skip
    """The number of each n-gram, which is where the same one stands first in the document, and how often it stands there."""
    size = table_size(words)
    mask = np.uint64(size - 1)
    table[:size] = 0
    for place in range(words - n + 1):
        characters = signed(visible[place + n]) - signed(visible[place])
        own = prefix[place + n] - prefix[place] * power(known, characters)
        own = mixed(own + np.uint64(end[place] - start[place]) * ODD)
        tag, slot = own & ~LOW, own & mask
        while True:
            if table[slot] == 0:
                table[slot] = tag | np.uint64(place + 1)
                ids[place], counts[place] = place, 1
                break
            if table[slot] & ~LOW == tag:
                other = signed(table[slot] & LOW) - 1
                if _same_words(data, base, start, end, place, other, n):
                    ids[place] = other
                    counts[other] += 1
                    break
            slot = (slot + np.uint64(1)) & mask


@kernel
def _same_words(data: Any, base: int, start: Any, end: Any, one: int, other: int, n: int) -> bool:
    """Whether two n-grams are equal word by word."""
    for place in range(n):
        begin, begun = signed(start[one + place]), signed(start[other + place])
        length = signed(end[one + place]) - begin
        if signed(end[other + place]) - begun != length or not same(data, base + begin, base + begun, length):
            return False
    return True


@kernel
def _lengthen(size: int, table: Any, where: Any, counts: Any, places: Any, numbers: Any, again: Any) -> tuple[int, int]:
    """From the n-grams that stand at each place to those of one word more. Returns the count and place of the commonest.

    An n-gram repeats only where the two of one word less at its ends do, and is known by their numbers. Its number is the place
    of the first like it; one that does not repeat needs none.
    """
    candidates = 0
    for place in range(size):
        places[candidates] = place
        candidates += again[place] & again[place + 1]
        again[place] = 0
    slots = table_size(candidates)
    mask = np.uint64(slots - 1)
    table[:slots] = 0
    best, best_at = 1, 0
    for which in range(candidates):
        place = places[which]
        key = np.uint64(numbers[place] + 1) << np.uint64(32) | np.uint64(numbers[place + 1] + 1)
        slot = mixed(key) & mask
        while table[slot] != 0 and table[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            table[slot], where[slot], counts[place] = key, place, 0
        seen = where[slot]
        numbers[place] = seen
        counts[seen] += 1
        if counts[seen] >= best:
            best_at = seen if counts[seen] > best else min(seen, best_at)
            best = counts[seen]
    for which in range(candidates):
        again[places[which]] = counts[numbers[places[which]]] > 1
    return best, best_at
