"""Each kind by name: written forms that are masked, and what only looks like one."""

from collections.abc import Mapping
from random import Random

import phonenumbers
import pyarrow as pa
import pytest

from sejong.corpus.redact import Identifiers, check, redact, token
from sejong.corpus.redact.characters import normal
from sejong.corpus.redact.forms import digits_of
from sejong.corpus.redact.generate import broken, identifier
from sejong.corpus.redact.numbers import NUMBERS, korean_business_number
from sejong.corpus.redact.phones import MOBILE, MOBILES, NONE, sort
from sejong.errors import Refused


def masked(text: str, kinds: list[str], words: Mapping[str, Mapping[str, list[str]]] | None = None) -> str:
    texts, spans = redact(pa.array([text]), Identifiers(kinds, words or {}))
    found: str = texts.to_pylist()[0]
    assert all(found[one["start"] : one["end"]] == token(one["kind"]) for one in spans.to_pylist()[0])
    return found


KINDS = [
    *(f"id:{name}" for name in NUMBERS if name != "vn.cmnd"),
    *("email", "card", "iban", "ip", "key"),
    *(f"phone:{region}" for region in ("KR", "JP", "VN", "ID", "TH", "SA", "AE", "TR", "DE", "US")),
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_valid_is_masked_in_every_written_form(kind: str) -> None:
    chance = Random(7)
    check([kind])
    for _ in range(60):
        own = identifier(kind, chance)
        assert masked(f"번호({own}), {own}입니다", [kind]) == f"번호({token(kind)}), {token(kind)}입니다"


@pytest.mark.parametrize(
    "kind",
    ["id:kr.rrn", "id:kr.brn", "id:jp.in_", "id:th.pin", "id:sa.id", "id:ae.id", "id:tr.tckimlik", "id:vn.mst", "card", "iban"],
)
def test_a_wrong_digit_makes_it_none(kind: str) -> None:
    chance = Random(3)
    for _ in range(60):
        own = broken(kind, chance)
        assert own
        assert masked(f"번호 {own}입니다", [kind]) == f"번호 {own}입니다"


NATIONS = [
    (["id:sa.id", "phone:SA", "iban"], "رقم الهوية ١٠٠٠٠٠٠٠٠٨ والجوال 0501234567", "رقم الهوية <ID> والجوال <PHONE>"),
    (["iban"], "الآيبان SA03 8000 0000 6080 1016 7519 في البنك", "الآيبان <IBAN> في البنك"),
    (["id:ae.id", "phone:AE"], "رقم الهوية 784-1990-1234567-6، هاتف 050 123 4567", "رقم الهوية <ID>، هاتف <PHONE>"),
    (
        ["id:th.pin", "phone:TH"],
        "เลขประจำตัวประชาชน ๑-๒๓๔๕-๔๕๖๗๘-๗๘-๑ โทร. 0 2271 3700, 0-2208-4174-7",
        "เลขประจำตัวประชาชน <ID> โทร. <PHONE>, <PHONE>",
    ),
    (["id:kr.rrn"], "외국인등록번호 900101-5234567", "외국인등록번호 <ID>"),
    (["phone:KR"], "TEL02-730-5800, 02)730-5800~9 / 010 - 2730 - 5800", "TEL<PHONE>, <PHONE> / <PHONE>"),
    (["phone:KR"], "010-2730-5800/02-730-5800", "<PHONE>/<PHONE>"),
    (["phone:JP"], "電話０３ー３５８１ー２３６１", "電話<PHONE>"),
    (["email"], "메일：ｋｉｍ＠ｅｘａｍｐｌｅ．ｃｏ．ｋｒ로", "메일：<EMAIL>로"),
    (["url_credentials", "email"], "https://kim:p4ss@git.example.org/x", "https://<URL_CREDENTIALS>@git.example.org/x"),
    (["ip"], "IP:2001:4860:4860:0:0:0:0:8888", "IP:<IP>"),
    (["id:id.npwp"], "NPWP 01.312.166.0-091.000.", "NPWP <ID>."),
    (["key"], "-----BEGIN PRIVATE KEY-----\n" + "MIIB" * 12 + "\n-----END PRIVATE KEY-----", "<KEY>"),
]


@pytest.mark.parametrize(("kinds", "text", "expected"), NATIONS)
def test_forms_of_many_nations(kinds: list[str], text: str, expected: str) -> None:
    assert masked(text, kinds) == expected


STAYS = [
    (["phone:KR"], "0123456789, 0000000000, 값 02.10.1902"),
    (["card"], "41 18467 6334 26500 19169"),
    (["card"], "9111111111111111 1234567890123452"),  # Luhn holds, no issuer
    (["iban"], "SA03 8000 0000 6080 1016 7518, GB2024 REVIEW 12345678"),
    (["id:kr.brn"], "116-82-00277"),
    (["passport:KR"], "모델 M12345678"),
    (["ip"], "10.1.2.3 a::b 12:30:45:00"),
    (["id:jp.in_"], "法人番号1180301018771"),
]


@pytest.mark.parametrize(("kinds", "text"), STAYS)
def test_what_only_looks_like_one_stays(kinds: list[str], text: str) -> None:
    assert masked(text, kinds) == text


def test_words_decide_where_the_form_leaves_doubt() -> None:
    words = {"id:kr.rrn": {"near": ["주민등록"], "unlike": ["바코드"]}, "passport:KR": {"near": ["여권"]}}
    kinds = ["id:kr.rrn", "passport:KR"]
    assert masked("바코드 8801234567890", kinds, words) == "바코드 8801234567890"
    assert masked("주민등록번호 8801234567890", kinds, words) == "주민등록번호 <ID>"
    assert masked("880123-4567890", kinds, words) == "<ID>"
    assert masked("여권번호 M12345678, passport M123A4567", kinds, words) == "여권번호 <PASSPORT>, passport <PASSPORT>"
    assert masked("8801234567890", ["id:kr.rrn"]) == "<ID>"  # without words, rather one mask too many


def test_words_of_latin_letters_are_whole_words() -> None:
    words = {"phone:KR": {"near": ["tel"]}}
    assert masked("hotel 0273058001", ["phone:KR"], words) == "hotel 0273058001"
    assert masked("Tel 0273058001", ["phone:KR"], words) == "Tel <PHONE>"


def test_a_slash_before_bare_digits_makes_them_part_of_an_address() -> None:
    words = {"phone:KR": {"near": ["전화"]}}
    assert masked("https://x.kr/01027305800?n=01027305800", ["phone:KR"], words) == "https://x.kr/01027305800?n=01027305800"
    assert masked("전화=01027305800", ["phone:KR"], words) == "전화=<PHONE>"


@pytest.mark.parametrize(
    "region", ["KR", "JP", "VN", "ID", "TH", "SA", "AE", "TR", "BR", "AR", "US", "RU", "IT", "DE", "SG", "HU", "IN"]
)
def test_numbers_are_judged_as_libphonenumber_judges_them(region: str) -> None:
    chance = Random(5)
    taken = 0
    for _ in range(600):
        digits = chance.choice(("0", "0", "", "8", "00", "06")) + str(chance.randrange(10 ** chance.randrange(6, 12)))
        digits = digits_of(normal(identifier(f"phone:{region}", chance))) if chance.random() < 0.3 else digits
        for abroad, number in ((False, digits), (True, str(phonenumbers.country_code_for_region(region)) + digits)):
            try:
                parsed = phonenumbers.parse(f"+{number}" if abroad else number, region)
                valid, kind = phonenumbers.is_valid_number(parsed), phonenumbers.number_type(parsed)
            except phonenumbers.NumberParseException:
                valid, kind = False, None
            taken += valid
            found = sort(number, region, abroad=abroad)
            assert (found != NONE) == valid, number
            assert (found == MOBILE) == (kind in MOBILES), number
    assert taken > 100


def test_the_check_digit_of_business_numbers() -> None:
    assert korean_business_number("1168200276")
    assert korean_business_number("1348672683")
    assert not korean_business_number("1168200277")


@pytest.mark.parametrize(
    ("kind", "sentence"), [("passport:XX", "known of AE, ID"), ("email:KR", "did you mean email"), ("id:kr.xyz", "neither")]
)
def test_a_kind_that_nothing_finds_is_refused(kind: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        check([kind])


def test_nulls_slices_and_other_string_types() -> None:
    texts = pa.array(["a@b.kr", None, "가 c@d.kr", "없음"], pa.string())
    found, spans = redact(texts.slice(1), ["email"])
    assert found.type == pa.string()
    assert found.to_pylist() == [None, "가 <EMAIL>", "없음"]
    assert spans.to_pylist() == [[], [{"start": 2, "end": 9, "kind": "email"}], []]
