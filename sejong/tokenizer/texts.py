"""Text of a corpus for training and for comparison, in bounded memory and always the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.errors import Failed

GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, are spread evenly however many there are
SLICE = 65_536  # characters: no text longer than this enters the trainer or a segmenter in one piece
HELD_OUT = ["validation", "test"]
HELD_OUT_BYTES = 2_000_000


def sample(corpus: Path, splits: list[str], limit: int) -> Iterator[tuple[str, str]]:
    """About `limit` bytes of the documents of `splits`, drawn evenly: the source's name, and a slice of bounded length.

    Document number n of the splits is taken where n times the golden ratio, modulo 1, lies below `limit` divided by all bytes:
    the same documents on every run, from every part of the corpus. It stops at `limit`, which cuts a last, long document.
    """
    share = limit / max(total_bytes(corpus, splits), 1)
    number, left = 0, limit
    for batch in _batches(corpus, ["source", "text", "split"]):
        rows = batch.filter(_chosen(batch, splits))
        taken = ((np.arange(number, number + len(rows)) * GOLDEN) % 1.0) < share
        number += len(rows)
        rows = rows.filter(pa.array(taken))
        for source, text in zip(rows.column("source").to_pylist(), rows.column("text"), strict=True):
            for start in range(0, len(whole := text.as_py()), SLICE):
                piece = whole[start : start + SLICE]
                size = len(piece.encode())
                if size > left:
                    yield source, piece.encode()[:left].decode("utf-8", "ignore")
                    return
                left -= size
                yield source, piece


def total_bytes(corpus: Path, splits: list[str]) -> int:
    """Bytes of UTF-8 text in the documents of `splits`."""
    found = 0
    for batch in _batches(corpus, ["text", "split"]):
        found += pc.sum(pc.binary_length(batch.column("text").filter(_chosen(batch, splits)))).as_py() or 0
    return found


def _chosen(batch: pa.RecordBatch, splits: list[str]) -> pa.Array:
    return pc.is_in(batch.column("split"), value_set=pa.array(splits))


def _batches(corpus: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    parts = sorted((corpus / "documents").glob("part-*.parquet"))
    if not parts:
        raise Failed(f"{corpus / 'documents'} holds no part-*.parquet: build the corpus again")
    for part in parts:
        yield from pq.ParquetFile(part).iter_batches(batch_size=512, columns=columns)


def held_out(corpus: Path) -> list[str]:
    """Text that no training sees, as much of it as a comparison needs; empty where the corpus has none."""
    return [text for _, text in sample(corpus, HELD_OUT, HELD_OUT_BYTES)]
