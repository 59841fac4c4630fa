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
    ".hwp": "hwp",
    ".hwt": "hwp",
    ".hwpx": "hwp",
    ".hml": "hwp",
    ".docx": "docx",
    ".docm": "docx",
    ".dotx": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".ppsx": "pptx",
    ".odt": "odt",
    ".ott": "odt",
    ".odp": "odt",
    ".epub": "epub",
    ".mbox": "mbox",
    ".mbx": "mbox",
    ".eml": "mbox",
    ".warc": "warc",
    ".arc": "warc",
    ".wet": "warc",
    ".wat": "warc",
    ".warc.txt": "warc",
    ".zip": "archive",
    ".tar": "archive",
    ".tgz": "archive",
    ".tbz2": "archive",
    ".txz": "archive",
    ".tzst": "archive",
    ".tar.xz": "archive",
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
UNPACK = {"warc", "archive"}  # readers that are given the file as it is, packed or not
READABLE = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a reader may need to know about the nation's text: see `sejong.corpus.read.read`."""

    encodings: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    ocr: tuple[str, ...] = ()  # Tesseract's language packs; none: what the scripts need


Reader = Callable[[BinaryIO, Hints], Iterator[Text | Unread]]


def format_of(name: str) -> tuple[str, str | None] | None:
    """(reader, compression) for a file name, or none if Sejong does not read it."""
    first, *suffixes = name.lower().rsplit(".", 2)
    if len(suffixes) == 2 and first and (reader := FORMATS.get("." + ".".join(suffixes))):
        return reader, None
    stem, dot, suffix = name.lower().rpartition(".")
    compression = COMPRESSED.get(dot + suffix)
    if compression:
        stem, dot, suffix = stem.rpartition(".")
    reader = FORMATS.get(dot + suffix)
    return (reader, None if reader in UNPACK else compression) if reader and stem else None


def reader_of(name: str) -> Reader:
    """The function of a reader's module.

    Raises:
        Failed: a library that it needs is not installed.
    """
    try:
        return READERS[name]()
    except ImportError as error:
        raise Failed(f"the {name} reader cannot start ({error}): run `make setup`") from error


def _archive() -> Reader:
    from sejong.corpus.read.archive import read

    return read


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


def _warc() -> Reader:
    from sejong.corpus.read.warc import read

    return read


def _docx() -> Reader:
    from sejong.corpus.read.docx import read

    return read


def _epub() -> Reader:
    from sejong.corpus.read.epub import read

    return read


def _hwp() -> Reader:
    from sejong.corpus.read.hwp import read

    return read


def _mbox() -> Reader:
    from sejong.corpus.read.mbox import read

    return read


def _odt() -> Reader:
    from sejong.corpus.read.odt import read

    return read


def _pptx() -> Reader:
    from sejong.corpus.read.pptx import read

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "pptx": _pptx,
    "odt": _odt,
    "mbox": _mbox,
    "hwp": _hwp,
    "epub": _epub,
    "docx": _docx,
    "archive": _archive,
    "html": _html,
    "jsonl": _jsonl,
    "mallard": _mallard,
    "markdown": _markdown,
    "mediawiki": _mediawiki,
    "parquet": _parquet,
    "pdf": _pdf,
    "plain": _plain,
    "warc": _warc,
}
