"""Runs and their store: moved, renamed, half deleted, two builds of one run, mixtures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sejong.build import garbage
from sejong.build.independence import independence
from sejong.build.stages import STAGES
from sejong.flow import sha256_file, store
from sejong.ledger import seal
from sejong.ledger.verify import verify
from tests.build.test_build import hashes, nano
from tests.conftest import sejong
from tests.ledger.test_verify import copy


def test_gc_finds_a_run_wherever_it_was_moved_with_its_store(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    where = tmp_path / "after" / ".store"
    assert garbage.unused(where) == []
    (tmp_path / "after" / run.name).rename(tmp_path / "after" / "renamed")
    assert garbage.unused(where) == []
    shutil.rmtree(tmp_path / "after" / "renamed")
    assert len(garbage.unused(where)) == len(STAGES)


def test_gc_leaves_what_is_being_made(tmp_path: Path) -> None:
    (tmp_path / ".building" / "pretrain-1.scratch").mkdir(parents=True)
    with store.held(tmp_path, "pretrain-1", "busy"):
        assert garbage.unused(tmp_path) == []
    assert [one.name for one in garbage.unused(tmp_path)] == ["pretrain-1.scratch"]


def test_a_half_deleted_artifact_is_made_again(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    before = hashes(run)
    (run / "tokenizer" / "tokenizer.json").unlink()
    (run / "tokens" / "manifest.json").unlink()
    done = sejong(*nano(run, "--to", "tokens"))
    assert done.returncode == 0, done.stderr
    made = {one["stage"] for one in json.loads(done.stdout)["stages"] if not one["cached"]}
    assert made == {"tokenizer", "tokens"}
    assert hashes(run) == before


def test_an_earlier_stage_that_changes_takes_the_later_ones_with_it(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    done = sejong(*nano(run, "--to", "corpus", "--set", "corpus.filters=[]", "--set", "corpus.test=0.2"))
    assert done.returncode == 0, done.stderr
    assert [one.name for one in STAGES if (run / one.name).is_symlink()] == ["corpus"]
    assert not (run / "seal.json").exists()


def test_a_refused_build_leaves_a_finished_run_as_it_was(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    assert sejong(*nano(run, "--set", "tokenizer.vocabulary=7")).returncode == 2
    assert sejong("build", "korea", "--size", "nano", "--text", tmp_path / ".store" / ".locks", "--run", run).returncode == 2
    assert verify(run).as_json()["ok"]


def test_what_a_killed_command_left_in_the_run_is_swept(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    (run / ".recipe.toml.4242.part").write_text("half")
    assert sejong(*nano(run)).returncode == 0
    assert verify(run).as_json()["ok"]


def test_two_builds_of_one_run_come_one_after_the_other(tmp_path: Path) -> None:
    run = tmp_path / "korea"
    vocabularies = ("tokenizer.vocabulary=600", "tokenizer.vocabulary=700")
    commands = [[sys.executable, "-m", "sejong.cli", *nano(run, "--to", "tokens", "--set", one)] for one in vocabularies]
    builds = [subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for one in commands]
    for build in builds:
        assert build.wait(120) == 0
        for pipe in (build.stdout, build.stderr):
            if pipe:
                pipe.close()
    used = json.loads((run / "tokens" / "manifest.json").read_text("utf-8"))
    tokenizer = store.load(run / "tokenizer")
    assert f'"{tokenizer.digest}"' in json.dumps(used), "tokens and tokenizer in the run are of one build"


def test_a_sealed_mixture_of_two_builds_is_found(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    other = tmp_path / "other"
    shutil.copytree((run / "corpus").resolve(), other)
    (other / "funnel.json").write_text("[]")
    manifest = json.loads((other / "manifest.json").read_text("utf-8"))
    subject = next(one for one in manifest["subject"] if one["name"] == "funnel.json")
    subject["digest"]["sha256"] = sha256_file(other / "funnel.json")
    (other / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (run / "corpus").unlink()
    (run / "corpus").symlink_to(os.path.relpath(other, run))
    ledger = json.loads((run / "ledger" / "ledger.json").read_text("utf-8"))
    entry = next(one for one in ledger["stages"] if one["stage"] == "corpus")
    entry["manifest"] = sha256_file(other / "manifest.json")
    (run / "ledger" / "ledger.json").write_text(json.dumps(ledger), "utf-8")
    body = json.loads((run / "ledger" / "manifest.json").read_text("utf-8"))
    body["subject"][0]["digest"]["sha256"] = sha256_file(run / "ledger" / "ledger.json")
    (run / "ledger" / "manifest.json").write_text(json.dumps(body), "utf-8")
    seal.write(run)
    assert {one["kind"] for one in verify(run).faults} == {"mixed"}


@pytest.mark.parametrize("lie", ["seed", "tensors", "one hash", "foreign"])
def test_a_record_of_initial_weights_that_lies_is_found(lie: str, built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    path = run / "pretrain" / "initial.json"
    initial = json.loads(path.read_text("utf-8"))
    assert independence(run)["independent"]
    name = next(iter(initial["tensors"]))
    if lie == "seed":
        initial["seed"] += 1
    elif lie == "tensors":
        del initial["tensors"][name]
    elif lie == "one hash":
        initial["tensors"][name] = "0" * 64
    else:
        initial["foreign"] = {"name": "another model"}
    path.write_text(json.dumps(initial), "utf-8")
    assert not independence(run)["independent"]


def test_a_run_from_foreign_weights_says_so_and_cannot_pass(built_run: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(built_run / "pretrain" / "model", base)
    done = sejong(*nano(tmp_path / "runs" / "korea", "--set", f"pretrain.base={base}"))
    assert done.returncode == 0, done.stderr
    checked = sejong("verify", tmp_path / "runs" / "korea", "--independence", "--json")
    assert checked.returncode == 1
    found = json.loads(checked.stdout)
    assert found["ok"]
    assert not found["independence"]["independent"]
    assert found["independence"]["foreign"]["name"] == "base"
    assert "foreign weights" in checked.stderr
