"""What training reads: sequences by their global position, which means the same whatever the batch or the number of ranks.

An epoch is the documents in an order drawn from the seed, laid end to end and cut into sequences; the next epoch follows
without a gap. Each token of an epoch is read once. Position `p` holds the tokens from `p · context` on.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

IGNORED = -100  # a target that no loss is taken on
ORDER_ROWS = 1_000_000


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

    def __init__(self, folder: Path, split: str, context: int, seed: int | None) -> None:
        """Open the `tokens` artifact. With `seed` None the documents keep their order (validation)."""
        described = json.loads((folder / "tokens.json").read_text("utf-8"))
        table = pq.read_table(folder / "documents.parquet", filters=pc.field("split") == split)
        self.context = context
        self.seed = seed
        self.ids: pa.ChunkedArray = table["id"]
        self.lengths: NDArray[np.int64] = table["tokens"].to_numpy()
        self._shard: NDArray[np.int32] = table["shard"].to_numpy()
        self._offset: NDArray[np.int64] = table["offset"].to_numpy()
        self._files = [
            np.memmap(folder / f"{split}-{number:05d}.bin", dtype=np.dtype(described["dtype"]).newbyteorder("<"), mode="r")
            for number in range(described["splits"][split]["shards"])
        ]
        self.tokens = int(self.lengths.sum())
        self._epoch = lru_cache(maxsize=2)(self._epoch_order)

    def batch(self, first: int, count: int) -> Batch:
        """The sequences at positions `first` … `first + count - 1`."""
        rows = [self._sequence(position) for position in range(first, first + count)]
        tokens, documents = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
        # The next token, where it belongs to the same document: nothing predicts across a border.
        targets = torch.where(documents[:, 1:] == documents[:, :-1], tokens[:, 1:], IGNORED)
        return Batch(tokens[:, :-1].contiguous(), targets, documents[:, :-1].contiguous())

    def order(self, positions: int) -> Iterator[pa.Table]:
        """(position, id) for every document of every sequence before `positions`, a part at a time."""
        epoch, start = 0, 0
        while start < positions * self.context:
            permutation, ends = self._epoch(epoch)
            for part in range(0, len(permutation), ORDER_ROWS):
                chosen = permutation[part : part + ORDER_ROWS]
                lasts = start + ends[part : part + ORDER_ROWS] - 1
                begins = lasts + 1 - self.lengths[chosen]
                low, high = begins // self.context, lasts // self.context
                counts = high - low + 1
                position = np.repeat(low, counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                document = np.repeat(chosen, counts)[position < positions]
                position = position[position < positions]
                yield pa.table({"position": pa.array(position), "id": self.ids.take(pa.array(document))})
            epoch, start = epoch + 1, start + self.tokens

    def _sequence(self, position: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`context` tokens and the one after them, with a number a document."""
        need = self.context + 1
        tokens = np.empty(need, dtype=np.int64)
        documents = np.empty(need, dtype=np.int64)
        epoch, at = divmod(position * self.context, self.tokens)
        permutation, ends = self._epoch(epoch)
        place = int(np.searchsorted(ends, at, side="right"))
        filled = number = 0
        while filled < need:
            if place == len(permutation):
                epoch, place, at = epoch + 1, 0, 0
                permutation, ends = self._epoch(epoch)
            document = permutation[place]
            skip = at - int(ends[place] - self.lengths[document]) if filled == 0 else 0
            take = min(int(self.lengths[document]) - skip, need - filled)
            begin = int(self._offset[document]) + skip
            tokens[filled : filled + take] = self._files[self._shard[document]][begin : begin + take]
            documents[filled : filled + take] = number
            filled, number, place = filled + take, number + 1, place + 1
        return tokens, documents

    def _epoch_order(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The documents of an epoch in their order, and where each one ends in it."""
        permutation = shuffled(len(self.lengths), self.seed, epoch)
        return permutation, np.cumsum(self.lengths[permutation])


def shuffled(count: int, seed: int | None, epoch: int) -> NDArray[np.int64]:
    """A permutation that follows from (seed, epoch) alone, whatever the version of numpy (its raw streams are kept: NEP 19)."""
    if seed is None:
        return np.arange(count)
    return np.argsort(np.random.PCG64([seed, epoch]).random_raw(count), kind="stable")


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
