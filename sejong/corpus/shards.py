"""Shards of the corpus: documents sorted by id, gathered from all pieces by the workers, a shard a job.

Pieces are sorted by id, so that a shard is a range of rows in each. What was dropped is gathered in the same ranges.
"""

import os
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.corpus import comply, jobs, piece, steps
from sejong.corpus.copies import Copies, Documents, other_id
from sejong.corpus.deduplicate import Indices
from sejong.corpus.jobs import Job, Result, Task, WorkOff
from sejong.corpus.piece import DROPPED, SIGNAL, Piece, dropped_rows, read_table
from sejong.corpus.redact import SPANS, identifiers
from sejong.corpus.screen import shingle_length
from sejong.corpus.split import SPLITS
from sejong.flow import atomic
from sejong.flow.progress import progress

SHARD_DOCUMENTS = 20_000
SHARDS = 64  # about so many, of at least and at most these bytes of text; a shard ends when it holds either
LEAST, MOST = 24 << 20, 256 << 20
ROW_GROUP = 1024  # documents
MAPPED = 16_000  # pieces at once, since a process may not map files without end
FOLDER = "shards"  # in scratch
COPIES = "copies"  # signal: how many documents the one kept stands for
FEW_VALUES = ["source", "licence", "contributor", "collected", "language", "split"]  # columns that Parquet keeps as a dictionary
HIGHEST = "g"  # comes after every hexadecimal digit
COLUMNS = [
    *("id", "text", "source", "locator", "licence", "contributor", "collected", "marks"),
    *("language", "language_score", "signals", "spans", "split"),
]


@dataclass(frozen=True)
class Shard:
    """What one job left in scratch, and its counts."""

    documents: Path
    dropped: Path
    counts: Result


def gather(task: Task, documents: Documents, copies: Copies, side: Any, work_off: WorkOff) -> list[Shard]:
    """The shards, in the order of ids; `side` is each document's split, as a position in `SPLITS`."""
    names = [_verdicts(task, documents, copies, side, number) for number in range(len(documents.pieces))]
    pieces = [one.folder.name for one in documents.pieces]
    borders, sizes = _borders(documents, copies)
    signals = _signals(task, documents.pieces)
    planned = []
    for number, weight in enumerate(sizes):
        ends = borders[number : number + 2]
        name = jobs.named(f"shard-{number:05d}", ends, *names)
        given = {"pieces": pieces, "verdicts": names, "first": ends[0], "end": ends[1], "signals": signals}
        planned.append(Job(name, "shard", given, float(weight)))
    with progress("Writing shards", total=float(sum(sizes)), unit="bytes") as bar:
        results = work_off(planned, jobs.showing(bar))
    folder = task.scratch / FOLDER
    return [
        Shard(folder / f"{job.name}.parquet", folder / f"{job.name}.dropped.arrow", result)
        for job, result in zip(planned, results, strict=True)
    ]


def shard_job(task: Task, name: str, pieces: list[str], verdicts: list[str], first: str, end: str, signals: list[str]) -> Result:
    """Gather the documents and dropped rows whose ids lie from `first` to `end` (not included).

    Returns:
        Documents and bytes by split, masked identifiers by kind, dropped documents and bytes by rule, and documents and bytes by
        contributor, licence and source.
    """
    kept, places, dropped = [], [], [DROPPED.empty_table()]
    before = 0
    for own, verdict in zip(pieces, verdicts, strict=True):
        one = Piece(task.scratch / own)
        found = _documents_between(task, one, verdict, first, end, dropped)
        if found is not None:
            kept.append(found[0])
            places.append(found[1] + before)
            before += len(found[0])
        if len(kept) == MAPPED:
            kept = [steps.concatenated(kept).combine_chunks()]
        low, high = _range(one.array("dropped_ids"), first, end)
        rows = read_table(one.folder / "dropped.arrow").slice(low, high - low)
        dropped.append(rows.filter(_inside(rows["id"], first, end)))
    table = _in_columns(steps.concatenated(kept), np.concatenate([np.empty(0, np.int64), *places]), signals)
    fell = pa.concat_tables(dropped)
    fell = fell.sort_by([(field, "ascending") for field in ("id", "rule", "locator", "reason", "licence", "bytes", "excerpt")])
    (task.scratch / FOLDER).mkdir(exist_ok=True)
    with atomic(task.scratch / FOLDER / f"{name}.parquet") as path:
        pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP, use_dictionary=FEW_VALUES)
    with atomic(task.scratch / FOLDER / f"{name}.dropped.arrow") as path:
        piece.write_table(path, fell)
    return {
        "kept": _by_split(table),
        "masked": _kinds(table),
        "dropped": _by_rule(fell),
        "given": comply.counted(table).to_pylist(),
    }


