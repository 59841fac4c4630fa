"""Shingles, signatures, pairs and components against plain Python."""

import random
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sejong.corpus.deduplicate import best_of, candidates, components, jaccard
from sejong.corpus.shingles import EMPTY, bands, rows_a_band, shingle_sets
from sejong.language.utf8 import utf8_of

from .conftest import japanese, korean

TEXTS = st.lists(st.text(st.sampled_from("가나다 a.B日1\n"), max_size=24), min_size=1, max_size=6)


def plain_shingles(text: str, length: int) -> list[str]:
    letters = "".join(regex.findall(r"[\p{L}\p{M}\p{N}]", text)).lower()
    return [letters[place : place + length] for place in range(len(letters) - length + 1)]


def plain_jaccard(first: str, second: str, length: int) -> float:
    one, other = set(plain_shingles(first, length)), set(plain_shingles(second, length))
    return len(one & other) / max(len(one | other), 1)


def buffers(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    return utf8_of(pa.array(texts, pa.large_string()))


def sets_of(texts: list[str], length: int) -> list[np.ndarray]:  # type: ignore[type-arg]
    own, sizes = shingle_sets(*buffers(texts), length)
    ends = np.cumsum(sizes)
    return [own[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def alike(texts: list[str], length: int, threshold: float) -> set[tuple[int, int]]:
    """Pairs of texts that the whole search finds."""
    keys = bands(*buffers(texts), length, threshold)
    sets = sets_of(texts, length)
    rank = np.argsort(np.argsort([-len(text) for text in texts], kind="stable"))
    first, second = candidates(lambda number: keys[:, number], keys.shape[1], rank)
    assert (first < second).all()
    found = set()
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        similarity = jaccard(sets[one], sets[other])
        assert similarity == pytest.approx(plain_jaccard(texts[one], texts[other], length))
        if similarity >= threshold:
            found.add((one, other))
    return found


@given(TEXTS, st.integers(2, 5))
@examples(deadline=None)
def test_shingles_are_the_runs_of_letters(texts: list[str], length: int) -> None:
    plain = [set(plain_shingles(text, length)) for text in texts]
    found = sets_of(texts, length)
    assert [len(one) for one in found] == [len(one) for one in plain]
    assert all((one[1:] > one[:-1]).all() for one in found), "sorted"
    assert len({int(one) for own in found for one in own}) == len(set().union(*plain))


def test_long_texts_are_sorted_as_short_ones_are() -> None:
    text = "".join(chr(0xAC00 + (number * number) % 11172) for number in range(5000))
    (found,) = sets_of([text], 5)
    assert (found[1:] > found[:-1]).all()
    assert len(found) == len(set(plain_shingles(text, 5)))


@given(TEXTS)
@examples(deadline=None)
def test_equal_sets_share_every_band_and_no_letters_share_none(texts: list[str]) -> None:
    keys = bands(*buffers(texts), 3, 0.6)
    counts = [len(plain_shingles(text, 3)) for text in texts]
    for one, other in combinations(range(len(texts)), 2):
        same = set(plain_shingles(texts[one], 3)) == set(plain_shingles(texts[other], 3))
        if same and counts[one]:
            assert (keys[one] == keys[other]).all()
    assert all((row == EMPTY).all() == (count == 0) for row, count in zip(keys, counts, strict=True))


@given(TEXTS, st.sampled_from([0.3, 0.6, 1.0]))
@examples(deadline=None, max_examples=50)
def test_only_pairs_that_are_alike_are_found(texts: list[str], threshold: float) -> None:
    for one, other in alike(texts, 3, threshold):
        assert plain_jaccard(texts[one], texts[other], 3) >= threshold


@pytest.mark.parametrize("make", [korean, japanese])
@pytest.mark.parametrize("sentences", [1, 4, 30])
def test_copies_with_one_change_are_found_whatever_the_length(make: Callable[[int, int], str], sentences: int) -> None:
    texts = []
    for seed in range(60):
        original = make(seed, sentences)
        place = (seed * 7) % len(original)
        texts += [original, original[:place] + "뷁" + original[place + 1 :]]
    threshold = 0.6
    wanted = {
        (place, place + 1) for place in range(0, len(texts), 2) if plain_jaccard(texts[place], texts[place + 1], 5) >= threshold
    }
    assert len(wanted) > 50
    missed = wanted - alike(texts, 5, threshold)
    assert len(missed) <= len(wanted) * (0.1 if sentences == 1 else 0)  # a band is shared with 0.9 at the threshold itself


@pytest.mark.parametrize(
    ("shared", "own", "least"),
    [(15, 5, 0.84), (400, 134, 0.84), (16, 2, 0.99), (400, 50, 0.99)],  # Jaccard 0.6, less three standard errors; 0.8
)
def test_recall_is_what_the_bands_promise(shared: int, own: int, least: float) -> None:
    chance = random.Random(5)
    found = 0
    for _ in range(200):
        both, one, other = ([chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(count)] for count in (shared, own, own))
        keys = bands(*buffers(["".join(both + one), "".join(both + other)]), 1, 0.6)
        found += bool((keys[0] == keys[1]).any())
    assert found >= 200 * least
    assert rows_a_band(0.6) == 5


def test_unrelated_texts_rarely_meet() -> None:
    texts = [korean(seed, 30) for seed in range(300)]
    keys = bands(*buffers(texts), 5, 0.6)
    first, _ = candidates(lambda number: keys[:, number], keys.shape[1], np.arange(300))
    assert len(first) < 0.02 * 300 * 299 / 2


@given(st.integers(1, 12).flatmap(lambda count: st.tuples(st.just(count), st.lists(st.tuples(*[st.integers(0, count - 1)] * 2)))))
def test_components_are_those_of_a_walk(case: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = case
    reached = {one: {one} for one in range(count)}
    for _ in range(count):
        for one, other in edges:
            union = reached[one] | reached[other]
            for member in union:
                reached[member] = union
    first, second = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    assert components(count, first, second).tolist() == [min(reached[one]) for one in range(count)]


def test_the_first_in_rank_stays() -> None:
    assert best_of(np.array([0, 0, 2, 2, 2]), np.array([4, 1, 3, 0, 2])).tolist() == [1, 1, 3, 3, 3]


def test_a_crowded_bucket_does_not_hide_its_pairs() -> None:
    """Many documents share a band by chance (a common beginning); each has its own copy all the same."""
    keys = np.array([[7, one, one] for one in range(100)] * 2, np.uint64)
    first, second = candidates(lambda number: keys[:, number], 3, np.arange(200))
    assert {(one, one + 100) for one in range(100)} <= set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(first) <= 200 * 6
