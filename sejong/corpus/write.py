"""The corpus artifact: shards of documents, what was dropped, the tables of the steps, and the funnel counted from them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.corpus import comply, contamination, steps
from sejong.corpus.piece import DROPPED, Piece, read_table
from sejong.corpus.shards import ROW_GROUP, Shard, link
from sejong.corpus.split import SPLITS
from sejong.errors import Failed
from sejong.flow import atomic
from sejong.recipe import CorpusSettings

Counts = dict[str, list[int]]


def write_documents(shards: list[Shard], out: Path) -> dict[str, Any]:
    """Put `documents/part-*.parquet` into the artifact.

    Returns:
        Figures for the metrics: documents and bytes in all and by split, identifiers masked by kind.
    """
    (out / "documents").mkdir(parents=True, exist_ok=True)
    masked: Counter[str] = Counter()
    for number, shard in enumerate(shards):
        link(shard.documents, out / "documents" / f"part-{number:05d}.parquet")
        masked.update(shard.counts["masked"])
    kept = _added(shards, "kept")
    by_split = {name: dict(zip(("documents", "bytes"), kept.get(name, [0, 0]), strict=True)) for name in SPLITS}
    return {
        "documents": sum(one["documents"] for one in by_split.values()),
        "bytes": sum(one["bytes"] for one in by_split.values()),
        "by_split": by_split,
        "masked": dict(sorted(masked.items())),
    }


def write_dropped(settings: CorpusSettings, shards: list[Shard], out: Path) -> list[dict[str, Any]]:
    """Write `dropped.parquet`, `funnel.json`, `opt_outs.json` and `contributors.json`; returns the funnel.

    Raises:
        Failed: documents read, kept and dropped do not add up: a fault of this program.
    """
    with atomic(out / "dropped.parquet") as path, pq.ParquetWriter(path, DROPPED, compression="zstd") as writer:
        for shard in shards:
            if len(rows := read_table(shard.dropped)):
                writer.write_table(rows, row_group_size=ROW_GROUP * 16)
    kept, dropped = _added(shards, "kept"), _added(shards, "dropped")
    funnel = _funnel(settings, kept, dropped)
    _write_json(out / "funnel.json", funnel)
    costs = [pa.array(list(comply.RULES)), ["rule", "licence", "reason", "bytes"]]
    asked = pq.read_table(out / "dropped.parquet", columns=costs[1], filters=pc.field("rule").isin(costs[0]))
    _write_json(out / "opt_outs.json", comply.opt_outs(settings, asked))
    given = [pa.Table.from_pylist(shard.counts["given"], GIVEN) for shard in shards]
    _write_json(out / "contributors.json", comply.contributors(given))
    return funnel


def write_rows(pieces: list[Piece], out: Path) -> None:
    """Write the tables that steps made, `NAME.parquet`, each sorted by its columns in order."""
    tables: dict[str, list[pa.Table]] = {}
    for piece in pieces:
        for name, table in piece.rows().items():
            tables.setdefault(name, []).append(table)
    for name, parts in sorted(tables.items()):
        table = steps.concatenated(parts)
        order = [(field.name, "ascending") for field in table.schema if not pa.types.is_nested(field.type)]
        pq.write_table(table.sort_by(order), out / f"{name}.parquet", compression="zstd", row_group_size=ROW_GROUP * 16)


def kept_signal(shards: list[Shard], name: str) -> Any:
    """A signal of all documents that stay."""
    found = [pq.read_table(shard.documents, columns=["signals"])["signals"] for shard in shards]
    return np.concatenate([np.empty(0), *(pc.struct_field(column, name).to_numpy() for column in found)])


GIVEN = pa.schema(
    [
        ("contributor", pa.string()),
        ("licence", pa.string()),
        ("source", pa.string()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
    ]
)


def _added(shards: list[Shard], what: str) -> Counts:
    """Documents and bytes by split or by rule, over all shards."""
    total: Counts = {}
    for shard in shards:
        for name, (documents, size) in shard.counts[what].items():
            had = total.setdefault(name, [0, 0])
            total[name] = [had[0] + documents, had[1] + size]
    return total


def _funnel(settings: CorpusSettings, kept: Counts, dropped: Counts) -> list[dict[str, Any]]:
    """What is left after each step, counted from the rows of `dropped.parquet`."""
    own = {"language", contamination.RULE, *steps.LATER}
    names = {
        "read": ["unreadable"],
        "removed": ["removed"],
        "licence": ["licence"],
        "opt-outs": ["opt_out"],
        "language": ["language"],
        "quality": [name for name in settings.filters if name not in own],
        "contaminated": [contamination.RULE],
        "lines": [steps.LINES],
        "exact duplicates": [steps.EXACT],
        "near duplicates": [steps.NEAR],
    }
    if unknown := set(dropped) - {name for group in names.values() for name in group}:
        raise Failed(f"documents were dropped by {', '.join(sorted(unknown))}, which no step of the corpus applies: report this")
    whole = [sum(column) for column in zip([0, 0], *kept.values(), *dropped.values(), strict=True)]
    left = [*whole]
    funnel: list[dict[str, Any]] = [{"step": "found", "documents": left[0], "bytes": left[1], "dropped": {}}]
    for step, rules in names.items():
        counts = {name: dropped[name][0] for name in rules if name in dropped}
        left = [left[0] - sum(counts.values()), left[1] - sum(dropped[name][1] for name in counts)]
        funnel.append({"step": step, "documents": left[0], "bytes": left[1], "dropped": counts})
    ended = [sum(column) for column in zip([0, 0], *kept.values(), strict=True)]
    if left != ended:
        raise Failed(f"the corpus does not add up: {ended[0]} documents kept, but {left[0]} left after all steps: report this")
    return funnel


def _write_json(path: Path, value: Any) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
