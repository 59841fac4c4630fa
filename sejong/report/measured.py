"""The measured results: bits per byte beside baselines, answers from sources, samples."""

import re
from dataclasses import dataclass, field
from typing import Any

from sejong.flow import Artifact
from sejong.report.read import json_of

MEASURES = {  # what retrieval.json measures, and which questions it asked
    "recall@1": "answerable",
    "recall@5": "answerable",
    "mrr": "answerable",
    "refusal": "unanswerable",
    "false_refusal": "answerable",
}
BLANK_LINES = re.compile(r"\n\s*\n")  # of which a small model writes many
OWN = ("pretrain", "align")  # the models of this run in results.json; the others are baselines


@dataclass(frozen=True)
class Interval:
    """A measured value with its interval; `low` and `high` equal it where there is none. `name` is what the page calls
    it, `own` whether it is this run's."""

    name: str
    value: float
    low: float
    high: float
    own: bool = False


@dataclass(frozen=True)
class Measure:
    """A share of questions with its interval; `name` is the key in the artifact."""

    name: str
    value: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True)
class Sample:
    """What was given, and what the model wrote each way: (method, text)."""

    prompt: str
    question: bool
    passage: str | None
    written: list[tuple[str, str]]


@dataclass(frozen=True)
class Measured:
    """What evaluation found."""

    results: list[dict[str, Any]] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def measure(self, name: str) -> Measure | None:
        """The measure called `name`."""
        return next((one for one in self.measures if one.name == name), None)


def read_measured(artifact: Artifact | None) -> Measured | None:
    """The evaluation's files, or None where it was not built."""
    if artifact is None:
        return None
    return Measured(
        results=json_of(artifact, "results.json", []),
        measures=_measures(json_of(artifact, "retrieval.json", {})),
        samples=_samples(json_of(artifact, "samples.json", [])),
    )


def _measures(retrieval: dict[str, Any]) -> list[Measure]:
    """The measures that were taken: one is null where no question of its kind was asked."""
    return [
        Measure(name, found["value"], found["interval"][0], found["interval"][1], retrieval[asked])
        for name, asked in MEASURES.items()
        if (found := retrieval.get(name)) is not None
    ]


def _samples(rows: list[dict[str, Any]]) -> list[Sample]:
    """One sample for each thing given, in the order of the file."""
    found: dict[tuple[str, str, str | None], Sample] = {}
    for row in rows:
        given = (row["model"], row["prompt"], row.get("passage"))
        sample = found.setdefault(given, Sample(row["prompt"], row["from"] == "question", row.get("passage"), []))
        sample.written.append((row["method"], BLANK_LINES.sub("\n", row["continuation"])))
    return list(found.values())
