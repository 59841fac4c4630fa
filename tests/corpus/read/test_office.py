"""DOCX, PPTX and ODT made here: what becomes a heading, a list, a table, and what is left out."""

import io
import zipfile
from typing import Any

import pytest

from sejong.corpus.read import blocks, docx, odt, pptx
from sejong.corpus.read.batch import Text, Unreadable
from sejong.corpus.read.formats import Hints

HINTS = Hints()
W = 'xmlns:w="urn:w" xmlns:r="urn:r" xmlns:mc="urn:mc" xmlns:v="urn:v"'
STYLES = f"""<w:styles {W}><w:style w:type="paragraph" w:styleId="a1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="a2"><w:basedOn w:val="a1"/><w:name w:val="eigen"/>
<w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="a3"><w:basedOn w:val="a1"/><w:name w:val="other"/></w:style></w:styles>"""
NUMBERING = f"""<w:numbering {W}><w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="ganada"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1-%2)"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>
</w:numbering>"""


def package(**parts: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made.getvalue()


def word(body: str, **others: str) -> str:
    parts = {"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>"}
    parts |= {"word/styles.xml": STYLES, "word/numbering.xml": NUMBERING} | others
    return only(docx, package(**parts))


def only(reader: Any, data: bytes) -> str:
    (one,) = reader.read(io.BytesIO(data), HINTS)
    assert isinstance(one, Text)
    return one.text


def p(text: str, properties: str = "", more: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r>{more}</w:p>"


def numbered(list_: int, level: int = 0) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_}"/></w:numPr>'


def test_docx_headings_come_from_styles_their_bases_and_outline_levels() -> None:
    body = p("하나", '<w:pStyle w:val="a1"/>') + p("둘", '<w:pStyle w:val="a2"/>') + p("셋", '<w:pStyle w:val="a3"/>')
    assert word(body + p("넷", '<w:outlineLvl w:val="3"/>') + p("글")) == "# 하나\n\n### 둘\n\n# 셋\n\n#### 넷\n\n글"


def test_docx_lists_are_numbered_as_word_does() -> None:
    body = p("A", numbered(1)) + p("B", numbered(1, 1)) + p("C", numbered(1)) + p("D", numbered(1, 1)) + p("E", numbered(2))
    assert word(body + p("F", numbered(3)) + p("G", numbered(0))) == ("가. A\n  가-1) B\n나. C\n  나-1) D\n- E\n가. F\n\nG")


def test_docx_tables_with_merged_cells_and_deleted_rows() -> None:
    def tc(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"

    wide, tall, on = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = f"<w:tr>{tc('A', wide)}{tc('B', tall)}</w:tr><w:tr>{tc('C')}{tc('D')}{tc('', on)}</w:tr>"
    rows += f"<w:tr><w:trPr><w:del/></w:trPr>{tc('gone')}{tc('gone')}{tc('gone')}</w:tr>"
    assert word(f"<w:tbl>{rows}</w:tbl>") == "| A |  | B |\n| --- | --- | --- |\n| C | D |  |"


def test_docx_notes_boxes_and_changes() -> None:
    note = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    box = f"<w:txbxContent>{p('box')}</w:txbxContent>"
    drawing = (
        f"<w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
    )
    changes = "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t> kept</w:t></w:r></w:ins>"
    codes = "<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:br/><w:t>line</w:t><w:tab/><w:noBreakHyphen/></w:r>"
    line = f'<w:footnote w:id="0" w:type="separator">{p("x")}</w:footnote>'
    notes = f'<w:footnotes {W}>{line}<w:footnote w:id="2">{p("note")}</w:footnote></w:footnotes>'
    text = word(p("text", more=note + drawing + changes + codes), **{"word/footnotes.xml": notes})
    assert text == "text kept\nline\t-\n\nbox\n\nnote"


def test_docx_headers_and_footers_are_said_once() -> None:
    rels = '<R xmlns="urn:rel">' + "".join(
        f'<Relationship Id="r{at}" Type="urn:x/{kind}" Target="{kind}{at}.xml"/>'
        for at, kind in enumerate(["header", "header", "footer"])
    )
    parts = {f"word/{kind}{at}.xml": f"<w:hdr {W}>{p(kind)}</w:hdr>" for at, kind in enumerate(["header", "header", "footer"])}
    assert word(p("body"), **parts, **{"word/_rels/document.xml.rels": rels + "</R>"}) == "header\n\nbody\n\nfooter"


def test_docx_that_is_cut_keeps_its_beginning() -> None:
    found = docx.read(
        io.BytesIO(package(**{"word/document.xml": f"<w:document {W}><w:body>{p('하나')}{p('둘')}<w:p><w:r>"})), HINTS
    )
    assert next(found).text.startswith("하나\n\n둘")  # type: ignore[union-attr]
    with pytest.raises(Unreadable, match="its XML is damaged at line 1"):
        next(found)


def test_a_large_table_comes_out_row_by_row_and_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "WHOLE", 100_000)
    row = "<w:tr>" + "".join(f"<w:tc>{p('가나다 ' * 25)}</w:tc>" for _ in range(4)) + "</w:tr>"
    data = package(**{"word/document.xml": f"<w:document {W}><w:body><w:tbl>{row * 8_000}</w:tbl></w:body></w:document>"})
    parts = [one for one in docx.read(io.BytesIO(data), HINTS) if isinstance(one, Text)]
    assert len(parts) > 5
    assert [one.part for one in parts[:2]] == ["character-0", f"character-{len(parts[0].text)}"]
    whole = "".join(one.text for one in parts)
    assert whole.count("\n") == 8_000
    assert "\n\n" not in whole


A = 'xmlns:p="urn:p" xmlns:a="urn:a" xmlns:r="urn:r"'


def shape(kind: str, *paragraphs: str) -> str:
    place = f'<p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>' if kind else ""
    text = "".join(f"<a:p>{one}</a:p>" for one in paragraphs)
    return f"<p:sp>{place}<p:txBody>{text}</p:txBody></p:sp>"


def run(text: str, properties: str = "") -> str:
    return f"{properties}<a:r><a:t>{text}</a:t></a:r>"


def test_pptx_slides_come_in_their_order_with_titles_lists_tables_and_notes() -> None:
    table = "<a:tbl>" + "".join(
        "<a:tr>" + "".join(f"<a:tc><a:txBody><a:p>{run(cell)}</a:p></a:txBody></a:tc>" for cell in row) + "</a:tr>"
        for row in ("AB", "CD")
    )
    first = shape("body", run("one"), run("two", '<a:pPr lvl="1"/>')) + shape("title", run("Title")) + shape("sldNum", run("7"))
    slides = {
        "ppt/slides/slide1.xml": f"<p:sld {A}>{shape('', run('second'))}<p:graphicFrame>{table}</a:tbl></p:graphicFrame></p:sld>",
        "ppt/slides/slide2.xml": f"<p:sld {A}>{first}</p:sld>",
        "ppt/notesSlides/n.xml": f"<p:notes {A}>{shape('body', run('note'))}</p:notes>",
        "ppt/slides/_rels/slide2.xml.rels": '<R><Relationship Id="a" Type="x/notesSlide" Target="../notesSlides/n.xml"/></R>',
        "ppt/presentation.xml": f'<p:presentation {A}><p:sldId id="9" r:id="r2"/><p:sldId id="3" r:id="r1"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": "<R>"
        + "".join(f'<Relationship Id="r{at}" Type="x/slide" Target="slides/slide{at}.xml"/>' for at in (1, 2))
        + "</R>",
    }
    assert only(pptx, package(**slides)) == "# Title\n\n- one\n  - two\n\nnote\n\nsecond\n\n| A | B |\n| --- | --- |\n| C | D |"


O = 'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:b" xmlns:style="urn:s" xmlns:draw="urn:d"'  # noqa: E741


def test_odt_headings_lists_tables_notes_and_spaces() -> None:
    style = (
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
        '<text:list-level-style-bullet text:level="2"/></text:list-style>'
    )
    items = (
        '<text:list text:style-name="L"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>sub</text:p>'
        "</text:list-item></text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>"
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = ["<table:table-row>" + "".join(map(cell.format, row)) for row in ("AB", "EF", "GH")]
    wide = "<table:table-row><table:table-cell><text:p>C</text:p></table:table-cell>"
    wide += '<table:table-cell table:number-columns-repeated="1000000"/></table:table-row>'
    covered = (
        "<table:table-row><table:covered-table-cell/><table:table-cell><text:p>D</text:p></table:table-cell></table:table-row>"
    )
    end = "</table:table-row>"
    table = f"<table:table><table:table-column/><table:table-header-rows>{rows[0]}{end}</table:table-header-rows>"
    table += f"{wide}{covered}{rows[1]}{end}{rows[2]}{end}</table:table>"
    line = (
        '<text:p>a <text:s text:c="2"/>b\n  c<text:tab/>d<text:note><text:note-citation>1</text:note-citation><text:note-body>'
        "<text:p>note</text:p></text:note-body></text:note><office:annotation><text:p>gone</text:p></office:annotation></text:p>"
    )
    body = (
        "<text:tracked-changes><text:deletion><text:p>gone</text:p></text:deletion></text:tracked-changes>"
        f'<text:h text:outline-level="2">Title</text:h>{line}{items}{table}'
    )
    content = (
        f"<office:document-content {O}><office:automatic-styles>{style}</office:automatic-styles><office:body><office:text>{body}"
    )
    data = package(**{"content.xml": content + "</office:text></office:body></office:document-content>"})
    above, _, below = only(odt, data).partition("\n\n| A")
    assert above == "## Title\n\na   b c\td\n\nnote\n\n1. one\n  - sub\n2. two"
    assert below == " | B |\n| --- | --- |\n| C |  |\n|  | D |\n| E | F |\n| G | H |"


def test_an_enciphered_file_is_refused_with_its_reason() -> None:
    with pytest.raises(Unreadable, match="one with a password"):
        list(docx.read(io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)), HINTS))


def test_what_is_no_office_file_is_refused() -> None:
    for reader in (docx, pptx, odt):
        with pytest.raises(Unreadable):
            list(reader.read(io.BytesIO(b"PK\3\4 no archive"), HINTS))
        with pytest.raises(Unreadable):
            list(reader.read(io.BytesIO(package(other="x")), HINTS))
