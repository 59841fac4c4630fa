"""What a store holds that no run needs, and what is being made in it now."""

import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from sejong.build import folder


def runs_of(store: Path) -> list[Path]:
    """The runs that a store serves: those beside it, wherever they were moved to together, and those that registered."""
    beside = {path.parent.resolve() for path in store.parent.glob("*/recipe.toml")}
    registered = {Path(one.read_text("utf-8")) for one in (store / ".runs").glob("[!.]*")}
    return sorted(beside | {run for run in registered if (run / "recipe.toml").exists()})


def gone(store: Path) -> list[Path]:
    """Runs that registered and are not where they were: what only they need would be freed."""
    there = set(runs_of(store))
    registered = [Path(one.read_text("utf-8")) for one in sorted((store / ".runs").glob("[!.]*"))]
    return [run for run in registered if run.parent != store.parent.resolve() and run not in there]


def unused(store: Path) -> list[Path]:
    """Artifacts, and what killed builds left, that no run links to and nobody is making."""
    used = {(run / name).resolve() for run in runs_of(store) for name in os.listdir(run) if (run / name).is_symlink()}
    finished = [path for path in sorted(store.glob("*-*")) if path.is_dir() and path.resolve() not in used]
    busy = tuple(building(store))
    abandoned = [path for path in sorted((store / ".building").glob("*")) if not (busy and path.name.startswith(busy))]
    return [path for path in finished if path.name not in busy] + abandoned


def remove(store: Path, paths: list[Path]) -> int:
    """Delete folders of the store; the bytes that became free. Each is renamed first, so that no half of one looks whole."""
    freed = 0
    trash = store / ".building" / f"trash.{os.getpid()}"
    for path in paths:
        freed += folder.size(path) if path.is_dir() else path.stat().st_size
        shutil.rmtree(trash, ignore_errors=True)
        if path.is_dir():
            path.rename(trash)
            shutil.rmtree(trash)
        else:
            path.unlink(missing_ok=True)
    return freed


def building(store: Path) -> list[str]:
    """Artifacts and runs of a store that somebody is making now: their locks are held."""
    found = []
    for path in sorted((store / ".locks").glob("*.lock")):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            found.append(path.stem)
        else:
            lock.release()
    return found
