"""A small whole file of every format, made here, for tests that damage files."""

import bz2
import gzip
import io
import json
from collections.abc import Callable
from email.message import EmailMessage

import pyarrow as pa
import pyarrow.parquet as pq

from . import test_epub, test_hwp5, test_hwpx, test_mbox, test_office
from .test_archive import tarred, zipped
from .test_formats import WIKI
from .test_pdf import pdf
from .test_warc import page, record

SENTENCE = "한글은 세종대왕이 백성을 위하여 만든 글자이다."
HTML = f"""<html><head><meta charset=utf-8><title>제목</title><meta name=robots content=noai></head><body>
<nav><a href=/>메뉴</a></nav><main><h1>제목</h1><p>{SENTENCE}</p><ul><li>하나<ol><li>둘</ol></ul>
<table><tr><th>가<th>나<tr><td rowspan=2>다<td>라<tr><td>마</table>
<blockquote><p>말</p></blockquote><pre><code>x = 1</code></pre></main></body></html>"""
MALLARD = f"""<page xmlns="http://projectmallard.org/1.0/" id="a"><title>제목</title><section><title>둘</title><p>{SENTENCE}</p>
<steps><item><p>연다.</p></item></steps><table><tr><td>가</td></tr></table></section></page>"""


def samples() -> dict[str, bytes]:
    """Files by name; the suffix says which reader is meant."""
    rows = "\n".join(json.dumps({"text": f"{SENTENCE} {number}", "id": number}, ensure_ascii=False) for number in range(9))
    found: dict[str, bytes] = {
        "a.txt": (SENTENCE * 20).encode("cp949"),
        "a.md": f"---\ntitle: x\n---\n# 제목\n\n{SENTENCE}".encode(),
        "a.html": HTML.encode(),
        "b.html": HTML.replace("utf-8", "euc-kr").encode("cp949"),
        "a.page": MALLARD.encode(),
        "a.jsonl": rows.encode(),
        "a.jsonl.gz": gzip.compress(rows.encode(), mtime=0),
        "a.xml": WIKI.encode(),
        "a.xml.bz2": bz2.compress(WIKI.encode()),
        "a.parquet": _parquet(),
        "a.pdf": pdf([[(60, 700 - 14 * line, 11, f"A line of text, number {line}.") for line in range(20)]] * 3),
        "a.mbox": _mail(),
        "a.zip": zipped({"a.txt": SENTENCE, "b.html": HTML, "c.jsonl": rows, "d.warc": _warc(bytes), "e.png": "x"}),
        "a.tar": tarred({"a.txt": SENTENCE, "b.html": HTML}),
        "a.tar.gz": gzip.compress(tarred({"a.txt": SENTENCE, "b.html": HTML}), mtime=0),
        "a.warc": _warc(bytes),
        "a.warc.gz": _warc(lambda data: gzip.compress(data, mtime=0)),
        "a.warc.zst": _warc(lambda data: pa.compress(data, codec="zstd", asbytes=True)),
        "a.arc": b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain 4\n1 0\n\n"
        b"http://a.kr/ 1.2.3.4 20140216050221 text/html 20\n<p>0123456789abcdef</",
        "a.hwpx": test_hwpx.package(test_hwpx.p(SENTENCE) * 3),
        "a.hwp": test_hwp5.document(test_hwp5.paragraph(SENTENCE) + test_hwp5.paragraph("둘")),
        "a.docx": _word(),
        "a.pptx": _slides(),
        "a.odt": _open_document(),
        "a.epub": test_epub.book({"a": test_epub.page(f"<h1>장</h1><p>{SENTENCE}</p>")}, ["a"]),
    }
    return found


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [f"{SENTENCE} {number}" for number in range(50)], "id": list(range(50))}), out)
    return out.getvalue()


def _mail() -> bytes:
    messages = []
    for number in range(3):
        made = EmailMessage()
        made["Subject"] = f"제목 {number}"
        made["Date"] = "Mon, 1 Jan 2024 23:30:00 +0900"
        made.set_content(SENTENCE)
        made.add_alternative(HTML, subtype="html")
        messages.append(made)
    return test_mbox.box(*messages)


def _warc(pack: Callable[[bytes], bytes]) -> bytes:
    http = "Content-Type: text/html\r\nContent-Encoding: gzip"
    pages = [record(f"https://a.kr/{number}", page(number)) for number in range(4)]
    packed = [record("https://a.kr/z", gzip.compress(page(9).encode(), mtime=0), http)]
    chunked = [
        record("https://a.kr/c", b"5\r\n<p>ab\r\n3\r\ncde\r\n0\r\n\r\n", "Content-Type: text/html\r\nTransfer-Encoding: chunked")
    ]
    return b"".join(map(pack, [*pages, *packed, *chunked]))


def _word() -> bytes:
    body = test_office.p("제목", '<w:pStyle w:val="a1"/>') + test_office.p(SENTENCE, test_office.numbered(1))
    table = f"<w:tbl><w:tr><w:tc>{test_office.p('가')}</w:tc><w:tc>{test_office.p('나')}</w:tc></w:tr></w:tbl>"
    parts = {"word/document.xml": f"<w:document {test_office.W}><w:body>{body}{table}</w:body></w:document>"}
    return test_office.package(**parts, **{"word/styles.xml": test_office.STYLES, "word/numbering.xml": test_office.NUMBERING})


def _slides() -> bytes:
    space, relation = test_office.A, "<R><Relationship Id='r1' Type='x/slide' Target='slides/slide1.xml'/></R>"
    parts = {
        "ppt/slides/slide1.xml": f"<p:sld {space}>{test_office.shape('title', test_office.run(SENTENCE))}</p:sld>",
        "ppt/presentation.xml": f"<p:presentation {space}><p:sldIdLst><p:sldId id='9' r:id='r1'/></p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relation,
    }
    return test_office.package(**parts)


def _open_document() -> bytes:
    row = "<table:table-row><table:table-cell><text:p>가</text:p></table:table-cell></table:table-row>"
    body = f"<text:h text:outline-level='1'>제목</text:h><text:p>{SENTENCE}</text:p><table:table>{row}</table:table>"
    inside = f"<office:body><office:text>{body}</office:text></office:body>"
    return test_office.package(**{"content.xml": f"<office:document-content {test_office.O}>{inside}</office:document-content>"})
