"""A batch of documents as the quality rules see it: the bytes of its texts, and the words and lines that kernels find in them.

Whatever a rule asks for is computed once a batch, when first asked for.
"""

from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sejong.corpus.kernels import measure, repeat, scan, tally
from sejong.language.scripts import CODE_POINTS, Bools, Characters, Counts, script_class, table

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Columns = NDArray[np.int64]  # (documents, figures)

# The marks that end a sentence in Unicode 13, with the Khmer signs that end one as well: FineWeb's and Gopher's implementations
# in datatrove count these; marks that came later and the forms for vertical lines are none of them.
TERMINALS = (
    r"[\p{Sentence_Terminal}\u17D6\u17D9\u17DA"
    r"--[\u1B4E\u1B4F\u1B7F\u2024\u2CF9-\u2CFB\u2E60\u2E61\uFE12\uFE15\uFE16\U000113D4\U000113D5\U00016D6E\U00016D6F]]"
)
# What a word must have something beside, to count as a word for Gopher's rules in datatrove.
PUNCTUATION = (
    rf"[{TERMINALS}[\p{{Cc}}--[\n\t]]"
    r"[!-/:-@\[-`{-~«´»–—’“”„…∶━►、〈-》「」【】％（），１：；～]]"
)
SPACES = r"[\s\x1C-\x1F]"  # str.isspace
BREAKS = r"[\n-\r\x1C-\x1E\x85\u2028\u2029]"  # str.splitlines
MARKS_OF_CODE = r"[{}\[\]<>=|\\^~#$%&*_@+`/]"


@dataclass(frozen=True)
class Words:
    """The words of a batch. Those of document `d` are `first[d] … first[d + 1] - 2`; one more slot holds the totals.

    `start` and `end` are bytes from the document's first; `visible` characters and `prefix`, their polynomial hash, are those of
    the words before. `counts` has a row a document with the columns of `kernels.scan`.
    """

    first: Counts
    start: NDArray[np.uint32]
    end: NDArray[np.uint32]
    visible: NDArray[np.uint32]
    prefix: NDArray[np.uint64]
    counts: Columns

    @classmethod
    def room(cls, documents: int, slots: int) -> "Words":
        """Columns to be filled."""
        first, counts = np.zeros(documents + 1, np.int64), np.zeros((documents, scan.COUNTS), np.int64)
        start, end, visible = (np.empty(slots, np.uint32) for _ in range(3))
        return cls(first, start, end, visible, np.empty(slots, np.uint64), counts)


@dataclass(frozen=True)
class Lines:
    """The lines of a batch, what stands between line feeds; empty ones are left out. Those of document `d` are
    `first[d] … first[d + 1] - 1`; `start` and `end` are bytes from the document's first, `length` is in characters, `last` the
    last code point; a `blank` line has only white space."""

    first: Counts
    start: NDArray[np.uint32]
    end: NDArray[np.uint32]
    length: NDArray[np.uint32]
    hashes: NDArray[np.uint64]
    blank: Bools
    last: NDArray[np.uint32]

    @classmethod
    def room(cls, documents: int, lines: int) -> "Lines":
        """Columns to be filled."""
        start, end, length, last = (np.empty(lines, np.uint32) for _ in range(4))
        return cls(np.zeros(documents + 1, np.int64), start, end, length, np.empty(lines, np.uint64), np.empty(lines, bool), last)

    def upto(self, count: int) -> "Lines":
        """The first `count` of them."""
        start, end, length, last = (one[:count] for one in (self.start, self.end, self.length, self.last))
        return Lines(self.first, start, end, length, self.hashes[:count], self.blank[:count], last)


