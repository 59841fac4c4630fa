"""One record of a web archive, and the answer of a server in it."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from fastwarc.warc import HeaderMap

LARGEST = 64 << 20  # bytes of a record that is read
HEADER = 1 << 16  # bytes in which a record's own header ends, and an answer's
BLOCK = 1 << 20
CUT = "the archive ends inside a record: it was cut off, and the whole records before that were kept"


@dataclass(frozen=True, slots=True)
class Record:
    """A record: what it is, of which address, from when, and its content as it stands in the archive.

    `http` are the status line and headers of a response, in which case `body` is what follows them; `body` is none where the
    record was not wanted or is larger than `LARGEST`. `size` is in bytes, headers included.
    """

    kind: str
    uri: str
    date: str | None
    media_type: str
    truncated: str | None
    http: HeaderMap | None
    body: bytes | None
    size: int


Wanted = Callable[[Record], bool]


def described(kind: str, headers: HeaderMap, http: HeaderMap | None, size: int) -> Record:
    """A record without its body, from its own headers."""
    stated = headers.get("WARC-Identified-Payload-Type") or headers.get("Content-Type") or ""
    return Record(
        kind=kind,
        uri=(headers.get("WARC-Target-URI") or "").strip("<> "),
        date=headers.get("WARC-Date"),
        media_type=stated.partition(";")[0].strip().lower(),
        truncated=headers.get("WARC-Truncated"),
        http=http,
        body=None,
        size=size,
    )


def answer(data: bytes) -> tuple[HeaderMap | None, bytes]:
    """Status line and headers at the beginning of a server's answer, and what follows them; none where it begins otherwise."""
    if not data.startswith(b"HTTP/"):
        return None, data
    mark = next((one for one in (b"\r\n\r\n", b"\n\n") if one in data), b"")
    head, _, rest = data.partition(mark) if mark else (data, b"", b"")
    http = HeaderMap()
    http.parse(io.BytesIO(b"\r\n".join(head.splitlines()) + b"\r\n\r\n"))
    return http, rest
