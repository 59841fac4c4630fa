"""Train, validation and test: by a hash of the document, copies and near-copies always on one side."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from sejong.corpus.deduplicate import Indices

SPLITS = ("train", "validation", "test")


def split(ids: NDArray[np.str_], group: Indices, sizes: Indices, validation: float, test: float) -> NDArray[np.int8]:
    """The side of each document, as a position in `SPLITS`.

    A group's hash (of its smallest id) falls into the test share, the validation share or the rest; adding documents moves no
    other document. Two exceptions: a group so large that it alone would be twice the larger held-out share stays in train;
    and a side that came out empty (training first) takes a group from the side that has most, where one can be spared.

    Args:
        ids: document ids.
        group: the group of each document; documents of one group are never parted.
        sizes: bytes of each document.
        validation, test: shares wanted.
    """
    side = np.zeros(len(ids), np.int8)
    names, member = np.unique(group, return_inverse=True)
    if not len(names):
        return side
    order = np.lexsort((ids, member))
    smallest = ids[order[np.searchsorted(member[order], np.arange(len(names)))]]
    position = np.array([_position(one) for one in smallest])
    weight = np.bincount(member, weights=sizes)
    fits = weight <= 2 * max(validation, test) * weight.sum()
    chosen = np.zeros(len(names), np.int8)
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
    side[:] = chosen[member]
    return side


def _position(identifier: str) -> float:
    """A number in 0..1 that depends on the id only."""
    return int.from_bytes(hashlib.sha256(f"split {identifier}".encode()).digest()[:8], "big") / 2**64
