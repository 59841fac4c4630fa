"""HWP 5 streams as records: deciphered, inflated and cut up as they are read.

Hancom, "한글 문서 파일 형식 5.0", revision 1.3, chapters 3 (storages), 4 (records); "배포용 문서" for the cipher.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from sejong.corpus.read.batch import Unreadable

BLOCK = 1 << 16
LARGEST_STREAM = 1 << 30  # bytes of a stream after inflation
LARGEST_RECORD = 256 << 20
EXTENDED = 0xFFF  # a size that says that the size follows
DISTRIBUTED_BYTES = 256  # of the record that a distributed document's streams begin with
DISTRIBUTED = 28
AES_BLOCK = 16


class Record(NamedTuple):
    """A record: its kind, its depth in the tree, and its bytes."""

    tag: int
    level: int
    data: bytes


class Records:
    """The records of a stream, one after another. Where the stream is damaged they end, and `fault` says why."""

    def __init__(self, stream: BinaryIO, *, compressed: bool, distributed: bool) -> None:
        self.fault = ""
        self._held: Record | None = None
        blocks = iter(lambda: stream.read(BLOCK), b"")
        if distributed:
            blocks = _deciphered(stream)
        self._blocks = _inflated(blocks) if compressed else blocks
        self._buffer, self._at = b"", 0

    def below(self, level: int) -> Iterator[Record]:
        """The next records as long as they stand deeper than `level`; whoever gets one may go on with those below it."""
        while (record := self._peek()) is not None and record.level > level:
            self._held = None
            yield record

    def _peek(self) -> Record | None:
        if self._held is None and not self.fault:
            try:
                self._held = self._next()
            except (zlib.error, EOFError, Unreadable) as error:
                self.fault = str(error)
        return self._held

    def _next(self) -> Record | None:
        first = self._bytes(4, may_end=True)
        if not first:
            return None
        (head,) = struct.unpack("<I", first)
        size = head >> 20
        if size == EXTENDED:
            (size,) = struct.unpack("<I", self._bytes(4))
            if size > LARGEST_RECORD:
                raise Unreadable(f"a record says that it holds {size >> 20} MiB")
        return Record(head & 0x3FF, (head >> 10) & 0x3FF, self._bytes(size))

    def _bytes(self, size: int, *, may_end: bool = False) -> bytes:
        """The next `size` bytes; none at the stream's end where it may end here, or where only a fill of zeros is left."""
        if len(self._buffer) - self._at < size:
            parts = [self._buffer[self._at :]]
            have = len(parts[0])
            while have < size and (block := next(self._blocks, None)) is not None:
                parts.append(block)
                have += len(block)
            self._buffer, self._at = b"".join(parts), 0
        found = self._buffer[self._at : self._at + size]
        self._at += len(found)
        if len(found) == size:
            return found
        if may_end and not any(found):
            return b""
        raise EOFError("it ends in the middle of a record")


def is_record(data: bytes, tag: int) -> bool:
    """Whether a stream begins, not compressed, with a record of this kind."""
    return len(data) >= 4 and struct.unpack("<I", data[:4])[0] & 0xFFFFF == tag


def _inflated(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Raw deflate data, bounded. A stream that ends before its data do gives what it holds, then an error."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    for block in blocks:
        while block and not inflate.eof:
            plain = inflate.decompress(block, BLOCK)
            block = inflate.unconsumed_tail
            total += len(plain)
            if total > LARGEST_STREAM:
                raise Unreadable(f"a stream holds more than {LARGEST_STREAM >> 30} GiB")
            if plain:
                yield plain
        if inflate.eof:
            return
    if rest := inflate.flush():
        yield rest
    if not inflate.eof:
        raise EOFError("its compressed data are cut off")


def _deciphered(stream: BinaryIO) -> Iterator[bytes]:
    """The rest of a distributed document's stream, in clear: AES-128 in ECB mode, its key hidden in the first record."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import ECB

    head = stream.read(4 + DISTRIBUTED_BYTES)
    if len(head) < 4 + DISTRIBUTED_BYTES or struct.unpack("<I", head[:4])[0] & 0x3FF != DISTRIBUTED:
        raise Unreadable("it is marked as a distributed document but lacks the record with the key")
    cipher = Cipher(AES(_key(head[4:])), ECB()).decryptor()
    while block := stream.read(BLOCK):
        whole = len(block) - len(block) % AES_BLOCK
        yield cipher.update(block[:whole])


def _key(data: bytes) -> bytes:
    """The 16 bytes of the key. The record is covered by runs of a byte from Microsoft C's `rand`, seeded by its first four."""
    (seed,) = struct.unpack("<I", data[:4])
    state, clear, run, mask = seed, bytearray(data), 0, 0
    for place in range(len(clear)):
        if run == 0:
            state = (state * 214013 + 2531011) & 0xFFFFFFFF
            mask = (state >> 16) & 0xFF
            state = (state * 214013 + 2531011) & 0xFFFFFFFF
            run = ((state >> 16) & 0xF) + 1
        if place >= 4:
            clear[place] ^= mask
        run -= 1
    start = 4 + (seed & 0xF)
    return bytes(clear[start : start + AES_BLOCK])
