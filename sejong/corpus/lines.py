"""Lines that many documents share (menus, footers, licence notes) are removed: the step `duplicate_lines` of `corpus.filters`.

A line is what stands between two line ends, white space around it aside. Pieces are made in two passes: the first asks the
steps named before this one and keeps a hash of every line with the document's id; the hashes of the whole corpus are then
counted, a part of their range at a time; the second removes the lines that stand in `documents` documents or more, and asks the
steps named after this one. Lines of fewer than `characters` characters stay. `keep` says whether the document of the smallest
id keeps a line (`first`) or none does. What was removed from a document stands in its signals `removed_lines` and
`removed_characters`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.corpus import jobs, piece, steps
from sejong.corpus.jobs import Job, Result, Task, WorkOff
from sejong.corpus.letters import STEP, mix
from sejong.corpus.piece import SIGNAL, Piece, digests_of, dropped_rows, keys_of
from sejong.corpus.read.quick import cleaned
from sejong.corpus.redact import identifiers
from sejong.corpus.shingles import Hashes
from sejong.errors import Refused, did_you_mean
from sejong.flow import atomic
from sejong.flow.progress import progress
from sejong.language.scripts import Counts
from sejong.language.utf8 import Bytes, one_chunk, utf8_of
from sejong.recipe import CorpusSettings

LIMITS = {"documents": 20, "characters": 15, "keep": "first"}  # where filters.toml says nothing
KEEP = ("first", "none")
COUNTED = 8 << 20  # lines counted in one job: 128 MiB
FOLDER = "lines"  # in scratch
SIGNALS = ("removed_lines", "removed_characters")
SPACE, TAB, NEWLINE = 0x20, 0x09, 0x0A


def check(settings: CorpusSettings) -> None:
    """Refuse limits that cannot be applied.

    Raises:
        Refused: `keep` is no choice, or a number is too small.
    """
    limits = _limits(settings)
    if limits["keep"] not in KEEP:
        known = did_you_mean(str(limits["keep"]), KEEP)
        raise Refused(f"the limit `keep` of the rule `{steps.LINES}` is {limits['keep']!r}: {known}")
    if int(limits["documents"]) < 2:
        raise Refused(f"the limit `documents` of the rule `{steps.LINES}` is {limits['documents']}: give two or more")


def keep(screened: steps.Screened, folder: Path, settings: CorpusSettings) -> Result:
    """Write a piece of the first pass; gives what is said of it."""
    documents = screened.documents
    hashes, owners = hashed(settings, documents)
    dropped = steps.concatenated(screened.dropped)
    said = {"counts": piece.counted(dropped), "kept": len(documents), "lines": len(hashes)}
    with piece.making(folder) as private:
        piece.write_table(private / "documents.arrow", documents)
        piece.write_table(private / "dropped.arrow", dropped)
        for name, tables in screened.rows.items():
            piece.write_table(private / f"rows-{name}.arrow", steps.concatenated(tables))
        np.save(private / "lines.npy", hashes)
        np.save(private / "owners.npy", owners)
        piece.write_said(private, said)
    return said


def hashed(settings: CorpusSettings, documents: pa.Table) -> tuple[Hashes, Hashes]:
    """The hash of every line of documents that is long enough, sorted, and the first eight bytes of its document's id."""
    data, offsets = utf8_of(one_chunk(documents["text"]))
    room = int((data == NEWLINE).sum()) + len(documents)
    hashes, owner = np.empty(room, np.uint64), np.empty(room, np.int64)
    used = _hash_lines(data, offsets, int(_limits(settings)["characters"]), hashes, owner)
    order = np.argsort(hashes[:used], kind="stable")
    high = keys_of(digests_of(documents["id"]))[0] if len(documents) else np.empty(0, np.uint64)
    return hashes[:used][order], high[owner[:used][order]]


