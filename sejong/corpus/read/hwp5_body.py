"""The paragraphs of an HWP 5 section as Markdown: text, tables, notes, boxes, equations, in the order of their anchors."""

import re
import struct
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sejong.corpus.read.blocks import Block, Cell, Table, heading, item
from sejong.corpus.read.hwp5_records import Record, Records
from sejong.corpus.read.hwp5_styles import BULLETED, NUMBER, OUTLINE, Styles, string
from sejong.corpus.read.numbering import Counters

PARAGRAPH, PARAGRAPH_TEXT, CONTROL, LIST, TABLE, EQUATION = 66, 67, 71, 72, 77, 88
DEEPEST = 60  # boxes in boxes
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f]")
CONTROL_LENGTH = 8  # 16-bit units that all control characters but the ten of one unit take
SINGLE = {0: "", 10: "\n", 13: "", 24: "-", 25: "", 26: "", 27: "", 28: "", 29: "", 30: " ", 31: " "}
INLINE = {4: "", 5: "", 6: "", 7: "", 8: "", 9: "\t", 19: "", 20: ""}
SURROGATES = re.compile("[\ud800-\udfff]")


class Head(NamedTuple):
    """A paragraph's shape and style by their numbers in `DocInfo`."""

    shape: int
    style: int


class Body:
    """Reads sections of one document, whose list numbers run on from one to the next."""

    def __init__(self, styles: Styles) -> None:
        self.styles = styles
        self.counters = Counters(styles.lists)
        self._outline = "1"  # the numbering of the section's outline
        self._depth = 0
        self._inline: dict[bytes, Callable[[Record], str]] = {
            b"tdut": _ruby,
            b"tcps": _overlaid,
            b"eqed": self._equation,
        }

    def blocks(self, records: Records) -> Iterator[Block]:
        """The section's text."""
        self.records = records
        for record in records.below(-1):
            if record.tag == PARAGRAPH:
                yield from self._paragraph(record)

    def _paragraph(self, record: Record) -> Iterator[Block]:
        """Its text, with tables where they are anchored; what stands in other boxes and notes follows the text."""
        head = Head(*struct.unpack_from("<HB", record.data, 8)) if len(record.data) >= 11 else Head(0, 0)
        pieces: list[str] = []
        held: list[str] = []
        after: list[Block] = []
        marked = False
        for inner in self.records.below(record.level):
            if inner.tag == PARAGRAPH_TEXT:
                pieces = _pieces(inner.data)[::-1]
                held.append(pieces.pop())
            elif inner.tag == PARAGRAPH:  # against the specification, but its text is text
                after.extend(self._deeper(self._paragraph, inner))
            elif inner.tag == CONTROL:
                kind = inner.data[3::-1]
                if kind == b"tbl " and self._depth < DEEPEST:
                    yield from self._line(head, held, marked)
                    marked, held = marked or any(map(str.strip, held)), []
                    yield from self._deeper(self._table, inner)
                elif kind in self._inline:
                    held.append(self._inline[kind](inner))
                else:
                    if kind == b"secd" and len(inner.data) >= 20:
                        self._outline = str(struct.unpack_from("<H", inner.data, 18)[0])
                    after.extend(self._deeper(self._box, inner))
                if pieces:
                    held.append(pieces.pop())
        yield from self._line(head, [*held, *reversed(pieces)], marked)
        yield from after

    def _deeper(self, read: Callable[[Record], Iterator[Block]], record: Record) -> Iterator[Block]:
        """What `read` finds below a record, unless boxes stand in boxes without end."""
        if self._depth >= DEEPEST:
            for _ in self.records.below(record.level):
                pass
            return
        self._depth += 1
        yield from read(record)
        self._depth -= 1

    def _box(self, control: Record) -> Iterator[Block]:
        """All paragraphs below a control, whatever it is: note, header, hidden comment, text box, caption, group of shapes."""
        for inner in self.records.below(control.level):
            if inner.tag == PARAGRAPH:
                yield from self._deeper(self._paragraph, inner)
            elif inner.tag == EQUATION:
                yield Block(_script(inner.data))

    def _table(self, control: Record) -> Iterator[Block]:
        table = Table()
        row, cells = -1, list[Cell]()
        in_cells = False
        for inner in self.records.below(control.level):
            if inner.tag == TABLE:
                in_cells = True
            elif inner.tag == LIST and in_cells:
                column, at = struct.unpack_from("<HH", inner.data, 8) if len(inner.data) >= 12 else (len(cells), row)
                if at != row:
                    yield from table.add(cells)
                    row, cells = at, []
                cells.append(Cell(column, []))
            elif inner.tag == PARAGRAPH and cells:
                cells[-1].blocks.extend(self._deeper(self._paragraph, inner))
            elif inner.tag == PARAGRAPH:  # the caption
                yield from self._deeper(self._paragraph, inner)
        yield from table.add(cells)
        yield from table.end()

    def _line(self, head: Head, held: list[str], marked: bool) -> Iterator[Block]:
        """The paragraph's text as heading, list item or paragraph; `marked`: an earlier part of it had its number."""
        text = "".join(held).strip("\n")
        if SURROGATES.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if not text.strip():
            return
        if marked:
            yield Block(text)
            return
        shape = self.styles.shape(head.shape)
        level = self.styles.heading(head.style)
        if shape.kind == BULLETED:
            yield item("-", shape.level, text.strip())
            return
        mark = ""
        if shape.kind in (OUTLINE, NUMBER):
            name = str(shape.numbering) if shape.kind == NUMBER else self._outline
            counter = f"outline {name}" if shape.kind == OUTLINE else name
            mark = self.counters.mark(name, shape.level, counter)
        if level or shape.kind == OUTLINE:
            yield heading(level or shape.level + 1, f"{mark} {text}".strip())
        elif shape.kind == NUMBER:
            yield item(mark, shape.level, text.strip()) if mark else Block(text)
        else:
            yield Block(text)

    def _equation(self, control: Record) -> str:
        scripts = [_script(inner.data) for inner in self.records.below(control.level) if inner.tag == EQUATION]
        return f" {' '.join(scripts)} "


def _pieces(data: bytes) -> list[str]:
    """A paragraph's text, cut where an object or note is anchored."""
    if len(data) % 2:
        data = data[:-1]
    units = "".join(map(chr, array("H", data)))  # one letter a unit, so that control characters keep their length
    pieces, held, at = [], list[str](), 0
    while found := CONTROL_CHARACTER.search(units, at):
        code = ord(found[0])
        held.append(units[at : found.start()])
        at = found.start() + (1 if code in SINGLE else CONTROL_LENGTH)
        if code in SINGLE or code in INLINE:
            held.append(SINGLE.get(code, INLINE.get(code, "")))
        else:
            pieces.append("".join(held))
            held = []
    pieces.append("".join([*held, units[at:]]))
    return pieces


def _script(data: bytes) -> str:
    """An equation as its author wrote it."""
    try:
        return " ".join(string(data, 4)[0].split())
    except struct.error:
        return ""


def _ruby(control: Record) -> str:
    """덧말: words with a gloss above or below them."""
    try:
        main, end = string(control.data, 4)
        gloss, _ = string(control.data, end)
    except struct.error:
        return ""
    return f"{main}({gloss})" if gloss.strip() else main


def _overlaid(control: Record) -> str:
    """글자 겹침: characters drawn over each other, mostly a number in a circle."""
    try:
        return string(control.data, 4)[0]
    except struct.error:
        return ""
