"""Sides of the split: shares, groups, stability, and small corpora."""

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.corpus.split import SPLITS
from sejong.corpus.split import split as split_by_order

TRAIN, VALIDATION, TEST = range(3)


def ids(count: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([hashlib.sha256(str(one).encode()).hexdigest() for one in range(count)])


def split(names: Any, group: Any, sizes: Any, validation: float, test: float) -> Any:
    order = np.argsort(np.argsort(names))
    return split_by_order(lambda rows: names[rows].tolist(), order, group, sizes, validation, test)


def test_shares_are_kept_and_documents_do_not_move_when_others_come() -> None:
    small, large = (split(ids(n), np.arange(n), np.ones(n), 0.05, 0.1) for n in (5000, 20000))
    assert (small == large[:5000]).all()
    assert np.bincount(large, minlength=3) / 20000 == pytest.approx([0.85, 0.05, 0.1], abs=0.01)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.floats(0, 0.4), st.floats(0, 0.4))
def test_a_group_is_never_parted_and_training_is_never_empty(groups: list[int], validation: float, test: float) -> None:
    group = np.array(groups)
    side = split(ids(len(group)), group, np.ones(len(group)), validation, test)
    assert all(len(set(side[group == one].tolist())) == 1 for one in set(groups))
    assert TRAIN in side
    if len(set(groups)) >= 3:
        assert (VALIDATION in side) == (validation > 0)
        assert (TEST in side) == (test > 0)


def test_a_very_large_group_stays_in_training() -> None:
    group = np.array([0] * 900 + list(range(1, 101)))
    for shift in range(20):
        side = split(ids(2000)[shift * 50 : shift * 50 + 1000], group, np.ones(1000), 0.02, 0.02)
        assert side[0] == TRAIN


def test_names() -> None:
    assert (SPLITS[TRAIN], SPLITS[VALIDATION], SPLITS[TEST]) == ("train", "validation", "test")
