"""Each rule has a text that breaks it and one that passes, and its reason gives the measured number and the limit."""

import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sejong import nations
from sejong.corpus import redact, rules
from sejong.corpus.pages import Pages
from sejong.errors import Refused
from sejong.language.scripts import script_class

from .conftest import japanese, korean

PROSE = korean(1)
REPEATED = "가 나 다 라 가 나"
# rule, limits, a text that breaks it, one that just passes, the short name of the test, what the reason says
# ruff: noqa: E501
CASES: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    ("too_short", {"characters": 10}, "아홉 글자 입니다.\n ", "열 글자 입니다 네네네.", "", "8 visible characters, fewer than 10"),
    ("endless_line", {"characters": 20}, "가" * 21 + "\n짧다", "가" * 20 + "\n" + "나" * 20, "", "a line of 21 characters"),
    ("foreign_script", {"at_least": 0.3}, "한국 English text", "한국어 English", "", "15% of its letters"),
    ("few_letters", {"at_least": 0.5}, "가나 123", "가나 12", "", "40% of its visible characters are letters, less than 50%"),
    ("symbols", {"at_most": 0.25}, "{} 가나다", "{} 가나다라마바", "", "40.0% of its visible"),
    ("damaged", {"at_most": 0.1}, "가나\ufffd", "가나다라마바사아자\ufffd", "", "33.33% of its characters"),
    ("few_sentences", {"at_least": 2, "ends": ".!?。"}, "버전 3.5 메뉴 ... 끝.", "끝. (다시!) 또", "", "1 sentences"),
    ("few_sentences", {"at_least": 2, "ends": "。"}, "一つ。二つ", "一つ。二つ。", "", "1 sentences with an end, fewer than 2"),
    ("code_mixed", {"max_other_script": 0.5}, "한국 English text", "한국어입니다 En", "other_script", "85% of its letters are of other"),
    ("gopher_quality", {"min_words": 3}, "가 나 - .", "가 나 다", "gopher_short_doc", "2 words, fewer than 3"),
    ("gopher_quality", {"max_words": 3}, "가 나 다 라", "가 나 다 --", "gopher_long_doc", "4 words, more than 3"),
    ("gopher_quality", {"min_word_length": 2.0}, "가 나 다 라마", "가 나다라", "gopher_below_avg_threshold", "1.25 characters on average, fewer than 2.0"),
    ("gopher_quality", {"max_word_length": 4.0}, "가나다라마 가나다라", "가나 가나다", "gopher_above_avg_threshold", "4.50 characters on average, more than 4.0"),
    ("gopher_quality", {"max_symbol_ratio": 0.5}, "##", "# 가", "gopher_too_many_hashes", "2.000 hash signs a word, more than 0.5"),
    ("gopher_quality", {"max_symbol_ratio": 0.5}, "가……... 나", "가.. 나…", "gopher_too_many_ellipsis", "1.500 ellipses a word"),
    ("gopher_quality", {"max_bullet_lines": 0.5}, "- 가\n • 나\n다", "- 가\n나", "gopher_too_many_bullets", "66.7% of its lines start with a bullet"),
    ("gopher_quality", {"max_ellipsis_lines": 0.4}, "가... \n나", "가..\n나. ..\n다…라\n바…", "gopher_too_many_end_ellipsis", "50.0% of its lines end with an ellipsis"),
    ("gopher_quality", {"min_alphabetic_words": 0.6}, "가 1 나 2", "가 1 나1", "gopher_below_alpha_threshold", "50.0% of its words have a letter"),
    ("gopher_quality", {"min_stop_words": 2, "stop_words": ["và", "của"]}, "và và bạn", "anh và của", "gopher_enough_stop_words", "1 of the language's commonest"),
    ("gopher_repetition", {"max_duplicate_paragraphs": 0.4}, "가\n\n가", "가\n\n나\n\n가", "dup_para_frac", "50.0% of its paragraphs repeat"),
    ("gopher_repetition", {"max_duplicate_paragraph_characters": 0.35}, "가나\n다\n\n\n가나\n다", "가나\n다\n\n가나\n라", "dup_para_char_frac", "of its characters stand in paragraphs"),
    ("gopher_repetition", {"max_duplicate_lines": 0.4}, "가\n나\n가\n\n나", "가\n나\n가 ", "dup_line_frac", "50.0% of its lines repeat"),
    ("gopher_repetition", {"max_duplicate_line_characters": 0.29}, "가나다\n가나다\n라마", "가나다\n라마바\n사아자", "dup_line_char_frac", "30.0% of its characters stand in lines"),
    ("gopher_repetition", {"top_ngrams": [[2, 0.5]]}, "가 나 가 나 다", "가 나 가 다 라 마", "top_2_gram", "commonest run of 2 words makes up 66.7% of it"),
    ("gopher_repetition", {"top_ngrams": [[3, 0.5]], "unit": "character"}, "あいうあいうえ", "あいうえおかきくけこ", "top_3_gram", "3 words makes up 142.9%"),
    ("gopher_repetition", {"duplicate_ngrams": [[3, 0.2]]}, "가 나 다 라 가 나 다", "가 나 다 라 가 나", "duplicated_3_n_grams", "23.1% of it lies in runs of 3 words"),
    ("gopher_repetition", {"duplicate_ngrams": [[4, 0.4]], "unit": "character"}, "あいうえあいうえ", "あいうえかきくけ", "duplicated_4_n_grams", "50.0% of it lies"),
    ("c4", {"min_sentences": 2, "line_ends": "."}, "가 나 다. 라", "가 나. 다 라.", "too_few_sentences", "0 sentences in the lines that stay, fewer than 2"),
    ("c4", {"page_phrases": ["lorem ipsum"]}, "가 Lorem Ipsum 나", "lorem  ipsum", "lorem_ipsum", "one of the phrases `lorem ipsum`"),
    ("c4", {"page_characters": "{"}, "가 { 나", "가 나 }", "curly_bracket", "one of the characters `{`"),
    ("fineweb", {"min_line_punctuation": 0.5}, "가.\n나\n다 ", "가。\n나", "line_punct_ratio", "33.3% of its lines end with a mark"),
    ("fineweb", {"max_short_lines": 0.5, "short_line_length": 2}, "가\n나\n\n가나다라마", "가\n가나다라마", "short_line_ratio", "66.7% of its lines have at most 2"),
    ("fineweb", {"max_duplicate_line_characters": 0.2}, "가나다\n가나다", "가나다\n가나라", "char_dup_ratio", "50.0% of its characters"),
    ("fineweb", {"max_newline_ratio": 0.4}, "가\n\n나", "가 나 다\n\n라 마", "list_ratio", "1.000 line breaks a word"),
]  # fmt: skip


