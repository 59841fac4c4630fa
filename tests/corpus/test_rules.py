"""Each rule has a text that breaks it and one that passes, and its reason gives the measured number and the limit."""

import inspect
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sejong import nations
from sejong.corpus import redact, rules
from sejong.corpus.pages import Pages, repeated, windows
from sejong.corpus.shingles import mix
from sejong.errors import Refused
from sejong.language.scripts import Characters, script_class

from .conftest import japanese, korean

PROSE = korean(1)
# rule, limits, a text that breaks it, one that just passes, what the reason says
# ruff: noqa: E501
CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("too_short", {"characters": 10}, "아홉 글자 입니다.\n ", "열 글자 입니다 네네네.", "8 visible characters, fewer than 10"),
    ("endless_line", {"characters": 20}, "가" * 21 + "\n짧다", "가" * 20 + "\n" + "나" * 20, "a line of 21 characters"),
    ("foreign_script", {"at_least": 0.3}, "한국 English text", "한국어 English", "15% of its letters"),
    ("few_letters", {"at_least": 0.5}, "가나 123", "가나 12", "40% of its visible characters are letters, less than 50%"),
    ("symbols", {"at_most": 0.25}, "{} 가나다", "{} 가나다라마바", "40.0% of its visible"),
    ("damaged", {"at_most": 0.1}, "가나\ufffd", "가나다라마바사아자\ufffd", "33.33% of its characters"),
    ("word_length", {"at_least": 2.0, "at_most": 4.0}, "가나다라마 가나다라", "가나 가나다", "4.5 characters on average, outside 2.0..4.0"),
    ("word_length", {"at_least": 2.0, "at_most": 4.0}, "가 나 다 라마", "가나다라", "1.2 characters"),
    ("few_sentences", {"at_least": 2, "ends": ".!?。"}, "버전 3.5 메뉴 ... 끝.", "끝. (다시!) 또", "1 sentences"),
    ("few_sentences", {"at_least": 2, "ends": "。"}, "一つ。二つ", "一つ。二つ。", "1 sentences with an end, fewer than 2"),
    ("short_lines", {"characters": 5, "at_most": 0.5}, "가\n나\n\n가나다라마", "가\n가나다라마", "67% of its lines are shorter than 5"),
    ("bullets", {"at_most": 0.5}, "- 가\n• 나\n다", "- 가\n나", "67% of its lines start with a bullet"),
    ("ellipses", {"at_most": 0.4}, "가...\n나", "가...\n나\n다…라", "50% of its lines break off"),
    ("repeated_lines", {"at_most": 0.29}, "가나다\n가나다\n라마", "가나다\n라마바\n사아자", "30% of its characters"),
    ("common_words", {"at_least": 1, "words": ["và", "của"]}, "Xin chào các bạn", "anh và em", "0 of the language's commonest"),
    ("common_ngram", {"n": 2, "at_most": 0.5, "unit": "word"}, "가 나 가 나 다", "가 나 다 라 마", "80% of it, more than 50%"),
    ("common_ngram", {"n": 3, "at_most": 0.5, "unit": "character"}, "あいうあいうえ", "あいうえおかき", "3 characters makes up 86%"),
    ("repeated_ngrams", {"n": 3, "at_most": 0.4, "unit": "word"}, "가 나 다 라 가 나 다", "가 나 다 라 가 나", "43% of it lies in runs of 3"),
    ("repeated_ngrams", {"n": 4, "at_most": 0.4, "unit": "character"}, "あいうえあいうえ", "あいうえかきくけ", "50% of it lies"),
]  # fmt: skip


def judged(name: str, limits: dict[str, Any], texts: list[str], scripts: list[str] | None = None) -> rules.Verdicts:
    rules.check([name], {name: limits})
    pages = Pages(Characters.of(pa.array(texts, pa.large_string())), scripts or ["Hangul"])
    return rules.judge(pages, [name], {name: limits})


@pytest.mark.parametrize(("name", "limits", "broken", "passing", "reason"), CASES)
def test_a_rule_drops_what_breaks_it_and_says_by_how_much(
    name: str, limits: dict[str, Any], broken: str, passing: str, reason: str
) -> None:
    verdicts = judged(name, limits, ["", passing, broken, passing, broken])
    assert verdicts.rules[1:] == [None, name, None, name]
    assert reason in (verdicts.reasons[2] or "")
    assert verdicts.reasons[2] == verdicts.reasons[4], "a text is judged by itself, whatever stands beside it"


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(rules.RULES)


def test_the_first_broken_rule_in_order_is_the_reason() -> None:
    limits = {"too_short": {"characters": 99}, "few_letters": {"at_least": 0.9}}
    pages = Pages(Characters.of(pa.array(["1234"])), ["Hangul"])
    assert rules.judge(pages, ["few_letters", "too_short"], limits).rules == ["few_letters"]
    verdicts = rules.judge(pages, ["too_short", "few_letters"], limits)
    assert verdicts.rules == ["too_short"]
    assert set(verdicts.signals) == {"too_short", "few_letters"}


