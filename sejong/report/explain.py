"""One document's whole life, from its source to the model: read from the artifacts of a run, nothing recomputed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from sejong.errors import Refused
from sejong.flow import Artifact
from sejong.flow.manifest import manifest_dependencies, manifest_settings
from sejong.report.read import json_of

SHORTEST = 6  # characters of an id that may stand for it
SHOWN = 5  # copies, positions and passages that are named one by one
EXCERPT = 400  # characters
FORGOTTEN = {"removed", "opt_out", "licence"}  # rules that leave no text behind


def explain(artifacts: dict[str, Artifact], wanted: str) -> dict[str, Any]:
    """What happened to a document.

    Args:
        artifacts: the run's finished stages by name; `corpus` must be among them, others add what they know.
        wanted: its id, the beginning of its id, or its locator.

    Returns:
        `id`, `outcome` ("kept" or "dropped"), `document` (its row without the text), `source` (the row of sources.json), `file`
        (path and sha256 of the file it was read from, where the locator names it), `rules` (each with its limits and what was
        measured), and where they exist `copies`, `tokens`, `training`, `passages`, `conversations`.

    Raises:
        Refused: no document has that id or locator, or several do.
    """
    corpus = artifacts["corpus"]
    row, kept = _found(corpus, wanted)
    settings = manifest_settings(corpus.manifest())
    story: dict[str, Any] = {
        "id": row["id"],
        "outcome": "kept" if kept else "dropped",
        "document": {name: value for name, value in row.items() if name not in ("text", "signals", "id")},
        "source": next((one for one in json_of(corpus, "sources.json", []) if one["source"] == row["source"]), None),
        "file": _file(corpus, row),
    }
    if kept:
        story["document"]["bytes"] = len(row["text"].encode())
        story["document"]["excerpt"] = row["text"][:EXCERPT]
        story["rules"] = _rules(settings, row["signals"] or {})
        story["copies"] = _copies(corpus, row["id"])
        story |= _later(artifacts, row["id"])
    return story


def lines(story: dict[str, Any]) -> list[str]:
    """The story for a person."""
    document, source = story["document"], story["source"]
    said = [f"document   {story['id']}", f"source     {document['source']}: {document['locator']}"]
    if source:
        said.append(f"           {source['title']}" + (f", {source['uri']}" if source["uri"] else ""))
    if story["file"]:
        said.append(f"file       {story['file']['name']}, sha256 {story['file']['sha256'][:16]}…")
    said.append(
        f"licence    {document['licence'] or 'unknown'}" + (f", by {document['contributor']}" if document["contributor"] else "")
    )
    if document.get("marks"):
        said.append(f"marks      {', '.join(document['marks'])}")
    if story["outcome"] == "dropped":
        said.append(f"dropped    by the rule {document['rule']}: {document['reason']}")
        if document["duplicate_of"]:
            said.append(f"           in its place stands {document['duplicate_of']}")
        return [*said, *([f"           “{document['excerpt']}”"] if document["excerpt"] else [])]
    said.append(f"language   {document['language']} ({document['language_score']:.2f})")
    for rule in story["rules"]:
        limits = ", ".join(f"{name} {_short(value)}" for name, value in rule["limits"].items())
        measured = ", ".join(f"{name} {value:.4g}" for name, value in rule["measured"].items())
        said.append(f"passed     {rule['rule']:<20} {measured}" + (f"   (limits: {limits})" if limits else ""))
    said.append(f"masked     {len(document['spans'])} identifiers" + _kinds(document["spans"]))
    if story["copies"]["count"]:
        said.append(f"stands for {story['copies']['count']} copies: {', '.join(one[:12] for one in story['copies']['ids'])}")
    said.append(f"split      {document['split']}, {document['bytes']:,} bytes")
    if tokens := story.get("tokens"):
        said.append(f"tokens     {tokens['tokens']:,}, {tokens['split']} shard {tokens['shard']} from token {tokens['offset']:,}")
    if training := story.get("training"):
        said.append(f"training   read {training['times']} times, at positions {', '.join(map(str, training['positions']))}")
    said += [
        f"{name:<10} {story[name]['count']}: {', '.join(str(one) for one in story[name]['first'])}"
        for name in ("passages", "conversations")
        if name in story
    ]
    return [*said, f"begins     “{' '.join(document['excerpt'].split())}”"]


def _found(corpus: Artifact, wanted: str) -> tuple[dict[str, Any], bool]:
    """The row of `documents` or `dropped.parquet`, and whether it was kept."""
    documents = ds.dataset(corpus.path / "documents", format="parquet")
    dropped = ds.dataset(corpus.path / "dropped.parquet", format="parquet")
    is_id = len(wanted) >= SHORTEST and all(one in "0123456789abcdef" for one in wanted)
    match = pc.field("locator") == wanted
    if is_id:
        match = match | pc.starts_with(pc.field("id"), wanted)
    hits = [
        (one, table)
        for table in (documents, dropped)
        for one in table.to_table(["id", "locator"], filter=match)["id"].to_pylist()
    ]
    if not hits:
        raise Refused(
            f"no document of {corpus.path.name} has the id or locator {wanted}: `sejong corpus inspect` searches for one"
        )
    if len({one for one, _ in hits}) > 1:
        some = ", ".join(one[:16] for one, _ in hits[:SHOWN])
        raise Refused(f"{len(hits)} documents answer to {wanted}: give one of the ids {some}")
    identifier, table = hits[0]
    return table.to_table(filter=pc.field("id") == identifier).to_pylist()[0], table is documents


def _file(corpus: Artifact, row: dict[str, Any]) -> dict[str, str] | None:
    """The file it was read from, where the locator begins with its path or its source has one file only."""
    prefix = f"{row['source']}/"
    own = [one for one in manifest_dependencies(corpus.manifest(), "source") if one["name"].startswith(prefix)]
    named = [one for one in own if row["locator"].startswith(one["name"].removeprefix(prefix))] or (own if len(own) == 1 else [])
    best = max(named, key=lambda one: len(one["name"]), default=None)
    return {"name": best["name"], "sha256": best["digest"]["sha256"]} if best else None


def _rules(settings: dict[str, Any], signals: dict[str, float | None]) -> list[dict[str, Any]]:
    """Every rule that was asked, with its limits and the signals that are its own; what no rule claims comes first."""
    claimed: set[str] = set()
    found = []
    for name in settings["filters"]:
        own = {key: value for key, value in signals.items() if value is not None and _belongs(key, name)}
        claimed |= set(own)
        limits = {key: value for key, value in settings["rules"].get(name, {}).items() if not isinstance(value, dict)}
        found.append({"rule": name, "limits": limits, "measured": own})
    rest = {key: value for key, value in signals.items() if value is not None and key not in claimed}
    return [{"rule": "measured", "limits": {}, "measured": rest}, *found] if rest else found


def _belongs(signal: str, rule: str) -> bool:
    return signal == rule or signal.startswith((f"{rule}.", f"{rule}:", f"{rule}_"))


def _copies(corpus: Artifact, identifier: str) -> dict[str, Any]:
    dropped = pq.read_table(corpus.path / "dropped.parquet", columns=["id"], filters=pc.field("duplicate_of") == identifier)
    return {"count": len(dropped), "ids": dropped["id"].to_pylist()[:SHOWN]}


def _later(artifacts: dict[str, Artifact], identifier: str) -> dict[str, Any]:
    """What later stages made of it."""
    story: dict[str, Any] = {}
    if found := _rows(artifacts, "tokens", "documents.parquet", "id", identifier):
        story["tokens"] = {name: found[0][name] for name in ("split", "shard", "offset", "tokens")}
    if found := _rows(artifacts, "pretrain", "order.parquet", "id", identifier):
        story["training"] = {"times": len(found), "positions": [row["position"] for row in found[:SHOWN]]}
    if found := _rows(artifacts, "index", "passages.parquet", "document", identifier):
        story["passages"] = {"count": len(found), "first": [row["passage"] for row in found[:SHOWN]]}
    if found := _rows(artifacts, "align", "conversations.parquet", "document", identifier):
        story["conversations"] = {"count": len(found), "first": [row["id"] for row in found[:SHOWN]]}
    return story


def _rows(artifacts: dict[str, Artifact], stage: str, file: str, column: str, value: str) -> list[dict[str, Any]]:
    path: Path | None = artifacts[stage].path / file if stage in artifacts else None
    if path is None or not path.exists():
        return []
    table: pa.Table = pq.read_table(path, filters=pc.field(column) == value)
    return [dict(row) for row in table.to_pylist()]


def _kinds(spans: list[dict[str, Any]]) -> str:
    kinds = sorted({one["kind"] for one in spans})
    return f" ({', '.join(kinds)})" if kinds else ""


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) < 40 else f"{shown[:36]} …"
