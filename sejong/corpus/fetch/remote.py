"""Files that fsspec opens: object stores (`s3://`), Hugging Face data sets (`hf://`), and every other scheme it knows."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from sejong.corpus.fetch.catalogue import UrlEntry
from sejong.corpus.read.formats import format_of
from sejong.errors import Failed, Refused
from sejong.flow.progress import progress

CHUNK = 1 << 20
WANTS = {"s3": "s3fs", "hf": "huggingface_hub", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "sftp": "paramiko"}
VERSIONS = ("ETag", "etag", "checksum", "blob_id", "oid", "LastModified", "last_modified", "mtime", "modified", "created")


def fetch(entry: UrlEntry, into: Path, partial: Path) -> str | None:
    """Put the file, or the readable files that the pattern or folder holds, under `into`; the newest day of change, where told.

    Raises:
        Refused: a scheme that is unknown here or whose library is not installed.
        Failed: nothing is there, it may not be read, or a download broke off.
    """
    files, paths = _listed(entry)
    days = []
    with progress(f"Fetching {entry.name}", total=sum(size for _, _, size, _ in paths), unit="bytes") as bar:
        for path, name, size, info in paths:
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(files, path, size, _version(info), target, partial, bar.advance, entry.url)
            days.append(_day(info))
    return max((day for day in days if day), default=None)


def _listed(entry: UrlEntry) -> tuple[Any, list[tuple[str, str, int, dict[str, Any]]]]:
    """The file system, and (path, name below `into`, size, what is known of it) of each file, sorted."""
    scheme = entry.url.partition("://")[0]
    try:
        files, path = fsspec.core.url_to_fs(entry.url)
    except ImportError as error:
        wants = WANTS.get(scheme)
        what = f"install {wants} (`pip install {wants}`)" if wants else str(error)
        raise Refused(f"{entry.url} cannot be opened here: {what}") from error
    except ValueError as error:
        raise Refused(f"{entry.url} is no address that is known here ({error}): give https://, s3:// or hf://") from error
    try:
        if "*" in path:
            base = path[: path.index("*")].rpartition("/")[0]
            found = files.glob(path, detail=True)
        elif files.isdir(path):
            base, found = path, files.find(path, detail=True)
        else:
            base, found = str(PurePosixPath(path).parent), {path: files.info(path)}
    except Exception as error:
        raise _failed(entry.url, error) from error
    named = {one: one.removeprefix(base.rstrip("/")).lstrip("/") for one in found if found[one]["type"] == "file"}
    wanted = sorted(one for one, name in named.items() if len(found) == 1 or format_of(name))
    if not wanted:
        raise Failed(f"{entry.url} holds no file that Sejong reads: correct the address")
    if unsafe := next((name for name in named.values() if ".." in PurePosixPath(name).parts), None):
        raise Failed(f"{entry.url} lists the path {unsafe}, which leads out of the folder: do not use this source")
    return files, [(one, named[one], int(found[one].get("size") or 0), found[one]) for one in wanted]


def _copy(files: Any, path: str, size: int, version: str, target: Path, partial: Path, advance: Any, url: str) -> None:
    """Copy one file; what an earlier try has left of the same version is kept and gone on with."""
    part, said = partial / "file", partial / "head.json"
    stamp = json.dumps([path, size, version])
    if not (version and part.exists() and said.exists() and said.read_text("utf-8") == stamp and part.stat().st_size <= size):
        part.unlink(missing_ok=True)
    said.write_text(stamp, "utf-8")
    try:
        with files.open(path, "rb") as source, part.open("ab") as stream:
            if stream.tell():
                advance(stream.tell())
                source.seek(stream.tell())
            while block := source.read(CHUNK):
                stream.write(block)
                advance(len(block))
    except Exception as error:
        raise _failed(url, error, f"{path} broke off after {part.stat().st_size if part.exists() else 0:,} bytes") from error
    if size and part.stat().st_size != size:
        had = part.stat().st_size
        part.unlink()
        raise Failed(f"{path} gave {had:,} bytes instead of {size:,}: run the same command again to fetch it anew")
    part.replace(target)
    said.unlink()


def _failed(url: str, error: Exception, what: str | None = None) -> Failed:
    """Libraries for stores raise errors of every kind; all of them are one sentence."""
    said = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, FileNotFoundError):
        said = "there is no such file"
    first = what or f"{url} could not be fetched"
    return Failed(f"{first} ({said}): check the address, the network and your right to read it, then run it again")


def _version(info: dict[str, Any]) -> str:
    return " ".join(str(info[key]) for key in VERSIONS if info.get(key) is not None)


def _day(info: dict[str, Any]) -> str | None:
    for key in ("LastModified", "last_modified", "last_commit"):
        date = getattr(info.get(key), "date", None)
        if callable(date):
            return str(date())
    return None
