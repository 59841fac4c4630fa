"""Write `ledger.json`: every stage's manifest by hash, sources and licences, outside models, initial weights, compute."""

import json
from pathlib import Path
from typing import Any

from sejong.flow import Artifact, sha256_file
from sejong.flow import manifest as manifests
from sejong.recipe import LedgerSettings


def run(settings: LedgerSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Chain the inputs' manifests and gather from them what an auditor asks for first."""
    by_stage = {one.stage: one for one in inputs}
    body = {
        "stages": [_entry(one) for one in inputs],
        "sources": _json(by_stage, "corpus", "sources.json"),
        "contributors": _json(by_stage, "corpus", "contributors.json"),
        "opt_outs": _json(by_stage, "corpus", "opt_outs.json"),
        "outside_models": outside_models(inputs),
        "initial_weights": _json(by_stage, "pretrain", "initial.json"),
        "compute": {one.stage: manifests.manifest_device(one.manifest()) for one in inputs if one.stage in ("pretrain", "align")},
    }
    (out / "ledger.json").write_text(json.dumps(body, ensure_ascii=False, indent=1), "utf-8")
    files = sum(len(one.manifest()["subject"]) for one in inputs)
    return {"stages": len(inputs), "files": files, "outside_models": len(body["outside_models"])}


def outside_models(inputs: list[Artifact]) -> list[dict[str, Any]]:
    """Every model made by others that touched the data, with the stage where it did."""
    return [
        {"stage": one.stage, **{key: value for key, value in model["annotations"].items() if key != "kind"}}
        for one in inputs
        for model in manifests.manifest_dependencies(one.manifest(), "model")
    ]


def _entry(one: Artifact) -> dict[str, Any]:
    found = one.manifest()
    return {
        "stage": one.stage,
        "identity": one.identity,
        "digest": one.digest,
        "manifest": sha256_file(one.path / manifests.NAME),
        "files": len(found["subject"]),
    }


def _json(by_stage: dict[str, Artifact], stage: str, name: str) -> Any:
    path = by_stage[stage].path / name
    return json.loads(path.read_text("utf-8")) if path.exists() else None
