"""Which reader reads which file: a registry of suffixes. A new format is a module with `read` and its lines here.

A reader is `read(stream, hints) -> Iterator[Text | Unread]`; it raises `Unreadable` where it can not go on. The stream is the
decompressed file. Modules are imported when a file of their format comes, each by a function of its own and never by a made-up
name, so that the corpus's identity sees them and their libraries (`sejong.flow.code`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread
from sejong.errors import Failed

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
    """The function of a reader's module.

    Raises:
        Failed: a library that it needs is not installed.
    """
    try:
        return READERS[name]()
    except ImportError as error:
        raise Failed(f"the {name} reader cannot start ({error}): run `make setup`") from error


def _html() -> Reader:
    from sejong.corpus.read.html import read

    return read


def _jsonl() -> Reader:
    from sejong.corpus.read.jsonl import read

    return read


def _mallard() -> Reader:
    from sejong.corpus.read.mallard import read

    return read


def _markdown() -> Reader:
    from sejong.corpus.read.markdown import read

    return read


def _mediawiki() -> Reader:
    from sejong.corpus.read.mediawiki import read

    return read


def _parquet() -> Reader:
    from sejong.corpus.read.parquet import read

    return read


def _pdf() -> Reader:
    from sejong.corpus.read.pdf import read

    return read


def _plain() -> Reader:
    from sejong.corpus.read.plain import read

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "html": _html,
    "jsonl": _jsonl,
    "mallard": _mallard,
    "markdown": _markdown,
    "mediawiki": _mediawiki,
    "parquet": _parquet,
    "pdf": _pdf,
    "plain": _plain,
}
