"""The order of documents is a matter of their ids: what is removed leaves all others where they stood to each other."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.errors import Failed
from sejong.flow import Artifact
from sejong.recipe import PretrainSettings
from sejong.train.batches import HISTORY, IGNORED, Stream
from sejong.train.mix import Mix, Passes, hashed, keys_of, shuffled
from tests.train.test_mix import laid_out

ids_ = st.sets(st.integers(0, 2**16), min_size=2, max_size=40)


def table_of(numbers: set[int]) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Ids in order, lengths and epochs, each a function of the number alone."""
    named = sorted((hashlib.sha256(str(number).encode()).hexdigest(), number) for number in numbers)
    of = np.array([number for _, number in named])
    return [id_ for id_, _ in named], 2 + of % 50, (of % 13) / 4


def order_of(numbers: set[int], seed: int, late: bool, pass_: int, mixed: bool) -> list[str]:
    ids, lengths, epochs = table_of(numbers)
    mix = Mix(epochs, np.array([int(id_[-1], 16) % 4 == 0 for id_ in ids])) if mixed else None
    chosen, _ = Passes(lengths, keys_of(pa.chunked_array([ids])), seed, mix, late=late and mixed).order(pass_)
    return [ids[one] for one in chosen]


@given(numbers=ids_, data=st.data(), seed=st.integers(0, 2**40), late=st.booleans(), pass_=st.integers(0, 5), mixed=st.booleans())
@settings(max_examples=150, deadline=None)
def test_without_some_documents_the_others_keep_order_and_copies(
    numbers: set[int], data: st.DataObject, seed: int, late: bool, pass_: int, mixed: bool
) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(numbers)), max_size=len(numbers) - 1))
    removed = {hashlib.sha256(str(number).encode()).hexdigest() for number in gone}
    before = order_of(numbers, seed, late, pass_, mixed)
    assert order_of(numbers - gone, seed, late, pass_, mixed) == [id_ for id_ in before if id_ not in removed]


def without(shards: Artifact, folder: Path, gone: str) -> Artifact:
    """The shards as they are when a document is not there: its row gone, its bytes unread."""
    shutil.copytree(shards.path, folder)
    table = pq.read_table(folder / "documents.parquet")
    pq.write_table(table.filter(pc.not_equal(table["id"], gone)), folder / "documents.parquet")
    return Artifact("tokens", folder, "", "")


@pytest.mark.parametrize(
    "changes", [{}, {"mix": {"law": 2.5, "web": 0.7}}, {"late": ["law"], "late_share": 0.2}, {"mix": {"law": 3}, "late": ["web"]}]
)
def test_sequences_before_a_removed_document_are_the_same(shards: Artifact, tmp_path: Path, changes: dict[str, Any]) -> None:
    """Of the stream that training reads, with the turn to late sources kept."""
    positions = 900
    given_settings = PretrainSettings(**changes)
    whole = Stream(shards.path, "train", 48, 7, given_settings)
    share = whole.late_share
    whole.until(positions, share)
    order = laid_out(whole, positions)
    at = {id_: place for place, id_ in reversed(list(enumerate(order)))}
    late = sorted(at, key=lambda id_: at[id_])[-1]  # of all documents the one that is read last for the first time
    for number, gone in enumerate((order[40], late)):
        rest = Stream(without(shards, tmp_path / str(number), gone).path, "train", 48, 7, given_settings).until(positions, share)
        first = min(row["position"] for part in whole.order(positions) for row in part.to_pylist() if row["id"] == gone)
        assert first > 4
        before, after = whole.batch(0, first), rest.batch(0, first)
        for name in ("tokens", "targets", "documents"):
            assert bool((getattr(before, name) == getattr(after, name)).all())
        followed = [id_ for id_ in order if id_ != gone]
        assert laid_out(rest, positions)[: at[gone]] == followed[: at[gone]]


def test_a_document_of_many_copies_does_not_stand_in_one_place() -> None:
    ids = [hashlib.sha256(bytes([number])).hexdigest() for number in range(100)]
    mix = Mix(np.full(100, 5.0), np.zeros(100, np.bool_))
    chosen, _ = Passes(np.full(100, 10), keys_of(pa.chunked_array([sorted(ids)])), 1, mix).order(0)
    assert np.bincount(chosen).tolist() == [5] * 100
    assert (chosen[1:] == chosen[:-1]).mean() < 0.05


def test_every_place_is_as_likely_for_every_document() -> None:
    """Mean place over many passes: that of a fair shuffle, within five standard errors."""
    keys = keys_of(pa.chunked_array([[hashlib.sha256(bytes([number])).hexdigest() for number in range(50)]]))
    places = np.array([np.argsort(shuffled(keys, 3, number)) for number in range(2000)])
    error = np.sqrt((50**2 - 1) / 12 / 2000)
    assert np.abs(places.mean(axis=0) - 24.5).max() < 5 * error
    bits = (hashed(keys, 1, 0)[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert 0.4 < bits.mean() < 0.6


@pytest.mark.parametrize("ids", [["a"], ["xyzxyzxyzxyzxyzx"], ["0123 56789abcdef" * 4], ["0123456789abcdef", "0123"]])
def test_ids_that_are_no_hashes_are_an_error(ids: list[str]) -> None:
    with pytest.raises(Failed, match="not hashes"):
        keys_of(pa.chunked_array([ids]))


def test_keys_are_the_first_half_of_an_id() -> None:
    given_ids = ["0123456789abcdef" + "0" * 48, "f" * 64, "0" * 64]
    assert keys_of(pa.chunked_array([given_ids[:2], given_ids[2:]])).tolist() == [0x0123456789ABCDEF, 2**64 - 1, 0]
    assert len(keys_of(pa.chunked_array([], pa.string()))) == 0
    assert keys_of(pa.chunked_array([given_ids])[1:]).tolist() == [2**64 - 1, 0]


@pytest.mark.parametrize("one_of", [2, 4])
def test_goldfish_leaves_out_one_of_so_many_targets_by_the_tokens_before_each(shards: Artifact, one_of: int) -> None:
    """The same ones in every pass, wherever sequences are cut, and never by what stands in another document."""
    plain = Stream(shards.path, "train", 48, 7)
    found = Stream(shards.path, "train", 48, 7, PretrainSettings(goldfish=one_of))
    positions = 2 * plain.tokens // 48 - 1
    whole, holed = plain.batch(0, positions), found.batch(0, positions)
    assert torch.equal(whole.tokens, holed.tokens)
    tokens, before, after = (one.flatten().numpy() for one in (whole.tokens, whole.targets, holed.targets))
    gone = (before != IGNORED) & (after == IGNORED)
    assert np.array_equal(before[~gone], after[~gone])
    judged: dict[bytes, set[bool]] = {}
    since = 0  # tokens of the document so far
    for at, token in enumerate(tokens.tolist()):
        since = 1 if token == 1 else since + 1
        if before[at] != IGNORED:
            if since < HISTORY:
                assert not gone[at]
            else:
                judged.setdefault(tokens[at + 1 - HISTORY : at + 1].tobytes(), set()).add(bool(gone[at]))
    assert all(len(one) == 1 for one in judged.values())
    shares = [next(iter(one)) for one in judged.values()]
    assert np.mean(shares) == pytest.approx(1 / one_of, abs=5 * np.sqrt((1 - 1 / one_of) / one_of / len(shares)))
