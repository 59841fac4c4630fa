"""Which of the screened documents are copies of others, and which must stay on one side of the split.

Works on one row a document: id, hash of the text, length, band keys. Texts are opened again only to make the shingle sets of
documents that share a band with another one; those sets are kept in scratch and mapped from disk.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sejong.corpus.deduplicate import Indices, Pairs, best_of, candidates, components, verify
from sejong.corpus.screen import Piece, shingle_length
from sejong.corpus.shingles import Hashes, distinct, shingles
from sejong.flow import atomic
from sejong.flow.progress import progress
from sejong.language.scripts import Characters
from sejong.recipe import CorpusSettings

PAIRS_AT_ONCE = 4096


@dataclass(frozen=True)
class Documents:
    """All screened documents, piece after piece, in small columns."""

    pieces: list[Piece]
    piece: Indices  # which piece each is in
    row: Indices  # and which row of it
    ids: NDArray[np.bytes_]
    hashes: NDArray[np.void]  # sha256 of the text
    sizes: Indices  # bytes
    rank: Indices  # in what order documents are preferred: the longest first, then the smallest id

    @classmethod
    def of(cls, pieces: list[Piece]) -> "Documents":
        """The columns of `pieces`, ids made unique."""
        ids = _joined([piece.documents(["id"])["id"].to_numpy().astype("S64") for piece in pieces], "S64")
        hashes, sizes, characters = (
            _joined([piece.array(name) for piece in pieces], kind)
            for name, kind in (("hashes", "V32"), ("bytes", "i8"), ("characters", "i8"))
        )
        lengths = [len(piece.array("bytes")) for piece in pieces]
        ids = _unique(ids, hashes)
        rank = np.empty(len(ids), np.int64)
        rank[np.lexsort((ids, -characters))] = np.arange(len(ids))
        rows = _joined([np.arange(length) for length in lengths], "i8")
        return cls(pieces, np.repeat(np.arange(len(pieces)), lengths), rows, ids, hashes, sizes, rank)

    def band(self, number: int) -> Hashes:
        """The keys of one band."""
        keys: Hashes = _joined([piece.array("bands")[number] for piece in self.pieces], "u8")
        return keys

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return len(self.pieces[0].array("bands")) if self.pieces else 0


@dataclass(frozen=True)
class Copies:
    """For each document the one it copies (itself: it stays), the kind, the similarity, and its group in the split."""

    original: Indices
    exact: NDArray[np.bool_]
    jaccard: NDArray[np.float64]
    group: Indices


def find_copies(settings: CorpusSettings, documents: Documents, scratch: Path) -> Copies:
    """Exact and near copies, as far as `settings.filters` names them, and groups of alike documents."""
    everyone = np.arange(len(documents.ids))
    same = best_of(_labels(documents.hashes), documents.rank)
    equal = same != everyone
    pairs = _alike(settings, documents, same, scratch)

    def joined(some: Pairs) -> Indices:
        return components(len(everyone), np.concatenate([some.first, everyone]), np.concatenate([some.second, same]))

    original, jaccard = everyone, equal.astype(np.float64)
    if "near_duplicate" in settings.filters:
        near = pairs.at_least(settings.near_duplicates)
        original = best_of(joined(near), documents.rank)
        for members in (near.first, near.second):
            np.maximum.at(jaccard, members, near.jaccard)
    elif "exact_duplicate" in settings.filters:
        original = same
    return Copies(original, equal & ("exact_duplicate" in settings.filters), jaccard, joined(pairs))


def _alike(settings: CorpusSettings, documents: Documents, same: Indices, scratch: Path) -> Pairs:
    """Verified pairs, from the smaller of the two thresholds on, among documents of different text."""
    threshold = min(settings.near_duplicates, settings.together)
    single = np.flatnonzero(same == np.arange(len(same)))  # the first of each set of equal texts speaks for all
    order = np.argsort(np.argsort(documents.rank[single]))
    first, second = candidates(lambda number: documents.band(number)[single], documents.bands, order)
    first, second = single[first], single[second]
    sets = ShingleSets(documents, np.unique(np.concatenate([first, second])), shingle_length(settings), scratch)
    found = []
    with progress("Comparing near copies", total=len(first), unit="pairs") as bar:
        for start in range(0, len(first), PAIRS_AT_ONCE):
            some = slice(start, start + PAIRS_AT_ONCE)
            found.append(verify(first[some], second[some], threshold, sets))
            bar.advance(len(first[some]))
    return Pairs.joined(found)


class ShingleSets:
    """Sets of shingles of some documents: made once, two files a piece in scratch, mapped from disk."""

    def __init__(self, documents: Documents, members: Indices, length: int, scratch: Path) -> None:
        self.members = members  # sorted
        self.piece = documents.piece[members]
        self.sizes = np.zeros(len(members), np.int64)
        self.starts = np.zeros(len(members), np.int64)
        self.hashes: dict[int, NDArray[np.uint32]] = {}
        for number in np.unique(self.piece).tolist():
            own = self.piece == number
            piece, rows = documents.pieces[number], documents.row[members[own]]
            names = [scratch / f"{piece.folder.name}.{what}.npy" for what in ("sets", "sizes")]
            if not all(name.exists() for name in names):
                texts = piece.documents(["text"])["text"].take(rows)
                hashes, sizes = distinct(*shingles(Characters.of(texts), length))
                _save(names[0], hashes)
                _save(names[1], sizes)
            self.hashes[number] = np.load(names[0], mmap_mode="r")
            self.sizes[own] = np.load(names[1])
            self.starts[own] = np.cumsum(self.sizes[own]) - self.sizes[own]

    def __call__(self, members: Indices) -> tuple[NDArray[np.uint32], Indices]:
        """The sets of `members` (sorted), one after another, and their sizes."""
        places = np.searchsorted(self.members, members)
        parts = [np.empty(0, np.uint32)]
        for number in np.unique(self.piece[places]).tolist():  # members are sorted, so that pieces come in order
            own = places[self.piece[places] == number]
            sizes = self.sizes[own]
            inside = np.arange(sizes.sum()) + np.repeat(self.starts[own] - (np.cumsum(sizes) - sizes), sizes)
            parts.append(self.hashes[number][inside])
        return np.concatenate(parts), self.sizes[places]


def _labels(values: NDArray[np.void]) -> Indices:
    label: Indices = np.unique(values, return_inverse=True)[1]
    return label


def _unique(ids: NDArray[np.bytes_], hashes: NDArray[np.void]) -> NDArray[np.bytes_]:
    """Where an id stands for several rows, all but the one of the smallest text hash get an id of their own."""
    order = np.lexsort((_labels(hashes), ids))
    again = np.concatenate([[False], ids[order][1:] == ids[order][:-1]]) if len(ids) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(ids))))
    unique = ids.copy()
    for place in np.flatnonzero(again):
        unique[order[place]] = hashlib.sha256(b"%s %d" % (ids[order[place]], place - first[place])).hexdigest().encode()
    return unique


def _save(path: Path, values: NDArray[Any]) -> None:
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, values)


def _joined(arrays: list[Any], kind: str) -> Any:
    return np.concatenate([np.empty(0, kind), *arrays])
