"""How many characters of each document belong to some classes, and how many sentences end in it."""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.scan import decode, signed

# Columns of what is counted of a document. The first four are classes of characters: the bits of a code point's class are 1 <<
# column.
LETTERS, OWN_LETTERS, SYMBOLS, DAMAGED, SENTENCES = range(5)
COUNTS, COUNTED = 5, 4
# Further bits: ends a sentence; may stand before, behind such a mark; needs nothing behind it.
STOP, CLOSED, BEHIND, WIDE = 16, 32, 64, 128
LANE = 16  # bits a counter has while it runs


@kernel
def tally(data: Any, offsets: Any, asked: Any, classes: Any, counts: Any) -> None:
    """Fill `counts`, `(documents, COUNTS)`. A sentence ends at a STOP behind a CLOSED and, unless it is WIDE, before a BEHIND or
    the end of the document."""
    # Four counters run in one word of 64 bits, emptied before any of them is full.
    steps = np.zeros(1 << COUNTED, np.uint64)
    for kind in range(1 << COUNTED):
        for which in range(COUNTED):
            steps[kind] |= np.uint64(kind >> which & 1) << np.uint64(LANE * which)
    mask = np.uint64((1 << LANE) - 1)
    for document in range(len(offsets) - 1):
        at, stop = offsets[document], offsets[document + 1]
        row = counts[document]
        if not asked[document]:
            continue
        sentences, before, waiting = 0, 0, False
        while at < stop:
            running = np.uint64(0)
            pause = min(stop, at + (1 << LANE) - 4)
            while at < pause:
                code, width = decode(data, at)
                kind = signed(classes[code])
                running += steps[kind & 15]
                if waiting:
                    sentences += (kind & BEHIND) != 0
                    waiting = False
                if kind & STOP and before & CLOSED:
                    if kind & WIDE:
                        sentences += 1
                    else:
                        waiting = True
                before = kind
                at += width
            for which in range(COUNTED):
                row[which] += signed(running >> np.uint64(LANE * which) & mask)
        row[SENTENCES] = sentences + waiting
