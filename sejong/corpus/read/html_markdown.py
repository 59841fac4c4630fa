"""Markdown from the reduced HTML that Resiliparse writes, after tables, quotations and code were marked to survive it."""

import re
from collections.abc import Sequence
from html import unescape

from resiliparse.parse.html import ElementNode, HTMLTree

MOST_ROWS = 10_000  # of a table that is made Markdown; a longer one keeps its words only
MOST_PREPARED = 2000  # tables, quotations and pieces of code of a page
MOST_SPANNED = 100  # rows or columns of a cell
TAGS = re.compile(r"(</?(?:h[1-6]|p|ul|ol|li|pre|br)>)")
SPACES = re.compile(r"\s+")
TABS = re.compile(r"[ \t]*\t[ \t]*")
SIGN = "\ufdd0"  # a noncharacter, before the letter that says whether a quotation begins or ends
OPENS, CLOSES = f"{SIGN}o", f"{SIGN}c"
CODE = re.compile(r"code|lang|highlight|prettyprint|brush|source|listing|screen|syntax", re.IGNORECASE)
FENCE = "```"


def prepare(tree: HTMLTree) -> None:
    """Turn tables of data into rows of Markdown, fence code, and mark where quotations begin and end."""
    for element in found(tree.body, "table, pre, blockquote")[:MOST_PREPARED]:
        if element.parent is not None:
            PREPARED[element.tag or ""](tree, element)


def from_minimal(minimal: str) -> str:
    """Markdown from the reduced HTML that Resiliparse writes."""
    page = _Page()
    for number, piece in enumerate(TAGS.split(minimal)):
        if number % 2:
            page.tag(piece.strip("</>"), closes=piece[1] == "/")
        elif piece:
            page.held.append(unescape(piece) if "&" in piece else piece)
    page.end()
    return page.text()


def found(node: ElementNode | None, selector: str) -> Sequence[ElementNode]:
    """What a selector finds. A slice is taken since Resiliparse's own list takes quadratic time to walk."""
    return node.query_selector_all(selector)[:] if node is not None else ()


def _mark(tree: HTMLTree, quotation: ElementNode) -> None:
    for sign, place in ((OPENS, quotation.first_child), (CLOSES, None)):
        paragraph, words = tree.create_element("p"), tree.create_text_node(sign)
        if paragraph is not None and words is not None:
            paragraph.append_child(words)
            quotation.insert_before(paragraph, place) if place is not None else quotation.append_child(paragraph)


def _fence(tree: HTMLTree, block: ElementNode) -> None:
    """Fence what says that it is code; other preformatted text is often a letter or a poem."""
    around = block.parent_element
    classes = f"{block.class_name or ''} {around.class_name or '' if around is not None else ''}"
    if block.query_selector("code") is None and not CODE.search(classes):
        return
    text = (block.text or "").strip("\n").rstrip()
    fence = FENCE if FENCE not in text else FENCE + "`"
    fenced = tree.create_text_node(f"{fence}\n{text}\n{fence}")
    if text.strip() and fenced is not None:
        block.replace_children(fenced)


def _flatten(tree: HTMLTree, table: ElementNode) -> None:
    """Replace a table of data by its rows in Markdown; tables that only lay out the page are left alone."""
    if table.parent is None or table.query_selector("table, ul, ol, pre, h1, h2, h3, h4") is not None:
        return
    if len(found(table, "tr")) > MOST_ROWS:
        return
    rows = _grid(table)
    if len(rows) < 2 or 2 * sum(len([cell for cell in row if cell]) > 1 for row in rows) <= len(rows):
        return
    width = max(map(len, rows))
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    flat, words = tree.create_element("pre"), tree.create_text_node("\n".join(lines))
    if flat is not None and words is not None:
        flat.append_child(words)
        table.parent.replace_child(flat, table)


