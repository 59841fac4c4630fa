"""The measurement of the search: true of what it plants, the same for the same seed, and quick."""

import time
import tomllib
from random import Random

import pytest

from sejong import nations
from sejong.corpus.redact import check
from sejong.corpus.redact.generate import SLOTS, broken, identifier
from sejong.corpus.redact.measure import PLANTED, measured, wilson
from sejong.errors import Refused

LEAST = {"id:jp.in_": 0.8, "id:id.npwp": 0.8}  # bare digits in a sentence without a word stay, as they should
ALSO = ["iban", "url_credentials", "key"]


@pytest.mark.parametrize("name", nations.names())
def test_a_nations_kinds_are_found_and_little_else(name: str) -> None:
    rules = nations.load(name).toml("pii.toml")
    kinds = rules["identifiers"]
    assert set(rules["words"]) <= set(kinds)
    assert set(kinds) <= set(rules["templates"])
    check(kinds)
    rows = measured(kinds, rules, seed=11)
    assert [row["kind"] for row in rows] == kinds
    for row in rows:
        assert row["planted"] == PLANTED == row["found"] + row["missed"]
        assert row["recall"] >= LEAST.get(row["kind"], 0.95), row
        assert row["precision"] >= 0.97, row
        low, high = row["recall_interval"]
        assert low <= row["recall"] <= high
    assert rows == measured(kinds, rules, seed=11)


def test_measuring_takes_less_than_a_second() -> None:
    rules = nations.load("korea").toml("pii.toml")
    kinds = [*ALSO, *rules["identifiers"]]
    measured(kinds, rules, seed=1)
    before = time.process_time()
    rows = measured(kinds, rules, seed=2)
    assert time.process_time() - before < 1
    assert {row["kind"]: row["recall"] for row in rows if row["kind"] in ALSO} == dict.fromkeys(ALSO, 1.0)


def test_a_search_that_misses_or_masks_too_much_is_seen() -> None:
    rules = {"templates": {"passport:KR": ["{}"]}, "negatives": ["010-2730-58{share}", "call 010-2730-5800"]}
    passport, phone = measured(["passport:KR", "phone:KR"], rules, seed=1)
    assert (passport["recall"], passport["precision"]) == (0.0, None)  # never without a word
    assert phone["recall"] == 1.0
    assert phone["false"] > 200


def test_drawn_identifiers_depend_on_the_seed_alone() -> None:
    for kind in ("email", "card", "iban", "ip", "phone:KR", "id:kr.rrn", "passport:KR", "key"):
        assert [identifier(kind, Random(4)) for _ in range(2)] == [identifier(kind, Random(4))] * 2
    assert broken("email", Random(1)) is None
    assert all(draw(Random(1)) == draw(Random(1)) for draw in SLOTS.values())


def test_wilson() -> None:
    assert wilson(0, 0) is None
    assert wilson(50, 100) == pytest.approx([0.4038, 0.5962], abs=1e-4)  # statsmodels' proportion_confint, method "wilson"
    assert wilson(10, 10) == pytest.approx([0.7225, 1.0], abs=1e-4)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"templates": {"email": ["메일"]}}, "no {} where the identifier goes"),
        ({"negatives": ["{nothing}"]}, "may name only date"),
    ],
)
def test_a_template_that_can_not_be_filled_is_refused(rules: dict[str, object], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        measured(["email"], rules, seed=1)


ELSEWHERE = {
    "saudi": """
        identifiers = ["email", "iban", "card", "phone:SA", "id:sa.id", "passport:SA", "ip"]
        negatives = ["المادة {small} من النظام", "بتاريخ {date}", "المبلغ {price} ريال", "رقم الطلب {order}"]
        [templates]
        "phone:SA" = ["الجوال {}", "هاتف: {}"]
        "id:sa.id" = ["رقم الهوية الوطنية {}", "رقم الإقامة: {}"]
        "passport:SA" = ["رقم جواز السفر {}"]
        [words."id:sa.id"]
        near = ["الهوية", "الإقامة"]
        [words."phone:SA"]
        near = ["جوال", "هاتف"]
        [words."passport:SA"]
        near = ["جواز"]
    """,
    "emirates": """
        identifiers = ["email", "iban", "id:ae.id", "card", "phone:AE", "passport:AE", "ip"]
        negatives = ["المادة {small}", "الإصدار {version}", "المبلغ {price} درهم"]
        [templates]
        "id:ae.id" = ["رقم الهوية {}", "({})"]
        "phone:AE" = ["هاتف {}", "الجوال: {}"]
        "passport:AE" = ["جواز سفر رقم {}"]
        [words."phone:AE"]
        near = ["جوال", "هاتف"]
        [words."passport:AE"]
        near = ["جواز"]
        [words.ip]
        near = ["IP"]
        unlike = ["الإصدار"]
    """,
    "thailand": """
        identifiers = ["email", "id:th.pin", "card", "phone:TH", "passport:TH", "ip"]
        negatives = ["มาตรา {small} วรรค {small}", "เมื่อวันที่ {date}", "จำนวน {price} บาท", "คำสั่งซื้อ {order}"]
        [templates]
        "id:th.pin" = ["เลขประจำตัวประชาชน {}", "({})"]
        "phone:TH" = ["โทร. {}", "โทรศัพท์ {}"]
        "passport:TH" = ["หนังสือเดินทางเลขที่ {}"]
        [words."phone:TH"]
        near = ["โทร"]
        [words."passport:TH"]
        near = ["หนังสือเดินทาง"]
    """,
    "turkey": """
        identifiers = ["email", "iban", "id:tr.tckimlik", "card", "phone:TR", "passport:TR", "ip"]
        negatives = ["Madde {small} fıkra {small}", "{date} tarihinde", "{price} lira", "Sürüm {version}"]
        [templates]
        "id:tr.tckimlik" = ["T.C. kimlik no {}", "({})"]
        "phone:TR" = ["Telefon: {}", "cep {}"]
        "passport:TR" = ["Pasaport no {}"]
        [words."phone:TR"]
        near = ["telefon", "cep"]
        [words."passport:TR"]
        near = ["pasaport"]
        [words.ip]
        near = ["IP"]
        unlike = ["sürüm"]
    """,
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_nation_of_ones_own(name: str) -> None:
    rules = tomllib.loads(ELSEWHERE[name])
    check(rules["identifiers"])
    for row in measured(rules["identifiers"], rules, seed=1):
        assert row["recall"] >= 0.95, row
        assert row["precision"] >= 0.95, row
