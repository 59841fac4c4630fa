"""Candidate pairs verified: the shingle sets of their documents are made and compared by the workers, piece by piece."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sejong.corpus import jobs
from sejong.corpus.deduplicate import Indices, Pairs, jaccard
from sejong.corpus.jobs import Job, Result, Task, WorkOff
from sejong.corpus.piece import Piece
from sejong.corpus.shingles import shingle_sets
from sejong.flow import atomic
from sejong.flow.progress import progress
from sejong.language.utf8 import one_chunk, utf8_of

if TYPE_CHECKING:
    from sejong.corpus.copies import Documents

SHINGLES = 16 << 20  # compared in one job: 64 MiB of sets
FOLDER = "compare"  # in scratch


def verified(
    task: Task, documents: "Documents", first: Indices, second: Indices, threshold: float, length: int, work_off: WorkOff
) -> Pairs:
    """The pairs whose shingle sets have a Jaccard similarity of `threshold` or more.

    Args:
        task: the stage's.
        documents: of which the pairs are.
        first, second: positions in `documents`, a pair each.
        threshold: the lowest similarity.
        length: letters of a shingle.
        work_off: has jobs done.
    """
    if not len(first):
        return Pairs.joined([])
    members = np.unique(np.concatenate([first, second]))
    files, piece, start, size = _sets(task, documents, members, length, work_off)
    planned = []
    for number, some in enumerate(_portions(size[np.searchsorted(members, first)] + size[np.searchsorted(members, second)])):
        sides = {}
        for name, pairs in (("first", first), ("second", second)):
            places = np.searchsorted(members, pairs[some])
            sides[name] = np.stack([piece[places], start[places], size[places]])
        given = _given(task, f"pairs-{number:05d}", sides, *files)
        planned.append(Job(given, "pairs", {"files": files, "pairs": given}, float(sides["first"][2].sum() * 8)))
    with progress("Comparing near copies", total=sum(job.weight for job in planned), unit="bytes") as bar:
        work_off(planned, jobs.showing(bar))
    found = np.concatenate([np.load(task.scratch / FOLDER / f"{job.name}.jaccard.npy") for job in planned])
    return Pairs(first, second, found).at_least(threshold)


def sets_job(task: Task, name: str, piece: str, rows: str, length: int) -> Result:
    """The shingle sets of some rows of a piece, one after another, and their sizes."""
    folder = task.scratch / FOLDER
    wanted = np.load(folder / f"{rows}.npz")["rows"]
    texts = Piece(task.scratch / piece).documents(["text"])["text"].take(wanted)
    hashes, sizes = shingle_sets(*utf8_of(one_chunk(texts)), length)
    _save(folder / f"{name}.sizes.npy", sizes)
    _save(folder / f"{name}.sets.npy", hashes)
    return {"sets": len(sizes)}


def pairs_job(task: Task, name: str, files: list[str], pairs: str) -> Result:
    """The Jaccard similarity of pairs of sets."""
    folder = task.scratch / FOLDER
    with np.load(folder / f"{pairs}.npz") as given:
        first, second = given["first"].T, given["second"].T
    opened: dict[int, Any] = {}

    def members(piece: int, start: int, size: int) -> NDArray[np.uint32]:
        if piece not in opened:
            opened[piece] = np.load(folder / f"{files[piece]}.sets.npy", mmap_mode="r")
        own: NDArray[np.uint32] = np.asarray(opened[piece])[start : start + size]
        return own

    found = [jaccard(members(*one), members(*other)) for one, other in zip(first.tolist(), second.tolist(), strict=True)]
    _save(folder / f"{name}.jaccard.npy", np.array(found))
    return {"pairs": len(found)}


def _sets(
    task: Task, documents: "Documents", members: Indices, length: int, work_off: WorkOff
) -> tuple[list[str], Indices, Indices, Indices]:
    """Sets of `members` (sorted): the files they are in, and for each its file, its place there and its size."""
    planned: list[Job] = []
    file, start, size = (np.zeros(len(members), np.int64) for _ in range(3))
    places: list[Indices] = []
    for number, own, rows in documents.rows(members):
        piece = documents.pieces[number].folder.name
        given = _given(task, f"sets-{piece}", {"rows": rows}, length)
        weight = float(documents.sizes[members[own]].sum())
        planned.append(Job(given, "sets", {"piece": piece, "rows": given, "length": length}, weight))
        file[own] = len(places)
        places.append(own)
    with progress("Making shingles", total=sum(job.weight for job in planned), unit="bytes") as bar:
        work_off(planned, jobs.showing(bar))
    for job, own in zip(planned, places, strict=True):
        size[own] = np.load(task.scratch / FOLDER / f"{job.name}.sizes.npy")
        start[own] = np.cumsum(size[own]) - size[own]
    return [job.name for job in planned], file, start, size


def _portions(weights: Indices) -> list[slice]:
    """Runs of pairs of about `SHINGLES`."""
    portion = np.cumsum(weights) // SHINGLES
    cuts = [0, *(np.flatnonzero(np.diff(portion)) + 1).tolist(), len(weights)]
    return [slice(*cut) for cut in pairwise(cuts)]


def _given(task: Task, what: str, arrays: dict[str, Any], *facts: Any) -> str:
    """Write a job's arguments into scratch; gives the name, which follows from them."""
    name = jobs.named(what, *facts, *(array.tobytes() for array in arrays.values()))
    path = task.scratch / FOLDER / f"{name}.npz"
    if not path.exists():
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)
    return name


def _save(path: Path, values: NDArray[Any]) -> None:
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, values)
