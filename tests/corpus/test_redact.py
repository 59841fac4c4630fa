"""Planted identifiers are masked, and nothing else; spans are those of the text that is returned."""

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.kr import rrn

from sejong import nations
from sejong.corpus.redact import check, redact, token
from sejong.errors import Refused

KOREA = ["email", "id:kr.rrn", "card", "phone:KR", "ip"]


def masked(text: str, kinds: list[str]) -> tuple[str, list[tuple[int, int, str]]]:
    texts, spans = redact(pa.chunked_array([[text]], pa.large_string()), kinds)
    return texts.to_pylist()[0], [(one["start"], one["end"], one["kind"]) for one in spans.to_pylist()[0]]


def resident_number(chance: random.Random) -> str:
    start = f"{chance.randrange(30, 99):02}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}{chance.choice('12')}"
    digits = f"{start}{chance.randrange(96):02}{chance.randrange(1000):03}"
    return f"{digits[:6]}-{digits[6:]}{rrn.calc_check_digit(digits)}"


def card(chance: random.Random) -> str:
    digits = f"4{chance.randrange(10**14):014}"
    digits += luhn.calc_check_digit(digits)
    return "-".join(digits[place : place + 4] for place in range(0, 16, 4))


PLANTED = {
    "email": lambda chance: f"user{chance.randrange(999)}.name@mail-{chance.randrange(99)}.co.kr",
    "id:kr.rrn": resident_number,
    "card": card,
    "phone:KR": lambda chance: chance.choice(["010-{:04}-{:04}", "+82 10-{:04}-{:04}", "010 {:04} {:04}"]).format(
        chance.randrange(2000, 4999), chance.randrange(10000)
    ),
    "ip": lambda chance: f"8.8.{chance.randrange(10, 250)}.{chance.randrange(10, 250)}",
}


@given(
    kinds=st.lists(st.sampled_from(KOREA), max_size=6),
    words=st.lists(
        st.sampled_from(["연락처는", "가나다", "2026년", "제12조", "\n", "v1.2", "(가)", "😀", "3,500원"]), min_size=7, max_size=7
    ),
    seed=st.integers(0, 10**6),
    ending=st.sampled_from(["", "로", "입니다.", ",", ")"]),
)
@examples(deadline=None, max_examples=200)
def test_all_that_is_planted_is_masked_and_the_rest_stays(kinds: list[str], words: list[str], seed: int, ending: str) -> None:
    chance = random.Random(seed)
    parts, expected = [words[0]], [words[0]]
    for kind, word in zip(kinds, words[1:], strict=False):
        parts += [PLANTED[kind](chance) + ending, word]
        expected += [token(kind) + ending, word]
    text, spans = masked(" ".join(parts), KOREA)
    assert text == " ".join(expected)
    assert [kind for _, _, kind in spans] == kinds
    assert [text[start:end] for start, end, _ in spans] == [token(kind) for kind in kinds]


@given(st.text(st.sampled_from("0123456789０９ -.()+:/,가a@"), max_size=60), st.sampled_from(nations.names()))
@examples(deadline=None, max_examples=300)
def test_no_row_of_digits_and_marks_breaks_the_search(text: str, name: str) -> None:
    found, spans = masked(text, nations.load(name).toml("pii.toml")["identifiers"])
    assert all(found[start:end] == token(kind) for start, end, kind in spans)
    assert len(found) - sum(end - start for start, end, _ in spans) <= len(text)


