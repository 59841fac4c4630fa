"""ODT, the OpenDocument text format (ISO/IEC 26300, OpenDocument 1.3 Part 3): headings, lists, tables, notes, read row by row."""

import re
from collections.abc import Iterator
from typing import IO, BinaryIO

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, Cell, Table, documents, heading, item
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.numbering import Counters, Level
from sejong.corpus.read.xml_events import Element, attribute, events, name_of, number, release
from sejong.corpus.read.zipped import data_of, first_of, package, part

MANIFEST = "META-INF/manifest.xml"
MANIFEST_BYTES = 4 << 20
LINES = ("p", "h")
LEFT_OUT = {"tracked-changes", "note-citation", "annotation", "annotation-end", "ruby-text", "title", "desc", "forms"}
LEFT_OUT |= {"sequence-decls", "variable-decls", "user-field-decls"}
MOST_SPACES = 100
MOST_REPEATED = 1000  # columns that a cell may stand for
WHITE = re.compile(r"[ \t\r\n]+")
CELLS = ("table-cell", "covered-table-cell")


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    with package(stream, "ODT") as archive:
        if MANIFEST in archive.namelist() and b"encryption-data" in data_of(archive, MANIFEST, MANIFEST_BYTES):
            raise Unreadable("the ODT document needs a password: save it without one")
        content, styles = first_of(archive, ("content.xml",)), first_of(archive, ("styles.xml",))
        if content is None:
            raise Unreadable("it is a zip archive without content.xml, and so no OpenDocument file")

        def blocks() -> Iterator[Block | Unread]:
            reader = _Odt()
            if styles:
                try:
                    with part(archive, styles) as opened:
                        reader.take_styles(opened)
                except Unreadable as error:
                    yield Unread(f"{styles} cannot be read: {error}", styles)
            with part(archive, content) as opened:
                yield from reader.blocks(opened)

        yield from documents(blocks())


class _Odt:
    def __init__(self) -> None:
        self._lists: dict[str, dict[int, Level]] = {}
        self._counters = Counters(self._lists)

    def take_styles(self, stream: IO[bytes]) -> None:
        """The list styles of `styles.xml`."""
        for event, element in events(stream, ["{*}list-style", "{*}outline-style"]):
            if event == "end":
                self._style(element)
                release(element)

    def blocks(self, stream: IO[bytes]) -> Iterator[Block]:
        """The text of `content.xml`, as it is read."""
        lines = left_out = 0
        table: Table | None = None
        opened: Element | None = None
        tags = ["p", "h", "table", "table-row", "list", "list-style", "tracked-changes", "annotation"]
        for event, element in events(stream, [f"{{*}}{one}" for one in tags]):
            name = name_of(element)
            if name in LEFT_OUT:
                left_out += 1 if event == "start" else -1
                if event == "end" and not lines and table is None:
                    release(element)
            elif left_out:
                continue
            elif event == "start":
                if name in LINES:
                    lines += 1
                elif name == "table" and table is None and not lines:
                    table, opened = Table(), element
                elif name == "list" and _depth(element) == 1 and attribute(element, "continue-numbering") != "true":
                    self._counters.restart(attribute(element, "style-name") or "")
            elif name in LINES:
                lines -= 1
                if not lines and table is None:
                    yield from self._line(element)
                    release(element)
            elif name == "table-row" and table is not None and not lines and next(element.iterancestors("{*}table")) is opened:
                yield from table.add(self._row(element))
                release(element)
            elif element is opened and table is not None:
                yield from table.end()
                table = opened = None
                release(element)
            elif name == "list-style":
                self._style(element)

    def _style(self, element: Element) -> None:
        levels = {}
        for one in element:
            kind = name_of(one)
            depth = number(attribute(one, "level"), 1) - 1
            before, behind = attribute(one, "num-prefix") or "", attribute(one, "num-suffix") or ""
            style = attribute(one, "num-format") or ""
            shown = min(number(attribute(one, "display-levels"), 1), depth + 1)
            numbers = ".".join(f"^{level}" for level in range(depth + 2 - shown, depth + 2)) if style else ""
            bullet = kind != "list-level-style-number" and kind != "outline-level-style"
            text = f"{before}{numbers}{behind}" if numbers else ""
            levels[depth] = Level(text, style, number(attribute(one, "start-value"), 1), bullet)
        self._lists[attribute(element, "name") or "outline"] = levels

    def _inner(self, element: Element) -> Iterator[Block]:
        """The paragraphs, lists and tables below an element."""
        for one in element:
            name = name_of(one)
            if name in LINES:
                yield from self._line(one)
            elif name == "table":
                table = Table()
                for row in one.iter("{*}table-row"):
                    if next(row.iterancestors("{*}table")) is one:
                        yield from table.add(self._row(row))
                yield from table.end()
            elif name not in LEFT_OUT:
                yield from self._inner(one)

    def _row(self, row: Element) -> list[Cell]:
        cells: list[Cell] = []
        column = 0
        for one in row:
            if name_of(one) not in CELLS:
                continue
            if name_of(one) == "table-cell":
                cells.append(Cell(column, list(self._inner(one))))
            column += min(max(number(attribute(one, "number-columns-repeated"), 1), 1), MOST_REPEATED)
        return cells

    def _line(self, line: Element) -> Iterator[Block]:
        after: list[Block] = []
        parts: list[str] = []
        self._collect(line, parts, after)
        text = "".join(parts).strip()
        if text and name_of(line) == "h":
            level = number(attribute(line, "outline-level"), 1)
            mark = "" if attribute(line, "is-list-header") == "true" else self._counters.mark("outline", level - 1)
            yield heading(level, f"{mark} {text}".strip())
        elif text and (depth := _depth(line)):
            yield self._item(line, depth, text)
        elif text:
            yield Block(text)
        yield from after

    def _item(self, line: Element, depth: int, text: str) -> Block:
        """A list item; later paragraphs of an item, and those of a list's header, have no mark."""
        holder = line.getparent()
        first = holder is not None and not any(name_of(one) in LINES for one in line.itersiblings(preceding=True))
        if holder is None or name_of(holder) != "list-item" or not first:
            return Block(f"{'  ' * depth}{text}", "item", text)
        names = [attribute(one, "style-name") for one in line.iterancestors("{*}list")]
        style = next(filter(None, names), "")
        mark = self._counters.mark(style, depth - 1)
        return item(mark or "-", depth - 1, text)

    def _collect(self, element: Element, parts: list[str], after: list[Block]) -> None:
        """The text of a line; notes and text boxes in it go to `after`. White space counts as in HTML."""
        parts.append(_spaced(element.text))
        for one in element:
            name = name_of(one)
            if name == "s":
                parts.append(" " * min(number(attribute(one, "c"), 1), MOST_SPACES))
            elif name == "tab":
                parts.append("\t")
            elif name == "line-break":
                parts.append("\n")
            elif name in ("note-body", "text-box", "object"):
                after.extend(self._inner(one))
            elif name not in LEFT_OUT and name:
                self._collect(one, parts, after)
            parts.append(_spaced(one.tail))


def _spaced(text: str | None) -> str:
    """Runs of white space as one space."""
    return WHITE.sub(" ", text) if text else ""


def _depth(line: Element) -> int:
    """In how many lists a line or list stands, itself counted."""
    return sum(1 for _ in line.iterancestors("{*}list")) + (name_of(line) == "list")
