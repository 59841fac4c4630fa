"""The stages in the order they are built. Each is named once, here; its code is imported only when it runs."""

import importlib

from sejong.flow.store import Run, Stage

STAGES: tuple[Stage, ...] = (
    Stage("corpus", "sejong.corpus.stage", ("sources",), data=("corpus/**/*.toml", "language/tables/*.npy")),
    Stage("tokenizer", "sejong.tokenizer.stage", ("corpus",)),
    Stage("comparison", "sejong.tokenizer.comparison", ("corpus", "tokenizer")),
    Stage("tokens", "sejong.train.tokens", ("corpus", "tokenizer")),
    Stage("pretrain", "sejong.train.pretrain", ("tokenizer", "tokens")),
    Stage("align", "sejong.train.align", ("corpus", "tokenizer", "pretrain")),
    Stage("engine", "sejong.serve.engines.openvino", ("align",)),
    Stage("index", "sejong.retrieval.stage", ("corpus",)),
    Stage("evaluate", "sejong.evaluate.stage", ("corpus", "tokenizer", "tokens", "pretrain", "align", "index")),
    Stage(
        "report",
        "sejong.report.stage",
        ("corpus", "tokenizer", "comparison", "tokens", "pretrain", "align", "engine", "index", "evaluate"),
        data=("report/*.html", "report/*.toml", "report/*.css", "report/*.js", "report/*.j2"),
        reads_manifests=True,
    ),
    Stage(
        "ledger",
        "sejong.ledger.stage",
        ("corpus", "tokenizer", "comparison", "tokens", "pretrain", "align", "engine", "index", "evaluate", "report"),
        reads_manifests=True,
    ),
)
NAMES = [one.name for one in STAGES]


def up_to(name: str) -> list[Stage]:
    """The stages that `name` needs, itself last."""
    by_name = {one.name: one for one in STAGES}
    wanted: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in by_name and one not in wanted:
            wanted.add(one)
            waiting += by_name[one].inputs
    return [one for one in STAGES if one.name in wanted]


def run_of(stage: Stage) -> Run:
    """The function that makes the stage."""
    run: Run = importlib.import_module(stage.module).run
    return run
