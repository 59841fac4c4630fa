"""PDF: the text layer in reading order, lines joined to paragraphs, large type as headings, page furniture left out (PDFium)."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.layout import Line, in_reading_order, paragraphs

LARGEST = 256 << 20  # bytes of a file
FURNITURE_PAGES = 3  # from this many pages on, a line at the edge of at least half of them is furniture
NUMBER = re.compile(r"\d+")


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unreadable(f"the PDF is larger than {LARGEST >> 20} MiB")
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        why = "it needs a password" if "password" in str(error).lower() else f"it is damaged ({error})"
        raise Unreadable(f"the PDF cannot be opened: {why}") from error
    try:
        pages, faults = _pages(document)
    finally:
        document.close()
    yield from faults
    text = "\n\n".join(paragraphs(_without_furniture(pages)))
    if not text.strip():
        raise Unreadable(
            f"the PDF has no text, only {len(pages)} pages of pictures: run character recognition (OCR) over it first"
        )
    yield Text(text)


def _pages(document: pypdfium2.PdfDocument) -> tuple[list[list[Line]], list[Unread]]:
    """Each page's lines in reading order, and the pages that could not be read."""
    pages, faults = [], []
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage()
            pages.append(in_reading_order(_lines(text)))
            text.close()
            page.close()
        except pypdfium2.PdfiumError as error:
            faults.append(Unread(f"page {number + 1} cannot be read ({error})", f"page-{number + 1}"))
    return pages, faults


def _lines(page: pypdfium2.PdfTextPage) -> list[Line]:
    """The page's lines as PDFium finds them, in the order in which they are drawn."""
    lines = []
    first = 0
    codes = [pdfium.FPDFText_GetUnicode(page, index) for index in range(page.count_chars())]
    for index, code in enumerate([*codes, 10]):
        if code in (10, 13):
            if line := _line(page, codes, first, index):
                lines.append(line)
            first = index + 1
    return lines


def _line(page: pypdfium2.PdfTextPage, codes: list[int], first: int, end: int) -> Line | None:
    text = "".join(map(_character, codes[first:end]))
    visible = [index for index in range(first, end) if codes[index] > 32]
    if not visible:
        return None
    boxes = [_box(page, index) for index in (visible[0], visible[len(visible) // 2], visible[-1])]
    left, right = min(box[0] for box in boxes), max(box[1] for box in boxes)
    bottom, top = min(box[2] for box in boxes), max(box[3] for box in boxes)
    return Line(text, left, right, bottom, top, size=round(2 * sorted(box[3] - box[2] for box in boxes)[1]) / 2)


def _box(page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a character, by its font's size and not by its ink."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(page, index, ctypes.byref(box))
    return box.left, box.right, box.bottom, box.top


def _character(code: int) -> str:
    """2 and U+FFFE are how PDFium gives a hyphen at which a word was broken."""
    return "\u00ad" if code in (2, 0xFFFE) else chr(code) if code < 0x110000 else ""


def _without_furniture(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without running heads and feet: edge lines that return, numbers aside, on at least half of the pages."""
    if len(pages) < FURNITURE_PAGES:
        return pages
    edges = Counter(shape for page in pages for shape in {_shape(line) for line in _edges(page)})
    returning = {shape for shape, count in edges.items() if count >= max(FURNITURE_PAGES, len(pages) / 2)}
    return [[line for line in page if not (_shape(line) in returning and line in _edges(page))] for page in pages]


def _edges(page: list[Line]) -> list[Line]:
    by_height = sorted(page, key=lambda line: line.top)
    return by_height[:2] + by_height[-2:]


def _shape(line: Line) -> str:
    return NUMBER.sub("0", line.text.strip())
