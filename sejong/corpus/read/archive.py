"""Archives of files: zip and tar (also .gz, .bz2, .xz, .zst), each member read as if it were a file beside the others.

Nothing is unpacked onto the disk under a member's own name. Members stream one after another; what no reader knows is counted in
one row, and what may do harm (paths that lead out, links, devices, archives in archives, bombs) is refused with a row.
"""

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

import pyarrow as pa

from sejong.corpus.read.archive_tar import open_tar
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints, format_of, reader_of
from sejong.corpus.read.seekable import seekable
from sejong.errors import SejongError

RATIO = 200  # unpacked bytes for one packed byte, beyond which it is a bomb; running text stays below 50
ROOM = 64 << 20  # bytes that may come of any archive, however small
MOST_ROWS = 1000  # of refused members that are told one by one
MOST_NAMED = 12
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PACKED: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b": lambda stream: cast(BinaryIO, gzip.GzipFile(fileobj=stream)),
    b"BZh": lambda stream: cast(BinaryIO, bz2.BZ2File(stream, "rb")),
    b"\xfd7zXZ\0": lambda stream: cast(BinaryIO, lzma.LZMAFile(stream, "rb")),  # noqa: SIM115
    b"\x28\xb5\x2f\xfd": lambda stream: cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")),
}
DRIVE = re.compile(r"[A-Za-z]:")
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
OTHER_ARCHIVES = (".7z", ".rar", ".lzh", ".alz", ".egg", ".cab", ".iso", ".jar")


class _Bomb(Unreadable):
    """More comes out of an archive than text can."""


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """The documents of every member that a reader knows; locators are `path!member`."""
    with seekable(stream) as whole:
        head = whole.read(8)
        size = whole.seek(0, io.SEEK_END)
        whole.seek(0)
        members = _zip(whole, size, hints) if head.startswith(ZIP) else _tar(whole, head, hints)
        left_out: Counter[str] = Counter()
        refused = 0
        for name, one in members:
            if isinstance(one, Unread):
                refused += 1
                if refused <= MOST_ROWS:
                    yield replace(one, member=name)
            elif (found := format_of(name)) is None:
                left_out[PurePosixPath(name).suffix.lower() or "no suffix"] += 1
            else:
                yield from _member(name, one, found, hints)
    if refused > MOST_ROWS:
        yield Unread(f"{refused - MOST_ROWS:,} more members were refused", "refused", 1)
    if left_out:
        yield Unread(f"{left_out.total():,} members are of kinds that are not read as text: {_counted(left_out)}", "left-out", 1)


Found = Iterator[tuple[str, "Unread | IO[bytes]"]]


def _zip(stream: BinaryIO, size: int, hints: Hints) -> Found:
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGE as error:
        _pass_on(error)
        raise Unreadable(f"the zip archive is damaged or cut off ({error}): its list of members cannot be read") from error
    budget = _Budget(lambda: size)
    with archive:
        for member in archive.infolist():
            name = _zip_name(member, hints)
            if member.is_dir():
                continue
            if why := _refusal(name, member.external_attr >> 16):
                yield name, Unread(why, bytes=max(member.compress_size, 1))
            elif member.flag_bits & 1:
                yield name, Unread("it is encrypted: give the archive without a password", bytes=max(member.compress_size, 1))
            elif format_of(name) is None:
                yield name, io.BytesIO()
            else:
                try:
                    with archive.open(member) as content:
                        yield name, cast("IO[bytes]", _Bounded(content, budget, _Budget(partial(int, member.compress_size))))
                except DAMAGE as error:
                    _pass_on(error)
                    yield name, Unread(f"it cannot be unpacked ({error})", bytes=max(member.compress_size, 1))


def _zip_name(member: zipfile.ZipInfo, hints: Hints) -> str:
    """The member's path; names that are not marked as UTF-8 are in an encoding that nobody states."""
    if member.flag_bits & 0x800:
        return _printable(member.filename)
    return _name(member.orig_filename.split("\0")[0].encode("cp437", "replace"), hints)


