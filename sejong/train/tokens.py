"""Token shards: the corpus as numbers, ready to be memory-mapped.

A shard holds whole documents, each `<|begin|> … <|end|>`, one after another, in order of their ids. A shard is written to
the scratch folder with the list of its documents beside it; the list is renamed into place last, so that a list means a
whole shard and a killed run goes on after the last one.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, atomic, scratch, the_only
from sejong.flow.progress import Bar, progress
from sejong.recipe import TokensSettings

SPECIAL_TOKENS = ("<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|passage|>", "<|turn|>")
SPLITS = ("train", "validation", "test")
NAMES = pa.dictionary(pa.int32(), pa.string())
ROWS = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("shard", pa.int32()),
        ("offset", pa.int64()),
        ("tokens", pa.int64()),
        ("source", NAMES),
        ("licence", NAMES),
        ("contributor", NAMES),
        ("quality", pa.float32()),
    ]
)
KNOWN = ("id", "source", "licence", "contributor", "quality")  # taken over from the corpus
BATCH_BYTES = 8_000_000  # text encoded at once: what bounds the memory
Known = tuple[Any, ...]
PIECE = 1_000_000  # characters; a longer document is encoded in pieces cut at a line or a space


def run(settings: TokensSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Encode the corpus into shards of at least `shard_tokens` tokens. Returns counts per split.

    Raises:
        Refused: the training split has no document.
        Failed: the tokenizer breaks the contract, or the corpus is not sorted by id.
    """
    corpus, tokenizer = the_only(inputs, "corpus").path, open_tokenizer(the_only(inputs, "tokenizer").path)
    dtype = np.dtype("<u2" if tokenizer.get_vocab_size() <= 2**16 else "<u4")
    texts = ds.dataset(sorted((corpus / "documents").glob("*.parquet")), format="parquet")
    if texts.count_rows(filter=pc.field("split") == "train") == 0:
        raise Refused("the corpus has no document to train on: give more text, or relax corpus.filters")

    work = scratch(out)
    with progress("tokens", total=texts.count_rows(), unit="documents") as bar:
        for split in SPLITS:
            write_split(texts, split, tokenizer, dtype, settings.shard_tokens, work, bar)

    lists = [path for split in SPLITS for path in sorted(work.glob(f"{split}-*.parquet"))]
    with pq.ParquetWriter(out / "documents.parquet", ROWS) as writer:
        for path in lists:
            writer.write_table(pq.read_table(path).cast(ROWS))
            os.link(path.with_suffix(".bin"), out / path.with_suffix(".bin").name)  # not moved: a kill here loses nothing
    counts = split_counts(out / "documents.parquet")
    given = attribution(out / "documents.parquet")
    described = {"dtype": dtype.name, "vocabulary": tokenizer.get_vocab_size(), "splits": counts, "train_tokens_by": given}
    (out / "tokens.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    return {f"{split}_tokens": one["tokens"] for split, one in counts.items()} | {"dtype": dtype.name}


def open_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer in `folder`, set to read the names of special tokens inside a text as plain text.

    Raises:
        Failed: it lacks a special token of docs/reference/stages.md.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    special_ids(tokenizer)
    tokenizer.encode_special_tokens = True
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """The ids of the special tokens, by their names without `<|` and `|>`."""
    ids: dict[str, int] = {}
    for token in SPECIAL_TOKENS:
        number = tokenizer.token_to_id(token)
        if number is None:
            raise Failed(f"the tokenizer has no token {token}: build it again with this version of Sejong")
        ids[token[2:-2]] = number
    return ids


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """The ids of each text, without special tokens, on all cores."""
    pieces = [cut(text) for text in texts]
    encoded = iter(tokenizer.encode_batch_fast([one for some in pieces for one in some], add_special_tokens=False))
    return [[number for _ in some for number in next(encoded).ids] for some in pieces]


def cut(text: str) -> list[str]:
    """A text in pieces of at most `PIECE` characters, cut after a line or a space where there is one."""
    pieces = []
    while len(text) > PIECE:
        at = max(text.rfind("\n", 0, PIECE), text.rfind(" ", 0, PIECE)) + 1 or PIECE
        pieces.append(text[:at])
        text = text[at:]
    return [*pieces, text]


def write_split(
    texts: ds.Dataset, split: str, tokenizer: Tokenizer, dtype: np.dtype[Any], shard_tokens: int, work: Path, bar: Bar
) -> None:
    """Write the shards of one split that `work` does not hold yet."""
    special = special_ids(tokenizer)
    finished = sorted(work.glob(f"{split}-*.parquet"))
    done = sum(pq.read_metadata(path).num_rows for path in finished)
    bar.skip(done)
    shard, rows, encoded, tokens = len(finished), [], [], 0
    for known, batch_texts in batches(texts, split, skip=done):
        for row, numbers in zip(known, encode(tokenizer, batch_texts), strict=True):
            rows.append(row)
            encoded.append(np.array([special["begin"], *numbers, special["end"]], dtype=dtype))
            tokens += len(encoded[-1])
            if tokens >= shard_tokens:
                write_shard(work, split, shard, rows, encoded)
                shard, rows, encoded, tokens = shard + 1, [], [], 0
        bar.advance(len(known))
    if rows:
        write_shard(work, split, shard, rows, encoded)


def batches(texts: ds.Dataset, split: str, skip: int) -> Iterator[tuple[list[Known], list[str]]]:
    """What is known of the documents of a split (the columns `KNOWN`) and their texts, in order of id, without the first `skip`,
    at most `BATCH_BYTES` of text at a time.

    Raises:
        Failed: an id is not greater than the one before it.
    """
    known: list[Known] = []
    chosen: list[str] = []
    size, last = 0, ""
    signals = texts.schema.field("signals").type if "signals" in texts.schema.names else pa.struct([])
    quality = pc.field("signals", "quality") if signals.get_field_index("quality") >= 0 else pc.scalar(None)
    columns = {name: pc.field(name) for name in (*KNOWN[:-1], "text")} | {"quality": quality}
    chosen_split = pc.field("split") == split
    for batch in texts.to_batches(columns, filter=chosen_split, batch_size=1024, batch_readahead=2, fragment_readahead=1):
        for *row, text in zip(*(batch[name].to_pylist() for name in (*KNOWN, "text")), strict=True):
            id_ = row[0]
            if id_ <= last:
                raise Failed(f"the corpus is not sorted by id: {id_} stands after {last}; build the corpus again")
            last = id_
            if skip > 0:
                skip -= 1
                continue
            known.append(tuple(row))
            chosen.append(text)
            size += len(text)
            if size >= BATCH_BYTES:
                yield known, chosen
                known, chosen, size = [], [], 0
    if known:
        yield known, chosen


def write_shard(work: Path, split: str, shard: int, known: list[Known], encoded: list[NDArray[Any]]) -> None:
    """Write one shard, then the list of its documents, which makes it count."""
    lengths = np.array([len(one) for one in encoded], dtype=np.int64)
    with atomic(work / f"{split}-{shard:05d}.bin") as path:
        path.write_bytes(np.concatenate(encoded).data)  # unlike tofile, it says why it fails
    columns = {
        **{name: pa.array(column) for name, column in zip(KNOWN, zip(*known, strict=True), strict=True)},
        "split": pa.array([split] * len(known), pa.string()),
        "shard": pa.array(np.full(len(known), shard, dtype=np.int32)),
        "offset": pa.array(np.cumsum(lengths) - lengths),
        "tokens": pa.array(lengths),
    }
    with atomic(work / f"{split}-{shard:05d}.parquet") as path:
        pq.write_table(pa.table({name: columns[name] for name in ROWS.names}).cast(ROWS), path)


def attribution(documents: Path) -> dict[str, dict[str, int]]:
    """Tokens of the training split by source, licence and contributor; what has none counts as `unknown`."""
    given = {}
    table = pq.read_table(documents, columns=["tokens", "source", "licence", "contributor"], filters=pc.field("split") == "train")
    for name in ("source", "licence", "contributor"):
        column = pc.fill_null(table[name].cast(pa.string()), "unknown")
        sums = pa.table({"name": column, "tokens": table["tokens"]}).group_by("name").aggregate([("tokens", "sum")])
        given[name] = dict(sorted(zip(sums["name"].to_pylist(), sums["tokens_sum"].to_pylist(), strict=True)))
    return given


def split_counts(documents: Path) -> dict[str, dict[str, int]]:
    """Documents, tokens and shards of each split."""
    table = pq.read_table(documents, columns=["split", "shard", "tokens"])
    counts = {}
    for split in SPLITS:
        rows = table.filter(pc.equal(table["split"], split))
        shards = rows["shard"].to_numpy()
        counts[split] = {
            "documents": rows.num_rows,
            "tokens": int(rows["tokens"].to_numpy().sum()),
            "shards": int(shards.max()) + 1 if len(shards) else 0,
        }
    return counts
