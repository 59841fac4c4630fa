"""What a person sees when something is wrong, through the real command: one sentence, the right exit status, nothing lost."""

import gzip
import json
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sejong.flow.manifest import FORMAT
from tests.conftest import TEXTS, sejong
from tests.ledger.test_verify import copy

PAGE = (TEXTS / "korea" / "한옥.md").read_text("utf-8")
ENGLISH = "The library opens every morning at nine. Anyone who holds a card may borrow five books for two weeks. " * 8
NO_TEXT_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)


def to_corpus(folder: Path, text: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    run = folder / "runs" / "korea"
    return sejong("build", "korea", "--size", "nano", "--text", text, "--run", run, "--to", "corpus", **environment)


def dropped(folder: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = pq.read_table(folder / "runs" / "korea" / "corpus" / "dropped.parquet").to_pylist()
    return rows


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "there is no text in"),
        ({"picture.png": b"\x89PNG"}, "there is no text in"),
        ({"a.txt": "안녕하세요.\n반갑습니다.\n또 만나요.\n".encode()}, "fewer than 60"),
        ({"a.txt": random.Random(1).randbytes(5000)}, "it is binary data, not text"),
        ({"a.pdf": NO_TEXT_PDF}, "a.pdf"),
        ({f"{number}.txt": f"{ENGLISH} {number}".encode() for number in range(5)}, "are English, not Korean"),
    ],
    ids=["empty folder", "no text files", "three lines", "binary junk", "no text in the PDF", "another language"],
)
def test_where_nothing_is_left_one_sentence_says_why(files: dict[str, bytes], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    for name, content in files.items():
        (tmp_path / "text" / name).write_bytes(content)
    done = to_corpus(tmp_path, tmp_path / "text")
    assert (done.returncode, sentence in done.stderr) == (2, True), done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("sejong: ")]
    assert len(said) == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "korea" / "corpus").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("half.md.gz", gzip.compress(PAGE.encode() * 50)[:400], "half"),
        ("half.jsonl", f"{json.dumps({'text': PAGE.replace('온돌', '구들')})}\n{{broken\n".encode(), "half.jsonl#line-2"),
        ("junk.txt", random.Random(2).randbytes(3000), "binary"),
        ("none.pdf", NO_TEXT_PDF, "none.pdf"),
    ],
)
def test_one_bad_file_is_a_row_with_a_reason_and_the_rest_is_kept(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "good.md").write_text(PAGE, "utf-8")
    (tmp_path / "text" / name).write_bytes(content)
    done = to_corpus(tmp_path, tmp_path / "text")
    assert done.returncode == 0, done.stderr
    bad = [row for row in dropped(tmp_path) if row["rule"] == "unreadable"]
    assert len(bad) == 1
    assert reason in bad[0]["locator"] + bad[0]["reason"]
    assert pq.read_table(tmp_path / "runs" / "korea" / "corpus" / "documents").num_rows >= 1


def test_a_hundred_megabytes_on_one_line_end_in_bounded_memory(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "good.md").write_text(PAGE, "utf-8")
    (tmp_path / "text" / "line.txt").write_text("한국어 문장이 아주 길게 이어진다 " * 2_100_000, "utf-8")
    done = limited(tmp_path, lambda: resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30)))
    assert done.returncode == 0, done.stderr
    assert {row["locator"].split("#")[0] for row in dropped(tmp_path)} == {"line.txt"}


@pytest.mark.parametrize(("largest", "stage"), [(2_000, "corpus"), (40_000, "tokenizer"), (400_000, "pretrain")])
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(largest: int, stage: str, tmp_path: Path) -> None:
    shutil.copytree(TEXTS / "korea", tmp_path / "text")

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = limited(tmp_path, small_files, to=stage)
    assert done.returncode == 1, done.stderr
    assert f"is full (stage {stage})" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "korea" / stage).exists()
    done = limited(tmp_path, lambda: None, to=stage)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    done = to_corpus(tmp_path, TEXTS / "korea")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "runs") in done.stderr


def limited(folder: Path, limit: Callable[[], None], to: str = "corpus") -> subprocess.CompletedProcess[str]:
    run = folder / "runs" / "korea"
    given = ["build", "korea", "--size", "nano", "--text", str(folder / "text"), "--run", str(run), "--to", to]
    command = [sys.executable, "-m", "sejong.cli", *given]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, timeout=200)


def test_without_apt_get_it_says_what_to_do_instead(tmp_path: Path) -> None:
    done = sejong("build", "korea", "--run", tmp_path / "runs" / "korea", "--to", "corpus", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "no apt-get" in done.stderr
    assert "--text" in done.stderr


def test_without_a_network_it_says_what_to_do_instead(tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody make a network namespace")
    command = [
        *alone,
        sys.executable,
        "-m",
        "sejong.cli",
        "build",
        "korea",
        "--run",
        str(tmp_path / "runs" / "korea"),
        "--to",
        "corpus",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert "check the network" in done.stderr
    assert "--text" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_sentence(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = sejong("serve", run, "--port", str(port))
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_of_a_newer_version_is_refused_by_every_verb_and_left_as_it_was(built_run: Path, tmp_path: Path) -> None:
    run = copy(built_run, tmp_path)
    for path in [*(run.parent / ".store").glob("*/manifest.json"), run / "seal.json"]:
        content = path.read_text("utf-8")
        path.write_text(content.replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'), "utf-8")
    before = {path: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()}
    for command in (
        ["build", run / "recipe.toml"],
        ["chat", run, "--ask", "온돌"],
        ["serve", run, "--port", "0"],
        ["verify", run],
    ):
        done = sejong(*command)
        assert done.returncode == 2, done.stderr
        assert "newer Sejong" in done.stderr
    assert before == {path: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()}
