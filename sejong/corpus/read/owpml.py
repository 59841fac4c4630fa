"""The text of OWPML (HWPX) and of its forerunner HWPML, which name the same things differently, as Markdown.

KS X 6101, "개방형 워드프로세서 마크업 언어(OWPML) 문서 구조"; Hancom, "HWPML 구조". A paragraph holds runs, a run holds
text and objects; tables are read row by row.
"""

import re
from collections.abc import Iterator
from typing import IO, BinaryIO, NamedTuple

from sejong.corpus.read.blocks import Block, Cell, Table, heading, item
from sejong.corpus.read.hwp5_styles import OUTLINE_STYLE
from sejong.corpus.read.numbering import Counters, Level
from sejong.corpus.read.xml_events import Element, attribute, events, name_of, number, release

# HWPML's names, and what OWPML calls the same.
ALIKE = {
    "P": "p",
    "TEXT": "run",
    "CHAR": "t",
    "TABLE": "tbl",
    "ROW": "tr",
    "CELL": "tc",
    "TAB": "tab",
    "LINEBREAK": "lineBreak",
    "NBSPACE": "nbSpace",
    "FWSPACE": "fwSpace",
    "HYPHEN": "hyphen",
    "EQUATION": "equation",
    "SCRIPT": "script",
    "DUTMAL": "dutmal",
    "MAINTEXT": "mainText",
    "SUBTEXT": "subText",
    "COMPOSE": "compose",
    "NUMBERING": "numbering",
    "PARAHEAD": "paraHead",
    "PARASHAPE": "paraPr",
    "STYLE": "style",
    "SECDEF": "secPr",
    "BODY": "body",
    "TEXTART": "textart",
}
READ = ("p", "tbl", "tr", "numbering", "paraPr", "style", "secPr", "body")
TAGS = [*(f"{{*}}{name}" for name in READ), *(f"{{*}}{name}" for name, alike in ALIKE.items() if alike in READ)]
BUTTONS = ("checkBtn", "radioBtn", "btn", "CHECKBUTTON", "RADIOBUTTON", "BUTTON")  # of forms, with their captions
MARKS = {"tab": "\t", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}


class Shape(NamedTuple):
    """A paragraph's head: NONE, OUTLINE, NUMBER or BULLET, its level from 0 on, and its numbering."""

    kind: str = "NONE"
    level: int = 0
    numbering: str = ""


