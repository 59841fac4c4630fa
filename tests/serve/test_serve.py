"""Starting and ending: one process, one endpoint.json, one sentence where it cannot be."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from .conftest import serve_command, served


@pytest.fixture
def own_run(run: Path, tmp_path: Path) -> Path:
    """A run that no other test serves."""
    shutil.copytree(run, tmp_path / "korea", symlinks=True, ignore=shutil.ignore_patterns("endpoint.json", "service"))
    return tmp_path / "korea"


def refused(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_endpoint_json_comes_and_goes_with_the_service(own_run: Path, number: signal.Signals) -> None:
    (own_run / "endpoint.json").write_text('{"url": "http://127.0.0.1:1", "key": "old", "pid": 4194304000}')
    stale = (own_run / "endpoint.json").read_text()
    (own_run / "endpoint.json").unlink()
    with served(own_run) as process:
        path = own_run / "endpoint.json"
        assert path.read_text() != stale
        found = json.loads(path.read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert found.keys() == {"url", "key", "pid"} and found["pid"] == process.pid
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not path.exists()


def test_a_file_that_a_killed_service_left_is_replaced(own_run: Path) -> None:
    with served(own_run) as process:
        process.kill()
        process.wait(20)
    left = json.loads((own_run / "endpoint.json").read_text())
    (own_run / "endpoint.json").rename(own_run / "left.json")
    shutil.copy(own_run / "left.json", own_run / "endpoint.json")
    with subprocess.Popen(serve_command(own_run), stderr=subprocess.PIPE, text=True) as again:
        assert again.stderr is not None
        for line in again.stderr:
            if line.startswith("Stop with"):
                break
        found = json.loads((own_run / "endpoint.json").read_text())
        assert found["pid"] == again.pid != left["pid"]
        again.terminate()
        again.wait(20)
    assert not (own_run / "endpoint.json").exists()


def test_a_run_is_served_once(run: Path, endpoint: dict[str, str]) -> None:
    assert f"is already being served at {endpoint['url']}" in refused(*serve_command(run))


def test_a_port_in_use_is_one_sentence(own_run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(*serve_command(own_run, port))
    assert f"port {port} of 127.0.0.1 cannot be listened on" in said and "--port 0" in said
    assert len(said.strip().splitlines()) == 1
    assert not (own_run / "endpoint.json").exists()


def test_a_run_that_is_not_built_is_one_sentence(own_run: Path, tmp_path: Path) -> None:
    assert "is not a run" in refused(*serve_command(tmp_path))
    (own_run / "engine").unlink()
    assert "has no engine yet: run `sejong build" in refused(*serve_command(own_run))


def test_only_this_machine_unless_told_otherwise(endpoint: dict[str, str]) -> None:
    assert endpoint["url"].startswith("http://127.0.0.1:")
    port = int(endpoint["url"].rpartition(":")[2])
    other = [one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    for address in other:
        if not address.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((address, port), timeout=2)
    assert os.getpid() != json.loads(json.dumps(endpoint))["pid"]