class Pages:
    """Documents in columns.

    Args:
        texts: their texts, an Arrow column of strings without nulls.
        scripts: Unicode scripts of the nation's language.
        table: all that is known of the documents, a row each, where there is more than the text.
    """

    def __init__(self, texts: Any, scripts: list[str], table: Any = None) -> None:
        if isinstance(texts, Characters):  # code points of texts, as the screen had them
            texts = _strings(texts)
        self.texts = _one_array(texts)
        self.scripts = scripts
        self.table = table
        self.count = len(self.texts)
        self.asked: Bools = np.ones(self.count, bool)
        self.ends: str | None = None  # the characters that end a sentence, where a rule will ask: all is counted in one pass
        self._tallies: dict[str | None, Columns] = {}
        self._measured: dict[str, Words] = {}
        self._lines: tuple[Lines, Columns] | None = None

    def with_texts(self, texts: Any, lines: tuple[Lines, Columns] | None = None) -> "Pages":
        """The same documents after a step has changed their texts; `lines` and what is counted of them, where it knows."""
        changed = self.table
        if changed is not None:
            place = changed.column_names.index("text")
            changed = changed.set_column(place, changed.field(place), texts.cast(changed.field(place).type))
        pages = Pages(texts, self.scripts, changed).asking(self.asked)
        pages._lines, pages.ends = lines, self.ends
        return pages

    def asking(self, asked: Bools) -> "Pages":
        """The same documents with what is known of them; only those `asked` are measured from now on, others may stay at 0."""
        pages = copy(self)
        pages.asked = asked
        pages._tallies, pages._measured = dict(self._tallies), dict(self._measured)
        return pages

    @cached_property
    def utf8(self) -> tuple[Bytes, Counts]:
        """The bytes of the texts, and where each begins in them (one more than documents). Nothing is copied."""
        buffers = self.texts.buffers()
        start, count = self.texts.offset, self.count
        if count == 0:
            return np.empty(0, np.uint8), np.zeros(1, np.int64)
        offsets = np.frombuffer(buffers[1], np.int64)[start : start + count + 1]
        data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None and buffers[2].size else np.empty(0, np.uint8)
        return data[offsets[0] : offsets[-1]], offsets - offsets[0]

    @cached_property
    def characters(self) -> Characters:
        """The code points of the texts (four bytes each)."""
        return Characters.of(self.texts)

    @cached_property
    def scanned(self) -> tuple[Words, Lines]:
        """Words between spaces, and lines."""
        data, offsets = self.utf8
        spaces, newlines = scan.most(data)
        words = Words.room(self.count, spaces + 2 * self.count + 1)
        lines = Lines.room(self.count, newlines + self.count + 1)
        scan.scan(
            data, offsets, self.asked, classes(), words.first, words.start, words.end, words.visible, words.prefix,
            lines.first, lines.start, lines.end, lines.length, lines.hashes, lines.blank, lines.last, words.counts,
        )  # fmt: skip
        return words, lines.upto(int(lines.first[-1]))

    def words(self, unit: str) -> Words:
        """The words in a unit: `word` (between spaces) or one of `sejong.language.units`."""
        if unit == "word":
            return self.scanned[0]
        return self._measured[unit] if unit in self._measured else self._measured.setdefault(unit, self._measure(unit))

    @property
    def lines(self) -> Lines:
        """The lines."""
        return self.scanned[1] if self._lines is None else self._lines[0]

    @property
    def line_counts(self) -> Columns:
        """Of `counts` what stands in lines: characters, words, line feeds, the first and last visible byte."""
        return self.counts if self._lines is None else self._lines[1]

    @property
    def counts(self) -> Columns:
        """What `scan` counted of each document: the columns of `kernels.scan`, words between spaces."""
        return self.scanned[0].counts

    @cached_property
    def line_repeats(self) -> Columns:
        """What repeats among lines and paragraphs: the columns of `kernels.repeat`."""
        data, offsets = self.utf8
        found, own = np.zeros((self.count, repeat.COUNTS), np.int64), self.lines
        repeat.lines(
            data,
            offsets,
            self.asked,
            classes(),
            own.first,
            own.start,
            own.end,
            own.length,
            own.hashes,
            own.blank,
            self.line_counts,
            found,
        )
        return found

    def tally(self, ends: str | None = None) -> Columns:
        """Letters, own letters, marks of code, damaged characters, sentences: the columns of `kernels.tally`, by `ends`, the
        characters that end a sentence (any of those already asked for where none are given)."""
        if ends is None and self._tallies:
            return next(iter(self._tallies.values()))
        ends = self.ends if ends is None else ends
        if ends not in self._tallies:
            data, offsets = self.utf8
            counts = np.zeros((self.count, tally.COUNTS), np.int64)
            tally.tally(data, offsets, self.asked, _tally_classes(tuple(self.scripts), ends), counts)
            self._tallies[ends] = counts
        return self._tallies[ends]

    @cached_property
    def visible(self) -> Floats:
        """Characters of each document that are not white space."""
        words, _ = self.scanned
        return words.visible[words.first[1:] - 1].astype(np.float64)

    def of(self, column: int) -> Floats:
        """One of the figures that `scan` counts of each document."""
        return self.counts[:, column].astype(np.float64)

    def _measure(self, unit: str) -> Words:
        from sejong.language import units

        data, offsets = self.utf8
        found = units.spans(unit, data, offsets)
        words = Words.room(self.count, len(found.starts) + self.count)
        measure.measure(
            data, offsets, classes(), found.starts, found.ends, found.document,
            words.first, words.start, words.end, words.visible, words.prefix, words.counts,
        )  # fmt: skip
        return words


