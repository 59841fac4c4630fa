"""Records of a web archive, one after another: WARC, WET and ARC, packed or not, whole or damaged (FastWARC).

FastWARC stops at the first record that it cannot read. Here the search then goes on: at the next packed member, or at the next
line that begins a record, so that damage costs the records it stands in and no others. A record is given out when what follows
it shows that its stated length was right.
"""

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from fastwarc.stream_io import GzipReader, ZstdReader
from fastwarc.warc import ArchiveIterator, WarcRecord

from sejong.corpus.read.batch import Unread
from sejong.corpus.read.warc_older import BEGINS, arc, loose
from sejong.corpus.read.warc_record import BLOCK, CUT, HEADER, LARGEST, Record, Wanted, answer, described

__all__ = ["Record", "records"]

GZIP, ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
ENDS = b"\r\n\r\n"  # what follows the header, and the record
PATIENCE = 500  # places in a row where no record begins, after which the rest is given up
DAMAGED = "a record is damaged: the archive's other records were kept"


def records(stream: BinaryIO, wanted: Wanted) -> Iterator[Record | Unread]:
    """The records of an archive; `wanted` is asked with a record without its body. What is damaged is one row each.

    Args:
        stream: the archive as it is on disk, packed or not; it is searched to and fro.
    """
    first = stream.read(4)
    packing = first[:3] if first[:3] == GZIP else first if first == ZSTD else b""
    head = _opening(stream, packing)
    if head.startswith(b"filedesc:"):
        yield from arc(_from_start(stream, packing), wanted)
    elif head.startswith(b"WARC/") and b"\r\n" not in head:
        yield from loose(_from_start(stream, packing), wanted)
    else:
        yield from _warc(stream, packing, wanted)


def _from_start(stream: BinaryIO, packing: bytes) -> BinaryIO:
    stream.seek(0)
    return cast(BinaryIO, GzipReader(stream) if packing == GZIP else ZstdReader(stream) if packing else stream)


def _opening(stream: BinaryIO, packing: bytes) -> bytes:
    """The first bytes of an archive, unpacked; none where they are damaged."""
    try:
        return _from_start(stream, packing).read(HEADER)
    except OSError as error:
        if error.errno is not None:
            raise
        return b""


def _warc(stream: BinaryIO, packing: bytes, wanted: Wanted) -> Iterator[Record | Unread]:
    """Runs of whole records, with one row for the damage between two of them."""
    start, failures = 0, 0
    fault: Unread | None = None
    while True:
        run = _Run(stream, start, wanted)
        for record in run:
            if fault is not None:
                yield replace(fault, reason=DAMAGED)
            fault, failures = None, 0
            yield record
        failures += 1
        if run.fault and fault is None:
            fault = Unread(run.fault, f"byte-{run.place}", max(run.size, 1))
        found = _next(stream, max(run.resume(packing), start + 1), packing) if fault is not None and failures < PATIENCE else None
        if found is None:
            break
        start = found
    if fault is not None:
        yield fault


class _Run:
    """The records from a place on, up to the first fault: `fault` says what it was, `place` the byte where its record begins."""

    def __init__(self, stream: BinaryIO, start: int, wanted: Wanted) -> None:
        self.stream, self.start, self.wanted = stream, start, wanted
        self.fault: str | None = None
        self.place = start
        self.size = 0
        self.behind = False  # whether `place` is where the next record should begin, and not where the last one does

    def __iter__(self) -> Iterator[Record]:
        held: Record | None = None
        source = _From(self.stream, self.start)
        try:
            for record in ArchiveIterator(source, parse_http=False, strict_mode=False):
                if held is not None:
                    yield held
                    held = None
                self.place, self.size = self.start + record.stream_pos, record.content_length
                if record.headers.get("Content-Length") is None:
                    self.fault = DAMAGED
                    return
                made, whole = _record(record, self.wanted)
                if not whole:
                    self.fault = CUT
                    return
                held = made
        except OSError as error:
            if error.errno is not None:
                raise
            self.fault = DAMAGED
            if held is not None and self._is_whole(held):
                yield held
            return
        if held is not None and self._is_cut(held):
            self.fault = CUT
        elif held is not None:
            yield held
            if self.behind:
                self.stream.seek(self.place)
                self.fault = CUT if self.stream.read(3) == GZIP else None

    def _is_cut(self, last: Record) -> bool:
        """Whether the archive ends in the header of its last record, where a length may have lost its last digits."""
        self.stream.seek(self.place)
        first = self.stream.read(4)
        return (first[:3] == GZIP or first == b"WARC") and not self._is_whole(last)

    def resume(self, packing: bytes) -> int:
        """From where to look for the next record."""
        return self.place + (0 if self.behind else max(len(packing), 1))

    def _is_whole(self, held: Record) -> bool:
        """Whether the last record ends where its header says, so that the fault is the next one's."""
        self.stream.seek(self.place)
        head = self.stream.read(HEADER)
        if head[:3] == GZIP:
            end = _member_end(self.stream, self.place)
            if end is None:
                return False
            self.place, self.behind = end, True
            return True
        if head[:4] == ZSTD:
            return False
        at = head.find(ENDS)
        if at < 0:
            return False
        end = self.place + at + 4 + held.size
        self.stream.seek(end)
        if (after := self.stream.read(4)) != ENDS and not (ENDS.startswith(after) and not self.stream.read(1)):
            return False
        self.place, self.behind = end, True
        return True


def _record(record: WarcRecord, wanted: Wanted) -> tuple[Record, bool]:
    """A record, and whether all of it was there."""
    size, headers = record.content_length, record.headers
    kind = str(record.record_type)
    start, http = b"", None
    if record.is_http and size and kind in ("response", "revisit"):
        start = record.reader.read(min(HEADER, size))
    taken = len(start)
    if start:
        http, start = answer(start)
    made = described(kind, headers, http, size)
    if size > LARGEST or not wanted(made):
        return made, taken + record.consume() >= size
    rest = record.reader.read()
    return replace(made, body=start + rest), taken + len(rest) >= size


def _member_end(stream: BinaryIO, start: int) -> int | None:
    """Where the gzip member that begins at `start` ends; none where it is damaged."""
    stream.seek(start)
    member = zlib.decompressobj(31)
    taken = 0
    try:
        while not member.eof:
            block = stream.read(BLOCK)
            if not block:
                return None
            taken += len(block)
            while block and not member.eof:
                member.decompress(block, BLOCK)
                block = member.unconsumed_tail
    except zlib.error:
        return None
    return start + taken - len(member.unused_data)


def _next(stream: BinaryIO, start: int, packing: bytes) -> int | None:
    """The next place at or after `start` where a record may begin."""
    mark = re.compile(re.escape(packing)) if packing else BEGINS
    stream.seek(start)
    held, base = b"", start
    while block := stream.read(BLOCK):
        held += block
        if found := mark.search(held):
            return base + found.end() - (0 if not packing else len(found[0]))
        base += max(len(held) - 8, 0)
        held = held[-8:]
    return None


class _From(io.RawIOBase):
    """A file as if it began at `start`."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self.stream, self.start, self.place = stream, start, 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        self.stream.seek(self.start + self.place)
        data = self.stream.read(size)
        self.place += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; from the start or from here."""
        self.place = offset if whence == 0 else self.place + offset
        return self.place

    def tell(self) -> int:
        """Where the next byte is read."""
        return self.place
