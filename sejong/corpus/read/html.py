"""HTML: the page's main content, with headings, lists and tables as Markdown (Resiliparse)."""

import re
from collections.abc import Iterator
from html import unescape
from typing import BinaryIO

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import DOMNode, HTMLTree

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints

LARGEST = 64 << 20  # bytes of a page
# Where pages keep their content, the surest first; a page with none of them is left to Resiliparse's own judgement.
CONTENT = ("main", "[role=main]", "article", "#DisplayArea", "div.body", "div.book", "div.chapter", "div.section")
ASIDE = ("nav", "header", "footer", "aside", "script", "style", "form", "[role=navigation]", ".navheader", ".navfooter", ".toc", ".headerlink")
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
    for table in tree.body.query_selector_all("table")[:] if tree.body else ():  # a slice, since walking the list itself is quadratic
        _flatten(tree, table)
    content = _content(tree)
    if content is None:
        minimal = extract_plain_text(tree, preserve_formatting="minimal_html", main_content=True, alt_texts=False)
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
    for selector in CONTENT:
        found = tree.body.query_selector_all(selector) if tree.body else []
        if len(found) == 1 or (found and selector in CONTENT[:2]):
            return str(found[0].html)
    return None


def _flatten(tree: HTMLTree, table: DOMNode) -> None:
    """Replace a table of data by its rows in Markdown; tables that only lay out the page are left alone."""
    if table.parent is None or table.query_selector("table, ul, ol, pre, h1, h2, h3, h4") is not None:
        return
    rows = [[_cell(cell) for cell in row.query_selector_all("th, td")[:]] for row in table.query_selector_all("tr")[:]]
    width = max((len(row) for row in rows), default=0)
    if width < 2 or len(rows) < 2:
        return
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    flat = tree.create_element("pre")
    flat.append_child(tree.create_text_node("\n".join(lines)))
    table.parent.replace_child(flat, table)


def _cell(cell: DOMNode) -> str:
    return SPACES.sub(" ", cell.text).strip().replace("|", "\\|")


def from_minimal(minimal: str) -> str:
    """Markdown from the reduced HTML that Resiliparse writes."""
    blocks: list[tuple[bool, str]] = []  # (is a list item, text)
    lists: list[int] = []  # for each open list the next number, 0 for bullets
    held: list[str] = []
    kind = ""

    def end() -> None:
        nonlocal kind
        text = "".join(held)
        held.clear()
        if kind != "pre":
            text = "\n".join(line for one in text.split("\n") if (line := one.strip()))
        if not text.strip():
            return
        if kind.startswith("h"):
            blocks.append((False, f"{'#' * int(kind[1])} {SPACES.sub(' ', text)}"))
        elif kind == "li":
            indent = "  " * (len(lists) - 1)
            mark = f"{lists[-1]}." if lists and lists[-1] else "-"
            if lists and lists[-1]:
                lists[-1] += 1
            blocks.append((True, f"{indent}{mark} {text}"))
            kind = ""
        else:
            blocks.append((bool(lists), text.strip("\n") if not lists else "  " * len(lists) + text.strip()))

    for piece in TAGS.split(minimal):
        if not TAGS.fullmatch(piece):
            held.append(unescape(piece))
            continue
        name = piece.strip("</>")
        if name == "br":
            held.append("\n")
            continue
        if name == "p" and kind == "li" and not "".join(held).strip():
            continue
        end()
        if piece[1] != "/":
            if name in ("ul", "ol"):
                lists.append(1 if name == "ol" else 0)
            kind = name if name not in ("ul", "ol") else ""
        else:
            if name in ("ul", "ol") and lists:
                lists.pop()
            kind = ""
    end()
    parts: list[str] = []
    for number, (item, text) in enumerate(blocks):
        if number:
            parts.append("\n" if item and blocks[number - 1][0] else "\n\n")
        parts.append(text)
    return "".join(parts)
