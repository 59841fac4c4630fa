"""The n-grams of words that stood in a document before (Gopher, Rae et al. 2021, table A1)."""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.memory import load
from sejong.corpus.kernels.scan import power, powers, signed
from sejong.corpus.kernels.tables import LOW, ODD, copy, mixed, same, table_size

WINDOW = 24  # bytes: an n-gram of words joined can only repeat where its first ones do, or where it is shorter


@kernel
def said_before(
    data: Any, offsets: Any, asked: Any, first: Any, start: Any, end: Any, visible: Any, prefix: Any, sizes: Any, found: Any
) -> None:  # fmt: skip
    """Fill `found`, `(documents, sizes)`, with the characters of the n-grams of each size that stood in the document earlier,
    their words joined without spaces; the search goes on behind each, so that none overlaps another."""
    longest, largest = 1, 0
    for document in range(len(offsets) - 1):
        longest = max(longest, first[document + 1] - first[document])
        largest = max(largest, offsets[document + 1] - offsets[document])
    known, table = powers(), np.empty(table_size(longest), np.uint64)
    dense, at = np.empty(largest + WINDOW + 8, np.uint8), np.empty(longest, np.int64)
    again, places = np.empty(longest, np.uint8), np.empty(longest, np.int32)
    for document in range(len(offsets) - 1):
        own, words = first[document], first[document + 1] - first[document] - 1
        if not asked[document] or words == 0:
            continue
        _join(data, offsets[document], words, start[own:], end[own:], dense, at)
        candidates = _candidates(words, sizes.min(), dense, at, table, again, places)
        for which in range(len(sizes)):
            found[document, which] = _repeated(
                words, sizes[which], dense, at, visible[own:], prefix[own:], known, table, places[:candidates]
            )


@kernel
def _join(data: Any, base: int, words: int, start: Any, end: Any, dense: Any, at: Any) -> None:
    """Put the words of a document one behind the other; where each begins, and the end of the last."""
    total = 0
    for word in range(words):
        at[word] = total
        total = copy(data, base + signed(start[word]), base + signed(end[word]), dense, total)
    at[words] = total


@kernel
def _candidates(words: int, shortest: int, dense: Any, at: Any, table: Any, again: Any, places: Any) -> int:
    """Fill `places` with the words where an n-gram of at least `shortest` words may repeat: those whose first `WINDOW` bytes,
    spaces left out, begin another word too, and those with an n-gram shorter than that. How many they are."""
    size = table_size(words)
    mask = np.uint64(size - 1)
    table[:size] = 0
    for word in range(words):
        begin = at[word]
        if begin + WINDOW > at[words]:
            again[word:words] = 1
            break
        again[word] = word + shortest <= words and at[word + shortest] - begin < WINDOW
        own = ((load(dense, begin) * ODD ^ load(dense, begin + 8)) * ODD ^ load(dense, begin + 16)) * ODD
        own = mixed(own)
        tag, slot = own & ~LOW, own & mask
        while table[slot] != 0 and table[slot] & ~LOW != tag:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            table[slot] = tag | np.uint64(word + 1)
        else:  # equal hashes are enough: a place too many changes nothing
            again[word], again[signed(table[slot] & LOW) - 1] = 1, 1
    candidates = 0
    for word in range(words):
        places[candidates] = word
        candidates += again[word]
    return candidates


@kernel
def _repeated(
    words: int, n: int, dense: Any, at: Any, visible: Any, prefix: Any, known: Any, table: Any, places: Any
) -> int:  # fmt: skip
    """Characters of the n-grams at some places that stood at one of them earlier."""
    size = table_size(len(places))
    mask = np.uint64(size - 1)
    table[:size] = 0
    total, free = 0, 0
    for place in places:
        if place < free:
            continue
        if place + n > words:
            break
        begin, length = at[place], at[place + n] - at[place]
        characters = signed(visible[place + n]) - signed(visible[place])
        own = mixed(prefix[place + n] - prefix[place] * power(known, characters))
        tag, slot = own & ~LOW, own & mask
        while table[slot] != 0:
            if table[slot] & ~LOW == tag:
                earlier = signed(table[slot] & LOW) - 1
                if at[earlier + n] - at[earlier] == length and same(dense, begin, at[earlier], length):
                    total += characters
                    free = place + n
                    break
            slot = (slot + np.uint64(1)) & mask
        if free <= place:
            table[slot] = tag | np.uint64(place + 1)
    return total
