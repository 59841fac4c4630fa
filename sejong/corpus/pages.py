"""A batch of documents as the quality rules see it: characters, lines, words and repeated runs, each one array.

Whatever a rule asks for is computed once a batch, when first asked for.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sejong.corpus.shingles import STEP, Hashes, mix
from sejong.language.scripts import Bools, Characters, Counts, script_class

Floats = NDArray[np.float64]

NEWLINE = 10


@dataclass(frozen=True)
class Runs:
    """Pieces of documents (lines or words): where each starts, ends, and which document it is in; none is empty."""

    starts: Counts
    ends: Counts
    document: Counts

    @property
    def lengths(self) -> Counts:
        """Characters of each."""
        return self.ends - self.starts


class Pages:
    """Documents in columns."""

    def __init__(self, characters: Characters, scripts: list[str]) -> None:
        self.characters = characters
        self.scripts = scripts
        self.count = len(characters.starts)

    @cached_property
    def lengths(self) -> Floats:
        """Characters of each document."""
        return self.characters.lengths.astype(np.float64)

    @cached_property
    def space(self) -> Bools:
        """Which characters are white space."""
        return self.characters.are(r"\s")

    @cached_property
    def visible(self) -> Floats:
        """Characters of each document that are not white space."""
        return self.characters.count(~self.space).astype(np.float64)

    @cached_property
    def letters(self) -> Floats:
        """Letters (with their marks) of each document."""
        return self.count_of(r"[\p{L}\p{M}]")

    @cached_property
    def own_letters(self) -> Floats:
        """Letters of the nation's scripts."""
        return self.count_of(script_class(self.scripts)) if self.scripts else self.letters

    @cached_property
    def lines(self) -> Runs:
        """The lines that hold something visible, with the white space around them."""
        return self._runs(self.characters.codes == NEWLINE, visible_only=True)

    @cached_property
    def words(self) -> Runs:
        """Runs of characters that are not white space."""
        return self._runs(self.space, visible_only=False)

    @cached_property
    def units(self) -> Runs:
        """Each visible character: what stands for words where a language puts no spaces between them."""
        places = np.flatnonzero(~self.space)
        return Runs(places, places + 1, self.documents_of(places))

    @cached_property
    def word_hashes(self) -> Hashes:
        """A hash of the characters of each word."""
        return self.hashes(self.words)

    def count_of(self, characters: str) -> Floats:
        """How many characters of each document belong to a class in `regex` notation."""
        return self.characters.count(self.characters.are(characters)).astype(np.float64)

    def documents_of(self, places: Counts) -> Counts:
        """The document that each position in the characters lies in."""
        found: Counts = np.searchsorted(self.characters.ends, places, "right")
        return found

    def per_document(self, runs: Runs, weights: Any = None) -> Floats:
        """Sum of `weights` (1 each where none) over the runs of each document."""
        return np.bincount(runs.document, weights=weights, minlength=self.count).astype(np.float64)

    def hashes(self, runs: Runs) -> Hashes:
        """A hash of the characters of each run."""
        codes = self.characters.codes
        place = np.arange(len(codes), dtype=np.uint64)
        if not len(runs.starts):
            return np.empty(0, np.uint64)
        inside = np.arange(runs.lengths.sum()) + np.repeat(runs.starts - (np.cumsum(runs.lengths) - runs.lengths), runs.lengths)
        offset = place[inside] - np.repeat(runs.starts, runs.lengths).astype(np.uint64)
        mixed = mix(codes[inside].astype(np.uint64) * STEP + offset)
        first = np.cumsum(runs.lengths) - runs.lengths
        return np.add.reduceat(mixed, first)

    def _runs(self, separator: Bools, *, visible_only: bool) -> Runs:
        """Maximal runs between separators, never across the border of two documents."""
        codes = self.characters.codes
        if not len(codes):
            return Runs(*(np.empty(0, np.int64) for _ in range(3)))
        border = np.zeros(len(codes) + 1, bool)
        border[self.characters.starts] = True
        border[self.characters.ends] = True
        inside = ~separator
        before = np.concatenate([[False], inside[:-1]])
        starts = np.flatnonzero(inside & (~before | border[:-1]))
        after = np.concatenate([inside[1:], [False]])
        ends = np.flatnonzero(inside & (~after | border[1:])) + 1
        if visible_only:
            seen = np.concatenate([[0], np.cumsum(~self.space)])
            kept = seen[ends] > seen[starts]
            starts, ends = starts[kept], ends[kept]
        return Runs(starts, ends, self.documents_of(starts))


def windows(own: Hashes, n: int) -> Hashes:
    """A hash of every `n` consecutive values: prefix sums of a polynomial modulo 2^64 (Rabin and Karp), whatever `n` is."""
    if len(own) < n:
        return np.empty(0, np.uint64)
    power = np.full(len(own), STEP)
    power[0] = 1
    np.multiply.accumulate(power, out=power)
    prefix = np.concatenate([np.zeros(1, np.uint64), np.add.accumulate(own * power)])
    back = np.full(len(own) - n + 1, np.uint64(pow(int(STEP), -1, 1 << 64)))
    back[0] = 1
    np.multiply.accumulate(back, out=back)
    return mix((prefix[n:] - prefix[:-n]) * back)


def repeated(documents: Counts, hashes: Hashes) -> tuple[Bools, Counts]:
    """For each run whether the same one stands earlier in its document, and how often it stands there in all."""
    keys = mix(hashes + documents.astype(np.uint64) * STEP)
    again, total = np.zeros(len(keys), bool), np.ones(len(keys), np.int64)
    slots = (keys & np.uint64((1 << max(8 * len(keys), 1).bit_length()) - 1)).astype(np.int64)
    crowded = np.flatnonzero(np.bincount(slots)[slots] > 1) if len(keys) else np.empty(0, np.int64)
    if not len(crowded):
        return again, total
    order = crowded[np.argsort(keys[crowded], kind="stable")]  # stable: the earliest of equal runs comes first
    ordered = keys[order]
    same = np.concatenate([[False], ordered[1:] == ordered[:-1]])
    group = np.cumsum(~same) - 1
    again[order] = same
    total[order] = np.bincount(group)[group]
    return again, total
