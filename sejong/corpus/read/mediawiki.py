"""MediaWiki XML exports, such as Wikipedia's dumps: the articles' text with headings and lists, without templates and tables.

The export is streamed (mwxml); wikitext is parsed by mwparserfromhell.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote
from xml.etree.ElementTree import ParseError

import mwparserfromhell
import mwxml
from mwparserfromhell.nodes import Heading, HTMLEntity, Node, Tag, Wikilink
from mwparserfromhell.nodes import Text as Words
from mwparserfromhell.nodes.external_link import ExternalLink
from mwparserfromhell.parser import ParserError
from mwparserfromhell.wikicode import Wikicode

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints

ARTICLES = 0  # namespace
FILES, CATEGORIES = 6, 14  # namespaces whose links are no words of the text
LARGEST = 4 << 20  # characters of a page's wikitext
DROPPED_TAGS = {"ref", "table", "gallery", "math", "timeline", "syntaxhighlight", "source", "imagemap", "style", "score", "chem"}
LIST_MARKS = {"*": "-", "#": "1."}  # as wikitext and as Markdown
STYLE = re.compile("'{2,5}")  # bold and italics


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document an article; redirects and pages of other namespaces are passed by. The locator is the article's URL."""
    head = stream.read(4096)
    if b"<mediawiki" not in head:
        raise Unreadable("it is XML, but not a MediaWiki export")
    number = 0
    try:
        dump = mwxml.Dump.from_file(_Whole(head, stream))
        names = _names_without_words(dump.site_info.namespaces)
        base = str(dump.site_info.base or "").rsplit("/", 1)[0]
        for page in dump:
            number += 1
            if page.namespace == ARTICLES and page.redirect is None:
                yield _article(page, base, names)
    except (ParseError, mwxml.errors.MalformedXML, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise Unreadable(f"the export is damaged ({error}): the {number:,} pages before that were kept") from error


def markdown(wikitext: str, names: frozenset[str] = frozenset()) -> str:
    """Wikitext as Markdown; `names` are the prefixes of links that are no text, such as those of files and categories."""
    words = "".join(_words(mwparserfromhell.parse(wikitext, skip_style_tags=True), names))
    return STYLE.sub("", words).strip()


def _article(page: Any, base: str, names: frozenset[str]) -> Text | Unread:
    revision = next(iter(page), None)
    if revision is None or not revision.text:
        return Unread(f"page `{page.title}` has no text", str(page.title))
    if len(revision.text) > LARGEST:
        return Unread(
            f"page `{page.title}` is longer than {LARGEST >> 20} million characters", str(page.title), len(revision.text)
        )
    try:
        text = markdown(revision.text, names)
    except (RecursionError, ParserError) as error:
        return Unread(f"page `{page.title}` cannot be taken apart ({error})", str(page.title), len(revision.text))
    return Text(
        f"# {page.title}\n\n{text}",
        locator=f"{base}/{quote(str(page.title).replace(' ', '_'))}",
        collected=str(revision.timestamp)[:10] if revision.timestamp else None,
    )


def _words(code: Wikicode, names: frozenset[str]) -> Iterator[str]:
    for node in code.nodes:
        yield from _node(node, names)


def _node(node: Node, names: frozenset[str]) -> Iterator[str]:
    if isinstance(node, Words):
        yield str(node.value)
    elif isinstance(node, Heading):
        yield f"\n\n{'#' * node.level} {''.join(_words(node.title, names)).strip()}\n\n"
    elif isinstance(node, Wikilink):
        prefix, colon, _ = str(node.title).strip().lstrip(":").partition(":")
        if not colon or prefix.strip().lower() not in names:
            yield from _words(node.text if node.text is not None else node.title, names)
    elif isinstance(node, ExternalLink):
        if node.title is not None:
            yield from _words(node.title, names)
    elif isinstance(node, HTMLEntity):
        yield str(node.normalize() or "")
    elif isinstance(node, Tag):
        name = str(node.tag).strip().lower()
        if name == "li" and node.wiki_markup:
            yield LIST_MARKS.get(str(node.wiki_markup), "-")
        if name == "br":
            yield "\n"
        elif name not in DROPPED_TAGS and node.contents is not None:
            yield from _words(node.contents, names)


def _names_without_words(namespaces: list[Any]) -> frozenset[str]:
    own = [one for one in namespaces if one.id in (FILES, CATEGORIES)]
    return frozenset({"file", "image", "category", *(str(one.name).lower() for one in own)})


class _Whole:
    """A stream with its first bytes put back."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self.head, self.rest = head, rest

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        if self.head:
            given, self.head = (self.head, b"") if size < 0 else (self.head[:size], self.head[size:])
            return given
        return self.rest.read(size)
