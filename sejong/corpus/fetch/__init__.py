"""Where text comes from: the user's own files, or the sources that a nation's `sources.toml` names.

`collect` brings every source onto this machine, once, and lists its files with their hashes. What is already there is checked
against the hashes recorded when it came and needs no network. Nothing here reads the text itself; that is `sejong.corpus.read`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sejong.corpus.fetch import own
from sejong.corpus.fetch.catalogue import DebianEntry, Entry, chosen
from sejong.corpus.fetch.debian import Absent
from sejong.corpus.fetch.store import Fetched, bring
from sejong.errors import Refused
from sejong.flow import Artifact, SourceFile
from sejong.flow.progress import progress
from sejong.recipe import SourcesSettings

__all__ = ["Sources", "collect", "describe", "digest_of"]

AT_A_TIME = 3  # sources
OWN_LICENCE = "LicenseRef-own"  # of text for which its builder names none; SPDX keeps `LicenseRef-` for what is not in its list


@dataclass(frozen=True)
class Sources(Artifact):
    """The collected sources: `files` to read, and one row a source for `sources.json`."""

    rows: tuple[dict[str, Any], ...] = field(default=())


def collect(settings: SourcesSettings, text: Sequence[Path], downloads: Path) -> Sources:
    """Bring the sources here and list their files.

    Args:
        settings: the nation's catalogue, which of it to use, and the licence of the user's own text (none: `LicenseRef-own`).
        text: what `--text` named; when given it replaces the nation's sources.
        downloads: folder in which fetched sources are kept from build to build; made when something is fetched.

    Returns:
        An artifact of stage `sources`. Its identity and digest are one hash over every file's source, path, sha256, licence,
        contributor and date, and over the rows of `sources.json`; where the files lie does not enter it.

    Raises:
        Refused: a path is missing or holds no text; a source is unknown or badly described.
        Failed: a source could not be fetched, or what was fetched earlier has changed since.
    """
    files: list[SourceFile]
    if text:
        files, rows = own.collect(text, settings.licence or OWN_LICENCE)
    else:
        fetched = _fetch(chosen(settings), downloads)
        files = [file for one in fetched for file in one.files]
        rows = [one.row for one in fetched]
    if not files:
        raise Refused(
            "there is no source to read: name a file or folder with --text, or sources of sources.toml with sources.use"
        )
    files.sort(key=lambda one: (one.source, one.path))
    rows.sort(key=lambda row: str(row["source"]))
    digest = digest_of(files, rows)
    return Sources("sources", downloads, digest, digest, tuple(files), tuple(rows))


def describe(sources: Artifact) -> list[dict[str, Any]]:
    """The rows of `sources.json`, sorted by source: source, kind, title, uri, version, licence, licence_from, collected, files,
    bytes, sha256 (one hash over the source's files)."""
    if isinstance(sources, Sources):
        return [dict(row) for row in sources.rows]
    by_source: dict[str, list[SourceFile]] = {}
    for file in sources.files:
        by_source.setdefault(file.source, []).append(file)
    return [own.row(name, files) for name, files in sorted(by_source.items())]


def digest_of(files: Iterable[SourceFile], rows: Iterable[dict[str, Any]]) -> str:
    """One sha256 over what the files hold and what is said about them."""
    digest = hashlib.sha256()
    for file in files:
        named = {key: value for key, value in asdict(file).items() if key != "root"}
        digest.update(json.dumps(named, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _fetch(entries: list[Entry], downloads: Path) -> list[Fetched]:
    """Every entry's source; a few at a time, since each waits for the network first and then for its packer."""
    fetched = []
    with ThreadPoolExecutor(AT_A_TIME) as pool, progress("Collecting sources", total=len(entries), unit="sources") as bar:
        for entry, one in zip(entries, pool.map(lambda entry: _bring(entry, downloads), entries), strict=True):
            bar.advance(1, source=entry.name)
            if one is not None:
                fetched.append(one)
    return fetched


def _bring(entry: Entry, downloads: Path) -> Fetched | None:
    """The source, or none where this system has no package of an optional one (which has been said)."""
    try:
        return bring(entry, downloads)
    except Absent:
        if isinstance(entry, DebianEntry) and entry.optional:
            return None
        raise