NGRAM = {"n": 2, "at_most": 0.5, "unit": "word"}
REFUSED = [
    (["to_short"], {}, "`to_short`, which does not exist: did you mean too_short"),
    (["too_short"], {}, r"`too_short` needs the limit `characters`: .*\[too_short\]"),
    (["too_short"], {"too_short": {"character": 3}}, "no limit `character`: did you mean characters"),
    (
        ["too_short"],
        {"too_short": {"characters": "many"}},
        "`characters` of the rule `too_short` is 'many': give a value of kind int",
    ),
    (["language"], {"language": {"clsoe": ["ms"]}}, "`language` has no limit `clsoe`: did you mean close"),
    (["near_duplicate"], {"near_duplicate": {"letters": 0.8}}, "`letters` of the rule `near_duplicate` is 0.8"),
    (
        ["common_ngram"],
        {"common_ngram": NGRAM | {"unit": "wrod"}},
        "`unit` of the rule `common_ngram` is 'wrod': did you mean word",
    ),
    (["repeated_ngrams"], {"repeated_ngrams": NGRAM | {"unit": 2}}, r"`unit` .* is 2: known: character, word"),
    (["repeated_ngrams"], {"repeated_ngrams": NGRAM | {"n": 0}}, "`n` of the rule `repeated_ngrams` is 0: give one or more"),
    (["few_sentences"], {"few_sentences": {"at_least": 1, "ends": ""}}, "`ends` .* is '': give at least one character"),
    (["common_words"], {"common_words": {"at_least": 1, "words": [1]}}, r"`words` .* is \[1\]: give a list of texts"),
    (["too_short", "too_short"], {"too_short": {"characters": 3}}, "names the rule `too_short` twice"),
]


@pytest.mark.parametrize(("filters", "limits", "sentence"), REFUSED)
def test_a_wrong_rule_or_limit_is_refused_before_work(filters: list[str], limits: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        rules.check(filters, limits)


@pytest.mark.parametrize("name", nations.names())
def test_what_a_nation_names_exists_and_keeps_prose(name: str) -> None:
    nation = nations.load(name)
    filters = nation.toml("filters.toml")
    rules.check(list(filters), filters)
    assert next(iter(filters)) == "language"
    assert list(filters)[-2:] == ["exact_duplicate", "near_duplicate"]
    identifiers = nation.toml("pii.toml")["identifiers"]
    redact.check(identifiers)
    assert {kind.partition(":")[0] for kind in identifiers} == set(redact.KINDS)
    script_class(nation.identity.scripts)


PROSES = {
    "korea": PROSE,
    "japan": japanese(1),
    "vietnam": "Ngôi làng nằm bên bờ sông và có một ngôi trường nhỏ. Mỗi buổi sáng, các em học sinh đi bộ qua cầu để đến lớp. "
    "Người dân trong làng trồng lúa, nuôi cá và bán rau ở chợ huyện.",
    "indonesia": "Desa itu terletak di tepi sungai dan memiliki sebuah sekolah kecil. Setiap pagi para murid berjalan kaki "
    "melewati jembatan untuk pergi ke kelas. Penduduk desa menanam padi dan menjual sayuran di pasar.",
}


@pytest.mark.parametrize("name", sorted(PROSES))
def test_running_text_survives_a_nations_rules_and_a_menu_does_not(name: str) -> None:
    folder = Path(nations.FOLDER / name)
    filters = tomllib.loads((folder / "filters.toml").read_text("utf-8"))
    menu = "\n".join(PROSES[name].replace(".", "").replace("。", "").split()[:12])
    pages = Pages(Characters.of(pa.array([PROSES[name], menu])), nations.load(name).identity.scripts)
    verdicts = rules.judge(pages, list(filters), filters)
    assert verdicts.reasons[0] is None
    assert verdicts.rules[1] is not None


@given(st.lists(st.lists(st.integers(0, 2), max_size=12), min_size=1, max_size=4), st.integers(1, 4))
@examples(deadline=None)
def test_repeated_runs_are_those_of_plain_python(documents: list[list[int]], n: int) -> None:
    flat = np.array([value for one in documents for value in one], np.uint64)
    owner = np.repeat(np.arange(len(documents)), [len(one) for one in documents])
    hashes = windows(mix(flat + np.uint64(1)), n)
    again, total = repeated(owner[: len(hashes)], hashes)
    runs = [(int(owner[place]), tuple(flat[place : place + n])) for place in range(len(hashes))]
    assert again.tolist() == [run in runs[:place] for place, run in enumerate(runs)]
    assert total.tolist() == [runs.count(run) for run in runs]


def test_the_sentences_of_rules_name_only_what_a_rule_has() -> None:
    for name, rule in rules.RULES.items():
        limits = {key: parameter for key, parameter in inspect.signature(rule.measure).parameters.items() if key != "pages"}
        filled = rule.sentence.format(
            found=1.0, **{key: 1 if one.annotation is not str else "word" for key, one in limits.items()}
        )
        assert "{" not in filled, name
