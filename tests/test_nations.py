"""Every nation that ships is whole: all files, all words, all names found in their registries."""

import re
from pathlib import Path
from typing import Any

import pytest

from sejong import nations
from sejong.build.request import Request, resolve
from sejong.corpus import rules
from sejong.errors import Refused
from sejong.language import segment

ALL = nations.names()


def test_the_four_first_nations_are_there() -> None:
    assert set(ALL) >= {"indonesia", "japan", "korea", "vietnam"}


@pytest.mark.parametrize("name", ALL)
def test_every_name_in_its_files_is_known(name: str) -> None:
    recipe = resolve(Request(name, "nano"))
    rules.check(recipe.corpus.filters, recipe.corpus.rules)
    assert segment.terms(recipe.index.segmenter, ["a b"])


@pytest.mark.parametrize("file", ["portal.toml", "report.toml", "prompts/align.toml", "prompts/evaluate.toml", "pii.toml"])
def test_all_nations_have_the_same_keys(file: str) -> None:
    by_nation = {name: keys(nations.load(name).toml(file)) for name in ALL}
    assert len(set(map(frozenset, by_nation.values()))) == 1, by_nation


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
