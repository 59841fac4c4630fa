"""`RUN/endpoint.json`: where a run is being served, with a key, for scripts on this machine. It exists only while that is so.

Whether it is so, a lock tells: the one process that serves a run holds it, and the system lets go of it however that process
ends. A file that a killed service left behind is therefore known as such, whoever has its process number now.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from sejong.errors import Failed, Refused
from sejong.flow import atomic

FILE = "endpoint.json"
LOCK = "service/serving.lock"
PATIENCE = 0.1  # seconds: another command that only looks holds the lock for less


@dataclass(frozen=True)
class Endpoint:
    """A running service: its address, a key for it, its process."""

    url: str
    key: str
    pid: int


@contextmanager
def sole(run: Path) -> Iterator[None]:
    """Be the one process that serves this run.

    Raises:
        Refused: another one does.
        Failed: the folder cannot be written to.
    """
    lock = FileLock(run / LOCK, timeout=PATIENCE)
    try:
        (run / LOCK).parent.mkdir(mode=0o700, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        other = left(run)
        where = f" at {other.url} by process {other.pid}" if other else " by a process that is just starting"
        raise Refused(f"{run} is already being served{where}: stop that one first") from error
    except OSError as error:
        raise _unwritable(run, error) from error
    try:
        yield
    finally:
        lock.release()


def write(run: Path, endpoint: Endpoint) -> None:
    """Say that the service listens. Only the owner can read the file.

    Raises:
        Failed: it cannot be written.
    """
    try:
        with atomic(run / FILE) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps(asdict(endpoint)) + "\n", "utf-8")
    except OSError as error:
        raise _unwritable(run, error) from error


def read(run: Path) -> Endpoint | None:
    """The service of the run, if it lives; else, or where its file is not for us to read, None. Changes nothing."""
    found = left(run)
    if found is None or not (run / LOCK).exists():
        return None
    try:
        with FileLock(run / LOCK, timeout=PATIENCE):
            return None
    except Timeout:
        return found
    except OSError:
        return None


def left(run: Path) -> Endpoint | None:
    """What the file says, whether or not that service still lives."""
    try:
        return TypeAdapter(Endpoint).validate_json((run / FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def remove(run: Path) -> None:
    """Take the file away; only the process that holds the lock may.

    Raises:
        Failed: it cannot be removed.
    """
    try:
        (run / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(run, error) from error


def _unwritable(run: Path, error: OSError) -> Failed:
    return Failed(
        f"{run} cannot be served, because its folder cannot be written to ({error.strerror}): "
        "make it writable and see that its disk is not full"
    )
