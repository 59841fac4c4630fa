"""Documents that are zip archives of parts: opened within bounds, so that a small file cannot become an endless one."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from sejong.corpus.read.batch import Unreadable
from sejong.corpus.read.seekable import seekable

LARGEST = 1 << 30  # bytes of all parts after decompression
SURELY_SMALL = 50 << 20  # bytes up to which the ratio does not matter
LARGEST_RATIO = 200
MOST_PARTS = 100_000
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)  # what reading a damaged part raises
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how files begin that Office has enciphered
ENCIPHERED = 1  # a flag of a part


@contextmanager
def package(stream: BinaryIO, kind: str) -> Iterator[zipfile.ZipFile]:
    """The archive of a document of some kind ("DOCX", …), which error messages name.

    Raises:
        Unreadable: it is no zip archive, is damaged at its end, or its parts would be too large.
    """
    with seekable(stream) as file:
        if file.read(len(COMPOUND)) == COMPOUND:
            raise Unreadable(
                f"it is no {kind} file but a compound file: one with a password, or of an older format; save it as {kind}"
            )
        file.seek(0)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Unreadable(f"it is no {kind} file, or one that is cut off ({error})") from error
        with archive:
            _bounded(archive, kind)
            yield archive


def part(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """A part of the archive, to be read.

    Raises:
        Unreadable: it is missing, enciphered or compressed in an unknown way.
    """
    try:
        info = archive.getinfo(name)
        if info.flag_bits & ENCIPHERED:
            raise Unreadable("the archive is enciphered: save it without a password")
        return archive.open(info)
    except KeyError as error:
        raise Unreadable(f"it lacks its part {name}") from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Unreadable(f"its part {name} cannot be read ({error})") from error


def _bounded(archive: zipfile.ZipFile, kind: str) -> None:
    parts = archive.infolist()
    size, packed = sum(one.file_size for one in parts), sum(one.compress_size for one in parts)
    if len(parts) > MOST_PARTS:
        raise Unreadable(f"the {kind} file has {len(parts)} parts, and {MOST_PARTS} are the most that are read")
    if size > LARGEST:
        raise Unreadable(f"the {kind} file would unpack to {size >> 20} MiB, and {LARGEST >> 20} MiB are the most that are read")
    if size > SURELY_SMALL and size > LARGEST_RATIO * max(packed, 1):
        raise Unreadable(f"the {kind} file would unpack to {size // max(packed, 1)} times its size, as zip bombs do")


def first_of(archive: zipfile.ZipFile, names: tuple[str, ...]) -> str | None:
    """The first of these names that the archive has, upper and lower case alike."""
    have = {one.lower(): one for one in archive.namelist()}
    return next((have[name.lower()] for name in names if name.lower() in have), None)


def data_of(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A whole small part; `most` bytes at most, the rest is left.

    Raises:
        Unreadable: it is missing or damaged.
    """
    try:
        with part(archive, name) as opened:
            return opened.read(most)
    except DAMAGE as error:
        raise Unreadable(f"its part {name} is damaged ({error})") from error
