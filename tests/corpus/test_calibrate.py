"""Calibration: limits come from the text, keep nine tenths of it in every unit, and make a filters.toml that builds."""

import json
import random
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sejong import nations
from sejong.build.calibrate import calibrate, lines
from sejong.build.request import Request, resolve
from sejong.corpus import rules
from sejong.corpus.calibrate import FAMILIES, SHARE
from sejong.errors import Refused
from tests.conftest import TEXTS, sejong

MENU = "\n".join(["홈", "로그인", "회원가입", "장바구니", "고객센터"] * 12)


def written(path: Path, good: int, menus: int = 0) -> Path:
    """Documents of Korean sentences in an order that a seed gives, and menus, as JSON Lines with their source."""
    sentences = [one.strip() for file in sorted((TEXTS / "korea").glob("*.md")) for one in file.read_text("utf-8").split(". ")]
    draw = random.Random(5)
    rows = []
    for number in range(good):
        chosen = draw.sample(sentences, 15)
        text = "\n\n".join(". ".join(chosen[place : place + 5]) + "." for place in range(0, 15, 5))
        rows.append({"text": text, "source": "books", "id": f"b{number}"})
    rows += [{"text": f"{MENU}\n쪽 {number}", "source": "web", "id": f"w{number}"} for number in range(menus)]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("calibrated")
    return calibrate(Request("korea", text=(written(folder / "text.jsonl", 80),)), folder / "run")


def counts(found: dict[str, Any], unit: str, kind: str) -> dict[str, int]:
    (row,) = [row for row in found["units"][unit]["effect"] if row["limits"] == kind]
    return dict(row["dropped"])


def test_units_that_suit_the_language_are_compared(found: dict[str, Any]) -> None:
    assert set(found["units"]) == {"word", "character", "kiwi", "kiwi-fast"}
    assert found["reference_documents"] == found["documents"] == 80


@pytest.mark.parametrize("unit", ["word", "character", "kiwi", "kiwi-fast"])
def test_limits_for_english_cost_nearly_all_and_calibrated_ones_a_tenth_a_rule(found: dict[str, Any], unit: str) -> None:
    assert counts(found, unit, "english")["gopher_quality"] > 70
    calibrated = counts(found, unit, "calibrated")
    assert all(calibrated[rule] <= SHARE * 80 for rule in FAMILIES)


def test_what_was_published_for_morphemes_is_shown_for_morphemes_only(found: dict[str, Any]) -> None:
    kinds = {unit: {row["limits"] for row in one["effect"]} for unit, one in found["units"].items()}
    assert "language" in kinds["kiwi"] & kinds["kiwi-fast"]
    assert "language" not in kinds["word"] | kinds["character"]
    assert "nation" in kinds["word"]


def test_the_fast_unit_decides_as_the_slow_one(found: dict[str, Any]) -> None:
    assert min(found["units"]["kiwi-fast"]["agreement"].values()) >= 0.75  # the documents are alike, so many lie at a limit
    assert found["units"]["word"]["agreement"] is None


def test_the_written_file_is_a_whole_filters_toml(found: dict[str, Any], tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(nations.load("korea").folder, mine)
    shutil.copy(found["filters"], mine / "filters.toml")
    settings = resolve(Request("mine", "nano", nation_folder=mine)).corpus
    rules.check(settings.filters, settings.rules)
    assert settings.filters == list(nations.load("korea").toml("filters.toml"))
    assert settings.language_score == found["score"]
    for rule in FAMILIES:
        assert settings.rules[rule].items() >= found["units"]["word"]["limits"][rule].items()


def test_each_limit_stands_beside_what_was_measured(found: dict[str, Any]) -> None:
    text = Path(found["filters"]).read_text("utf-8")
    table = tomllib.loads(text)["gopher_quality"]
    low, _, middle, _, high = found["units"]["word"]["measured"]["gopher_quality"]["min_word_length"]
    (line,) = [line for line in text.splitlines() if line.startswith("min_word_length")]
    assert line.split("# ")[1].split()[2] == f"{middle:,.4g}"
    assert low - 0.1 <= table["min_word_length"] <= middle <= table["max_word_length"] <= high + 0.1


def test_limits_come_from_the_references_and_then_drop_what_is_not_like_them(tmp_path: Path) -> None:
    request = Request("korea", text=(written(tmp_path / "text.jsonl", 60, menus=60),), overrides={"corpus.references": ["books"]})
    found = calibrate(request, tmp_path / "run")
    rows = {row["source"]: row for row in found["units"]["word"]["effect"] if row["limits"] == "calibrated"}
    assert found["reference_documents"] == 60
    assert rows["web"]["dropped"]["any"] == rows["web"]["documents"]
    assert rows["books"]["dropped"]["gopher_repetition"] <= SHARE * 60
    assert any(line.startswith("word ") and " web " in line for line in lines(found))


def test_no_source_pays_for_the_style_of_a_larger_one(tmp_path: Path) -> None:
    request = Request("korea", text=(written(tmp_path / "text.jsonl", 200, menus=25),))
    rows = [row for one in calibrate(request, tmp_path / "run")["units"].values() for row in one["effect"]]
    web = [row["dropped"] for row in rows if (row["source"], row["limits"]) == ("web", "calibrated")]
    assert len(web) == 4
    assert all(dropped[rule] <= SHARE * 25 for dropped in web for rule in FAMILIES)


def test_too_little_reference_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"7 documents of reference text \(books\) are too few to set limits by: give at least 50"):
        calibrate(Request("korea", text=(written(tmp_path / "text.jsonl", 7),)), tmp_path / "run")


def test_the_command_writes_the_same_bytes_and_builds_nothing(found: dict[str, Any], tmp_path: Path) -> None:
    text, run, before = tmp_path / "moved.jsonl", tmp_path / "run", Path(found["filters"])
    shutil.copy(before.parents[1] / "text.jsonl", text)
    done = sejong("build", "korea", "--to", "corpus", "--calibrate", "--text", text, "--run", run, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["filters"] == str(run / "filters.toml")
    assert sorted(one.name for one in run.iterdir()) == ["calibration.json", "filters.toml"]
    for name in ("filters.toml", "calibration.json"):
        assert (run / name).read_bytes() == (before.parent / name).read_bytes()
