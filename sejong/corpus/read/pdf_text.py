"""The text layer of a PDF page as lines: what is drawn, what is hidden, and what its fonts do not say (PDFium)."""

import ctypes
import unicodedata
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium
import regex

from sejong.corpus.read.encoding import RARE_HANGUL
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.layout import Line
from sejong.language.scripts import script_class

INVISIBLE = 3  # the render mode of text that is not drawn
GARBAGE = 0.1  # share of a line's characters that are no text, from which it is garbage
STRANGE = 3  # scripts besides the nation's in one line, from which it is garbage
RIGHT_TO_LEFT = regex.compile(r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}]")
# Private use but for the bullets of symbol fonts; controls; unassigned and broken characters
NO_TEXT = regex.compile(r"[[\p{Co}\p{Cn}\ufffd\x00-\x08\x0b-\x1f\x7f-\x9f]--[\uf000-\uf0ff\x02]]", regex.V1)
LETTER = regex.compile(r"\p{L}")
PRESENTATION = regex.compile(r"[\ufb1d-\ufdff\ufe70-\ufefc]+")  # shapes of Arabic and Hebrew letters
SYMBOLS = regex.compile(r"[\uf000-\uf0ff]")  # of symbol fonts, mostly bullets

Box = tuple[float, float, float, float]


class Layer(NamedTuple):
    """A page's lines that can be read, those that are garbage, and whether text that is not drawn was among them."""

    lines: list[Line]
    garbage: list[Line]
    hidden: bool


def layer(page: pypdfium2.PdfTextPage, hints: Hints) -> Layer:
    """The page's text. Text that is not drawn counts only where there is no other: a scan's recognised text."""
    drawn: list[Line] = []
    hidden: list[Line] = []
    first = 0
    codes = [pdfium.FPDFText_GetUnicode(page, index) for index in range(page.count_chars())]
    for index, code in enumerate([*codes, 10]):
        if code in (10, 13):
            if line := _line(page, codes, first, index):
                (hidden if _is_hidden(page, codes, first, index) else drawn).append(line)
            first = index + 1
    found = drawn if _letters(drawn) >= _letters(hidden) else hidden
    garbage = {id(line) for line in found if is_garbage(line.text, hints)}
    return Layer(
        [line for line in found if id(line) not in garbage], [line for line in found if id(line) in garbage], hidden=bool(hidden)
    )


def is_garbage(text: str, hints: Hints) -> bool:
    """Whether a line is what fonts without a usable character map give: no text, or letters of scripts from everywhere."""
    letters = "".join(text.split())
    bad = len(NO_TEXT.findall(letters))
    if "Hangul" in hints.scripts:
        bad += len(RARE_HANGUL.findall(letters))
    if bad > GARBAGE * len(letters):
        return True
    if not hints.scripts:
        return False
    own = regex.compile(rf"[[{script_class([*hints.scripts, 'Latin', 'Han', 'Common', 'Inherited'])}]]", regex.V1)
    others = {unicodedata.name(one, "?").split()[0] for one in letters if LETTER.match(one) and not own.match(one)}
    return len(others) >= STRANGE


def _letters(lines: list[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _is_hidden(page: pypdfium2.PdfTextPage, codes: list[int], first: int, end: int) -> bool:
    index = next(index for index in range(first, end) if codes[index] > 32)
    drawn_by = pdfium.FPDFText_GetTextObject(page, index)
    return bool(drawn_by) and pdfium.FPDFTextObj_GetTextRenderMode(drawn_by) == INVISIBLE


def _line(page: pypdfium2.PdfTextPage, codes: list[int], first: int, end: int) -> Line | None:
    visible = [index for index in range(first, end) if codes[index] > 32]
    if not visible:
        return None
    letters = list(map(_character, codes[first:end]))
    if any(RIGHT_TO_LEFT.match(one) for one in letters):
        letters = _in_order(letters, [_box(page, index) for index in range(first, end)])
    text = SYMBOLS.sub("•", "".join(letters))
    text = PRESENTATION.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    boxes = [_box(page, index) for index in (visible[0], visible[len(visible) // 2], visible[-1])]
    left, right = min(box[0] for box in boxes), max(box[1] for box in boxes)
    bottom, top = min(box[2] for box in boxes), max(box[3] for box in boxes)
    vertical = len(visible) > 1 and top - bottom > 1.5 * (right - left)
    places = (0, 1) if vertical else (2, 3)
    size = sorted(box[places[1]] - box[places[0]] for box in boxes)[1]
    return Line(text, left, right, bottom, top, size=round(2 * size) / 2, vertical=vertical)


def _in_order(letters: list[str], boxes: list[Box]) -> list[str]:
    """Letters from right to left, as they are read. PDFium turns each of them round, also those that one glyph stands for:
    they have one box, and are turned back here.
    """
    ordered: list[str] = []
    start = 0
    for index in range(1, len(letters) + 1):
        if index == len(letters) or boxes[index] != boxes[start]:
            run = letters[start:index]
            ordered.extend(reversed(run) if any(RIGHT_TO_LEFT.match(one) for one in run) else run)
            start = index
    return ordered


def _box(page: pypdfium2.PdfTextPage, index: int) -> Box:
    """Left, right, bottom and top of a character, by its font's size and not by its ink."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(page, index, ctypes.byref(box))
    return box.left, box.right, box.bottom, box.top


def _character(code: int) -> str:
    """2 and U+FFFE are how PDFium gives a hyphen at which a word was broken."""
    return "\u00ad" if code in (2, 0xFFFE) else chr(code) if code < 0x110000 else ""
