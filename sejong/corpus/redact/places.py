"""Where an identifier may stand: one pass over the UTF-8 bytes of a column, compiled.

Most text holds none, and a regular expression a document would read all of it. So a kernel marks places: rows of digits with
little between them, `@` with a domain behind, colons between hexadecimal digits, Latin letters with digits behind. A place is
as wide as whatever could match there, so that looking at the places finds what looking at the whole text would
(`tests/corpus/redact/test_places.py` compares the two).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.corpus.redact.characters import (
    AT,
    BEGINS,
    BRACKET,
    CAPITAL,
    CLASSES,
    COLON,
    DIGIT,
    DOT,
    HYPHEN,
    LETTER,
    MARK,
    OTHER,
    PLUS,
    SPACE,
    Bytes,
)

Integers = NDArray[np.int64]

NUMBER, DOTTED, COLONS, MAIL, CODE = (1 << bit for bit in range(5))  # sorts of places; a finder may want several

GAP = 4  # characters between two digits of one number, at most
AROUND = 6  # characters kept on each side: what a pattern may look back or ahead at
GROUP = 19  # digits without a gap, at most: a card number
LOCAL = 64  # characters before @ (RFC 5321, 4.5.3.1.1)
LONGEST = 56  # characters of a code with its separators: an IBAN has 34 and a space after every four
BLOCK = 1 << 14  # bytes
SHORT_IBAN = 8  # digits; no country's has fewer

NEVER = 1 << 30  # a limit that nothing reaches


class Limits(NamedTuple):
    """The least that the kinds in question need; what has less is no place."""

    joined: int = NEVER  # digits with hyphens or spaces between
    dotted: int = NEVER  # digits with dots, too
    dialled: int = NEVER  # digits from a digit of `trunk` on, or behind a plus
    trunk: int = 0  # bit d: a telephone number may begin with the digit d
    addresses: bool = False  # IP
    mail: bool = False
    code: int = NEVER  # digits of a word that begins with Latin letters
    iban: bool = False


def places(data: Bytes, offsets: Integers, limits: Limits) -> Integers:
    """Places in the documents `data[offsets[i]:offsets[i + 1]]`.

    Returns:
        A row each: start, end (bytes of `data`), document, sort, digits; by document, in the order of their ends.
    """
    return _places(data, offsets, CLASSES, BEGINS, limits)  # type: ignore[no-any-return]


def whole(offsets: Integers) -> Integers:
    """Every document as a place of every sort: the slow way."""
    count = len(offsets) - 1
    sorts = NUMBER | DOTTED | COLONS | MAIL | CODE
    columns = [offsets[:-1], offsets[1:], np.arange(count), np.full(count, sorts), np.full(count, NEVER)]
    return np.stack(columns, axis=1).astype(np.int64)


@kernel
def _size(first: int) -> int:
    """Bytes of the character that begins so."""
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


@kernel
def _class(text: Any, at: int, classes: Any) -> int:
    first = text[at]
    if first < 0x80:
        return int(classes[first])
    if first < 0xE0:
        return int(classes[(first & 0x1F) << 6 | text[at + 1] & 0x3F])
    if first < 0xF0:
        return int(classes[(first & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | text[at + 2] & 0x3F])
    return 0


@kernel
def _back(text: Any, at: int, count: int) -> int:
    """`count` characters before `at`, or the beginning."""
    while count and at > 0:
        at -= 1
        while at > 0 and text[at] & 0xC0 == 0x80:
            at -= 1
        count -= 1
    return at


@kernel
def _ahead(text: Any, at: int, count: int) -> int:
    """`count` characters behind `at`, or the end."""
    while count and at < len(text):
        at += _size(text[at])
        count -= 1
    return min(at, len(text))


@kernel
def _before(text: Any, at: int, classes: Any) -> int:
    """The class of the character before `at`."""
    return _class(text, _back(text, at, 1), classes) if at > 0 else OTHER


@kernel
def _letter_before(text: Any, at: int, classes: Any) -> bool:
    """Whether a Latin letter stands before `at`, full-width ones included."""
    if at > 0 and text[at - 1] < 0x80:
        return bool(97 <= text[at - 1] | 0x20 <= 122)
    if at < 3 or text[at - 3] != 0xEF:
        return False
    own = _class(text, at - 3, classes)
    return own in (LETTER, CAPITAL)


@kernel
def _opens(text: Any, at: int, trunk: int) -> bool:
    """Whether a call may begin with the digit at `at`; digits that are neither ASCII nor full-width are not told apart."""
    first = text[at]
    if first < 0x80:
        return bool((trunk >> (first - 48)) & 1)
    return bool(first != 0xEF or (trunk >> (text[at + 2] - 0x90)) & 1)


@kernel
def _joins(text: Any, at: int, classes: Any) -> bool:
    """Whether a space or hyphen stands at `at`: behind a lone trunk digit a dot would be a decimal point."""
    own = _class(text, at, classes) if at < len(text) else OTHER
    return own in (SPACE, HYPHEN)


@kernel
def _number(text: Any, at: int, classes: Any, trunk: int) -> tuple[int, int, int, int, int, int]:
    """The row of digits from `at` on: its end, and its digits in all, joined, with dots too, from a trunk digit on, and dots."""
    end = at
    digits = joined = dotted = most_joined = most_dotted = dots = most_dots = 0
    dialled = -1
    while True:
        opens = _opens(text, at, trunk)
        group = 0
        while at < len(text) and _class(text, at, classes) == DIGIT:
            group += 1
            at += _size(text[at])
        end = at
        if group > GROUP:
            joined = dotted = 0
        else:
            if opens and dialled < 0 and (group > 1 or _joins(text, at, classes)):
                dialled = digits
            digits, joined, dotted = digits + group, joined + group, dotted + group
            most_joined, most_dotted = max(most_joined, joined), max(most_dotted, dotted)
        gap = gap_dots = gap_brackets = 0
        own = OTHER
        while at < len(text):
            own = _class(text, at, classes)
            if gap == GAP or own not in (SPACE, HYPHEN, DOT, BRACKET):
                break
            gap += 1
            gap_dots += own == DOT
            gap_brackets += own == BRACKET
            at += _size(text[at])
        if at >= len(text) or own != DIGIT:
            break
        joined = 0 if gap_dots or gap_brackets else joined
        dotted = 0 if gap_brackets else dotted
        dots = dots + 1 if gap == 1 and gap_dots else 0
        most_dots = max(most_dots, dots)
    return end, digits, most_joined, most_dotted, digits - dialled if dialled >= 0 else 0, most_dots


@kernel
def _mail(text: Any, at: int, classes: Any) -> tuple[int, int]:
    """The characters around the @ at `at` that an address may have; (0, 0) where none can be."""
    start = at
    for _ in range(LOCAL):
        before = _back(text, start, 1)
        own = _class(text, before, classes) if before < start else OTHER
        if own not in (LETTER, CAPITAL, DIGIT, DOT, HYPHEN, PLUS, MARK):
            break
        start = before
    end = at + _size(text[at])
    dots = 0
    while end < len(text):
        own = _class(text, end, classes)
        if own not in (LETTER, CAPITAL, DIGIT, DOT, HYPHEN):
            break
        dots += own == DOT
        end += _size(text[end])
    return (start, end) if dots and start < at else (0, 0)


@kernel
def _hexadecimal(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 70 or 97 <= byte <= 102


@kernel
def _colons(text: Any, at: int) -> tuple[int, int, int]:
    """The hexadecimal digits and colons around the colon at `at`, and how many colons they are (0: three in a row)."""
    start = at
    while start > 0 and at - start < 4 and _hexadecimal(text[start - 1]):
        start -= 1
    end, count, row, longest = at, 0, 0, 0
    while end < len(text) and (text[end] == 58 or _hexadecimal(text[end])):
        row = row + 1 if text[end] == 58 else 0
        count += row > 0
        longest = max(longest, row)
        end += 1
    return start, end, count if longest < 3 else 0


@kernel
def _word(text: Any, at: int, classes: Any) -> tuple[int, int]:
    """The end of the word that goes on at `at`, and its digits from there."""
    count = 0
    while at < len(text):
        own = _class(text, at, classes)
        if own != DIGIT and own != LETTER and own != CAPITAL:
            break
        count += own == DIGIT
        at += _size(text[at])
    return at, count


@kernel
def _iban_digits(text: Any, at: int, classes: Any) -> int:
    """Digits of what may be an IBAN of which `at` is the third character: two capitals before, a digit behind."""
    second = _back(text, at, 1)
    first = _back(text, second, 1)
    if first == second or _class(text, first, classes) != CAPITAL or _class(text, second, classes) != CAPITAL:
        return 0
    count = gap = 0
    for place in range(LONGEST):
        own = _class(text, at, classes) if at < len(text) else OTHER
        gap = gap + 1 if own in (SPACE, HYPHEN) else 0
        if gap > 1 or not (own in (DIGIT, CAPITAL, LETTER) or gap) or (place == 1 and own != DIGIT):
            break
        count += own == DIGIT
        at += _size(text[at])
    return count


@kernel
def _begun(text: Any, start: int, begins: Any, found: Any) -> int:
    """Where in a block of the text a place may begin, into `found`; returns how many. (A loop of its own: it is all that most
    bytes ever meet.)"""
    count = 0
    block = text[start : start + len(found)]
    for at in range(len(block)):
        first = block[at]
        if begins[first] and (first < 0xE0 or begins[256 + (np.intp(first & 15) << 6) + (text[start + at + 1] & 63)]):
            found[count] = start + at
            count += 1
    return count


@kernel
def _added(rows: Any, count: int, start: int, end: int, document: int, sort: int, digits: int) -> Any:
    """`rows` with one more, in a larger array where they are full."""
    if count == len(rows):
        wider = np.empty((2 * count, rows.shape[1]), np.int64)
        wider[:count] = rows
        rows = wider
    rows[count, 0], rows[count, 1], rows[count, 2], rows[count, 3], rows[count, 4] = start, end, document, sort, digits
    return rows


@kernel
def _places(data: Any, offsets: Any, classes: Any, begins: Any, limits: Any) -> Any:
    rows = np.empty((1024, 5), np.int64)
    found = np.empty(BLOCK, np.int64)
    count = 0
    codes = limits.iban or limits.code < NEVER
    for document in range(len(offsets) - 1):
        low = offsets[document]
        text = data[low : offsets[document + 1]]
        numbers_done = colons_done = words_done = 0
        last_mail = last_code = -1  # rows that a later place of the same sort may run into
        for block in range(0, len(text), BLOCK):
            for which in range(_begun(text, block, begins, found)):
                at = found[which]
                first = text[at]
                own = _class(text, at, classes)
                if own == DIGIT and at >= numbers_done:
                    numbers_done, digits, joined, dotted, dialled, dots = _number(text, at, classes, limits.trunk)
                    if digits >= limits.dialled and (limits.trunk == 0 or _before(text, at, classes) == PLUS):
                        dialled = digits
                    number = joined >= limits.joined or dotted >= limits.dotted or dialled >= limits.dialled
                    address = limits.addresses and dots >= 3
                    if number or address:
                        start, end = low + _back(text, at, AROUND), low + _ahead(text, numbers_done, AROUND)
                        sort = NUMBER * number + DOTTED * address
                        rows = _added(rows, count, start, end, document, sort, digits)
                        count += 1
                if own == DIGIT and codes and at >= words_done and _letter_before(text, at, classes):
                    words_done, digits = _word(text, at, classes)
                    if digits >= limits.code or (limits.iban and _iban_digits(text, at, classes) >= SHORT_IBAN):
                        start, end = low + _back(text, at, LONGEST), low + _ahead(text, at, LONGEST + AROUND)
                        if last_code >= 0 and start <= rows[last_code, 1]:
                            rows[last_code, 1] = end
                        else:
                            rows = _added(rows, count, start, end, document, CODE, digits)
                            last_code = count
                            count += 1
                elif own == AT and limits.mail:
                    start, end = _mail(text, at, classes)
                    if end:
                        start, end = low + start, low + _ahead(text, end, AROUND)
                        if last_mail >= 0 and start <= rows[last_mail, 1]:
                            rows[last_mail, 1] = end
                        else:
                            rows = _added(rows, count, start, end, document, MAIL, 0)
                            last_mail = count
                            count += 1
                elif own == COLON and limits.addresses and at >= colons_done and first == 58:
                    start, colons_done, colons = _colons(text, at)
                    if colons >= 3:
                        start, end = low + _back(text, start, AROUND), low + _ahead(text, colons_done, AROUND)
                        rows = _added(rows, count, start, end, document, COLONS, 0)
                        count += 1
    return rows[:count]
