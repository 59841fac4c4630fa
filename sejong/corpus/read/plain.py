"""Plain text and Markdown: a file is a document; a very large one becomes several, cut between paragraphs, lines or words."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.encoding import BROKEN, decode, recognise
from sejong.corpus.read.formats import Hints

WHOLE = 8 << 20  # bytes up to which a file is one document
BLOCK = 1 << 20  # bytes decoded at a time, and looked at to find the encoding
PART = 400_000  # characters of a document that is cut from a larger file
TAIL = 40_000  # characters at a part's end in which a good place to cut is looked for
PAUSES = ("\n\n", "\n", "。", ". ", " ")


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document; of a file larger than `WHOLE` documents of `PART` characters, whose locators name their first character."""
    head = stream.read(WHOLE + 1)
    if len(head) <= WHOLE:
        yield Text(decode(head, hints))
        return
    encoding = recognise(head[:BLOCK], hints).encoding
    start = 0
    for text in parts(_decoded(head, stream, encoding)):
        name = f"character-{start}"
        if text.count("\ufffd") > BROKEN * len(text):
            yield Unread(f"from character {start} on it is not {encoding}, as its beginning is", name, len(text), text)
        else:
            yield Text(text, part=name)
        start += len(text)


def _decoded(head: bytes, stream: BinaryIO, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    block = head
    while block:
        yield decoder.decode(block)
        block = stream.read(BLOCK)
    yield decoder.decode(b"", final=True)


def parts(texts: Iterator[str]) -> Iterator[str]:
    """The same text, cut into parts of at most `PART` characters."""
    held = ""
    for text in texts:
        held += text
        start = 0
        while len(held) - start > PART:
            end = _pause(held, start)
            yield held[start:end]
            start = end
        held = held[start:]
    if held:
        yield held


def _pause(text: str, start: int) -> int:
    """Where to cut a part that begins at `start`: at the best pause near its end, else at its end."""
    end = start + PART
    for mark in PAUSES:
        found = text.rfind(mark, end - TAIL, end)
        if found >= 0:
            return found + len(mark)
    return end
