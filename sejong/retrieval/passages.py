"""Cut a document into passages at its headings, paragraphs and sentences.

A passage is a span of the document's text, so that it can be shown where it stands. Headings are Markdown's (`# …`), which is
what the corpus readers leave of HTML, Markdown and office headings; they are not part of a passage but travel with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import regex

from sejong.language import sentences as language

HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*")
FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
PARAGRAPH = re.compile(r"(?:[^\S\n]*\S[^\n]*(?:\n|\Z))+")
WHOLE = regex.compile(r"[\p{Sentence_Terminal}…][\p{Pe}\p{Pf}\p{Pi}\"']*\Z")  # a sentence with its mark of an end
ITEM = regex.compile(r"\s*(?:[-*+•|]|\d+[.)]\s)")  # a line of a list or table
LONGEST_TITLE = 120
PATH = " › "


@dataclass(frozen=True, slots=True)
class Passage:
    """`text[start:end]` of a document (in characters) and the headings above it, outermost first, joined by `PATH`."""

    start: int
    end: int
    heading: str


def cut(text: str, limit: int) -> list[Passage]:
    """Passages of at most `limit` characters that together hold everything but headings and white space."""
    return [
        Passage(start, end, heading)
        for heading, section_start, section_end in _sections(text)
        for start, end in _pack(text, section_start, section_end, limit)
    ]


def title(text: str, locator: str) -> str:
    """The document's title: its first heading, else its first line if that is short, else the last part of its locator."""
    for line in text.splitlines():
        if line.strip():
            heading = HEADING.fullmatch(line)
            found = heading.group(2) if heading else line.strip()
            if len(found) <= LONGEST_TITLE:
                return found
            break
    return locator.rstrip("/").rpartition("/")[2] or locator


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Spans of the sentences of `text[start:end]`, as positions in `text`. A line break ends a sentence too."""
    return [(first + start, last + start) for first, last in language.spans([text[start:end]])[0]]


def holds_sentence(text: str) -> bool:
    """Whether any sentence of a text ends as one: menus and lists of links have none."""
    return any(WHOLE.search(text[start:end]) for start, end in sentences(text))


def is_loose(sentence: str) -> bool:
    """Whether it is but a line that stands there, such as a caption, a menu's entry or a link: no sentence, item or opening."""
    return not (WHOLE.search(sentence) or ITEM.match(sentence) or sentence.endswith((":", "：")))


def _sections(text: str) -> Iterator[tuple[str, int, int]]:
    """(heading path, start, end) of the text between headings; a `#` inside a code fence is no heading."""
    path: list[tuple[int, str]] = []
    start = position = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        opening = FENCE.match(line)
        if opening:
            fence = "" if fence == opening.group(1) else fence or opening.group(1)
        heading = None if fence else HEADING.fullmatch(line.rstrip())
        if heading:
            yield PATH.join(name for _, name in path), start, position
            level = len(heading.group(1))
            path = [one for one in path if one[0] < level] + [(level, heading.group(2))]
            start = position + len(line)
        position += len(line)
    yield PATH.join(name for _, name in path), start, len(text)


def _pack(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """Whole paragraphs together up to `limit`; a longer one in sentences, a longer sentence at spaces."""
    first = last = None
    for unit_start, unit_end in _units(text, start, end, limit):
        if first is not None and last is not None and unit_end - first > limit:
            yield first, last
            first = None
        first = unit_start if first is None else first
        last = unit_end
    if first is not None and last is not None:
        yield first, last


def _units(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    for paragraph in PARAGRAPH.finditer(text, start, end):
        left, right = _trim(text, paragraph.start(), paragraph.end())
        if right - left <= limit:
            yield left, right
            continue
        for sentence_start, sentence_end in sentences(text, left, right):
            yield from _slices(text, sentence_start, sentence_end, limit)


def _slices(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    while end - start > limit:
        space = text.rfind(" ", start + limit // 2, start + limit)
        stop = space if space > start else start + limit
        yield _trim(text, start, stop)
        start = stop
    left, right = _trim(text, start, end)
    if right > left:
        yield left, right


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
