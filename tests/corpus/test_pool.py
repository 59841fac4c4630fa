"""Workers that crash, are killed, or are not wanted any more."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from sejong.corpus import forks, pool, screen, stage
from sejong.corpus.jobs import Task
from sejong.errors import Failed
from sejong.flow import Artifact, SourceFile, sha256_file
from tests.conftest import TEXTS

from .conftest import Build, digest, korean, settings

KILL, CRASH, ABORT = int(signal.SIGKILL), int(signal.SIGSEGV), int(signal.SIGABRT)

FRAGILE = """
import os, sys
from pathlib import Path
from sejong.corpus import worker
from sejong.corpus.read import plain
inner, deaths, count = plain.decode, {deaths}, Path({count!r})
def decode(data, hints):
    past = count.stat().st_size
    if data.endswith(b". 7") and past < len(deaths):
        with count.open("a") as stream:
            stream.write("x")
        os.kill(os.getpid(), deaths[past])
    return inner(data, hints)
plain.decode = decode
worker.main()
"""

VIETNAMESE = """Thư viện của làng mở cửa vào mỗi buổi sáng, và trẻ em đến đây để đọc sách sau giờ học.
Người thủ thư già biết tên của từng em, cũng như những cuốn sách mà các em thích nhất.
Mùa thu năm ngoái, một cơn bão lớn đã làm hỏng mái nhà, nhưng dân làng cùng nhau sửa lại trong ba tuần.
Từ đó, cứ mỗi chiều thứ bảy, họ gặp nhau ở sân trước để kể cho nhau nghe những câu chuyện cũ về dòng sông.
Ai muốn mượn sách thì viết tên mình vào quyển sổ ở cạnh cửa ra vào, rồi mang trả lại trước khi trăng tròn.
"""

STARTER = """
import sys, time
from pathlib import Path
from sejong.corpus.forks import Forks
from sejong.corpus.jobs import Task
from sejong.recipe import CorpusSettings
server = Forks(Task(CorpusSettings(language="ko", scripts=["Hangul"]), Path(sys.argv[1]), 1 << 20))
workers = [server.fork() for _ in range(3)]
print(server.process.pid, *(one.life.recv() for one in workers), flush=True)
time.sleep(60)
"""

# Prints which modules and kernels jobs load that are not there in a process from which workers are forked, and how many documents
# stayed.
WARMED = """
import gc, pickle, sys
from pathlib import Path
import numpy as np
from numba.core.dispatcher import Dispatcher
from sejong.build.request import Request, resolve
from sejong.corpus import compare, jobs, screen, worker
from sejong.corpus.jobs import Task
from sejong.corpus.read.work import tasks_of
from sejong.flow import SourceFile, sha256_file

nation, text, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
task = Task(resolve(Request(nation, "nano")).corpus, folder, 1 << 20)

def loaded():
    kernels = (one for one in gc.get_objects() if isinstance(one, Dispatcher))
    return set(sys.modules), {(one.py_func.__qualname__, str(kind)) for one in kernels for kind in one.signatures}

worker._load()
worker._warmed(pickle.dumps(task))
gc.unfreeze()
before = loaded()
file = SourceFile("own", text.parent, text.name, sha256_file(text), text.stat().st_size)
done = jobs.perform(task, screen._job(0, tasks_of([file], 1 << 20, 1)[0]))
(folder / compare.FOLDER).mkdir()
np.savez(folder / compare.FOLDER / "rows.npz", rows=np.arange(done["counts"]["kept"]))
compare.sets_job(task, "sets", done["pieces"][0], "rows", screen.shingle_length(task.settings))
np.savez(folder / compare.FOLDER / "pairs.npz", first=np.array([[0, 0, 9]]).T, second=np.array([[0, 9, 9]]).T)
compare.pairs_job(task, "pairs", ["sets"], "pairs")
print([sorted(now - then) for then, now in zip(before, loaded(), strict=True)])
print(done["counts"])
"""


def many(folder: Path) -> Artifact:
    folder.mkdir(exist_ok=True)
    files = []
    for number in range(20):
        path = folder / f"{number:03}.txt"
        path.write_text(f"{korean(number, 20)} {number}", "utf-8")
        files.append(SourceFile("own", folder, path.name, sha256_file(path), path.stat().st_size, licence="CC0-1.0"))
    return Artifact("sources", folder, "identity", "digest", tuple(files))


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes workers that die of these signals, one after another, whenever one of them reads file 7. What the process that they
    are forked from says is lost."""
    script, count, popen = tmp_path / "worker.py", tmp_path / "count", subprocess.Popen
    count.touch()
    monkeypatch.setattr(pool, "WORTH_A_PROCESS", 0)

    def start(command: list[str], **given: Any) -> "subprocess.Popen[bytes]":
        return popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, **given)

    def prepare(deaths: list[int]) -> None:
        script.write_text(FRAGILE.format(deaths=deaths, count=str(count)), "utf-8")
        monkeypatch.setattr(forks.subprocess, "Popen", start)
        monkeypatch.setattr(screen, "LEAST", 20_000)  # some files a task

    return prepare


