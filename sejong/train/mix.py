"""How often each document is read: epochs by source, temperature, quality; and which sources come last.

A pass reads a document `epochs` times. Where that is no whole number, the rest is drawn from the seed, such that over `k` passes
a document is read `k · epochs` times, rounded up or down. With an epoch each, a pass is every document once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sejong.errors import Refused, did_you_mean
from sejong.recipe import PretrainSettings

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

UNNAMED = "unknown"  # what a document of no source counts under
LATE, PHASE = 1, 2  # what else is drawn from the seed


@dataclass(frozen=True)
class Mix:
    """Epochs of each document a pass, and whether it is of a source that comes last."""

    epochs: Floats
    late: NDArray[np.bool_]


def mix_of(settings: PretrainSettings, documents: pa.Table) -> Mix | None:
    """What the settings say of the documents (`source, quality, tokens`); None where they say nothing, and all are read alike.

    Raises:
        Refused: a source is not in the corpus, a number is impossible, there is no quality to go by, or nothing would be read.
    """
    if not settings.mix and settings.temperature == 1 and not settings.late and not settings.mix_quality:
        return None
    names, source = sources_of(documents)
    for setting, named in (("mix", settings.mix), ("late", settings.late)):
        for name in named:
            if name not in names:
                raise Refused(f"pretrain.{setting} names the source `{name}`, which has no text: {did_you_mean(name, names)}")
    for name, given in settings.mix.items():
        if not 0 <= given < 1000:
            raise Refused(f"pretrain.mix gives the source `{name}` {given:g} epochs: give a number from 0 to below 1000")
    epochs = np.array([settings.mix.get(name, 1.0) for name in names])[source] * _by_quality(settings, documents)
    tokens = documents["tokens"].to_numpy().astype(np.float64)
    weight = np.bincount(source, weights=epochs * tokens, minlength=len(names))
    if not weight.sum():
        raise Refused("pretrain.mix leaves nothing to read: give at least one source more than 0 epochs")
    tempered = np.where(weight > 0, weight, 1) ** settings.temperature * (weight > 0)
    factor = tempered / tempered.sum() * weight.sum() / np.where(weight > 0, weight, 1)
    if settings.temperature == 1:
        factor = np.ones(len(names))
    return Mix(epochs * factor[source], np.array([name in settings.late for name in names])[source])


def sources_of(documents: pa.Table) -> tuple[list[str], Counts]:
    """The names of the sources, sorted, and the source of each document."""
    column = pc.fill_null(documents["source"].cast(pa.string()), UNNAMED)
    names = sorted(pc.unique(column).to_pylist())
    return names, pc.index_in(column, pa.array(names, pa.string())).to_numpy().astype(np.int64)


def _by_quality(settings: PretrainSettings, documents: pa.Table) -> Floats:
    """The factor of each document: that of the highest quantile its score reaches; 1 where it has no score."""
    factor = np.ones(len(documents))
    if not settings.mix_quality:
        return factor
    scores = documents["quality"].to_numpy(zero_copy_only=False).astype(np.float64)
    known = np.isfinite(scores)
    if not known.any():
        raise Refused("pretrain.mix_quality asks for the quality of documents, which was not measured: set corpus.references")
    for quantile, times in sorted(settings.mix_quality):
        if not 0 <= quantile <= 1 or not 0 <= times < 1000:
            raise Refused(
                f"pretrain.mix_quality holds [{quantile:g}, {times:g}]: give pairs of a quantile in 0..1 and a factor below 1000"
            )
        factor[known & (scores >= np.quantile(scores[known], quantile, method="lower"))] = times
    return factor


class Passes:
    """Some of the documents, pass after pass, laid end to end."""

    def __init__(self, lengths: Counts, seed: int | None, mix: Mix | None = None, *, late: bool = False) -> None:
        """All documents once a pass, where `mix` is None; else those that are `late`, or those that are not.

        Args:
            lengths: tokens of every document.
            seed: of the order; with None the documents keep theirs.
            mix: how often each is read.
            late: which part of `mix`.
        """
        self._lengths, self._seed, self._late = lengths, seed, late
        self._members = np.flatnonzero((mix.late == late) & (mix.epochs > 0)) if mix else np.arange(len(lengths))
        self._epochs = mix.epochs[self._members] if mix else None
        self._phase = _phase(len(lengths), seed)[self._members] if mix else np.empty(0)
        of_pass = self._epochs if self._epochs is not None else np.ones(len(self._members))
        self.tokens = round(float(of_pass @ lengths[self._members]))  # a pass has, on average
        self._starts = [0]
        self.order = lru_cache(maxsize=2)(self._order)

    def find(self, at: int) -> int:
        """The pass that holds token `at`. There must be tokens."""
        while self._starts[-1] <= at:
            self.start(len(self._starts))
        return int(np.searchsorted(self._starts, at, "right")) - 1

    def start(self, number: int) -> int:
        """The token that pass `number` begins with."""
        while len(self._starts) <= number:
            copies = self._copies(len(self._starts) - 1)
            self._starts.append(self._starts[-1] + int(copies @ self._lengths[self._members]))
        return self._starts[number]

    def _order(self, number: int) -> tuple[Counts, Counts]:
        """The documents of a pass in their order, and the token of the pass that each ends before."""
        copies = np.repeat(self._members, self._copies(number))
        chosen = copies[shuffled(len(copies), self._seed, number, *([LATE] if self._late else []))]
        return chosen, np.cumsum(self._lengths[chosen])

    def _copies(self, number: int) -> Counts:
        """How often each document stands in a pass."""
        if self._epochs is None:
            return np.ones(len(self._members), np.int64)
        upto = [np.floor(count * self._epochs + self._phase) for count in (number, number + 1)]
        return (upto[1] - upto[0]).astype(np.int64)


def shuffled(count: int, seed: int | None, epoch: int, *more: int) -> Counts:
    """A permutation that follows from (seed, epoch) alone, whatever the version of numpy (its raw streams are kept: NEP 19)."""
    if seed is None:
        return np.arange(count)
    return np.argsort(np.random.PCG64([seed, epoch, *more]).random_raw(count), kind="stable")


def _phase(count: int, seed: int | None) -> Floats:
    """A number in 0..1 a document, of 32 bits, so that whole epochs stay whole when it is added."""
    drawn = np.random.PCG64([seed or 0, 0, PHASE]).random_raw(count) >> np.uint64(32)
    return drawn.astype(np.float64) / 2**32
