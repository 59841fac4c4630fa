"""The mix: epochs by source, temperature, quality and late sources, each counted from the order that is written."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.errors import Refused
from sejong.flow import Artifact
from sejong.recipe import PretrainSettings
from sejong.train import pretrain
from sejong.train.batches import Stream
from tests.train.test_training import TINY

CONTEXT, SEED = 48, 7


def stream(shards: Artifact, **changes: Any) -> Stream:
    return Stream(shards.path, "train", CONTEXT, SEED, PretrainSettings(**changes))


def documents(shards: Artifact) -> dict[str, dict[str, Any]]:
    rows = pq.read_table(shards.path / "documents.parquet").to_pylist()
    return {row["id"]: row for row in rows if row["split"] == "train"}


def laid_out(one: Stream, positions: int) -> list[str]:
    """The ids of the documents in the order in which they begin, from the order that training records."""
    found: list[str] = []
    at = -1
    for part in one.order(positions):
        for row in part.to_pylist():
            again = found and row["id"] == found[-1] and row["position"] != at  # goes on in the next sequence
            at = row["position"]
            if not again:
                found.append(row["id"])
    return found


def passes(one: Stream, count: int) -> int:
    """Positions that `count` passes fill, and no token of the next."""
    return count * one.tokens // CONTEXT


def splitmix(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) % 2**64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def test_without_a_mix_an_epoch_is_sorted_by_a_hash_of_seed_epoch_and_id(shards: Artifact) -> None:
    """The order, spelled out without numpy."""

    def place(id_: str, epoch: int) -> int:
        found = int(id_[:16], 16)
        for one in (SEED, epoch, 0):
            found = splitmix(found ^ splitmix(one))
        return found

    expected = [id_ for epoch in range(4) for id_ in sorted(documents(shards), key=lambda id_: (place(id_, epoch), id_))]
    for one in (Stream(shards.path, "train", CONTEXT, SEED), stream(shards).until(800), stream(shards, mix={"web": 1})):
        found = laid_out(one, 800)
        assert len(found) > 2 * len(documents(shards))
        assert found == expected[: len(found)]


@pytest.mark.parametrize("mix", [{"law": 3, "web": 0.5}, {"help": 0.1, "law": 2.25}, {"web": 0}])
def test_each_source_is_read_so_many_times_a_pass(shards: Artifact, mix: dict[str, float]) -> None:
    known = documents(shards)
    one = stream(shards, mix=mix)
    read = Counter(laid_out(one, passes(one, 4))[:-1])
    for id_, row in known.items():
        epochs = 4 * mix.get(row["source"], 1)
        assert np.floor(epochs) - 1 <= read[id_] <= np.ceil(epochs) + 1
    for source in ("help", "law", "web"):
        own = [read[id_] for id_, row in known.items() if row["source"] == source]
        assert sum(own) == pytest.approx(4 * mix.get(source, 1) * len(own), abs=4)
    assert one.tokens == pytest.approx(sum(row["tokens"] * mix.get(row["source"], 1) for row in known.values()), abs=1)


def test_temperature_raises_small_sources(shards: Artifact) -> None:
    known = documents(shards)
    size = Counter[str]()
    for row in known.values():
        size[row["source"]] += row["tokens"]
    one = stream(shards, temperature=0.5)
    assert one.tokens == sum(size.values()), "a pass has as many tokens as before"
    read = one.read_of(passes(one, 6))
    roots = {source: tokens**0.5 for source, tokens in size.items()}
    for source, root in roots.items():
        assert read[source] / sum(read.values()) == pytest.approx(root / sum(roots.values()), abs=0.02)


def test_good_documents_are_read_more_often(shards: Artifact) -> None:
    known = documents(shards)
    one = stream(shards, mix_quality=[(0.9, 3), (0.5, 2)], mix={"law": 2})
    read = Counter(laid_out(one, passes(one, 3))[:-1])
    ranked = sorted(known, key=lambda id_: known[id_]["quality"])
    for place, id_ in enumerate(ranked):
        factor = 3 if place > 0.9 * len(ranked) else 2 if 0.5 * len(ranked) < place < 0.9 * len(ranked) - 1 else None
        if factor:
            assert read[id_] == pytest.approx(3 * factor * (2 if known[id_]["source"] == "law" else 1), abs=1)
    assert np.mean([read[id_] for id_ in ranked[: len(ranked) // 3] if known[id_]["source"] != "law"]) == pytest.approx(
        3, abs=0.1
    )


@given(positions=st.integers(1, 900), late=st.sampled_from([["web"], ["law"], ["help", "law"], ["help", "law", "web"]]))
@settings(max_examples=40, deadline=None)
def test_late_sources_come_last_and_get_their_share(shards: Artifact, positions: int, late: list[str]) -> None:
    known = documents(shards)
    one = stream(shards, late=late).until(positions)
    order = laid_out(one, positions)
    is_late = [known[id_]["source"] in late for id_ in order]
    assert is_late == sorted(is_late)
    read = one.read_of(positions)
    assert sum(read.values()) == positions * CONTEXT
    share = sum(row["tokens"] for row in known.values() if row["source"] in late) / one.tokens
    longest = max(row["tokens"] for row in known.values())
    assert sum(read[source] for source in late) == pytest.approx(share * positions * CONTEXT, abs=longest + 1)


def test_sequences_follow_the_order_that_is_written(shards: Artifact) -> None:
    """Across passes and across the border to the late sources, whatever the batch: a document is known by its first tokens."""
    one = stream(shards, mix={"law": 2.5, "help": 0.3}, late=["law"], temperature=0.7).until(500)
    by_start = {}
    for row in documents(shards).values():
        shard = np.fromfile(shards.path / f"train-{row['shard']:05d}.bin", "<u2")
        by_start[tuple(shard[row["offset"] : row["offset"] + 20].astype(np.int64))] = row["id"]
    tokens = one.batch(0, 500).tokens.flatten().numpy()
    starts = [at for at in range(len(tokens) - 20) if tokens[at] == 1]
    found = [by_start[tuple(tokens[at : at + 20])] for at in starts]
    assert laid_out(one, 500)[: len(found)] == found
    counted = Counter[str]()
    for id_, at, end in zip(found, starts, [*starts[1:], len(tokens)], strict=True):
        counted[documents(shards)[id_]["source"]] += end - at
    assert one.read_of(500) == dict(counted)
    assert np.array_equal(np.concatenate([one.batch(at, 1).tokens for at in range(100, 140)]), one.batch(100, 40).tokens)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mix": {"hlep": 2}}, r"pretrain.mix names the source `hlep`, which has no text: did you mean help\?"),
        ({"late": ["lwa"]}, r"pretrain.late names the source `lwa`, which has no text: did you mean law\?"),
        ({"mix": {"web": -1}}, "gives the source `web` -1 epochs"),
        ({"mix": {"web": 0, "law": 0, "help": 0}}, "leaves nothing to read"),
        ({"mix_quality": [(90, 2)]}, r"holds \[90, 2\]"),
    ],
)
def test_an_impossible_mix_is_refused(shards: Artifact, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        pretrain.budget(TINY.model_copy(update=changes), shards.path)


def test_a_training_records_what_it_read_of_each_source(shards: Artifact, tokenizer: Artifact, tmp_path: Any) -> None:
    mixed = TINY.model_copy(update={"mix": {"law": 4.0}, "late": ["web"], "steps": 6})
    metrics = pretrain.run(mixed, [tokenizer, shards], tmp_path)
    assert sum(metrics["tokens_by_source"].values()) == metrics["tokens"]
    known = documents(shards)
    rows = pq.read_table(tmp_path / "order.parquet").to_pylist()
    first = min(row["position"] for row in rows if known[row["id"]]["source"] == "web")
    assert not [row for row in rows if row["position"] > first and known[row["id"]]["source"] != "web"]


def test_tokens_say_whose_text_they_are(shards: Artifact) -> None:
    given = json.loads((shards.path / "tokens.json").read_text("utf-8"))["train_tokens_by"]
    expected: dict[str, Counter[str]] = {"source": Counter(), "licence": Counter(), "contributor": Counter()}
    for row in documents(shards).values():
        for name, counted in expected.items():
            counted[row[name] or "unknown"] += row["tokens"]
    assert given == {name: dict(counted) for name, counted in expected.items()}
    assert set(given["contributor"]) == {"help team", "unknown", "web team"}
