"""From files to pieces: read, identify, ask every step, mask. Workers make whole pieces; what is done survives a kill.

Files are sorted, so that the order in which they were given does not matter, and cut into tasks of bounded size. A task's
documents become pieces, named after the task and what they hold, since a reader that had to be started anew makes other batches
of the same file. How many workers there are, or which documents share a piece, has no bearing on the corpus.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from sejong.corpus import comply, jobs, lines, piece, steps
from sejong.corpus.jobs import Job, Result, Task, WorkOff
from sejong.corpus.piece import DROPPED, Piece
from sejong.corpus.read.batch import Batch
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.shares import Share
from sejong.corpus.read.work import Stamp, changed, is_fragile, read_task, stamp, tasks_of
from sejong.corpus.redact import identifiers, redact
from sejong.errors import Refused
from sejong.flow import SourceFile
from sejong.flow.progress import Bar, progress
from sejong.recipe import CorpusSettings

LEAST, MOST = 8 << 20, 64 << 20  # bytes of files in a task
TASKS = 256  # and about how many there are between the two
SHINGLE = 5  # letters, where filters.toml says nothing


def task_size(files: Iterable[SourceFile]) -> int:
    """About how many bytes of files one task has: it follows from the files alone."""
    return min(max(sum(file.bytes for file in files) // TASKS, LEAST), MOST)


def screen(task: Task, files: Iterable[SourceFile], work_off: WorkOff) -> list[Piece]:
    """Read all files into pieces, or find them in scratch where a run was killed.

    Raises:
        Failed: a file was changed meanwhile, or could not be read for a reason outside its content.
    """
    listed = sorted(files, key=lambda one: (one.source, one.path))
    tasks = tasks_of(listed, task.size, task.settings.workers or jobs.cores())
    planned = [_job(number, shares) for number, shares in enumerate(tasks)]
    _forget_changed(task.scratch, tasks, planned)
    with progress("Reading and filtering", total=sum(job.weight for job in planned), unit="bytes") as bar:
        results = work_off(planned, _Funnel(bar))
    _same_files(task.scratch, tasks, planned, results)
    pieces = [Piece(task.scratch / name) for result in results for name in result["pieces"]]
    return lines.without_duplicates(task, pieces, work_off) if steps.LINES in task.settings.filters else pieces


def read_job(task: Task, name: str, shares: list[dict[str, Any]], careful: bool = False) -> Result:
    """Read files into pieces. With `careful`, each batch of the reader is a piece of its own, so that little is lost where its
    library ends the process.

    Returns:
        The names of the pieces, what was kept and dropped, and the stamps of files that are read in shares.
    """
    parts = [_share(one) for one in shares]
    settings = task.settings
    stamps = {str(place): stamp(part.file) for place, part in enumerate(parts) if not part.whole}
    made: list[str] = []
    counts: Counter[str] = Counter()
    batches = read_task(parts, Hints(tuple(settings.encodings), tuple(settings.scripts), tuple(settings.ocr)))
    for held in _portions(batches, 0 if careful else task.size):
        made.append(f"{name}-{len(made):04d}-{_fingerprint(held)}")
        said = _piece(task, held, task.scratch / made[-1])
        counts.update(said["counts"], kept=said["kept"])
        jobs.report({"pieces": made, "counts": dict(counts)})
    return {"pieces": made, "counts": dict(counts), "stamps": stamps}


def unreadable_job(task: Task, name: str, share: dict[str, Any], reason: str) -> list[str]:
    """The piece of a file that cannot be read at all: one dropped row. Gives its name."""
    from sejong.corpus.read.batch import Unread, batches

    held = list(batches([(_share(share).file, Unread(reason))]))
    made = f"{name}-{_fingerprint(held)}"
    _piece(task, held, task.scratch / made)
    return [made]


def shingle_length(settings: CorpusSettings) -> int:
    """Letters in a shingle of the near-duplicate search.

    Raises:
        Refused: filters.toml gives fewer than two.
    """
    letters = int(settings.rules.get(steps.NEAR, {}).get("letters", SHINGLE))
    if letters < 2:
        raise Refused(f"the limit `letters` of the rule `{steps.NEAR}` is {letters}: give two or more")
    return letters


def finish(task: Task, screened: steps.Screened, folder: Path) -> Result:
    """Write the piece of documents that have been through all steps; identifiers are masked here."""
    settings = task.settings
    documents = piece.masked(screened.documents, identifiers(settings))
    rows = {name: steps.concatenated(tables) for name, tables in screened.rows.items()}
    threshold = min(settings.near_duplicates, settings.together) if steps.likeness_matters(settings) else None
    dropped = steps.concatenated(screened.dropped)
    return piece.write(folder, documents, dropped, rows, shingle_length(settings), threshold)


def _piece(task: Task, held: list[Batch], folder: Path) -> Result:
    """Make one piece, unless it is there; gives what is said of it."""
    if folder.exists():
        return Piece(folder).said()
    settings = task.settings
    two_passes = steps.LINES in settings.filters
    asked = steps.made(settings, "before" if two_passes else "all", task.model)
    whole = steps.Screened(documents=pa.table({}))
    parts: list[pa.Table] = []
    for batch in held:
        whole.dropped.append(_unreadable(batch, settings))
        if not batch.documents.num_rows:
            continue
        documents = steps.with_languages(settings, pa.Table.from_batches([batch.documents]))
        found = steps.apply(settings, asked, documents)
        parts.append(found.documents)
        whole.dropped += found.dropped
        for name, tables in found.rows.items():
            whole.rows.setdefault(name, []).extend(tables)
    whole.documents = steps.concatenated(parts, _empty_schema())
    return lines.keep(whole, folder, settings) if two_passes else finish(task, whole, folder)


def _unreadable(batch: Batch, settings: CorpusSettings) -> pa.Table:
    rows = pa.Table.from_batches([batch.dropped])
    excerpts, _ = redact(rows["excerpt"].cast(pa.large_string()), identifiers(settings))
    rows = rows.set_column(rows.column_names.index("excerpt"), "excerpt", excerpts.cast(pa.string()))
    for name in ("cause", "duplicate_of"):
        rows = rows.append_column(name, pa.nulls(len(rows), pa.string()))
    rows = rows.select(DROPPED.names)
    return comply.without_text(rows, settings.removals)


def _portions(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Batches together until they hold about `size` bytes."""
    held: list[Batch] = []
    total = 0
    for batch in batches:
        held.append(batch)
        total += batch.documents.nbytes + batch.dropped.nbytes
        if total >= size:
            yield held
            held, total = [], 0
    if held:
        yield held


