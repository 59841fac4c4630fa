"""One form for all text: what a document may contain, stated once."""

import re
import unicodedata

import ftfy
from ftfy.badness import is_bad

LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# C0 and C1 controls but tab and newline, byte order marks, soft hyphens, noncharacters
REMOVED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ufeff\ufffe\uffff\ufdd0-\ufdef]")
SURROGATES = re.compile("[\ud800-\udfff]")
SPACES_AT_LINE_END = re.compile(r"[ \t\u00a0\u3000]+$", re.MULTILINE)
BLANK_LINES = re.compile(r"\n{3,}")
# UTF-8 bytes that were read as Latin-1 or Windows-1252: a lead byte and what a following byte looks like
MOJIBAKE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)


def clean(text: str) -> str:
    """`text` in NFC, with newlines as the only line ends, no other control characters, no trailing spaces, at most one blank line
    between paragraphs, and mojibake repaired where ftfy is certain of it. Cleaning what is clean changes nothing.
    """
    text = _normal(text)
    while MOJIBAKE.search(text) and (repaired := _normal("\n".join(map(_repaired, text.split("\n"))))) != text:
        text = repaired
    return BLANK_LINES.sub("\n\n", text).strip("\n")


def _normal(text: str) -> str:
    """Everything that is done to the characters of each line, whatever they say."""
    if SURROGATES.search(text):
        text = SURROGATES.sub("\ufffd", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    text = REMOVED.sub("", LINE_ENDS.sub("\n", text))
    return SPACES_AT_LINE_END.sub("", unicodedata.normalize("NFC", text))


def _repaired(line: str) -> str:
    return ftfy.fix_encoding(line) if MOJIBAKE.search(line) and is_bad(line) else line
