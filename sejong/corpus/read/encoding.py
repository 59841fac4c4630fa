"""Bytes to text where nobody says how: Unicode first, then the nation's legacy encodings, then charset-normalizer.

An encoding is taken when the bytes are valid in it and what comes out looks like the nation's language: its own script, its
frequent characters, none that only wrong decoding produces. A few broken bytes in an otherwise valid text become U+FFFD.
"""

import codecs
import re
from functools import cache
from typing import NamedTuple

import charset_normalizer
import regex
from charset_normalizer.constant import FREQUENCIES

from sejong.corpus.read.batch import Unreadable
from sejong.corpus.read.formats import Hints
from sejong.language.scripts import script_class

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WIDE = ("utf-16-le", "utf-16-be")
ESCAPED = ("iso2022_kr", "iso2022_jp_2")
# What pages and mails call an encoding, and the superset that is really meant (https://encoding.spec.whatwg.org/#names-and-labels).
MEANT = {
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
}
FITS_ALL = {"cp1252", "windows-1252", "iso-8859-15"}
SAMPLE = 1 << 16  # bytes that are enough to judge by
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
BINARY = 0.02  # share of control bytes from which it is no text
BROKEN = 0.01  # share of broken characters that a text may have
PLAUSIBLE = 0.5  # score from which no other opinion is asked
MOSTLY = 0.5
# What wrong decoding produces and text hardly has: C1 controls, private use, unassigned, half-width forms, lone Hangul letters
ODD = regex.compile(r"[\x80-\x9f\p{Co}\p{Cn}\uff61-\uffdc\u3130-\u318f]")
NOT_ASCII = regex.compile(r"[^\x00-\x7f]")
HIRAGANA = "".join(map(chr, range(0x3041, 0x3097)))
# The 2,350 syllables of KS X 1001, which all but a few words are written with; wrong decoding hits the other 8,822 as often.
USUAL_HANGUL = "".join(bytes((row, cell)).decode("euc_kr") for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF))
RARE_HANGUL = regex.compile(f"[[가-힣]--[{USUAL_HANGUL}]]", regex.V1)


class Guess(NamedTuple):
    """A decoding and how plausible it is: 0 no better than noise, 1 and above text of the nation."""

    text: str
    score: float
    encoding: str


def decode(data: bytes, hints: Hints, declared: str | None = None) -> str:
    """The text of `data`; `declared` is what the file says of itself and is believed where the bytes are valid in it.

    Raises:
        Unreadable: it is binary, or no known encoding makes plausible text of it.
    """
    return recognise(data, hints, declared).text


def recognise(data: bytes, hints: Hints, declared: str | None = None) -> Guess:
    """As `decode`, with the name of the encoding that was found."""
    for mark, name in MARKS:
        if data.startswith(mark):
            return Guess(data[len(mark) :].decode(name, "replace"), 1.0, name)
    if wide := _wide_ascii(data):
        return Guess(data.decode(wide, "replace"), 1.0, wide)
    text = _strict(data, "utf-8")
    binary = len(data) - len(data.translate(None, CONTROLS)) > BINARY * len(data)
    own = None
    if text is None or binary:
        own = _best(data, (*hints.encodings, *(WIDE if hints.scripts and len(data) % 2 == 0 else ())), hints)
        if own and own.encoding in WIDE and own.score >= PLAUSIBLE:
            return own
    if b"\x1b$" in data and (escaped := _best(data, ESCAPED, hints)):
        return escaped
    if binary:
        raise Unreadable("it is binary data, not text")
    if text is None and declared and (stated := _stated(data, declared, own)):
        return stated
    if text is None:
        text = _nearly_utf8(data)
    return _legacy(data, own, hints) if text is None else Guess(text, 1.0, "utf-8")


def _stated(data: bytes, declared: str, own: Guess | None) -> Guess | None:
    """Text in the encoding that is declared, a few broken bytes allowed. Latin letters fit any bytes, and servers declare them
    for pages of every language: they are not believed where the bytes are plausible text of the nation."""
    meant = MEANT.get(declared.lower(), declared)
    if meant in FITS_ALL and own and own.score >= PLAUSIBLE:
        return None
    try:
        text = data.decode(meant, "replace")
    except LookupError:
        return None
    broken = text.count("\ufffd")
    return Guess(text, 1.0, meant) if broken <= BROKEN * len(NOT_ASCII.findall(text)) else None


def _wide_ascii(data: bytes) -> str | None:
    """UTF-16 without a byte order mark shows in Latin text as a zero in every other byte."""
    sample = data[:SAMPLE]
    high_first, low_first = sample[0::2].count(0), sample[1::2].count(0)
    few, many = sorted((high_first, low_first))
    if many * 2 > MOSTLY * len(sample) and few * 2 < BROKEN * len(sample):
        return WIDE[0] if low_first > high_first else WIDE[1]
    return None


def _strict(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _nearly_utf8(data: bytes) -> str | None:
    """UTF-8 with a few broken bytes, or cut in the middle of its last character."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = len(NOT_ASCII.findall(text)) - broken
    cut = broken == 1 and text.endswith("\ufffd") and whole > 0
    return text if cut or broken <= BROKEN * whole else None


def _legacy(data: bytes, own: Guess | None, hints: Hints) -> Guess:
    if own and own.score >= PLAUSIBLE:
        return own
    found = charset_normalizer.from_bytes(data[:SAMPLE]).best()
    if found is not None and not found.encoding.startswith("utf"):
        return Guess(data.decode(found.encoding, "replace"), 0.0, found.encoding)
    if own and own.score > 0:
        return own
    raise Unreadable("its bytes are text in no encoding that is known here")


def _best(data: bytes, names: tuple[str, ...], hints: Hints) -> Guess | None:
    guesses = [guess for name in names if (guess := _guess(data, name, hints))]
    return max(guesses, key=lambda guess: guess.score, default=None)


def _guess(data: bytes, name: str, hints: Hints) -> Guess | None:
    try:
        text = data.decode(name, "replace")
    except LookupError:
        return None
    broken = text.count("\ufffd")
    others = len(NOT_ASCII.findall(text))
    if broken > BROKEN * others:
        return None
    return Guess(text, score(text[:SAMPLE], hints) - broken / max(others, 1), name)


def score(text: str, hints: Hints) -> float:
    """Of the characters beyond ASCII, the share in the nation's script, plus that of frequent ones, less that of odd ones."""
    others = len(NOT_ASCII.findall(text))
    if not others:
        return 0.0
    native, frequent = _characters(hints.scripts)
    bad = 2 * len(ODD.findall(text)) + len(RARE_HANGUL.findall(text))
    return (len(native.findall(text)) + len(frequent.findall(text)) - bad) / others


@cache
def _characters(scripts: tuple[str, ...]) -> tuple["regex.Pattern[str]", "regex.Pattern[str]"]:
    """Patterns of the letters of these scripts, and of those that are frequent in languages written in them, beyond ASCII."""
    letters_of = script_class(list(scripts)) if scripts else r"[\p{L}\p{M}]"
    native = regex.compile(rf"[{letters_of}--[\x00-\x7f]]", regex.V1)
    letters = {letter for language in (*FREQUENCIES.values(), HIRAGANA) for letter in language if native.match(letter)}
    return native, regex.compile(f"[{re.escape(''.join(sorted(letters)))}]" if letters else r"(?!)")
