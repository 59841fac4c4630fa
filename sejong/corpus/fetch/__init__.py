"""Where text comes from: the user's own files, here or at an address, or the sources that a nation's `sources.toml` names.

`collect` brings every source onto this machine, once, and lists its files with their hashes. What is already there is checked
against the hashes recorded when it came and needs no network. Nothing here reads the text itself; that is `sejong.corpus.read`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sejong.corpus.fetch import own
from sejong.corpus.fetch.catalogue import DebianEntry, Entry, FolderEntry, UrlEntry, chosen
from sejong.corpus.fetch.debian import Absent
from sejong.corpus.fetch.store import Fetched, bring, folder_of
from sejong.corpus.sources import Sources, describe, digest_of
from sejong.errors import Refused
from sejong.flow import SourceFile
from sejong.flow.progress import progress
from sejong.recipe import SourcesSettings

__all__ = ["Sources", "absent", "collect", "describe", "digest_of"]

AT_A_TIME = 3  # sources
OWN_LICENCE = "LicenseRef-own"  # of text for which its builder names none; SPDX keeps `LicenseRef-` for what is not in its list


def collect(settings: SourcesSettings, text: Sequence[Path | str], downloads: Path, *, fetch: bool = True) -> Sources:
    """Bring the sources here and list their files.

    Args:
        settings: the nation's catalogue, which of it to use, and the licence of the user's own text (none: `LicenseRef-own`).
        text: what `--text` named, addresses (`https://…`, `s3://…`) as strings; when given it replaces the nation's sources.
        downloads: folder in which fetched sources are kept from build to build; made when something is fetched.
        fetch: whether to fetch what is not here; without it, optional packages that are not here are left out.

    Returns:
        An artifact of stage `sources`. Its identity and digest are one hash over every file's source, path, sha256, licence,
        contributor and date, and over the rows of `sources.json`; where the files lie does not enter it.

    Raises:
        Refused: a path is missing or holds no text; a source is unknown or badly described.
        Failed: a source could not be fetched, or what was fetched earlier has changed since.
    """
    files: list[SourceFile]
    if text:
        files, rows = _own(settings, text, downloads)
    else:
        entries = chosen(settings)
        fetched = _fetch(entries if fetch else [one for one in entries if not _is_lacking(one, downloads)], downloads)
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


def absent(settings: SourcesSettings, text: Sequence[Path | str], downloads: Path) -> list[str]:
    """What `collect` would have to fetch: names of sources, or addresses; nothing where all of it is here. Packages that are
    optional are not named, since this system may have none of them."""
    if text:
        return [one for one in text if isinstance(one, str) and _is_lacking(_entry(one), downloads)]
    entries = [one for one in chosen(settings) if not (isinstance(one, DebianEntry) and one.optional)]
    return [one.name for one in entries if _is_lacking(one, downloads)]


def _is_lacking(entry: Entry, downloads: Path) -> bool:
    return not isinstance(entry, FolderEntry) and not folder_of(entry, downloads).exists()


def _own(settings: SourcesSettings, text: Sequence[Path | str], downloads: Path) -> tuple[list[SourceFile], list[dict[str, Any]]]:
    """The user's own text; what is named by its address is fetched first and is then a folder like the others."""
    addresses = list(dict.fromkeys(one for one in text if isinstance(one, str)))
    fetched = dict(zip(addresses, _fetch([_entry(one) for one in addresses], downloads), strict=True))
    roots = {one: fetched[one].files[0].root for one in addresses}
    files, rows = own.collect([roots[one] if isinstance(one, str) else one for one in text], settings.licence or OWN_LICENCE)
    for row in rows:
        roots_of_row = {file.root for file in files if file.source == row["source"]}
        row["uri"] = " ".join(one for one, root in roots.items() if root in roots_of_row) or None
    return files, rows


def _entry(address: str) -> UrlEntry:
    """An address that `--text` named, as a source; one for which the licence is stated otherwise is the same download."""
    return UrlEntry(name=own.SOURCE, kind="url", title=f"text at {address}", url=address)


def _fetch(entries: Sequence[Entry], downloads: Path) -> list[Fetched]:
    """Every entry's source; a few at a time, since each waits for the network first and then for its packer."""
    fetched = []
    if not entries:
        return []
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
