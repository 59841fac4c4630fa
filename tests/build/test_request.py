from pathlib import Path

import pytest

from sejong.build.request import Request, asked_of_probe, overrides, read, resolve, write
from sejong.errors import Refused
from sejong.recipe import SIZES


@pytest.mark.parametrize("size", SIZES)
def test_every_size_resolves_for_every_nation(size: str) -> None:
    from sejong import nations

    for nation in nations.names():
        recipe = resolve(Request(nation, size))
        assert recipe.corpus.language == nations.load(nation).identity.language


def test_overrides_win_over_the_dial_and_replace_its_budget() -> None:
    recipe = resolve(Request("korea", "xs", overrides={"pretrain.tokens": 1000, "tokenizer.vocabulary": 600, "seed": 5}))
    assert (recipe.pretrain.tokens, recipe.pretrain.seconds, recipe.pretrain.steps) == (1000, None, None)
    assert (recipe.tokenizer.vocabulary, recipe.pretrain.seed, recipe.align.seed, recipe.evaluate.seed) == (600, 5, 5, 5)


def test_one_limit_inside_a_table_can_be_set() -> None:
    plain = resolve(Request("korea", "xs")).corpus.rules
    found = resolve(Request("korea", "xs", overrides={"corpus.rules.gopher_quality.min_words": 20})).corpus.rules
    assert found == plain | {"gopher_quality": plain["gopher_quality"] | {"min_words": 20}}
    with pytest.raises(Refused, match=r"there is no setting `corpus\.filters\.x`"):
        resolve(Request("korea", "xs", overrides={"corpus.filters.x": 1}))


def test_what_was_asked_survives_the_recipe_file(tmp_path: Path) -> None:
    request = Request("japan", "nano", (tmp_path,), None, {"corpus.filters": [], "seed": 3}, {"pretrain": {"steps": 7}})
    write(tmp_path / "recipe.toml", request)
    assert read(tmp_path / "recipe.toml") == request


def test_a_probe_counts_only_for_the_settings_it_measured() -> None:
    asked = asked_of_probe(resolve(Request("korea", "xs")))
    probed = {
        "asked": asked,
        "pretrain": {"steps": 77, "dtype": "float32", "compile": False, "threads": 2},
        "align": {"steps": 9},
    }
    assert resolve(Request("korea", "xs", probed=probed)).pretrain.steps == 77
    changed = resolve(Request("korea", "xs", overrides={"pretrain.width": 96}, probed=probed))
    assert changed.pretrain.steps is None


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Request("kora"), "did you mean korea"),
        (Request("korea", "xl"), "no size `xl`"),
        (Request("korea", overrides={"corpus.filter": []}), "did you mean corpus.filters"),
        (Request("korea", overrides={"corpse.filters": []}), "did you mean corpus.filters"),
        (
            Request("korea", overrides={"corpus.near_duplicates": 3}),
            r"`corpus.near_duplicates` cannot be 3: .* less than or equal to 1",
        ),
        (Request("korea", overrides={"pretrain.dtype": "float8"}), r"`pretrain.dtype` cannot be 'float8': .*'bfloat16'"),
    ],
)
def test_a_wrong_request_names_the_setting_and_what_is_allowed(asked: Request, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        resolve(asked)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('nation = "korea"\nsise = "xs"', "did you mean size"),
        ("size = 'xs'", "names no nation"),
        ("nation = ", "not a readable recipe"),
        ('format = 99\nnation = "korea"', "newer Sejong"),
    ],
)
def test_a_wrong_recipe_file_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "recipe.toml").write_text(content)
    with pytest.raises(Refused, match=sentence):
        read(tmp_path / "recipe.toml")


def test_set_reads_toml_values_and_plain_text() -> None:
    given = overrides(["corpus.filters=[]", "seed=7", "pretrain.dtype=float32", "tokenizer.system=a = b"])
    assert given == {"corpus.filters": [], "seed": 7, "pretrain.dtype": "float32", "tokenizer.system": "a = b"}
    with pytest.raises(Refused, match="has no value"):
        overrides(["seed"])
