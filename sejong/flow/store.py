"""The store: finished artifacts by identity, one builder at a time, committed by one rename.

.store/<stage>-<identity>/          finished; never changed again
.store/.building/<stage>-…/         private to the one who holds the lock; `.scratch` beside it survives a kill
.store/.locks/<stage>-….lock        held by the operating system, so a killed builder lets go of it
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sejong.errors import Failed, SejongError
from sejong.flow import code, manifest
from sejong.flow.artifact import Artifact
from sejong.flow.files import atomic, flush, scratch, sha256_file
from sejong.flow.identity import identity
from sejong.flow.progress import console

MADE_FROM = "inputs.json"  # in scratch: the stage and digest of each input
DIGITS = 32  # of the identity in a folder's name; the whole of it stands in the manifest
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What safetensors, tokenizers, PyTorch, Arrow and numpy say of the same.
FULL_WORDS = ("No space left", "File too large", "os error 28", "os error 27", "file write failed", "unexpected pos")
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)

Run = Callable[[Any, list[Artifact], Path], dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """One room of the build: the module whose `run` makes it, and the stages it reads."""

    name: str
    module: str
    inputs: tuple[str, ...]
    data: tuple[str, ...] = ()
    reads_manifests: bool = False

    def identity(self, settings: dict[str, Any], inputs: list[Artifact]) -> str:
        """What names this stage's result for these settings and inputs."""
        digests = [(one.stage, self._digest(one)) for one in inputs]
        return identity(self.name, code.code_hash(self.module, self.data), code.libraries(self.module), settings, digests)

    def _digest(self, one: Artifact) -> str:
        """A stage that tells about manifests depends on them, not only on the files they describe."""
        return sha256_file(one.path / manifest.NAME) if self.reads_manifests else one.digest


@dataclass(frozen=True)
class Built:
    """A finished stage, how it came about, and what the book-keeping around it cost."""

    artifact: Artifact
    cached: bool
    seconds: float
    overhead_seconds: float


def folder_name(stage: str, named: str) -> str:
    """The folder of an artifact inside the store."""
    return f"{stage}-{named[:DIGITS]}"


def find(store: Path, stage: str, named: str) -> Artifact | None:
    """The finished artifact of that identity, if the store has it whole: an interrupted deletion leaves a part."""
    folder = store / folder_name(stage, named)
    if not (folder / manifest.NAME).exists():
        return None
    subjects = manifest.read(folder)["subject"]
    return load(folder) if all(_size(folder / one["name"]) == one["annotations"]["bytes"] for one in subjects) else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def load(folder: Path) -> Artifact:
    """A finished artifact from its folder."""
    found = manifest.read(folder)
    return Artifact(manifest.manifest_stage(found), folder, manifest.manifest_identity(found), manifest.digest(found["subject"]))


def build(store: Path, stage: Stage, run: Run, settings: Any, inputs: list[Artifact], needs_bytes: int = 0) -> Built:
    """The artifact of `stage`: from the store where it is there, else made, described and committed.

    A killed build leaves its scratch folder; the next one goes on from it. Two builders of one identity wait for each other.

    Raises:
        Failed: the disk is too small or full, or the store cannot be written.
    """
    began = time.monotonic()
    resolved = settings.model_dump(mode="json")
    named = stage.identity(resolved, inputs)
    if found := find(store, stage.name, named):
        return Built(found, True, 0.0, time.monotonic() - began)
    name = folder_name(stage.name, named)
    with writable(store, f"stage {stage.name}"):
        (store / ".building").mkdir(parents=True, exist_ok=True)
        with held(store, name, f"{stage.name}: another build is making this"):
            if found := find(store, stage.name, named):
                return Built(found, True, 0.0, time.monotonic() - began)
            check_disk(store, f"stage {stage.name}", needs_bytes)
            out = store / ".building" / name
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            made_from = scratch(out) / MADE_FROM  # takedown asks it of what a killed build left
            made_from.write_text(json.dumps([(one.stage, one.digest) for one in inputs]), "utf-8")
            prepared = time.monotonic()
            started = datetime.now(UTC)
            metrics = run(settings, inputs, out)
            finished = datetime.now(UTC)
            ended = time.monotonic()
            artifact = _commit(store / name, out, stage, named, resolved, inputs, metrics, started, finished)
            shutil.rmtree(scratch(out), ignore_errors=True)
    return Built(artifact, False, ended - prepared, prepared - began + time.monotonic() - ended)


@contextmanager
def writable(folder: Path, what: str) -> Iterator[None]:
    """Turn the system's refusals to write under `folder` into one sentence about `what`.

    Raises:
        Failed: the disk is full, whichever library noticed it first, or the folder cannot be written.
    """
    try:
        yield
    except SejongError:
        raise
    except Exception as error:
        if _means_full(error):
            raise Failed(
                f"the disk of {folder} is full ({what}): nothing finished was lost; "
                "free some space and run the same command again"
            ) from error
        if isinstance(error, OSError) and error.errno in FORBIDDEN:
            raise Failed(
                f"{error.filename or folder} cannot be written ({what}: {error.strerror}): "
                "change its permissions, or choose another folder with --run or SEJONG_STORE"
            ) from error
        raise


def _means_full(error: BaseException | None) -> bool:
    """Libraries in other languages wrap the system's error in one of their own; its words remain."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if any(words in str(error) for words in FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _commit(
    final: Path,
    out: Path,
    stage: Stage,
    named: str,
    settings: dict[str, Any],
    inputs: list[Artifact],
    metrics: dict[str, Any],
    started: datetime,
    finished: datetime,
) -> Artifact:
    subjects = manifest.describe(out)
    outside = out / "outside_models.json"
    found = manifest.statement(
        stage.name,
        named,
        settings,
        code.code_hash(stage.module, stage.data),
        code.libraries(stage.module),
        inputs,
        subjects,
        metrics,
        json.loads(outside.read_text("utf-8")) if outside.exists() else [],
        started,
        finished,
    )
    with atomic(out / manifest.NAME) as path:
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    for one in subjects:
        flush(out / one["name"])
    if final.exists():  # what `find` did not take for whole
        final.rename(out.with_name(f"{out.name}.damaged.{os.getpid()}"))
    out.rename(final)
    flush(final.parent)
    return Artifact(stage.name, final, named, manifest.digest(subjects))


@contextmanager
def held(store: Path, name: str, busy: str) -> Iterator[None]:
    """Hold the lock called `name`; say `busy` and wait where another process has it. A killed holder lets go of it."""
    (store / ".locks").mkdir(parents=True, exist_ok=True)
    lock = FileLock(store / ".locks" / f"{name}.lock")
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        console.print(f"  {busy}; waiting for it", markup=False)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def check_disk(store: Path, what: str, needs_bytes: int) -> None:
    """Refuse work that the disk has no room for.

    Raises:
        Failed: fewer than `needs_bytes` are free.
    """
    free = shutil.disk_usage(store).free
    if free < needs_bytes:
        raise Failed(
            f"{what} needs about {needs_bytes / 1e9:.1f} GB in {store} and {free / 1e9:.1f} GB are free: "
            f"free some space, or set SEJONG_STORE to a folder on a larger disk"
        )


def store_of(run: Path) -> Path:
    """The store that belongs to a run's folder: beside it, or where SEJONG_STORE says."""
    return Path(os.environ["SEJONG_STORE"]) if os.environ.get("SEJONG_STORE") else run.resolve().parent / ".store"
