"""The whole way with real processes: cache, `--to`, what a setting remakes, and kill -9 at random moments."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.conftest import TEXTS, sejong

PROMISED = ("corpus", "tokenizer", "tokens", "pretrain", "align")


def nano(run: Path, *more: str) -> list[str]:
    return ["build", "korea", "--size", "nano", "--text", str(TEXTS / "korea"), "--run", str(run), "--json", *more]


def hashes(run: Path) -> dict[str, str]:
    """What the manifests of the promised stages say of their files."""
    found: dict[str, str] = {}
    for stage in PROMISED:
        manifest = json.loads((run / stage / "manifest.json").read_text("utf-8"))
        found |= {f"{stage}/{one['name']}": one["digest"]["sha256"] for one in manifest["subject"]}
    return found


def stages(output: str) -> dict[str, dict[str, Any]]:
    return {one["stage"]: one for one in json.loads(output)["stages"]}


def test_a_second_build_makes_nothing_and_answers_fast(built_run: Path) -> None:
    began = time.monotonic()
    done = sejong(*nano(built_run))
    assert done.returncode == 0, done.stderr
    assert all(one["cached"] for one in stages(done.stdout).values())
    assert time.monotonic() - began < 20


def test_a_dry_run_tells_what_the_store_has(built_run: Path, tmp_path: Path) -> None:
    done = json.loads(sejong(*nano(built_run, "--dry-run")).stdout)
    assert all(one["cached"] for one in done["stages"])
    fresh = json.loads(sejong(*nano(tmp_path / "korea", "--dry-run")).stdout)
    assert not any(one["cached"] for one in fresh["stages"])
    assert not (tmp_path / "korea" / "corpus").exists()


def test_a_setting_remakes_only_what_depends_on_it(built_run: Path, tmp_path: Path) -> None:
    shutil.copytree(built_run.parent / ".store", tmp_path / ".store", symlinks=True)
    done = sejong(*nano(tmp_path / "korea", "--set", "align.steps=3", "--to", "index"))
    assert done.returncode == 0, done.stderr
    assert {name for name, one in stages(done.stdout).items() if not one["cached"]} == set()
    done = sejong(*nano(tmp_path / "korea", "--set", "align.steps=3", "--to", "align"))
    assert {name for name, one in stages(done.stdout).items() if not one["cached"]} == {"align"}


def test_another_folder_and_another_file_order_give_the_same_bytes(built_run: Path, tmp_path: Path) -> None:
    for name in sorted(os.listdir(TEXTS / "korea"), reverse=True):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        shutil.copy(TEXTS / "korea" / name, tmp_path / "elsewhere" / name)
    text = ("--text", tmp_path / "elsewhere")
    done = sejong("build", "korea", "--size", "nano", *text, "--run", tmp_path / "korea", "--to", "corpus")
    assert done.returncode == 0, done.stderr
    ours = json.loads((tmp_path / "korea" / "corpus" / "manifest.json").read_text("utf-8"))
    assert {f"corpus/{one['name']}": one["digest"]["sha256"] for one in ours["subject"]}.items() <= hashes(built_run).items()


def test_killed_at_random_moments_it_ends_with_the_same_bytes(built_run: Path, tmp_path: Path) -> None:
    """kill -9 the build again and again; what it ends with equals the undisturbed run, byte for byte."""
    chance = random.Random(os.environ.get("SEJONG_TEST_SEED", "20261124"))
    run = tmp_path / "korea"
    kills = 0
    for attempt in range(12):
        command = [sys.executable, "-m", "sejong.cli", *nano(run, "--to", "align")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
            try:
                process.wait(chance.uniform(1.0, 9.0) if attempt < 11 else 280)
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
    assert process.returncode == 0
    assert kills >= 2, "the build was over before it could be killed twice: choose earlier moments"
    ours = hashes(run)
    theirs = hashes(built_run)
    assert ours == theirs
    assert "align/model/model.safetensors" in ours
    assert "pretrain/model/model.safetensors" in ours
