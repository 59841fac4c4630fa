"""`RUN/endpoint.json`: where a run is being served, with a key, for scripts on this machine. It exists only while that is so."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sejong.flow import atomic

FILE = "endpoint.json"


@dataclass(frozen=True)
class Endpoint:
    """A running service: its address, a key for it, its process."""

    url: str
    key: str
    pid: int


def write(run: Path, endpoint: Endpoint) -> None:
    """Say that the service listens. Only the owner can read the file."""
    with atomic(run / FILE) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(endpoint)) + "\n", "utf-8")


def read(run: Path) -> Endpoint | None:
    """The service of the run, if its process is alive; a file that a killed service left behind counts for nothing."""
    try:
        found = Endpoint(**json.loads((run / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if _alive(found.pid) else None


def remove(run: Path, pid: int) -> None:
    """Take the file away if it is that process's."""
    try:
        if json.loads((run / FILE).read_text("utf-8"))["pid"] == pid:
            (run / FILE).unlink()
    except (OSError, ValueError, KeyError):
        return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