def _grid(table: ElementNode) -> list[list[str]]:
    """The table's cells; a cell that spans several rows or columns stands in each of them."""
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column: (rows that an upper cell still spans, its text)
    for row in found(table, "tr"):
        cells: list[str] = []
        for cell in found(row, "th, td"):
            _fill(cells, below)
            text = SPACES.sub(" ", cell.text or "").strip().replace("|", "\\|")
            for _ in range(_span(cell, "colspan")):
                if (rows := _span(cell, "rowspan")) > 1:
                    below[len(cells)] = rows - 1, text
                cells.append(text)
        _fill(cells, below)
        grid.append(cells)
    return grid


def _fill(cells: list[str], below: dict[int, tuple[int, str]]) -> None:
    while len(cells) in below:
        rows, text = below.pop(len(cells))
        if rows > 1:
            below[len(cells)] = rows - 1, text
        cells.append(text)


def _span(cell: ElementNode, name: str) -> int:
    stated = cell.getattr(name, "1") or "1"
    return min(int(stated), MOST_SPANNED) if stated.isdecimal() and int(stated) else 1


PREPARED = {"table": _flatten, "pre": _fence, "blockquote": _mark}


class _Page:
    """Blocks of Markdown as they are found, and what is open at this point of the page."""

    def __init__(self) -> None:
        self.blocks: list[tuple[bool, str]] = []  # (stands in a list, text)
        self.lists: list[int] = []  # for each open list its next number, 0 for bullets
        self.held: list[str] = []
        self.kind = ""  # the open element's name
        self.quoted = 0  # how many quotations are open

    def tag(self, name: str, *, closes: bool) -> None:
        """Take a tag: most end the block before them."""
        if name == "br":
            self.held.append("\n")
            return
        if name == "p" and self.kind == "li" and not "".join(self.held).strip():
            return  # the item's first paragraph follows its mark
        self.end()
        self.kind = "" if closes or name in ("ul", "ol") else name
        if name in ("ul", "ol"):
            if not closes:
                self.lists.append(1 if name == "ol" else 0)
            elif self.lists:
                self.lists.pop()

    def end(self) -> None:
        """Make blocks of what is held; the marks of quotations stand between them."""
        if not self.held:
            return
        text = "".join(self.held)
        self.held.clear()
        if SIGN not in text:
            self._block(text)
            return
        for part in re.split(f"({SIGN}[oc])", text):
            if part in (OPENS, CLOSES):
                self.quoted = max(self.quoted + (1 if part == OPENS else -1), 0)
            else:
                self._block(part)

    def _block(self, text: str) -> None:
        if not text or text.isspace():
            return
        if self.kind != "pre":
            text = "\n".join(line for one in text.split("\n") if (line := TABS.sub("\t", one.strip())))
        if self.kind.startswith("h"):
            self._add(False, f"{'#' * int(self.kind[1])} {SPACES.sub(' ', text)}")
        elif self.kind == "li":
            self._add(True, f"{'  ' * (len(self.lists) - 1)}{self._mark()} {text}")
            self.kind = ""
        elif self.lists:
            indent = "  " * len(self.lists)
            lines = text.strip("\n").split("\n") if self.kind == "pre" else [text.strip()]
            self._add(True, "\n".join(indent + line for line in lines))
        else:
            self._add(False, text.strip("\n"))

    def _add(self, listed: bool, text: str) -> None:
        if self.quoted:
            text = "\n".join(f"{'> ' * self.quoted}{line}" for line in text.split("\n"))
        self.blocks.append((listed, text))

    def text(self) -> str:
        """The whole page: list items on lines of their own, other blocks with a blank line between."""
        parts: list[str] = []
        for number, (listed, text) in enumerate(self.blocks):
            if number:
                parts.append("\n" if listed and self.blocks[number - 1][0] else "\n\n")
            parts.append(text)
        return "".join(parts)

    def _mark(self) -> str:
        if not self.lists or not self.lists[-1]:
            return "-"
        self.lists[-1] += 1
        return f"{self.lists[-1] - 1}."
