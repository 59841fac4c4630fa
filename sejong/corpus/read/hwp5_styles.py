"""What an HWP 5 document's `DocInfo` says of its paragraphs: which are headings and list items, and how they are numbered."""

import re
import struct
from typing import NamedTuple

from sejong.corpus.read.hwp5_records import Records
from sejong.corpus.read.numbering import Level

NUMBERING, BULLET, PARAGRAPH_SHAPE, STYLE = 23, 24, 25, 26
LEVELS = 7  # of a numbering in its first table; more stand in a second one
NONE, OUTLINE, NUMBER, BULLETED = range(4)  # kinds of a paragraph's head
# In the order of the specification's table of number formats.
FORMATS = (
    *("DIGIT", "CIRCLED_DIGIT", "ROMAN_CAPITAL", "ROMAN_SMALL", "LATIN_CAPITAL", "LATIN_SMALL", "CIRCLED_LATIN_CAPITAL"),
    *("CIRCLED_LATIN_SMALL", "HANGUL_SYLLABLE", "CIRCLED_HANGUL_SYLLABLE", "HANGUL_JAMO", "CIRCLED_HANGUL_JAMO"),
    *("HANGUL_PHONETIC", "IDEOGRAPH", "CIRCLED_IDEOGRAPH", "DECAGON_CIRCLE", "DECAGON_CIRCLE_HANJA"),
)
OUTLINE_STYLE = re.compile(r"\s*(?:개요|outline)\s*(\d+)", re.IGNORECASE)


class Shape(NamedTuple):
    """A paragraph's head: its kind, its level from 0 on, and the number of its numbering from 1 on."""

    kind: int = NONE
    level: int = 0
    numbering: int = 0


class Styles:
    """The tables of `DocInfo` by their numbers."""

    def __init__(self, records: Records | None = None) -> None:
        self.shapes: list[Shape] = []
        self.headings: list[int | None] = []  # for each style the level of its heading
        self.lists: dict[str, dict[int, Level]] = {}  # "1" is the first numbering
        for record in records.below(-1) if records else ():
            try:
                self._take(record.tag, record.data)
            except struct.error:
                continue  # a record too short for what it should hold changes only marks

    def shape(self, number: int) -> Shape:
        """The head of paragraphs with this shape."""
        return self.shapes[number] if number < len(self.shapes) else Shape()

    def heading(self, style: int) -> int | None:
        """The level of the heading that paragraphs of a style are."""
        return self.headings[style] if style < len(self.headings) else None

    def _take(self, tag: int, data: bytes) -> None:
        if tag == PARAGRAPH_SHAPE:
            self.shapes.append(Shape())
            self.shapes[-1] = _shape(data)
        elif tag == STYLE:
            self.headings.append(None)
            local, end = string(data, 0)
            english, _ = string(data, end)
            found = OUTLINE_STYLE.match(local) or OUTLINE_STYLE.match(english)
            self.headings[-1] = int(found[1]) if found and found[1] != "0" else None
        elif tag == NUMBERING:
            levels: dict[int, Level] = {}
            self.lists[str(len(self.lists) + 1)] = levels
            _numbering(data, levels)


def string(data: bytes, at: int) -> tuple[str, int]:
    """A string with its length before it, in UTF-16, and where it ends."""
    (length,) = struct.unpack_from("<H", data, at)
    end = at + 2 + 2 * length
    return data[at + 2 : end].decode("utf-16-le", "replace"), end


def _shape(data: bytes) -> Shape:
    (attributes,) = struct.unpack_from("<I", data, 0)
    numbering = struct.unpack_from("<H", data, 30)[0] if len(data) >= 32 else 0
    level = struct.unpack_from("<I", data, 54)[0] if len(data) >= 58 else 0  # since 5.1 there are ten levels
    return Shape(attributes >> 23 & 3, level if 0 < level < 10 else attributes >> 25 & 7, numbering)


def _numbering(data: bytes, levels: dict[int, Level]) -> None:
    at = 0
    for level in range(LEVELS):
        (attributes,) = struct.unpack_from("<I", data, at)
        text, at = string(data, at + 12)
        style = attributes >> 5 & 0xF
        levels[level] = Level(text, FORMATS[style])
    (start,) = struct.unpack_from("<H", data, at)
    levels[0] = levels[0]._replace(start=max(start, 1))
    at += 2
    if len(data) >= at + 4 * LEVELS:
        for level, first in enumerate(struct.unpack_from(f"<{LEVELS}I", data, at)):
            levels[level] = levels[level]._replace(start=max(first, 1))
