"""A run's folder: links into the store."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from sejong.errors import Refused, SejongError
from sejong.flow import Artifact, atomic, manifest, store
from sejong.flow.store import Stage
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
    (run / seal.NAME).unlink(missing_ok=True)  # what it sealed is no longer what the run holds
    temporary = run / f".{stage}.{os.getpid()}.part"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(relative)
    temporary.replace(path)


def unlink_after(run: Path, stages: list[Stage], changed: str) -> None:
    """Unlink what was made from an earlier artifact of the stage `changed`, before that stage's link moves on.

    A build that ends early, or is killed, then leaves a run whose stages belong together.
    """
    stale = {changed}
    for stage in stages:
        if stale & set(stage.inputs):
            stale.add(stage.name)
            (run / stage.name).unlink(missing_ok=True)
            (run / seal.NAME).unlink(missing_ok=True)


def digest_of(run: Path, stage: str) -> str | None:
    """The digest of the artifact that the run links to; None where it has none."""
    path = run / stage
    return store.load(path).digest if (path / manifest.NAME).exists() else None


def sweep(run: Path) -> None:
    """Remove the temporary files that a killed command left in the run's folder."""
    for path in run.glob(".*.part"):
        path.unlink(missing_ok=True)


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


def lock_name(run: Path) -> str:
    """The name of the lock that one build of this run holds."""
    return f"run-{run.name}-{_key(run)}"


def _key(run: Path) -> str:
    return hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:16]


def register(run: Path) -> None:
    """Let a store that is not beside the run know it, so that `gc` keeps what it needs."""
    runs = store.store_of(run) / ".runs"
    runs.mkdir(parents=True, exist_ok=True)
    with atomic(runs / _key(run)) as path:
        path.write_text(str(run.resolve()), "utf-8")


def size(path: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file() and not one.is_symlink())


def seconds_before(run: Path, stage: str) -> float | None:
    """How long the stage took the last time this store made it; None if it never did."""
    made = sorted(store.store_of(run).glob(f"{stage}-*/{manifest.NAME}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in made:
        with suppress(SejongError):
            return manifest.manifest_seconds(manifest.read(path.parent))
    return None
