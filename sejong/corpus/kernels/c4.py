"""C4's rules for lines and pages (Raffel et al. 2020, section 2.2), and the text that is left when lines are removed.

A line is what `str.splitlines` gives, without the white space around it. Sentences are counted as runs up to a sentence-ending
mark; an initial with a full stop (`J. Kim`) does not end one unless no other mark follows.
"""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.memory import load
from sejong.corpus.kernels.scan import BASE, CHARACTERS, LAST_VISIBLE, LINE_BASE, NEWLINES, WORDS, code_before, decode, signed
from sejong.corpus.kernels.tables import copy

# Bits of a code point's class.
SPACE, BREAK, TERMINAL, UPPER, CLOSING, PHRASE, FORBIDDEN, DIGIT = 1, 2, 4, 8, 16, 32, 64, 128
# What a phrase does to the line or the page it stands in.
DROP_PAGE, DROP_LINE_FIRST, DROP_LINE, BAD = 0, 1, 2, 3
# Columns of what is counted of a document; BROKEN is one of the four below it.
SENTENCES, LINES, KEPT, LONG_WORD, NO_END, FEW_WORDS, PHRASE_LINES, BROKEN, TRIMMED = range(9)
COUNTS = 9
FINE, BAD_PHRASE, BAD_CHARACTER, FEW_SENTENCES = range(4)
# Where a sentence stands: not begun, begun, behind its mark (further marks and a quotation mark belong to it).
NOTHING, OPEN, CLOSED = range(3)

# Of the test whether a byte of eight is an opening square bracket (Warren, Hacker's Delight, 2nd edition, section 6-1).
BRACKETS, ONES, HIGHS = np.uint64(0x5B5B5B5B5B5B5B5B), np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
EDIT = np.frombuffer(b"[edit]", np.uint8)
CITATION_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)


@kernel
def clean(
    data: Any, offsets: Any, asked: Any, first: Any, start: Any, end: Any, visible: Any, classes: Any, lower: Any, ends: Any,
    phrases: Any, phrase_offsets: Any, phrase_kinds: Any, longest: int, least: int, sentences: int, citations: bool,
    out: Any, left: Any, counts: Any, line_first: Any, line_start: Any, line_end: Any, line_length: Any, line_hash: Any,
    line_blank: Any, line_last: Any, scanned: Any,
) -> None:  # fmt: skip
    """Write the lines that stay into `out`, document `d` to `left[d] … left[d + 1]`; a page that is dropped stays as it is.

    A line goes that has a word of more than `longest` characters, does not end with one of `ends` (or ends with an ellipsis), has
    fewer than `least` words, or holds a phrase of kind DROP_LINE_FIRST or DROP_LINE. A page goes that has, in a line that has
    passed the tests before, a phrase of kind DROP_PAGE or a FORBIDDEN character, or fewer than `sentences` sentences in the lines
    that stay; a negative limit is none. Citations such as `[12]` are cut out. The columns of lines and the characters, words and
    line feeds in `scanned` become what `scan` would find in the texts that stay, unless a document is TRIMMED.
    """
    left[0], line_first[0] = 0, 0
    for document in range(len(offsets) - 1):
        base, stop = offsets[document], offsets[document + 1]
        row, to, lines = counts[document], left[document], line_first[document]
        line_first[document + 1] = lines
        if not asked[document]:
            left[document + 1] = copy(data, base, stop, out, to)
            continue
        written, lines = _page(
            data, base, stop, first[document], first[document + 1] - 1, start, end, visible, classes, lower, ends,
            phrases, phrase_offsets, phrase_kinds, longest, least, citations, out, to, row,
            lines, line_start, line_end, line_length, line_hash, line_blank, line_last, scanned[document],
        )  # fmt: skip
        if row[BROKEN] == FINE and sentences >= 0 and row[SENTENCES] < sentences:
            row[BROKEN] = FEW_SENTENCES
        if row[BROKEN] == FINE:
            left[document + 1] = _trim(out, to, written, classes)
            row[TRIMMED] = left[document + 1] != written
            line_first[document + 1] = lines
        else:
            left[document + 1] = copy(data, base, stop, out, to)


