"""Web archives that FastWARC does not read: ARC, the format before WARC, and text dumps with other line ends."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from fastwarc.warc import HeaderMap

from sejong.corpus.read.batch import Unread
from sejong.corpus.read.warc_record import BLOCK, CUT, HEADER, LARGEST, Record, Wanted, answer, described

BEGINS = re.compile(rb"(?:^|\n)(?=WARC/\d\.)")


def loose(stream: BinaryIO, wanted: Wanted) -> Iterator[Record | Unread]:
    """Records whose lines end in a newline alone, as in text dumps edited by hand: each reaches up to the next, whatever its
    header says of its length."""
    held, number = bytearray(), 0
    block = b" "
    while block:
        held += (block := stream.read(BLOCK))
        ends = [found.end() for found in BEGINS.finditer(held)][1:]
        if not block and held:
            ends.append(len(held))
        start = 0
        for end in ends:
            number += 1
            yield _loose_record(bytes(held[start:end]), wanted)
            start = end
        del held[:start]
        if len(held) > LARGEST + HEADER:
            yield Unread(
                f"record {number + 1} is larger than {LARGEST >> 20} MiB: it and what follows are lost", f"record-{number + 1}"
            )
            return


def _loose_record(data: bytes, wanted: Wanted) -> Record:
    head, _, body = data.partition(b"\n\n")
    headers = HeaderMap()
    headers.parse(io.BytesIO(head.replace(b"\n", b"\r\n") + b"\r\n\r\n"))
    made = described(headers.get("WARC-Type") or "unknown", headers, None, len(body))
    return replace(made, body=body) if wanted(made) else made


def arc(stream: BinaryIO, wanted: Wanted) -> Iterator[Record | Unread]:
    """Records of the older format (https://archive.org/web/researcher/ArcFileFormat.php): a line, then its bytes."""
    lines = io.BufferedReader(_Raw(stream), BLOCK)
    number = 0
    try:
        while line := lines.readline(HEADER):
            if not line.strip():
                continue
            number += 1
            fields = line.decode("utf-8", "replace").split(" ")
            length = fields[-1].strip()
            if len(fields) < 5 or not length.isdecimal():
                yield Unread(
                    f"record {number} does not begin as an ARC record does: it and what follows are lost", f"record-{number}"
                )
                return
            size = int(length)
            content = lines.read(min(size, LARGEST))
            rest = size - len(content)
            while rest and (block := lines.read(min(rest, BLOCK))):
                rest -= len(block)
            if rest:
                yield Unread(CUT, f"record-{number}", size)
                return
            if not fields[0].startswith("filedesc:"):
                yield _arc_record(fields, content, size, wanted)
    except OSError as error:
        if error.errno is not None:
            raise
        yield Unread(f"the archive is damaged ({error}): the {number} records before that were kept", f"record-{number + 1}", 1)


def _arc_record(fields: list[str], content: bytes, size: int, wanted: Wanted) -> Record:
    http, body = answer(content)
    stamp = fields[2]
    date = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}" if re.fullmatch(r"\d{14}", stamp) else None
    made = Record("response" if http else "resource", fields[0], date, fields[3].lower(), None, http, None, size)
    return replace(made, body=body) if size <= LARGEST and wanted(made) else made


class _Raw(io.RawIOBase):
    """A stream with `read` only, as Python's buffers want it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill the buffer as far as there is something."""
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
