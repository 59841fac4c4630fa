"""The matrix of scores against the formula, written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.retrieval import bm25f
from sejong.retrieval.bm25f import FRAGMENT, FRAME, HEADING, K1, B, Fields

WORDS = st.lists(st.sampled_from("abcde"), max_size=5)
PASSAGES = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=2), WORDS, st.booleans()), min_size=1, max_size=6)


def dense(fields: Fields, whole: list[bool]) -> tuple[dict[str, int], np.ndarray]:
    numbers = bm25f.vocabulary(fields)
    found = bm25f.matrix(fields, numbers, whole)
    table = np.zeros((len(numbers), len(fields.text)))
    for term in range(len(numbers)):
        held = slice(found["indptr"][term], found["indptr"][term + 1])
        assert (np.diff(found["indices"][held]) > 0).all()
        table[term, found["indices"][held]] = found["data"][held]
    return numbers, table


@given(PASSAGES)
def test_scores_are_those_of_the_formula(passages: list[tuple[list[str], list[list[str]], list[str], bool]]) -> None:
    fields = Fields([one[0] for one in passages], [one[1] for one in passages], [one[2] for one in passages])
    numbers, table = dense(fields, [one[3] for one in passages])
    average = max(sum(len(text) for text in fields.text) / len(passages), 1)
    frames = [len(set(frame)) for frame in fields.frame if frame]
    for term, number in numbers.items():
        held = sum(term in text or any(term in name for name in names) or term in frame for text, names, frame, _ in passages)
        idf = math.log(1 + (len(passages) - held + 0.5) / (held + 0.5))
        for row, (text, names, frame, whole) in enumerate(passages):
            frequency = text.count(term) / (1 - B + B * len(text) / average)
            frequency += max(HEADING * layer(names, n, term, fields) for n in range(2))
            frequency += FRAME * (sum(frames) / len(frames)) / len(set(frame)) if term in frame else 0
            expected = idf * frequency / (K1 + frequency) * (1 if whole else FRAGMENT)
            assert table[number, row] == pytest.approx(expected, rel=1e-5)


def layer(names: list[list[str]], n: int, term: str, fields: Fields) -> float:
    """How much a term counts in the n-th name of a passage, beside the n-th names of the others."""
    if n >= len(names) or term not in names[n]:
        return 0.0
    lengths = [len(set(other[n])) for other in fields.headings if n < len(other) and other[n]]
    return sum(lengths) / len(lengths) / len(set(names[n]))


def test_the_heading_that_says_less_beside_it_counts_more() -> None:
    fields = Fields([["x"], ["x"]], [[["macro", "record"]], [["macro", "record", "stop"]]], [["macro"], ["macro"]])
    numbers, table = dense(fields, [True, True])
    assert table[numbers["macro"], 0] > table[numbers["macro"], 1]


def test_a_word_of_no_passage_weighs_most() -> None:
    assert bm25f.idf(0, 10) > bm25f.idf(1, 10) > bm25f.idf(10, 10) > 0
