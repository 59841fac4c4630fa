"""Which reader reads which file: a registry of suffixes. A new format is a module with `read` and a line here.

A reader is `read(stream, hints) -> Iterator[Text | Unread]`; it raises `Unreadable` where it can not go on. The stream is the
decompressed file. Modules are imported when a file of their format comes.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from sejong.corpus.read.batch import Text, Unread

FORMATS = {
    ".txt": "plain",
    ".text": "plain",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".page": "mallard",
    ".pdf": "pdf",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xml": "mediawiki",
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
READABLE = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a reader may need to know about the nation's text: see `sejong.corpus.read.read`."""

    encodings: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


Reader = Callable[[BinaryIO, Hints], Iterator[Text | Unread]]


def format_of(name: str) -> tuple[str, str | None] | None:
    """(reader, compression) for a file name, or none if Sejong does not read it."""
    stem, dot, suffix = name.lower().rpartition(".")
    compression = COMPRESSED.get(dot + suffix)
    if compression:
        stem, dot, suffix = stem.rpartition(".")
    reader = FORMATS.get(dot + suffix)
    return (reader, compression) if reader and stem else None


def reader_of(name: str) -> Reader:
    """The function of a reader's module."""
    return cast(Reader, importlib.import_module(f"sejong.corpus.read.{name}").read)
