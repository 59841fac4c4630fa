"""A run's folder: links into the store, and the list of runs that a store serves."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from sejong.errors import Refused
from sejong.flow import Artifact, atomic, manifest, store
from sejong.ledger import seal


def check_version(run: Path) -> None:
    """Refuse a run that a newer Sejong built, before anything in it is touched.

    Raises:
        Refused: it was.
    """
    for path in sorted(run.glob("*/manifest.json")):
        manifest.read(path.parent)


def link(run: Path, stage: str, target: Path) -> None:
    """Point `run/stage` at a finished artifact, in one step."""
    path = run / stage
    relative = os.path.relpath(target.resolve(), run.resolve())
    if path.is_symlink() and os.readlink(path) == relative:
        return
    temporary = run / f".{stage}.{os.getpid()}.part"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(relative)
    temporary.replace(path)
    (run / seal.NAME).unlink(missing_ok=True)  # what it sealed is no longer what the run holds


def drop_stale(run: Path, stages: list[str], artifacts: dict[str, Artifact]) -> None:
    """Unlink later stages that were made from what this build has just replaced."""
    for stage in stages:
        path = run / stage
        if stage in artifacts or not path.is_symlink():
            continue
        used = {one["name"]: one["digest"]["sha256"] for one in manifest.manifest_dependencies(manifest.read(path), "stage")}
        if any(name in artifacts and artifacts[name].digest != digest for name, digest in used.items()):
            path.unlink()


def artifacts_of(run: Path) -> dict[str, Artifact]:
    """The finished stages of a run, by name.

    Raises:
        Refused: RUN is not the folder of a run.
    """
    if not (run / "recipe.toml").exists():
        raise Refused(
            f"{run} is not a run's folder (it has no recipe.toml): give a folder that `sejong build` made, such as runs/korea"
        )
    return {
        path.name: store.load(path) for path in sorted(run.iterdir()) if path.is_symlink() and (path / manifest.NAME).exists()
    }


def register(run: Path) -> None:
    """Let the store know this run, so that `gc` keeps what it needs."""
    runs = store.store_of(run) / ".runs"
    runs.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:16]
    with atomic(runs / name) as path:
        path.write_text(str(run.resolve()), "utf-8")


def runs_of(where: Path) -> list[Path]:
    """The runs that a store serves and that are still there."""
    registered = sorted((where / ".runs").glob("*")) if (where / ".runs").exists() else []
    found = [Path(one.read_text("utf-8")) for one in registered if not one.name.startswith(".")]
    return sorted(run for run in found if (run / "recipe.toml").exists())


def unused(where: Path) -> list[Path]:
    """Artifacts and abandoned building folders in a store that no run links to."""
    used = {(run / name).resolve() for run in runs_of(where) for name in os.listdir(run) if (run / name).is_symlink()}
    finished = [path for path in sorted(where.glob("*-*")) if (path / manifest.NAME).exists()]
    return [path for path in finished if path.resolve() not in used] + sorted((where / ".building").glob("*"))


def remove(paths: list[Path]) -> int:
    """Delete folders of the store; the bytes that became free."""
    freed = 0
    for path in paths:
        freed += size(path)
        shutil.rmtree(path)
    return freed


def size(path: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file() and not one.is_symlink())


def seconds_before(run: Path, stage: str) -> float | None:
    """How long the stage took the last time this store made it; None if it never did."""
    made = sorted(store.store_of(run).glob(f"{stage}-*/{manifest.NAME}"), key=lambda path: path.stat().st_mtime)
    return manifest.manifest_seconds(manifest.read(made[-1].parent)) if made else None


def building(where: Path) -> list[str]:
    """Artifacts of a store that somebody is making now: their locks are held."""
    found = []
    for path in sorted((where / ".locks").glob("*.lock")):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            found.append(path.stem)
        else:
            lock.release()
    return found


def serving(run: Path) -> dict[str, Any] | None:
    """The address and process of the run's service, if that process is alive."""
    try:
        endpoint = json.loads((run / "endpoint.json").read_text("utf-8"))
        alive = psutil.pid_exists(endpoint["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {"run": str(run), "url": endpoint["url"], "pid": endpoint["pid"]} if alive else None
