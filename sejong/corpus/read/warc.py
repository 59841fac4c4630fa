"""Web archives (WARC, WET, ARC): a document for each page that a server gave, with its address, its date and its signals.

Pages are answers of status 200 that hold HTML or plain text, and what others have extracted from such (WET). Everything else is
counted by kind in one row a file. The locator is the page's address; where an archive holds an address again, `#captured=` and
the date follow it. What robots.txt files in it say is `sejong.corpus.comply`'s business.
"""

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import BinaryIO

from resiliparse.parse.encoding import detect_mime

from sejong.corpus.read import html
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.seekable import seekable
from sejong.corpus.read.warc_http import content, marks
from sejong.corpus.read.warc_record import LARGEST
from sejong.corpus.read.warc_records import Record, records

HTML, PLAIN = ("text/html", "application/xhtml+xml"), "text/plain"
VAGUE = ("", "unknown", "application/octet-stream", "application/http", "unk", "no-type")  # media types that say nothing
PAGES = ("response", "resource", "conversion")
ABOUT = ("request", "warcinfo", "metadata")  # records that accompany pages
DATE = re.compile(r"\d{4}-\d\d-\d\d")
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
MOST_NAMED = 8  # kinds in the row that counts what is no page
EXCERPT = 200  # characters


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a page; damaged records are a row each, what is no page one row together."""
    left_out: Counter[str] = Counter()
    described, size, records_found, damaged = 0, 0, 0, False
    seen: set[bytes] = set()
    with seekable(stream) as archive:
        for record in records(archive, _may_be_page):
            records_found += 1
            if isinstance(record, Unread):
                damaged = True
                yield record
            elif (why := _no_page(record)) is not None:
                described += record.kind == "metadata" and record.media_type == "application/json"
                if record.kind not in ABOUT:
                    left_out[why] += 1
                    size += record.size
            else:
                address = blake2b(record.uri.encode("utf-8", "surrogatepass"), digest_size=12).digest()
                found = _page(record, hints, again=address in seen)
                seen.add(address)
                if isinstance(found, str):
                    left_out[found] += 1
                    size += record.size
                else:
                    yield found
    if not seen and described:
        raise Unreadable("it holds descriptions of pages (WAT) and no text: give the WARC or WET file of the same crawl")
    if left_out:
        yield Unread(_counted(left_out), "no-pages", size)
    elif not seen and not damaged:
        raise Unreadable("it holds no page" if records_found else "it holds no record of a web archive")


def _may_be_page(record: Record) -> bool:
    return _no_page(record) is None


def _no_page(record: Record) -> str | None:
    """What a record is if it is no page, in the words of the row that counts them."""
    if record.kind not in PAGES:
        return f"record of type {record.kind}"
    if (status := _status(record)) != 200:
        return f"status {status}" if status else "answer without an HTTP status"
    if record.size > LARGEST:
        return f"larger than {LARGEST >> 20} MiB"
    if not record.uri.lower().startswith(("http://", "https://")):
        return f"no web address ({record.uri.partition(':')[0][:20] or 'none'})"
    if _is_robots(record):
        return "robots.txt"
    media = _media_type(record)
    return None if media in (*HTML, PLAIN, *VAGUE) else media


def _status(record: Record) -> int:
    if record.http is None:
        return 200 if record.kind != "response" or not record.size else 0
    return record.http.status_code or 0


def _media_type(record: Record) -> str:
    """What the server says, else what the crawler found."""
    stated = (record.http.get("Content-Type") or "") if record.http else record.media_type
    media: str = stated.partition(";")[0].strip().lower()
    return record.media_type if media in VAGUE and record.media_type != "application/http" else media


def _is_robots(record: Record) -> bool:
    return re.match(r"https?://[^/?#]*/robots\.txt(?:[?#]|$)", record.uri, re.IGNORECASE) is not None


def _page(record: Record, hints: Hints, *, again: bool) -> Text | Unread | str:
    """A page as a document, as a row where it cannot be read, or what it is if it turns out to be none."""
    assert record.body is not None
    try:
        data = content(record.http, record.body) if record.http else record.body
        media = _media_type(record)
        if media in VAGUE:
            media = detect_mime(data)
            if media not in (*HTML, PLAIN):
                return media
        stated = CHARSET.search(record.http.get("Content-Type") or "") if record.http else None
        charset = stated[1] if stated else None
        said: tuple[str, ...] = ()
        if media == PLAIN:
            text = decode(data, hints, charset)
        else:
            text, said = html.document(decode(data, hints, charset or html.declared(data)))
    except Unreadable as error:
        return Unread(f"{record.uri} cannot be read: {error}", _part(record), record.size)
    cut = (f"truncated:{record.truncated.lower()}",) if record.truncated else ()
    return Text(
        text,
        locator=f"{record.uri}#captured={record.date or len(text)}" if again else record.uri,
        collected=_date(record),
        marks=(*(marks(record.http) if record.http else ()), *said, *cut),
    )


def _part(record: Record) -> str:
    return f"{record.uri}@{record.date}" if record.date else record.uri


def _date(record: Record) -> str | None:
    found = DATE.match(record.date or "")
    return found[0] if found else None


def _counted(kinds: Counter[str]) -> str:
    most = sorted(kinds.items(), key=lambda one: (-one[1], one[0]))
    named = ", ".join(f"{kind} ({count:,})" for kind, count in most[:MOST_NAMED])
    more = f" and {len(most) - MOST_NAMED} more kinds" if len(most) > MOST_NAMED else ""
    return f"{sum(kinds.values()):,} records are no pages of text and were left out: {named}{more}"
