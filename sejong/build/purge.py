"""After a build that left documents out: delete what the store still holds of them.

An artifact holds a document where it is a corpus with its text, or was made from such a corpus, directly or not. What no run
links to is deleted; what another run links to stays, and is named. Of what killed builds left, only what was surely made without
the documents stays.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.build import folder, garbage
from sejong.corpus.comply import RULES, finder
from sejong.errors import SejongError
from sejong.flow import manifest
from sejong.flow.store import MADE_FROM

DOCUMENTS = "documents"
WHO = ["id", "source", "locator", "licence", "contributor"]


@dataclass(frozen=True)
class Held:
    """What of a store holds documents that a corpus leaves out: to delete, by run what it needs, and what is being made."""

    free: list[Path] = field(default_factory=list)
    needed: dict[Path, list[Path]] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)


def purge(store: Path, run: Path) -> tuple[int, Held]:
    """Delete what holds documents that the corpus of `run` leaves out by `sejong.corpus.comply`; bytes freed, what was found."""
    held = holding(store, run)
    return garbage.remove(store, held.free), held


def holding(store: Path, run: Path) -> Held:
    """What of a store holds the documents that the corpus of `run` leaves out. Nothing, where it leaves none out."""
    corpus = (run / "corpus").resolve()
    removals = _left_out(corpus)
    if not removals:
        return Held()
    find = finder(removals)
    finished = [path for path in sorted(store.glob("*-*")) if (path / manifest.NAME).exists()]
    clean = _lineage(finished, lambda path: path.resolve() == corpus or not _has_any(path, find))
    own = _links(run)
    tainted = [path for path in finished if path.resolve() not in own and not clean(path)]
    needed = {other: [path for path in tainted if path.resolve() in _links(other)] for other in garbage.runs_of(store)}
    busy = garbage.building(store)
    if others := [name for name in busy if name.startswith("run-") and name != folder.lock_name(run)]:
        return Held(needed={other: paths for other, paths in needed.items() if paths}, busy=others if tainted else [])
    free = [path for path in tainted if not any(path in paths for paths in needed.values()) and path.name not in busy]
    left, making = _left_behind(store, busy, clean)
    broken = [path for path in sorted(store.glob("*-*")) if path.is_dir() and path not in finished and path.name not in busy]
    return Held(free + broken + left, {run: paths for run, paths in needed.items() if paths}, making)


def lines(held: Held) -> list[str]:
    """What still holds documents that were left out, a sentence each, with what to do."""
    needed = [
        f"{run} still holds documents that this run leaves out ({', '.join(path.name for path in paths)}): "
        f"take them down there, too, with `sejong takedown {run}`, or delete that run and run `sejong gc`"
        for run, paths in sorted(held.needed.items())
    ]
    return needed + [
        f"{name} is at work in this store and may need documents that this run leaves out, so that they were not deleted: "
        "when that build has ended, run this one again"
        for name in held.busy
    ]


def without_effect(corpus: Path) -> list[str]:
    """Removals that found no document in a finished corpus: a document has another id where its source or locator changed."""
    costs = json.loads((corpus / "opt_outs.json").read_text("utf-8"))
    nothing = [one["value"] for one in costs if one["signal"] == "removed" and not one["documents"]]
    return [f"nothing was {one} in this text: where it is still there, its source or locator has changed" for one in nothing]


def files_of(corpus: Path) -> list[Path]:
    """The tables of a finished corpus: shards of documents, then what was dropped."""
    return [*sorted((corpus / DOCUMENTS).glob("*.parquet")), corpus / "dropped.parquet"]


def _links(run: Path) -> set[Path]:
    return {(run / name).resolve() for name in os.listdir(run) if (run / name).is_symlink()}


def _left_out(corpus: Path) -> list[Mapping[str, str]]:
    """What a corpus leaves out: its removals, and each document that another of the rules dropped."""
    settings = manifest.manifest_settings(manifest.read(corpus))
    dropped = pq.read_table(corpus / "dropped.parquet", columns=["id", "rule"])
    ids = dropped.filter(pc.is_in(dropped["rule"], value_set=pa.array(RULES)))["id"].to_pylist()
    return [*settings.get("removals", []), *({"kind": "document", "value": one} for one in ids)]


def _has_any(corpus: Path, find: Callable[[Any], Any]) -> bool:
    """Whether a corpus has text of what is left out: a document, or the beginning of a dropped one."""
    for path in files_of(corpus):
        with_text = None if path.parent.name == DOCUMENTS else pc.field("excerpt") != ""
        if (find(pq.read_table(path, columns=WHO, filters=with_text)) >= 0).any():
            return True
    return False


def _lineage(finished: list[Path], is_clean: Callable[[Path], bool]) -> Callable[[Any], bool]:
    """Whether a finished artifact, or (stage, digest) of one, was made from clean corpora only. What cannot be traced was not."""
    manifests: dict[Path, dict[str, Any]] = {}
    by_digest: dict[tuple[str, str], list[Path]] = {}
    for path in finished:
        try:
            manifests[path] = manifest.read(path)
        except SejongError:
            continue
        named = (manifest.manifest_stage(manifests[path]), manifest.digest(manifests[path]["subject"]))
        by_digest.setdefault(named, []).append(path)

    @cache
    def clean(one: Path | tuple[str, str]) -> bool:
        if isinstance(one, tuple):
            return any(clean(path) for path in by_digest.get(one, []))  # equal bytes: one clean origin is enough
        if one not in manifests:
            return False
        if manifest.manifest_stage(manifests[one]) == "corpus":
            return is_clean(one)
        made_from = manifest.manifest_dependencies(manifests[one], "stage")
        return all(clean((origin["name"], origin["digest"]["sha256"])) for origin in made_from)

    return clean


def _left_behind(store: Path, busy: list[str], clean: Callable[[Any], bool]) -> tuple[list[Path], list[str]]:
    """What killed builds left that may hold a document, and the names of what is being made from one now."""
    left, making = [], []
    for path in sorted((store / ".building").glob("*")):
        name = path.name.partition(".")[0]
        if not _made_from_clean(store / ".building" / f"{name}.scratch" / MADE_FROM, clean):
            if name in busy:
                making.append(name)
            else:
                left.append(path)
    return left, sorted(set(making))


def _made_from_clean(record: Path, clean: Callable[[Any], bool]) -> bool:
    """Whether a build that did not end read only artifacts that are clean; of one that read sources nobody knows."""
    try:
        inputs = [(str(stage), str(digest)) for stage, digest in json.loads(record.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return False
    return all(stage != "sources" and clean((stage, digest)) for stage, digest in inputs)
