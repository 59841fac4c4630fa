"""Words where a language puts no spaces between them, as ICU finds them (Unicode UAX #29, with ICU's own word lists for Thai,
Khmer, Lao, Burmese, Chinese and Japanese; between spaces and marks for every other script).

The lists stand in ICU's data: a word which is not in them falls apart into syllables or characters. ICU chooses the list by the
script of each run, so that no language need be named.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import icu
import numpy as np

from sejong.language import Span

LAST_OF_ONE_UNIT = 0xFFFF  # ICU counts in UTF-16; characters above this take two


def words(texts: list[str]) -> Iterator[list[Span]]:
    """Character spans of the words and marks of each text, white space left out."""
    breaks = icu.BreakIterator.createWordInstance(icu.Locale.getRoot())
    for text in texts:
        breaks.setText(text)
        places = [0, *breaks]
        if text and max(text) > chr(LAST_OF_ONE_UNIT):
            places = _in_characters(text, places)
        yield [(start, end) for start, end in pairwise(places) if not text[start:end].isspace()]


def version() -> str:
    """ICU's own version, such as 77.1."""
    return str(icu.ICU_VERSION)


def libraries() -> list[Path]:
    """The files that hold ICU's rules and word lists, where they come with the Python package."""
    package = Path(icu.__file__).parent
    return sorted(package.parent.glob("*icu*.libs/libicudata*")) or sorted(package.glob("_icu_*"))


def _in_characters(text: str, places: list[int]) -> list[int]:
    """Positions in UTF-16 as positions in characters."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    begins = np.concatenate([[0], np.cumsum(1 + (codes > LAST_OF_ONE_UNIT))])
    return [int(place) for place in np.searchsorted(begins, places)]
