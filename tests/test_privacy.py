"""Nothing leaves the machine: a whole build of one's own text, in a network namespace of its own, opens no connection."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build.test_build import hashes, nano

WATCH = """
import sys
from sejong.cli import main

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("CONNECTED", event, arguments[1:], file=sys.stderr)

sys.addaudithook(watch)
main()
"""


def test_a_build_opens_no_connection_and_needs_none(built_run: Path, tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody make a network namespace")
    run = tmp_path / "korea"
    done = subprocess.run([*alone, sys.executable, "-c", WATCH, *nano(run)], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert "CONNECTED" not in done.stderr
    assert hashes(run) == hashes(built_run), "without a network it makes the same bytes"
