"""What training counts, and how it weighs it."""

import pytest

from sejong.recipe import TokenizerSettings
from sejong.tokenizer import words
from sejong.tokenizer.pieces import PIECES
from sejong.tokenizer.train import train
from sejong.tokenizer.words import UNIT, count, weigh

LLAMA3 = PIECES["llama3"].pattern


def test_words_are_counted_where_the_tokenizer_cuts() -> None:
    found = count([("a", "새 글, 새 글"), ("b", "글 12345")], LLAMA3)
    assert found == {"a": {"새": 1, " 글": 2, ",": 1, " 새": 1}, "b": {"글": 1, " ": 1, "123": 1, "45": 1}}


def test_long_pieces_are_cut() -> None:
    assert count([("a", "가" * 130)], LLAMA3) == {"a": {"가" * 64: 2, "가" * 2: 1}}


def test_a_table_of_boundaries_cuts_as_its_spans_say() -> None:
    (parts,) = words.with_boundaries("kiwi-fast", ["학교에서 밥을 먹었다"])
    assert "".join(parts) == "학교에서 밥을 먹었다"
    assert parts[0] == "학교"


def test_weights_follow_the_two_powers() -> None:
    counts = {"large": {"가": 100, "나": 4}, "small": {"다": 4, "가": 1, "라": 1}}
    plain = weigh(counts, 1.0, 1.0)
    assert plain == {"가": 101 * UNIT, "나": 4 * UNIT, "다": 4 * UNIT, "라": UNIT}
    assert weigh(counts, 0.5, 1.0) == {"가": 11 * UNIT, "나": 2 * UNIT, "다": 2 * UNIT, "라": UNIT}
    even = weigh(counts, 1.0, 0.0)
    ratio = (3 * 104) / (3 * 6)
    assert even["다"] == round(4 * UNIT * ratio)
    assert even["라"] == UNIT, "a word met once counts once, however small its source"


def test_rare_words_are_forgotten_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "DISTINCT", 100)
    texts = [("a", f"드문{n % 7}{chr(0xAC00 + n)} 흔한") for n in range(600)]
    found = count(texts, LLAMA3)
    assert found["a"][" 흔한"] == 600
    assert len(found["a"]) < 400


def test_the_heaviest_symbols_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "SYMBOLS", 10)
    assert words._heaviest({"b": 5, "a": 5, "c": 9}, {"a": 4, "b": 4, "c": 5}) == ["a", "c"]


def test_a_left_out_source_is_written_shorter_than_by_raw_counts() -> None:
    """One large source that repeats itself, three small ones that share words with the one left out."""
    large = [("large", "반복되는 기술 문서입니다. 자세한 내용은 설명서를 참조하십시오. " * 40)] * 20
    variants = [
        ("large", f"클래스{a}{b} 구현{b}{a}") for a in "가나다라마바사아자차" for b in "카타파하거너더러머버" for _ in range(9)
    ]
    small = [(f"small{n}", "오늘은 날씨가 좋아서 친구와 함께 영화를 봤다. 정말 재미있는 영화였다.") for n in range(3)]
    texts = [*large, *variants, *small]
    raw = train(TokenizerSettings(vocabulary=512, temper=1, balance=1), texts)
    ours = train(TokenizerSettings(vocabulary=512), texts)
    unseen = "영화가 재미있는지 친구에게 물어봤다. 날씨가 정말 좋아서 함께 봤다."
    assert len(ours.encode(unseen).ids) < 0.9 * len(raw.encode(unseen).ids)
