"""What training reads: sequences by their global position, which means the same whatever the batch or the number of ranks.

A pass is the documents in an order that follows from the seed and their ids, laid end to end and cut into sequences; the next
pass follows without a gap. Where the recipe mixes nothing a pass is an epoch, and each of its tokens is read once. Position `p`
holds the tokens from `p · context` on. Sources that come last begin at a token that follows from the length of the training and
their share of the text, which a build keeps in the recipe.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from sejong.recipe import PretrainSettings
from sejong.train.mix import Counts, Passes, check_names, hashed, keys_of, mix_of, sources_of

IGNORED = -100  # a target that no loss is taken on
ORDER_ROWS = 1_000_000
HISTORY = 13  # tokens that decide whether the next one is left out of the loss


@dataclass(frozen=True)
class Batch:
    """Sequences of `context` tokens; every tensor has the shape (sequences, context)."""

    tokens: Tensor  # int64
    targets: Tensor  # int64: the next token, or IGNORED
    documents: Tensor  # int64: which document of the sequence a token belongs to; attention stays inside one

    def __getitem__(self, rows: slice) -> "Batch":
        return Batch(self.tokens[rows], self.targets[rows], self.documents[rows])

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(*(one.to(device, non_blocking=True) for one in (self.tokens, self.targets, self.documents)))


Read = Callable[[int, int], Batch]  # (first position, how many) -> the sequences


class Stream:
    """The documents of one split as an endless row of sequences."""

    def __init__(
        self, folder: Path, split: str, context: int, seed: int | None, settings: PretrainSettings | None = None
    ) -> None:
        """Open the `tokens` artifact.

        Args:
            folder: of the artifact.
            split: whose documents.
            context: tokens a sequence.
            seed: of the order; with None the documents keep theirs (validation).
            settings: how they are mixed; with None each is read once a pass.

        Raises:
            Refused: the mix is not one for these documents.
        """
        described = json.loads((folder / "tokens.json").read_text("utf-8"))
        table = pq.read_table(folder / "documents.parquet", filters=pc.field("split") == split)
        mix = mix_of(settings, table) if settings else None
        self.context, self._goldfish = context, settings.goldfish if settings else None
        self.ids: pa.ChunkedArray = table["id"]
        self.lengths: Counts = table["tokens"].to_numpy()
        self._sources = table["source"]
        self._shard: NDArray[np.int32] = table["shard"].to_numpy()
        self._offset: Counts = table["offset"].to_numpy()
        self._files = [
            np.memmap(folder / f"{split}-{number:05d}.bin", dtype=np.dtype(described["dtype"]).newbyteorder("<"), mode="r")
            for number in range(described["splits"][split]["shards"])
        ]
        keys = keys_of(self.ids)
        self._main = Passes(self.lengths, keys, seed, mix)
        self._late = Passes(self.lengths, keys, seed, mix, late=True) if mix else None
        self.turn: int | None = None  # the token that late sources begin at
        self.tokens = self._main.tokens + (self._late.tokens if self._late else 0)  # a pass
        self.late_share = self._late.tokens / self.tokens if self._late and self.tokens else 0.0

    def check(self, settings: PretrainSettings) -> None:
        """Refuse settings that name a source without text."""
        check_names(settings, sources_of(pa.table({"source": self._sources}))[0])

    def until(self, positions: int, late_share: float | None = None) -> "Stream":
        """The same stream, for a training that reads the sequences before `positions`: late sources get their share of its end.

        Without late sources nothing depends on the length of a training. With a share given, the main part stays as it is when a
        late document goes.

        Args:
            positions: how many sequences are read.
            late_share: of the tokens, for late sources; None: their share of a pass.
        """
        if self._late and self._late.tokens:
            share = self.late_share if late_share is None else late_share
            before = round((positions * self.context + 1) * (1 - share)) if self._main.tokens else 0
            self.turn = 0
            if before:
                number = self._main.find(before - 1)
                _, ends = self._main.order(number)
                start = self._main.start(number)
                self.turn = start + int(ends[np.searchsorted(ends, before - start)])
        return self

    def batch(self, first: int, size: int) -> Batch:
        """The sequences at positions `first` … `first + size - 1`."""
        rows = [self._sequence(position) for position in range(first, first + size)]
        tokens, documents, forgot = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
        # The next token, where it belongs to the same document: nothing predicts across a border.
        targets = torch.where((documents[:, 1:] == documents[:, :-1]) & ~forgot[:, 1:], tokens[:, 1:], IGNORED)
        return Batch(tokens[:, :-1].contiguous(), targets, documents[:, :-1].contiguous())

    def order(self, positions: int) -> Iterator[pa.Table]:
        """(position, id) for every document of every sequence before `positions`, a part at a time."""
        for documents, ends, start in self._before(positions):
            for part in range(0, len(documents), ORDER_ROWS):
                chosen = documents[part : part + ORDER_ROWS]
                lasts = start + ends[part : part + ORDER_ROWS] - 1
                begins = lasts + 1 - self.lengths[chosen]
                low, high = begins // self.context, lasts // self.context
                counts = high - low + 1
                position = np.repeat(low, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                document = np.repeat(chosen, counts)[position < positions]
                position = position[position < positions]
                yield pa.table({"position": pa.array(position), "id": self.ids.take(pa.array(document))})

    def read_of(self, positions: int) -> dict[str, int]:
        """How many tokens of each source stand before `positions`, those of repeated documents again."""
        names, source = sources_of(pa.table({"source": self._sources}))
        limit, read = positions * self.context, np.zeros(len(names))
        for documents, ends, start in self._before(positions):
            lengths = self.lengths[documents]
            tokens = np.clip(limit - (start + ends - lengths), 0, lengths)
            read += np.bincount(source[documents], weights=tokens, minlength=len(names))
        return {name: int(tokens) for name, tokens in zip(names, read, strict=True)}

    def _before(self, positions: int) -> Iterator[tuple[Counts, Counts, int]]:
        """The passes that begin before a position."""
        return takewhile(lambda one: one[2] < positions * self.context, self._passes(0))

    def _passes(self, at: int) -> Iterator[tuple[Counts, Counts, int]]:
        """The passes from the one that holds token `at` on, without end: the documents in order, the token of the pass that each
        ends before, and the token of the training that the pass begins with."""
        turn = self.turn
        if turn is None or at < turn:
            for number in count(self._main.find(at)):
                start, (documents, ends) = self._main.start(number), self._main.order(number)
                if turn is not None and self._main.start(number + 1) >= turn:
                    cut = int(np.searchsorted(ends, turn - start, "right"))
                    yield documents[:cut], ends[:cut], start
                    at = turn
                    break
                yield documents, ends, start
        assert self._late is not None and turn is not None
        for number in count(self._late.find(at - turn)):
            yield *self._late.order(number), turn + self._late.start(number)

    def _sequence(self, position: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """`context` tokens and the one after them, with a number a document, and which of them give no loss."""
        need = self.context + 1
        tokens = np.empty(need, dtype=np.int64)
        numbers = np.empty(need, dtype=np.int64)
        forgot = np.zeros(need, dtype=np.bool_)
        at = position * self.context
        filled = number = 0
        for documents, ends, start in self._passes(at):
            place = int(np.searchsorted(ends, at - start, "right"))
            while filled < need and place < len(ends):
                document = documents[place]
                skip = max(at - start - int(ends[place] - self.lengths[document]), 0)
                take = min(int(self.lengths[document]) - skip, need - filled)
                begin = int(self._offset[document]) + skip
                tokens[filled : filled + take] = self._files[self._shard[document]][begin : begin + take]
                if self._goldfish:
                    known = min(skip, HISTORY)  # the sequence before has them
                    piece = self._files[self._shard[document]][begin - known : begin + take]
                    forgot[filled : filled + take] = forgotten(piece, self._goldfish)[known:]
                numbers[filled : filled + take] = number
                filled, number, place = filled + take, number + 1, place + 1
            if filled == need:
                break
        return tokens, numbers, forgot


def forgotten(tokens: NDArray[Any], one_of: int) -> NDArray[np.bool_]:
    """Which tokens (n,) of a document give no loss: one of `one_of`, chosen by a hash of the 13 before it; never the first 13.

    A passage that is read many times has the same gaps each time, and cannot be said by heart (Hans et al. 2024, Goldfish loss).
    """
    found = np.zeros(len(tokens), dtype=np.bool_)
    places = max(len(tokens) - HISTORY, 0)
    history = [tokens[first : first + places].astype(np.uint64) for first in range(HISTORY)]
    found[len(tokens) - places :] = hashed(np.zeros(places, np.uint64), *history) % np.uint64(one_of) == 0
    return found


def token_bytes(tokenizer_json: dict[str, Any], vocabulary: int) -> NDArray[np.int64]:
    """UTF-8 bytes that each token of a byte-level vocabulary stands for; special tokens stand for none.

    In a byte-level vocabulary each character of a token's name is one byte.
    """
    lengths = np.zeros(vocabulary, dtype=np.int64)
    for token, number in tokenizer_json["model"]["vocab"].items():
        lengths[number] = len(token)
    for added in tokenizer_json["added_tokens"]:
        lengths[added["id"]] = 0 if added["special"] else len(added["content"].encode())
    return lengths
