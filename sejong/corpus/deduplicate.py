"""Copies: exact ones by hash, near ones by MinHash with locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", chapter 3), every candidate pair verified by the true Jaccard similarity of its shingles.

Everything here works on small columns: one row a document, no text. Shingle sets come from a function the caller gives.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sejong.corpus.shingles import EMPTY, Hashes, sorted_distinct

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Sets = Callable[[Indices], tuple[NDArray[np.uint32], NDArray[np.int64]]]

NEIGHBOURS = 4  # in a bucket, a document is compared with the first and with as many of similar length
PAIR_SHINGLES = 8_000_000  # shingles compared in one go: 128 MB of working memory


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

    In a bucket of a band, documents are paired with its first in `rank` and with their next `NEIGHBOURS`: since `rank` goes by
    length and alike documents are of like length, a crowded bucket costs time proportional to its size.

    Args:
        band: the keys of one band for all documents.
        bands: how many bands there are.
        rank: the order in which documents are preferred.
    """
    codes = np.empty(0, np.int64)
    for number in range(bands):
        first, second = _bucket_pairs(band(number), rank)
        found = np.minimum(first, second) * len(rank) + np.maximum(first, second)
        codes = sorted_distinct(np.concatenate([codes, found]))
    return codes // max(len(rank), 1), codes % max(len(rank), 1)


def verify(first: Indices, second: Indices, threshold: float, sets: Sets) -> Pairs:
    """The pairs whose shingle sets have a Jaccard similarity of `threshold` or more. `sets` is asked for sorted positions,
    and all sets of the pairs given are in memory at once: give a few thousand pairs at a time."""
    members, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    return Pairs(first, second, _jaccard(places[: len(first)], places[len(first) :], *sets(members))).at_least(threshold)


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


def _bucket_pairs(keys: Hashes, rank: Indices) -> tuple[Indices, Indices]:
    order = np.lexsort((rank, keys))
    order = order[keys[order] != EMPTY]
    sorted_keys = keys[order]
    new = np.concatenate([[True], sorted_keys[1:] != sorted_keys[:-1]]) if len(order) else np.zeros(0, bool)
    bucket = np.cumsum(new) - 1
    leader = np.flatnonzero(new)[bucket]
    follows = np.flatnonzero(leader != np.arange(len(order)))
    pairs = [(order[leader[follows]], order[follows])]
    for step in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(bucket[step:] == bucket[:-step]) if len(order) > step else np.empty(0, np.int64)
        pairs.append((order[same], order[same + step]))
    return np.concatenate([one for one, _ in pairs]), np.concatenate([other for _, other in pairs])


def _jaccard(first: Indices, second: Indices, shingles: NDArray[np.uint32], sizes: NDArray[np.int64]) -> Floats:
    """The similarity of pairs of sets, several pairs at a time: a shingle that both have stands twice in the sorted keys."""
    starts = np.cumsum(sizes) - sizes
    total = sizes[first] + sizes[second]
    shared = np.zeros(len(first), np.int64)
    cut = 0
    while cut < len(first):
        stop = cut + max(1, int(np.searchsorted(np.cumsum(total[cut:]), PAIR_SHINGLES, "right")))
        keys = np.concatenate([_keys(one[cut:stop], shingles, starts, sizes) for one in (first, second)])
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]]
        shared[cut:stop] = np.bincount((twice >> np.uint64(32)).astype(np.int64), minlength=min(stop, len(first)) - cut)
        cut = stop
    jaccard: Floats = shared / np.maximum(total - shared, 1)
    return jaccard


def _keys(members: Indices, shingles: NDArray[np.uint32], starts: Indices, sizes: Indices) -> Hashes:
    own = sizes[members]
    inside = np.arange(own.sum()) + np.repeat(starts[members] - (np.cumsum(own) - own), own)
    keys: Hashes = (np.repeat(np.arange(len(members), dtype=np.uint64), own) << np.uint64(32)) | shingles[inside]
    return keys
