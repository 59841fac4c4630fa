"""EPUB made here: the spine's order, ruby without its readings, chapters that are missing or locked."""

import io
import zipfile

import pytest

from sejong.corpus.read import epub
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints

HINTS = Hints(("cp949",), ("Hangul",))
CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'


def book(
    chapters: dict[str, str | bytes | None], spine: list[str], more: dict[str, str] | None = None, title: str = "책"
) -> bytes:
    """A book whose chapters are pages of HTML by their names; none is a chapter whose file is missing."""
    items = "".join(f'<item id="{name}" href="text/{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters)
    items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    refs = "".join(f'<itemref idref="{name}"/>' for name in ["nav", *spine])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OPS/nav.xhtml", "<html><body><nav>Contents</nav></body></html>")
        head = f"<metadata><dc:title>{title}</dc:title></metadata><manifest>{items}</manifest>"
        opf = f'<package xmlns:dc="urn:dc">{head}<spine>{refs}</spine></package>'
        archive.writestr("OPS/book.opf", opf)
        for name, page in chapters.items():
            if page is not None:
                archive.writestr(f"OPS/text/{name}.xhtml", page)
        for path, text in (more or {}).items():
            archive.writestr(path, text)
    return made.getvalue()


def page(body: str) -> str:
    head = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x"/></head>'
    return f"{head}<body>{body}</body></html>"


def read(data: bytes) -> tuple[list[str], list[str]]:
    found = list(epub.read(io.BytesIO(data), HINTS))
    return [one.text for one in found if isinstance(one, Text)], [one.reason for one in found if isinstance(one, Unread)]


def test_chapters_come_in_the_order_of_the_spine_below_the_title() -> None:
    chapters: dict[str, str | bytes | None] = {name: page(f"<h2>{name}</h2><p>짧다.</p>") for name in ("a", "b", "c")}
    assert read(book(chapters, ["c", "a"])) == (["# 책\n\n## c\n\n짧다.\n\n## a\n\n짧다."], [])


def test_readings_above_characters_are_left_out_and_closed_elements_are_empty() -> None:
    body = '<p>前<a id="x"/><ruby>智<rp>(</rp><rt>ち</rt><rp>)</rp></ruby>に<i class="y"/>働けば</p><div/><p>次</p>'
    assert read(book({"a": page(body)}, ["a"], title="")) == (["前智に働けば\n\n次"], [])


def test_a_chapter_that_is_missing_or_locked_is_a_row() -> None:
    locked = '<encryption><CipherReference URI="OPS/text/c.xhtml"/></encryption>'
    chapters: dict[str, str | bytes | None] = {"a": page("<p>있다</p>"), "b": None, "c": b"\0\1\2", "d": page("<p>끝</p>")}
    texts, reasons = read(book(chapters, ["a", "b", "c", "d"], {"META-INF/encryption.xml": locked}))
    assert texts == ["# 책\n\n있다\n\n끝"]
    assert reasons == ["its chapter OPS/text/b.xhtml is missing", "its chapter OPS/text/c.xhtml is enciphered (DRM)"]


def test_a_locked_book_and_other_archives_are_refused() -> None:
    locked = '<encryption><CipherReference URI="OPS/text/a.xhtml"/></encryption>'
    with pytest.raises(Unreadable, match="DRM"):
        read(book({"a": "x"}, ["a"], {"META-INF/encryption.xml": locked}))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(Unreadable, match="no EPUB"):
        read(made.getvalue())
