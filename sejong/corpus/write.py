"""The corpus artifact: shards of documents sorted by id, what was dropped, and the funnel counted from it.

Documents lie in pieces in the order of their files. To sort them without holding them all, each piece is first cut into one
table a shard (in scratch, identifiers masked on the way); a shard then gathers its rows from every piece.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.corpus.copies import Copies, Documents
from sejong.corpus.deduplicate import Indices
from sejong.corpus.redact import SPANS, redact
from sejong.corpus.screen import DROPPED, Piece, dropped_rows, shingle_length
from sejong.corpus.split import SPLITS
from sejong.errors import Failed
from sejong.flow import atomic
from sejong.flow.progress import progress
from sejong.language.scripts import Bools
from sejong.recipe import CorpusSettings

SHARD_DOCUMENTS = 20_000
SHARD_BYTES = 256 << 20  # of text; a shard ends when it holds either
ROW_GROUP = 1024  # documents
COLUMNS = [
    "id",
    "text",
    "source",
    "locator",
    "licence",
    "contributor",
    "collected",
    "language",
    "language_score",
    "signals",
    "spans",
    "split",
]


def write_documents(
    settings: CorpusSettings, documents: Documents, stays: Bools, side: Any, scratch: Path, out: Path
) -> dict[str, Any]:
    """Write `documents/part-*.parquet`.

    Returns:
        Figures for the metrics: documents and bytes in all and by split, identifiers masked by kind.
    """
    shard = _shards(documents, stays)
    count = int(shard.max(initial=-1)) + 1
    cuts = [scratch / f"{piece.folder.name}.shards.arrow" for piece in documents.pieces]
    with progress("Masking identifiers", total=len(cuts), unit="pieces") as bar:
        for number, (piece, cut) in enumerate(zip(documents.pieces, cuts, strict=True)):
            if not cut.exists():
                rows = np.flatnonzero(documents.piece == number)
                table = _masked(settings, piece, rows, documents, stays[rows], side[rows])
                _cut(table, shard[rows[stays[rows]]], count, cut)
            bar.advance(1)
    (out / "documents").mkdir(parents=True, exist_ok=True)
    figures: dict[str, Counter[str]] = {name: Counter() for name in ("documents", "bytes", "masked")}
    with progress("Writing shards", total=count, unit="shards") as bar:
        for number in range(count):
            table = pa.concat_tables(_batch(cut, number) for cut in cuts).sort_by("id").combine_chunks()
            pq.write_table(table, out / "documents" / f"part-{number:05d}.parquet", compression="zstd", row_group_size=ROW_GROUP)
            _count(table, figures)
            bar.advance(1)
    return {
        "documents": figures["documents"].total(),
        "bytes": figures["bytes"].total(),
        "by_split": {name: {what: figures[what][name] for what in ("documents", "bytes")} for name in SPLITS},
        "masked": dict(sorted(figures["masked"].items())),
    }


def write_dropped(settings: CorpusSettings, documents: Documents, copies: Copies, out: Path) -> list[dict[str, Any]]:
    """Write `dropped.parquet` and `funnel.json`; returns the funnel.

    Raises:
        Failed: documents read, kept and dropped do not add up: a fault of this program.
    """
    everyone = np.arange(len(documents.ids))
    parts = [piece.dropped() for piece in documents.pieces]
    for number, piece in enumerate(documents.pieces):
        fell = np.flatnonzero((documents.piece == number) & (copies.original != everyone))
        if len(fell):
            parts.append(_copies_dropped(settings, piece, fell, documents, copies))
    dropped = pa.concat_tables([DROPPED.empty_table(), *parts]).sort_by(
        [(name, "ascending") for name in ("id", "rule", "locator")]
    )
    pq.write_table(dropped, out / "dropped.parquet", compression="zstd", row_group_size=ROW_GROUP * 16)
    kept = copies.original == everyone
    funnel = _funnel(settings, dropped, int(kept.sum()), int(documents.sizes[kept].sum()))
    with atomic(out / "funnel.json") as path:
        path.write_text(json.dumps(funnel, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return funnel


def _shards(documents: Documents, stays: Bools) -> Indices:
    """The shard of each document that stays (-1: none): consecutive ids, as many as fit."""
    shard = np.full(len(documents.ids), -1, np.int64)
    rows = np.flatnonzero(stays)
    rows = rows[np.argsort(documents.ids[rows])]
    number = held = size = 0
    for row, own in zip(rows.tolist(), documents.sizes[rows].tolist(), strict=True):
        if held and (held == SHARD_DOCUMENTS or size + own > SHARD_BYTES):
            number, held, size = number + 1, 0, 0
        shard[row] = number
        held, size = held + 1, size + own
    return shard


def _masked(settings: CorpusSettings, piece: Piece, rows: Indices, documents: Documents, stays: Bools, side: Any) -> pa.Table:
    """A piece's documents that stay, in the artifact's columns."""
    table = piece.documents().filter(pa.array(stays))
    texts, spans = redact(table["text"], settings.identifiers)
    table = table.set_column(0, "id", pa.array(documents.ids[rows[stays]].astype(str), pa.string()))
    table = table.set_column(table.column_names.index("text"), "text", texts)
    table = table.append_column("spans", spans)
    names = pa.array(SPLITS).take(pa.array(side[stays]))
    return table.append_column("split", names).select(COLUMNS)


def _cut(table: pa.Table, shard: Indices, count: int, path: Path) -> None:
    """One record batch a shard, so that a shard can be taken from the file without reading the rest."""
    with atomic(path) as temporary, pa.ipc.new_file(temporary, table.schema) as writer:
        for number in range(count):
            own = table.take(np.flatnonzero(shard == number)).combine_chunks().to_batches()
            writer.write_batch(own[0] if own else pa.RecordBatch.from_pylist([], schema=table.schema))


def _batch(path: Path, number: int) -> pa.Table:
    return pa.Table.from_batches([pa.ipc.open_file(pa.memory_map(str(path))).get_batch(number)])


def _count(table: pa.Table, figures: dict[str, Counter[str]]) -> None:
    sizes = pa.table({"split": table["split"], "bytes": pc.binary_length(table["text"])})
    for row in sizes.group_by("split").aggregate([("bytes", "sum"), ("bytes", "count")]).to_pylist():
        figures["documents"][row["split"]] += row["bytes_count"]
        figures["bytes"][row["split"]] += row["bytes_sum"]
    kinds = pc.struct_field(pc.list_flatten(table["spans"]), SPANS.value_type.field("kind").name)
    figures["masked"].update(kinds.to_pylist())


def _copies_dropped(settings: CorpusSettings, piece: Piece, fell: Indices, documents: Documents, copies: Copies) -> pa.Table:
    table = piece.documents().take(documents.row[fell])
    table = table.set_column(0, "id", pa.array(documents.ids[fell].astype(str), pa.string()))
    exact = copies.exact[fell]
    originals = documents.ids[copies.original[fell]].astype(str)
    letters = shingle_length(settings)
    reasons = [
        "the same text as another document"
        if same
        else f"Jaccard similarity of {jaccard:.2f} in {letters}-letter shingles with a copy, limit {settings.near_duplicates:.2f}"
        for same, jaccard in zip(exact, copies.jaccard[fell], strict=True)
    ]
    names = ["exact_duplicate" if same else "near_duplicate" for same in exact]
    return dropped_rows(table, names, reasons, settings.identifiers, originals.tolist())


def _funnel(settings: CorpusSettings, dropped: pa.Table, kept: int, kept_bytes: int) -> list[dict[str, Any]]:
    """What is left after each step, counted from the rows of `dropped.parquet`."""
    sums = dropped.group_by("rule").aggregate([("bytes", "sum"), ("bytes", "count")]).to_pylist()
    fell = {row["rule"]: (row["bytes_count"], row["bytes_sum"]) for row in sums}
    quality = [name for name in settings.filters if name not in {"language", "exact_duplicate", "near_duplicate"}]
    steps = {
        "read": ["unreadable"],
        "language": ["language"],
        "quality": quality,
        "exact duplicates": ["exact_duplicate"],
        "near duplicates": ["near_duplicate"],
    }
    if unknown := set(fell) - {name for names in steps.values() for name in names}:
        raise Failed(f"documents were dropped by {', '.join(sorted(unknown))}, which no step of the corpus applies: report this")
    documents, size = kept + len(dropped), kept_bytes + sum(own for _, own in fell.values())
    funnel: list[dict[str, Any]] = [{"step": "found", "documents": documents, "bytes": size, "dropped": {}}]
    for step, names in steps.items():
        documents -= sum(fell.get(name, (0, 0))[0] for name in names)
        size -= sum(fell.get(name, (0, 0))[1] for name in names)
        counts = {name: fell[name][0] for name in names if name in fell}
        funnel.append({"step": step, "documents": documents, "bytes": size, "dropped": counts})
    if (documents, size) != (kept, kept_bytes):
        raise Failed(f"the corpus does not add up: {kept} documents kept, but {documents} left after all steps: report this")
    return funnel
