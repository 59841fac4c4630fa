"""A second opinion where the language identifier is torn between close languages (Malay and Indonesian, Czech and Slovak, Hindi,
Marathi and Nepali), and how much of another language a text holds.

The identifier's likeliest code is doubted where it and another with a share of at least `TORN` are both of one family: the
nation's language and its rivals. Then words decide that tell these apart (FineWeb-2's lists of words that stand in one language
in 85% of their cases): the language wins that has most of them, if it has twice as many as any other.
"""

from collections.abc import Collection, Mapping
from functools import cache, lru_cache

import numpy as np
import regex
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.language.scripts import script_class, table
from sejong.language.utf8 import decode

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Telling = Mapping[str, Collection[str]]

TORN = 0.05  # share from which a second language is in question
LEAST = 2  # telling words that an opinion needs
AHEAD = 2  # times as many as the next language's
BASE = 0x9E3779B97F4A7C15  # 2^64 / golden ratio
WORD = regex.compile(r"[\p{L}\p{M}'’\u200c\u200d]{2,}")
ENGLISH = frozenset(
    "the of and to in that is was for with as are this not by be from have which or an has were it his they would".split()  # noqa: SIM905
)


def settled(predicted: Mapping[str, float], text: str, language: str, telling: Telling) -> dict[str, float] | None:
    """An identifier's scores after a second opinion, best first; none where no opinion was needed or given.

    Args:
        predicted: scores by code, best first.
        text: what was identified, in any case.
        language: the nation's language.
        telling: the words that tell it and its rivals apart, by code (`corpus.rules.language.telling`).

    Returns:
        The opinion's language with the scores of all languages in question together, then the others.
    """
    family = {language, *telling}
    asked = [code for code, score in predicted.items() if code in family and score >= TORN]
    if len(asked) < 2 or next(iter(predicted)) not in family:
        return None
    found = opinion(text, telling)
    if found is None:
        return None
    moved = sum(score for code, score in predicted.items() if code in asked or code == found)
    rest = {code: score for code, score in predicted.items() if code not in asked and code != found}
    return {found: min(moved, 1.0), **rest}


def opinion(text: str, telling: Telling) -> str | None:
    """The one of some close languages that a text's telling words speak for; none where they are few or do not agree."""
    lists = _apart(tuple((code, tuple(words)) for code, words in sorted(telling.items())))
    words = [word.lower() for word in WORD.findall(text)]
    found = {code: sum(word in told for word in words) for code, told in lists.items()}
    if not found:
        return None
    best = max(found, key=lambda code: (found[code], code))
    others = max((count for code, count in found.items() if code != best), default=0)
    return best if found[best] >= LEAST and found[best] >= AHEAD * others else None


def mixed(data: Bytes, offsets: Counts, scripts: list[str]) -> tuple[Floats, Floats]:
    """How much of each document is of another language.

    Args:
        data: the documents as UTF-8, one after another.
        offsets: where each document begins in `data`, and the end of the last (one more than documents).
        scripts: the Unicode scripts that the nation's language is written in.

    Returns:
        The share of letters outside `scripts`; and the share of words (runs of letters) that are in Latin letters where `scripts`
        has none, or function words of English where it has.
    """
    counts = np.zeros((len(offsets) - 1, 5), np.int64)
    _count(data, offsets, _letters(tuple(scripts)), _english(), counts)
    letters, own, words, latin, english = (column.astype(np.float64) for column in counts.T)
    foreign = english if "Latin" in scripts else latin
    return (letters - own) / np.maximum(letters, 1), foreign / np.maximum(words, 1)


@lru_cache(maxsize=64)
def _apart(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, frozenset[str]]:
    """The words of each language that no other of them has."""
    return {code: frozenset(own).difference(*(other for name, other in lists if name != code)) for code, own in lists}


@cache
def _letters(scripts: tuple[str, ...]) -> Bytes:
    """For every code point: 0 no letter, 1 a letter, 2 a Latin letter; and 4 more where it is of `scripts`."""
    kinds = table(r"[\p{L}\p{M}]").astype(np.uint8)
    kinds[table(r"[\p{Latin}&&\p{L}]")] = 2
    kinds[table(script_class(list(scripts))) if scripts else kinds > 0] |= 4
    return kinds


@cache
def _english() -> NDArray[np.uint64]:
    return np.array(sorted(_hashed(word) for word in ENGLISH), np.uint64)


def _hashed(word: str) -> int:
    """As `_count` hashes a word of ASCII letters."""
    found = 0
    for letter in word:
        found = (found * BASE + ord(letter)) % (1 << 64)
    return found


@kernel
def _count(data: Bytes, offsets: Counts, kinds: Bytes, english: NDArray[np.uint64], counts: Counts) -> None:
    """Of each document: its letters, those of the own scripts, its words, those that begin in Latin, English function words."""
    base = np.uint64(BASE)
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        row = counts[document]
        hashed, inside = np.uint64(0), False
        while at <= end:
            kind, size, code = 0, 1, 0
            if at < end:
                code, size = decode(data, at)
                kind = kinds[code]
            if kind & 3:
                row[0] += 1
                row[1] += kind >> 2
                if not inside:
                    row[2] += 1
                    row[3] += kind & 2 != 0
                    hashed = np.uint64(0)
                hashed = hashed * base + np.uint64(code + 32 if 65 <= code <= 90 else code)
            elif inside:
                place = np.searchsorted(english, hashed)
                row[4] += place < len(english) and english[place] == hashed
            inside = kind & 3 != 0
            at += size
