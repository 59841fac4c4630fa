"""HTML: the page's main content, with headings, lists and tables as Markdown (Resiliparse)."""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import BinaryIO

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import ElementNode, HTMLTree

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints

LARGEST = 64 << 20  # bytes of a page
# Where pages keep their content, the surest first; a page with none of them is left to Resiliparse's own judgement.
CONTENT = ("main", "[role=main]", "article", "#DisplayArea", "div.body", "div.book", "div.chapter", "div.section")
ASIDE = (
    *("nav", "header", "footer", "aside", "script", "style", "form", "[role=navigation]"),
    *(".navheader", ".navfooter", ".toc", ".headerlink", ".relatedtopics"),
)
MOST_ROWS = 10_000  # of a table that is made Markdown; a longer one keeps its words only
MOST_SPANNED = 100  # rows or columns of a cell
TAGS = re.compile(r"(</?(?:h[1-6]|p|ul|ol|li|pre|br)>)")
SPACES = re.compile(r"\s+")


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a page."""
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unreadable(f"the page is larger than {LARGEST >> 20} MiB")
    yield Text(markdown(decode(data, hints)))


def markdown(page: str) -> str:
    """The main content of a page as Markdown that starts with the page's title."""
    tree = HTMLTree.parse(page)
    for table in _all(tree.body, "table"):
        _flatten(tree, table)
    content = _content(tree)
    if content is None:
        minimal = extract_plain_text(
            tree, preserve_formatting="minimal_html", main_content=True, alt_texts=False, skip_elements=list(ASIDE)
        )
    else:
        minimal = extract_plain_text(content, preserve_formatting="minimal_html", alt_texts=False, skip_elements=list(ASIDE))
    return with_title(SPACES.sub(" ", tree.title or "").strip(), from_minimal(minimal))


def with_title(title: str, text: str) -> str:
    """`text` with a first-level heading: its own first heading where that says what the title says, else the title."""
    first, _, rest = text.partition("\n")
    heading = re.match(r"#{1,6} (.+)", first)
    if not title:
        return text
    if heading and (heading[1] in title or title in heading[1]):
        return f"# {heading[1]}\n{rest}"
    if not heading and first == title:
        return f"# {title}\n{rest}"
    return f"# {title}\n\n{text}"


def _content(tree: HTMLTree) -> str | None:
    """The one element that holds the page's content, where the page says which that is."""
    for selector in CONTENT:
        found = _all(tree.body, selector)
        if found and (len(found) == 1 or found[0].contains(found[-1])):
            return found[0].html
    return None


def _all(node: ElementNode | None, selector: str) -> Sequence[ElementNode]:
    """What a selector finds. A slice is taken since Resiliparse's own list takes quadratic time to walk."""
    return node.query_selector_all(selector)[:] if node is not None else ()


def _flatten(tree: HTMLTree, table: ElementNode) -> None:
    """Replace a table of data by its rows in Markdown; tables that only lay out the page are left alone."""
    if table.parent is None or table.query_selector("table, ul, ol, pre, h1, h2, h3, h4") is not None:
        return
    if len(_all(table, "tr")) > MOST_ROWS:
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
    for row in _all(table, "tr"):
        cells: list[str] = []
        for cell in _all(row, "th, td"):
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


def from_minimal(minimal: str) -> str:
    """Markdown from the reduced HTML that Resiliparse writes."""
    page = _Page()
    for piece in TAGS.split(minimal):
        if TAGS.fullmatch(piece):
            page.tag(piece.strip("</>"), closes=piece[1] == "/")
        else:
            page.held.append(unescape(piece))
    page.end()
    return page.text()


class _Page:
    """Blocks of Markdown as they are found, and what is open at this point of the page."""

    def __init__(self) -> None:
        self.blocks: list[tuple[bool, str]] = []  # (stands in a list, text)
        self.lists: list[int] = []  # for each open list its next number, 0 for bullets
        self.held: list[str] = []
        self.kind = ""  # the open element's name

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
        """Make a block of what is held."""
        text = "".join(self.held)
        self.held.clear()
        if self.kind != "pre":
            text = "\n".join(line for one in text.split("\n") if (line := one.strip()))
        if not text.strip():
            return
        if self.kind.startswith("h"):
            self.blocks.append((False, f"{'#' * int(self.kind[1])} {SPACES.sub(' ', text)}"))
        elif self.kind == "li":
            self.blocks.append((True, f"{'  ' * (len(self.lists) - 1)}{self._mark()} {text}"))
            self.kind = ""
        elif self.lists:
            self.blocks.append((True, "  " * len(self.lists) + text.strip()))
        else:
            self.blocks.append((False, text.strip("\n")))

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