def without_duplicates(task: Task, pieces: list[Piece], work_off: WorkOff) -> list[Piece]:
    """The pieces of the second pass."""
    total = sum(one.said()["lines"] for one in pieces)
    parts = total // COUNTED + 1
    names = [one.folder.name for one in pieces]
    limits = _limits(task.settings)
    counting = []
    for part in range(parts):
        given = {"pieces": names, "part": part, "parts": parts}
        counting.append(Job(jobs.named(f"lines-{part:05d}", names, parts, limits), "count_lines", given, total * 16 / parts))
    with progress("Counting lines", total=sum(job.weight for job in counting), unit="bytes") as bar:
        work_off(counting, jobs.showing(bar))
    frequent = [job.name for job in counting]
    planned = []
    for one in pieces:
        name = jobs.named(f"{one.folder.name}-lines", frequent)
        weight = float((one.folder / "documents.arrow").stat().st_size * 2)
        planned.append(Job(name, "without_lines", {"piece": one.folder.name, "frequent": frequent}, weight))
    with progress("Removing lines", total=sum(job.weight for job in planned), unit="bytes") as bar:
        work_off(planned, jobs.showing(bar))
    return [Piece(task.scratch / job.name) for job in planned]


def count_job(task: Task, name: str, pieces: list[str], part: int, parts: int) -> Result:
    """Of the lines whose hashes lie in one part of their range, those that enough documents hold, with the smallest of their
    ids.
    """
    low, high = (np.uint64(min((place << 64) // parts, (1 << 64) - 1)) for place in (part, part + 1))
    hashes, owners = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for own in pieces:
        found = Piece(task.scratch / own).array("lines")
        start = int(np.searchsorted(found, low))
        stop = len(found) if part + 1 == parts else int(np.searchsorted(found, high))
        hashes.append(np.array(found[start:stop]))
        owners.append(np.array(Piece(task.scratch / own).array("owners")[start:stop]))
    line, owner = np.concatenate(hashes), np.concatenate(owners)
    order = np.lexsort((owner, line))
    line, owner = line[order], owner[order]
    first = np.ones(len(line), np.bool_)
    first[1:] = line[1:] != line[:-1]
    distinct = first.copy()
    distinct[1:] |= owner[1:] != owner[:-1]
    starts = np.flatnonzero(first)
    held = np.add.reduceat(distinct.astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)
    often = starts[held >= int(_limits(task.settings)["documents"])]
    for what, values in (("hashes", line[often]), ("firsts", owner[often])):
        with atomic(task.scratch / FOLDER / f"{name}.{what}.npy") as path, path.open("wb") as stream:
            np.save(stream, values)
    return {"lines": len(often)}


def finish_job(task: Task, name: str, piece: str, frequent: list[str]) -> Result:
    """The second pass over a piece; gives what is said of it."""
    from sejong.corpus import screen

    if (task.scratch / name).exists():
        return Piece(task.scratch / name).said()
    before = Piece(task.scratch / piece)
    folder = task.scratch / FOLDER
    hashes, firsts = (
        np.concatenate([np.load(folder / f"{one}.{what}.npy") for one in frequent]) for what in ("hashes", "firsts")
    )
    dropped = [before.dropped()]
    documents = removed(task.settings, before.documents(), hashes, firsts, dropped)
    screened = steps.apply(task.settings, steps.made(task.settings, "after", task.model), documents)
    screened.dropped += dropped
    for kind, table in before.rows().items():
        screened.rows.setdefault(kind, []).append(table)
    return screen.finish(task, screened, task.scratch / name)


def removed(settings: CorpusSettings, documents: pa.Table, hashes: Hashes, firsts: Hashes, dropped: list[pa.Table]) -> pa.Table:
    """The documents without lines, and signals of what was removed; a document of which nothing is left is a row of `dropped`.

    Args:
        settings: the stage's.
        documents: with the columns of `DOCUMENT`.
        hashes, firsts: of the lines, with the smallest id that has each.
        dropped: where rows are added.
    """
    if not len(documents):
        return documents
    texts = one_chunk(documents["text"])
    data, offsets = utf8_of(texts)
    limits = _limits(settings)
    keys = keys_of(digests_of(documents["id"]))[0]
    made, ends = np.empty(int(offsets[-1] - offsets[0]) + len(texts), np.uint8), np.zeros(len(texts) + 1, np.int64)
    counts = np.zeros((len(texts), 2), np.int64)
    least, one_stays = int(limits["characters"]), limits["keep"] == "first"
    _remove(data, offsets, keys, least, one_stays, hashes, firsts, made, ends, counts)
    left = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(made[: ends[-1]]))
    documents = documents.set_column(documents.column_names.index("text"), "text", cleaned(left))
    for name, values in zip(SIGNALS, counts.T, strict=True):
        documents = documents.append_column(SIGNAL + name, pa.array(values, pa.float32()))
    empty = pc.equal(pc.binary_length(documents["text"]), 0).to_numpy()
    if not empty.any():
        return documents
    fell = np.flatnonzero(empty)
    whole = documents.set_column(documents.column_names.index("text"), "text", texts).take(fell)
    reason = f"nothing is left of it: all its lines of text stand in {limits['documents']} documents or more"
    dropped.append(dropped_rows(whole, [steps.LINES] * len(fell), [reason] * len(fell), identifiers(settings)))
    return documents.filter(pa.array(~empty))


def _limits(settings: CorpusSettings) -> dict[str, Any]:
    return LIMITS | settings.rules.get(steps.LINES, {})


@kernel
def _line(data: Bytes, at: int, end: int) -> tuple[int, np.uint64, int]:
    """The line that begins at a byte: where it ends, its hash, and its characters; white space around it aside."""
    stop = at
    while stop < end and data[stop] != NEWLINE:
        stop += 1
    low, high = at, stop
    while low < high and (data[low] == SPACE or data[low] == TAB):
        low += 1
    while low < high and (data[high - 1] == SPACE or data[high - 1] == TAB):
        high -= 1
    found = np.uint64(0)
    characters = 0
    for place in range(low, high):
        found = found * STEP + np.uint64(data[place]) + np.uint64(1)
        characters += (data[place] & 0xC0) != 0x80
    return stop, mix(found), characters


@kernel
def _hash_lines(data: Bytes, offsets: Counts, least: int, hashes: Hashes, owner: NDArray[np.int64]) -> int:
    """The hash of every line of at least `least` characters, and the text that it is in; gives how many."""
    used = 0
    for text in range(len(offsets) - 1):
        at = offsets[text]
        while at < offsets[text + 1]:
            stop, found, characters = _line(data, at, offsets[text + 1])
            if characters >= least and characters:
                hashes[used], owner[used] = found, text
                used += 1
            at = stop + 1
    return used


@kernel
def _remove(
    data: Bytes,
    offsets: Counts,
    keys: Hashes,
    least: int,
    one_stays: bool,
    hashes: Hashes,
    firsts: Hashes,
    made: Bytes,
    ends: Counts,
    counts: Counts,
) -> None:
    """Write the texts without their frequent lines; `counts`: lines and characters removed from each."""
    length = 0
    for text in range(len(offsets) - 1):
        at = offsets[text]
        while at < offsets[text + 1]:
            stop, found, characters = _line(data, at, offsets[text + 1])
            place = np.searchsorted(hashes, found) if characters >= least and characters else len(hashes)
            if place < len(hashes) and hashes[place] == found and not (one_stays and firsts[place] == keys[text]):
                counts[text, 0] += 1
                counts[text, 1] += characters
            else:
                for byte in range(at, stop):
                    made[length] = data[byte]
                    length += 1
                made[length] = NEWLINE
                length += 1
            at = stop + 1
        ends[text + 1] = length
