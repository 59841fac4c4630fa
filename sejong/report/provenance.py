"""What lets a reader check the page: identities, hashes, seeds, software, and models made by others."""

from dataclasses import dataclass, field
from typing import Any

from sejong.flow import Artifact
from sejong.flow.manifest import manifest_dependencies, manifest_settings
from sejong.report.read import json_of


@dataclass(frozen=True)
class Made:
    """One stage: its identity (what made it), its digest (what it holds) and how much that is."""

    stage: str
    identity: str
    digest: str
    files: int
    bytes: int
    seed: int | None


@dataclass(frozen=True)
class Provenance:
    """Everything the page says about where things come from."""

    stages: list[Made] = field(default_factory=list)
    software: dict[str, str] = field(default_factory=dict)
    outside_models: list[dict[str, Any]] = field(default_factory=list)
    initial: dict[str, Any] | None = None
    began: str = ""
    ended: str = ""

    @property
    def tensors(self) -> int:
        """Tensors whose first state is on record."""
        return len(self.initial["tensors"]) if self.initial else 0


def read_provenance(inputs: list[Artifact]) -> Provenance:
    """From the manifests of the inputs, and from the weights at step 0 that pretraining recorded."""
    manifests = [(one, one.manifest()) for one in inputs]
    versions: dict[str, str] = {}
    for _, manifest in manifests:
        versions |= manifest["predicate"]["runDetails"]["builder"]["version"]
        versions |= {one["name"]: one["annotations"]["version"] for one in manifest_dependencies(manifest, "library")}
    times = [manifest["predicate"]["runDetails"]["metadata"] for _, manifest in manifests]
    pretrain = next((one for one in inputs if one.stage == "pretrain"), None)
    return Provenance(
        stages=[_made(artifact, manifest) for artifact, manifest in manifests],
        software=dict(sorted(versions.items(), key=lambda one: one[0].lower())),
        outside_models=[
            {"stage": artifact.stage, **one["annotations"], "sha256": one["digest"]["sha256"]}
            for artifact, manifest in manifests
            for one in manifest_dependencies(manifest, "model")
        ],
        initial=json_of(pretrain, "initial.json", None),
        began=min((one["startedOn"] for one in times), default=""),
        ended=max((one["finishedOn"] for one in times), default=""),
    )


def _made(artifact: Artifact, manifest: dict[str, Any]) -> Made:
    files = manifest["subject"]
    size = sum(one["annotations"]["bytes"] for one in files)
    return Made(artifact.stage, artifact.identity, artifact.digest, len(files), size, manifest_settings(manifest).get("seed"))
