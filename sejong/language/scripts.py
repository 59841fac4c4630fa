"""Texts as columns of code points, and what share of their letters belongs to a script.

A batch of texts becomes one array of Unicode code points, so that a property of every character of thousands of texts is one
look-up in a table. The quality rules of the corpus and the shingles of its duplicate search work on the same columns.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex
from numpy.typing import NDArray

from sejong.errors import Refused, did_you_mean

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]

CODE_POINTS = 0x110000
DESERT = 0x40000  # from here on the Unicode standard has assigned nothing but private use and what is in
TAGS = range(0xE0000, 0xE1000)
# Offered when a name is wrong; every script of the Unicode standard is accepted.
COMMON_SCRIPTS = [
    "Arabic",
    "Armenian",
    "Bengali",
    "Cyrillic",
    "Devanagari",
    "Ethiopic",
    "Georgian",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Kannada",
    "Katakana",
    "Khmer",
    "Lao",
    "Latin",
    "Malayalam",
    "Mongolian",
    "Myanmar",
    "Oriya",
    "Sinhala",
    "Tamil",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
]


@dataclass(frozen=True)
class Characters:
    """The code points of a batch of texts, one after another; text `i` is `codes[starts[i]:ends[i]]`."""

    codes: NDArray[np.uint32]
    starts: Counts
    ends: Counts

    @classmethod
    def of(cls, texts: Any) -> "Characters":
        """From an Arrow string column without nulls (array or chunked array)."""
        column = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) and texts.num_chunks else texts
        if len(column) == 0:
            return cls(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.int64))
        column = column.cast(pa.large_string())
        offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]
        data = column.buffers()[2]
        utf8 = memoryview(data)[offsets[0] : offsets[-1]] if data is not None else memoryview(b"")
        codes = np.frombuffer(str(utf8, "utf-8").encode("utf-32-le"), np.uint32)
        ends = np.cumsum(pc.utf8_length(column).to_numpy(zero_copy_only=False).astype(np.int64))
        return cls(codes, ends - np.diff(ends, prepend=0), ends)

    @property
    def lengths(self) -> Counts:
        """Characters of each text."""
        return self.ends - self.starts

    def count(self, marked: Bools) -> Counts:
        """How many of each text's characters are marked."""
        running = np.concatenate([[0], np.cumsum(marked, dtype=np.int64)])
        counted: Counts = running[self.ends] - running[self.starts]
        return counted

    def are(self, characters: str) -> Bools:
        """Which characters belong to a character class in `regex` notation, such as `\\p{L}`."""
        marked: Bools = table(characters)[self.codes]
        return marked


@cache
def table(characters: str) -> Bools:
    """For every code point, whether it belongs to a character class such as `\\p{Hangul}` or `[.!?]`."""
    named = [*map(ord, characters), *(int(one, 16) for one in regex.findall(r"\\U(\w{8})", characters))]
    text, sizes = _characters(whole=max(named) >= DESERT)
    found = np.zeros(len(text), np.bool_)
    for run in regex.finditer(f"{characters}+", text, flags=regex.V1):
        found[run.start() : run.end()] = True
    marked = np.concatenate([found[:DESERT], np.repeat(found[DESERT:], sizes)])
    marked.flags.writeable = False
    return marked


def script_class(scripts: list[str]) -> str:
    """The character class of the letters and marks of some Unicode scripts.

    Raises:
        Refused: a name is not a script of the Unicode standard.
    """
    for name in scripts:
        try:
            regex.compile(rf"\p{{Script={name}}}")
        except regex.error as error:
            raise Refused(f"there is no Unicode script `{name}`: {did_you_mean(name, COMMON_SCRIPTS)}") from error
    inside = "".join(rf"\p{{Script_Extensions={name}}}" for name in scripts)
    return rf"[[{inside}]&&[\p{{L}}\p{{M}}]]"


def share(column: Characters, scripts: list[str]) -> NDArray[np.float64]:
    """The share of each text's letters that belong to `scripts`; 0 where a text has no letters."""
    own = column.count(column.are(script_class(scripts)))
    letters = column.count(column.are(r"[\p{L}\p{M}]"))
    return own / np.maximum(letters, 1)


@cache
def _characters(whole: bool) -> tuple[str, Counts]:
    """Every code point, or from `DESERT` on only the first of those that no property tells apart; and for how many each of these
    stands."""
    codes = np.arange(CODE_POINTS, dtype="<u4")
    if not whole:
        borders = np.isin(codes & 0xFFFF, (0x0000, 0xFFFE, 0xFFFF))  # a plane ends with two noncharacters
        tags = (codes >= TAGS.start) & (codes <= TAGS.stop)
        codes = codes[(codes < DESERT) | tags | borders]
    sizes: Counts = np.diff(codes[DESERT:].astype(np.int64), append=CODE_POINTS).astype(np.int64)
    return codes.tobytes().decode("utf-32-le", "surrogatepass"), sizes
