"""PDF: columns in reading order, paragraphs, headings, page furniture; a PDF without text says what to do."""

import io
from pathlib import Path

import pytest

from sejong.corpus.read import pdf as read_pdf
from sejong.corpus.read import read
from sejong.corpus.read.batch import Text
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.layout import Line, in_reading_order, paragraphs
from sejong.corpus.read.pdf_text import _in_order, is_garbage

from .conftest import source

HINTS = Hints(("cp949",), ("Hangul",))


def pdf(pages: list[list[tuple[float, float, float, str]]]) -> bytes:
    """A PDF with lines of text at (x, y, type size)."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for lines in pages:
        stream = "".join(f"BT /F {size} Tf {x} {y} Td ({text}) Tj ET\n" for x, y, size, text in lines)
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}endstream")
        content = len(objects)
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>/Contents {content} 0 R>>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    body, places = "%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{one}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    table = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}"
    return f"{body}{table}trailer<</Size {len(places) + 1}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF".encode()


def read_one(folder: Path, data: bytes) -> tuple[list[str], list[str]]:
    (folder / "a.pdf").write_bytes(data)
    found = list(read([source(folder, "a.pdf")], HINTS.encodings, HINTS.scripts))
    texts = [text for batch in found for text in batch.documents["text"].to_pylist()]
    return texts, [why for batch in found for why in batch.dropped["reason"].to_pylist()]


LEFT = ["The left column begins here and", "goes on in a second line that is", "as long as the others are."]
RIGHT = ["The right column is read after", "the left one, although its first", "line was drawn before it."]


def column(x: float, lines: list[str]) -> list[tuple[float, float, float, str]]:
    return [(x, 700 - 14 * number, 11, line) for number, line in enumerate(lines)]


def test_columns_are_read_one_after_the_other_below_their_heading(tmp_path: Path) -> None:
    drawn = [*column(320, RIGHT), *column(60, LEFT), (60, 750, 20, "A heading over both columns of it")]
    texts, faults = read_one(tmp_path, pdf([drawn]))
    assert faults == []
    assert texts == [f"# A heading over both columns of it\n\n{' '.join(LEFT)}\n\n{' '.join(RIGHT)}"]


def test_running_heads_and_page_numbers_are_left_out(tmp_path: Path) -> None:
    pages = [
        [(60, 780, 9, "Annual report"), (60, 400, 11, f"What page {name} says in its only line."), (300, 20, 9, f"- {number} -")]
        for number, name in enumerate(["one", "two", "three", "four"], start=1)
    ]
    texts, _ = read_one(tmp_path, pdf(pages))
    assert texts == ["\n\n".join(f"What page {name} says in its only line." for name in ("one", "two", "three", "four"))]


def test_a_pdf_without_text_is_a_row_that_says_what_to_do(tmp_path: Path) -> None:
    texts, faults = read_one(tmp_path, pdf([[], []]))
    assert texts == []
    assert faults == ["the PDF has no text on its 2 pages, nor pictures of text"]


def test_a_cut_pdf_is_a_row(tmp_path: Path) -> None:
    texts, faults = read_one(tmp_path, b"%PDF-1.7\n1 0 obj\n<<")
    assert texts == []
    assert ["cannot be opened" in why for why in faults] == [True]


def line(text: str, top: float, left: float = 0.0, width: float = 100.0) -> Line:
    return Line(text, left, left + width, top - 10, top, 10)


def test_words_broken_at_line_ends_are_joined_as_their_script_does() -> None:
    korean = [
        line("보험업계에서는 코로나를 질", 100),
        line("병으로 보아야 할지 상해로 ", 88),
        line("보아야 한다고 말하였다고 ", 76),
    ]
    assert list(paragraphs([korean])) == ["보험업계에서는 코로나를 질병으로 보아야 할지 상해로 보아야 한다고 말하였다고"]
    japanese = [line("工具を用いずに電線の接続を行うことがで", 100), line("きる速結端子又はねじなし端子と称される", 88)]
    assert list(paragraphs([japanese])) == ["工具を用いずに電線の接続を行うことができる速結端子又はねじなし端子と称される"]
    assert list(paragraphs([[line("a hyphen at the inter\u00ad", 100), line("national end of a line", 88)]])) == [
        "a hyphen at the international end of a line"
    ]


def test_order_does_not_depend_on_the_order_of_drawing() -> None:
    lines = [line(str(number), 700 - 12 * (number % 5), 300 * (number // 5)) for number in range(10)]
    for drawn in (lines, lines[::-1], lines[5:] + lines[:5]):
        assert [one.text for one in in_reading_order(drawn)] == [one.text for one in lines]


def test_a_page_in_vertical_writing_is_read_from_the_right() -> None:
    lines = [
        Line("二行目である", 80, 90, 100, 300, 10, vertical=True),
        Line("一行目であり", 100, 110, 100, 300, 10, vertical=True),
    ]
    assert [one.text for one in in_reading_order(lines)] == ["一行目であり", "二行目である"]


def test_of_two_columns_of_arabic_the_right_one_comes_first() -> None:
    left = [line("العمود الثاني من النص", 700 - 12 * row, 0) for row in range(3)]
    right = [line("العمود الأول من النص", 700 - 12 * row, 300) for row in range(3)]
    assert [one.text for one in in_reading_order(left + right)] == [one.text for one in right + left]


def test_letters_that_one_glyph_stands_for_are_in_their_order() -> None:
    ligature = (10.0, 20.0, 0.0, 12.0)
    letters = [("ن", (30.0, 35.0, 0.0, 12.0)), ("إ", ligature), ("ل", ligature), ("ا", (5.0, 9.0, 0.0, 12.0))]
    assert "".join(_in_order([one for one, _ in letters], [box for _, box in letters])) == "نلإا"


@pytest.mark.parametrize(
    ("text", "garbage"),
    [
        ("블록체인(Blockchain)과 엣지컴퓨팅", False),
        ("\uf0b7 글머리표가 있는 줄", False),
        ("國漢文 混用과 x² + α", False),
        ("\ue406묾푷 차세대 \ue342킹 방지", True),
        ("\x13\x14 \x16", True),
        ("Ꮢשқж가ш", True),
    ],
)
def test_text_of_fonts_without_a_character_map_is_garbage(text: str, garbage: bool) -> None:
    assert is_garbage(text, Hints(scripts=("Hangul",))) is garbage


def test_text_that_is_not_drawn_is_left_out_beside_text_that_is_and_marked(tmp_path: Path) -> None:
    drawn = pdf([column(60, LEFT)])
    hidden = drawn.replace(b"Td (as", b"Td 3 Tr (as")  # its length is wrong now, which PDFium gets over
    (one,) = read_pdf.read(io.BytesIO(hidden), HINTS)
    assert isinstance(one, Text)
    assert one.marks == ("hidden-text",)
    assert LEFT[2] not in one.text
    assert one.text.startswith(LEFT[0])
