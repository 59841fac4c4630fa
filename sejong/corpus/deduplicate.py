"""Copies: exact ones by hash, near ones by MinHash with locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", chapter 3), every candidate pair verified by the true Jaccard similarity of its shingles.

Everything here works on small columns: one row a document, no text.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.corpus.shingles import EMPTY, Hashes, sorted_distinct

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

NEIGHBOURS = 4  # in a bucket, a document is compared with the first and with as many of similar length


@dataclass(frozen=True)
class Pairs:
    """Verified pairs of documents: positions `first` and `second`, and their Jaccard similarity."""

    first: Indices
    second: Indices
    jaccard: Floats

    @classmethod
    def joined(cls, parts: list["Pairs"]) -> "Pairs":
        """Several lists as one."""
        return cls(
            np.concatenate([np.empty(0, np.int64), *(one.first for one in parts)]),
            np.concatenate([np.empty(0, np.int64), *(one.second for one in parts)]),
            np.concatenate([np.empty(0), *(one.jaccard for one in parts)]),
        )

    def at_least(self, threshold: float) -> "Pairs":
        """Those that are at least so alike."""
        alike = self.jaccard >= threshold
        return Pairs(self.first[alike], self.second[alike], self.jaccard[alike])


def candidates(band: Callable[[int], Hashes], bands: int, rank: Indices) -> tuple[Indices, Indices]:
    """Pairs of documents that share a band, each pair once, sorted.

    In a bucket of a band, documents are paired with its first in `rank` and with their next `NEIGHBOURS`, so that a crowded
    bucket costs time proportional to its size. Documents that share the next band too stand side by side, and then by `rank`:
    copies share most bands and have about the same length, so that each finds others of its own kind among all that fell into
    the bucket.

    Args:
        band: the keys of one band for all documents.
        bands: how many bands there are.
        rank: an order of the documents by length.
    """
    codes = np.empty(0, np.int64)
    keys = band(0) if bands else np.empty(0, np.uint64)
    for number in range(bands):
        others = band((number + 1) % bands)
        first, second = _bucket_pairs(keys, others, rank)
        found = np.minimum(first, second) * len(rank) + np.maximum(first, second)
        codes = sorted_distinct(np.concatenate([codes, found]))
        keys = others
    return codes // max(len(rank), 1), codes % max(len(rank), 1)


@kernel
def jaccard(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> float:
    """The Jaccard similarity of two sets, each sorted and without repeats; 0 where both are empty."""
    one = other = shared = 0
    while one < len(first) and other < len(second):
        if first[one] == second[other]:
            shared += 1
        own, its = first[one], second[other]
        one += own <= its
        other += its <= own
    return shared / max(len(first) + len(second) - shared, 1)


def components(count: int, first: Indices, second: Indices) -> Indices:
    """Connected components: for each of `count` documents the smallest position in its component."""
    label = np.arange(count)
    while True:
        smaller = np.minimum(label[first], label[second])
        new = label.copy()
        np.minimum.at(new, label[first], smaller)
        np.minimum.at(new, label[second], smaller)
        while True:  # each label points to its own label's label until nothing moves
            jumped = new[new]
            if np.array_equal(jumped, new):
                break
            new = jumped
        if np.array_equal(new, label):
            return label
        label = new


def best_of(label: Indices, rank: Indices) -> Indices:
    """For each document the first in `rank` of its component."""
    order = np.lexsort((rank, label))
    new = np.concatenate([[True], label[order][1:] != label[order][:-1]]) if len(order) else np.zeros(0, bool)
    kept = np.empty(len(label), np.int64)
    kept[order] = order[np.flatnonzero(new)][np.cumsum(new) - 1]
    return kept


def _bucket_pairs(keys: Hashes, others: Hashes, rank: Indices) -> tuple[Indices, Indices]:
    crowd = _crowd(keys)
    order = crowd[np.lexsort((rank[crowd], others[crowd], keys[crowd]))]
    sorted_keys = keys[order]
    new = np.concatenate([[True], sorted_keys[1:] != sorted_keys[:-1]]) if len(order) else np.zeros(0, bool)
    bucket = np.cumsum(new) - 1
    leaders = np.full(int(new.sum()), len(rank), np.int64)
    np.minimum.at(leaders, bucket, rank[order])
    leader = np.argsort(rank)[leaders][bucket]
    follows = np.flatnonzero(leader != order)
    pairs = [(leader[follows], order[follows])]
    for step in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(bucket[step:] == bucket[:-step]) if len(order) > step else np.empty(0, np.int64)
        pairs.append((order[same], order[same + step]))
    return np.concatenate([one for one, _ in pairs]), np.concatenate([other for _, other in pairs])


def _crowd(keys: Hashes) -> Indices:
    """The documents that are not alone in their bucket: most are, and need no further sorting."""
    order: Indices = np.argsort(keys)
    same = np.diff(keys[order]) == 0
    crowd: Indices = order[np.append(same, False) | np.append(False, same)] if len(order) else order
    found: Indices = crowd[keys[crowd] != EMPTY]
    return found
