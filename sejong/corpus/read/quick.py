"""Cleaning in columns: one compiled pass over UTF-8 does to nearly all texts what `clean` does, and finds those for `clean`
itself.

The pass mends line ends, removes control characters, trailing spaces and superfluous blank lines. A text that may not be in NFC
(the quick check of Unicode Standard Annex 15: every character is allowed in NFC and the combining classes of marks do not fall)
or that holds a pair of characters as mojibake has them goes to `clean`.
"""

import unicodedata
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sejong.compiled import inlined_kernel, kernel
from sejong.corpus.read import clean as one_text
from sejong.language.scripts import CODE_POINTS, Bools, Counts
from sejong.language.utf8 import Bytes, decode, utf8_of

# What a character is to the pass; most are 0
HARD = np.uint8(1)  # may change in NFC
SINGLE = np.uint8(2)  # becomes one other character in NFC, whatever stands beside it, and both take three bytes (Han, mostly)
LEAD, FOLLOW = np.uint8(4), np.uint8(8)  # halves of mojibake
NEWLINE, REMOVED, MARK = np.uint8(16), np.uint8(32), np.uint8(64)
COMPOSED = 0x2FA1E  # no character from here on is composed or combining
LISTED = (*range(0x3001), *range(0xFDD0, 0x10000))  # among them are all that the patterns of `clean` name
CARRIAGE_RETURN, LINE_FEED = 13, 10


def cleaned(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """`clean` applied to a column without nulls. What only has to be composed is composed and passed once more."""
    tidied, hard = _tidied(texts)
    if not hard.any():
        return tidied
    composed = [unicodedata.normalize("NFC", texts[int(place)].as_py()) for place in np.flatnonzero(hard)]
    mended, still = _tidied(pa.array(composed, pa.large_string()))
    whole = [
        one_text.clean(texts[int(place)].as_py()) if wrong else one.as_py()
        for place, one, wrong in zip(np.flatnonzero(hard), mended, still, strict=True)
    ]
    return pc.replace_with_mask(tidied, pa.array(hard), pa.array(whole, pa.large_string()))


def _tidied(texts: pa.LargeStringArray) -> tuple[pa.LargeStringArray, Bools]:
    """The texts after the pass, and which of them it could not do (they are empty)."""
    data, offsets = utf8_of(texts)
    if not data.size:
        return texts, np.zeros(len(texts), np.bool_)
    made = np.empty(int(offsets[-1] - offsets[0]), np.uint8)
    ends, hard = _tidy(data, offsets, made, *_tables())
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(made[: ends[-1]])), hard


@cache
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint16]]:
    """For every code point what it is to the pass, and its canonical combining class; and the way past most characters: for
    every ASCII byte, and for the first two bytes of every other character, 1 if all that begin so are nothing to the pass; and
    what a `SINGLE` becomes."""
    kind = np.zeros(CODE_POINTS, np.uint8)
    marks = np.zeros(CODE_POINTS, np.uint8)
    for code in range(0xC0, COMPOSED):  # below there is nothing that NFC changes
        letter = chr(code)
        marks[code] = unicodedata.combining(letter)
        kind[code] |= MARK if marks[code] else 0
        if parts := unicodedata.decomposition(letter):
            if not unicodedata.is_normalized("NFC", letter):
                kind[code] |= HARD
            elif not parts.startswith("<") and " " in parts:  # its second half joins what stands before it
                kind[int(parts.split()[1], 16)] |= HARD
    kind[0x1161:0x1176] |= HARD  # Hangul vowels
    kind[0x11A8:0x11C3] |= HARD  # and finals
    for code in LISTED:
        letter = chr(code)
        kind[code] |= REMOVED if one_text.REMOVED.match(letter) else 0
        kind[code] |= NEWLINE if letter == "\n" or one_text.LINE_ENDS.match(letter) else 0
        kind[code] |= LEAD if one_text.MOJIBAKE.match(f"{letter}\u0080") else 0
        kind[code] |= FOLLOW if one_text.MOJIBAKE.match(f"\u00c2{letter}") else 0
    single = np.zeros(1 << 16, np.uint16)
    for code in np.flatnonzero(kind[:0x10000] == HARD).tolist():
        composed = unicodedata.normalize("NFC", chr(code))
        both_take_three = len(composed) == 1 and min(code, ord(composed)) >= 0x800 and ord(composed) < 0x10000
        if both_take_three and composed != chr(code) and kind[ord(composed)] == 0:
            kind[code], single[code] = SINGLE, ord(composed)
    plain = np.zeros(128 + (1 << 12), np.uint8)
    plain[:128] = kind[:128] == 0
    for lead in range(0xC2, 0xF5):
        size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        block = 1 << 6 * (size - 2)  # code points that share two bytes
        for second in range(64):
            first = (((lead & (0x7F >> size)) << 6) | second) * block
            inside = kind[first : first + block]
            plain[128 + ((lead & 63) << 6 | second)] = len(inside) > 0 and not inside.any()
    return kind, marks, plain, single