def link(source: Path, target: Path) -> None:
    """Give a file in scratch a second name in the artifact, since scratch must survive a kill; a copy where links are unknown."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with atomic(target) as path:
            path.write_bytes(source.read_bytes())


def _documents_between(
    task: Task, own: Piece, verdict: str, first: str, end: str, dropped: list[pa.Table]
) -> tuple[pa.Table, Indices] | None:
    """Documents of one piece around the range, and which of them are in it and stay; copies among them are added to `dropped`."""
    low, high = _range(own.array("ids"), first, end)
    if low == high:
        return None
    table = own.documents().slice(low, high - low)
    with np.load(task.scratch / FOLDER / f"{verdict}.npz") as found:
        side, again, stands_for = (found[name][low:high] for name in ("side", "again", "stands_for"))
        fell = {name: found[name] for name in ("fell", "exact", "jaccard", "original")}
    if again.any():
        ids = [other_id(one, count) for one, count in zip(table["id"].to_pylist(), again.tolist(), strict=True)]
        table = table.set_column(0, "id", pa.array(ids, pa.string()))
    inside = _inside(table["id"], first, end).to_numpy(zero_copy_only=False)
    gone = np.flatnonzero((side < 0) & inside)
    if len(gone):
        dropped.append(_copies(task, table.take(gone), fell, np.searchsorted(fell["fell"], gone + low)))
    table = table.append_column(SIGNAL + COPIES, pa.array(stands_for.astype(np.float32)))
    table = table.append_column("split", pa.array(SPLITS).take(pa.array(np.maximum(side, 0))))
    return table, np.flatnonzero((side >= 0) & inside)


def _copies(task: Task, table: pa.Table, fell: dict[str, Any], places: Indices) -> pa.Table:
    """Copies as dropped rows."""
    settings, letters = task.settings, shingle_length(task.settings)
    exact = fell["exact"][places].tolist()
    reasons = [
        "the same text as another document"
        if same
        else f"Jaccard similarity of {similar:.2f} in {letters}-letter shingles with a copy, limit {settings.near_duplicates:.2f}"
        for same, similar in zip(exact, fell["jaccard"][places].tolist(), strict=True)
    ]
    names = [steps.EXACT if same else steps.NEAR for same in exact]
    originals = [one.tobytes().hex() for one in fell["original"][places]]
    return dropped_rows(table, names, reasons, identifiers(settings), duplicate_of=originals)


def _verdicts(task: Task, documents: Documents, copies: Copies, side: Any, number: int) -> str:
    """Write what becomes of each document of a piece; gives the file's name."""
    own = slice(documents.first[number], documents.first[number + 1])
    stays = copies.stays[own]
    fell = np.flatnonzero(~stays)
    original = copies.original[own][fell]
    wanted, places = np.unique(original, return_inverse=True)
    names = np.array([bytes.fromhex(one) for one in documents.names(wanted)], "V32")
    arrays: dict[str, Any] = {
        "side": np.where(stays, side[own], -1).astype(np.int8),
        "again": documents.again[own],
        "stands_for": copies.stands_for[own],
        "fell": fell,
        "exact": copies.exact[own][fell],
        "jaccard": copies.jaccard[own][fell],
        "original": names[places] if len(fell) else np.empty(0, "V32"),
    }
    name = jobs.named(documents.pieces[number].folder.name, *(array.tobytes() for array in arrays.values()))
    path = task.scratch / FOLDER / f"{name}.npz"
    if not path.exists():
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)
    return name


