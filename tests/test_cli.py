"""Every wrong request is one sentence with the right exit status; every answer is JSON where it was asked for."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sejong.cli import app
from tests.conftest import TEXTS, sejong

KOREAN = TEXTS / "korea"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["build", "kora"], 2, "did you mean korea"),
        (["build", "korea", "--size", "huge"], 2, "no size `huge`"),
        (["build", "korea", "--text", "nowhere"], 2, "no file or folder nowhere"),
        (["build", "korea", "--to", "pretrian"], 2, "did you mean pretrain"),
        (["build", "korea", "--set", "corpus.near_duplicates=7"], 2, "`corpus.near_duplicates` cannot be 7"),
        (["build", "none.toml"], 2, "there is no recipe none.toml"),
        (["chat", "nowhere"], 2, "nowhere"),
        (["serve", "nowhere"], 2, "nowhere"),
        (["report", "nowhere"], 2, "no report yet"),
        (["verify", "nowhere"], 2, "not a run's folder"),
        (["evaluate", "nowhere", "--text", str(KOREAN / "한옥.md")], 2, "nowhere"),
        (["tokenizer", "compare", "--text", "nowhere.txt"], 2, "nowhere.txt"),
        (["export", "nowhere", "--to", "hf", "--out", "out"], 2, "not a run's folder"),
        (["keys", "list", "nowhere"], 2, "nowhere"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_a_wrong_request_is_one_sentence(arguments: list[str], status: int, sentence: str, tmp_path: Path) -> None:
    done = sejong(*arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_is_instant_and_names_every_verb() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    verbs = "doctor init build chat serve report evaluate verify list gc export tokenizer keys"
    assert all(verb in shown for verb in verbs.split())


def test_doctor_answers_in_json() -> None:
    found = json.loads(sejong("doctor", "--json").stdout)
    assert found["cores"] >= 1
    assert any(one.startswith("cpu") for one in found["training_devices"])


def test_init_lists_every_setting_and_writes_a_recipe_that_builds(tmp_path: Path) -> None:
    listed = json.loads(sejong("init", "korea", "--size", "nano", "--json").stdout)["settings"]
    names = {one["name"] for one in listed}
    assert {"corpus.filters", "tokenizer.vocabulary", "pretrain.tokens", "seed"} <= names
    assert all(one["meaning"] and one["type"] for one in listed)
    assert sejong("init", "korea", tmp_path / "mine", "--size", "nano").returncode == 0
    recipe = tmp_path / "mine" / "recipe.toml"
    recipe.write_text(recipe.read_text("utf-8").replace("text = []", f'text = ["{KOREAN}"]'), "utf-8")
    done = json.loads(sejong("build", recipe, "--dry-run", "--json").stdout)
    assert done["run"] == str(tmp_path / "mine")
    assert sejong("init", "korea", tmp_path / "mine").returncode == 2


def test_a_finished_run_verifies_and_is_listed(built_run: Path) -> None:
    found = json.loads(sejong("verify", built_run, "--independence", "--json").stdout)
    assert found["ok"]
    assert found["independence"]["independent"]
    assert {"name", "version", "licence", "sha256", "role", "stage"} <= found["independence"]["outside_models"][0].keys()
    listed = json.loads(sejong("list", built_run.parent, "--json").stdout)["runs"]
    assert [one["run"] for one in listed] == [str(built_run)]
    assert listed[0]["finished"]


def test_gc_keeps_what_a_run_needs_and_asks_before_it_frees_the_rest(built_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "korea"
    common = ("build", "korea", "--size", "nano", "--text", KOREAN, "--run", run, "--to", "tokenizer")
    assert sejong(*common, "--set", "tokenizer.vocabulary=600").returncode == 0
    assert sejong(*common, "--set", "tokenizer.vocabulary=700").returncode == 0
    assert len(list((tmp_path / "runs" / ".store").glob("tokenizer-*"))) == 2
    refused = sejong("gc", tmp_path / "runs")
    assert refused.returncode != 0
    freed = json.loads(sejong("gc", tmp_path / "runs", "--yes", "--json").stdout)
    assert freed["freed_bytes"] > 0
    assert [Path(one).name.split("-")[0] for one in freed["removed"]] == ["tokenizer"]
    assert (run / "tokenizer" / "tokenizer.json").exists()
