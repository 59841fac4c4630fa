"""Plain text and Markdown: a file is a document; one that is very large becomes several, cut between paragraphs, lines or words."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.encoding import MARKS, decode
from sejong.corpus.read.formats import Hints

WHOLE = 8 << 20  # bytes up to which a file is one document
PART = 1 << 20  # bytes of a document that is cut from a larger file
TAIL = 1 << 16  # bytes at a part's end in which a good place to cut is looked for


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document, or for a file of more than `WHOLE` bytes documents of `PART` bytes whose locators name the byte they start at."""
    head = stream.read(WHOLE + 1)
    if len(head) <= WHOLE:
        yield Text(decode(head, hints))
        return
    decode(_cut(head)[0], hints)  # a large file whose beginning is no text is not looked at part by part
    start = 0
    for part in _parts(_as_utf8(head, stream)):
        name = f"byte-{start}"
        try:
            yield Text(decode(part, hints), part=name)
        except Unreadable as error:
            yield Unread(str(error), name, len(part))
        start += len(part)


def _parts(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of at most `PART`."""
    held = b""
    for block in blocks:
        held += block
        while len(held) > PART:
            part, held = _cut(held)
            yield part
    if held:
        yield held


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Two pieces, the first at most `PART` long, cut where a reader would pause.

    Blank lines are best, then line ends, sentence ends and spaces. Those ASCII bytes are never part of a character in the
    encodings known here. Where there is none, a character of UTF-8 stays whole.
    """
    end = min(PART, len(data))
    for mark in (b"\n\n", b"\n", b". ", b" "):
        found = data.rfind(mark, max(end - TAIL, 0), end)
        if found >= 0:
            end = found + len(mark)
            return data[:end], data[end:]
    while end > PART - 4 and end < len(data) and data[end] & 0xC0 == 0x80:  # noqa: PLR2004
        end -= 1
    return data[:end], data[end:]


def _as_utf8(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """The file's bytes; those of UTF-16 and UTF-32, in which no byte is safe to cut at, as UTF-8."""
    wide = next((name for mark, name in MARKS if head.startswith(mark) and name != "utf-8"), None)
    decoder = codecs.getincrementaldecoder(wide)("replace") if wide else None
    block = head
    while block:
        yield decoder.decode(block).encode("utf-8", "replace") if decoder else block
        block = stream.read(PART)
