"""Mallard, the format of GNOME's help pages (http://projectmallard.org/1.0/): titles, paragraphs, lists, steps, tables."""

import re
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints

LARGEST = 16 << 20  # bytes of a page
SPACES = re.compile(r"\s+")
LISTS = {"list": "-", "steps": "1.", "terms": "-", "tree": "-"}
SKIPPED = {"info", "media", "links", "comment"}


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a page."""
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unreadable(f"the page is larger than {LARGEST >> 20} MiB")
    if b"<!ENTITY" in data:
        raise Unreadable("the page declares entities, which can make a small file endless")
    try:
        page = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise Unreadable(f"the page is not well-formed XML ({error})") from error
    try:
        text = "\n\n".join(_blocks(page, 1))
    except RecursionError as error:
        raise Unreadable("its elements are nested deeper than those of any page") from error
    yield Text(text)


def _blocks(element: Element, level: int) -> Iterator[str]:
    """The element's children as Markdown blocks; `level` is that of its heading."""
    for child in element:
        name = _name(child)
        if name == "title":
            yield f"{'#' * level} {_inline(child)}"
        elif name == "section":
            yield from _blocks(child, level + 1)
        elif name in LISTS:
            yield _list(child, LISTS[name])
        elif name == "table":
            yield _table(child)
        elif name in ("code", "screen", "example") and not len(child):
            yield (child.text or "").strip("\n")
        elif name in SKIPPED:
            continue
        elif any(_name(one) in ("p", "title", "list", "steps", "note", "terms", "section") for one in child):
            yield from _blocks(child, level + 1)
        elif text := _inline(child):
            yield text


def _list(element: Element, mark: str, indent: str = "") -> str:
    lines = [f"{_inline(child)}" for child in element if _name(child) == "title"]
    for item in element:
        if _name(item) != "item":
            continue
        first = True
        for child in item:
            if _name(child) in LISTS:
                lines.append(_list(child, LISTS[_name(child)], indent + "  "))
                continue
            for block in _blocks(_wrapped(child), 6):
                lines.append(f"{indent}{mark if first else ' '} {block}")
                first = False
    return "\n".join(lines)


def _wrapped(element: Element) -> Element:
    outer = Element("item")
    outer.append(element)
    return outer


def _table(element: Element) -> str:
    found = [[cell for cell in row if _name(cell) in ("td", "th")] for row in element.iter() if _name(row) == "tr"]
    rows = [[_inline(cell).replace("|", "\\|") for cell in row] for row in found]
    width = max((len(row) for row in rows), default=0)
    if width == 0:
        return ""
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _inline(element: Element) -> str:
    return SPACES.sub(" ", "".join(element.itertext())).strip()


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
