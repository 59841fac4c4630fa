"""Scanned pages: recognised where Tesseract is installed, a row that says what to install where it is not."""

import io
import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import pypdfium2
import pytest

from sejong.corpus.read import ocr, pdf
from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.ocr import NotRead, Word
from sejong.corpus.read.ocr_lines import lines_of

from .test_pdf import LEFT, RIGHT, column
from .test_pdf import pdf as drawn

LATIN = Hints(scripts=("Latin",))
needs_tesseract = pytest.mark.skipif(
    not shutil.which("tesseract"), reason="needs the program tesseract (apt-get install tesseract-ocr)"
)


def scan(document: bytes, dots: int = 200) -> bytes:
    """The same pages as pictures."""
    source, made = pypdfium2.PdfDocument(document), pypdfium2.PdfDocument.new()
    for page in source:
        width, height = page.get_size()
        picture = pypdfium2.PdfImage.new(made)
        picture.set_bitmap(page.render(scale=dots / 72))
        picture.set_matrix(pypdfium2.PdfMatrix().scale(width, height))
        copy = made.new_page(width, height)
        copy.insert_obj(picture)
        copy.gen_content()
    data = io.BytesIO()
    made.save(data)
    return data.getvalue()


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    ocr._installed.cache_clear()
    yield
    ocr._installed.cache_clear()


@needs_tesseract
def test_a_scan_is_recognised_and_marked_with_the_confidence() -> None:
    (one,) = pdf.read(io.BytesIO(scan(drawn([column(60, LEFT)]))), LATIN)
    assert isinstance(one, Text)
    assert " ".join(one.text.split()) == " ".join(LEFT)
    (mark,) = one.marks
    assert mark.startswith("ocr:")
    assert 0.7 < float(mark[4:]) <= 1


@needs_tesseract
def test_a_page_with_a_text_layer_is_not_recognised() -> None:
    (one,) = pdf.read(io.BytesIO(drawn([column(60, LEFT)])), LATIN)
    assert isinstance(one, Text)
    assert one.marks == ()


def test_without_the_program_one_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "PROGRAM", "no-such-program")
    found = list(pdf.read(io.BytesIO(scan(drawn([column(60, LEFT), column(60, RIGHT)]), 50)), Hints(scripts=("Hangul",))))
    assert [type(one) for one in found] == [Unread]
    assert isinstance(found[0], Unread)
    assert "2 pages (1, 2) cannot be read" in found[0].reason
    assert "apt-get install tesseract-ocr tesseract-ocr-kor" in found[0].reason


@needs_tesseract
def test_without_the_languages_pack_the_row_names_it() -> None:
    (one,) = pdf.read(io.BytesIO(scan(drawn([column(60, LEFT)]), 50)), Hints(ocr=("xyz_vert",)))
    assert isinstance(one, Unread)
    assert one.reason.endswith("tesseract lacks its language pack xyz_vert: apt-get install tesseract-ocr-xyz-vert")


@needs_tesseract
def test_a_page_that_takes_too_long_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "SECONDS", 0.001)
    with pytest.raises(NotRead, match="took longer"):
        ocr.recognise(np.full((100, 100), 255, np.uint8), LATIN)


def test_the_nation_may_name_its_packs() -> None:
    assert ocr.wanted(Hints(scripts=("Hiragana", "Katakana", "Han"))) == ("jpn", "chi_sim", "chi_tra")
    assert ocr.wanted(Hints(scripts=("Latin",), ocr=("vie",))) == ("vie",)
    assert ocr.wanted(Hints()) == ("eng",)


@needs_tesseract
def test_the_outside_model_is_named_with_its_version_and_hash() -> None:
    row = ocr.outside_model(LATIN)
    assert row is not None
    assert row["name"] == "tesseract eng"
    assert row["version"][0].isdigit()
    assert len(row["sha256"]) == 64
    assert ocr.outside_model(Hints(ocr=("xyz",))) is None


def word(text: str, left: int, top: int, width: int, line: str) -> Word:
    return Word(text, left, top, left + width, top + 30, (line,), 0.9)


def test_pieces_of_a_word_are_joined() -> None:
    words = [word("코로", 0, 0, 60, "1"), word("나", 63, 0, 30, "1"), word("관련", 110, 0, 60, "1")]
    assert [line.text for line in lines_of(words, 1.0, 100.0)] == ["코로나 관련"]


def test_lines_over_two_columns_are_cut_at_the_gutter() -> None:
    words = [word("heading-over-both", 100, 0, 900, "0")]
    for row in range(8):
        words += [
            word(f"left{row}", 0, 50 * row + 50, 450, str(row + 1)),
            word(f"right{row}", 540, 50 * row + 50, 450, str(row + 1)),
        ]
    texts = [line.text for line in lines_of(words, 1.0, 1000.0)]
    assert texts == ["heading-over-both", *(f"left{row}" for row in range(8)), *(f"right{row}" for row in range(8))]


@needs_tesseract
def test_the_program_is_asked_for_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    run = subprocess.run

    def watched(command: list[str], **options: object) -> object:
        asked.update(options)
        return run(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", watched)
    ocr.recognise(np.full((60, 60), 255, np.uint8), LATIN)
    assert asked["env"]["OMP_THREAD_LIMIT"] == "1"  # type: ignore[index]
