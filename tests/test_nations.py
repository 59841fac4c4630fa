"""Every nation that ships is whole: all files, all words, all names found in their registries."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from sejong import nations
from sejong.build.request import Request, resolve
from sejong.corpus import rules
from sejong.errors import Refused
from sejong.language import segment, units

ALL = nations.names()


def test_the_four_first_nations_are_there() -> None:
    assert set(ALL) >= {"indonesia", "japan", "korea", "vietnam"}


@pytest.mark.parametrize("name", ALL)
def test_every_name_in_its_files_is_known(name: str) -> None:
    recipe = resolve(Request(name, "nano"))
    rules.check(recipe.corpus.filters, recipe.corpus.rules)
    assert segment.terms(recipe.index.segmenter, ["a b"])


@pytest.mark.parametrize("file", ["portal.toml", "report.toml", "prompts/align.toml", "prompts/evaluate.toml"])
def test_all_nations_have_the_same_keys(file: str) -> None:
    by_nation = {name: keys(nations.load(name).toml(file)) for name in ALL}
    assert len(set(map(frozenset, by_nation.values()))) == 1, by_nation


def test_all_nations_say_the_same_about_personal_identifiers() -> None:
    assert len({frozenset(nations.load(name).toml("pii.toml")) for name in ALL}) == 1  # the kinds are each nation's own


def keys(table: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in table.items():
        found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
    return found


@pytest.mark.parametrize("name", ALL)
def test_there_are_enough_different_questions_that_no_corpus_answers(name: str) -> None:
    prompts = nations.load(name).toml("prompts/evaluate.toml")
    development, test = (prompts[part]["outside"] for part in ("development", "test"))
    assert min(len(set(development)), len(set(test))) >= 25
    assert not set(development) & set(test)


def test_no_code_knows_a_nation() -> None:
    """Adding a country adds a folder, never an `if`."""
    package = Path(nations.__file__).parents[1]
    names = "|".join([*ALL, *(nations.load(name).identity.language_name.lower() for name in ALL)])
    told = re.compile(rf"(if|elif|case|==|!=|in)\s.*[\"']({names})[\"']")
    found = [
        f"{path}: {line}" for path in package.rglob("*.py") for line in path.read_text("utf-8").splitlines() if told.search(line)
    ]
    assert not found


def test_a_nation_of_ones_own_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"it has no nation\.toml"):
        nations.load("mine", tmp_path)
    (tmp_path / "nation.toml").write_text('name = "Mine"')
    with pytest.raises(Refused, match="endonym"):
        _ = nations.load("mine", tmp_path).identity
    (tmp_path / "nation.toml").write_text("name = ")
    with pytest.raises(Refused, match=r"nation\.toml is not valid TOML"):
        _ = nations.load("mine", tmp_path).identity
    with pytest.raises(Refused, match=r"filters\.toml is missing"):
        nations.load("mine", tmp_path).toml("filters.toml")


@pytest.mark.parametrize("code", nations.languages())
def test_every_languages_limits_are_sound(code: str) -> None:
    known = nations.language(code)
    assert known.code == code
    assert known.source
    quality, repetition, lines = (known.limits[rule] for rule in ("gopher_quality", "gopher_repetition", "fineweb"))
    assert 0.3 <= known.limits["language"]["score"] <= 0.9
    assert quality["min_word_length"] < quality["max_word_length"]
    assert 0.6 < quality["min_alphabetic_words"] <= 1
    assert len(set(quality["stop_words"])) >= 8
    assert [n for n, _ in repetition["top_ngrams"]] == [2, 3, 4]
    assert [n for n, _ in repetition["duplicate_ngrams"]] == [5, 6, 7, 8, 9, 10]
    shares = [share for _, share in repetition["duplicate_ngrams"]]
    assert shares == sorted(shares, reverse=True)
    assert 0 <= lines["min_line_punctuation"] < 0.5 < lines["max_short_lines"]
    assert set(known.limits["language"]["rivals"]) <= set(nations.languages()) | OTHER_LANGUAGES


OTHER_LANGUAGES = set("als arz ba bh bpy dz gd gom jv mai min nds oc pnb sh su wuu xmf yue".split())  # noqa: SIM905
NOT_WITH_SPACES = {"kiwi", "sudachi", "thai", "icu", "botok", "pyvi"}  # units that a language file may name beside `token`


def test_at_least_forty_languages_have_limits_in_units_that_exist() -> None:
    codes = nations.languages()
    assert len(codes) >= 40
    assert {nations.language(code).unit for code in codes} == {"token", *NOT_WITH_SPACES}
    usable = [code for code in codes if nations.language(code).unit in units.names()]
    assert set(codes) - set(usable) == {"bo", "vi"}


def test_a_rule_takes_the_limits_it_does_not_state_from_its_language() -> None:
    filters = {"gopher_repetition": {"max_duplicate_lines": 0.9}, "language": {}, "too_short": {"characters": 5}}
    filled = nations.with_limits(filters, "ko")
    assert list(filled) == list(filters)
    assert filled["gopher_repetition"]["max_duplicate_lines"] == 0.9
    assert filled["gopher_repetition"]["unit"] == "kiwi"
    assert filled["gopher_repetition"]["top_ngrams"] == [[2, 0.282], [3, 0.228], [4, 0.185]]
    assert filled["language"]["score"] == 0.842
    assert filled["too_short"] == {"characters": 5}


def test_limits_of_one_unit_are_not_taken_for_another() -> None:
    filled = nations.with_limits({"gopher_quality": {"unit": "word"}, "gopher_repetition": {"unit": "kiwi"}}, "ko")
    assert filled["gopher_quality"] == {"unit": "word", "max_bullet_lines": 0.9, "max_ellipsis_lines": 0.3}
    assert filled["gopher_repetition"]["duplicate_ngrams"][0] == [5, 0.201]


def test_a_language_without_a_file_leaves_the_filters_as_they_are() -> None:
    assert nations.with_limits({"language": {"close": ["xx"]}}, "tlh") == {"language": {"close": ["xx"]}}
    with pytest.raises(Refused, match=r"`korean` ship .*--calibrate"):
        nations.language("korean")


def test_a_nation_of_ones_own_may_be_of_any_of_these_languages(tmp_path: Path) -> None:
    mine = tmp_path / "finland"
    shutil.copytree(nations.load("indonesia").folder, mine)
    identity = (mine / "nation.toml").read_text("utf-8")
    (mine / "nation.toml").write_text(identity.replace('language = "id"', 'language = "fi"'), "utf-8")
    (mine / "filters.toml").write_text("[language]\n[gopher_repetition]\n[fineweb]\nmax_newline_ratio = 0.5\n", "utf-8")
    found = resolve(Request("finland", "nano", nation_folder=mine)).corpus
    assert found.language_score == nations.language("fi").limits["language"]["score"]
    assert found.filters == ["language", "gopher_repetition", "fineweb"]
    assert found.rules["gopher_repetition"]["top_ngrams"] == nations.language("fi").limits["gopher_repetition"]["top_ngrams"]
    assert found.rules["fineweb"]["max_newline_ratio"] == 0.5
