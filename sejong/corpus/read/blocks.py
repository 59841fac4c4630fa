"""Blocks of Markdown as a reader finds them, tables among them, and the documents that they make."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.plain import WHOLE, parts

LONGEST_HEADING = 120  # characters; a longer paragraph of a heading's style is a paragraph
JOINED = 1 << 16  # characters of blocks that are put together before they are handed on
HELD_ROWS = 500  # of a table that are looked at together before the first is written
HELD_CHARACTERS = 1 << 18
LONG_CELL = 300  # characters of a cell that is a text of its own
HALF = 0.5
DENSE = 0.4  # share of cells that are filled from which a table keeps its columns
BAR = "\\|"


class Block(NamedTuple):
    """A paragraph, heading, list item or table. `flat` is what stands in a table's cell instead, where that differs.

    `kind`: "item" follows another item on the next line, "row" goes on the table before it, "" stands alone.
    """

    text: str
    kind: str = ""
    flat: str | None = None


class Cell(NamedTuple):
    """A table's cell: the column in which it begins, and what it holds. Where cells are merged, only the first is given."""

    column: int
    blocks: list[Block]


def heading(level: int, text: str) -> Block:
    """A heading of a level from 1 on, or a paragraph where the text is too long for one."""
    line = " ".join(text.split())
    return Block(f"{'#' * min(level, 6)} {line}", flat=line) if line and len(line) <= LONGEST_HEADING else Block(text)


def item(mark: str, level: int, text: str) -> Block:
    """A list item; `level` counts from 0."""
    return Block(f"{'  ' * min(level, 8)}{mark} {text}", "item", f"{mark} {text}" if mark != "-" else text)


def documents(found: Iterable[Block | Unread], marks: tuple[str, ...] = ()) -> Iterator[Text | Unread]:
    """One document, or of a long one several, whose locators name their first character. What could not be read comes last.

    Where the source fails, what was found before is handed on first.
    """
    faults: list[Unread] = []
    stopped: list[Exception] = []
    texts = _joined(found, faults, stopped)
    head: list[str] = []
    size = 0
    while size <= WHOLE and (text := next(texts, None)) is not None:
        head.append(text)
        size += len(text)
    if size > WHOLE:
        start = 0
        for part in parts(chain(head, texts)):
            yield Text(part, part=f"character-{start}", marks=marks)
            start += len(part)
    elif head or not (faults or stopped):
        yield Text("".join(head), marks=marks)
    yield from faults
    if stopped:
        raise stopped[0]


def _joined(found: Iterable[Block | Unread], faults: list[Unread], stopped: list[Exception]) -> Iterator[str]:
    """The text of the blocks, some thousand characters at a time; faults, and what ended the source, are put aside."""
    held: list[str] = []
    size = 0
    kind = None
    blocks = iter(found)
    while True:
        try:
            one = next(blocks, None)
        except Exception as error:  # the caller raises it again
            stopped.append(error)
            break
        if one is None:
            break
        if isinstance(one, Unread):
            faults.append(one)
        elif one.text.strip():
            tight = one.kind == "row" or (one.kind == "item" and kind == "item")
            held.extend(("" if kind is None else "\n" if tight else "\n\n", one.text))
            size += len(one.text)
            kind = one.kind
        if size >= JOINED:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


class Table:
    """A table whose rows are given one by one and come out as Markdown, a large one before its end.

    A table that only lays out text (one cell a row, or cells that are texts of their own) becomes that text.
    """

    def __init__(self) -> None:
        self._rows: list[dict[int, list[Block]]] = []
        self._size = 0
        self._columns: list[int] = []  # of a table that is being written already

    def add(self, cells: Sequence[Cell]) -> Iterator[Block]:
        """Take the cells of one row, from left to right."""
        row = {cell.column: cell.blocks for cell in cells if any(block.text.strip() for block in cell.blocks)}
        if not row:
            return
        if self._columns:
            yield Block(_line(row, self._columns), "row")
            return
        self._rows.append(row)
        self._size += sum(len(block.text) for blocks in row.values() for block in blocks)
        if len(self._rows) >= HELD_ROWS or self._size >= HELD_CHARACTERS:
            yield from self._written(last=False)

    def end(self) -> Iterator[Block]:
        """What is still held."""
        if self._rows:
            yield from self._written(last=True)

    def _written(self, *, last: bool) -> Iterator[Block]:
        rows, self._rows, self._size = self._rows, [], 0
        if last and len(rows) == 1:
            yield from _one_row(rows[0])
        elif _lays_out(rows):
            yield from (block for row in rows for column in sorted(row) for block in row[column])
        else:
            while len(rows) > 1 and len(rows[0]) == 1:  # titles above the table's head
                yield from next(iter(rows.pop(0).values()))
            yield from self._table(rows, last)

    def _table(self, rows: list[dict[int, list[Block]]], last: bool) -> Iterator[Block]:
        columns = sorted({column for row in rows for column in row})
        if last and sum(map(len, rows)) < DENSE * len(rows) * len(columns):  # a form on a fine grid: only what is filled in
            lines = [_line(row, sorted(row)) for row in rows]
        else:
            lines = [_line(row, columns) for row in rows]
        lines.insert(1, "|" + " --- |" * (lines[0].count("|") - 1 - lines[0].count(BAR)))
        yield Block("\n".join(lines), flat=" ".join(flat(row[column]) for row in rows for column in sorted(row)))
        if not last:
            self._columns = columns


def flat(blocks: Sequence[Block]) -> str:
    """Blocks as they stand in a cell: one line, without marks."""
    return " ".join(" ".join((block.text if block.flat is None else block.flat).split()) for block in blocks)


def _line(row: dict[int, list[Block]], columns: list[int]) -> str:
    """A row in Markdown. A cell right of the columns that are known joins the last."""
    cells = {column: flat(blocks) for column, blocks in row.items()}
    known = set(columns)
    for column in sorted(set(cells) - known):
        place = max((one for one in columns if one < column), default=columns[0])
        cells[place] = f"{cells.get(place, '')} {cells[column]}".strip()
    return f"| {' | '.join([cells.get(column, '').replace('|', BAR) for column in columns])} |"


def _one_row(row: dict[int, list[Block]]) -> Iterator[Block]:
    cells = [row[column] for column in sorted(row)]
    if len(cells) > 1 and all(len(blocks) == 1 and len(blocks[0].text) <= LONG_CELL for blocks in cells):
        yield Block(" ".join(map(flat, cells)))
    else:
        yield from (block for blocks in cells for block in blocks)


def _lays_out(rows: list[dict[int, list[Block]]]) -> bool:
    """Whether most rows hold a single cell, or most of the text stands in long cells of several blocks."""
    if 2 * sum(len(row) > 1 for row in rows) <= len(rows):
        return True
    sizes = [(len(blocks), sum(len(block.text) for block in blocks)) for row in rows for blocks in row.values()]
    long = sum(size for count, size in sizes if count > 1 and size > LONG_CELL)
    return long > HALF * sum(size for _, size in sizes)
