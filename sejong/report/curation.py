"""The corpus beyond its counts: sources against licences and rules, copies, quality, opt-outs, and a sample to search in."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from sejong.flow import Artifact
from sejong.report.read import batches_of, json_of

SAMPLE = 200  # documents
EXCERPT = 280  # characters of each
BINS = 20  # of the quality histogram
CLUSTERS = (1, 2, 5, 10, 100)  # copies that one document stands for: from each up to the next
COPIES = ("exact_duplicate", "near_duplicate")


@dataclass(frozen=True)
class Matrix:
    """Counts of documents: a row a source, a column a licence or rule, both the most frequent first."""

    columns: list[str | None]
    rows: list[tuple[str, list[int]]]


@dataclass(frozen=True)
class Curation:
    """What the corpus page shows besides counts."""

    licences: Matrix
    drops: Matrix
    clusters: list[tuple[int, int | None, int]] = field(default_factory=list)  # from, up to, documents
    quality: list[tuple[float, int]] = field(default_factory=list)  # lower edge, documents
    quality_measured: dict[str, Any] = field(default_factory=dict)
    identifiers: list[dict[str, Any]] = field(default_factory=list)
    opt_outs: list[dict[str, Any]] = field(default_factory=list)
    contaminated: int = 0
    sample: list[dict[str, Any]] = field(default_factory=list)


def read_curation(artifact: Artifact) -> Curation:
    """One pass over small columns of the documents and one over what was dropped."""
    documents = ds.dataset(artifact.path / "documents", format="parquet")
    kept = documents.to_table(columns=["source", "licence"])
    nothing = pa.schema([(name, pa.string()) for name in ("source", "rule", "duplicate_of")]).empty_table()
    fell = pa.concat_tables([nothing, *batches_of(artifact, "dropped.parquet", nothing.column_names)])
    return Curation(
        licences=_matrix(kept, "licence"),
        drops=_matrix(fell, "rule"),
        clusters=_clusters(fell),
        quality=_quality(documents),
        quality_measured=json_of(artifact, "quality.json", {}),
        identifiers=json_of(artifact, "pii.json", []),
        opt_outs=json_of(artifact, "opt_outs.json", []),
        contaminated=_rows(artifact, "contamination.parquet"),
        sample=_sample(documents),
    )


def _matrix(table: pa.Table, column: str) -> Matrix:
    counts = table.group_by(["source", column]).aggregate([([], "count_all")]).to_pylist()
    totals: dict[str | None, int] = {}
    sources: dict[str, dict[str | None, int]] = {}
    for row in counts:
        totals[row[column]] = totals.get(row[column], 0) + row["count_all"]
        sources.setdefault(row["source"] or "", {})[row[column]] = row["count_all"]
    columns = sorted(totals, key=lambda name: (-totals[name], name or ""))
    ordered = sorted(sources, key=lambda name: (-sum(sources[name].values()), name))
    return Matrix(columns, [(name, [sources[name].get(one, 0) for one in columns]) for name in ordered])


def _clusters(fell: pa.Table) -> list[tuple[int, int | None, int]]:
    """How many documents stand for how many copies."""
    copies = fell.filter(pc.is_in(fell["rule"], pa.array(COPIES)))
    sizes = np.array([one["counts"] for one in pc.value_counts(copies["duplicate_of"]).to_pylist()], np.int64)
    found = []
    for low, above in zip(CLUSTERS, [*CLUSTERS[1:], None], strict=True):
        inside = int(((sizes >= low) & (sizes < (above or np.inf))).sum())
        if inside:
            found.append((low, above - 1 if above else None, inside))
    return found


def _quality(documents: ds.Dataset) -> list[tuple[float, int]]:
    """A histogram of the classifier's score, where it was measured."""
    kind = documents.schema.field("signals").type if "signals" in documents.schema.names else None
    if kind is None or kind.get_field_index("quality") < 0:
        return []
    scores = documents.to_table(columns={"quality": pc.field("signals", "quality")})["quality"].drop_null().to_numpy()
    counts, edges = np.histogram(scores, BINS, (0, 1))
    return [(float(edge), int(count)) for edge, count in zip(edges[:-1], counts, strict=True)]


def _rows(artifact: Artifact, name: str) -> int:
    path = artifact.path / name
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0


def _sample(documents: ds.Dataset) -> list[dict[str, Any]]:
    """Documents at even distances in the order of their ids, which is as good as drawn by lot."""
    total = documents.count_rows()
    wanted = np.unique(np.linspace(0, total - 1, min(total, SAMPLE)).astype(np.int64)) if total else np.empty(0, np.int64)
    rows = []
    passed = 0
    for batch in documents.to_batches(columns=["id", "text", "source", "locator", "licence", "split"]):
        inside = wanted[(wanted >= passed) & (wanted < passed + batch.num_rows)] - passed
        passed += batch.num_rows
        rows += [row | {"text": _short(row["text"])} for row in batch.take(pa.array(inside)).to_pylist()]
    return rows


def _short(text: str) -> str:
    words = " ".join(text[: 2 * EXCERPT].split())
    return words if len(words) <= EXCERPT and len(text) <= 2 * EXCERPT else f"{words[:EXCERPT]} …"
