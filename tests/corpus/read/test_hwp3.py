"""HWP 3 made here: paragraphs, objects in their text, compression, and what ends a damaged file."""

import io
import struct
import zlib

import pytest

from sejong.corpus.read import hwp
from sejong.corpus.read.batch import Text, Unreadable
from sejong.corpus.read.formats import Hints

HINTS = Hints(("cp949", "johab"), ("Hangul",))


def codes(text: str) -> bytes:
    """Text as 16-bit codes, Hangul in Johab."""
    return b"".join(one.encode("johab")[::-1] if ord(one) > 127 else one.encode("utf-16-le") for one in text)


def paragraph(*parts: bytes, count: int | None = None) -> bytes:
    """A paragraph that has its own shape, one line, and character shapes of its own; objects in it bring their own paragraphs."""
    data = b"".join(parts) + b"\r\0"
    number = len(data) // 2 if count is None else count
    return struct.pack("<BHHB", 0, number, 1, 1) + bytes(37 + 187 + 14) + b"\1" * number + data


END = bytes(43)


def document(body: bytes, compressed: bool = True, password: int = 0) -> bytes:
    information = bytearray(128)
    struct.pack_into("<H", information, 96, password)
    information[124] = compressed
    struct.pack_into("<H", information, 126, 6)
    body = struct.pack("<H", 1) + bytes(40) + bytes(12) + struct.pack("<H", 1) + bytes(238) + body
    if compressed:
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
    return b"HWP Document File V3.00 \x1a\1\2\3\4\5" + bytes(information) + bytes(1008 + 6) + body


def found(data: bytes) -> tuple[str, str]:
    """The text, and why it ends where it does."""
    texts = []
    try:
        texts = [one.text for one in hwp.read(io.BytesIO(data), HINTS) if isinstance(one, Text)]
    except Unreadable as error:
        return "".join(texts), str(error)
    return "".join(texts), ""


@pytest.mark.parametrize("compressed", [True, False])
def test_paragraphs_of_hangul_hanja_and_latin(compressed: bool) -> None:
    hanja = struct.pack("<H", 0x4000)  # the first of KS X 1001
    body = paragraph(codes("한글 abc"), hanja) + paragraph(codes("둘째")) + END
    assert found(document(body, compressed)) == ("한글 abc伽\n\n둘째", "")


def test_tables_notes_and_tabs() -> None:
    cells = b"".join(paragraph(codes(text)) + END for text in ("칸", "둘째칸"))
    table = b"\x0a\0" + bytes(6) + bytes(80) + struct.pack("<H", 2) + bytes(2 + 54) + cells + paragraph(codes("설명")) + END
    note = b"\x11\0" + bytes(6 + 14) + paragraph(codes("각주")) + END
    tab = b"\x09\0" + bytes(6)
    text = codes("앞"), tab, table, note, codes("뒤")
    assert found(document(paragraph(*text, count=1 + 4 + 4 + 4 + 1 + 1) + END))[0] == "앞\t뒤\n\n칸\n\n둘째칸\n\n설명\n\n각주"


def test_passwords_and_older_versions_are_refused() -> None:
    assert found(document(paragraph(codes("비밀")) + END, password=7)) == (
        "",
        "the HWP 3 document needs a password: save it without one",
    )
    assert "before 3.0" in found(b"HWP Document File V2.00" + bytes(300))[1]


def test_of_a_cut_file_the_beginning_is_kept() -> None:
    body = b"".join(paragraph(codes(f"{number} 문단")) for number in range(200))
    hwp3 = document(body, compressed=False)
    with pytest.raises(Unreadable, match="cannot be read to its end: it is cut off"):
        for one in hwp.read(io.BytesIO(hwp3[: len(hwp3) // 2]), HINTS):
            assert isinstance(one, Text)
            assert one.text.startswith("0 문단\n\n1 문단")
