"""What the corpus stage hands to its workers: jobs with a name, whose result stays in scratch, so that a killed run does none
twice.

A job is a function of the settings and of files in scratch, given by name, since a worker is another process or another
machine. Its result is a small dictionary. Larger things it leaves in scratch, under names that follow from its own.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sejong.flow import atomic
from sejong.flow.progress import Bar
from sejong.recipe import CorpusSettings

DONE = "done"  # folder of results

Result = dict[str, Any]


class Listener(Protocol):
    """Is told how far a job has come."""

    def __call__(self, job: "Job", result: Result, *, done: bool, before: bool = False) -> None:
        """`result` holds what is known so far; `before`: an earlier run did it."""


WorkOff = Callable[[list["Job"], Listener], list[Result]]  # the results of jobs, in order


@dataclass(frozen=True)
class Task:
    """What every job of a stage shares: settings, scratch folder, bytes of a piece (about), and the quality classifier."""

    settings: CorpusSettings
    scratch: Path
    size: int
    model: Path | None = None


@dataclass(frozen=True)
class Job:
    """One piece of work: `kind` names the function, `given` its arguments. `weight` is what the progress bar counts."""

    name: str
    kind: str
    given: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    fragile: bool = False  # a library may take the process down with it

    def done(self, scratch: Path) -> Result | None:
        """Its result, if a run that was killed or is running came so far."""
        path = scratch / DONE / f"{self.name}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else None


def perform(task: Task, job: Job) -> Result:
    """Do a job in this process and keep its result."""
    result = _function(job.kind)(task, job.name, **job.given)
    keep(task.scratch, job, result)
    return result


def earlier(task: Task, planned: list[Job], listener: Listener) -> dict[str, Result]:
    """The results that are there already, by the names of their jobs; `listener` is told."""
    found = {job.name: result for job in planned if (result := job.done(task.scratch)) is not None}
    for job in planned:
        if job.name in found:
            listener(job, found[job.name], done=True, before=True)
    return found


def keep(scratch: Path, job: Job, result: Result) -> None:
    """Keep a job's result, so that `Job.done` finds it."""
    with atomic(scratch / DONE / f"{job.name}.json") as path:
        path.write_text(json.dumps(result), "utf-8")


def forget(scratch: Path, name: str) -> None:
    """Have a job done again."""
    (scratch / DONE / f"{name}.json").unlink(missing_ok=True)


def named(what: str, *facts: Any) -> str:
    """A name that differs where the facts differ: results of another plan are not taken for this one's."""
    digest = hashlib.sha256("\n".join(map(repr, facts)).encode()).hexdigest()
    return f"{what}-{digest[:16]}"


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def showing(bar: Bar) -> Listener:
    """A listener that advances a bar by the weight of what is done."""

    def listen(job: Job, result: Result, *, done: bool, before: bool = False) -> None:
        if done:
            (bar.skip if before else bar.advance)(job.weight)

    return listen


@contextmanager
def reporting(listener: Callable[[Result], None]) -> Iterator[None]:
    """Have `report` call `listener` while the block runs."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.pop()


def report(found: Result) -> None:
    """Tell whoever waits for a job what has come of it so far."""
    for listener in _LISTENERS:
        listener(found)


_LISTENERS: list[Callable[[Result], None]] = []


def _function(kind: str) -> Callable[..., Result]:
    """The function behind a kind of job."""
    from sejong.corpus import compare, lines, screen, shards

    functions: dict[str, Callable[..., Result]] = {
        "read": screen.read_job,
        "without_lines": lines.finish_job,
        "count_lines": lines.count_job,
        "sets": compare.sets_job,
        "pairs": compare.pairs_job,
        "shard": shards.shard_job,
    }
    return functions[kind]
