"""HWPX and HWPML made here: the same text whatever the elements are called, tables as they are read, bounds."""

import io
import zipfile

import pytest

from sejong.corpus.read import hwp, hwpx
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints

HINTS = Hints(("cp949",), ("Hangul",))
SPACE = 'xmlns:hs="urn:s" xmlns:hp="urn:p" xmlns:hh="urn:h"'
HEADER = f"""<hh:head {SPACE}><hh:refList><hh:numberings><hh:numbering id="1">
<hh:paraHead level="1" start="3" numFormat="HANGUL_SYLLABLE">^1.</hh:paraHead></hh:numbering></hh:numberings>
<hh:paraProperties><hh:paraPr id="0"><hh:heading type="NONE" idRef="0" level="0"/></hh:paraPr>
<hh:paraPr id="1"><hh:heading type="NUMBER" idRef="1" level="0"/></hh:paraPr>
<hh:paraPr id="2"><hh:heading type="BULLET" idRef="1" level="0"/></hh:paraPr></hh:paraProperties>
<hh:styles><hh:style id="7" name="개요 2" engName="Outline 2"/></hh:styles></hh:refList></hh:head>"""


def p(text: str, shape: str = "0", style: str = "0", run: str = "") -> str:
    return f'<hp:p paraPrIDRef="{shape}" styleIDRef="{style}"><hp:run><hp:t>{text}</hp:t>{run}</hp:run></hp:p>'


def tc(column: int, inner: str) -> str:
    return f'<hp:tc><hp:subList>{inner}</hp:subList><hp:cellAddr colAddr="{column}" rowAddr="0"/></hp:tc>'


def package(*sections: str, header: str = HEADER, **others: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Contents/header.xml", header)
        for number, section in enumerate(sections):
            archive.writestr(f"Contents/section{number}.xml", f"<hs:sec {SPACE}>{section}</hs:sec>")
        for name, text in others.items():
            archive.writestr(name, text)
    return made.getvalue()


def found(data: bytes) -> tuple[str, list[str]]:
    texts, reasons = [], []
    try:
        for one in hwp.read(io.BytesIO(data), HINTS):
            if isinstance(one, Text):
                texts.append(one.text)
            else:
                reasons.append(one.reason)
    except Unreadable as error:
        reasons.append(str(error))
    return "\n\n".join(texts), reasons


def test_sections_headings_lists_and_what_stands_in_a_line() -> None:
    first = (
        p("제목", style="7") + p("하나", "1") + p("둘", "1") + p("점", "2") + p("가<hp:tab/>나<hp:lineBreak/>다<hp:nbSpace/>라")
    )
    sections = [first, *(p(f"{number}") for number in range(1, 12))]
    text, faults = found(package(*sections))
    assert text == "## 제목\n\n다. 하나\n라. 둘\n- 점\n\n가\t나\n다 라\n\n" + "\n\n".join(str(number) for number in range(1, 12))
    assert faults == []


def test_text_before_and_after_a_table_stays_there() -> None:
    rows = f"<hp:tr>{tc(0, p('A'))}{tc(2, p('B'))}</hp:tr><hp:tr>{tc(0, p('C'))}{tc(1, p('D'))}{tc(2, p('E'))}</hp:tr>"
    table = f"<hp:tbl><hp:caption><hp:subList>{p('표 설명')}</hp:subList></hp:caption>{rows}</hp:tbl>"
    assert found(package(p("앞", run=f"{table}<hp:t>뒤</hp:t>")))[0] == (
        "앞\n\n표 설명\n\n| A |  | B |\n| --- | --- | --- |\n| C | D | E |\n\n뒤"
    )


def test_notes_boxes_glosses_and_equations() -> None:
    note = f"<hp:ctrl><hp:footNote><hp:subList>{p('각주')}</hp:subList></hp:footNote></hp:ctrl>"
    box = f"<hp:rect><hp:drawText><hp:subList>{p('글상자')}</hp:subList></hp:drawText></hp:rect>"
    gloss = "<hp:dutmal><hp:mainText>大韓</hp:mainText><hp:subText>대한</hp:subText></hp:dutmal>"
    sum_ = "<hp:equation><hp:script>a over b</hp:script></hp:equation>"
    assert found(package(p("본문", run=note + box + gloss + sum_)))[0] == "본문大韓(대한) a over b \n\n각주\n\n글상자"


def test_buttons_and_word_art_have_their_words_in_attributes() -> None:
    assert found(package(p("구분", run='<hp:checkBtn caption="동의"/><hp:textart text="글맵시"/>')))[0] == "구분 동의 \n\n글맵시"


def test_hwpml_says_the_same_with_other_names() -> None:
    body = (
        '<P ParaShape="1" Style="0"><TEXT><CHAR>하나</CHAR></TEXT></P>'
        "<P><TEXT><CHAR>가<TAB/>나</CHAR><TABLE><ROW>"
        + "".join(f'<CELL ColAddr="{at}"><PARALIST><P><TEXT><CHAR>{at}</CHAR></TEXT></P></PARALIST></CELL>' for at in range(2))
        + "</ROW><ROW>"
        + "".join(f'<CELL ColAddr="{at}"><PARALIST><P><TEXT><CHAR>{at}</CHAR></TEXT></P></PARALIST></CELL>' for at in range(2))
        + "</ROW></TABLE></TEXT></P>"
    )
    head = (
        '<NUMBERING Id="1"><PARAHEAD Level="1" NumFormat="HangulSyllable" Start="1">^1.</PARAHEAD></NUMBERING>'
        '<PARASHAPE Id="1" HeadingType="Number" Heading="1" Level="0"/>'
    )
    parts = f"<HEAD>{head}</HEAD><BODY><SECTION>{body}</SECTION></BODY><TAIL/>"
    page = f"\ufeff<?xml version='1.0' encoding='UTF-8'?><HWPML>{parts}</HWPML>"
    assert found(page.encode())[0] == "가. 하나\n\n가\t나\n\n| 0 | 1 |\n| --- | --- |\n| 0 | 1 |"


def test_of_a_cut_section_the_beginning_is_kept_and_the_others() -> None:
    data = package(p("하나") + p("둘") + "<hp:p><hp:run><hp:t>셋", p("다음 구역"))
    text, faults = found(data)
    assert text.startswith("하나\n\n둘")
    assert text.endswith("다음 구역")
    assert len(faults) == 1
    assert "section0.xml cannot be read to its end" in faults[0]


def test_passwords_and_other_archives_are_refused() -> None:
    locked = package(p("비밀"), **{"META-INF/manifest.xml": "<m><encryption-data/></m>"})
    assert found(locked) == ("", ["the HWPX document needs a password: save it without one"])
    assert "no HWPX document" in found(package())[1][0]
    assert "cut off" in found(package(p("글"))[:-30])[1][0]


def test_entities_are_not_resolved() -> None:
    bomb = '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("Contents/section0.xml", f"{bomb}<hs:sec {SPACE}>{p('앞 &b; 뒤')}</hs:sec>")
    assert "haha" not in found(made.getvalue())[0]


def test_a_zip_bomb_is_refused() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Contents/section0.xml", " " * (80 << 20))
    with pytest.raises(Unreadable, match="zip bombs"):
        list(hwpx.read(io.BytesIO(made.getvalue()), HINTS))


def test_a_stream_that_cannot_be_wound_back_is_read_too() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert [one.text for one in hwp.read(Pipe(package(p("글"))), HINTS) if not isinstance(one, Unread)] == ["글"]
