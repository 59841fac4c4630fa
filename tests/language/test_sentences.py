"""Sentences in languages with and without spaces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.language import sentences

CASES = [
    ("안녕하세요. 버전 3.5입니다! 네?", ["안녕하세요.", "버전 3.5입니다!", "네?"]),
    ("吾輩は猫である。「名前は無い。」どこで？", ["吾輩は猫である。", "「名前は無い。」", "どこで？"]),
    ("Dr. Lee opened it, e.g. today. It works", ["Dr. Lee opened it, e.g. today.", "It works"]),
    ("หนึ่ง\nสอง", ["หนึ่ง", "สอง"]),
    ("यह है। वह भी।", ["यह है।", "वह भी।"]),
    ("  \n\n ", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences.split(text) == expected


@given(st.text(st.sampled_from("가 a.!?。\n「」1"), max_size=40))
def test_nothing_visible_is_lost(text: str) -> None:
    spans = sentences.spans([text])[0]
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
