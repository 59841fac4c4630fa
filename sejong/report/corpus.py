"""What text went in, and what was left out and why: counted from the corpus itself, not from its log."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sejong.flow import Artifact
from sejong.report.curation import Curation, read_curation
from sejong.report.read import batches_of, json_of

KEYS = ("source", "licence", "language", "contributor", "split")
EXAMPLES = 20  # a rule
EXCERPT = 280  # characters


@dataclass(frozen=True)
class Row:
    """A group of documents; `name` is None where the documents do not say."""

    name: str | None
    documents: int
    bytes: int


@dataclass(frozen=True)
class Bin:
    """Documents of `low` up to, not including, `high` bytes."""

    low: int
    high: int
    documents: int


@dataclass(frozen=True)
class Drop:
    """What one rule dropped, with a few of the documents themselves."""

    rule: str
    documents: int
    bytes: int
    examples: list[dict[str, Any]]


@dataclass(frozen=True)
class Corpus:
    """Everything the page says about text."""

    documents: int = 0
    bytes: int = 0
    groups: dict[str, list[Row]] = field(default_factory=dict)
    sizes: list[Bin] = field(default_factory=list)
    masked: list[tuple[str, int]] = field(default_factory=list)
    funnel: list[dict[str, Any]] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    curation: Curation | None = None

    @property
    def read(self) -> int:
        """Documents before any was dropped."""
        return self.documents + sum(one.documents for one in self.drops)


def read_corpus(artifact: Artifact | None) -> Corpus | None:
    """The corpus as counts, or None where it was not built."""
    if artifact is None:
        return None
    counts, sizes, masked = _count(artifact)
    splits = _group(counts, "split")
    return Corpus(
        documents=sum(row.documents for row in splits),
        bytes=sum(row.bytes for row in splits),
        groups={key: _group(counts, key) for key in KEYS},
        sizes=sizes,
        masked=masked,
        funnel=json_of(artifact, "funnel.json", []),
        drops=_drops(artifact),
        sources=json_of(artifact, "sources.json", []),
        curation=read_curation(artifact),
    )


def _count(artifact: Artifact) -> tuple[pa.Table, list[Bin], list[tuple[str, int]]]:
    """One pass over the documents, a batch at a time: counts by group, a histogram of sizes, masked identifiers."""
    documents = ds.dataset(artifact.path / "documents", format="parquet")
    partial: list[pa.Table] = []
    sizes: dict[int, int] = {}
    masked: dict[str, int] = {}
    for batch in documents.to_batches(columns=["text", "spans", *KEYS]):
        size = pc.cast(pc.binary_length(batch["text"]), pa.int64())
        table = pa.table({**{key: batch[key] for key in KEYS}, "bytes": size})
        partial.append(table.group_by(list(KEYS)).aggregate([("bytes", "sum"), ([], "count_all")]))
        for value in pc.value_counts(_bin(size)).to_pylist():
            sizes[value["values"]] = sizes.get(value["values"], 0) + value["counts"]
        kinds = pc.struct_field(pc.list_flatten(batch["spans"]), "kind")
        for value in pc.value_counts(kinds).to_pylist():
            masked[value["values"]] = masked.get(value["values"], 0) + value["counts"]
    return pa.concat_tables(partial), _bins(sizes), sorted(masked.items())


def _bin(size: pa.Array) -> pa.Array:
    """The bin of each size: four to each power of ten."""
    at_least_one = pc.max_element_wise(size, 1)
    return pc.cast(pc.floor(pc.multiply(pc.log10(at_least_one), 4.0)), pa.int64())


def _bins(sizes: dict[int, int]) -> list[Bin]:
    """A histogram without gaps."""
    if not sizes:
        return []
    return [Bin(round(10 ** (at / 4)), round(10 ** ((at + 1) / 4)), sizes.get(at, 0)) for at in range(min(sizes), max(sizes) + 1)]


def _group(counts: pa.Table, key: str) -> list[Row]:
    """Groups by `key`, the largest first."""
    summed = counts.group_by(key).aggregate([("bytes_sum", "sum"), ("count_all", "sum")]).to_pylist()
    rows = [Row(one[key], one["count_all_sum"], one["bytes_sum_sum"]) for one in summed]
    return sorted(rows, key=lambda row: (-row.bytes, row.name or ""))


def _drops(artifact: Artifact) -> list[Drop]:
    """What each rule dropped, most documents first, in one pass; its examples are the first ids, so nobody chose them."""
    counts: dict[str, tuple[int, int]] = {}
    examples: dict[str, pa.Table] = {}
    for batch in batches_of(
        artifact, "dropped.parquet", ["id", "source", "locator", "rule", "reason", "duplicate_of", "bytes", "excerpt"]
    ):
        for rule in pc.unique(batch["rule"]).to_pylist():
            fell = batch.filter(pc.equal(batch["rule"], rule))
            documents, size = counts.get(rule, (0, 0))
            counts[rule] = documents + fell.num_rows, size + (pc.sum(fell["bytes"]).as_py() or 0)
            found = pa.concat_tables([examples[rule], fell]) if rule in examples else fell
            examples[rule] = found.take(pc.select_k_unstable(found, k=EXAMPLES, sort_keys=[("id", "ascending")]))
    drops = [Drop(rule, *counts[rule], [_shown(row) for row in examples[rule].to_pylist()]) for rule in counts]
    return sorted(drops, key=lambda drop: (-drop.documents, drop.rule))


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "excerpt": _short(row["excerpt"] or "")}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} …"
