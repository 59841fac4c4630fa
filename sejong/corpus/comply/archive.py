"""What the sites of a web archive said when they were read: the robots.txt and tdmrep.json among its records.

A page may stand in one file of a crawl and its site's robots.txt in another, so that all are gone through before any is judged.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sejong.corpus.comply import robots
from sejong.corpus.comply.statements import host_of, shipped, signals
from sejong.corpus.read.batch import Unreadable
from sejong.corpus.read.formats import format_of
from sejong.corpus.read.warc_http import content
from sejong.corpus.read.warc_records import Record, records
from sejong.flow import SourceFile, atomic
from sejong.flow.progress import progress
from sejong.recipe import CorpusSettings

PATHS = {"/robots.txt": "robots", "/.well-known/tdmrep.json": "tdmrep"}
LIST = "the web archive"
FOUND = "statements.json"  # in scratch: a build that was killed does not go through the archives again


def with_archives(settings: CorpusSettings, files: Iterable[SourceFile], scratch: Path) -> CorpusSettings:
    """The settings with one more opt-out list: what the web archives among `files` hold of their sites' statements."""
    archives = [file for file in files if (format_of(file.path) or ("", None))[0] == "warc"]
    if not archives:
        return settings
    path = scratch / FOUND
    if not path.exists():
        found = _gathered(archives, settings.crawlers or list(shipped()))
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(found, ensure_ascii=False), "utf-8")
    return settings.model_copy(update={"opt_outs": [*settings.opt_outs, json.loads(path.read_text("utf-8"))]})


def statements(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """(kind, host, date, text) of each statement in an archive; only what the server gave with status 200 is one."""
    with path.open("rb") as stream:
        for record in records(stream, _wanted):
            if isinstance(record, Record) and record.body is not None:
                try:
                    body = content(record.http, record.body) if record.http else record.body
                except Unreadable:
                    continue  # a statement that nobody could read said nothing
                parts = urlsplit(record.uri)
                kind = PATHS[parts.path.lower()]
                yield kind, host_of(parts.hostname or ""), (record.date or "")[:10], body.decode("utf-8", "replace")


def _wanted(record: Record) -> bool:
    if record.kind not in ("response", "resource") or not record.uri.lower().endswith(tuple(PATHS)):
        return False
    try:
        path = urlsplit(record.uri).path.lower()
    except ValueError:
        return False
    return path in PATHS and (record.http is None or record.http.status_code == 200)


def _gathered(archives: list[SourceFile], crawlers: list[str]) -> dict[str, Any]:
    """One list for all archives. Of equal statements the newest date is kept; what keeps nobody out is not kept."""
    reserving = {kind: one["reserved"] for kind, one in signals()["robots"].items()}
    newest: dict[tuple[str, str, str], str] = {}
    with progress("Reading robots.txt", total=sum(file.bytes for file in archives), unit="bytes") as bar:
        for file in archives:
            for kind, host, date, text in statements(file.location):
                if kind != "robots" or robots.parse(text, reserving).holding_for(crawlers):
                    newest[kind, host, text] = max(date, newest.get((kind, host, text), ""))
            bar.advance(file.bytes)
    rows = [(kind, {"host": host, "date": date, "text": text}) for (kind, host, text), date in sorted(newest.items())]
    return {"name": LIST, **{wanted: [row for kind, row in rows if kind == wanted] for wanted in PATHS.values()}}
