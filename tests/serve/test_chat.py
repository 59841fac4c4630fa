"""`sejong chat`: by the running service and by the model itself, with the same answer."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sejong.errors import Refused
from sejong.serve import wire
from sejong.serve.answer import Part
from sejong.serve.chat import _show_answer, ask
from sejong.serve.run import open_run
from sejong.serve.text import Message

QUESTION = "배추를 소금물에 얼마나 절여야 하나요?"


@pytest.fixture
def unserved(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "korea", symlinks=True, ignore=shutil.ignore_patterns("endpoint.json", "service"))
    return tmp_path / "korea"


def test_both_ways_give_the_same_answer(run: Path, unserved: Path, endpoint: dict[str, str]) -> None:
    assert endpoint["url"]
    found = ask(run, QUESTION)
    assert found == ask(unserved, QUESTION)
    assert found["quotation"]["text"] in found["answer"].replace("> ", "")
    assert found["sources"][0]["locator"] == "김장.md" and found["model_text"] in found["answer"]


def test_an_answer_is_of_use_where_nothing_fits(unserved: Path) -> None:
    found = ask(unserved, "올림픽 축구 결승전은 누가 이겼나요?")
    assert found["answer"].startswith("이 질문에 맞는 글을") and found["quotation"] is None and found["sources"] == []


def test_an_empty_question_is_refused(unserved: Path) -> None:
    with pytest.raises(Refused, match="question is empty"):
        ask(unserved, "  ")


def test_the_command_prints_one_object_and_nothing_else(run: Path, unserved: Path, endpoint: dict[str, str]) -> None:
    for folder in (run, unserved):
        command = [sys.executable, "-m", "sejong.cli", "chat", str(folder), "--ask", QUESTION, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert {"answer", "quotation", "sources", "model_text", "notice"} == json.loads(done.stdout).keys()
        assert done.stderr == ""


def test_control_c_stops_an_answer_and_keeps_what_came(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def speak(_: list[Message]) -> Iterator[wire.Grounding | Part]:
        yield wire.grounding([], "")
        yield Part("model", "배추는 ")
        raise KeyboardInterrupt

    assert _show_answer(speak, [], open_run(run).words) == "배추는 "
    assert "중지" in capsys.readouterr().out


def test_a_conversation_at_a_terminal(run: Path, endpoint: dict[str, str]) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "sejong.cli", "chat", str(run)]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as program:
        os.close(slave)
        terminal = Terminal(master)
        try:
            terminal.until("› ")
            terminal.write(f"{QUESTION}\n")
            terminal.until("밤새 절인다", "[1] 김장 – 배추 절이기 · 김장.md", "› ")
            program.send_signal(signal.SIGINT)
            terminal.until("Ctrl-D", "› ")
            terminal.write("젓갈은 고장마다 어떻게 다른가요?\n")
            terminal.until("멸치젓", "› ")
            terminal.write("\x04")
            assert program.wait(20) == 0
        finally:
            program.kill()
    os.close(master)


class Terminal:
    """What a program prints to a terminal, read in order."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.unread = descriptor, b""

    def write(self, words: str) -> None:
        os.write(self.descriptor, words.encode())

    def until(self, *words: str) -> None:
        """Read on until each of `words` has come, one after another."""
        deadline = time.monotonic() + 60
        for one in words:
            while one.encode() not in self.unread:
                ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
                assert ready, f"{one!r} did not come: {self.unread.decode('utf-8', 'replace')}"
                self.unread += os.read(self.descriptor, 4096)
            self.unread = self.unread.partition(one.encode())[2]