STAYS = [
    "911203 1234567890",  # a date of birth, but too many digits behind it
    "4111-1111-1111-1112",  # Luhn's check digit is wrong
    "971013-9019903",  # a birth in the 19th century, check digit wrong
    "201301-1234567",  # month 13
    "2020-12-29 12:30:45, 2020. 12. 29.",
    "제2019-1234호 법률 제12345678호",
    "버전 7.4.7.2, 15.0.0.0, 4.10.4.1",
    "192.168.0.1 10.0.0.7 127.0.0.1",
    "0.12345678 1,234,567,890",
    "02.10.1902 00:00:00, 4163.23871294710",
    "이름@그림 @handle user@localhost",
    "ISBN 978-89-01-12345-6",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_an_identifier_stays(text: str) -> None:
    assert masked(text, KOREA) == (text, [])


def test_resident_numbers_issued_since_october_2020_carry_no_check_digit() -> None:
    assert not rrn.is_valid("201105-3123456")
    assert masked("번호는 201105-3123456입니다", KOREA)[0] == "번호는 <ID>입니다"


OTHERS = [
    (
        ["card", "phone:JP", "id:jp.in_"],
        "電話03-1234-5678と０９０－１２３４－５６７８、番号1234 5678 9018",
        "電話<PHONE>と<PHONE>、番号<ID>",
    ),
    (["id:jp.in_"], "番号1234 5678 9019", "番号1234 5678 9019"),
    (["phone:VN", "id:vn.cccd"], "Gọi 0912 345 678, số 001201012345 hoặc 999201012345", "Gọi <PHONE>, số <ID> hoặc 999201012345"),
    (["id:id.nik", "phone:ID"], "NIK 3171011708450001, HP 0812-3456-7890", "NIK <ID>, HP <PHONE>"),
    (["ip"], "2001:4860:4860::8888 와 12:30:45", "<IP> 와 12:30:45"),
    (["id:th.pin"], "เลข 1-2345-45678-78-1", "เลข <ID>"),
]


@pytest.mark.parametrize(("kinds", "text", "expected"), OTHERS)
def test_other_nations_identifiers(kinds: list[str], text: str, expected: str) -> None:
    assert masked(text, kinds)[0] == expected


@pytest.mark.parametrize("text", ["전화:{}", "TEL.{}", "({})", "집/{}", "휴대폰-{}", "{},", "번호는 {}입니다", "「{}」"])
def test_punctuation_beside_a_number_does_not_hide_it(text: str) -> None:
    assert masked(text.format("010-1234-5678"), KOREA)[0] == text.format("<PHONE>")
    assert masked(text.format("4111-1111-1111-1111"), KOREA)[0] == text.format("<CARD>")


def test_digits_beside_a_number_do_not_hide_it() -> None:
    text = "2026 010 3990 6634 010 2222 3333 7 4111 1111 1111 1111 12"
    assert masked(text, KOREA)[0] == "2026 <PHONE> <PHONE> 7 <CARD> 12"


def test_a_column_with_and_without_identifiers() -> None:
    texts = pa.chunked_array([["없음", "a@b.kr"], [], ["", "c@d.kr, e@f.kr"]], pa.large_string())
    found, spans = redact(texts, ["email"])
    assert found.to_pylist() == ["없음", "<EMAIL>", "", "<EMAIL>, <EMAIL>"]
    assert [len(one) for one in spans.to_pylist()] == [0, 1, 0, 2]
    assert redact(texts, [])[0].to_pylist() == texts.to_pylist()
    assert redact(texts.slice(0, 0), ["email"])[1].to_pylist() == []


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("emial", "did you mean email"),
        ("phone:KO", "no region `KO`"),
        ("phone", "no region ``"),
        ("id:kr.rnn", "neither .* knows a number `kr.rnn`"),
    ],
)
def test_a_kind_that_nothing_finds_is_refused(kind: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        check([kind])


@pytest.mark.parametrize("name", nations.names())
def test_masked_text_holds_nothing_more_to_mask(name: str) -> None:
    kinds = nations.load(name).toml("pii.toml")["identifiers"]
    text = "a@b.org 4111-1111-1111-1111 +82 10-1234-5678 8.8.88.88"
    once, spans = masked(text, kinds)
    assert len(spans) == 4
    assert masked(once, kinds) == (once, [])
