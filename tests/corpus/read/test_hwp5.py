"""HWP 5 made here, record by record: what each kind of control becomes, and what damage costs."""

import io
import struct
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from sejong.corpus.read import hwp, hwp5
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints

HINTS = Hints(("cp949",), ("Hangul",))
SECTOR, SMALL = 512, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
COMPRESSED = 1


def record(tag: int, level: int, data: bytes) -> bytes:
    if len(data) < 0xFFF:
        return struct.pack("<I", tag | level << 10 | len(data) << 20) + data
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, len(data)) + data


def control(name: str) -> bytes:
    """Eight units in a paragraph's text where an object is anchored."""
    code = {"tbl ": 11, "gso ": 11, "eqed": 11, "fn  ": 17, "head": 16, "tdut": 23, "secd": 2, "????": 22}[name]
    return struct.pack("<H", code) + name.encode()[::-1] + bytes(8) + struct.pack("<H", code)


def paragraph(text: str | bytes, level: int = 0, inner: bytes = b"", shape: int = 0, style: int = 0) -> bytes:
    data = text if isinstance(text, bytes) else text.encode("utf-16-le")
    head = struct.pack("<IIHB", len(data) // 2 + 1, 0, shape, style) + bytes(11)
    return record(66, level, head) + record(67, level + 1, data + b"\r\0") + inner


def ctrl(name: str, level: int, inner: bytes, data: bytes = bytes(40)) -> bytes:
    return record(71, level, name.encode()[::-1] + data) + inner


def string(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")


def cell(column: int, row: int, text: str, level: int = 2, inner: bytes = b"") -> bytes:
    return record(72, level, struct.pack("<IIHHHH", 1, 0, column, row, 1, 1) + bytes(26)) + paragraph(text, level, inner)


def table(cells: bytes, level: int = 1, before: bytes = b"") -> bytes:
    return ctrl("tbl ", level, before + record(77, level + 1, bytes(22)) + cells)


def compound(streams: dict[str, bytes]) -> bytes:
    """An OLE compound file (MS-CFB). Streams are filled with zeros so that none is small, which would need a place of its own."""
    streams = {path: data.ljust(SMALL, b"\0") for path, data in streams.items()}
    names: list[tuple[str, str]] = [("", "Root Entry")]
    for path in streams:
        folder, _, name = path.rpartition("/")
        if folder and ("", folder) not in names:
            names.append(("", folder))
        names.append((folder, name))
    sectors: list[bytes] = []
    chain: list[int] = []

    def put(data: bytes) -> int:
        first = len(sectors)
        for at in range(0, max(len(data), 1), SECTOR):
            sectors.append(data[at : at + SECTOR].ljust(SECTOR, b"\0"))
            chain.append(len(sectors))
        chain[-1] = END
        return first

    places = {path: put(data) for path, data in streams.items()}
    entries = b""
    for number, (folder, name) in enumerate(names):
        path = f"{folder}/{name}" if folder else name
        children = (
            [one for one, (of, _) in enumerate(names) if one and of == ("" if number == 0 else name)]
            if path not in streams
            else []
        )
        after = [one for one, (of, _) in enumerate(names) if one > number and of == folder and number]
        kind = 5 if number == 0 else 2 if path in streams else 1
        entries += name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<HBB", 2 * len(name) + 2, kind, 1)
        entries += struct.pack("<III", FREE, after[0] if after else FREE, children[0] if children else FREE) + bytes(36)
        entries += struct.pack("<IQ", places.get(path, END), len(streams.get(path, b"")))
    directory = put(entries.ljust(-(-len(entries) // SECTOR) * SECTOR, b"\0"))
    count = next(n for n in range(1, 100) if n * (SECTOR // 4) >= len(chain) + n)
    first = len(sectors)
    table = (chain + [FAT] * count + [FREE] * (SECTOR // 4))[: count * SECTOR // 4]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    header += struct.pack("<IIIIIIII", count, directory, 0, SMALL, END, 0, END, 0) + b"".join(
        struct.pack("<I", first + one if one < count else FREE) for one in range(109)
    )
    return header + b"".join(sectors) + struct.pack(f"<{len(table)}I", *table)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def document(*sections: bytes, flags: int = COMPRESSED, info: bytes = b"", **streams: bytes) -> bytes:
    pack = deflated if flags & COMPRESSED else bytes
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05010000, flags) + bytes(216)
    made = {"FileHeader": header, "DocInfo": pack(record(16, 0, bytes(26)) + info)}
    made |= {f"BodyText/Section{number}": pack(section) for number, section in enumerate(sections)}
    return compound(made | streams)


def found(data: bytes) -> tuple[str, list[str]]:
    """The text of a file, and the reasons of what could not be read."""
    texts, reasons = [], []
    try:
        for one in hwp.read(io.BytesIO(data), HINTS):
            if isinstance(one, Text):
                texts.append(one.text)
            else:
                reasons.append(one.reason)
    except Unreadable as error:
        reasons.append(str(error))
    return "\n\n".join(texts), reasons


@pytest.mark.parametrize("flags", [COMPRESSED, 0])
def test_sections_are_read_in_their_order(flags: int) -> None:
    sections = [paragraph(f"{number}번째 구역") for number in range(12)]
    assert found(document(*sections, flags=flags)) == ("\n\n".join(f"{number}번째 구역" for number in range(12)), [])


def test_a_section_without_text_is_none() -> None:
    assert found(document(b"", paragraph("둘"))) == ("둘", [])


def test_a_flag_that_is_wrong_does_not_matter() -> None:
    data = document(paragraph("압축하지 않은 글"), flags=0)
    at = data.index(b"HWP Document File")
    assert found(data[: at + 36] + b"\1" + data[at + 37 :]) == ("압축하지 않은 글", [])


def test_a_file_without_header_is_read_all_the_same() -> None:
    assert found(compound({"BodyText/Section0": deflated(paragraph("머리 없는 글"))})) == ("머리 없는 글", [])


def test_a_table_stands_where_it_is_anchored_and_a_merged_cell_once() -> None:
    cells = cell(0, 0, "이름") + cell(2, 0, "값") + cell(0, 1, "하나|둘") + cell(1, 1, "셋") + cell(2, 1, "넷")
    text = "앞 ".encode("utf-16-le") + control("tbl ") + " 뒤".encode("utf-16-le")
    caption = record(72, 2, bytes(30)) + paragraph("표 설명", 2)
    whole, faults = found(document(paragraph(text, inner=table(cells, before=caption))))
    assert whole == "앞 \n\n표 설명\n\n| 이름 |  | 값 |\n| --- | --- | --- |\n| 하나\\|둘 | 셋 | 넷 |\n\n 뒤"
    assert faults == []


def test_a_table_in_a_cell_is_part_of_the_cell() -> None:
    inner = table(cell(0, 0, "가", 4) + cell(1, 0, "나", 4) + cell(0, 1, "다", 4) + cell(1, 1, "라", 4), 3)
    outer = cell(0, 0, "A") + record(72, 2, struct.pack("<IIHHHH", 1, 0, 1, 0, 1, 1)) + paragraph(control("tbl "), 2, inner)
    outer += cell(0, 1, "C") + cell(1, 1, "D")
    assert found(document(paragraph(control("tbl "), inner=table(outer))))[0] == "| A | 가 나 다 라 |\n| --- | --- |\n| C | D |"


def test_a_table_of_one_cell_is_its_text() -> None:
    assert found(document(paragraph(control("tbl "), inner=table(cell(0, 0, "테두리 안의 글")))))[0] == "테두리 안의 글"


def test_notes_headers_boxes_and_what_is_not_known_follow_their_paragraph() -> None:
    text = b"".join(
        [
            control("head"),
            "본문".encode("utf-16-le"),
            control("fn  "),
            control("gso "),
            control("????"),
            "이다".encode("utf-16-le"),
        ]
    )
    inner = ctrl("head", 1, record(72, 2, bytes(8)) + paragraph("머리말", 2))
    inner += ctrl("fn  ", 1, record(72, 2, bytes(8)) + paragraph("각주", 2))
    inner += ctrl("gso ", 1, record(76, 2, bytes(20)) + record(72, 3, bytes(8)) + paragraph("글상자", 3))
    inner += ctrl("????", 1, record(200, 2, b"?") + record(72, 2, bytes(8)) + paragraph("모르는 것", 2))
    assert found(document(paragraph(text, inner=inner))) == ("본문이다\n\n머리말\n\n각주\n\n글상자\n\n모르는 것", [])


def test_glosses_and_equations_stand_in_the_line() -> None:
    text = control("tdut") + "와 ".encode("utf-16-le") + control("eqed")
    inner = ctrl("tdut", 1, b"", string("大韓") + string("대한") + bytes(20))
    inner += ctrl("eqed", 1, record(88, 2, bytes(4) + string("a over b")))
    assert found(document(paragraph(text, inner=inner)))[0].split() == ["大韓(대한)와", "a", "over", "b"]


def test_outline_styles_are_headings_and_lists_have_their_marks() -> None:
    shape = struct.Struct("<I26xHH20xI")
    info = b"".join(
        [
            record(
                23,
                0,
                b"".join(
                    struct.pack("<I8x", style << 5) + string(text)
                    for style, text in ((0, "제^1장"), (8, "^2."), *[(0, "^1)")] * 5)
                )
                + bytes(2),
            ),
            *(
                record(25, 0, shape.pack(kind << 23 | level << 25, numbering, 0, level))
                for kind, level, numbering in ((0, 0, 0), (1, 0, 0), (2, 1, 1), (3, 0, 1))
            ),
            record(26, 0, string("바탕글") + string("Normal") + bytes(10)),
            record(26, 0, string("개요 2") + string("Outline 2") + bytes(10)),
        ]
    )
    section = paragraph(control("secd"), inner=ctrl("secd", 1, b"", bytes(14) + b"\1\0" + bytes(30)))
    section += paragraph("총칙", shape=1) + paragraph("첫째", shape=2) + paragraph("둘째", shape=2) + paragraph("점", shape=3)
    section += paragraph("보칙", shape=1) + paragraph("작은 제목", style=1) + paragraph("긴 글 " * 60, style=1)
    text, _ = found(document(section, info=info))
    start = "# 제1장 총칙\n\n  가. 첫째\n  나. 둘째\n- 점\n\n# 제2장 보칙\n\n## 작은 제목\n\n긴 글"
    assert text[: len(start)] == start


def distributed(section: bytes, seed: int) -> bytes:
    """A section stream as distributed documents have it."""
    key = bytes(range(65, 81))
    clear = bytearray(struct.pack("<I", seed) + bytes(252))
    at = 4 + (seed & 15)
    clear[at : at + 16] = key
    state, run, mask = seed, 0, 0
    for place in range(256):  # the cover is a sequence of runs, as the specification tells it
        if run == 0:
            state = (214013 * state + 2531011) % 2**32
            mask = state // 65536 % 256
            state = (214013 * state + 2531011) % 2**32
            run = state // 65536 % 16 + 1
        run -= 1
        if place > 3:
            clear[place] ^= mask
    packed = deflated(section)
    cipher = Cipher(AES(key), ECB()).encryptor()
    return record(28, 0, bytes(clear)) + cipher.update(packed.ljust(-(-len(packed) // 16) * 16, b"\0"))


@given(st.integers(0, 2**32 - 1))
def test_distributed_documents_are_deciphered(seed: int) -> None:
    data = document(paragraph("미리 보기"), flags=5, **{"ViewText/Section0": distributed(paragraph("배포용 문서"), seed)})
    assert found(data) == ("배포용 문서", [])


@pytest.mark.parametrize(
    ("flags", "words"), [(3, "needs a password"), (1 | 1 << 4, "rights system"), (1 | 1 << 8, "certificate")]
)
def test_what_is_enciphered_is_refused_with_its_reason(flags: int, words: str) -> None:
    text, faults = found(document(paragraph("비밀"), flags=flags))
    assert text == ""
    assert [words in why for why in faults] == [True]


def test_of_a_damaged_section_the_beginning_is_kept_and_the_others() -> None:
    whole = b"".join(paragraph(f"{number}째 문단") for number in range(300))
    data = compound(
        {
            "FileHeader": b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000000, 1) + bytes(216),
            "BodyText/Section0": deflated(whole)[: len(deflated(whole)) // 2],
            "BodyText/Section1": deflated(paragraph("다음 구역")),
        }
    )
    text, faults = found(data)
    assert text.startswith("0째 문단\n\n1째 문단")
    assert text.endswith("다음 구역")
    assert len(faults) == 1
    assert faults[0].startswith("section 0 cannot be read to its end")


def test_boxes_in_boxes_without_end_do_not_end_the_reader() -> None:
    section, level = paragraph(control("gso ")), 1
    for _ in range(400):
        section += ctrl("gso ", level, b"") + paragraph(control("gso "), level + 1)
        level = min(level + 2, 1000)
    assert found(document(section + paragraph("끝")))[0] == "끝"


def test_other_files_are_refused() -> None:
    assert "no HWP document" in found(compound({"WordDocument": b"x" * 600}))[1][0]
    assert "begins like none" in found(b"%PDF-1.7")[1][0]
    with pytest.raises(Unreadable, match="no HWP 5 file"):
        list(hwp5.read(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)), HINTS))


@given(st.data())
def test_damage_anywhere_is_a_row_and_no_failure(data: st.DataObject) -> None:
    whole = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        assert all(isinstance(one, Text | Unread) for one in hwp.read(io.BytesIO(cut), HINTS))
    except Unreadable as error:
        assert str(error)


SAMPLE = document(
    paragraph("글" * 200) + paragraph(control("tbl "), inner=table(cell(0, 0, "가") + cell(1, 0, "나") + cell(0, 1, "다"))),
    paragraph("둘째 구역"),
)
