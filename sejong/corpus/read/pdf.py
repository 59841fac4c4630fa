"""PDF: the text layer in reading order, lines joined to paragraphs, large type as headings, page furniture left out (PDFium).

Pages that are scans, and lines whose fonts do not say what their characters are, are recognised (OCR) where that is installed.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pypdfium2
import pypdfium2.raw as pdfium

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, documents
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.layout import Line, in_reading_order, paragraphs
from sejong.corpus.read.ocr import NotRead, Word, recognise
from sejong.corpus.read.ocr_lines import lines_of
from sejong.corpus.read.pdf_text import Layer, layer

LARGEST = 256 << 20  # bytes of a file
FURNITURE_PAGES = 3  # from this many pages on, a line at the edge of at least half of them is furniture
NUMBER = re.compile(r"\d+")
FEW = 10  # characters that a scan may have besides its picture, such as a page's number
COVERED = 0.4  # share of a page that pictures take, from which it is a scan
DRAWINGS = 100  # paths on a page without text, from which they may be letters
DOTS = 300 / 72  # pixels a point: Tesseract is best at 300 dots an inch
Grey = npt.NDArray[np.uint8]  # (height, width)
MOST_PIXELS = 30_000_000
SURE = 0.4  # mean confidence under which a page's recognised text is not taken


class _Reading:
    """What was found so far."""

    def __init__(self, hints: Hints) -> None:
        self.hints = hints
        self.pages: list[list[Line]] = []
        self.faults: list[Unread] = []
        self.hidden = False
        self.words: list[Word] = []  # recognised and taken
        self.missing: dict[str, list[int]] = {}  # pages that were not recognised, by the reason


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file. Marks: `ocr:` with the mean confidence from 0 to 1, `hidden-text`."""
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unreadable(f"the PDF is larger than {LARGEST >> 20} MiB")
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        why = "it needs a password" if "password" in str(error).lower() else f"it is damaged ({error})"
        raise Unreadable(f"the PDF cannot be opened: {why}") from error
    try:
        reading = _Reading(hints)
        for number in range(len(document)):
            _page(document, number, reading)
    finally:
        document.close()
    yield from _found(reading)


def _found(reading: _Reading) -> Iterator[Text | Unread]:
    text = [Block(paragraph) for paragraph in paragraphs(_without_furniture(reading.pages))]
    if text:
        yield from documents(text, tuple(_marks(reading)))
    yield from reading.faults
    for why, pages in reading.missing.items():
        yield Unread(f"{_named(pages)} cannot be read: {why}", f"page-{pages[0]}")
    if not text and not reading.missing and not reading.faults:
        raise Unreadable(f"the PDF has no text on its {len(reading.pages)} pages, nor pictures of text")


def _marks(reading: _Reading) -> Iterator[str]:
    if reading.hidden:
        yield "hidden-text"
    if letters := sum(len(word.text) for word in reading.words):
        yield f"ocr:{sum(word.confidence * len(word.text) for word in reading.words) / letters:.2f}"


def _named(pages: list[int]) -> str:
    """The pages in words, the first few of many."""
    some = ", ".join(map(str, pages[:5]))
    return f"page {some}" if len(pages) == 1 else f"{len(pages)} pages ({some}{', …' if len(pages) > 5 else ''})"


def _page(document: pypdfium2.PdfDocument, number: int, reading: _Reading) -> None:
    """Add the lines of a page in reading order; what cannot be read is noted."""
    try:
        page = document[number]
        text = page.get_textpage()
        found = layer(text, reading.hints)
        text.close()
        reading.hidden |= found.hidden
        lines = in_reading_order(found.lines)
        if found.garbage or (sum(len(line.text) for line in lines) <= FEW and _is_picture(page)):
            try:
                recognised = _recognised(page, found, reading)
                lines = in_reading_order([*found.lines, *recognised]) if found.garbage else [*lines, *recognised]
            except NotRead as error:
                what = "its text layer is garbage" if found.garbage else "it is a picture without a text layer"
                reading.missing.setdefault(f"{what}, and {error}", []).append(number + 1)
        reading.pages.append(lines)
        page.close()
    except pypdfium2.PdfiumError as error:
        reading.faults.append(Unread(f"page {number + 1} cannot be read ({error})", f"page-{number + 1}"))


def _is_picture(page: pypdfium2.PdfPage) -> bool:
    """Whether pictures cover a good part of the page, or it is full of drawings, which may be letters."""
    covered, drawings = 0.0, 0
    width, height = page.get_size()
    for one in page.get_objects():
        if one.type == pdfium.FPDF_PAGEOBJ_IMAGE:
            left, bottom, right, top = one.get_bounds()
            covered += max(min(right, width) - max(left, 0), 0) * max(min(top, height) - max(bottom, 0), 0)
        drawings += one.type == pdfium.FPDF_PAGEOBJ_PATH
    return covered >= COVERED * width * height or drawings >= DRAWINGS


def _recognised(page: pypdfium2.PdfPage, found: Layer, reading: _Reading) -> list[Line]:
    """What OCR sees: on a scan all of the page, else only where the text layer is garbage."""
    width, height = page.get_size()
    scale = min(DOTS, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
    grey: Grey = page.render(scale=scale, grayscale=True).to_numpy()
    grey = np.array(grey.reshape(grey.shape[:2]))
    places = [_pixels(line, scale, height) for line in found.garbage]
    if places:
        grey = _only(grey, places)
    words = [word for word in recognise(grey, reading.hints) if not places or any(_inside(word, place) for place in places)]
    letters = sum(len(word.text) for word in words)
    sure = sum(word.confidence * len(word.text) for word in words) / max(letters, 1)
    if not words:
        if places:
            raise NotRead("character recognition found nothing in its place")
        return []
    if sure < SURE:
        raise NotRead(f"character recognition is not sure of it ({sure:.2f} of 1, {SURE} are needed)")
    reading.words.extend(words)
    return lines_of(words, scale, height)


def _only(grey: Grey, places: list[tuple[float, float, float, float]]) -> Grey:
    """The picture of a page with nothing but these places on it."""
    kept = np.full_like(grey, 255)
    for left, top, right, bottom in places:
        area = slice(max(int(top), 0), max(int(bottom) + 1, 0)), slice(max(int(left), 0), max(int(right) + 1, 0))
        kept[area] = grey[area]
    return kept


def _pixels(line: Line, scale: float, height: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a line's place in the picture, with a margin."""
    margin = (line.top - line.bottom) / 4
    return (
        scale * (line.left - margin),
        scale * (height - line.top - margin),
        scale * (line.right + margin),
        scale * (height - line.bottom + margin),
    )


def _inside(word: Word, place: tuple[float, float, float, float]) -> bool:
    across, down = (word.left + word.right) / 2, (word.top + word.bottom) / 2
    return place[0] <= across <= place[2] and place[1] <= down <= place[3]


def _without_furniture(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without running heads and feet: edge lines that return, numbers aside, on at least half of the pages."""
    if len(pages) < FURNITURE_PAGES:
        return pages
    edges = Counter(shape for page in pages for shape in {_shape(line) for line in _edges(page)})
    returning = {shape for shape, count in edges.items() if count >= max(FURNITURE_PAGES, len(pages) / 2)}
    kept = []
    for page in pages:
        at_edge = _edges(page)
        kept.append([line for line in page if not (_shape(line) in returning and line in at_edge)])
    return kept


def _edges(page: list[Line]) -> list[Line]:
    by_height = sorted(page, key=lambda line: line.top)
    return by_height[:2] + by_height[-2:]


def _shape(line: Line) -> str:
    return NUMBER.sub("0", line.text.strip())
