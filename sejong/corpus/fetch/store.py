"""Fetched sources on disk: `downloads/<name>-<hash>/files/…` beside `source.json`, whole or absent.

The hash is over the source's table in `sources.toml`: nations that call different things by one name do not take each other's,
and a changed table fetches anew beside what was there. A source is fetched into a folder of another name and renamed when it is
complete, so that a half download is never taken for whole; nothing is ever replaced. A lock keeps two builds from fetching it at
once, and who holds it clears away what a killed one left. Later builds use what is there, after comparing it with the hashes
recorded then.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sejong.corpus.fetch import debian, git, own, url
from sejong.corpus.fetch.catalogue import DebianEntry, Entry, FolderEntry, GitEntry, UrlEntry
from sejong.corpus.fetch.origin import Origin
from sejong.corpus.sources import hash_of_files
from sejong.errors import Failed, Refused
from sejong.flow import SourceFile

RECORD = "source.json"
UNFINISHED = ".part"
FETCH: dict[str, Callable[[Any, Path, Path], Origin]] = {
    "debian": debian.fetch,
    "git": git.fetch,
    "url": url.fetch,
    "mediawiki": url.fetch,
}


@dataclass(frozen=True)
class Fetched:
    """One source: its files, and its row of `sources.json`."""

    files: list[SourceFile]
    row: dict[str, Any]


def bring(entry: Entry, downloads: Path) -> Fetched:
    """The source, from `downloads` where it is there already, else fetched.

    Raises:
        Failed: it could not be fetched, or its files are not what came then.
        Refused: a folder that does not exist.
    """
    if isinstance(entry, FolderEntry):
        return _folder(entry)
    folder = folder_of(entry, downloads)
    downloads.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not folder.exists():
            _fetch(entry, folder, downloads)
    return _listed(entry, folder, _record(folder))


def folder_of(entry: DebianEntry | GitEntry | UrlEntry, downloads: Path) -> Path:
    """Where the source lies once it has been fetched."""
    return downloads / f"{entry.name}-{_hash(_request(entry))[:12]}"


def _request(entry: DebianEntry | GitEntry | UrlEntry) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude={"default", "title"})


def _hash(request: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _lock(folder: Path, timeout: float = -1) -> FileLock:
    return FileLock(folder.with_name(f".{folder.name}.lock"), timeout)


def _record(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Failed(f"{folder / RECORD} cannot be read ({error}): delete {folder} to fetch it again") from error
    return found


def _fetch(entry: DebianEntry | GitEntry | UrlEntry, folder: Path, downloads: Path) -> None:
    """Fetch into a private folder, temporary files included, and rename it. The lock of `folder` is held."""
    _sweep(downloads)
    private = folder.with_name(f".{folder.name}{UNFINISHED}")
    shutil.rmtree(private, ignore_errors=True)
    private.mkdir()
    try:
        origin = FETCH[entry.kind](entry, private / "files", downloads)
        paths = sorted(one.relative_to(private / "files").as_posix() for one in (private / "files").rglob("*") if one.is_file())
        if not paths:
            raise Failed(f"source `{entry.name}` came without a file that matches its patterns: correct `files` in sources.toml")
        files = own.hashed([(entry.name, private / "files", path) for path in paths], kind=entry.kind)
        record = {
            "request": _request(entry),
            "origin": origin.__dict__,
            "files": [{"path": one.path, "sha256": one.sha256, "bytes": one.bytes} for one in files],
        }
        (private / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        private.rename(folder)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _sweep(downloads: Path) -> None:
    """Clear away what killed fetches left; a folder whose lock is held is being fetched into."""
    for left in downloads.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(Timeout), _lock(downloads / left.name.removeprefix(".").removesuffix(UNFINISHED), timeout=0):
            shutil.rmtree(left, ignore_errors=True)


def _listed(entry: DebianEntry | GitEntry | UrlEntry, folder: Path, record: dict[str, Any]) -> Fetched:
    origin = Origin(**record["origin"])
    kept = [(entry.name, folder / "files", str(one["path"])) for one in record["files"]]
    try:
        files = own.hashed(
            kept, kind=entry.kind, licence=origin.licence, contributor=entry.contributor, collected=origin.collected
        )
    except Refused as error:
        raise Failed(f"source `{entry.name}` is no longer whole: delete {folder} to fetch it again") from error
    for file, recorded in zip(files, record["files"], strict=True):
        if file.sha256 != recorded["sha256"]:
            raise Failed(f"{file.location} has changed since it was fetched: delete {folder} to fetch it again")
    return Fetched(files, _row(entry, origin, files))


def _folder(entry: FolderEntry) -> Fetched:
    path = Path(entry.path).expanduser()
    if not path.exists():
        raise Refused(f"source `{entry.name}` is the folder {path}, which does not exist: correct `path` in sources.toml")
    listed, _ = own.collect([path], entry.licence)
    files = own.hashed(
        [(entry.name, one.root, one.path) for one in listed], kind="folder", licence=entry.licence, contributor=entry.contributor
    )
    origin = Origin(uri=None, version=None, licence=entry.licence, licence_from="sources.toml" if entry.licence else None)
    return Fetched(files, _row(entry, origin, files))


def _row(entry: Entry, origin: Origin, files: list[SourceFile]) -> dict[str, Any]:
    return {
        "source": entry.name,
        "kind": entry.kind,
        "title": entry.title,
        "uri": origin.uri,
        "version": origin.version,
        "licence": origin.licence,
        "licence_from": origin.licence_from,
        "collected": origin.collected,
        "files": len(files),
        "bytes": sum(one.bytes for one in files),
        "sha256": hash_of_files(files),
    }
