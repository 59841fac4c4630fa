"""EPUB: the chapters of a book in the order of its spine (EPUB 3.3, §5; EPUB 2 alike), each read as a page of HTML."""

import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import unquote
from zipfile import ZipFile

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, documents
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.html import declared, with_title
from sejong.corpus.read.html_markdown import CLOSES, OPENS, found, from_minimal, prepare
from sejong.corpus.read.xml_events import Element, name_of, tree
from sejong.corpus.read.zipped import data_of, first_of, package

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
LARGEST_LIST = 16 << 20  # bytes of the package document
LARGEST_CHAPTER = 64 << 20
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "")
ASIDE = ("script", "style", "template", "[hidden]", "[role=doc-pagebreak]")
READINGS = "rt, rp"  # what stands above the characters is left out
# XHTML closes elements in themselves, HTML does not know that: it would take all that follows for their content.
CLOSED = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)([A-Za-z][\w:-]*)((?:\s[^<>]*?)?)/>", re.IGNORECASE
)


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a book."""
    with package(stream, "EPUB") as archive:
        yield from documents(_chapters(archive, hints))


def _chapters(archive: ZipFile, hints: Hints) -> Iterator[Block | Unread]:
    path = _package_document(archive)
    root = tree(data_of(archive, path, LARGEST_LIST))
    if root is None:
        raise Unreadable(f"its package document {path} cannot be read")
    title = next((" ".join("".join(one.itertext()).split()) for one in root.iter("{*}title")), "")
    chapters = _spine(root, path.rpartition("/")[0])
    locked = _enciphered(archive)
    if chapters and all(chapter in locked for chapter in chapters):
        raise Unreadable("the e-book is enciphered (DRM)")
    for chapter in chapters:
        found = first_of(archive, (chapter,))
        if found is None or chapter in locked:
            yield Unread(f"its chapter {chapter} is {'enciphered (DRM)' if found else 'missing'}", chapter)
            continue
        try:
            text = _page(decode(data := data_of(archive, found, LARGEST_CHAPTER), hints, declared(data)))
        except Exception as error:  # one chapter never ends a book
            yield Unread(f"its chapter {chapter} cannot be read ({error})", chapter)
            continue
        if title and text.strip():
            text, title = with_title(title, text), ""
        yield Block(text)


def _package_document(archive: ZipFile) -> str:
    container = first_of(archive, (CONTAINER,))
    root = tree(data_of(archive, container, LARGEST_LIST)) if container else None
    stated = next((one.get("full-path") or "" for one in root.iter("{*}rootfile")), "") if root is not None else ""
    path = first_of(archive, (stated,)) or next((one for one in archive.namelist() if one.lower().endswith(".opf")), None)
    if path is None:
        raise Unreadable("it is a zip archive without a package document (.opf), and so no EPUB")
    return path


def _spine(root: Element, folder: str) -> list[str]:
    """The paths of the chapters in reading order, without the table of contents that programs show."""
    items = {one.get("id"): one for one in root.iter("{*}item")}
    listed = [items[one.get("idref")] for one in root.iter("{*}itemref") if one.get("idref") in items]
    return [
        _path(folder, one.get("href") or "")
        for one in listed or items.values()
        if (one.get("media-type") or "") in PAGES and "nav" not in (one.get("properties") or "").split()
    ]


def _path(folder: str, target: str) -> str:
    parts = folder.split("/") if folder else []
    for one in unquote(target.partition("#")[0]).split("/"):
        if one == "..":
            del parts[-1:]
        elif one not in ("", "."):
            parts.append(one)
    return "/".join(parts)


def _enciphered(archive: ZipFile) -> set[str]:
    if ENCRYPTION not in archive.namelist():
        return set()
    root = tree(data_of(archive, ENCRYPTION, LARGEST_LIST))
    found = root.iter("{*}CipherReference") if root is not None else ()
    return {unquote(one.get("URI") or "").lstrip("/") for one in found if name_of(one)}


def _page(page: str) -> str:
    """All text of a chapter as Markdown."""
    page = CLOSED.sub(r"<\1\2></\1>", page.replace(OPENS, "").replace(CLOSES, ""))
    parsed = HTMLTree.parse(page)
    for reading in found(parsed.body, READINGS):
        if reading.parent is not None:
            reading.parent.remove_child(reading)
    prepare(parsed)
    return from_minimal(
        extract_plain_text(
            parsed, preserve_formatting="minimal_html", main_content=False, alt_texts=False, skip_elements=list(ASIDE)
        )
    )
