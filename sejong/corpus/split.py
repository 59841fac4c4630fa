"""Train, validation and test: by a hash of the document, copies and near-copies always on one side."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sejong.corpus.deduplicate import Indices

SPLITS = ("train", "validation", "test")
NAMES_AT_ONCE = 100_000


def split(
    names: Callable[[Indices], Sequence[str]], order: Indices, group: Indices, sizes: Indices, validation: float, test: float
) -> NDArray[np.int8]:
    """The side of each document, as a position in `SPLITS`.

    A group's hash (of its smallest id) falls into the test share, the validation share or the rest; adding documents moves no
    other document. Two exceptions: a group so large that it alone would be twice the larger held-out share stays in train;
    and a side that came out empty (training first) takes a group from the side that has most, where one can be spared.

    Args:
        names: gives the ids of documents, by their sorted positions.
        order: the place of each document in the order of ids.
        group: the group of each document; documents of one group are never parted.
        sizes: bytes of each document.
        validation, test: shares wanted.
    """
    groups, member = np.unique(group, return_inverse=True)
    if not len(groups):
        return np.zeros(len(group), np.int8)
    by_group = np.lexsort((order, member))
    smallest = by_group[np.searchsorted(member[by_group], np.arange(len(groups)))]
    position = np.empty(len(groups))
    for some in np.array_split(np.argsort(smallest), len(groups) // NAMES_AT_ONCE + 1):
        position[some] = [_position(one) for one in names(smallest[some])]
    weight = np.bincount(member, weights=sizes)
    fits = weight <= 2 * max(validation, test) * weight.sum()
    chosen = np.zeros(len(groups), np.int8)
    chosen[fits & (position < test + validation)] = SPLITS.index("validation")
    chosen[fits & (position < test)] = SPLITS.index("test")
    if not (chosen == 0).any():
        chosen[np.argmax(position)] = 0
    for number, share in ((1, validation), (2, test)):
        held = np.bincount(chosen, minlength=len(SPLITS))
        if share > 0 and not held[number] and held.max() > 1:
            donors = np.flatnonzero(chosen == np.argmax(held))
            donors = donors[donors != donors[np.argmax(weight[donors])]]  # the heaviest stays where it is
            chosen[donors[np.argmin(position[donors])]] = number
    side: NDArray[np.int8] = chosen[member]
    return side


def _position(identifier: str) -> float:
    """A number in 0..1 that depends on the id only."""
    return int.from_bytes(hashlib.sha256(f"split {identifier}".encode()).digest()[:8], "big") / 2**64