def pages_of(texts: list[str], scripts: list[str] | None = None) -> Pages:
    return Pages(pa.array(texts, pa.large_string()), scripts or ["Hangul"])


def judged(name: str, limits: dict[str, Any], texts: list[str], scripts: list[str] | None = None) -> rules.Verdicts:
    rules.check([name], {name: limits})
    return rules.judge(pages_of(texts, scripts), [name], {name: limits})


@pytest.mark.parametrize(("name", "limits", "broken", "passing", "cause", "reason"), CASES)
def test_a_rule_drops_what_breaks_it_and_says_by_how_much(
    name: str, limits: dict[str, Any], broken: str, passing: str, cause: str, reason: str
) -> None:
    verdicts = judged(name, limits, ["", passing, broken, passing, broken])
    assert verdicts.rules[1:] == [None, name, None, name]
    assert reason in (verdicts.reasons[2] or "")
    assert verdicts.causes[2] == (cause or name)
    assert verdicts.reasons[2] == verdicts.reasons[4], "a text is judged by itself, whatever stands beside it"


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(rules.RULES)


def test_the_first_broken_rule_in_order_is_the_reason() -> None:
    limits = {"too_short": {"characters": 99}, "few_letters": {"at_least": 0.9}}
    pages = pages_of(["1234"])
    assert rules.judge(pages, ["few_letters", "too_short"], limits).rules == ["few_letters"]
    verdicts = rules.judge(pages, ["too_short", "few_letters"], limits)
    assert verdicts.rules == ["too_short"]


def test_without_documents_nothing_is_measured_and_nothing_fails() -> None:
    limits = nations.load("korea").toml("filters.toml")
    assert rules.judge(pages_of([]), list(limits), limits).rules == []


REFUSED = [
    (["to_short"], {}, "`to_short`, which does not exist: did you mean too_short"),
    (["too_short"], {}, r"`too_short` needs the limit `characters`: .*\[too_short\]"),
    (["too_short"], {"too_short": {"character": 3}}, "no limit `character`: did you mean characters"),
    (["too_short"], {"too_short": {"characters": "many"}}, "`characters` of the rule `too_short` is 'many': give a value of kind int"),
    (["too_short"], {"too_short": {"characters": True}}, "`characters` of the rule `too_short` is True: give a value of kind int"),
    (["language"], {"language": {"clsoe": ["ms"]}}, "`language` has no limit `clsoe`: did you mean close"),
    (["near_duplicate"], {"near_duplicate": {"letters": 0.8}}, "`letters` of the rule `near_duplicate` is 0.8"),
    (["gopher_quality"], {"gopher_quality": {"unit": "wrod"}}, "there is no unit `wrod`: did you mean word"),
    (["gopher_quality"], {"gopher_quality": {"unit": 2}}, "`unit` of the rule `gopher_quality` is 2: give a value of kind str"),
    (["gopher_quality"], {}, r"`gopher_quality` has no limit: give at least one under \[gopher_quality\]"),
    (["gopher_quality"], {"gopher_quality": {"min_stop_words": 1}}, "`gopher_quality` needs the limit `stop_words`"),
    (["gopher_repetition"], {"gopher_repetition": {"top_ngrams": [[0, 0.2]]}}, r"`top_ngrams` .* is \[\[0, 0.2\]\]: give a list of pairs"),
    (["gopher_repetition"], {"gopher_repetition": {"top_ngrams": [0.2]}}, "give a list of pairs"),
    (["c4"], {"c4": {"citations": 1}}, "`citations` of the rule `c4` is 1: give a value of kind bool"),
    (["c4"], {"c4": {"page_phrases": [""]}}, "give a list of texts"),
    (["few_sentences"], {"few_sentences": {"at_least": 1, "ends": ""}}, "`ends` .* is '': give at least one character"),
    (["too_short", "too_short"], {"too_short": {"characters": 3}}, "names the rule `too_short` twice"),
]  # fmt: skip


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
    assert {kind.partition(":")[0] for kind in identifiers} <= set(redact.KINDS)
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
    pages = pages_of([PROSES[name], menu], nations.load(name).identity.scripts)
    verdicts = rules.judge(pages, list(filters), filters)
    assert verdicts.reasons[0] is None
    assert verdicts.rules[1] is not None
