"""Large files are read in bounded memory, in several processes with the same result, and a reader that dies costs one file."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sejong.corpus.read import plain, pool, read
from sejong.corpus.read.batch import Batch
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.jsonl import LONGEST_LINE
from sejong.corpus.read.work import TASK_FILES, tasks_of
from sejong.errors import Failed
from sejong.flow import SourceFile

from .conftest import source

HINTS = Hints(("cp949",), ("Hangul",))
SENTENCE = "한글은 백성을 위하여 만든 글자이다. "


def texts(batches: list[Batch]) -> list[tuple[str, str]]:
    return [(row["locator"], row["text"]) for batch in batches for row in batch.documents.to_pylist()]


ONE_LINE = """
import resource, sys
from pathlib import Path
from sejong.corpus.read import read
from sejong.flow import SourceFile, sha256_file
folder, name = Path(sys.argv[1]), sys.argv[2]
path = folder / name
file = SourceFile("text", folder, name, sha256_file(path), path.stat().st_size)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = characters = longest = 0
for batch in read([file], ["cp949"], ["Hangul"], workers=0):
    for text in batch.documents["text"]:
        count, characters, longest = count + 1, characters + len(text.as_py()), max(longest, len(text.as_py()))
print(count, characters, longest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("encoding", "words", "size"),
    [("utf-8", SENTENCE, 100_000_000), ("cp949", "가나다", 20_000_000), ("utf-16", SENTENCE, 20_000_000)],
)
def test_a_hundred_megabytes_on_one_line(tmp_path: Path, encoding: str, words: str, size: int) -> None:
    name, block = "line.txt", words * 100_000
    data = block.encode(encoding)
    blocks = -(-size // len(data))
    with (tmp_path / name).open("wb") as stream:
        stream.write(data)
        rest = data if encoding != "utf-16" else block.encode("utf-16-le")
        for _ in range(blocks - 1):
            stream.write(rest)
    out = subprocess.run([sys.executable, "-c", ONE_LINE, str(tmp_path), name], capture_output=True, text=True, check=True).stdout
    count, characters, longest, memory = map(int, out.split())
    assert count >= size / (3 * plain.PART)
    assert longest <= plain.PART
    assert 0 <= blocks * len(block) - characters <= count  # a space at a cut
    assert memory < 250_000  # KiB


def test_parts_of_a_large_file_are_cut_at_line_ends_and_lose_nothing(tmp_path: Path) -> None:
    lines = [f"{SENTENCE}{number}" for number in range(200_000)]
    (tmp_path / "a.txt").write_text("\n".join(lines), "utf-8")
    found = texts(list(read([source(tmp_path, "a.txt")], ["cp949"], ["Hangul"], workers=0)))
    assert [line for _, text in found for line in text.split("\n")] == lines
    whole = "\n".join(lines)
    for locator, text in found:
        start = int(locator.removeprefix("a.txt#character-"))
        assert whole[start : start + len(text)] == text


def test_a_large_file_that_changes_its_encoding_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes((SENTENCE * 300_000).encode() + (SENTENCE * 50_000).encode("cp949"))
    [*batches] = read([source(tmp_path, "a.txt")], ["cp949"], ["Hangul"], workers=0)
    assert sum(len(text) for _, text in texts(batches)) > 300_000 * len(SENTENCE) - plain.PART
    reasons = [row["reason"] for batch in batches for row in batch.dropped.to_pylist()]
    assert reasons
    assert all("it is not utf-8, as its beginning is" in reason for reason in reasons)


def test_a_json_line_without_end_is_skipped_and_the_next_is_kept(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(LONGEST_LINE // 1_000_000 + 2):
            stream.write(b"x" * 1_000_000)
        stream.write(b'"}\n' + json.dumps({"text": "다음", "id": "n"}).encode())
    [batch] = read([source(tmp_path, "a.jsonl")], ["cp949"], ["Hangul"], workers=0)
    assert batch.documents["locator"].to_pylist() == ["n"]
    assert batch.dropped["reason"].to_pylist() == ["line 1 is longer than 64 MiB"]


def many(folder: Path) -> list[SourceFile]:
    folder.mkdir(exist_ok=True)
    for number in range(60):
        (folder / f"{number:03}.txt").write_text(f"{SENTENCE * 4000}{number}", "utf-8")
    return [source(folder, path.name) for path in sorted(folder.iterdir())]


def test_processes_give_the_same_documents_in_the_same_order(tmp_path: Path) -> None:
    files = many(tmp_path)
    alone = texts(list(read(files, ["cp949"], ["Hangul"], workers=0)))
    together = texts(list(read(files, ["cp949"], ["Hangul"], workers=3)))
    assert alone == together
    assert [locator for locator, _ in alone] == [file.path for file in files]


def test_tasks_hold_every_file_once_and_are_bounded(tmp_path: Path) -> None:
    files = [SourceFile("text", tmp_path, f"{number}.txt.gz", "", 1000 * number) for number in range(2000)]
    tasks = tasks_of(files)
    assert [file for task in tasks for file in task] == files
    assert max(map(len, tasks)) <= TASK_FILES


FRAGILE = """
import os, sys
from pathlib import Path
from sejong.corpus.read import plain, worker
inner, deaths, count = plain.decode, {deaths}, Path({count!r})
def decode(data, hints):
    past = count.stat().st_size
    if data.endswith(b". 7") and past < len(deaths):
        with count.open("a") as stream:
            stream.write("x")
        os.kill(os.getpid(), deaths[past])
    return inner(data, hints)
plain.decode = decode
worker.main(*sys.argv[1:])
"""
KILL, CRASH, ABORT = int(signal.SIGKILL), int(signal.SIGSEGV), int(signal.SIGABRT)


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes workers that die of these signals, one after another, whenever one of them reads file 7."""
    script, count, popen = tmp_path / "worker.py", tmp_path / "count", subprocess.Popen
    count.touch()

    def start(command: list[str], **given: Any) -> "subprocess.Popen[bytes]":
        return popen([sys.executable, str(script), *command[3:]], stderr=subprocess.DEVNULL, **given)

    def prepare(deaths: list[int]) -> None:
        script.write_text(FRAGILE.format(deaths=deaths, count=str(count)), "utf-8")
        monkeypatch.setattr(pool.subprocess, "Popen", start)

    return prepare


@pytest.mark.parametrize("death", [CRASH, ABORT])
def test_a_file_that_crashes_its_reader_is_one_row(tmp_path: Path, fragile: Any, death: int) -> None:
    files = many(tmp_path / "text")
    fragile([death] * 9)
    batches = list(read(files, ["cp949"], ["Hangul"], workers=2))
    assert [locator for locator, _ in texts(batches)] == [file.path for file in files if file.path != "007.txt"]
    [row] = [row for batch in batches for row in batch.dropped.to_pylist()]
    assert (row["locator"], row["rule"]) == ("007.txt", "unreadable")
    assert row["reason"] == f"it crashes its reader ({signal.Signals(death).name}): the file is damaged"


@pytest.mark.parametrize("deaths", [[KILL], [KILL, KILL], [KILL, CRASH], [CRASH, KILL]])
def test_a_reader_that_was_killed_is_replaced_and_nothing_is_lost(tmp_path: Path, fragile: Any, deaths: list[int]) -> None:
    """The first death is of a worker with several files in hand, the second of one that has file 7 alone."""
    files = many(tmp_path / "text")
    alone = texts(list(read(files, ["cp949"], ["Hangul"], workers=0)))
    fragile(deaths)
    batches = list(read(files, ["cp949"], ["Hangul"], workers=2))
    assert texts(batches) == alone
    assert not any(batch.dropped.num_rows for batch in batches)


@pytest.mark.parametrize("deaths", [[KILL] * 3, [CRASH, CRASH, KILL], [KILL, KILL, CRASH]])
def test_a_reader_that_is_killed_again_ends_the_run(tmp_path: Path, fragile: Any, deaths: list[int]) -> None:
    files = many(tmp_path / "text")
    fragile(deaths)
    with pytest.raises(Failed, match=r"007\.txt could not be read.* ended twice \(.*SIGKILL.* run the same command again"):
        list(read(files, ["cp949"], ["Hangul"], workers=2))


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = [f"{SENTENCE * 40}{number}" for number in range(12_000)]
    lines = (json.dumps({"text": text, "id": number}, ensure_ascii=False) for number, text in enumerate(written))
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "utf-8")
    deaths, again = [], pool._again

    def spy(task: list[SourceFile], hints: Hints, death: pool.Died) -> Iterator[Batch]:
        deaths.append(death)
        return again(task, hints, death)

    monkeypatch.setattr(pool, "_again", spy)
    batches = read([source(tmp_path, "a.jsonl")], ["cp949"], ["Hangul"], workers=1)
    found = [next(batches)]
    [worker] = psutil.Process().children()
    os.kill(worker.pid, signal.SIGKILL)
    found += batches
    assert [text for _, text in texts(found)] == written
    assert not any(batch.dropped.num_rows for batch in found)
    assert [death.args for death in deaths] == [(-KILL, 1)]


def test_workers_end_when_their_results_are_not_wanted(tmp_path: Path) -> None:
    batches = read(many(tmp_path), ["cp949"], ["Hangul"], workers=2)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert usage.ru_maxrss > 0  # both children have been waited for
