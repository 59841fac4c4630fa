"""A position means the same sequence whatever the batch; every token of an epoch is read once; targets stay inside documents."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.flow import Artifact
from sejong.train.batches import IGNORED, Stream, token_bytes
from sejong.train.mix import hashed, shuffled

CONTEXT = 48


@pytest.fixture(scope="module")
def stream(shards: Artifact) -> Stream:
    return Stream(shards.path, "train", CONTEXT, seed=7)


@given(cuts=st.lists(st.integers(1, 9), min_size=1, max_size=12), first=st.integers(0, 700))
@settings(max_examples=40, deadline=None)
def test_positions_do_not_depend_on_the_split_into_batches(stream: Stream, cuts: list[int], first: int) -> None:
    whole = stream.batch(first, sum(cuts))
    at = first
    for size in cuts:
        part = stream.batch(at, size)
        rows = slice(at - first, at - first + size)
        assert torch.equal(part.tokens, whole.tokens[rows])
        assert torch.equal(part.targets, whole.targets[rows])
        assert torch.equal(part.documents, whole.documents[rows])
        at += size


@pytest.mark.parametrize("context", [16, 48, 100, 1000])
def test_every_token_of_an_epoch_is_read_once(shards: Artifact, context: int) -> None:
    stream = Stream(shards.path, "train", context, seed=3)
    positions = 2 * stream.tokens // context + 1
    read = stream.batch(0, positions).tokens.flatten().numpy()
    stored = np.concatenate([np.fromfile(path, "<u2") for path in sorted(shards.path.glob("train-*.bin"))])
    for epoch in range(2):
        one = read[epoch * stream.tokens : (epoch + 1) * stream.tokens]
        assert np.array_equal(np.sort(one), np.sort(stored))
    assert not np.array_equal(read[: stream.tokens], read[stream.tokens : 2 * stream.tokens])


def test_an_epoch_holds_each_document_whole_and_once(shards: Artifact) -> None:
    stream = Stream(shards.path, "train", CONTEXT, seed=3)
    read = stream.batch(0, stream.tokens // CONTEXT + 1).tokens.flatten().numpy()[: stream.tokens]
    begin, end = 1, 2
    starts, ends = np.flatnonzero(read == begin), np.flatnonzero(read == end)
    found = sorted(tuple(read[a : b + 1]) for a, b in zip(starts, ends, strict=True))
    table = pq.read_table(shards.path / "documents.parquet").to_pylist()
    stored = []
    for row in table:
        if row["split"] == "train":
            shard = np.fromfile(shards.path / f"train-{row['shard']:05d}.bin", "<u2")
            stored.append(tuple(shard[row["offset"] : row["offset"] + row["tokens"]].astype(np.int64)))
    assert found == sorted(stored)


def test_targets_are_the_next_token_and_never_cross_a_document(stream: Stream) -> None:
    batch = stream.batch(0, 200)
    following = stream.batch(1, 200).tokens[:, 0]
    tokens = torch.cat([batch.tokens, following[:, None]], dim=1)
    asked = batch.targets != IGNORED
    assert torch.equal(batch.targets[asked], tokens[:, 1:][asked])
    assert torch.equal(~asked, batch.tokens == 2), "only <|end|> has no next token"


def test_order_names_the_documents_of_each_position(stream: Stream, shards: Artifact) -> None:
    """Recomputed from the tokens themselves: a document is recognised by its first 40 tokens."""
    positions = stream.tokens // CONTEXT + 20  # into the second epoch
    rows = [row for part in stream.order(positions) for row in part.to_pylist()]
    assert {row["position"] for row in rows} == set(range(positions))
    listed = {
        position: [row["id"] for row in rows if row["position"] == position] for position in (0, 5, positions - 20, positions - 1)
    }
    by_start = {}
    for row in pq.read_table(shards.path / "documents.parquet").to_pylist():
        shard = np.fromfile(shards.path / f"{row['split']}-{row['shard']:05d}.bin", "<u2")
        by_start[tuple(shard[row["offset"] : row["offset"] + 20].astype(np.int64))] = row["id"]
    for position, ids in listed.items():
        tokens = stream.batch(position, 2).tokens.flatten().numpy()
        starts = [at for at in range(CONTEXT) if tokens[at] == 1]
        expected = [by_start[tuple(tokens[at : at + 20])] for at in starts]
        assert ids[len(ids) - len(expected) :] == expected
        assert len(ids) - len(expected) == (0 if tokens[0] == 1 else 1)


def test_the_hash_is_pinned() -> None:
    """Order files of old runs stay checkable: these values must not change."""
    keys = np.arange(8, dtype=np.uint64)
    assert hashed(keys).tolist() == keys.tolist() and len(set(hashed(keys, 1, 0).tolist())) == 8
    assert shuffled(keys, 1, 0).tolist() == SHUFFLED
    assert shuffled(keys, 1, 1).tolist() != SHUFFLED


def test_token_bytes_count_utf8(tokenizer: Artifact) -> None:
    from tokenizers import Tokenizer

    opened = Tokenizer.from_file(str(tokenizer.path / "tokenizer.json"))
    lengths = token_bytes(json.loads(Path(tokenizer.path / "tokenizer.json").read_text("utf-8")), opened.get_vocab_size())
    text = "<|begin|>글꼴을 삽입합니다. émoji 😀\n<|end|>"
    assert lengths[opened.encode(text).ids].sum() == len("글꼴을 삽입합니다. émoji 😀\n".encode())


SHUFFLED = [2, 5, 6, 0, 3, 4, 1, 7]