@kernel
def _tidy(
    data: Bytes,
    offsets: Counts,
    made: Bytes,
    kind: NDArray[np.uint8],
    marks: NDArray[np.uint8],
    plain: NDArray[np.uint8],
    single: NDArray[np.uint16],
) -> tuple[Counts, Bools]:
    """Write the tidied texts into `made`; gives their offsets there, and which are for `clean`."""
    ends = np.zeros(len(offsets), np.int64)
    hard = np.zeros(len(offsets) - 1, np.bool_)
    for text in range(len(offsets) - 1):
        written = _tidy_one(data[offsets[text] : offsets[text + 1]], made[ends[text] :], kind, marks, plain, single)
        hard[text] = written < 0
        ends[text + 1] = ends[text] + max(written, 0)
    return ends, hard


@kernel
def _tidy_one(
    data: Bytes,
    made: Bytes,
    kind: NDArray[np.uint8],
    marks: NDArray[np.uint8],
    plain: NDArray[np.uint8],
    single: NDArray[np.uint16],
) -> int:
    """Write one text; gives its length, or -1 if it is for `clean`."""
    at = length = 0
    before = np.uint8(0)  # kind of the last character that was written
    last_mark = np.uint8(0)
    while True:
        run = at
        while at < len(data):  # nearly all characters; their size is told by branches, which are foreseen
            first = data[at]
            if first < 0x80:
                if not plain[first] and (first != LINE_FEED or not _is_fine(data, run, at)):
                    break
                at += 1
                continue
            if 0xE0 <= first < 0xF0:
                if not _is_plain(data, at, kind, plain):
                    break
                at += 3
                continue
            if not _is_plain(data, at, kind, plain):
                break
            at += 2 if first < 0xE0 else 4
        if at > run:
            source, target = data[run:at], made[length : length + at - run]
            for place in range(len(source)):
                target[place] = source[place]
            length += at - run
            before = last_mark = np.uint8(0)
        if at >= len(data):
            break
        code, size = decode(data, at)
        own = kind[code]
        if own & HARD or (before & LEAD and own & FOLLOW) or (own & MARK and last_mark > marks[code]):
            return -1
        at += size
        if own & REMOVED:
            continue
        if own & NEWLINE:
            if code == CARRIAGE_RETURN and at < len(data) and data[at] == LINE_FEED:
                at += 1
            length = _without_spaces(made, length)
            if length and not (length > 1 and made[length - 1] == LINE_FEED and made[length - 2] == LINE_FEED):
                made[length] = LINE_FEED
                length += 1
        elif own & SINGLE:
            other = single[code]
            made[length] = 0xE0 | (other >> 12)
            made[length + 1] = 0x80 | ((other >> 6) & 0x3F)
            made[length + 2] = 0x80 | (other & 0x3F)
            length += 3
        else:
            for place in range(size):
                made[length + place] = data[at - size + place]
            length += size
        before = own
        last_mark = marks[code]
    length = _without_spaces(made, length)
    while length and made[length - 1] == LINE_FEED:
        length -= 1
    return length


@inlined_kernel
def _is_plain(data: Bytes, at: int, kind: NDArray[np.uint8], plain: NDArray[np.uint8]) -> bool:
    """Whether the character at `at`, which is not ASCII, is nothing to the pass."""
    return plain[128 + ((np.intp(data[at]) & 63) << 6) + (np.intp(data[at + 1]) & 63)] or not kind[decode(data, at)[0]]


@kernel
def _is_fine(data: Bytes, run: int, at: int) -> bool:
    """Whether the line feed at `at` can stay: in the run it ends a line without a space there, or is the first blank line."""
    if at == run:
        return False
    before = data[at - 1]
    if before == LINE_FEED:
        return at - run > 1 and data[at - 2] != LINE_FEED
    return not (before == 0x20 or before == 0x09 or before == 0xA0 or before == 0x80)  # bytes with which spaces end


@kernel
def _without_spaces(made: Bytes, length: int) -> int:
    """The length without the spaces at the end: tab, space, U+00A0 and U+3000, as in `clean`."""
    while length:
        last = made[length - 1]
        if last == 0x20 or last == 0x09:
            length -= 1
        elif last == 0xA0 and length > 1 and made[length - 2] == 0xC2:
            length -= 2
        elif last == 0x80 and length > 2 and made[length - 2] == 0x80 and made[length - 3] == 0xE3:
            length -= 3
        else:
            break
    return length
