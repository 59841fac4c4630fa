"""Mail: where messages begin, what their headers say, which of their parts is their text."""

import io
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.corpus.read import mbox
from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.formats import Hints

HINTS = Hints(("cp949",), ("Hangul",))
FROM = b"From someone@example.org Mon Jan  1 10:00:00 2024\n"


def read(data: bytes) -> list[Text | Unread]:
    return list(mbox.read(io.BytesIO(data), HINTS))


def texts(data: bytes) -> list[str]:
    return [one.text for one in read(data) if isinstance(one, Text)]


def message(text: str, subject: str = "제목", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    for name, value in headers.items():
        made[name] = value
    made.set_content(text)
    return made


def box(*messages: EmailMessage) -> bytes:
    return b"\n".join(FROM + one.as_bytes() for one in messages)


def test_a_document_a_message_with_its_subject_date_and_number() -> None:
    found = read(box(message("하나", Date="Mon, 1 Jan 2024 23:30:00 +0900"), message("둘", "둘째")))
    assert found == [
        Text("# 제목\n\n하나", part="message-1", collected="2024-01-01"),
        Text("# 둘째\n\n둘", part="message-2"),
    ]


def test_a_line_that_begins_with_from_is_text() -> None:
    data = FROM + b"Subject: a\n\nFrom here on it is text.\n>From there too.\n\nFrom now on 10:00 as well\n"
    assert texts(data) == ["# a\n\nFrom here on it is text.\nFrom there too.\n\nFrom now on 10:00 as well"]


def test_the_plain_text_of_alternatives_is_taken_and_attachments_are_counted() -> None:
    made = message("글")
    made.add_alternative("<p>page</p>", subtype="html")
    made.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="a.pdf")
    assert read(box(made)) == [Text("# 제목\n\n글", part="message-1", marks=("attachments:1",))]


def test_a_page_is_read_as_one() -> None:
    made = EmailMessage()
    made["Subject"] = "쪽"
    made.set_content("<html><body><h2>머리</h2><p>문장이다.</p></body></html>", subtype="html")
    assert texts(box(made)) == ["# 쪽\n\n## 머리\n\n문장이다."]


def test_signatures_and_the_answered_message_below_are_left_out_and_quotations_between_stay() -> None:
    answer = "> 묻는 말\n대답\n\n홍길동 wrote:\n> 앞의 편지\n>\n> 끝\n\n-- \n서명"
    assert texts(box(message(answer))) == ["# 제목\n\n> 묻는 말\n대답"]


def test_raw_bytes_in_headers_and_bodies_are_of_the_nations_encoding() -> None:
    data = FROM + "Subject: 안녕하십니까\nContent-Type: text/plain; charset=ks_c_5601-1987\n\n편지입니다\n".encode("cp949")
    assert texts(data) == ["# 안녕하십니까\n\n편지입니다"]


def test_a_file_with_one_message_needs_no_line_before_it() -> None:
    assert texts(message("하나뿐").as_bytes()) == ["# 제목\n\n하나뿐"]


def test_a_message_that_is_too_large_is_a_row_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mbox, "LARGEST", 1 << 20)
    monkeypatch.setattr(mbox, "BLOCK", 1 << 16)
    found = read(box(message("짧다"), message("x" * 70 + "\n" + "길다 " * 700_000), message("셋")))
    assert [type(one) for one in found] == [Text, Unread, Text]
    assert found[2] == Text("# 제목\n\n셋", part="message-3")


@given(st.binary(max_size=400), st.integers(1, 30))
def test_no_bytes_end_the_reader(data: bytes, size: int) -> None:
    assert all(isinstance(one, Text | Unread) for one in read(data))
    assert len(read(FROM + b"Subject: a\n\n" + data.replace(b"From", b"form") + b"\n\n" + FROM + b"\nb\n")) == 2