@pytest.mark.parametrize("death", [CRASH, ABORT])
def test_a_file_that_crashes_its_reader_is_one_row(build: Build, tmp_path: Path, fragile: Any, death: int) -> None:
    fragile([death] * 9)
    out, metrics = build(many(tmp_path / "text"), workers=2)
    assert metrics["documents"] == 19
    [row] = pq.read_table(out / "dropped.parquet").to_pylist()
    assert (row["locator"], row["rule"]) == ("007.txt", "unreadable")
    assert row["reason"] == f"it crashes its reader ({signal.Signals(death).name}): the file is damaged"


@pytest.mark.parametrize("deaths", [[KILL], [KILL, CRASH], [CRASH, KILL]])
def test_a_worker_that_was_killed_is_replaced_and_nothing_is_lost(
    build: Build, tmp_path: Path, fragile: Any, deaths: list[int]
) -> None:
    """The first death is of a worker with several files in hand, the second of one that has file 7 alone."""
    given = many(tmp_path / "text")
    fragile(deaths)
    out, _ = build(given, workers=2)
    assert (tmp_path / "count").stat().st_size == len(deaths)
    alone = tmp_path / "alone"
    alone.mkdir()
    stage.run(settings(), [given], alone)
    assert digest(out) == digest(alone)


@pytest.mark.parametrize("deaths", [[KILL] * 3, [CRASH, CRASH, KILL]])
def test_a_worker_that_is_killed_again_ends_the_run(build: Build, tmp_path: Path, fragile: Any, deaths: list[int]) -> None:
    given = many(tmp_path / "text")
    fragile(deaths)
    with pytest.raises(Failed, match=r"007\.txt could not be read.* ended twice \(.*SIGKILL.* run the same command again"):
        build(given, workers=2)
    assert not psutil.Process().children(), "no worker is left"


@pytest.mark.parametrize("whom", ["worker", "server"])
def test_a_process_killed_from_outside_at_any_time_costs_nothing(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whom: str
) -> None:
    """A worker, or the one that they are forked from, with which all end."""
    given = many(tmp_path / "text")
    alone, _ = build(given)
    monkeypatch.setattr(pool, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(screen, "LEAST", 10_000)
    killed: list[int] = []
    listen = screen._Funnel.__call__

    def kill(self: Any, job: Any, result: Any, *, done: bool, before: bool = False) -> None:
        listen(self, job, result, done=done, before=before)
        if len(killed) < (3 if whom == "worker" else 1):  # two workers, and one of those that came in their place
            for server in psutil.Process().children():
                for one in server.children()[:1] if whom == "worker" else [server]:
                    killed.append(one.pid)
                    os.kill(one.pid, signal.SIGKILL)

    monkeypatch.setattr(screen._Funnel, "__call__", kill)
    out, _ = build(given, workers=2)
    assert len(killed) == (3 if whom == "worker" else 1)
    assert digest(out) == digest(alone)


def test_control_c_ends_all_workers(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(screen, "LEAST", 10_000)

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(screen._Funnel, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(many(tmp_path / "text"), workers=2)
    assert not psutil.Process().children()
    assert threading.main_thread().is_alive()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[forks.Forks]:
    """One that workers are forked from, which ends with the test."""
    made = forks.Forks(Task(settings(), tmp_path, 1 << 20))
    yield made
    made.stop()


def pipes_of(pid: int) -> set[str]:
    """The pipes that a process holds; what it closes meanwhile is passed over."""
    found = set()
    for place in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(os.readlink(place))
    return {link for link in found if link.startswith("pipe:")}


def test_workers_are_forked_from_one_thread_and_hold_no_pipe_of_another(server: forks.Forks) -> None:
    """Else one that lives would keep another from seeing that nobody wants it any more."""
    made = [server.fork() for _ in range(3)]
    pids = [one.life.recv() for one in made]
    assert psutil.Process(server.process.pid).num_threads() == 1
    held = [pipes_of(pid) for pid in pids]
    assert len(set.intersection(*held)) <= 2, "at most what they were all started with, and the pipe that ends with the server"
    made[1].close()
    assert made[0].back.poll(0) is False
    psutil.wait_procs([psutil.Process(pids[1])], timeout=5)
    assert [psutil.pid_exists(pid) for pid in pids] == [True, False, True]


@pytest.mark.parametrize("whom", ["starter", "server"])
def test_all_end_with_the_process_that_started_them_and_with_the_server(tmp_path: Path, whom: str) -> None:
    script = tmp_path / "starter.py"
    script.write_text(STARTER, "utf-8")
    with subprocess.Popen([sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        server, *workers = [psutil.Process(int(pid)) for pid in starter.stdout.readline().split()]
        os.kill(server.pid if whom == "server" else starter.pid, signal.SIGKILL)
        _, left = psutil.wait_procs([*workers, *([server] if whom == "starter" else [])], timeout=10)
        starter.kill()
    assert not left


@pytest.mark.parametrize("nation", ["korea", "vietnam"])
def test_workers_start_with_all_that_jobs_need(tmp_path: Path, nation: str) -> None:
    """In a process of its own, since this one has done jobs."""
    script, text = tmp_path / "warmed.py", tmp_path / "text.jsonl"
    script.write_text(WARMED, "utf-8")
    pages = [path.read_text("utf-8") for path in sorted((TEXTS / "korea").glob("*.md"))] if nation == "korea" else [VIETNAMESE]
    text.write_text("".join(json.dumps({"text": page}) + "\n" for page in pages), "utf-8")
    command = [sys.executable, str(script), nation, str(text), str(tmp_path)]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert made[0] == "[[], []]"
    assert "'kept'" in made[1], "it went through all steps"
