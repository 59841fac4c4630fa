"""Words whose borders come from elsewhere (a segmenter, single characters), measured as `scan` measures words between spaces."""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.scan import (
    ALPHABETIC,
    ALPHABETIC_WORDS,
    BASE,
    PLAIN,
    PLAIN_CHARACTERS,
    PLAIN_WORDS,
    WORDS,
    decode,
    signed,
)


@kernel
def measure(
    data: Any, offsets: Any, classes: Any, starts: Any, ends: Any, document: Any,
    first: Any, start: Any, end: Any, visible: Any, prefix: Any, counts: Any,
) -> None:  # fmt: skip
    """Fill the columns of words that stand at `starts … ends` of the whole batch, and what is counted of the words of each
    document. The columns are those of `scan`."""
    slot, given = 0, 0
    for own in range(len(offsets) - 1):
        base = offsets[own]
        first[own] = slot
        shown, running = 0, np.uint64(0)
        plain_words, plain_characters, alphabetic = 0, 0, 0
        while given < len(starts) and document[given] == own:
            at, stop = starts[given], ends[given]
            start[slot], end[slot], visible[slot], prefix[slot] = at - base, stop - base, shown, running
            before, bits = shown, 0
            while at < stop:
                code, width = decode(data, at)
                bits |= signed(classes[code])
                running = running * BASE + np.uint64(code)
                shown += 1
                at += width
            alphabetic += (bits & ALPHABETIC) != 0
            if bits & PLAIN:
                plain_words += 1
                plain_characters += shown - before
            slot += 1
            given += 1
        row = counts[own]
        row[WORDS] = slot - first[own]
        row[PLAIN_WORDS], row[PLAIN_CHARACTERS], row[ALPHABETIC_WORDS] = plain_words, plain_characters, alphabetic
        size = offsets[own + 1] - base
        start[slot], end[slot], visible[slot], prefix[slot] = size, size, shown, running
        slot += 1
    first[len(offsets) - 1] = slot


@kernel
def members(
    data: Any, offsets: Any, asked: Any, first: Any, start: Any, end: Any, wanted: Any, wanted_offsets: Any, found: Any
) -> None:  # fmt: skip
    """How many of some words stand in each document (each counted once)."""
    # Most words are none of them: a few hundred bits tell, by the last byte and the length.
    suspect = np.zeros((256, 64), np.bool_)
    for which in range(len(wanted_offsets) - 1):
        size = wanted_offsets[which + 1] - wanted_offsets[which]
        suspect[wanted[wanted_offsets[which + 1] - 1], min(size, 63)] = True
    seen = np.zeros(len(wanted_offsets) - 1, np.int64)
    for document in range(len(offsets) - 1):
        base = offsets[document]
        if not asked[document]:
            continue
        for word in range(first[document], first[document + 1] - 1):
            begin, size = base + signed(start[word]), signed(end[word]) - signed(start[word])
            if not suspect[data[begin + size - 1], min(size, 63)]:
                continue
            for which in range(len(wanted_offsets) - 1):
                low = wanted_offsets[which]
                if seen[which] != document + 1 and wanted_offsets[which + 1] - low == size:
                    place = 0
                    while place < size and data[begin + place] == wanted[low + place]:
                        place += 1
                    if place == size:
                        seen[which] = document + 1
                        found[document] += 1
