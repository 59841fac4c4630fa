"""robots.txt and tdmrep.json among the records of web archives: found wherever they stand, with their dates."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
from typer.testing import CliRunner

from sejong.cli import app
from sejong.corpus import comply
from sejong.corpus.comply.archive import statements
from sejong.flow import SourceFile
from sejong.recipe import CorpusSettings
from tests.corpus.test_comply import judged, table

ROBOTS = "User-agent: CCBot\nDisallow: /\n"
TDMREP = '[{"location": "/", "tdm-reservation": 1}]'


def record(uri: str, body: str, *, status: int = 200, date: str = "2026-09-03T10:11:12Z", kind: str = "text/plain") -> bytes:
    """A record of a server's answer."""
    content = body.encode()
    http = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
    header = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {uri}\r\nWARC-Date: {date}\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{abs(hash(uri)) % 10**12:012d}>\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return header.encode() + http + b"\r\n\r\n"


def archive(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(gzip.compress(one, mtime=0) for one in records))
    return path


def test_statements_are_found_with_their_dates(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.warc.gz",
        record("https://a.kr/page", "글", kind="text/html"),
        record("https://A.kr:8443/robots.txt", ROBOTS),
        record("https://a.kr/sub/robots.txt", ROBOTS),
        record("https://b.kr/robots.txt", ROBOTS, status=404),
        record("https://c.kr/.well-known/tdmrep.json", TDMREP, date="2026-09-04T00:00:00Z", kind="application/json"),
    )
    assert list(statements(path)) == [("robots", "a.kr", "2026-09-03", ROBOTS), ("tdmrep", "c.kr", "2026-09-04", TDMREP)]


def test_a_page_is_judged_by_its_site_wherever_that_stands(tmp_path: Path) -> None:
    first = archive(tmp_path / "1.warc.gz", record("https://a.kr/page", "글", kind="text/html"))
    second = archive(
        tmp_path / "2.warc.gz",
        record("https://a.kr/robots.txt", ROBOTS),
        record("https://a.kr/robots.txt", ROBOTS, date="2026-10-03T10:11:12Z"),
        record("https://b.kr/robots.txt", "User-agent: *\nDisallow:\n"),
        record("https://c.kr/.well-known/tdmrep.json", TDMREP),
    )
    files = [SourceFile("crawl", tmp_path, path.name, "0", path.stat().st_size) for path in (first, second)]
    (tmp_path / "scratch").mkdir()
    settings = comply.with_archives(CorpusSettings(), files, tmp_path / "scratch")
    (found,) = settings.opt_outs
    assert [one["host"] for one in found["robots"]] == ["a.kr"], "what keeps nobody out is not kept, equal ones once"
    rows = table(*({"locator": f"https://{host}.kr/page"} for host in "abc"))
    assert judged(rows, opt_outs=settings.opt_outs) == [
        "opt_out: opted out by robots.txt `CCBot`, read 2026-10-03: `Disallow: /` at a.kr",
        None,
        "opt_out: opted out by tdmrep.json `tdm-reservation 1`, read 2026-09-03: `/` at c.kr",
    ]
    second.unlink()
    assert comply.with_archives(CorpusSettings(), files, tmp_path / "scratch") == settings, "a killed build does not ask again"
    text = [SourceFile("text", tmp_path, "a.txt", "0", 1)]
    assert comply.with_archives(CorpusSettings(), text, tmp_path / "scratch") == CorpusSettings()


def test_a_damaged_archive_says_what_it_still_can(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.warc.gz", record("https://a.kr/robots.txt", ROBOTS), record("https://b.kr/robots.txt", ROBOTS))
    path.write_bytes(path.read_bytes()[:-20])
    assert [host for _, host, _, _ in statements(path)] == ["a.kr"]


PARAGRAPH = (
    "산골 마을의 우체국은 오래전부터 사람들이 소식을 주고받는 곳이었다. 겨울이면 눈이 길을 막아 편지가 며칠씩 늦었지만 집배원은 "
    "언덕을 넘어 다녔다. 마을 사람들은 난로 옆에 모여 앉아 편지를 소리 내어 읽었고, 글을 모르는 이웃에게는 대신 답장을 써 주었다."
)


def page(title: str, meta: str = "") -> str:
    body = "".join(f"<p>{title} {number}. {PARAGRAPH}</p>" for number in range(4))
    return f'<html lang="ko"><head><title>{title}</title>{meta}</head><body><main><h1>{title}</h1>{body}</main></body></html>'


def test_a_crawl_is_built_without_what_was_opted_out(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    archive(
        tmp_path / "crawl" / "pages.warc.gz",
        record("https://open.kr/1", page("열린 글"), kind="text/html; charset=utf-8"),
        record("https://closed.kr/1", page("닫힌 글"), kind="text/html; charset=utf-8"),
        record("https://open.kr/2", page("표시한 글", '<meta name="robots" content="noai">'), kind="text/html; charset=utf-8"),
        record(
            "https://open.kr/3", page("예약한 글", '<meta name="tdm-reservation" content="1">'), kind="text/html; charset=utf-8"
        ),
    )
    archive(tmp_path / "crawl" / "robotstxt.warc.gz", record("https://closed.kr/robots.txt", ROBOTS))
    run = tmp_path / "runs" / "korea"
    command = ["build", "korea", "--size", "nano", "--text", str(tmp_path / "crawl"), "--run", str(run), "--to", "corpus"]
    done = CliRunner().invoke(app, [*command, "--set", "corpus.filters=[]"])
    assert done.exit_code == 0, (done.output, done.exception)
    kept = pq.read_table(run / "corpus" / "documents", columns=["locator"])["locator"].to_pylist()
    assert kept == ["https://open.kr/1"]
    dropped = pq.read_table(run / "corpus" / "dropped.parquet").to_pylist()
    assert {row["locator"]: row["reason"] for row in dropped if row["rule"] == "opt_out"} == {
        "https://closed.kr/1": "opted out by robots.txt `CCBot`, read 2026-09-03: `Disallow: /` at closed.kr",
        "https://open.kr/2": "opted out by meta-robots `noai`, read 2026-09-03",
        "https://open.kr/3": "opted out by tdm-reservation `1`, read 2026-09-03",
    }
    assert not any(row["excerpt"] for row in dropped if row["rule"] == "opt_out")
    costs = json.loads((run / "corpus" / "opt_outs.json").read_text("utf-8"))
    assert {(cost["signal"], cost["value"]): cost["documents"] for cost in costs} == {
        ("robots.txt", "CCBot"): 1,
        ("meta-robots", "noai"): 1,
        ("tdm-reservation", "1"): 1,
    }
