"""Check every byte of a run: seal -> ledger's manifest -> ledger -> each stage's manifest -> each file.

Trusts nothing but sha256 and the seal. `service/` and `endpoint.json` change while serving and are left out.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sejong.errors import Refused
from sejong.flow import manifest as manifests
from sejong.flow import sha256_file
from sejong.flow.progress import progress
from sejong.ledger import removals
from sejong.ledger.seal import own_hash

LEFT_OUT = {"service", "endpoint.json"}
OWN = {"recipe.toml", "seal.json", removals.NAME}


@dataclass
class Verdict:
    """What was checked and what is wrong with it."""

    checked: int = 0
    faults: list[dict[str, str]] = field(default_factory=list)

    def fault(self, path: str, kind: str, detail: str) -> None:
        """Note one fault: `changed`, `missing`, `extra`, `unreadable` or `mixed`."""
        self.faults.append({"path": path, "kind": kind, "detail": detail})

    def as_json(self) -> dict[str, Any]:
        """What `sejong verify --json` prints."""
        return {"ok": not self.faults, "checked": self.checked, "faults": self.faults}


def verify(run: Path) -> Verdict:
    """Re-hash everything under `run`.

    Raises:
        Refused: it is not a finished run, or a newer version built it.
    """
    if not (run / "recipe.toml").exists() and not (run / "seal.json").exists():
        raise Refused(f"{run} is not a run's folder: give a folder that `sejong build` made, such as runs/korea")
    if not (run / "seal.json").exists():
        raise Refused(f"{run} has no seal, so its build is not finished: run `sejong build {run}/recipe.toml`, then verify")
    verdict = Verdict()
    stages = _chain(run, verdict)
    _extra(run, {*stages, *OWN, *LEFT_OUT}, verdict)
    total = sum(path.stat().st_size for stage in stages for path in (run / stage).rglob("*") if path.is_file())
    with progress("verify", total=total, unit="bytes") as bar:
        for stage in stages:
            _check_stage(run, stage, verdict, bar.advance)
    _check_links(run, stages, verdict)
    _check_removals(run, verdict)
    return verdict


def _chain(run: Path, verdict: Verdict) -> list[str]:
    """Check the seal and what it leads to; the stages that the ledger names."""
    seal = _read(run / "seal.json", "seal.json", verdict)
    if not isinstance(seal, dict):
        return []
    if not isinstance(seal.get("format"), int) or seal["format"] > manifests.FORMAT:
        raise Refused(f"{run} was built by a newer Sejong (format {seal.get('format')}): upgrade Sejong to verify it")
    if own_hash(seal) != seal.get("self"):
        verdict.fault("seal.json", "changed", "it does not match the hash it carries over itself")
    _compare(run, "recipe.toml", str(seal.get("recipe")), verdict)
    _compare(run, "ledger/manifest.json", str(seal.get("ledger_manifest")), verdict)
    if "removals" in seal:
        _compare(run, removals.NAME, str(seal["removals"]), verdict)
    elif (run / removals.NAME).exists():
        verdict.fault(removals.NAME, "extra", "the seal does not name it: build again to apply it")
    ledger = _read(run / "ledger" / "ledger.json", "ledger/ledger.json", verdict)
    entries = [(one, hashed) for one, hashed in _pairs(ledger, "stages", "stage", "manifest") if "/" not in one]
    for stage, hashed in entries:
        _compare(run, f"{stage}/{manifests.NAME}", hashed, verdict)
    return [*(stage for stage, _ in entries), "ledger"]


def _check_stage(run: Path, stage: str, verdict: Verdict, advance: Any) -> None:
    found = _read(run / stage / manifests.NAME, f"{stage}/{manifests.NAME}", verdict)
    listed = {manifests.NAME}
    for name, digest in _pairs(found, "subject", "name", "digest"):
        listed.add(name)
        _compare(run, f"{stage}/{name}", str(digest.get("sha256")) if isinstance(digest, dict) else "", verdict)
        advance(_size(run / stage / name))
    for path in sorted((run / stage).rglob("*")):
        name = path.relative_to(run / stage).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in listed:
            verdict.fault(f"{stage}/{name}", "extra", "the manifest does not list it")


def _check_links(run: Path, stages: list[str], verdict: Verdict) -> None:
    """Each stage must have been made from the very artifacts that stand beside it: a whole mixture of two builds is no run."""
    found = {stage: _read(run / stage / manifests.NAME, stage, Verdict()) for stage in stages}
    digests = {stage: _digest(body) for stage, body in found.items()}
    for stage, body in found.items():
        for name, expected in _made_from(body):
            if name in digests and expected != digests[name]:
                verdict.fault(f"{stage}/{manifests.NAME}", "mixed", f"it was made from another {name} than the one in this run")


def _check_removals(run: Path, verdict: Verdict) -> None:
    """The corpus must have been made without all that was taken down."""
    try:
        asked = removals.settings(removals.read(run))
        applied = manifests.manifest_settings(_read(run / "corpus" / manifests.NAME, "corpus", Verdict())).get("removals", [])
    except (Refused, KeyError, TypeError):
        return  # a fault in either file is noted where its hash is compared
    for one in asked:
        if one not in applied:
            what = f"{one['kind']} `{one['value']}`"
            verdict.fault(f"corpus/{manifests.NAME}", "mixed", f"it was made before {what} was taken down: build again")


def _digest(body: Any) -> str | None:
    try:
        return manifests.digest(body["subject"])
    except (KeyError, TypeError):
        return None


def _made_from(body: Any) -> list[tuple[str, str]]:
    try:
        return [(one["name"], one["digest"]["sha256"]) for one in manifests.manifest_dependencies(body, "stage")]
    except (KeyError, TypeError):
        return []


def _pairs(found: Any, key: str, first: str, second: str) -> list[tuple[str, Any]]:
    """Two fields of each row of a list in a JSON file that may be damaged: its hash has been compared already."""
    rows = found.get(key) if isinstance(found, dict) else None
    good = [one for one in rows if isinstance(one, dict) and first in one and second in one] if isinstance(rows, list) else []
    return [(str(one[first]), one[second]) for one in good]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _compare(run: Path, name: str, expected: Any, verdict: Verdict) -> None:
    try:
        actual = sha256_file(run / name)
    except FileNotFoundError:
        verdict.fault(name, "missing", "it is listed but not there")
        return
    except OSError as error:
        verdict.fault(name, "unreadable", str(error.strerror))
        return
    verdict.checked += 1
    if actual != expected:
        verdict.fault(name, "changed", f"its sha256 is {actual}, recorded was {expected}")


def _read(path: Path, name: str, verdict: Verdict) -> Any:
    """A JSON file; a fault where it cannot be read (a missing one is noted where its hash is compared)."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        verdict.fault(name, "unreadable", str(error))
        return None


def _extra(run: Path, known: set[str], verdict: Verdict) -> None:
    for path in sorted(run.iterdir()):
        if path.name not in known:
            verdict.fault(path.name, "extra", "no stage of this run made it")
