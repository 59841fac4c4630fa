"""The collected sources, as the corpus stage sees them. How they come here is `sejong.corpus.fetch`'s business, which this knows
nothing of, so that a change there remakes no corpus."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sejong.flow import Artifact, SourceFile


@dataclass(frozen=True)
class Sources(Artifact):
    """The collected sources: `files` to read, and one row a source for `sources.json`."""

    rows: tuple[dict[str, Any], ...] = field(default=())


def describe(sources: Artifact) -> list[dict[str, Any]]:
    """The rows of `sources.json`, sorted by source: source, kind, title, uri, version, licence, licence_from, collected, files,
    bytes, sha256 (one hash over the source's files)."""
    if isinstance(sources, Sources):
        return [dict(one) for one in sources.rows]
    by_source: dict[str, list[SourceFile]] = {}
    for file in sources.files:
        by_source.setdefault(file.source, []).append(file)
    return [row(name, files) for name, files in sorted(by_source.items())]


def row(name: str, files: Sequence[SourceFile]) -> dict[str, Any]:
    """What `sources.json` says about a source of which only the files are known."""
    licences = sorted({one.licence for one in files if one.licence})
    return {
        "source": name,
        "kind": files[0].kind,
        "title": "text given with --text" if files[0].kind == "file" else name,
        "uri": None,
        "version": None,
        "licence": " AND ".join(licences) or None,
        "licence_from": "the builder" if licences else None,
        "collected": None,
        "files": len(files),
        "bytes": sum(one.bytes for one in files),
        "sha256": hash_of_files(files),
    }


def hash_of_files(files: Sequence[SourceFile]) -> str:
    """One sha256 over the sorted paths and hashes of a source's files, in the layout of `sha256sum`."""
    lines = sorted(f"{one.sha256}  {one.path}\n" for one in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_of(files: Iterable[SourceFile], rows: Iterable[dict[str, Any]]) -> str:
    """One sha256 over what the files hold and what is said about them."""
    digest = hashlib.sha256()
    for file in files:
        named = {key: value for key, value in asdict(file).items() if key != "root"}
        digest.update(json.dumps(named, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    for one in rows:
        digest.update(json.dumps(one, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()
