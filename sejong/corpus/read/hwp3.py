"""HWP 3 (Hangul 3.0 to 97), the binary format before HWP 5: paragraphs one after another, objects within their text.

Hancom, "글 문서 파일 구조 3.0": header, fonts, styles, then the list of paragraphs, deflated.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, cast

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, documents
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.hwp3_codes import text_of

SIGNATURE = b"HWP Document File V"
VERSION = b"3.00"
HEADER = 30  # bytes of the signature
INFORMATION = 128  # of the document information
ENCIPHERED, COMPRESSED, BLOCK_LENGTH = 96, 124, 126  # places in it
SUMMARY = 1008
LARGEST = 256 << 20  # bytes of a document after inflation
LANGUAGES, FONT, STYLE = 7, 40, 238
PARAGRAPH, SHAPE, LINE, CHARACTER_SHAPE = 43, 187, 14, 31
DEEPEST = 40
TABLE, PICTURE, FIELD, REFERENCE, END = 10, 11, 5, 29, 13
# Codes that take more room than the two bytes of a character: how many bytes stand behind the code.
TAKES = {6: 6 + 34, 7: 82, 8: 94, 9: 6, 14: 6 + 84, 22: 22, 23: 8, 24: 4, 25: 4, 26: 244, 28: 62, 30: 2, 31: 2}
TAKES |= dict.fromkeys((18, 19, 20, 21), 6)  # numbers, and what is shown on a page
HOLDS = {15: 6 + 8, 16: 6 + 10, 17: 6 + 14}  # hidden comments, headers and footers, notes
COUNTS = {6: 3, 14: 3, **dict.fromkeys((10, 11, 15, 16, 17, 5, 29), 3)}  # characters that a code counts for, if not by its bytes
MEANS = {9: "\t", 24: "-", 30: " ", 31: " "}
CELL, CELLS = 27, 80


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file. Where it is damaged, what stands before is kept."""
    head = stream.read(HEADER + INFORMATION)
    if not head.startswith(SIGNATURE + VERSION) or len(head) < HEADER + INFORMATION:
        raise Unreadable("it is HWP of a version before 3.0, or cut off: save it as HWP 5 or HWPX")
    information = head[HEADER:]
    if information[ENCIPHERED : ENCIPHERED + 2] != b"\0\0":
        raise Unreadable("the HWP 3 document needs a password: save it without one")
    (block,) = struct.unpack_from("<H", information, BLOCK_LENGTH)
    stream.read(SUMMARY + block)
    body = stream.read(LARGEST + 1)
    cut = False
    if information[COMPRESSED]:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            body = inflate.decompress(body, LARGEST + 1)
        except zlib.error as error:
            raise Unreadable(f"the HWP 3 document is damaged ({error})") from error
        cut = not inflate.eof
    if len(body) > LARGEST:
        raise Unreadable(f"the HWP 3 document holds more than {LARGEST >> 20} MiB")
    yield from documents(_blocks(BytesIO(body), cut))


def _blocks(body: BytesIO, cut: bool) -> Iterator[Block | Unread]:
    try:
        for _ in range(LANGUAGES):
            _skip(body, FONT * _word(body))
        _skip(body, STYLE * _word(body))
        yield from _paragraphs(body, 0)
    except EOFError as error:
        why = "its compressed data are cut off" if cut else str(error)
        raise Unreadable(f"the HWP 3 document cannot be read to its end: {why}") from error


def _paragraphs(body: BytesIO, depth: int) -> Iterator[Block]:
    """A list of paragraphs, up to the empty one that ends it."""
    if depth > DEEPEST:
        raise EOFError("boxes stand in boxes without end")
    while True:
        follows, characters, lines, shapes = struct.unpack_from("<BHHB", _take(body, PARAGRAPH))
        if not characters:
            return
        if not follows:
            _skip(body, SHAPE)
        _skip(body, LINE * lines)
        if shapes:
            for _ in range(characters):
                if _take(body, 1) != b"\1":
                    _skip(body, CHARACTER_SHAPE)
        yield from _paragraph(body, characters, depth)


def _paragraph(body: BytesIO, characters: int, depth: int) -> Iterator[Block]:
    """The text of a paragraph, then what stands in its boxes and notes."""
    text: list[str] = []
    codes: list[int] = []
    after: list[Block] = []
    count = 0
    while count < characters:
        code = _word(body)
        count += 1
        if code >= 32:
            codes.append(code)
            continue
        text.append(text_of(codes))
        codes = []
        count += COUNTS.get(code, TAKES.get(code, 0) // 2)
        if code == TABLE:
            after.extend(_table(body, depth))
        elif code == PICTURE:
            _skip(body, 6)
            (size,) = struct.unpack("<I", _take(body, 4))
            _skip(body, 344 + size)
            after.extend(_paragraphs(body, depth + 1))
        elif code in HOLDS:
            _skip(body, HOLDS[code])
            after.extend(_paragraphs(body, depth + 1))
        elif code in (FIELD, REFERENCE):
            (size,) = struct.unpack("<I", _take(body, 4))
            _skip(body, 2 + size)
        elif code in TAKES:
            _skip(body, TAKES[code])
            text.append(MEANS.get(code, ""))
        elif code != END:
            raise EOFError(f"it has a control character ({code}) that is not known")
    yield Block("".join([*text, text_of(codes)]))
    yield from after


def _table(body: BytesIO, depth: int) -> Iterator[Block]:
    """A table, text box, equation or button: the paragraphs of its cells, then its caption."""
    _skip(body, 6 + CELLS)
    cells = _word(body)
    _skip(body, 2 + CELL * cells)
    for _ in range(cells):
        yield from _paragraphs(body, depth + 1)
    yield from _paragraphs(body, depth + 1)


def _take(body: BytesIO, size: int) -> bytes:
    found = body.read(size)
    if len(found) < size:
        raise EOFError("it is cut off")
    return found


def _skip(body: BytesIO, size: int) -> None:
    """Go over some bytes, which must be there."""
    body.seek(size, 1)
    if size and body.tell() > body.getbuffer().nbytes:
        raise EOFError("it is cut off")


def _word(body: BytesIO) -> int:
    return cast(int, struct.unpack("<H", _take(body, 2))[0])