@kernel
def _page(
    data: Any, base: int, stop: int, word: int, last_word: int, start: Any, end: Any, visible: Any, classes: Any, lower: Any,
    ends: Any, phrases: Any, phrase_offsets: Any, phrase_kinds: Any, longest: int, least: int, citations: bool, out: Any,
    to: int, row: Any, lines: int, line_start: Any, line_end: Any, line_length: Any, line_hash: Any, line_blank: Any,
    line_last: Any, scanned: Any,
) -> tuple[int, int]:  # fmt: skip
    """Write the lines of one document that stay, joined by line feeds. Returns where they end in `out` and in the columns."""
    at, written = base, to
    while at < stop:
        words, longest_word = 0, 0
        low, high = at, at
        while True:  # the words of this line: those that follow without a line break in the gap before them
            upto = base + signed(start[word]) if word < last_word else stop
            if upto == high + 1 and data[high] == 32:
                found, behind = False, upto
            else:
                found, behind = _break_in(data, high, upto, classes)
            if found or word == last_word:
                break
            longest_word = max(longest_word, signed(visible[word + 1]) - signed(visible[word]))
            low = low if words else upto
            words += 1
            high = base + signed(end[word])
            word += 1
        high = high if words else low
        at = behind
        row[LINES] += 1
        if longest >= 0 and longest_word > longest:
            row[LONG_WORD] += 1
            continue
        if words < least:
            row[FEW_WORDS] += 1
            continue
        cut = citations and high > low and data[high - 1] == 93  # the end of the line may change
        if len(ends) and not cut and not _ends_well(data[low:high], ends):
            row[NO_END] += 1
            continue
        gap = 1 if row[KEPT] else 0
        length = _copy(data, low, high, out, written + gap, citations, classes)
        line = out[written + gap : written + gap + length]
        if len(ends) and not _ends_well(line, ends):
            row[NO_END] += 1
            continue
        fate, sentences, characters, shown, digest = _read(line, classes, lower, phrases, phrase_offsets, phrase_kinds)
        if fate & 1 << DROP_PAGE:
            row[BROKEN] = BAD_PHRASE
            break
        if fate & 1 << DROP_LINE_FIRST:
            row[PHRASE_LINES] += 1
            continue
        if fate & 1 << BAD:
            row[BROKEN] = BAD_CHARACTER
            break
        if fate & 1 << DROP_LINE:
            row[PHRASE_LINES] += 1
            continue
        row[SENTENCES] += max(sentences, 1)
        row[KEPT] += 1
        if gap:
            out[written] = 10
        if length:
            line_start[lines], line_end[lines] = written + gap - to, written + gap + length - to
            line_length[lines], line_hash[lines], line_blank[lines] = characters, digest, shown == 0
            line_last[lines] = code_before(line, length)
            lines += 1
        scanned[NEWLINES] += gap
        scanned[CHARACTERS] += characters + gap
        scanned[WORDS] += shown
        written += gap + length
    scanned[LAST_VISIBLE] = written - to
    return written, lines


@kernel
def _break_in(data: Any, at: int, stop: int, classes: Any) -> tuple[bool, int]:
    """Whether there is a line break in some white space, and where the next line begins."""
    while at < stop:
        code, width = decode(data, at)
        at += width
        if classes[code] & BREAK:
            if code == 13 and at < stop and data[at] == 10:
                at += 1
            return True, at
    return False, stop


@kernel
def _copy(data: Any, begin: int, stop: int, out: Any, to: int, citations: bool, classes: Any) -> int:
    """Copy a line, citations cut out where asked; the bytes written."""
    written, at = to, begin
    while citations and at < stop:
        if at + 8 <= stop and not _has_bracket(load(data, at)):
            at += 8
            continue
        behind = _citation(data, at, stop, classes) if data[at] == 91 else at
        if behind > at:
            written = copy(data, begin, at, out, written)
            begin, at = behind, behind
        else:
            at += 1
    return copy(data, begin, stop, out, written) - to


@kernel
def _has_bracket(eight: Any) -> bool:
    """Whether one of eight bytes is an opening square bracket, or one of the few above it that this test takes for one."""
    differing = eight ^ BRACKETS
    return bool((differing - ONES) & ~differing & HIGHS)


