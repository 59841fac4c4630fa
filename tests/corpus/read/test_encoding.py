"""Bytes of old encodings become the text that was written, for short texts too; binary data becomes a reason."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.corpus.read.batch import Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints

HINTS = {
    "ko": Hints(("cp949", "johab"), ("Hangul",)),
    "ja": Hints(("cp932", "euc_jp", "iso2022_jp"), ("Hiragana", "Katakana", "Han")),
    "th": Hints(("cp874",), ("Thai",)),
    "vi": Hints(("cp1258",), ("Latin",)),
}
KOREAN = "나라의 말이 중국과 달라 문자와 서로 통하지 아니하므로 어린 백성이 이르고자 할 바가 있어도"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
THAI = "ประเทศไทยรวมเลือดเนื้อชาติเชื้อไทย เป็นประชารัฐ ไผทของไทยทุกส่วน"
VIETNAMESE = "Tất cả mọi người đều sinh ra có quyền bình đẳng"
FORMATS = Path(__file__).parents[3].parent / "shared/data/formats"


def written(text: str, encoding: str) -> bytes:
    """As a program of that time wrote it: Windows-1258 has tones as marks of their own."""
    if encoding != "cp1258":
        return text.encode(encoding)
    letters = []
    for letter in text:
        marks = unicodedata.normalize("NFD", letter)
        tones = [mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323"]
        letters.append(unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tones)) + "".join(tones))
    return "".join(letters).encode("cp1258")


@pytest.mark.parametrize(
    ("nation", "text", "encoding"),
    [
        *(
            ("ko", KOREAN, name)
            for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949", "johab", "iso2022_kr")
        ),
        *(("ja", JAPANESE, name) for name in ("utf-8", "utf-16", "utf-16-le", "cp932", "euc_jp", "iso2022_jp")),
        *(("th", THAI, name) for name in ("utf-8", "utf-16-le", "tis-620")),
        *(("vi", VIETNAMESE, name) for name in ("utf-8", "cp1258", "utf-16-le")),
        ("ko", "plain ASCII words", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("length", [12, 40, 1000])
def test_text_comes_back_from_the_encoding_it_was_written_in(nation: str, text: str, encoding: str, length: int) -> None:
    text = (text * (length // len(text) + 1))[:length]
    found = decode(written(text, encoding), HINTS[nation])
    assert unicodedata.normalize("NFC", found) == text


def test_another_nations_encoding_is_found_too() -> None:
    assert decode(JAPANESE.encode("euc_jp") * 3, HINTS["ko"]) == JAPANESE * 3
    assert decode(KOREAN.encode("cp949") * 3, HINTS["th"]) == KOREAN * 3


@pytest.mark.parametrize("data", [bytes(range(256)) * 8, b"\x7fELF\x02\x01\x01" + bytes(40) + b"\x03\x00\x3e\x00\x01" * 90])
@pytest.mark.parametrize("nation", list(HINTS))
def test_binary_data_is_refused_in_every_nation(data: bytes, nation: str) -> None:
    with pytest.raises(Unreadable, match="binary"):
        decode(data, HINTS[nation])


def test_random_bytes_are_refused() -> None:
    for size in (200, 5000, 100_000):
        with pytest.raises(Unreadable):
            decode(os.urandom(size), HINTS["ko"])


def test_a_few_broken_bytes_do_not_lose_a_text() -> None:
    data = KOREAN.encode() * 10
    assert decode(data[:-1], HINTS["ko"]) == KOREAN * 9 + KOREAN[:-1] + "\ufffd"
    damaged = data[: len(KOREAN.encode())] + b"\xff" + data[len(KOREAN.encode()) :]
    assert decode(damaged, HINTS["ko"]).replace("\ufffd", "") == KOREAN * 10
    old = (KOREAN * 10).encode("cp949")
    assert decode(old + b"\xff", HINTS["ko"]).rstrip("\ufffd") == KOREAN * 10


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), min_size=1))
def test_valid_utf8_is_never_taken_for_anything_else(text: str) -> None:
    assert decode(text.encode(), HINTS["ko"]) == text.removeprefix("\ufeff")


@pytest.mark.skipif(not FORMATS.exists(), reason="needs ../shared/data/formats: real files in old encodings")
def test_real_files_of_old_encodings() -> None:
    nations = {"cp949": "ko", "johab": "ko", "iso2022_kr": "ko", "cp932": "ja", "euc_jp": "ja", "cp874": "th", "cp1256": "ko"}
    rows = [row for line in (FORMATS / "expected.jsonl").open() if (row := json.loads(line)).get("encoding") in nations]
    assert len(rows) >= 15
    for row in rows:
        text = decode((FORMATS / row["file"]).read_bytes(), HINTS[nations[row["encoding"]]])
        assert [words for words in row.get("contains", []) if words not in text] == [], row["file"]
        assert text.count("\ufffd") == row["bad_chars"], row["file"]
