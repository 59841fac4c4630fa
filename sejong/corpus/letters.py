"""Letters of UTF-8 text for compiled loops: one table that folds every code point, and a mixer of hashes.

A letter is a letter, mark or digit of Unicode, folded to lower case; everything else separates. That is what the shingles of the
duplicate search are made of, too, so that neither layout, spacing nor punctuation hides anything.
"""

from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sejong.compiled import inlined_kernel
from sejong.language import utf8
from sejong.language.scripts import CODE_POINTS, Bools, Counts, script_class, table
from sejong.language.utf8 import Bytes

Codes = NDArray[np.uint32]
Hashes = NDArray[np.uint64]

LETTER = r"[\p{L}\p{M}\p{N}]"
# Scripts whose languages put no spaces between words.
SPACELESS = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan")
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio
FIRST = np.uint64(0xBF58476D1CE4E5B9)  # the constants of splitmix64 (Steele, Lea and Flood 2014)
SECOND = np.uint64(0x94D049BB133111EB)


@cache
def folded() -> Codes:
    """For every code point its lower-case letter, or 0 where it is no letter."""
    codes = np.where(table(LETTER), np.arange(CODE_POINTS, dtype=np.uint32), np.uint32(0))
    for code in np.flatnonzero(table(r"\p{Lu}")):
        small = chr(code).lower()
        if len(small) == 1:
            codes[code] = ord(small)
    return codes


def writes_no_spaces(scripts: list[str]) -> bool:
    """Whether a language written in some scripts puts no spaces between words."""
    return any(script in SPACELESS for script in scripts)


def spaceless() -> Bools:
    """For every code point whether it is a letter of a script without spaces."""
    return table(script_class(list(SPACELESS)))


def utf8_of(texts: list[str]) -> tuple[Bytes, Counts]:
    """Texts as bytes one after another, and where each begins (one offset more than texts)."""
    return utf8.utf8_of(pa.array(texts, pa.large_string()))


@inlined_kernel
def mix(value: np.uint64) -> np.uint64:
    """splitmix64's finaliser: every output bit depends on every input bit."""
    value = (value ^ (value >> np.uint64(30))) * FIRST
    value = (value ^ (value >> np.uint64(27))) * SECOND
    return value ^ (value >> np.uint64(31))
