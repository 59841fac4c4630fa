"""The n-gram baseline: a probability distribution after every context, better than guessing, and as fast as it says."""

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.evaluate import ngram
from tests.evaluate.artifacts import document

TEXTS = [document(n) for n in range(40)]
MODEL = ngram.train(TEXTS, orders=(6,))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=12) | st.integers(0, 3000).map(lambda n: "".join(TEXTS).encode()[n : n + 9]))
def test_it_sums_to_one_after_every_context(context: bytes) -> None:
    probability = MODEL.distribution(context)
    assert probability.sum() == pytest.approx(1, abs=1e-9)
    assert (probability > 0).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=5), st.integers(1, 8))
def test_it_sums_to_one_whatever_it_was_trained_on(texts: list[str], order: int) -> None:
    model = ngram.train(texts, orders=(order,))
    for context in (b"", texts[0].encode()[:5], b"\x00\x00", b"zzz"):
        assert model.distribution(context).sum() == pytest.approx(1, abs=1e-9)


def test_a_text_is_scored_byte_by_byte_by_that_distribution() -> None:
    text = document(3)[:60] + "없던 말"
    raw = text.encode()
    expected = [-np.log2(MODEL.distribution(b"\0" * 8 + raw[:n])[raw[n]]) for n in range(len(raw))]
    scored = MODEL.score([text])[0]
    np.testing.assert_allclose(scored.bits, expected)
    assert scored.ends.tolist() == list(range(1, len(raw) + 1))


def test_two_levels_by_hand() -> None:
    """Counts of `aab`: after a, a and b once each; as in Chen and Goodman with D1 = 1 - 2 · n1/(n1 + 2 n2) · n2/n1."""
    model = ngram.train(["aab"], orders=(2,))
    # Bigrams, each once: ·a, aa, ab; n1 = 3, n2 = none (taken as 1): Y = 3/5, D1 = 1 - 2 · 3/5 · 1/3 = 0.6.
    # Unigrams by what precedes them: a after two, b after one; n1 = 1, n2 = 1: Y = 1/3, D1 = 1/3, D2 = 2 - 3 · 1/3 · 1/1 = 1.
    p_b = (1 - 1 / 3) / 3 + (1 / 3 + 1) / 3 / 256
    assert model.distribution(b"a")[ord("b")] == pytest.approx((1 - 0.6) / 2 + 0.6 * p_b)


def test_texts_do_not_run_into_each_other() -> None:
    together, apart = ngram.train(["ab", "cd"], orders=(2,)), ngram.train(["abcd"], orders=(2,))
    assert together.distribution(b"b")[ord("c")] < apart.distribution(b"b")[ord("c")]


def test_it_learns_and_chooses_its_order_on_held_out_text() -> None:
    held_out, test = TEXTS[30:35], TEXTS[35:]
    chosen = ngram.train(TEXTS[:30], held_out, orders=(1, 3, 6))

    def bits(model: ngram.NGram, texts: list[str]) -> float:
        return sum(float(one.bits.sum()) for one in model.score(texts)) / sum(len(text.encode()) for text in texts)

    each = {order: bits(ngram.train(TEXTS[:30], orders=(order,)), held_out) for order in (1, 3, 6)}
    assert chosen.order == min(each, key=each.__getitem__)
    assert bits(chosen, test) < 3 < bits(ngram.train(["x"], orders=(3,)), test)


def test_ten_megabytes_take_seconds() -> None:
    draw = random.Random(1)
    words = ["".join(chr(draw.randrange(0xAC00, 0xD7A3)) for _ in range(draw.randrange(1, 4))) for _ in range(5000)]
    texts = [" ".join(draw.choices(words, k=2000)) for _ in range(260)]
    assert sum(len(text.encode()) for text in texts) > 3_000_000
    started = time.process_time()
    ngram.train(texts, texts[:2])
    assert time.process_time() - started < 15 * 0.3
