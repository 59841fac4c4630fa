"""The model and how it learned."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from sejong.flow import Artifact
from sejong.flow.manifest import manifest_metrics, manifest_settings
from sejong.report.read import batches_of, json_of, lines_of

POINTS = 240  # of a loss curve; each is the mean of the steps it stands for


@dataclass(frozen=True)
class Curve:
    """Loss in nats a token over tokens (or steps) seen: smoothed training loss, and loss on held-out text."""

    training: list[tuple[float, float]] = field(default_factory=list)
    validation: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Training:
    """One stage of training."""

    metrics: dict[str, Any]
    settings: dict[str, Any]
    shape: dict[str, Any]
    curve: Curve
    rates: list[float]
    steps: int
    tokens: int | None


def read_training(artifact: Artifact | None) -> Training | None:
    """What the stage `pretrain` or `align` says of itself, or None where it was not built."""
    if artifact is None:
        return None
    manifest = artifact.manifest()
    rows = lines_of(artifact, "loss.jsonl")
    steps = max((row["step"] for row in rows), default=0)
    tokens = max((row["tokens"] for row in rows if "tokens" in row), default=None)
    shape = json_of(artifact, "model/config.json", {})
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    return Training(manifest_metrics(manifest), manifest_settings(manifest), shape, curve_of(rows), rates, steps, tokens)


def curve_of(rows: list[dict[str, Any]]) -> Curve:
    """The rows of `loss.jsonl` as at most POINTS points; x is the step."""
    training = [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
    validation = [(row["step"], row["validation_loss"]) for row in rows if row.get("validation_loss") is not None]
    return Curve(_thinned(training), validation)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means over equal stretches of steps; the last step of a stretch stands for it."""
    length = -(-len(points) // POINTS) or 1
    stretches = [points[start : start + length] for start in range(0, len(points), length)]
    return [(stretch[-1][0], sum(value for _, value in stretch) / len(stretch)) for stretch in stretches]


def conversations(artifact: Artifact | None) -> list[tuple[str, int]]:
    """How many conversations of each kind the model was tuned on, most first."""
    counts: Counter[str] = Counter()
    for table in batches_of(artifact, "conversations.parquet", ["kind", "split"]):
        counts.update(table.filter(pc.equal(table["split"], "train"))["kind"].to_pylist())
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))