class Owpml:
    """Reads the parts of one document, the one with the styles first."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}
        self._headings: dict[str, int] = {}
        self._lists: dict[str, dict[int, Level]] = {}
        self._counters = Counters(self._lists)
        self._outline = "1"

    def blocks(self, stream: BinaryIO | IO[bytes]) -> Iterator[Block]:
        """The text of a part.

        Raises:
            Unreadable: its XML is damaged.
        """
        paragraphs: list[Element] = []
        table: Table | None = None
        opened: Element | None = None
        for event, element in events(stream, TAGS):
            name = _name(element)
            if event == "start":
                if name == "p":
                    paragraphs.append(element)
                elif name == "tbl" and table is None and len(paragraphs) == 1:
                    yield from self._before(paragraphs[0], element)
                    table, opened = Table(), element
            elif name == "p":
                paragraphs.pop()
                if not paragraphs:
                    yield from self._paragraph(element)
                    release(element)
            elif name == "tr" and table is not None and len(paragraphs) == 1:
                for aside in list(element.itersiblings(preceding=True)):
                    yield from self._inner(aside)  # the caption
                yield from table.add(self._row(element))
                release(element)
            elif name == "tbl" and table is not None and element is opened:
                yield from table.end()
                yield from self._inner(element)
                table = opened = None
                release(element)
            elif name == "body":
                return  # what follows are pictures
            elif not paragraphs or name == "secPr":
                self._define(name, element)

    def _define(self, name: str, element: Element) -> None:
        """Take in what the document says of its styles."""
        identity = _attribute(element, "id", "Id")
        if name == "paraPr":
            self._shapes[identity] = _shape(element)
        elif name == "style":
            names = (_attribute(element, "name", "Name"), _attribute(element, "engName", "EngName"))
            found = next((match for one in names if (match := OUTLINE_STYLE.match(one))), None)
            if found and found[1] != "0":
                self._headings[identity] = int(found[1])
        elif name == "numbering":
            self._lists[identity] = {
                number(_attribute(head, "level", "Level"), 1) - 1: Level(
                    head.text or "",
                    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", _attribute(head, "numFormat", "NumFormat")).upper(),
                    number(_attribute(head, "start", "Start"), 1),
                )
                for head in element
                if _name(head) == "paraHead"
            }
        elif name == "secPr":
            self._outline = _attribute(element, "outlineShapeIDRef", "OutlineShape") or self._outline

    def _before(self, paragraph: Element, table: Element) -> Iterator[Block]:
        """The text of a paragraph that is being read up to a table in it, which is then taken out of it."""
        run = table.getparent()
        if run is None or run is paragraph or run.getparent() is not paragraph:
            return
        line, after = [], list[Block]()
        for one in [*reversed(list(run.itersiblings(preceding=True)))]:
            line.append(self._run(one, after))
            paragraph.remove(one)
        for one in [*reversed(list(table.itersiblings(preceding=True)))]:
            line.append(self._object(one, after))
            run.remove(one)
        text = "".join(line)
        if text.strip():
            yield from self._line(paragraph, text)
            paragraph.set("paraPrIDRef", "")
            paragraph.set("styleIDRef", "")
        yield from after

    def _paragraph(self, paragraph: Element) -> Iterator[Block]:
        after: list[Block] = []
        line: list[str] = []
        for run in paragraph:
            for one in run if _name(run) == "run" else [run]:
                if _name(one) == "tbl" and len(one):
                    yield from self._line(paragraph, "".join(line))
                    line = []
                    yield from self._table(one)
                else:
                    line.append(self._object(one, after))
        yield from self._line(paragraph, "".join(line))
        yield from after

    def _run(self, run: Element, after: list[Block]) -> str:
        return "".join(self._object(one, after) for one in run) if _name(run) == "run" else ""

    def _object(self, element: Element, after: list[Block]) -> str:
        """What an object of a run adds to the line; its own paragraphs (notes, boxes, captions) go to `after`."""
        name = _name(element)
        if name == "t":
            return self._text(element)
        if name == "dutmal":
            words = {_name(one): "".join(one.itertext()) for one in element}
            gloss = words.get("subText", "")
            return words.get("mainText", "") + (f"({gloss})" if gloss.strip() else "")
        if name == "compose":
            return _attribute(element, "composeText", "ComposeText") or "".join(element.itertext())
        if name == "equation":
            after.extend(self._inner(element))
            return f" {_script(element)} "
        if name in BUTTONS:
            return f" {_attribute(element, 'caption', 'Caption')} "
        if name == "textart":
            after.append(Block(_attribute(element, "text", "Text")))
        else:
            after.extend(self._inner(element))
        return ""

    @staticmethod
    def _text(element: Element) -> str:
        """Text with its tabs and breaks. What tracked changes deleted is still there: Hancom's own preview shows it too."""
        return (element.text or "") + "".join(MARKS.get(_name(one), "") + (one.tail or "") for one in element)

    def _inner(self, element: Element) -> Iterator[Block]:
        """All paragraphs, tables and equations below an element, whatever it is."""
        if _name(element) == "p":
            yield from self._paragraph(element)
            return
        for one in element:
            name = _name(one)
            if name == "tbl":
                yield from self._table(one)
            elif name == "equation":
                yield Block(_script(one))
            elif name == "textart":
                yield Block(_attribute(one, "text", "Text"))
            else:
                yield from self._inner(one)

    def _table(self, element: Element) -> Iterator[Block]:
        table = Table()
        for one in element:
            if _name(one) == "tr":
                yield from table.add(self._row(one))
            else:
                yield from self._inner(one)
        yield from table.end()

    def _row(self, row: Element) -> list[Cell]:
        return [self._cell(one, place) for place, one in enumerate(row) if _name(one) == "tc"]

    def _cell(self, cell: Element, place: int) -> Cell:
        address = next((one for one in cell if name_of(one) == "cellAddr"), cell)
        column = number(_attribute(address, "colAddr", "ColAddr"), place)
        return Cell(column, list(self._inner(cell)))

    def _line(self, paragraph: Element, text: str) -> Iterator[Block]:
        text = text.strip("\n")
        if not text.strip():
            return
        shape = self._shapes.get(_attribute(paragraph, "paraPrIDRef", "ParaShape"), Shape())
        level = self._headings.get(_attribute(paragraph, "styleIDRef", "Style"))
        if shape.kind == "BULLET":
            yield item("-", shape.level, text.strip())
            return
        mark = ""
        if shape.kind == "NUMBER":
            mark = self._counters.mark(shape.numbering, shape.level)
        elif shape.kind == "OUTLINE":
            mark = self._counters.mark(self._outline, shape.level, f"outline {self._outline}")
        if level or shape.kind == "OUTLINE":
            yield heading(level or shape.level + 1, f"{mark} {text}".strip())
        elif mark:
            yield item(mark, shape.level, text.strip())
        else:
            yield Block(text)


def _shape(element: Element) -> Shape:
    if element.get("HeadingType") is not None:  # HWPML
        kind, level, numbering = element.get("HeadingType"), element.get("Level"), element.get("Heading")
    else:
        head = next((one for one in element.iter("{*}heading")), element)
        kind, level, numbering = head.get("type"), head.get("level"), head.get("idRef")
    return Shape((kind or "NONE").upper(), number(level), numbering or "")


def _script(equation: Element) -> str:
    return " ".join(" ".join("".join(one.itertext()).split()) for one in equation if _name(one) == "script")


def _name(element: Element) -> str:
    name = name_of(element)
    return ALIKE.get(name, name)


def _attribute(element: Element, name: str, older: str) -> str:
    return attribute(element, name) or attribute(element, older) or ""
