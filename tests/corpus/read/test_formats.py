"""Each format becomes documents with headings, and everything that cannot be read becomes one row with a reason."""

import bz2
import errno
import gzip
import hashlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sejong.corpus.read import DOCUMENT, UNREADABLE, parquet, plain, read
from sejong.corpus.read.batch import identifier
from sejong.corpus.read.formats import FORMATS, READERS, format_of, reader_of
from sejong.errors import Failed

from .conftest import source

ENCODINGS, SCRIPTS = ("cp949", "johab"), ("Hangul",)
SENTENCE = "한글은 세종대왕이 백성을 위하여 만든 글자이다."
Rows = list[dict[str, object]]
zstd = partial(pa.compress, codec="zstd", asbytes=True)


def read_all(folder: Path, *names: str) -> tuple[Rows, Rows]:
    """The rows of both tables for files of a folder."""
    files = [source(folder, name, licence="CC0-1.0") for name in names]
    documents, dropped = [], []
    for batch in read(files, ENCODINGS, SCRIPTS):
        assert batch.documents.schema == DOCUMENT
        assert batch.dropped.schema == UNREADABLE
        documents += batch.documents.to_pylist()
        dropped += batch.dropped.to_pylist()
    return documents, dropped


def write(folder: Path, name: str, content: bytes | str) -> str:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return name


def reason(folder: Path, name: str, content: bytes | str) -> str:
    """Why a file was not read; there is exactly one row for it and no document."""
    documents, dropped = read_all(folder, write(folder, name, content))
    assert documents == []
    assert [row["rule"] for row in dropped] == ["unreadable"]
    assert dropped[0]["locator"] == name
    return str(dropped[0]["reason"])


def test_a_text_file_is_one_document_with_what_is_known_of_its_file(tmp_path: Path) -> None:
    documents, dropped = read_all(tmp_path, write(tmp_path, "a.txt", f"\ufeff{SENTENCE}\r\n\r\n\r\n\r\n둘째\x00 줄 \t\n"))
    assert dropped == []
    assert documents == [
        {
            "id": identifier("text", "a.txt"),
            "text": f"{SENTENCE}\n\n둘째 줄",
            "source": "text",
            "locator": "a.txt",
            "licence": "CC0-1.0",
            "contributor": None,
            "collected": None,
            "marks": [],
        }
    ]