@kernel
def _citation(data: Any, begin: int, stop: int, classes: Any) -> int:
    """Behind a citation `[12]`, `[]`, `[edit]` or `[citation needed]` that begins here; `begin` where there is none."""
    at = begin + 1
    while at < stop:
        code, width = decode(data, at)
        if not classes[code] & DIGIT:
            break
        at += width
    if at < stop and data[at] == 93:
        return at + 1
    if _begins(data, begin, stop, EDIT):
        return begin + len(EDIT)
    if _begins(data, begin, stop, CITATION_NEEDED):
        return begin + len(CITATION_NEEDED)
    return begin


@kernel
def _begins(data: Any, begin: int, stop: int, with_: Any) -> bool:
    if begin + len(with_) > stop:
        return False
    for place in range(len(with_)):  # noqa: SIM110  # a kernel
        if data[begin + place] != with_[place]:
            return False
    return True


@kernel
def _ends_well(line: Any, ends: Any) -> bool:
    """Whether a line ends with one of some characters, and not with three full stops."""
    size = len(line)
    if size == 0 or (size >= 3 and line[size - 1] == 46 and line[size - 2] == 46 and line[size - 3] == 46):
        return False
    at = size - 1
    while at > 0 and line[at] & 0xC0 == 0x80:
        at -= 1
    code, _ = decode(line, at)
    for one in ends:  # noqa: SIM110  # a kernel
        if one == code:
            return True
    return False


@kernel
def _read(
    line: Any, classes: Any, lower: Any, phrases: Any, phrase_offsets: Any, phrase_kinds: Any
) -> tuple[int, int, int, int, Any]:  # fmt: skip
    """Which kinds of phrases stand in a line (a bit each; `BAD` for a FORBIDDEN character), how many sentences end in it, its
    characters and words, and its hash as `scan` computes it."""
    fate, sentences, characters, words = 0, 0, 0, 0
    state, initial, point = NOTHING, False, False  # an initial in the open sentence; its full stop comes next
    digest, word, in_word = np.uint64(0), np.uint64(0), False
    at, stop = 0, len(line)
    while at < stop:
        code, width = decode(line, at)
        kind = signed(classes[code])
        if kind & SPACE:
            digest = (digest * LINE_BASE + word if in_word else digest) * LINE_BASE + np.uint64(code)
            word, in_word = np.uint64(0), False
        else:
            words += not in_word
            word, in_word = word * BASE + np.uint64(code), True
        characters += 1
        if kind & PHRASE:
            fate |= _phrases_at(line, at, lower, phrases, phrase_offsets, phrase_kinds)
        fate |= (kind & FORBIDDEN != 0) << BAD
        at += width
        if state == CLOSED:
            if kind & TERMINAL:
                continue
            state = NOTHING
            if kind & CLOSING:
                continue
        if point:
            point = False
        elif state == OPEN and kind & TERMINAL:
            sentences += 1
            state, initial = CLOSED, False
        else:
            state = OPEN
            if kind & UPPER and at < stop and line[at] == 46:
                initial, point = True, True
    digest = digest * LINE_BASE + word if in_word else digest
    return fate, sentences + (state == OPEN and initial), characters, words, digest


@kernel
def _phrases_at(line: Any, begin: int, lower: Any, phrases: Any, phrase_offsets: Any, phrase_kinds: Any) -> int:
    """A bit for the kind of each phrase that begins here, letters compared in lower case."""
    kinds = 0
    for which in range(len(phrase_kinds)):
        at, place = begin, phrase_offsets[which]
        while at < len(line) and place < phrase_offsets[which + 1]:
            code, width = decode(line, at)
            if lower[code] != phrases[place]:
                break
            at += width
            place += 1
        if place == phrase_offsets[which + 1]:
            kinds |= 1 << phrase_kinds[which]
    return kinds


@kernel
def _trim(out: Any, begin: int, stop: int, classes: Any) -> int:
    """Take the white space off both ends of what was written; where it ends then."""
    low = begin
    while low < stop:
        code, width = decode(out, low)
        if not classes[code] & SPACE:
            break
        low += width
    high = stop
    while high > low:
        last = high - 1
        while out[last] & 0xC0 == 0x80:
            last -= 1
        code, _ = decode(out, last)
        if not classes[code] & SPACE:
            break
        high = last
    if low > begin:
        for place in range(high - low):
            out[begin + place] = out[low + place]
    return begin + high - low
