"""One file by URL, such as a Wikipedia dump."""

import hashlib
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

from sejong.corpus.fetch.catalogue import UrlEntry
from sejong.corpus.fetch.origin import Origin
from sejong.errors import Failed
from sejong.flow.progress import progress

CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte


def fetch(entry: UrlEntry, into: Path, downloads: Path) -> Origin:
    """Put the file under `into`.

    Raises:
        Failed: no network, no such file, too few bytes, or not the hash that sources.toml states.
    """
    into.mkdir(parents=True, exist_ok=True)
    target = into / (PurePosixPath(unquote(urlsplit(entry.url).path)).name or "index.html")
    try:
        with urllib.request.urlopen(entry.url, timeout=TIMEOUT) as answer:
            size = int(answer.headers.get("Content-Length") or 0)
            modified = answer.headers.get("Last-Modified")
            digest = _save(answer, target, entry.name, size)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise Failed(
            f"{entry.url} could not be fetched ({error}): check the network, or give text of your own with --text"
        ) from error
    if size and target.stat().st_size != size:
        raise Failed(f"{entry.url} ended after {target.stat().st_size} of {size} bytes: build again to fetch it anew")
    if entry.sha256 and digest != entry.sha256.lower():
        raise Failed(
            f"{entry.url} has the sha256 {digest}, but [{entry.name}] in sources.toml states {entry.sha256}: correct one of them"
        )
    return Origin(
        uri=entry.url,
        version=digest,
        licence=entry.licence,
        licence_from="sources.toml" if entry.licence else None,
        collected=parsedate_to_datetime(modified).date().isoformat() if modified else None,
    )


def _save(answer: IO[bytes], target: Path, name: str, size: int) -> str:
    """Write the answer to `target`; its sha256."""
    digest = hashlib.sha256()
    with target.open("wb") as stream, progress(f"Fetching {name}", total=size or None, unit="bytes") as bar:
        while block := answer.read(CHUNK):
            stream.write(block)
            digest.update(block)
            bar.advance(len(block))
    return digest.hexdigest()