@pytest.mark.parametrize(
    ("suffix", "packed"),
    [(".gz", gzip.compress), (".zst", zstd), (".bz2", bz2.compress)],
)
def test_packed_files_are_read_and_cut_ones_are_a_row(tmp_path: Path, suffix: str, packed: object) -> None:
    data = packed("".join(f"{SENTENCE} {number}\n" for number in range(3000)).encode())  # type: ignore[operator]
    documents, _ = read_all(tmp_path, write(tmp_path, f"whole.txt{suffix}", data))
    assert str(documents[0]["text"]).endswith("2999")
    assert "damaged or cut off" in reason(tmp_path, f"cut.txt{suffix}", data[: len(data) // 2])
    assert "damaged or cut off" in reason(tmp_path, f"other.txt{suffix}", b"no archive at all, but plain words")


def test_json_lines_keep_what_each_row_says_and_drop_only_broken_lines(tmp_path: Path) -> None:
    rows = [
        json.dumps({"text": "하나", "id": 7, "licence": "CC-BY-4.0", "collected": "2020-01-02", "contributor": "국립국어원"}),
        '{"text": "끊긴',
        json.dumps({"text": "둘", "locator": "https://example.org/2", "source": "신문", "id": "x"}),
        json.dumps({"body": "text가 없다"}),
        json.dumps(["목록"]),
        "",
        json.dumps({"text": "셋"}),
        json.dumps({"text": "\ud55c \ud83d"}),
    ]
    documents, dropped = read_all(tmp_path, write(tmp_path, "a.jsonl", "\n".join(rows)))
    assert [(one["text"], one["source"], one["locator"], one["licence"]) for one in documents[:3]] == [
        ("하나", "text", "7", "CC-BY-4.0"),
        ("둘", "신문", "https://example.org/2", "CC0-1.0"),
        ("셋", "text", hashlib.sha256("셋".encode()).hexdigest(), "CC0-1.0"),
    ]
    assert documents[1]["id"] == hashlib.sha256("신문https://example.org/2".encode()).hexdigest()
    assert documents[0]["contributor"] == "국립국어원"
    assert documents[0]["collected"] == "2020-01-02"
    assert documents[3]["text"] == "한 \ufffd"
    assert [row["locator"] for row in dropped] == ["a.jsonl#line-2", "a.jsonl#line-4", "a.jsonl#line-5"]
    assert "line 2 is not JSON" in str(dropped[0]["reason"])
    assert dropped[0]["excerpt"] == '{"text": "끊긴'


def test_a_cut_archive_of_json_lines_keeps_whole_lines_and_says_so(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": f"{SENTENCE} {os.urandom(40).hex()}", "id": number}) + "\n" for number in range(40000))
    data = gzip.compress(lines.encode(), 1)
    documents, dropped = read_all(tmp_path, write(tmp_path, "a.jsonl.gz", data[:-1000]))
    assert 1000 < len(documents) < 40000
    assert ["damaged or cut off" in str(row["reason"]) for row in dropped] == [True]


def test_parquet_rows_with_other_columns_and_packed(tmp_path: Path) -> None:
    table = pa.table({"text": ["하나", None, "셋"], "id": [1, 2, 3], "url": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "b.parquet.zst").write_bytes(zstd((tmp_path / "a.parquet").read_bytes()))
    for name in ("a.parquet", "b.parquet.zst"):
        documents, dropped = read_all(tmp_path, name)
        assert [(one["text"], one["locator"]) for one in documents] == [("하나", "1"), ("셋", "3")]
        assert [row["locator"] for row in dropped] == [f"{name}#row-2"]
    pq.write_table(pa.table({"content": ["하나"]}), tmp_path / "c.parquet")
    assert "no column `text`" in reason(tmp_path, "c.parquet", (tmp_path / "c.parquet").read_bytes())
    whole = (tmp_path / "a.parquet").read_bytes()
    for damaged in (whole[:-20], whole[:4] + b"\xff" * 40 + whole[44:]):
        assert "not a whole Parquet file" in reason(tmp_path, "d.parquet", damaged)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("---\n제목: 민법\n부처:\n- 법무부\n  이름: x\n출처: https://a/b\n---\n\n# 민법\n\n제1조", "# 민법\n\n제1조"),
        ("---\r\ntitle: x\r\n---\r\n글", "글"),
        ("---\n그냥 문장이다.\n---\n글", "---\n그냥 문장이다.\n---\n글"),
        ("---\na: b\n끝나지 않는다", "---\na: b\n끝나지 않는다"),
        ("# 제목\n---\na: b\n---\n", "# 제목\n---\na: b\n---"),
    ],
)
def test_markdown_without_front_matter(tmp_path: Path, text: str, kept: str) -> None:
    documents, _ = read_all(tmp_path, write(tmp_path, "a.md", text))
    assert [one["text"] for one in documents] == [kept]


def test_html_keeps_title_headings_lists_and_tables_and_leaves_navigation(tmp_path: Path) -> None:
    page = """<html><head><title>김치 담그기 - 요리책</title></head><body>
    <nav><a href="/">처음</a> 메뉴</nav>
    <main><h1>김치 <b>담그기</b></h1><p>배추를   절인다.<br>하룻밤 둔다.</p>
    <ul><li>소금<ul><li>굵은 것</li></ul></li><li><p>배추</p></li></ul>
    <h2>순서</h2><ol><li>씻는다</li><li>버무린다 &amp; 담는다</li></ol>
    <table><tr><th>재료</th><th>양</th></tr><tr><td rowspan=2>파</td><td>한 단</td></tr><tr><td>a|b</td></tr></table>
    <pre>if x:
    y</pre></main><footer>저작권</footer></body></html>"""
    documents, _ = read_all(tmp_path, write(tmp_path, "a.html", page))
    assert documents[0]["text"] == (
        "# 김치 담그기\n\n배추를 절인다.\n하룻밤 둔다.\n\n"
        "- 소금\n  - 굵은 것\n- 배추\n\n## 순서\n\n1. 씻는다\n2. 버무린다 & 담는다\n\n"
        "| 재료 | 양 |\n| --- | --- |\n| 파 | 한 단 |\n| 파 | a\\|b |\n\nif x:\n    y"
    )


def test_html_says_its_encoding_and_a_page_without_heading_gets_its_title(tmp_path: Path) -> None:
    page = f'<html><head><meta charset="euc-kr"><title>제목</title></head><body><main><p>{SENTENCE}</p></main></body></html>'
    documents, _ = read_all(tmp_path, write(tmp_path, "a.htm", page.encode("cp949")))
    assert documents[0]["text"] == f"# 제목\n\n{SENTENCE}"


def test_a_table_of_many_rows_takes_linear_time(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>{number}<td>값" for number in range(9000))
    documents, _ = read_all(tmp_path, write(tmp_path, "a.html", f"<title>표</title><main><table>{rows}</table></main>"))
    assert "| 8999 | 값 |" in str(documents[0]["text"])


def test_mallard_pages_become_markdown(tmp_path: Path) -> None:
    page = """<page xmlns="http://projectmallard.org/1.0/" id="a"><info><desc>설명</desc></info><title>암호 지정</title>
    <p>길게   <em>정합니다</em>.</p><section><title>방법</title>
    <steps><item><p>연다.</p></item><item><p>닫는다.</p></item></steps></section></page>"""
    documents, _ = read_all(tmp_path, write(tmp_path, "a.page", page))
    assert documents[0]["text"] == "# 암호 지정\n\n길게 정합니다.\n\n## 방법\n\n1. 연다.\n1. 닫는다."
    assert "not well-formed" in reason(tmp_path, "b.page", "<page><title>끊긴")
    assert "entities" in reason(tmp_path, "c.page", '<!DOCTYPE page [<!ENTITY a "b">]><page>&a;</page>')


WIKI = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="ko">
<siteinfo><sitename>백과</sitename>
<base>https://ko.example.org/wiki/%EB%8C%80%EB%AC%B8</base><namespaces><namespace key="0" /><namespace key="6">파일</namespace>
<namespace key="14">분류</namespace></namespaces></siteinfo>
<page><title>한글 자모</title><ns>0</ns><id>1</id><revision><id>2</id><timestamp>2025-01-02T03:04:05Z</timestamp>
<text>{{틀|a=b}}'''한글'''은 [[세종|세종대왕]]이 만들었다.&lt;ref&gt;출처&lt;/ref&gt; [[파일:a.jpg|섬네일|그림]]
== 역사 ==
* 하나
{| class="wikitable"
| 표
|}
[[분류:글자]]</text></revision></page>
<page><title>옛이름</title><ns>0</ns><id>3</id><redirect title="한글" />
<revision><id>4</id><timestamp>2025-01-02T03:04:05Z</timestamp>
<text>#넘겨주기 [[한글]]</text></revision></page>
<page><title>토론:한글</title><ns>1</ns><id>5</id><revision><id>6</id><timestamp>2025-01-02T03:04:05Z</timestamp><text>말</text></revision></page>
</mediawiki>"""


def test_a_mediawiki_dump_gives_its_articles(tmp_path: Path) -> None:
    documents, dropped = read_all(tmp_path, write(tmp_path, "dump.xml.bz2", bz2.compress(WIKI.encode())))
    assert dropped == []
    assert [(one["text"], one["locator"], one["collected"]) for one in documents] == [
        (
            "# 한글 자모\n\n한글은 세종대왕이 만들었다.\n\n## 역사\n\n- 하나",
            "https://ko.example.org/wiki/%ED%95%9C%EA%B8%80_%EC%9E%90%EB%AA%A8",
            "2025-01-02",
        )
    ]
    assert "not a MediaWiki export" in reason(tmp_path, "feed.xml", "<rss></rss>")
    documents, dropped = read_all(tmp_path, write(tmp_path, "cut.xml", WIKI.encode()[:900]))
    assert len(dropped) == 1


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.txt", b"", "holds no text"),
        ("blank.md", " \n\t\n", "holds no text"),
        ("junk.txt", bytes(range(256)) * 40, "binary data"),
        ("junk.jsonl", b"\x00\x01\x02\x03" * 50, "not JSON"),
        ("broken.pdf", b"%PDF-1.4\nnothing more", "damaged"),
        ("empty.html", "<html><body></body></html>", "holds no text"),
    ],
)
def test_what_holds_no_text_is_one_row(tmp_path: Path, name: str, content: bytes | str, why: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    documents, dropped = read_all(tmp_path, name)
    assert documents == []
    assert len(dropped) == 1
    assert why in str(dropped[0]["reason"])


def test_a_file_that_went_away_or_changed_ends_the_run(tmp_path: Path) -> None:
    for change in (Path.unlink, lambda path: path.write_text("other", "utf-8"), lambda path: path.write_text("text!", "utf-8")):
        path = tmp_path / write(tmp_path, "a.txt", "text.")
        listed = source(tmp_path, "a.txt")
        change(path)
        with pytest.raises(Failed, match=r"a\.txt (cannot be read \(No such file|was changed while).* run the same"):
            list(read([listed], ENCODINGS, SCRIPTS))


def test_a_file_that_changes_under_its_reader_ends_the_run(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{SENTENCE * 40} {number}"}, ensure_ascii=False) for number in range(10_000)]
    listed = source(tmp_path, write(tmp_path, "a.jsonl", "\n".join(lines)))
    batches = read([listed], ENCODINGS, SCRIPTS)
    assert next(batches).documents.num_rows
    with (tmp_path / "a.jsonl").open("a") as stream:
        stream.write('\n{"text": "덧붙임"}')
    with pytest.raises(Failed, match=r"a\.jsonl was changed while it was being read: run the same command again"):
        list(batches)


MACHINE = [
    (OSError(errno.ENOSPC, "No space left on device"), r"cannot be read \(No space left on device\): put that right"),
    (OSError(errno.EMFILE, "Too many open files"), r"cannot be read \(Too many open files\)"),
    (MemoryError(), "needs more memory than is free here"),
    (pa.ArrowMemoryError("malloc of size 7 failed"), "needs more memory than is free here"),
]


@pytest.mark.parametrize(("error", "sentence"), MACHINE)
@pytest.mark.parametrize("name", ["a.txt", "a.parquet.zst"])
def test_what_the_machine_could_not_do_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, sentence: str
) -> None:
    pq.write_table(pa.table({"text": [SENTENCE]}), tmp_path / "a.parquet")
    packed = zstd((tmp_path / "a.parquet").read_bytes())
    write(tmp_path, name, packed if name.endswith("zst") else SENTENCE)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(plain, "decode", fail)
    monkeypatch.setattr(parquet, "seekable", fail)
    with pytest.raises(Failed, match=sentence):
        list(read([source(tmp_path, name)], ENCODINGS, SCRIPTS))


@pytest.mark.parametrize("suffix", [".parquet", ".parquet.zst", ".txt.gz", ".jsonl.bz2", ".html", ".pdf"])
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_never_ends_the_run(tmp_path: Path, suffix: str, random: Random) -> None:
    pq.write_table(pa.table({"text": [f"{SENTENCE} {number}" for number in range(200)]}), tmp_path / "whole.parquet")
    packed = {".zst": zstd, ".gz": gzip.compress, ".bz2": bz2.compress}
    whole = (tmp_path / "whole.parquet").read_bytes() if "parquet" in suffix else f"%PDF-1.4 <p>{SENTENCE}</p>\n".encode() * 99
    data = bytearray(packed.get(suffix[suffix.rfind(".") :], bytes)(whole))
    for _ in range(random.randint(1, 20)):
        data[random.randrange(len(data))] = random.randrange(256)
    documents, dropped = read_all(tmp_path, write(tmp_path, f"a{suffix}", bytes(data)))
    assert documents or dropped


def test_a_library_that_is_missing_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.html", f"<p>{SENTENCE}")
    monkeypatch.delitem(sys.modules, "sejong.corpus.read.html", raising=False)
    monkeypatch.setitem(sys.modules, "resiliparse.parse.html", None)
    with pytest.raises(Failed, match=r"the html reader cannot start \(.*resiliparse.*\): run `make setup`"):
        list(read([source(tmp_path, "a.html")], ENCODINGS, SCRIPTS))


def test_every_registered_reader_exists() -> None:
    assert set(FORMATS.values()) == set(READERS)
    for name in READERS:
        assert reader_of(name).__module__ == f"sejong.corpus.read.{name}"
    assert format_of("A.TXT.GZ") == ("plain", "gzip")
    assert [format_of(name) for name in ("a.exe", "txt", ".gz", "a.gz", ".txt")] == [None] * 5
