"""PPTX, PowerPoint's format: slides in their order, each with its title as heading, its tables, and the speaker's notes."""

from collections.abc import Iterator
from typing import BinaryIO
from zipfile import ZipFile

from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.blocks import Block, Cell, Table, documents, heading, item
from sejong.corpus.read.docx import main_part, relationships
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.xml_events import Element, attribute, name_of, number, tree
from sejong.corpus.read.zipped import data_of, first_of, package

LARGEST_SLIDE = 32 << 20  # bytes of a slide's XML
TITLES = ("title", "ctrTitle")
FURNITURE = ("dt", "ftr", "sldNum", "hdr", "sldImg")
LISTED = ("body", "obj", "", None)  # placeholders whose paragraphs have bullets unless they say otherwise


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    with package(stream, "PPTX") as archive:
        yield from documents(_slides(archive, main_part(archive, "ppt/presentation.xml")))


def _slides(archive: ZipFile, main: str) -> Iterator[Block | Unread]:
    root = _tree(archive, main)
    named = relationships(archive, main)
    listed: list[str] = [_relation(one) for one in root.iter("{*}sldId")] if root is not None else []
    slides = [named[one][1] for one in listed if one in named] or sorted(path for kind, path in named.values() if kind == "slide")
    for slide in slides:
        root = _tree(archive, slide)
        if root is None:
            yield Unread(f"{slide} is missing or damaged", slide)
            continue
        yield from _shapes(root)
        for kind, target in sorted(set(relationships(archive, slide).values())):
            if kind in ("diagramData", "notesSlide") and (aside := _tree(archive, target)) is not None:
                yield from _shapes(aside) if kind == "notesSlide" else _paragraphs(aside, listed=True)


def _tree(archive: ZipFile, name: str) -> Element | None:
    found = first_of(archive, (name,))
    return tree(data_of(archive, found, LARGEST_SLIDE)) if found else None


def _relation(element: Element) -> str:
    """The identifier of a relationship, which differs from the element's own only by its namespace."""
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")


def _shapes(root: Element) -> Iterator[Block]:
    """The text of a slide: its title, then its shapes in the order in which they are drawn."""
    shapes = [
        one
        for one in root.iter("{*}sp", "{*}tbl")
        if (name_of(one) == "tbl" or one.find("{*}txBody") is not None) and next(one.iterancestors("{*}Fallback"), None) is None
    ]
    kinds = [_kind(one) for one in shapes]
    for kind, shape in sorted(zip(kinds, shapes, strict=True), key=lambda one: one[0] not in TITLES):
        if name_of(shape) == "tbl":
            yield from _table(shape)
        elif kind in TITLES:
            words = " ".join(block.text for block in _paragraphs(shape, listed=False))
            yield heading(1, words)
        elif kind not in FURNITURE:
            yield from _paragraphs(shape, listed=kind in LISTED)


def _kind(shape: Element) -> str | None:
    """The kind of placeholder that a shape is; "none" for a text box."""
    place = next(shape.iter("{*}ph"), None)
    return "none" if place is None else place.get("type")


def _paragraphs(shape: Element, *, listed: bool) -> Iterator[Block]:
    paragraphs = [one for one in shape.iter("{*}p") if one.find("{*}r") is not None or one.find("{*}fld") is not None]
    for one in paragraphs:
        text = "".join(_text(one)).strip("\n")
        properties = one.find("{*}pPr")
        level = number(properties.get("lvl")) if properties is not None else 0
        marks = {name_of(inner) for inner in properties} if properties is not None else set()
        bullet = marks & {"buChar", "buAutoNum", "buBlip"} or (listed and len(paragraphs) > 1 and "buNone" not in marks)
        if text.strip():
            yield item("-", level, " ".join(text.split())) if bullet else Block(text)


def _text(paragraph: Element) -> Iterator[str]:
    for one in paragraph:
        name = name_of(one)
        if name in ("r", "fld"):
            yield from (inner.text or "" for inner in one.iterchildren("{*}t"))
        elif name == "br":
            yield "\n"
        elif name not in ("pPr", "endParaRPr"):
            yield from (inner.text or "" for inner in one.iter("{*}t"))  # an equation


def _table(element: Element) -> Iterator[Block]:
    table = Table()
    for row in element.iterchildren("{*}tr"):
        cells = [one for one in row if name_of(one) == "tc"]
        yield from table.add(
            [
                Cell(column, list(_paragraphs(cell, listed=False)))
                for column, cell in enumerate(cells)
                if attribute(cell, "hMerge") not in ("1", "true") and attribute(cell, "vMerge") not in ("1", "true")
            ]
        )
    yield from table.end()
