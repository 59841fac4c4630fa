"""One pass over the characters of each document: its words between spaces, its lines, and what is counted on the way.

A word is what `str.split` gives, a line what `str.split("\\n")` gives (empty ones left out); bullets and ellipses are counted by
the lines of `str.splitlines`, which knows more line ends.
"""

from typing import Any

import numpy as np

from sejong.compiled import kernel

# Bits of a code point's class, as `classes` gives them to `scan`. PLAIN: no punctuation; MARKED: one of # . …
SPACE, BREAK, ALPHABETIC, PLAIN, MARKED, BULLET = 1, 2, 4, 8, 16, 32
# Columns of what is counted of a document.
CHARACTERS, WORDS, PLAIN_WORDS, PLAIN_CHARACTERS, ALPHABETIC_WORDS, HASHES, ELLIPSES = range(7)
NEWLINES, BREAKS, BULLETS, CUT_OFF, FIRST_VISIBLE, LAST_VISIBLE = range(7, 13)
COUNTS = 13

BASE = np.uint64(0x9E3779B97F4A7C15)  # of the words' polynomial hash: 2^64 / golden ratio
LINE_BASE = np.uint64(0xD1342543DE82EF95)  # of the lines': a multiplier of Steele and Vigna 2021

signed: Any = np.int64  # typed as anything, since numpy's types know no mixture with Python's numbers
POWERS = 1024  # of the words' base, looked up; of a longer run computed


@kernel
def decode(data: Any, at: int) -> tuple[int, int]:
    """The code point that starts at a byte of valid UTF-8, and how many bytes it takes."""
    lead = signed(data[at])
    if lead < 0x80:
        return lead, 1
    if lead & 0xF0 == 0xE0:
        return (lead & 0x0F) << 12 | (signed(data[at + 1]) & 0x3F) << 6 | signed(data[at + 2]) & 0x3F, 3
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | signed(data[at + 1]) & 0x3F, 2
    tail = (signed(data[at + 2]) & 0x3F) << 6 | signed(data[at + 3]) & 0x3F
    return (lead & 0x07) << 18 | (signed(data[at + 1]) & 0x3F) << 12 | tail, 4


@kernel
def powers() -> Any:
    """The first powers of the words' base."""
    found = np.empty(POWERS, np.uint64)
    found[0] = np.uint64(1)
    for place in range(1, POWERS):
        found[place] = found[place - 1] * BASE
    return found


@kernel
def power(known: Any, exponent: int) -> Any:
    """A power of the words' base modulo 2^64."""
    if exponent < POWERS:
        return known[exponent]
    result, factor = np.uint64(1), BASE
    while exponent:
        if exponent & 1:
            result *= factor
        factor *= factor
        exponent >>= 1
    return result


@kernel
def most(data: Any) -> tuple[int, int]:
    """At least as many as there are white-space characters and line feeds in some bytes of UTF-8."""
    spaces, newlines = 0, 0
    for byte in data:
        # beside ASCII, white space starts with one of these bytes (U+0085, U+00A0, U+1680, U+2000 …, U+3000)
        spaces += (byte <= 32) | (byte == 0xC2) | ((byte >= 0xE1) & (byte <= 0xE3))
        newlines += byte == 10
    return spaces, newlines