@cache
def classes() -> Bytes:
    """For every code point the class bits that `scan` asks for."""
    return bits(
        {
            scan.SPACE: SPACES,
            scan.BREAK: BREAKS,
            scan.ALPHABETIC: r"\p{L}",
            scan.PLAIN: rf"[^{PUNCTUATION}]",
            scan.MARKED: "[#.…]",
            scan.BULLET: r"[•\-]",
        }
    )


def bits(characters: dict[int, str]) -> Bytes:
    """For every code point a byte with a bit for each class of characters, given in `regex` notation."""
    found = np.zeros(CODE_POINTS, np.uint8)
    for bit, one in characters.items():
        found |= table(one).astype(np.uint8) * np.uint8(bit)
    found.flags.writeable = False
    return found


@cache
def _tally_classes(scripts: tuple[str, ...], ends: str | None) -> Bytes:
    return bits(
        {
            1 << tally.LETTERS: r"[\p{L}\p{M}]",
            1 << tally.OWN_LETTERS: script_class(list(scripts)) if scripts else r"[\p{L}\p{M}]",
            1 << tally.SYMBOLS: MARKS_OF_CODE,
            1 << tally.DAMAGED: r"[\uFFFD\p{Cc}--[\n\r\t]]",
            tally.STOP: one_of(ends) if ends else TERMINALS,
            tally.CLOSED: r"[\p{L}\p{M}\p{N}\p{Pe}\p{Pf}\p{So}\"'`*]",
            tally.BEHIND: rf"[{SPACES}\p{{Pe}}\p{{Pf}}\"'*]",
            tally.WIDE: "[。！？｡।॥។။]",
        }
    )


def one_of(characters: str) -> str:
    """The class of some characters in `regex` notation; of none, one that nothing is in."""
    if not characters:
        return "(?!)"
    return "[" + "".join(rf"\U{ord(one):08X}" for one in characters) + "]"


def _one_array(texts: Any) -> Any:
    """A column of strings in one piece, with offsets of 64 bits."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks() if texts.num_chunks != 1 else texts.chunk(0)
        texts = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts
    return texts.cast(pa.large_string())


def _strings(column: Characters) -> Any:
    """Texts from their code points."""
    codes = column.codes.astype("<u4")
    texts = [codes[one:other].tobytes().decode("utf-32-le") for one, other in zip(column.starts, column.ends, strict=True)]
    return pa.array(texts, pa.large_string())


@cache
def lower() -> NDArray[np.uint32]:
    """For every code point its lower-case letter, where that is one code point."""
    lowered = np.arange(CODE_POINTS, dtype=np.uint32)
    for code in np.flatnonzero(table(r"[\p{Lu}\p{Lt}\p{Other_Uppercase}]")):
        small = chr(code).lower()
        if len(small) == 1:
            lowered[code] = ord(small)
    return lowered
