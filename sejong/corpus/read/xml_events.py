"""XML read piece by piece in constant memory, within bounds: no entities, no network, no endless text (lxml)."""

from collections.abc import Iterator, Sequence
from typing import IO, BinaryIO, TypeAlias, cast

from lxml import etree

from sejong.corpus.read.batch import Unreadable
from sejong.corpus.read.zipped import DAMAGE

Element: TypeAlias = etree._Element


def events(stream: BinaryIO | IO[bytes], tags: Sequence[str]) -> Iterator[tuple[str, Element]]:
    """("start" or "end", element) for the elements of these names, as they are read; `{*}name` is a name in any namespace.

    Damage that the parser can get over is got over and told at the end.

    Raises:
        Unreadable: the XML was damaged, at the place that it names.
    """
    found = etree.iterparse(
        cast(BinaryIO, stream),
        events=("start", "end"),
        tag=list(tags),
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        yield from found
    except (etree.XMLSyntaxError, *DAMAGE) as error:
        raise Unreadable(f"its XML is damaged or cut off ({error})") from error
    for entry in found.error_log.filter_from_fatals():
        raise Unreadable(f"its XML is damaged at line {entry.line} ({entry.message.strip()})")


def tree(data: bytes) -> Element | None:
    """A small part as a whole; none where nothing of it can be read."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return cast("Element | None", etree.fromstring(data, parser))
    except (etree.XMLSyntaxError, ValueError):
        return None


def name_of(element: Element) -> str:
    """An element's name without its namespace; "" for an entity."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its name in whatever namespace."""
    value: str | None = element.get(name)
    if value is not None:
        return value
    return next((found for key, found in element.attrib.items() if str(key).rpartition("}")[2] == name), None)


def number(value: str | None, default: int = 0) -> int:
    """A number as an attribute has it."""
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 10 else default


def release(element: Element) -> None:
    """Free what was read of an element, and what stands before it."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    if parent is not None:
        while (before := element.getprevious()) is not None:
            parent.remove(before)