@kernel
def scan(
    data: Any, offsets: Any, asked: Any, classes: Any, first: Any, start: Any, end: Any, visible: Any, prefix: Any,
    line_first: Any, line_start: Any, line_end: Any, line_length: Any, line_hash: Any, line_blank: Any, line_last: Any,
    counts: Any,
) -> None:  # fmt: skip
    """Fill the columns of words and lines.

    Words of document `d` are `first[d] … first[d + 1] - 2`; one more slot holds the totals. `visible[w]` and `prefix[w]` are the
    characters before word `w` in its document, white space left out, and the polynomial hash of them.
    """
    slot, line = 0, 0
    known = powers()
    for document in range(len(offsets) - 1):
        base = offsets[document]
        size = offsets[document + 1] - base if asked[document] else 0
        first[document], line_first[document] = slot, line
        words_from = slot
        characters, shown, running = 0, 0, np.uint64(0)  # so far, and without white space; the hash of these
        alphabetic, plain_words, plain_characters, hashes, ellipses = 0, 0, 0, 0, 0
        newlines, breaks, bullets, cut_off = 0, 0, 0, 0
        dots, last_dot, last_ellipsis, last_shown = 0, -1, -1, -1
        fresh = True  # at the start of a line of str.splitlines
        line_from, line_characters, line_code, blank = 0, 0, np.uint64(0), True
        at = 0
        while at < size:
            begun, before, hashed, bits = at, shown, running, 0
            while at < size:  # a word
                code, width = decode(data, base + at)
                kind = signed(classes[code])
                if kind & (SPACE | MARKED):
                    if kind & SPACE:
                        break
                    place = characters + shown - before
                    if code == 46:
                        dots = dots + 1 if last_dot == place - 1 else 1
                        last_dot = place
                        ellipses += dots % 3 == 0
                    elif code == 35:
                        hashes += 1
                    else:
                        ellipses += 1
                        last_ellipsis = place
                bits |= kind
                running = running * BASE + np.uint64(code)
                shown += 1
                at += width
            if at > begun:
                length = shown - before
                start[slot], end[slot], visible[slot], prefix[slot] = begun, at, before, hashed
                slot += 1
                alphabetic += (bits & ALPHABETIC) != 0
                plain_words += (bits & PLAIN) != 0
                plain_characters += length if bits & PLAIN else 0
                if fresh:
                    code, width = decode(data, base + begun)
                    bullets += (classes[code] & BULLET) != 0
                line_code = line_code * LINE_BASE + (running - hashed * power(known, length))
                fresh, blank = False, False
                characters += length
                line_characters += length
                last_shown = characters - 1
            previous = 0
            while at < size:  # the white space behind it
                code, width = decode(data, base + at)
                kind = signed(classes[code])
                if not kind & SPACE:
                    break
                if kind & BREAK:
                    if not (previous == 13 and code == 10):
                        breaks += 1
                        cut_off += _cut_off(dots, last_dot, last_ellipsis, last_shown)
                    fresh, last_shown = True, -1
                characters += 1
                if code == 10:
                    newlines += 1
                    if at > line_from:
                        line_start[line], line_end[line], line_length[line] = line_from, at, line_characters
                        line_hash[line], line_blank[line], line_last[line] = line_code, blank, code_before(data, base + at)
                        line += 1
                    line_from, line_characters, line_code, blank = at + 1, 0, np.uint64(0), True
                else:
                    line_code = line_code * LINE_BASE + np.uint64(code)
                    line_characters += 1
                previous = code
                at += width
        cut_off += _cut_off(dots, last_dot, last_ellipsis, last_shown)
        own = counts[document]
        if size > line_from:
            line_start[line], line_end[line], line_length[line] = line_from, size, line_characters
            line_hash[line], line_blank[line], line_last[line] = line_code, blank, code_before(data, base + size)
            breaks += not classes[line_last[line]] & BREAK
            line += 1
        if slot > words_from:
            own[FIRST_VISIBLE], own[LAST_VISIBLE] = signed(start[words_from]), signed(end[slot - 1])
        own[CHARACTERS], own[WORDS], own[PLAIN_WORDS], own[PLAIN_CHARACTERS] = (
            characters, slot - words_from, plain_words, plain_characters
        )  # fmt: skip
        own[ALPHABETIC_WORDS], own[HASHES], own[ELLIPSES], own[NEWLINES] = alphabetic, hashes, ellipses, newlines
        own[BREAKS], own[BULLETS], own[CUT_OFF] = breaks, bullets, cut_off
        start[slot], end[slot], visible[slot], prefix[slot] = size, size, shown, running
        slot += 1
    first[len(offsets) - 1], line_first[len(offsets) - 1] = slot, line


@kernel
def code_before(data: Any, at: int) -> int:
    """The code point that ends before a byte."""
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return decode(data, at)[0]


@kernel
def _cut_off(dots: int, last_dot: int, last_ellipsis: int, last_shown: int) -> bool:
    """Whether the last visible character of a line ends an ellipsis."""
    return last_shown >= 0 and (last_ellipsis == last_shown or (last_dot == last_shown and dots >= 3))
