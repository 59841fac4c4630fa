"""Which of the screened documents are copies of others, and which must stay on one side of the split.

Works on one row a document: halves of its id and of its text's hash, length, band keys. Texts are opened again only for the
shingle sets of documents that share a band with another one (`sejong.corpus.compare`). All of it sees texts as they will be
trained on, with identifiers masked.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sejong.corpus import compare, prefer, steps
from sejong.corpus.deduplicate import Indices, Pairs, best_of, candidates, components
from sejong.corpus.jobs import Task, WorkOff
from sejong.corpus.piece import Piece, keys_of
from sejong.corpus.screen import shingle_length
from sejong.corpus.shingles import Hashes
from sejong.language.scripts import Bools

Small = NDArray[np.int32]


@dataclass(frozen=True)
class Documents:
    """All screened documents, piece after piece, in small columns."""

    pieces: list[Piece]
    first: Indices  # the position of each piece's first document, and how many documents there are
    piece: Small  # which piece each is in
    id: tuple[Hashes, Hashes]  # the first and second eight bytes of each id, ids made unique
    again: Small  # 0 where the id is the document's own; else it is the n-th other document that had it
    text: tuple[Hashes, Hashes]  # the same of the sha256 of each text
    sizes: Small  # bytes
    characters: Small
    rank: Indices  # in what order documents are preferred

    @classmethod
    def of(cls, task: Task, pieces: list[Piece]) -> "Documents":
        """The columns of `pieces`."""
        lengths = [len(piece.array("bytes")) for piece in pieces]
        first = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        own = keys_of(_joined((piece.array("ids") for piece in pieces), "V32"))
        text = keys_of(_joined((piece.array("hashes") for piece in pieces), "V32"))
        piece = np.repeat(np.arange(len(pieces), dtype=np.int32), lengths)
        unique, again = _unique(own, text, _Ties(pieces, first))
        sizes, characters = (_joined((one.array(name) for one in pieces), "i4") for name in ("bytes", "characters"))
        keys = prefer.keys(task.settings, pieces, characters)
        rank = np.empty(len(sizes), np.int64)
        rank[np.lexsort((unique[1], unique[0], *keys[::-1]))] = np.arange(len(sizes))
        return cls(pieces, first, piece, unique, again, text, sizes, characters, rank)

    def __len__(self) -> int:
        return len(self.sizes)

    def rows(self, members: Indices) -> Iterable[tuple[int, Indices, Indices]]:
        """`members` (sorted) by piece: its number, which of them it holds, and their rows in it."""
        cuts = np.searchsorted(members, self.first)
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            own = slice(cuts[number], cuts[number + 1])
            yield number, np.arange(own.start, own.stop), members[own] - self.first[number]

    def band(self, number: int) -> Hashes:
        """The keys of one band."""
        keys: Hashes = _joined((array[number] for array in self._bands), "u8")
        return keys

    @cached_property
    def _bands(self) -> list[Any]:
        """The band keys of every piece, mapped from disk."""
        return [piece.array("bands") for piece in self.pieces]

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return len(self._bands[0]) if self.pieces else 0

    def names(self, members: Indices) -> list[str]:
        """The ids of `members` (sorted)."""
        found: list[str] = []
        for number, places, rows in self.rows(members):
            digests = self.pieces[number].array("ids")[rows]
            for place, digest in zip(members[places].tolist(), digests, strict=True):
                found.append(other_id(digest.tobytes().hex(), int(self.again[place])))
        return found


@dataclass(frozen=True)
class Copies:
    """For each document the one it copies (itself: it stays), the kind, the similarity, how many stand behind it (itself
    included), and its group in the split.
    """

    original: Indices
    exact: Bools
    jaccard: NDArray[np.float32]
    stands_for: Indices
    group: Indices

    @property
    def stays(self) -> Bools:
        """Which documents are no copies."""
        kept: Bools = self.original == np.arange(len(self.original))
        return kept


def find_copies(task: Task, documents: Documents, work_off: WorkOff) -> Copies:
    """Exact and near copies, as far as `corpus.filters` names them, and groups of alike documents."""
    filters = task.settings.filters
    everyone = np.arange(len(documents))
    same = best_of(_labels(documents.text), documents.rank)
    equal = same != everyone
    pairs = _alike(task, documents, same, work_off)

    def joined(some: Pairs) -> Indices:
        return components(len(everyone), np.concatenate([some.first, everyone]), np.concatenate([some.second, same]))

    original, jaccard = everyone, equal.astype(np.float32)
    if steps.NEAR in filters:
        near = pairs.at_least(task.settings.near_duplicates)
        original = best_of(joined(near), documents.rank)
        for members in (near.first, near.second):
            np.maximum.at(jaccard, members, near.jaccard.astype(np.float32))
    elif steps.EXACT in filters:
        original = same
    stands_for = np.bincount(original, minlength=len(everyone))
    return Copies(original, equal & (steps.EXACT in filters), jaccard, stands_for, joined(pairs))


def other_id(own: str, again: int) -> str:
    """The id of a document whose own id has `again` other documents before it; its first half stays, and so its place in the
    order of ids, nearly."""
    return own[:16] + hashlib.sha256(f"{own} {again}".encode()).hexdigest()[:48] if again else own


def _alike(task: Task, documents: Documents, same: Indices, work_off: WorkOff) -> Pairs:
    """Verified pairs, from the smaller of the two thresholds on, among documents of different text."""
    if not documents.bands:
        return Pairs.joined([])
    threshold = min(task.settings.near_duplicates, task.settings.together)
    single = np.flatnonzero(same == np.arange(len(same)))  # the first of each set of equal texts speaks for all
    length = -documents.characters[single].astype(np.int64)
    order = np.empty(len(single), np.int64)
    order[np.lexsort((documents.id[1][single], documents.id[0][single], length))] = np.arange(len(single))
    first, second = candidates(lambda number: documents.band(number)[single], documents.bands, order)
    return compare.verified(task, documents, single[first], single[second], threshold, shingle_length(task.settings), work_off)


def _labels(values: tuple[Hashes, Hashes]) -> Indices:
    """A number for each distinct value."""
    order = np.lexsort(values)
    new = np.ones(len(order), np.bool_)
    for half in values:
        new[1:] &= half[order][1:] == half[order][:-1]
    new[1:] = ~new[1:]
    label = np.empty(len(order), np.int64)
    label[order] = np.cumsum(new) - 1
    return label


def _unique(own: tuple[Hashes, Hashes], text: tuple[Hashes, Hashes], ties: "_Ties") -> tuple[tuple[Hashes, Hashes], Small]:
    """Where an id stands for several rows, all but the one of the smallest text hash get an id of their own."""
    again = np.zeros(len(own[0]), np.int32)
    order = np.lexsort((own[1], own[0]))
    same = _as_before(own, order)
    if not same.any():
        return own, again
    crowd = order[same | np.append(same[1:], False)]
    rest = ties.keys(crowd, _as_before((*own, *text), crowd[np.lexsort(_of(crowd, *text[::-1], *own[::-1]))]))
    crowd = crowd[np.lexsort((rest, *_of(crowd, *text[::-1], *own[::-1])))]
    same = _as_before(own, crowd)
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(crowd))))
    again[crowd] = np.arange(len(crowd)) - first
    high, low = own[0], own[1].copy()
    for row in crowd[same].tolist():
        low[row] = int(other_id(ties.name(row), int(again[row]))[16:32], 16)
    return (high, low), again


class _Ties:
    """What tells rows of equal id and text apart: licence, contributor, date and marks; and the ids of rows in full."""

    def __init__(self, pieces: list[Piece], first: Indices) -> None:
        self.pieces, self.first = pieces, first
        self.ids: dict[int, Any] = {}

    def keys(self, crowd: Indices, equal: Bools) -> Hashes:
        """A number for each row of `crowd`; all 0 where no two rows are equal, since then nothing has to be told apart."""
        found = np.zeros(len(crowd), np.uint64)
        if not equal.any():
            return found
        for number in np.unique(np.searchsorted(self.first, crowd, "right") - 1).tolist():
            own = np.flatnonzero((crowd >= self.first[number]) & (crowd < self.first[number + 1]))
            table = self.pieces[number].documents(["licence", "contributor", "collected", "marks"])
            for place, row in zip(own.tolist(), table.take(crowd[own] - self.first[number]).to_pylist(), strict=True):
                digest = hashlib.sha256(repr(sorted(row.items())).encode()).digest()
                found[place] = int.from_bytes(digest[:8], "big")
        return found

    def name(self, row: int) -> str:
        """The id that a row came with."""
        number = int(np.searchsorted(self.first, row, "right")) - 1
        if number not in self.ids:
            self.ids[number] = self.pieces[number].array("ids")
        name: str = self.ids[number][row - self.first[number]].tobytes().hex()
        return name


def _of(rows: Indices, *columns: Hashes) -> tuple[Hashes, ...]:
    return tuple(column[rows] for column in columns)


def _as_before(columns: tuple[Hashes, ...], order: Indices) -> Bools:
    """In this order, which rows are equal to the one before."""
    same = np.ones(len(order), np.bool_)
    same[:1] = False
    for column in columns:
        ordered = column[order]
        same[1:] &= ordered[1:] == ordered[:-1]
    return same


def _joined(arrays: Iterable[Any], kind: str) -> Any:
    return np.concatenate([np.empty(0, kind), *(array.astype(kind, copy=False) for array in arrays)])
