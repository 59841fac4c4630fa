"""Large files cut into shares, so that several processes read one file: JSON Lines by bytes or blocks, Parquet by row groups.

A JSON Lines file that lies there as it is has shares of bytes that end where a line ends. One that is packed has strides: each
process unpacks it and takes every n-th block of lines, which costs less than parsing does. Whether a file's shares found the same
file is told from its size and time of change (`stamp`), and from its hash, which the first share takes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.corpus.read import jsonl, parquet
from sejong.corpus.read.batch import Batch, batches
from sejong.corpus.read.formats import Hints, format_of
from sejong.flow import SourceFile

BLOCK = 1 << 20
STRIDE = 8 << 20  # unpacked bytes of a block of lines
Numbered = tuple[Callable[[], int], Iterator[bytes | None]]  # what gives the number of a block's first line, and its lines
PACKED = 6  # how much larger text becomes, about, when it is unpacked


@dataclass(frozen=True)
class Share:
    """A file, or a share of it. With `stop`: bytes or row groups `start` to `stop`. With `step`: every `step`-th block from
    `start` on. With neither: all of it."""

    file: SourceFile
    start: int = 0
    stop: int | None = None
    step: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is the whole file."""
        return self.stop is None and not self.step

    @property
    def first(self) -> bool:
        """Whether it is where the file begins."""
        return self.start == 0


def shares(file: SourceFile, size: int, workers: int) -> list[Share]:
    """The file in shares of about `size` bytes, in order; where that pays and its format allows it.

    Packed JSON Lines are cut into at most `workers` strides, since each has to unpack all of it.
    """
    name, packing = format_of(file.path) or ("", None)
    if name == "jsonl" and not packing and file.bytes > 2 * size:
        ends = _line_ends(file, size)
        return [Share(file, start, stop) for start, stop in zip([0, *ends], [*ends, file.bytes], strict=True)]
    if name == "jsonl" and packing and file.bytes * PACKED > 4 * size:
        count = min(workers, file.bytes * PACKED // (2 * size))
        return [Share(file, start, step=count) for start in range(count)] if count > 1 else [Share(file)]
    if name == "parquet" and not packing and file.bytes > size:
        return [Share(file, start, stop) for start, stop in _row_groups(file, size)] or [Share(file)]
    return [Share(file)]


def read_share(share: Share, hints: Hints, size: int) -> Iterator[Batch]:
    """The batches of a share of JSON Lines or Parquet, the latter with about `size` bytes of text each."""
    name, packing = format_of(share.file.path) or ("", None)
    with pa.OSFile(str(share.file.location)) as raw:
        if name == "parquet":
            found = parquet.read_groups(cast(BinaryIO, raw), range(share.start, share.stop or 0))
            yield from batches((share.file, one) for one in found)
            return
        stream = cast(BinaryIO, pa.CompressedInputStream(raw, packing) if packing else raw)
        if share.whole:
            numbered: Iterator[Numbered] = iter([(partial(int, 1), jsonl.blocks(stream))])
        elif packing:
            numbered = _strides(stream, share.start, share.step)
        else:
            part = cast(BinaryIO, _Part(stream, share))
            numbered = iter([(partial(_lines_before, share), jsonl.blocks(part))])
        for first, blocks in numbered:
            yield from jsonl.in_batches(share.file, blocks, hints, first)


def _line_ends(file: SourceFile, size: int) -> list[int]:
    """Places right behind a line end, at least `size` bytes apart, the file's own end left out."""
    ends = []
    with file.location.open("rb", buffering=0) as stream:
        place = 0
        while (place := place + size) < file.bytes:
            stream.seek(place)
            while (block := stream.read(BLOCK)) and (found := block.find(b"\n")) < 0:
                place += len(block)
            if not block or (place := place + found + 1) >= file.bytes:
                break
            ends.append(place)
    return ends


def _row_groups(file: SourceFile, size: int) -> list[tuple[int, int]]:
    """Runs of row groups of about `size` bytes; none where the file cannot be opened: its reader says what is wrong."""
    try:
        with pq.ParquetFile(file.location) as opened:
            weights = [opened.metadata.row_group(group).total_byte_size for group in range(opened.num_row_groups)]
    except (pa.ArrowException, OSError):
        return []
    runs: list[tuple[int, int]] = []
    start = held = 0
    for group, weight in enumerate(weights, start=1):
        held += weight
        if held >= size or group == len(weights):
            runs.append((start, group))
            start, held = group, 0
    return runs if len(runs) > 1 else []


def _lines_before(share: Share) -> int:
    """The number of the share's first line."""
    counted = _COUNTED.setdefault(share.file, {0: 0})
    at = max(place for place in counted if place <= share.start)
    count = counted[at]
    with share.file.location.open("rb", buffering=0) as stream:
        stream.seek(at)
        while at < share.start and (block := stream.read(min(BLOCK, share.start - at))):
            count += block.count(b"\n")
            at += len(block)
    counted[share.start] = count
    return count + 1


_COUNTED: dict[SourceFile, dict[int, int]] = {}  # line ends before a place, as far as this process counted them


class _Part:
    """A share of a stream as a stream."""

    def __init__(self, stream: BinaryIO, share: Share) -> None:
        stream.seek(share.start)
        self.stream = stream
        self.left = (share.stop or 0) - share.start

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        block = self.stream.read(min(size, self.left))
        self.left -= len(block)
        return block


class _Blocks:
    """Pieces of bytes as a stream that counts the line ends that go by."""

    def __init__(self, pieces: Iterator[tuple[int, bytes]]) -> None:
        self.pieces = pieces
        self.ended = 0

    def read(self, _size: int) -> bytes:
        """The next piece; nothing at the end."""
        block = next(self.pieces, (0, b""))[1]
        self.ended += block.count(b"\n")
        return block


def _strides(stream: BinaryIO, start: int, step: int) -> Iterator[Numbered]:
    """Every `step`-th block of lines: what gives the number of its first line, and its lines."""
    line = 1
    for number, pieces in groupby(_blocks(stream), key=itemgetter(0)):
        block = _Blocks(pieces)
        if number % step == start:
            yield partial(int, line), jsonl.blocks(cast(BinaryIO, block))
        while block.read(BLOCK):
            pass
        line += block.ended


def _blocks(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The stream in pieces, each with the number of the block of lines that it belongs to."""
    number = place = 0
    due = STRIDE
    while piece := stream.read(jsonl.PIECE):
        if place >= due and (cut := piece.find(b"\n") + 1):
            yield number, piece[:cut]
            number, due = number + 1, place + STRIDE
            if cut < len(piece):
                yield number, piece[cut:]
        else:
            yield number, piece
        place += len(piece)
