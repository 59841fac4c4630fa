"""Units: byte spans in order, words as `str.split` gives them, the same unit from rules, segmenters and learnt tables."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.errors import Refused
from sejong.language import boundaries, segment, units

TEXTS = st.lists(
    st.text(st.sampled_from("가힣을日本のภาษាไทย ăệ\n\tab1９'’.,-()…👩‍🚀नमस्ते\u0301\x1c\u00a0\u3000"), max_size=40), max_size=5
)
RULES = ["word", "token", "character"]


def words(unit: str, texts: list[str]) -> list[list[str]]:
    data, offsets = columns(texts)
    found = units.spans(unit, data, offsets)
    own: list[list[str]] = [[] for _ in texts]
    for start, end, document in zip(*found, strict=True):
        assert offsets[document] <= start < end <= offsets[document + 1]
        own[document].append(bytes(data[start:end]).decode())
    assert (np.diff(found.starts) > 0).all()
    assert (found.ends[:-1] <= found.starts[1:]).all()
    return own


def columns(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return data, np.concatenate([[0], np.cumsum([len(one) for one in encoded])]).astype(np.int64)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_words_are_what_python_splits(texts: list[str]) -> None:
    assert words("word", texts) == [text.split() for text in texts]


@pytest.mark.parametrize("unit", [*RULES, *boundaries.names(), "icu", "words"])
@given(texts=TEXTS)
@settings(max_examples=50, deadline=None)
def test_units_hold_every_visible_character_once(unit: str, texts: list[str]) -> None:
    for text, found in zip(texts, words(unit, texts), strict=True):
        assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize("unit", [*RULES, *boundaries.names(), "icu"])
@given(texts=TEXTS)
@settings(max_examples=25, deadline=None)
def test_a_batch_gives_what_each_text_alone_gives(unit: str, texts: list[str]) -> None:
    assert words(unit, texts) == [words(unit, [text])[0] for text in texts]


def test_tokens_take_punctuation_for_words_but_not_within_words_and_numbers() -> None:
    text = "It's 3.5, don't! 1,000원 (a,b) ''x'."
    expected = ["It's", "3.5", ",", "don't", "!", "1,000원", "(", "a", ",", "b", ")", "'", "'", "x", "'", "."]
    assert words("token", [text])[0] == expected


@given(st.text(st.sampled_from("abé가नी1９"), min_size=1, max_size=20))
def test_a_run_of_letters_and_digits_is_one_token(text: str) -> None:
    assert words("token", [text])[0] == [text] or unicodedata.category(text[0]).startswith("M")


def test_a_character_keeps_its_marks() -> None:
    assert words("character", ["e\u0301a नी"])[0] == ["e\u0301", "a", "नी"]


@pytest.mark.parametrize("unit", ["kiwi", "icu", "sudachi", "thai"])
def test_a_segmenter_gives_the_same_spans_in_bytes(unit: str) -> None:
    texts = ["파일을 저장했습니다. 😀", "", "日本語のファイル", "ภาษาไทย"]
    expected = [[text[start:end] for start, end in found] for text, found in zip(texts, segment.spans(unit, texts), strict=True)]
    assert words(unit, texts) == expected


def test_every_segmenter_is_a_unit_and_a_wrong_name_gets_the_near_ones() -> None:
    assert set(units.names()) >= {*RULES, *segment.names(), "kiwi-fast"}
    with pytest.raises(Refused, match="there is no unit `wrod`: did you mean word"):
        units.check("wrod")
    with pytest.raises(Refused, match="there is no unit `wrod`"):
        units.spans("wrod", *columns(["a"]))


def test_what_others_made_is_named() -> None:
    assert units.outside_model("token") is None
    rows = {unit: units.outside_model(unit) for unit in ("kiwi", "kiwi-fast")}
    assert all(row and len(row["sha256"]) == 64 for row in rows.values())
    assert rows["kiwi"] != rows["kiwi-fast"]
