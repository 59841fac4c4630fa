"""Damage a finished run in every way, then verify."""

import json
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sejong.errors import Refused
from sejong.ledger.verify import verify


def copy(run: Path, to: Path) -> Path:
    """A run with its store, apart from the original."""
    shutil.copytree(run.parent / ".store", to / ".store", symlinks=True, ignore=shutil.ignore_patterns("downloads"))
    shutil.copytree(run, to / run.name, symlinks=True, ignore=shutil.ignore_patterns("service", "endpoint.json"))
    return to / run.name


@pytest.fixture(scope="module")
def run(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(built_run, tmp_path_factory.mktemp("verify"))


def files(run: Path) -> list[Path]:
    return sorted(path for top in run.iterdir() for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())


def test_an_untouched_run_is_whole(run: Path) -> None:
    verdict = verify(run)
    assert verdict.as_json()["ok"], verdict.faults
    assert verdict.checked == len(files(run)) - 1, "every file but the seal, which is read and checks itself"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 10**9), where=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_found(run: Path, which: int, where: int, bit: int) -> None:
    path = files(run)[which % len(files(run))]
    before = path.read_bytes()
    if not before:
        return
    damaged = bytearray(before)
    damaged[where % len(damaged)] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        name = path.relative_to(run).as_posix()
        try:
            faults = {one["path"] for one in verify(run).faults}
        except Refused:  # the flipped bit made the seal's format a newer one
            assert name == "seal.json"
            return
        assert name in faults
    finally:
        path.write_bytes(before)


def test_a_missing_an_extra_and_a_changed_file_are_told_apart(run: Path, tmp_path: Path) -> None:
    run = copy(run, tmp_path)
    (run / "corpus" / "extra.txt").write_text("?")
    (run / "stray").write_text("?")
    (run / "tokenizer" / "tokenizer.json").unlink()
    with (run / "recipe.toml").open("a") as recipe:
        recipe.write("# changed\n")
    found = {(one["path"], one["kind"]) for one in verify(run).faults}
    assert found == {
        ("corpus/extra.txt", "extra"),
        ("stray", "extra"),
        ("tokenizer/tokenizer.json", "missing"),
        ("recipe.toml", "changed"),
    }


def test_a_stage_swapped_for_another_run_of_it_is_found(run: Path, tmp_path: Path) -> None:
    """A whole, consistent artifact that is not the one of this run must not pass."""
    run = copy(run, tmp_path)
    folder = (run / "corpus").resolve()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["predicate"]["runDetails"]["metadata"]["startedOn"] = "2001-01-01T00:00:00.000000Z"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert ("corpus/manifest.json", "changed") in {(one["path"], one["kind"]) for one in verify(run).faults}


def test_garbage_in_the_ledgers_own_files_is_a_fault_not_a_crash(run: Path, tmp_path: Path) -> None:
    run = copy(run, tmp_path)
    chance = random.Random(7)
    for name in ("ledger/ledger.json", "ledger/manifest.json", "corpus/manifest.json", "seal.json"):
        before = (run / name).read_bytes()
        for garbage in (b"", b"[]", b"{}", b'{"stages": [1, {"stage": "../../etc"}]}', chance.randbytes(200)):
            (run / name).write_bytes(garbage)
            try:
                assert not verify(run).as_json()["ok"]
            except Refused:
                assert name == "seal.json"
        (run / name).write_bytes(before)


def test_what_is_no_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not a run's folder"):
        verify(tmp_path)
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(Refused, match="no seal"):
        verify(tmp_path)
