"""HWP 5, the format of Korean government: an OLE compound file with sections of records (olefile).

Hancom, "한글 문서 파일 형식 5.0", revision 1.3 (the specification is published for anyone to use).
"""

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

import olefile

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, documents
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.hwp5_body import PARAGRAPH, Body
from sejong.corpus.read.hwp5_records import Records, is_record
from sejong.corpus.read.hwp5_styles import Styles
from sejong.corpus.read.seekable import seekable

SIGNATURE = b"HWP Document File"
SECTION = re.compile(r"section(\d+)", re.IGNORECASE)
COMPRESSED, PASSWORD, DISTRIBUTED, RIGHTS, CERTIFICATE, CERTIFICATE_RIGHTS = (1 << bit for bit in (0, 1, 2, 4, 8, 10))
DOCUMENT_PROPERTIES = 16  # the kind of DocInfo's first record
# What olefile raises for a compound file whose tables are damaged; an OSError with a number is the machine's.
DAMAGE = (OSError, ValueError, LookupError, AttributeError, OverflowError, TypeError, RecursionError, struct.error)


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    with seekable(stream) as file, _storage(file) as storage:
        yield from documents(_blocks(storage))


def _storage(file: BinaryIO) -> olefile.OleFileIO:
    try:
        return olefile.OleFileIO(file)
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Unreadable(f"it is no HWP 5 file, or a damaged one ({str(error)[:100]})") from error


def _blocks(storage: olefile.OleFileIO) -> Iterator[Block | Unread]:
    flags = _flags(storage)
    names = {"/".join(path).lower(): path for path in _paths(storage)}
    kind = "viewtext" if flags & DISTRIBUTED and any(name.startswith("viewtext/") for name in names) else "bodytext"
    sections = sorted(
        (int(found[1]), path)
        for name, path in names.items()
        if name.startswith(f"{kind}/") and (found := SECTION.fullmatch(name.removeprefix(f"{kind}/")))
    )
    if not sections:
        raise Unreadable("it is an OLE file without sections of text, and so no HWP document")
    body = Body(_styles(storage, names.get("docinfo"), flags))
    for number, path in sections:
        records = _records(storage, path, flags, PARAGRAPH, distributed=kind == "viewtext")
        yield from body.blocks(records)
        if records.fault:
            yield Unread(f"section {number} cannot be read to its end: {records.fault}", f"section-{number}")


def _paths(storage: olefile.OleFileIO) -> list[list[str]]:
    try:
        found: list[list[str]] = storage.listdir()
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Unreadable("it is a damaged HWP 5 file: its folders hold one another") from error
    return found


def _flags(storage: olefile.OleFileIO) -> int:
    """What the file header says of the document; without a header, what is usual.

    Raises:
        Unreadable: the text is enciphered.
    """
    if not storage.exists("FileHeader"):
        return COMPRESSED
    header = _stream(storage, ["FileHeader"]).read(256)
    if len(header) < 40 or not header.startswith(SIGNATURE):
        return COMPRESSED
    version, flags = struct.unpack_from("<II", header, 32)
    if version >> 24 != 5:
        raise Unreadable(f"it is HWP of version {version >> 24}, and only HWP 5 is known here in this form")
    if flags & PASSWORD:
        raise Unreadable("the HWP document needs a password: save it without one")
    if flags & (RIGHTS | CERTIFICATE | CERTIFICATE_RIGHTS):
        raise Unreadable("the HWP document is enciphered by a rights system (DRM) or a certificate: save it without")
    return int(flags)


def _styles(storage: olefile.OleFileIO, path: list[str] | None, flags: int) -> Styles:
    return Styles(_records(storage, path, flags, DOCUMENT_PROPERTIES, distributed=False) if path else None)


def _records(storage: olefile.OleFileIO, path: list[str], flags: int, first: int, *, distributed: bool) -> Records:
    """A stream's records. One that begins with a record of the kind that is first there is not compressed, whatever is said."""
    stream = _stream(storage, path)
    plain = not distributed and is_record(stream.read(4), first)
    stream.seek(0)
    return Records(stream, compressed=bool(flags & COMPRESSED) and not plain, distributed=distributed)


def _stream(storage: olefile.OleFileIO, path: list[str]) -> BinaryIO:
    try:
        return storage.openstream(path)  # type: ignore[no-any-return]
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return BytesIO()  # its sectors lie outside the file: read as one that is cut off before its first record
