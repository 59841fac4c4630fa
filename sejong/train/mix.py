"""How often each document is read: epochs by source, temperature, quality; and which sources come last.

A pass reads a document `epochs` times. Where that is no whole number, the rest is drawn from seed and id, such that over `k`
passes a document is read `k · epochs` times, rounded up or down. With an epoch each, a pass is every document once.

A pass is sorted by a hash of seed, pass, id and copy. So where two documents stand to each other is a matter of these two alone,
and without one document the others keep their order. That holds for `mix` and `late`; `temperature` and `mix_quality` weigh a
document by the sizes and scores of all others, so that without one document the epochs of the others may change a little.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sejong.errors import Failed, Refused, did_you_mean
from sejong.recipe import PretrainSettings

Counts = NDArray[np.int64]
Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

UNNAMED = "unknown"  # what a document of no source counts under
KEY_DIGITS = 16  # of an id, that the order goes by
PHASE = 2**64 - 1  # in place of a pass: what part of an epoch a document begins with


@dataclass(frozen=True)
class Mix:
    """Epochs of each document a pass, and whether it is of a source that comes last."""

    epochs: Floats
    late: NDArray[np.bool_]


def mix_of(settings: PretrainSettings, documents: pa.Table) -> Mix | None:
    """What the settings say of the documents (`source, quality, tokens`); None where they say nothing, and all are read alike.

    A source without text may be named: it may have been taken down.

    Raises:
        Refused: a number is impossible, there is no quality to go by, or nothing would be read.
    """
    if not settings.mix and settings.temperature == 1 and not settings.late and not settings.mix_quality:
        return None
    names, source = sources_of(documents)
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


def check_names(settings: PretrainSettings, names: list[str]) -> None:
    """Refuse settings that name a source which is not one of `names`."""
    for setting, named in (("mix", settings.mix), ("late", settings.late)):
        for name in named:
            if name not in names:
                raise Refused(f"pretrain.{setting} names the source `{name}`, which has no text: {did_you_mean(name, names)}")


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

    def __init__(self, lengths: Counts, keys: Keys, seed: int | None, mix: Mix | None = None, *, late: bool = False) -> None:
        """All documents once a pass, where `mix` is None; else those that are `late`, or those that are not.

        Args:
            lengths: tokens of every document, in order of their ids.
            keys: of the ids.
            seed: of the order; with None the documents keep theirs.
            mix: how often each is read.
            late: which part of `mix`.
        """
        self._lengths, self._keys, self._seed = lengths, keys, seed
        self._members = np.flatnonzero((mix.late == late) & (mix.epochs > 0)) if mix else np.arange(len(lengths))
        self._epochs = mix.epochs[self._members] if mix else None
        self._phase = _phase(keys[self._members], seed or 0) if mix else np.empty(0)
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
        copies = self._copies(number)
        chosen = np.repeat(self._members, copies)
        if self._seed is not None:
            copy = np.arange(len(chosen)) - np.repeat(np.cumsum(copies) - copies, copies)
            chosen = chosen[shuffled(self._keys[chosen], self._seed, number, copy.astype(np.uint64))]
        return chosen, np.cumsum(self._lengths[chosen])

    def _copies(self, number: int) -> Counts:
        """How often each document stands in a pass."""
        if self._epochs is None:
            return np.ones(len(self._members), np.int64)
        upto = [np.floor(count * self._epochs + self._phase) for count in (number, number + 1)]
        return (upto[1] - upto[0]).astype(np.int64)


def keys_of(ids: pa.ChunkedArray) -> Keys:
    """The first 64 bits of each id, (n,).

    Raises:
        Failed: an id is not a hash in hexadecimal.
    """
    digits = pc.utf8_slice_codeunits(ids.cast(pa.large_string()), 0, KEY_DIGITS).combine_chunks()
    text = bytes(digits.buffers()[2] or b"")[: KEY_DIGITS * len(digits)]
    try:
        keys = np.frombuffer(bytes.fromhex(text.decode()), ">u8").astype(np.uint64)
    except ValueError:
        keys = np.empty(0, np.uint64)
    if len(keys) != len(digits) or pc.any(pc.not_equal(pc.binary_length(digits), KEY_DIGITS)).as_py():
        raise Failed("the ids of documents are not hashes: build the corpus again with this version of Sejong")
    return keys


def shuffled(keys: Keys, *numbers: int | Keys) -> Counts:
    """A permutation of `keys` (n,), which seed and further numbers choose; keys of one hash keep their order."""
    return np.argsort(hashed(keys, *numbers), kind="stable")


def hashed(keys: Keys, *numbers: int | Keys) -> Keys:
    """A hash of each key (n,) together with the numbers (or a number for each key, (n,)), 64 bits.

    Each is mixed in by the finaliser of SplitMix64 (Steele, Lea & Flood 2014), which maps no two keys to one.
    """
    found = keys
    for one in numbers:
        found = _mixed(found ^ _mixed(np.asarray(one, np.uint64).reshape(-1)))
    return found


def _mixed(found: Keys) -> Keys:
    found = found + np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))


def _phase(keys: Keys, seed: int) -> Floats:
    """A number in 0..1 a document, of 32 bits, so that whole epochs stay whole when it is added."""
    return (hashed(keys, seed, PHASE) >> np.uint64(32)).astype(np.float64) / 2**32
