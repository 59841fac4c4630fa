"""Files by their addresses: `https://` here, `s3://`, `hf://` and others through fsspec (`sejong.corpus.fetch.remote`).

A download that breaks off goes on where it stopped, in this build or a later one, if the server says that the file is still
the same.
"""

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from sejong.corpus.fetch import remote
from sejong.corpus.fetch.catalogue import UrlEntry
from sejong.corpus.fetch.origin import Origin
from sejong.corpus.read.formats import format_of
from sejong.errors import Failed, Refused
from sejong.flow import sha256_file
from sejong.flow.progress import progress

CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte
TRIES = 5  # in a row that bring not one byte
PARTIAL = ".partial"  # folder of unfinished downloads
SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "application/pdf": ".pdf",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/zip": ".zip",
    "application/warc": ".warc",
}


@dataclass(frozen=True)
class _Head:
    """What a server says of a file."""

    size: int | None
    version: str | None  # an entity tag or a date, by which it tells whether a file is still the same
    modified: str | None
    media_type: str


def fetch(entry: UrlEntry, into: Path, downloads: Path) -> Origin:
    """Put the file, or the files that the address's pattern names, under `into`.

    Raises:
        Refused: an address that nothing here opens, or a pattern where the scheme cannot list.
        Failed: no network, no such file, too few bytes, or not the hash that sources.toml states.
    """
    into.mkdir(parents=True, exist_ok=True)
    partial = downloads / PARTIAL / into.parent.name
    partial.mkdir(parents=True, exist_ok=True)
    if urlsplit(entry.url).scheme in ("http", "https"):
        if "*" in entry.url:
            raise Refused(f"{entry.url} has a `*`, but https cannot list files: name each file, or use s3:// or hf://")
        date = _download(entry, into, partial)
    else:
        date = remote.fetch(entry, into, partial)
    partial.rmdir()
    files = sorted(one for one in into.rglob("*") if one.is_file())
    version = sha256_file(files[0]) if len(files) == 1 else None
    if entry.sha256 and version != entry.sha256.lower():
        found = f"the sha256 {version}" if version else f"{len(files)} files"
        raise Failed(f"{entry.url} has {found}, but [{entry.name}] in sources.toml states {entry.sha256}: correct one of them")
    return Origin(
        uri=entry.url,
        version=version,
        licence=entry.licence,
        licence_from="sources.toml" if entry.licence else None,
        collected=date,
    )


def _download(entry: UrlEntry, into: Path, partial: Path) -> str | None:
    """Download one file; the day of its last change as the server gives it."""
    part, said = partial / "file", partial / "head.json"
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            head = _more(entry, part, said)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures = failures + 1 if (part.stat().st_size if part.exists() else 0) <= before else 0
            if _is_final(error) or failures >= TRIES:
                raise Failed(_sentence(entry.url, error, part, said)) from error
            continue
        had = part.stat().st_size
        if head.size is None or had == head.size:
            break
        failures = failures + 1 if had <= before else 0
        if had > head.size:
            part.unlink()
            raise Failed(f"{entry.url} gave {had:,} bytes instead of {head.size:,}: run the same command again to fetch it anew")
        if failures >= TRIES:
            raise Failed(_sentence(entry.url, EOFError("the server ended it"), part, said))
    part.replace(into / _file_name(entry.url, head.media_type))
    said.unlink(missing_ok=True)
    return parsedate_to_datetime(head.modified).date().isoformat() if head.modified else None


def _more(entry: UrlEntry, part: Path, said: Path) -> _Head:
    """Ask for the file, or for what is missing of it, and write what comes."""
    had = _known(part, said)
    before = part.stat().st_size if had else 0
    if had is not None and had.size == before:
        return had
    request = urllib.request.Request(_ascii(entry.url))
    if had is not None and had.version:
        request.add_header("Range", f"bytes={before}-")
        request.add_header("If-Range", had.version)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        goes_on = answer.status == http.client.PARTIAL_CONTENT
        before = before if goes_on else 0
        head = _head(answer.headers, before)
        said.write_text(json.dumps(head.__dict__), "utf-8")
        left = head.size - before if head.size else None
        with part.open("ab" if goes_on else "wb") as stream, progress(f"Fetching {entry.name}", left, "bytes") as bar:
            while block := answer.read1(CHUNK):
                stream.write(block)
                bar.advance(len(block))
    return head


def _known(part: Path, said: Path) -> _Head | None:
    """What the server said of the file whose beginning is here already."""
    try:
        return _Head(**json.loads(said.read_text("utf-8"))) if part.exists() and part.stat().st_size else None
    except (OSError, ValueError, TypeError):
        return None


def _head(headers: Message, before: int) -> _Head:
    length = headers.get("Content-Length")
    tag = headers.get("ETag")
    return _Head(
        size=before + int(length) if length and length.isdecimal() else None,
        version=tag if tag and not tag.startswith("W/") else headers.get("Last-Modified"),
        modified=headers.get("Last-Modified"),
        media_type=headers.get_content_type(),
    )


def _is_final(error: Exception) -> bool:
    """Whether asking again is no use: the server knows no such file, or the address is none."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 416, 429)
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def _sentence(url: str, error: Exception, part: Path, said: Path) -> str:
    had = part.stat().st_size if part.exists() else 0
    known = _known(part, said)
    if had and known and known.size:
        return (
            f"{url} broke off after {had:,} of {known.size:,} bytes ({error}): run the same command again, it goes on from there"
        )
    return f"{url} could not be fetched ({error}): check the address and the network, or give text of your own with --text"


def _file_name(url: str, media_type: str) -> str:
    """The last part of the address; with the suffix of what the server says it is where the address has none that is read."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name.replace("\0", "") or "index"
    return name if format_of(name) or media_type not in SUFFIXES else name + SUFFIXES[media_type]


def _ascii(url: str) -> str:
    """The address as it is sent: letters beyond ASCII percent-encoded."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]") if not url.isascii() else url
