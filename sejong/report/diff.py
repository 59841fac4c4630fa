"""What two recipes made of the same text: documents that only one run keeps, and why the other does not."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from sejong.flow import Artifact
from sejong.flow.manifest import manifest_settings

EXAMPLES = 20  # documents a reason


def diff(first: Artifact, second: Artifact) -> dict[str, Any]:
    """Compare two corpora by document id.

    Returns:
        `documents` and `bytes` of each; `both`; `changed` (same id, other text); `only_first` and `only_second`: lists of
        {reason, documents, bytes, examples}, where reason is the rule that dropped them in the other run, or `not there` where
        the other run never saw them; and `settings`: what differs between the two recipes, by name.
    """
    kept = [_kept(one) for one in (first, second)]
    ids = [set(table["id"].to_pylist()) for table in kept]
    both = ids[0] & ids[1]
    return {
        "documents": [len(table) for table in kept],
        "bytes": [pc.sum(table["bytes"]).as_py() or 0 for table in kept],
        "both": len(both),
        "changed": _changed(kept, both),
        "only_first": _only(kept[0], both, second),
        "only_second": _only(kept[1], both, first),
        "settings": _settings(first, second),
    }


def lines(found: dict[str, Any], names: tuple[str, str]) -> list[str]:
    """The comparison for a person."""
    said = [
        f"{name}: {documents:,} documents, {size / 1e6:,.1f} MB"
        for name, documents, size in zip(names, found["documents"], found["bytes"], strict=True)
    ]
    said.append(f"in both: {found['both']:,}, of which {found['changed']:,} with another text")
    for key, own, other in (("only_first", names[0], names[1]), ("only_second", names[1], names[0])):
        for group in found[key]:
            why = f"{other} never saw" if group["reason"] == "not there" else f"{other} dropped by {group['reason']}"
            said.append(f"only in {own}, {why}: {group['documents']:,} documents, {group['bytes'] / 1e6:,.1f} MB")
            said += [f"    {one['id'][:12]}  {one['locator']}  {one['why'] or ''}".rstrip() for one in group["examples"][:3]]
    for name, (one, other) in found["settings"].items():
        said.append(f"setting {name}: {_short(one)} → {_short(other)}")
    return said


def _kept(corpus: Artifact) -> pa.Table:
    """id, locator, bytes and a hash-free fingerprint of what is kept, without holding all texts."""
    parts = []
    documents = ds.dataset(corpus.path / "documents", format="parquet")
    for batch in documents.to_batches(columns=["id", "locator", "text"]):
        size = pc.cast(pc.binary_length(batch["text"]), pa.int64())
        digest = pa.array([hash(text) for text in batch["text"].to_pylist()], pa.int64())
        parts.append(pa.table({"id": batch["id"], "locator": batch["locator"], "bytes": size, "digest": digest}))
    schema = pa.schema([("id", pa.string()), ("locator", pa.string()), ("bytes", pa.int64()), ("digest", pa.int64())])
    return pa.concat_tables([schema.empty_table(), *parts], promote_options="permissive")


def _changed(kept: list[pa.Table], both: set[str]) -> int:
    digests = [dict(zip(table["id"].to_pylist(), table["digest"].to_pylist(), strict=True)) for table in kept]
    return sum(digests[0][one] != digests[1][one] for one in both)


def _only(own: pa.Table, both: set[str], other: Artifact) -> list[dict[str, Any]]:
    """The documents that the other corpus lacks, by the rule that dropped them there."""
    alone = own.filter(pc.invert(pc.is_in(own["id"], pa.array(sorted(both), pa.string()))))
    dropped = pq.read_table(other.path / "dropped.parquet", columns=["id", "rule", "reason"])
    why = {row["id"]: row for row in dropped.filter(pc.is_in(dropped["id"], alone["id"])).to_pylist()}
    groups: dict[str, dict[str, Any]] = {}
    for row in alone.sort_by("id").to_pylist():
        known = why.get(row["id"])
        name = known["rule"] if known else "not there"
        group = groups.setdefault(name, {"reason": name, "documents": 0, "bytes": 0, "examples": []})
        group["documents"] += 1
        group["bytes"] += row["bytes"]
        if len(group["examples"]) < EXAMPLES:
            group["examples"].append({"id": row["id"], "locator": row["locator"], "why": known["reason"] if known else None})
    return sorted(groups.values(), key=lambda group: (-group["documents"], group["reason"]))


def _settings(first: Artifact, second: Artifact) -> dict[str, list[Any]]:
    one, other = (_flat(manifest_settings(artifact.manifest())) for artifact in (first, second))
    return {
        name: [one.get(name), other.get(name)] for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)
    }


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf for key, inner in value.items() for name, leaf in _flat(inner, f"{prefix}.{key}" if prefix else key).items()
    }


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) < 60 else f"{shown[:56]} …"
