"""One form for all text."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sejong.corpus.read import quick
from sejong.corpus.read.clean import clean
from sejong.corpus.read.quick import cleaned


def test_what_text_may_contain() -> None:
    assert clean("\ufeff가\r\n나\r다\u2028라\x0b마\x00\x07\u00ad바\u3000 \n\n\n\n사\n") == "가\n나\n다\n라\n마바\n\n사"
    assert clean(unicodedata.normalize("NFD", "한글과 Việt")) == "한글과 Việt"
    assert clean("a\ud83d\ude00b\ud83d") == "a😀b\ufffd"
    assert clean("가\u200d나 नि\u200dत") == "가\u200d나 नि\u200dत"  # joiners are part of scripts and emoji


def test_mojibake_is_repaired_and_good_text_is_not_touched() -> None:
    assert clean("문서: ì•ˆë…•í•˜ì„¸ìš” ë°˜ê°‘ìŠµë‹ˆë‹¤") == "문서: 안녕하세요 반갑습니다"
    assert clean("SchÃ¶n, sagte er.\n안녕") == "Schön, sagte er.\n안녕"
    good = "Việt Nam, Ấn Độ, Ô Môn – “trích dẫn”… crème brûlée, ÀÉÎÕÜ, £100–200"
    assert clean(good) == good


# Letters of mojibake, what it hides (line ends, soft hyphens, spaces) and marks that NFC joins: rare in text at random.
TRICKY = st.text(st.sampled_from("AaÂÃÄÜâäì•ˆëì€œ¨¯­\u0303\u0308\u00a0\u3000 \t\n\r\x00\x1f\x85\u2028\ufeff\ud83d"))


@example("Ü\x1f¯")  # a control character between the halves of mojibake
@example("\u00e2\u20ac\u00a8 ì•ˆë…•")  # mojibake of a line end
@example("A\u0303\u00a9 SchA\u0303¶n")  # mojibake once composed
@given(st.one_of(st.text(), TRICKY))
@settings(max_examples=500, deadline=None)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    once.encode()
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in once)


WORDS = st.sampled_from(
    [
        *("가", "각", "\u1100\u1161", "\u11a8", "a", "Ã", "\u00a0", "\u00a9", "กุ่", "\u0e48\u0e38", "क़"),
        *("\u3000", " ", "\n", "\r\n", "\t", "\x0c", "\u00ad"),
    ]
)


@example(["Ã\u00a0\n", "\n \n a \n\n\n b \n", "A\u00ad\u0303"])
@given(st.lists(st.one_of(st.lists(WORDS, max_size=12).map("".join), st.text()), max_size=5))
@settings(max_examples=500, deadline=None)
def test_a_column_is_cleaned_as_each_of_its_texts_is(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    assert cleaned(pa.array(texts, pa.large_string())).to_pylist() == [clean(text) for text in texts]


def test_every_character_is_known_to_the_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character alone between two letters, and what the pass does with nearly all of them without asking `clean`."""
    texts = [f"a{chr(code)}b" for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    wanted = [clean(text) for text in texts]
    asked: list[str] = []
    monkeypatch.setattr(quick.one_text, "clean", lambda text: asked.append(text) or clean(text))  # type: ignore[func-returns-value]
    assert cleaned(pa.array(texts, pa.large_string())).to_pylist() == wanted
    assert len(asked) < 1000