def _borders(documents: Documents, copies: Copies) -> tuple[list[str], list[int]]:
    """The first id of each shard, in hexadecimal, as far as it is known here, and one that comes after all; bytes of each."""
    rows = np.flatnonzero(copies.stays)
    high, low = documents.id[0][rows], documents.id[1][rows]
    order = np.lexsort((low, high))
    sizes_here = documents.sizes[rows[order]].astype(np.int64)
    total = int(sizes_here.sum())
    most = min(max(total // SHARDS, LEAST), MOST)
    even = total / max(-(-total // most), 1)  # shards of like size, so that workers end together
    starts, sizes = [0], [0]
    held = reached = 0
    for place, own in enumerate(sizes_here.tolist()):
        if held and (held == SHARD_DOCUMENTS or reached >= len(sizes) * even):
            starts.append(place)
            sizes.append(0)
            held = 0
        held += 1
        reached += own
        sizes[-1] += own
    firsts = [f"{high[order[start]]:016x}{low[order[start]]:016x}" for start in starts[1:]]
    return ["", *firsts, HIGHEST], sizes


def _range(digests: Any, first: str, end: str) -> tuple[int, int]:
    """The rows of sorted ids in which those of a range lie. Ids that were made unique keep their first half only."""
    begin, stop = bytes.fromhex(first[:16]), None if end == HIGHEST else bytes.fromhex(end[:16])
    low = bisect_left(digests, begin, key=lambda one: one.tobytes()[:8])
    high = len(digests) if stop is None else bisect_right(digests, stop, key=lambda one: one.tobytes()[:8])
    return low, high


def _inside(ids: Any, first: str, end: str) -> Any:
    inside = pc.and_(pc.greater_equal(ids, first), pc.less(ids, end))
    return inside.combine_chunks() if isinstance(inside, pa.ChunkedArray) else inside


def _signals(task: Task, pieces: list[Piece]) -> list[str]:
    """The names of all signals, in the order of the steps: a piece of which a step dropped everything lacks the later ones."""
    found: list[str] = max((one.said()["signals"] for one in pieces), key=len, default=[])
    more = sorted({name for one in pieces for name in one.said()["signals"]} - set(found))
    return ["characters", *found, *more, COPIES]


def _in_columns(table: pa.Table, places: Indices, signals: list[str]) -> pa.Table:
    """The artifact's columns of the rows `places`, sorted by id. Texts are copied once."""
    table = table.combine_chunks()  # a take from many chunks is several times slower
    order = pc.sort_indices(table["id"].take(places)).to_numpy() if len(places) else places
    table = table.take(places[order]).combine_chunks()
    lengths = pc.utf8_length(table["text"]).cast(pa.float32())
    table = table.append_column(SIGNAL + "characters", lengths)
    none = pa.nulls(len(table), pa.float32())
    values = [table[SIGNAL + name] if SIGNAL + name in table.column_names else none for name in signals]
    arrays = [one.combine_chunks() if isinstance(one, pa.ChunkedArray) else one for one in values]
    return table.append_column("signals", pa.StructArray.from_arrays(arrays, names=signals)).select(COLUMNS)


def _by_split(table: pa.Table) -> dict[str, list[int]]:
    sizes = pa.table({"split": table["split"], "bytes": pc.binary_length(table["text"]).cast(pa.int64())})
    rows = sizes.group_by("split").aggregate([("bytes", "count"), ("bytes", "sum")]).to_pylist()
    return {row["split"]: [row["bytes_count"], row["bytes_sum"]] for row in rows}


def _by_rule(dropped: pa.Table) -> dict[str, list[int]]:
    rows = dropped.group_by("rule").aggregate([("bytes", "count"), ("bytes", "sum")]).to_pylist()
    return {row["rule"]: [row["bytes_count"], row["bytes_sum"]] for row in rows}


def _kinds(table: pa.Table) -> dict[str, int]:
    spans = pc.list_flatten(table["spans"])
    return dict(Counter(pc.struct_field(spans, SPANS.value_type.field("kind").name).to_pylist()))
