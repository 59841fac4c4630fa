"""What counts as a word, by name, for whole batches: byte spans that compiled loops can walk.

The rules that count words (Gopher, FineWeb) give other numbers for other units, so a nation's filters.toml and a language's file
name theirs. Rules over code points, compiled:

- `word`: what stands between white space; for Korean that is the eojeol;
- `token`: a run of letters, marks and digits, or one other visible character. Apostrophes within words and points and commas
  within numbers do not part them. This is how rule-based tokenizers count, whose punctuation marks are words of their own;
- `character`: each visible character with the marks that belong to it.

Every word segmenter of `sejong.language.segment` is a unit, too (`kiwi`, `sudachi`, `thai`, `icu` …), and so is each table of
`sejong.language.boundaries`, which decides like one of them a thousand times as fast (`kiwi-fast`).
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.errors import Refused, did_you_mean
from sejong.language import boundaries
from sejong.language.scripts import CODE_POINTS, table
from sejong.language.utf8 import Bytes, decode

Counts = NDArray[np.int64]
Kinds = NDArray[np.uint8]

OTHER, SPACE, LETTER, DIGIT, MARK, APOSTROPHE, POINT = range(7)
BY_WORD, BY_TOKEN, BY_CHARACTER = range(3)
RULES = {"word": BY_WORD, "token": BY_TOKEN, "character": BY_CHARACTER}


class Units(NamedTuple):
    """Where each unit of a batch begins and ends in its bytes, and the number of the document it is in; in order, none empty."""

    starts: Counts
    ends: Counts
    document: Counts


def names() -> list[str]:
    """Every unit there is."""
    from sejong.language import segment

    return sorted({*RULES, *boundaries.names(), *segment.names()})


def check(unit: str) -> None:
    """Refuse a unit that does not exist, before any work is done.

    Raises:
        Refused: no unit has that name; the near ones are given.
    """
    if unit not in names():
        raise Refused(f"there is no unit `{unit}`: {did_you_mean(unit, names())}")


def spans(unit: str, data: Bytes, offsets: Counts) -> Units:
    """The units of a batch of documents.

    Args:
        unit: one of `names()`.
        data: the documents as UTF-8, one after another.
        offsets: where each document begins in `data`, and the end of the last (one more than documents).

    Raises:
        Refused: no unit has that name.
        Failed: the package behind it is not installed.
    """
    if unit in RULES:
        return Units(*_by_rule(data, offsets, _kinds(), RULES[unit]))
    if unit in boundaries.names():
        return Units(*boundaries.spans(boundaries.shipped(unit), data, offsets))
    return _by_segmenter(unit, data, offsets)


def outside_model(unit: str) -> dict[str, str] | None:
    """The row of `outside_models.json` for what others made behind a unit; None where it is only rules.

    Raises:
        Refused: no unit has that name.
    """
    if unit in RULES:
        return None
    if unit in boundaries.names():
        return boundaries.outside_model(unit)
    from sejong.language import segment

    check(unit)
    return segment.outside_model(unit)


def _by_segmenter(unit: str, data: Bytes, offsets: Counts) -> Units:
    from sejong.language import segment  # only here: most corpora need none

    check(unit)
    texts = [data[start:end].tobytes().decode() for start, end in pairwise(offsets)]
    found = segment.spans(unit, texts)
    counts = np.array([len(one) for one in found], np.int64)
    places = np.array([place for one in found for span in one for place in span], np.int64).reshape(-1, 2)
    # The byte at which each character of the batch begins, and the batch's end.
    begins = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))
    places += np.repeat(np.searchsorted(begins, offsets[:-1]), counts)[:, None]
    return Units(begins[places[:, 0]], begins[places[:, 1]], np.repeat(np.arange(len(texts)), counts))


@cache
def _kinds() -> Kinds:
    """For every code point, what a rule does with it."""
    kinds = np.full(CODE_POINTS, OTHER, np.uint8)
    for kind, characters in (
        (SPACE, r"\s"),
        (LETTER, r"[\p{L}\u00ad]"),
        (MARK, r"[\p{M}\u200c\u200d]"),
        (DIGIT, r"\p{N}"),
        (APOSTROPHE, r"['’ʼ·]"),
        (POINT, r"[.,٫٬]"),
    ):
        kinds[table(characters)] = kind
    kinds[0x1C:0x20] = SPACE  # separators of files, groups, records and units: Python splits at them
    return kinds


@kernel
def _by_rule(data: Bytes, offsets: Counts, kinds: Kinds, rule: int) -> tuple[Counts, Counts, Counts]:
    none = np.empty(0, np.int64)
    count = _walk(data, offsets, kinds, rule, none, none, none)
    starts, ends, documents = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    _walk(data, offsets, kinds, rule, starts, ends, documents)
    return starts, ends, documents


@kernel
def _walk(data: Bytes, offsets: Counts, kinds: Kinds, rule: int, starts: Counts, ends: Counts, documents: Counts) -> int:
    """Count the units and, where there is room, write each one's start, end and document."""
    count = 0
    write = len(starts) > 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        start = np.int64(-1)  # of the open unit
        before = SPACE  # kind of the character before
        bridge = False  # whether that was an apostrophe or point that may belong to the open unit
        inner = SPACE  # kind of the character before such a bridge
        bridge_at = at
        while at < end:
            code, size = decode(data, at)
            kind = kinds[code]
            if rule == BY_WORD:
                joins = start >= 0 and kind != SPACE
            elif rule == BY_CHARACTER:
                joins = start >= 0 and kind == MARK
            elif bridge:
                joins = kind == DIGIT or (kind == LETTER and before == APOSTROPHE)
                joins = joins and (inner == DIGIT or before == APOSTROPHE)
                if not joins:  # it ended the word before it, and is a word itself
                    if write:
                        starts[count], ends[count], documents[count] = start, bridge_at, document
                    count += 1
                    start = bridge_at
                    joins = kind == MARK
                bridge = False
            else:
                apart = before in (OTHER, APOSTROPHE, POINT)
                joins = start >= 0 and (kind == MARK or (kind in (LETTER, DIGIT) and not apart))
                if start >= 0 and kind in (APOSTROPHE, POINT) and before in (LETTER, DIGIT, MARK):
                    bridge, bridge_at, inner, joins = True, at, before, True
            if not joins:
                if start >= 0:
                    if write:
                        starts[count], ends[count], documents[count] = start, at, document
                    count += 1
                start = at if kind != SPACE else np.int64(-1)
            # A mark does not change what it stands on.
            before = before if kind == MARK and before != SPACE else kind
            at += size
        if bridge:
            if write:
                starts[count], ends[count], documents[count] = start, bridge_at, document
            count += 1
            start = bridge_at
        if start >= 0:
            if write:
                starts[count], ends[count], documents[count] = start, end, document
            count += 1
    return count
