"""Everything the page says, gathered once from the artifacts, before it is put into words."""

from dataclasses import dataclass
from typing import Any

from sejong.flow import Artifact
from sejong.recipe import ReportSettings
from sejong.report.corpus import Corpus, read_corpus
from sejong.report.cost import Cost, read_cost
from sejong.report.measured import Measured, read_measured
from sejong.report.provenance import Provenance, read_provenance
from sejong.report.read import json_of
from sejong.report.training import Training, conversations, read_training

STAGES = ("corpus", "tokenizer", "comparison", "tokens", "pretrain", "align", "engine", "index", "evaluate")


@dataclass(frozen=True)
class Facts:
    """What is known of a run. A part is None where its stage was not built."""

    corpus: Corpus | None
    tokenizers: list[dict[str, Any]] | None
    pretrain: Training | None
    align: Training | None
    conversations: list[tuple[str, int]]
    measured: Measured | None
    cost: Cost
    provenance: Provenance
    missing: list[str]


def gather(settings: ReportSettings, inputs: list[Artifact]) -> Facts:
    """Read every artifact once.

    Raises:
        Failed: a file of an artifact is broken.
    """
    by_stage = {one.stage: one for one in inputs}
    return Facts(
        corpus=read_corpus(by_stage.get("corpus")),
        tokenizers=json_of(by_stage.get("comparison"), "comparison.json", None),
        pretrain=read_training(by_stage.get("pretrain")),
        align=read_training(by_stage.get("align")),
        conversations=conversations(by_stage.get("align")),
        measured=read_measured(by_stage.get("evaluate")),
        cost=read_cost(settings, inputs),
        provenance=read_provenance(inputs),
        missing=[stage for stage in STAGES if stage not in by_stage],
    )
