"""The texts a model is scored on: a file's documents, or a corpus's held-out ones."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sejong.errors import Refused

SUFFIXES = (".txt", ".md", ".jsonl", ".parquet")
SHARE = 10  # no document gives more than a tenth of the text that is scored
BATCH = 512
GOLDEN = 0.6180339887498949


def read(path: Path) -> list[str]:
    """The documents of a `.txt` or `.md` file (one), of `.jsonl` lines or of `.parquet` rows (their `text`); empty ones left out.

    Raises:
        Refused: the file is missing, of another kind, damaged, not UTF-8, or without text.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix in (*SUFFIXES, ".gz")]
    kind = next((suffix for suffix in suffixes if suffix != ".gz"), "")
    if not kind:
        raise Refused(f"{path} is of no kind that can be scored: give {', '.join(SUFFIXES)}")
    try:
        if kind == ".parquet":
            texts = ds.dataset(path, format="parquet").to_table(columns=["text"]).column("text").to_pylist()
        else:
            whole = (gzip.decompress(path.read_bytes()) if suffixes[-1] == ".gz" else path.read_bytes()).decode("utf-8")
            texts = (
                [whole]
                if kind != ".jsonl"
                else [_line(path, n, one) for n, one in enumerate(whole.split("\n"), 1) if one.strip()]
            )
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8 (byte {error.start}): convert it first, or build a corpus from it") from error
    except (OSError, EOFError, pa.ArrowException) as error:
        raise Refused(f"{path} cannot be read ({error}): give a whole file with --text") from error
    texts = [text for text in texts if text]
    if not texts:
        raise Refused(f"{path} holds no text: give a file with some")
    return texts


def documents(corpus: Path, split: str, limit: int) -> list[str]:
    """Documents of a split in the order of their ids, until `limit` bytes; a long one is cut at a tenth of that."""
    dataset = ds.dataset(corpus / "documents", format="parquet")
    found: list[str] = []
    left = limit
    for batch in dataset.to_batches(columns=["text", "split"], filter=pc.field("split") == split, batch_size=BATCH):
        for text in batch.column("text").to_pylist():
            text = text.encode()[: min(left, max(limit // SHARE, 1))].decode("utf-8", "ignore")
            if text:
                found.append(text)
            left -= len(text.encode())
            if left <= 3:  # no further character is sure to fit
                return found
    return found


def training(corpus: Path, limit: int) -> tuple[list[str], int]:
    """Documents of the training split, up to `limit` bytes, and the bytes of the whole split.

    Where the split is larger, documents are drawn evenly over it: number n where n times the golden ratio, modulo 1, is small.
    """
    dataset = ds.dataset(corpus / "documents", format="parquet")
    rows = dataset.to_table(columns={"bytes": pc.binary_length(pc.field("text"))}, filter=pc.field("split") == "train")
    whole = pc.sum(rows.column("bytes")).as_py() or 0
    found: list[str] = []
    number, left = 0, limit
    for batch in dataset.to_batches(columns=["text", "split"], filter=pc.field("split") == "train", batch_size=BATCH):
        taken = (np.arange(number, number + len(batch)) * GOLDEN) % 1.0 < limit / max(whole, 1)
        for text in batch.column("text").filter(pa.array(taken)).to_pylist():
            encoded = text.encode()[: max(left, 0)]
            left -= len(encoded)
            if encoded:
                found.append(encoded.decode("utf-8", "ignore"))
        number += len(batch)
    return found, whole


def _line(path: Path, number: int, line: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}, line {number}: not a JSON object with a `text` field: mend or remove that line") from error
    if not isinstance(text, str):
        raise Refused(f"{path}, line {number}: `text` is not a string: mend or remove that line")
    return text