def _tar(stream: BinaryIO, head: bytes, hints: Hints) -> Found:
    counted = _Counted(stream)
    unpack = next((unpack for mark, unpack in PACKED.items() if head.startswith(mark)), None)
    content = unpack(cast(BinaryIO, counted)) if unpack else cast(BinaryIO, counted)
    budget = _Budget(lambda: counted.taken)
    number = 0
    try:
        with open_tar(cast(BinaryIO, _Bounded(content, budget, budget))) as archive:
            for member in archive:
                number += 1
                archive.members = []  # type: ignore[attr-defined]  # it keeps them all
                name = _name(member.name.encode("utf-8", "surrogateescape"), hints)
                if member.isdir():
                    continue
                kind = 0 if member.isfile() and not member.issparse() else stat.S_IFLNK
                if why := _refusal(name, kind):
                    yield name, Unread(why, bytes=max(member.size, 1))
                elif (opened := archive.extractfile(member)) is not None:
                    yield name, opened
    except _Bomb:
        raise
    except DAMAGE as error:
        _pass_on(error)
        what = (
            "it is no archive that is read here, or its beginning is damaged"
            if not number
            else "the archive is damaged or cut off"
        )
        raise Unreadable(f"{what} ({error}); the members before that were kept") from error


def _refusal(name: str, mode: int) -> str | None:
    """Why a member is not opened whatever it holds."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or DRIVE.match(name) or not path.parts:
        return "its path leads out of the archive: it was not opened"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "it is a link, a device or another special file: it was not opened"
    found = format_of(name)
    if (found and found[0] == "archive") or path.suffix.lower() in OTHER_ARCHIVES:
        return "it is an archive inside an archive: unpack it and give what it holds"
    return None


def _member(name: str, content: "IO[bytes]", found: tuple[str, str | None], hints: Hints) -> Iterator[Text | Unread]:
    """What one member holds; whatever is wrong with it is a row, and the next member goes on."""
    reader, compression = found
    try:
        stream = pa.CompressedInputStream(pa.PythonFile(content, "r"), compression) if compression else content
        for one in reader_of(reader)(cast(BinaryIO, stream), hints):
            yield replace(one, member=name)
    except _Bomb:
        raise
    except Unreadable as error:
        yield Unread(str(error), member=name, bytes=1)
    except (SejongError, MemoryError):
        raise
    except Exception as error:
        _pass_on(error)
        if isinstance(error, DAMAGE):
            yield Unread(
                f"the member is damaged or cut off ({error}); whole records before that point were kept", member=name, bytes=1
            )
        else:
            yield Unread(f"the {reader} reader failed on it ({type(error).__name__}: {error})", member=name, bytes=1)


def _pass_on(error: Exception) -> None:
    """Raise again what this machine could not do, which is no fault of the file."""
    if isinstance(error, _Bomb) or (isinstance(error, OSError) and error.errno is not None):
        raise error


def _name(raw: bytes, hints: Hints) -> str:
    """A member's path in Unicode, else in the first of the nation's encodings that fits."""
    for encoding in ("utf-8", *hints.encodings):
        try:
            return _printable(raw.decode(encoding))
        except (UnicodeDecodeError, LookupError):
            continue
    return _printable(raw.decode("cp437"))


def _printable(name: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in name).removeprefix("./")


def _counted(kinds: Counter[str]) -> str:
    most = sorted(kinds.items(), key=lambda one: (-one[1], one[0]))
    more = f" and {len(most) - MOST_NAMED} more kinds" if len(most) > MOST_NAMED else ""
    return ", ".join(f"{kind} ({count:,})" for kind, count in most[:MOST_NAMED]) + more


class _Budget:
    """How much may come out of what went in."""

    def __init__(self, packed: Callable[[], int]) -> None:
        self.packed, self.given = packed, 0

    def spend(self, size: int) -> None:
        """Count bytes that came out.

        Raises:
            _Bomb: they are too many.
        """
        self.given += size
        if self.given > ROOM + RATIO * self.packed():
            raise _Bomb(f"more than {RATIO} bytes come out for each byte of it: it is taken for a bomb and not read on")


class _Counted(io.RawIOBase):
    """A stream that knows how many bytes were taken from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.taken = stream, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        data = self.stream.read(size)
        self.taken += len(data)
        return data


class _Bounded(io.RawIOBase):
    """A stream whose bytes are counted against budgets."""

    def __init__(self, stream: "IO[bytes]", *budgets: _Budget) -> None:
        self.stream, self.budgets = stream, set(budgets)

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all of them unless the stream ends."""
        parts = []
        left = size
        while left:
            block = self.stream.read(min(left, 1 << 20) if left > 0 else 1 << 20)
            if not block:
                break
            for budget in self.budgets:
                budget.spend(len(block))
            parts.append(block)
            left -= len(block) if left > 0 else 0
        return parts[0] if len(parts) == 1 else b"".join(parts)
