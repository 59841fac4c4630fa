"""What a server's answer says and holds: its content unpacked, and the signals in its headers that compliance asks for."""

import re
import zlib
from collections.abc import Callable, Iterator

import brotli
import pyarrow as pa
from fastwarc.warc import HeaderMap

from sejong.corpus.read.batch import Unreadable

LARGEST = 64 << 20  # bytes of a page, unpacked
CHUNK = re.compile(rb"\s*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
AGENT = re.compile(r"\s*([\w.-]+)\s*:\s*(.*)", re.DOTALL)
# Rules that have a colon of their own (https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag)
WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
PERMISSIVE = {"", "all", "index", "follow", "archive"}  # what holds without being said


def content(http: HeaderMap, body: bytes) -> bytes:
    """The page in the body of an answer: chunks joined, content encodings undone.

    Archives often keep the page as it was after decoding, beside headers that still name the encoding; what does not begin as its
    encoding begins is taken as it is.

    Raises:
        Unreadable: it is packed and damaged, or larger than `LARGEST` when unpacked.
    """
    if "chunked" in (http.get("Transfer-Encoding") or "").lower():
        body = dechunked(body)
    for encoding in reversed((http.get("Content-Encoding") or "").lower().split(",")):
        if unpack := ENCODINGS.get(encoding.strip()):
            body = unpack(body)
            if len(body) > LARGEST:
                raise Unreadable(f"the page is larger than {LARGEST >> 20} MiB when it is unpacked")
    return body


def dechunked(body: bytes) -> bytes:
    """The chunks of a body joined. A body that has no chunks stays as it is; after a wrong length the rest is kept as it is."""
    place = 0
    parts: list[bytes] = []
    while found := CHUNK.match(body, place):
        size = int(found[1], 16)
        if size == 0:
            return b"".join(parts)
        end = found.end() + size
        parts.append(body[found.end() : end])
        place = end
        if end >= len(body):
            return b"".join(parts)
    return b"".join([*parts, body[place:]])


def _gzip(body: bytes) -> bytes:
    return _inflated(body, 31) if body[:2] == b"\x1f\x8b" else body


def _deflate(body: bytes) -> bytes:
    """With zlib's header, as the standard says, or without, as some servers send it."""
    if body[:1] == b"\x78" and len(body) > 1 and (body[0] * 256 + body[1]) % 31 == 0:
        return _inflated(body, 15)
    return body if body.lstrip()[:1] == b"<" else _inflated(body, -15)


def _inflated(body: bytes, window: int) -> bytes:
    try:
        return zlib.decompressobj(window).decompress(body, LARGEST + 1)
    except zlib.error as error:
        raise Unreadable(f"the page is packed and damaged ({error})") from error


def _brotli(body: bytes) -> bytes:
    decoder, parts, size = brotli.Decompressor(), [], 0
    try:
        given = body
        while size <= LARGEST and not decoder.is_finished():
            part = decoder.process(given, output_buffer_limit=1 << 20)
            if not part and not given:
                break
            given = b""
            parts.append(part)
            size += len(part)
    except brotli.error as error:
        if _is_utf8(body):
            return body
        raise Unreadable("the page is packed (brotli) and damaged") from error
    return b"".join(parts)


def _is_utf8(body: bytes) -> bool:
    try:
        return bool(body.decode())
    except UnicodeDecodeError:
        return False


def _zstd(body: bytes) -> bytes:
    if body[:4] != b"\x28\xb5\x2f\xfd":
        return body
    try:
        unpacked: bytes = pa.CompressedInputStream(pa.BufferReader(body), "zstd").read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"the page is packed and damaged ({error})") from error
    return unpacked


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}


def marks(http: HeaderMap) -> Iterator[str]:
    """Signals of the headers: `x-robots-tag:noai`, `x-robots-tag:somebot=noindex`, `tdm-reservation:1`, `tdm-policy:URL`."""
    for value in http.get_multiple("X-Robots-Tag"):
        agent = ""
        for rule in value.split(","):
            if (found := AGENT.fullmatch(rule)) and found[1].lower() not in WITH_VALUE:
                agent, rule = f"{found[1].lower()}=", found[2]
            for forbidden in directives(rule):
                yield f"x-robots-tag:{agent}{forbidden}"
    yield from reservation(http.get("tdm-reservation"), http.get("tdm-policy"))


def directives(value: str) -> Iterator[str]:
    """The rules of a robots header or meta element that forbid something."""
    for rule in value.lower().split(","):
        if (rule := rule.strip()) not in PERMISSIVE and not rule.startswith("max-"):
            yield rule


def reservation(reserved: str | None, policy: str | None) -> Iterator[str]:
    """Marks of the TDM Reservation Protocol (https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/)."""
    if reserved and reserved.strip() in ("0", "1"):
        yield f"tdm-reservation:{reserved.strip()}"
    if policy and policy.strip():
        yield f"tdm-policy:{policy.strip()}"
