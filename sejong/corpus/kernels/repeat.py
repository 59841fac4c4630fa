"""Lines and paragraphs that repeat within a document (Gopher, Rae et al. 2021, table A1; FineWeb, Penedo et al. 2024)."""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.scan import BASE, FIRST_VISIBLE, LAST_VISIBLE, LINE_BASE, SPACE, decode, signed
from sejong.corpus.kernels.tables import LOW, ODD, mixed, same, table_size

# Columns of what is counted of a document.
LINES, LINES_AGAIN, LINE_CHARACTERS, SHOWN_LINES, LINE_CHARACTERS_SHOWN = range(5)
PARAGRAPHS, PARAGRAPHS_AGAIN, PARAGRAPH_CHARACTERS = range(5, 8)
COUNTS = 8


@kernel
def lines(
    data: Any, offsets: Any, asked: Any, classes: Any, first: Any, start: Any, end: Any, length: Any, hashes: Any, blank: Any,
    counts: Any, found: Any,
) -> None:  # fmt: skip
    """Fill `found`, `(documents, COUNTS)`: lines between runs of line feeds (a document that begins or ends with one has an empty
    line there), those that stood earlier and their characters; lines with something visible, and the characters of those of them
    that stood earlier; paragraphs between empty lines, white space around the text left out, and the same of them."""
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, first[document + 1] - first[document])
    table = np.empty(table_size(longest), np.uint64)
    piece = np.empty((3, longest), np.int64)  # where each begins and ends, and its characters
    digests = np.empty(longest, np.uint64)
    for document in range(len(offsets) - 1):
        base, own, count = offsets[document], first[document], first[document + 1] - first[document]
        size, row = offsets[document + 1] - base, found[document]
        if not asked[document]:
            continue
        for line in range(count):
            piece[0, line], piece[1, line] = signed(start[own + line]), signed(end[own + line])
            piece[2, line] = signed(length[own + line])
            row[SHOWN_LINES] += not blank[own + line]
        row[LINES_AGAIN], row[LINE_CHARACTERS], row[LINE_CHARACTERS_SHOWN] = _again(
            data, base, count, piece, hashes[own:], blank[own:], table
        )
        before = size > 0 and data[base] == 10
        behind = size > 0 and data[base + size - 1] == 10
        row[LINES] = count + before + behind
        row[LINES_AGAIN] += before and behind
        paragraphs = _paragraphs(
            data, classes, base, count, start[own:], end[own:], length[own:], hashes[own:],
            counts[document, FIRST_VISIBLE], counts[document, LAST_VISIBLE], piece, digests,
        )  # fmt: skip
        row[PARAGRAPHS] = max(paragraphs, 1)
        row[PARAGRAPHS_AGAIN], row[PARAGRAPH_CHARACTERS], _ = _again(data, base, paragraphs, piece, digests, blank[own:], table)


@kernel
def _again(data: Any, base: int, count: int, piece: Any, hashes: Any, blank: Any, table: Any) -> tuple[int, int, int]:
    """Pieces that stood earlier, their characters, and the characters of those that are not blank lines."""
    size = table_size(count)
    mask = np.uint64(size - 1)
    table[:size] = 0
    pieces, characters, shown = 0, 0, 0
    for one in range(count):
        begin, span = piece[0, one], piece[1, one] - piece[0, one]
        own = mixed(hashes[one] + np.uint64(span) * ODD)
        tag = own & ~LOW
        slot = own & mask
        while True:
            if table[slot] == 0:
                table[slot] = tag | np.uint64(one + 1)
                break
            if table[slot] & ~LOW == tag:
                other = signed(table[slot] & LOW) - 1
                if piece[1, other] - piece[0, other] == span and same(data, base + begin, base + piece[0, other], span):
                    pieces += 1
                    characters += piece[2, one]
                    shown += 0 if blank[one] else piece[2, one]
                    break
            slot = (slot + np.uint64(1)) & mask
    return pieces, characters, shown


@kernel
def _paragraphs(
    data: Any, classes: Any, base: int, lines: int, start: Any, end: Any, length: Any, hashes: Any, low: int, high: int,
    piece: Any, digests: Any,
) -> int:  # fmt: skip
    """Join neighbouring lines within the first and last visible byte into paragraphs; how many there are."""
    count, reached = 0, -2
    for line in range(lines):
        begin, stop = signed(start[line]), signed(end[line])
        characters, own = signed(length[line]), hashes[line]
        if stop <= low or begin >= high:
            continue
        if begin < low or stop > high:
            begin, stop = max(begin, low), min(stop, high)
            characters, own = _measure(data, classes, base + begin, base + stop)
        if begin == reached + 1:
            piece[1, count - 1] = stop
            piece[2, count - 1] += characters + 1
            digests[count - 1] = digests[count - 1] * ODD + own
        else:
            piece[0, count], piece[1, count], piece[2, count] = begin, stop, characters
            digests[count] = own
            count += 1
        reached = stop
    return count


@kernel
def _measure(data: Any, classes: Any, begin: int, stop: int) -> tuple[int, Any]:
    """Characters of some bytes, and their hash as `scan` computes it of a line."""
    characters, own, word = 0, np.uint64(0), np.uint64(0)
    in_word = False
    while begin < stop:
        code, width = decode(data, begin)
        if classes[code] & SPACE:
            own = (own * LINE_BASE + word if in_word else own) * LINE_BASE + np.uint64(code)
            word, in_word = np.uint64(0), False
        else:
            word, in_word = word * BASE + np.uint64(code), True
        characters += 1
        begin += width
    return characters, own * LINE_BASE + word if in_word else own
