"""Web archives: each page a document with its address, date and signals; damage costs the records it stands in and no others."""

import gzip
import io
import json
import zlib
from pathlib import Path
from random import Random
from typing import Any

import brotli
import pyarrow as pa
import pytest

from sejong.corpus.read import read, warc
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import READERS, Hints, format_of
from sejong.corpus.read.warc_http import dechunked

from .conftest import source

HINTS = Hints(("cp949",), ("Hangul",))
SENTENCE = "한글은 백성을 위하여 만든 글자이다."
Found = list[Text | Unread]


def page(number: int, text: str = SENTENCE, head: str = "") -> str:
    return f"<html><head><title>글 {number}</title>{head}</head><body><main><p>{text} {number}</p></main></body></html>"


def record(
    uri: str,
    body: bytes | str,
    http: str = "Content-Type: text/html; charset=utf-8",
    kind: str = "response",
    status: str = "200 OK",
    date: str = "2024-05-18T01:58:10Z",
    **more: str,
) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    if kind == "response":
        data = f"HTTP/1.1 {status}\r\n{http}\r\n\r\n".encode() + data
        stated = "application/http; msgtype=response"
    else:
        stated = http.partition(": ")[2]
    lines = [f"WARC-Type: {kind}", f"WARC-Target-URI: {uri}", f"WARC-Date: {date}", f"Content-Type: {stated}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    head = "WARC/1.0\r\n" + "\r\n".join([*lines, f"Content-Length: {len(data)}"]) + "\r\n\r\n"
    return head.encode() + data + b"\r\n\r\n"


def found(data: bytes) -> Found:
    return list(warc.read(io.BytesIO(data), HINTS))


def texts(some: Found) -> dict[str, str]:
    return {str(one.locator): one.text for one in some if isinstance(one, Text)}


def reasons(some: Found) -> list[str]:
    return [one.reason for one in some if isinstance(one, Unread)]


PAGES = [record(f"https://example.org/{number}", page(number)) for number in range(20)]
WANTED = {f"https://example.org/{number}": f"# 글 {number}\n\n{SENTENCE} {number}" for number in range(20)}
PACKING: dict[str, Any] = {
    "warc": lambda records: b"".join(records),
    "warc.gz": lambda records: b"".join(map(gzip.compress, records)),
    "warc.zst": lambda records: b"".join(pa.compress(one, codec="zstd", asbytes=True) for one in records),
    "one.warc.gz": lambda records: gzip.compress(b"".join(records)),
}


@pytest.mark.parametrize("kind", PACKING)
def test_pages_with_address_and_date_whatever_the_packing(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.{kind}").write_bytes(PACKING[kind](PAGES))
    [batch] = read([source(tmp_path, f"a.{kind}")], ["cp949"], ["Hangul"])
    assert dict(zip(batch.documents["locator"].to_pylist(), batch.documents["text"].to_pylist(), strict=True)) == WANTED
    assert set(batch.documents["collected"].to_pylist()) == {"2024-05-18"}
    assert batch.dropped.num_rows == 0


def test_what_is_no_page_is_counted_in_one_row() -> None:
    others = [
        record("https://example.org/a.png", b"\x89PNG", "Content-Type: image/png"),
        record("https://example.org/b.png", b"\x89PNG", "Content-Type: image/png"),
        record("https://example.org/gone", page(0), status="404 Not Found"),
        record("https://example.org/robots.txt", "User-agent: *", "Content-Type: text/plain"),
        record("https://example.org/0", "", "Content-Type: application/http", kind="revisit"),
        record("https://example.org/0", "GET / HTTP/1.1", "Content-Type: application/http; msgtype=request", kind="request"),
        record("dns:example.org", "1.2.3.4", "Content-Type: text/dns", kind="resource"),
        record("https://example.org/x", b"\x89PNG\r\n\x1a\n" + bytes(200), "X: y"),
    ]
    some = found(b"".join([*others, PAGES[0], record("https://example.org/t", "그냥 글", "Content-Type: text/plain")]))
    assert texts(some) == {"https://example.org/0": WANTED["https://example.org/0"], "https://example.org/t": "그냥 글"}
    [row] = [one for one in some if isinstance(one, Unread)]
    assert row.reason == (
        "7 records are no pages of text and were left out: image/png (3), no web address (dns) (1), record of type revisit (1), "
        "robots.txt (1), status 404 (1)"
    )
    assert row.part == "no-pages"


def test_extracted_text_is_read_and_metadata_is_refused() -> None:
    wet = record("https://example.org/", SENTENCE, "Content-Type: text/plain", kind="conversion")
    assert texts(found(gzip.compress(wet))) == {"https://example.org/": SENTENCE}
    wat = record("https://example.org/", json.dumps({"Envelope": {}}), "Content-Type: application/json", kind="metadata")
    with pytest.raises(Unreadable, match=r"descriptions of pages \(WAT\) and no text: give the WARC or WET file"):
        found(gzip.compress(wat))
    with pytest.raises(Unreadable, match="no record of a web archive"):
        found(b"")
    assert len(reasons(found(b"not an archive at all\n" * 50))) == 1


CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_content_encodings_and_bodies_that_were_unpacked_before(coding: str) -> None:
    http = f"Content-Type: text/html\r\nContent-Encoding: {coding}"
    data = page(1).encode()
    assert texts(found(record("https://a.kr/", CODINGS[coding](data), http))) == {
        "https://a.kr/": WANTED["https://example.org/1"]
    }
    assert texts(found(record("https://a.kr/", data, http))) == {"https://a.kr/": WANTED["https://example.org/1"]}
    if coding != "br":
        [row] = found(record("https://a.kr/", CODINGS[coding](data)[:4] + b"\xff\x13" * 40, http))
        assert isinstance(row, Unread)
        assert "packed and damaged" in row.reason
    bomb = CODINGS[coding](b"<p>" + b"0" * (80 << 20))
    [row] = found(record("https://a.kr/", bomb, http))
    assert isinstance(row, Unread)
    assert "larger than 64 MiB when it is unpacked" in row.reason


def test_chunks_right_and_wrong() -> None:
    data = page(1).encode()
    chunked = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n" % (10, data[:10], len(data) - 10, data[10:])
    http = "Content-Type: text/html\r\nTransfer-Encoding: chunked"
    for body in (chunked, data):
        assert texts(found(record("https://a.kr/", body, http))) == {"https://a.kr/": WANTED["https://example.org/1"]}
    assert dechunked(b"5\r\nabcdeXYZ") == b"abcdeXYZ"
    assert dechunked(b"ffff\r\nabc") == b"abc"
    assert dechunked(b"") == b""


@pytest.mark.parametrize(
    ("http", "head", "encoding"),
    [
        ("Content-Type: text/html; charset=euc-kr", "", "cp949"),
        ("Content-Type: text/html", '<meta charset="euc-kr">', "cp949"),
        ("Content-Type: text/html", '<meta http-equiv=Content-Type content="text/html; charset=ks_c_5601-1987">', "cp949"),
        ("Content-Type: text/html", "", "cp949"),
        ("Content-Type: text/html; charset=iso-8859-1", "", "cp949"),
        ("Content-Type: text/html; charset=utf-8", "", "cp949"),
        ("Content-Type: text/html; charset=euc-kr", "", "utf-8"),
        ("Content-Type: text/html; charset=nonsense", "", "utf-8"),
    ],
)
def test_the_encoding_is_found_from_header_page_or_text(http: str, head: str, encoding: str) -> None:
    body = page(1, text=SENTENCE * 5, head=head).encode(encoding)
    assert SENTENCE * 5 in texts(found(record("https://a.kr/", body, http)))["https://a.kr/"]


def test_signals_against_use_are_kept_as_marks() -> None:
    http = (
        "Content-Type: text/html\r\nX-Robots-Tag: noai, nofollow\r\n"
        "X-Robots-Tag: SomeBot: noindex, otherbot: none, unavailable_after: 1 Jan 2030\r\ntdm-reservation: 1\r\ntdm-policy: https://a.kr/policy"
    )
    head = '<meta name="robots" content="index, NOAI"><meta name=GPTBot content=noindex><meta name="description" content="noai">'
    [one] = found(record("https://a.kr/", page(1, head=head), http, WARC_Truncated="length"))
    assert isinstance(one, Text)
    assert one.marks == (
        "x-robots-tag:noai",
        "x-robots-tag:nofollow",
        "x-robots-tag:somebot=noindex",
        "x-robots-tag:otherbot=none",
        "x-robots-tag:otherbot=unavailable_after: 1 jan 2030",
        "tdm-reservation:1",
        "tdm-policy:https://a.kr/policy",
        "meta-robots:noai",
        "meta-robots:gptbot=noindex",
        "truncated:length",
    )
    in_page = '<meta name="tdm-reservation" content="1"><meta name="tdm-policy" content="https://a.kr/p">'
    [one] = found(record("https://a.kr/", page(1, head=in_page)))
    assert isinstance(one, Text)
    assert one.marks == ("tdm-reservation:1", "tdm-policy:https://a.kr/p")


def test_an_address_that_comes_again_has_a_locator_of_its_own() -> None:
    again = record("https://example.org/0", page(7), date="2025-01-02T03:04:05Z")
    assert list(texts(found(PAGES[0] + again))) == [
        "https://example.org/0",
        "https://example.org/0#captured=2025-01-02T03:04:05Z",
    ]


@pytest.mark.parametrize("kind", ["warc", "warc.gz", "warc.zst"])
def test_an_archive_cut_in_the_middle_keeps_its_whole_records_and_says_so(kind: str) -> None:
    whole = PACKING[kind](PAGES)
    for cut in range(len(whole) // 2, len(whole) // 2 + 400, 7):
        some = found(whole[:cut])
        kept = texts(some)
        assert kept.items() <= WANTED.items()
        assert len(kept) in (9, 10, 11)
        assert all("cut off" in reason or "damaged" in reason for reason in reasons(some))
        assert len(reasons(some)) <= 1
    sizes = [len(PACKING[kind](PAGES[:number])) for number in range(21)]
    assert not reasons(found(whole[: sizes[10]]))
    assert len(reasons(found(whole[: sizes[10] + 60]))) == 1


@pytest.mark.parametrize("kind", ["warc", "warc.gz", "warc.zst"])
def test_damage_costs_the_records_it_stands_in(kind: str) -> None:
    packed = [PACKING[kind]([one]) for one in PAGES]
    random = Random(3)
    for _ in range(60):
        number = random.randrange(1, 19)
        hurt = bytearray(packed[number])
        place = random.randrange(len(hurt) - 4)
        hurt[place : place + 3] = random.randbytes(3)
        some = found(b"".join([*packed[:number], bytes(hurt), *packed[number + 1 :]]))
        kept = texts(some)
        lost = set(WANTED) - set(kept)
        assert len(lost) <= 2, (number, place, reasons(some))
        assert len(reasons(some)) <= 2
        if lost - {f"https://example.org/{number}"}:
            assert reasons(some)


def test_a_wrong_length_costs_one_record() -> None:
    for wrong in (b"Content-Length: 1", b"Content-Length: 99999", b"Content-Length: x"):
        bad = PAGES[5].replace(PAGES[5][PAGES[5].index(b"Content-Length") :].split(b"\r\n")[0], wrong)
        some = found(b"".join([*PAGES[:5], bad, *PAGES[6:]]))
        assert set(WANTED) - set(texts(some)) == {"https://example.org/5"}
        assert reasons(some) == ["a record is damaged: the archive's other records were kept"]


def test_arc_files_of_the_older_format() -> None:
    about = b"1 0 A Capture\nURL IP-address Archive-date Content-type Archive-length\n"
    version = b"filedesc://a.arc 127.0.0.1 20140216050221 text/plain %d\n%s" % (len(about), about)
    answers = b""
    for number in range(3):
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page(number).encode()
        answers += b"\nhttp://a.kr/%d 1.2.3.4 20140216050221 text/html %d\n" % (number, len(answer)) + answer
    for data in (version + answers, gzip.compress(version) + gzip.compress(answers)):
        some = found(data)
        assert texts(some) == {f"http://a.kr/{number}": f"# 글 {number}\n\n{SENTENCE} {number}" for number in range(3)}
        assert {one.collected for one in some if isinstance(one, Text)} == {"2014-02-16"}
    cut = found((version + answers)[:-40])
    assert len(texts(cut)) == 2
    assert len(reasons(cut)) == 1


def test_text_dumps_edited_by_hand_with_other_line_ends() -> None:
    head = "WARC/1.0\nWARC-Type: conversion\nContent-Type: text/plain\nContent-Length: 9999\n"
    data = "".join(f"{head}WARC-Target-URI: http://a.kr/{number}\n\n글 {number}\n\n" for number in range(3))
    assert texts(found(data.encode())) == {f"http://a.kr/{number}": f"글 {number}\n\n" for number in range(3)}


def test_the_shared_archives(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "formats" / "expected.jsonl").read_text("utf-8").splitlines()]
    archives = [row for row in rows if row["file"].startswith("warc/") and format_of(row["file"])]
    assert len(archives) > 15
    for row in archives:
        name = Path(row["file"]).name
        with (shared_data / "formats" / row["file"]).open("rb") as stream:
            try:
                some = list(warc.read(stream, HINTS))
            except Unreadable as error:
                assert "wat" in name, (name, error)
                continue
        assert some, name
        squeezed = "".join("".join(texts(some).values()).split())
        for passage in row.get("contains", []):
            assert "".join(passage.split()) in squeezed, (name, passage)
        if "clipped" in name:
            assert any("cut off" in reason for reason in reasons(some))
    with (shared_data / "formats" / "warc" / "chatnoir-resiliparse__warcfile.warc.gz").open("rb") as stream:
        real = [one for one in warc.read(stream, HINTS) if isinstance(one, Text)]
    assert len(real) == 16
    assert any("пожарной безопасности" in one.text for one in real)


def test_the_reader_is_registered() -> None:
    assert READERS["warc"]() is warc.read