def _fingerprint(held: list[Batch]) -> str:
    """What tells pieces of the same files apart: which documents are in them, in which order."""
    hashed = hashlib.sha256()
    for batch in held:
        for column in (batch.documents["id"], batch.dropped["id"], batch.dropped["reason"]):
            hashed.update("\n".join([*column.to_pylist(), "\n"]).encode())
    return hashed.hexdigest()[:16]


def _job(number: int, shares: list[Share]) -> Job:
    facts = [(one.file.source, one.file.path, one.file.sha256, one.start, one.stop, one.step) for one in shares]
    weight = float(sum(_weight(one) for one in shares))
    given = {"shares": [_plain(one) for one in shares]}
    return Job(jobs.named(f"read-{number:05d}", *facts), "read", given, weight, is_fragile(shares))


def _weight(share: Share) -> float:
    if share.step:
        return share.file.bytes / share.step
    plain = share.file.path.lower().endswith(".parquet")
    return share.file.bytes if share.whole or plain else (share.stop or 0) - share.start


def _plain(share: Share) -> dict[str, Any]:
    return {**asdict(share), "file": {**asdict(share.file), "root": str(share.file.root)}}


def _share(given: dict[str, Any]) -> Share:
    file = SourceFile(**{**given["file"], "root": Path(given["file"]["root"])})
    return Share(file, given["start"], given["stop"], given["step"])


def _empty_schema() -> pa.Schema:
    from sejong.corpus.read.batch import DOCUMENT

    return DOCUMENT.append(pa.field("language", pa.string())).append(pa.field("language_score", pa.float32()))


# --- files that are read in shares must be the same file for all of them ---------------------------------------------------


def _stamps(tasks: list[list[Share]], results: Iterable[Result | None]) -> dict[SourceFile, dict[int, Stamp]]:
    """By file, what each job saw of it: (size, time of change) by the job's number."""
    seen: dict[SourceFile, dict[int, Stamp]] = {}
    for number, (shares, result) in enumerate(zip(tasks, results, strict=True)):
        for place, found in (result or {}).get("stamps", {}).items():
            seen.setdefault(shares[int(place)].file, {})[number] = (found[0], found[1])
    return seen


def _forget_changed(scratch: Path, tasks: list[list[Share]], planned: list[Job]) -> None:
    """Shares that an earlier run read of a file which has been touched since are read again."""
    for file, seen in _stamps(tasks, [job.done(scratch) for job in planned]).items():
        now = stamp(file)
        for number, then in seen.items():
            if then != now:
                jobs.forget(scratch, planned[number].name)


def _same_files(scratch: Path, tasks: list[list[Share]], planned: list[Job], results: list[Result]) -> None:
    for file, seen in _stamps(tasks, results).items():
        if len({*seen.values(), stamp(file)}) > 1:
            for number in seen:
                jobs.forget(scratch, planned[number].name)
            raise changed(file)


class _Funnel:
    """The bar, with what was kept and dropped so far."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.by_job: dict[str, tuple[float, Counter[str]]] = {}

    def __call__(self, job: Job, result: Result, *, done: bool, before: bool = False) -> None:
        """A job has come so far; `before`: in a run before this one."""
        if before:
            self.bar.skip(job.weight)
        shown, _ = self.by_job.get(job.name, (0.0, Counter()))
        self.by_job[job.name] = (job.weight if done else shown, Counter(result.get("counts", {})))
        total: Counter[str] = sum((counts for _, counts in self.by_job.values()), Counter())
        figures = {"kept": f"{total.pop('kept', 0):,}"} | {rule: f"-{count:,}" for rule, count in total.most_common(6)}
        self.bar.advance(job.weight - shown if done and not before else 0, **figures)
