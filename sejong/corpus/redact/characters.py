"""Characters as the search for identifiers sees them: the class of each, and text with digits, letters and signs of any width or
script as ASCII."""

import unicodedata

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

OTHER, DIGIT, HYPHEN, SPACE, DOT, BRACKET, PLUS, LETTER, CAPITAL, AT, COLON, MARK = range(12)  # classes of characters

HYPHENS = "-‐‑‒–−－ーｰ"  # the last two are the Japanese sign for a long vowel, often typed for a hyphen
SPACES = " \xa0\u3000"
WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
DIGITS = {code: str(unicodedata.decimal(chr(code))) for code in range(128, 1 << 16) if chr(code).isdecimal()}
NORMAL = {**WIDE, **DIGITS, **{ord(one): "-" for one in HYPHENS}, **{ord(one): " " for one in SPACES}}


def normal(text: str) -> str:
    """Digits, letters, hyphens and spaces of any width or script as ASCII, one character for one."""
    return text if text.isascii() else text.translate(NORMAL)


def _classes() -> Bytes:
    """The class of each code point of the basic plane."""
    found = np.zeros(1 << 16, np.uint8)
    for code in range(128):
        found[code] = (
            CAPITAL if chr(code).isupper() else LETTER if chr(code).isalpha() else DIGIT if chr(code).isdigit() else OTHER
        )
    for marks, own in (
        ("-", HYPHEN),
        (" ", SPACE),
        (".", DOT),
        ("()", BRACKET),
        ("+", PLUS),
        ("@", AT),
        (":", COLON),
        ("_%", MARK),
    ):
        for mark in marks:
            found[ord(mark)] = own
    for code, ascii_character in NORMAL.items():
        found[code] = found[ord(ascii_character)]
    return found


def _begins(classes: Bytes) -> NDArray[np.bool_]:
    """Whether a character that begins a place may have this first byte (the others of a character never do); from 256 on the
    same for characters of three bytes, by the 64 code points that share the first two."""
    begins = np.zeros(256 + 1024, np.bool_)
    for code in np.flatnonzero(np.isin(classes, (DIGIT, AT, COLON))).tolist():
        begins[chr(code).encode()[0]] = True
        if code >= 0x800:
            begins[256 + (code >> 6)] = True
    return begins


CLASSES = _classes()
BEGINS = _begins(CLASSES)
