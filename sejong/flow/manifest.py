"""`manifest.json`: an in-toto Statement (v1) with a SLSA provenance predicate (v1), so that signing it later is only signing.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md · https://slsa.dev/spec/v1.0/provenance
"""

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from sejong import __version__
from sejong.errors import Failed, Refused
from sejong.flow.artifact import Artifact
from sejong.flow.files import sha256_file

NAME = "manifest.json"
FORMAT = 1  # of artifacts and run folders; a newer one is refused, never guessed at
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:sejong:stage:v1"


def describe(folder: Path) -> list[dict[str, Any]]:
    """Every file under `folder` as an in-toto subject with sha256 and size, in the order of its path."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix())
    return [
        {
            "name": path.relative_to(folder).as_posix(),
            "digest": {"sha256": sha256_file(path)},
            "annotations": {"bytes": path.stat().st_size},
        }
        for path in files
        if path != folder / NAME
    ]


def digest(subjects: list[dict[str, Any]]) -> str:
    """One sha256 over names and hashes of files: equal for equal bytes, whenever and wherever they were made."""
    lines = "".join(f"{one['digest']['sha256']}  {one['name']}\n" for one in subjects)
    return hashlib.sha256(lines.encode()).hexdigest()


def statement(
    stage: str,
    named: str,
    settings: dict[str, Any],
    code: str,
    libraries: dict[str, str],
    inputs: list[Artifact],
    subjects: list[dict[str, Any]],
    metrics: dict[str, Any],
    outside_models: list[dict[str, Any]],
    started: datetime,
    finished: datetime,
) -> dict[str, Any]:
    """The whole manifest of one finished stage."""
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"stage": stage, "settings": settings},
                "internalParameters": {"identity": named, "code": code, "format": FORMAT},
                "resolvedDependencies": _dependencies(inputs, libraries, outside_models),
            },
            "runDetails": {
                "builder": {"id": "urn:sejong:builder", "version": {"sejong": __version__, "python": platform.python_version()}},
                "metadata": {"invocationId": named, "startedOn": _time(started), "finishedOn": _time(finished)},
                "byproducts": [
                    {"name": "metrics", "annotations": metrics},
                    {"name": "device", "annotations": device()},
                    {"name": "exit", "annotations": {"status": 0, "seconds": (finished - started).total_seconds()}},
                ],
            },
        },
    }


def read(folder: Path) -> dict[str, Any]:
    """The manifest in `folder`.

    Raises:
        Refused: a newer version of Sejong wrote it.
        Failed: it is missing, broken, or not a manifest.
    """
    path = folder / NAME
    try:
        found = json.loads(path.read_text("utf-8"))
        written_as = found["predicate"]["buildDefinition"]["internalParameters"]["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failed(f"{path} is not a readable manifest ({error}): delete {folder} and build again") from error
    if written_as > FORMAT:
        raise Refused(
            f"{folder} was made by a newer Sejong (format {written_as}, this one reads {FORMAT}): upgrade Sejong to use it"
        )
    return dict(found)


def manifest_stage(manifest: dict[str, Any]) -> str:
    """The name of the stage."""
    return str(manifest["predicate"]["buildDefinition"]["externalParameters"]["stage"])


def manifest_settings(manifest: dict[str, Any]) -> dict[str, Any]:
    """The resolved settings it was made with."""
    return dict(manifest["predicate"]["buildDefinition"]["externalParameters"]["settings"])


def manifest_identity(manifest: dict[str, Any]) -> str:
    """The identity: what made it."""
    return str(manifest["predicate"]["buildDefinition"]["internalParameters"]["identity"])


def manifest_metrics(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the stage measured about its work."""
    return _byproduct(manifest, "metrics")


def manifest_device(manifest: dict[str, Any]) -> dict[str, Any]:
    """The machine it was made on."""
    return _byproduct(manifest, "device")


def manifest_seconds(manifest: dict[str, Any]) -> float:
    """How long it took, in seconds."""
    return float(_byproduct(manifest, "exit")["seconds"])


def manifest_dependencies(manifest: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """What it was made from; `kind` is `stage`, `source`, `library` or `model`."""
    listed = manifest["predicate"]["buildDefinition"]["resolvedDependencies"]
    return [one for one in listed if one["annotations"]["kind"] == kind]


def _byproduct(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(one["annotations"]) for one in manifest["predicate"]["runDetails"]["byproducts"] if one["name"] == name)


def _dependencies(
    inputs: list[Artifact], libraries: dict[str, str], outside_models: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    stages = [
        {"name": one.stage, "digest": {"sha256": one.digest}, "annotations": {"kind": "stage", "identity": one.identity}}
        for one in inputs
        if not one.files
    ]
    sources = [
        {
            "name": f"{file.source}/{file.path}",
            "digest": {"sha256": file.sha256},
            "annotations": {"kind": "source", "bytes": file.bytes, "licence": file.licence},
        }
        for one in inputs
        for file in one.files
    ]
    software = [
        {"name": name, "uri": f"pkg:pypi/{name.lower()}@{version}", "annotations": {"kind": "library", "version": version}}
        for name, version in libraries.items()
    ]
    models = [
        {"name": one["name"], "digest": {"sha256": one["sha256"]}, "annotations": {"kind": "model", **one}}
        for one in outside_models
    ]
    return stages + sources + software + models


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@cache
def device() -> dict[str, Any]:
    """The machine: processor, cores, memory. Accelerators are named by the stages that use them."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
