"""Starting and ending: one process, one endpoint.json, one sentence where it cannot be."""

import errno
import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sejong.errors import Failed
from sejong.serve import endpoint, keys
from sejong.serve.serve import serve

from .conftest import serve_command, served


@pytest.fixture
def own_run(run: Path, tmp_path: Path) -> Path:
    """A run that no other test serves."""
    shutil.copytree(run, tmp_path / "korea", symlinks=True, ignore=shutil.ignore_patterns("endpoint.json", "service"))
    return tmp_path / "korea"


def ended(status: int, *command: str, before: Callable[[], object] | None = None) -> str:
    """The one sentence with which a command ends."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, preexec_fn=before)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_endpoint_json_comes_and_goes_with_the_service(own_run: Path, number: signal.Signals) -> None:
    with served(own_run) as process:
        path = own_run / "endpoint.json"
        found = json.loads(path.read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert found.keys() == {"url", "key", "pid"} and found["pid"] == process.pid
        assert endpoint.read(own_run) == endpoint.Endpoint(**found)
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not path.exists() and endpoint.read(own_run) is None
    assert keys.listed(own_run) == []


def test_nohup_outlives_the_terminal(own_run: Path) -> None:
    with served(own_run, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert endpoint.read(own_run) is not None


def test_what_a_killed_service_left_counts_for_nothing(own_run: Path) -> None:
    with served(own_run) as process:
        process.kill()
        process.wait(20)
    left = json.loads((own_run / "endpoint.json").read_text())
    # Its process number belongs to another program now: this one.
    (own_run / "endpoint.json").write_text(json.dumps({**left, "pid": os.getpid()}))
    assert endpoint.read(own_run) is None
    store = keys.open_keys(own_run)
    assert store.check(left["key"]) is not None
    with subprocess.Popen(serve_command(own_run), stderr=subprocess.PIPE, text=True) as again:
        assert again.stderr is not None
        assert any(line.startswith("Stop with") for line in again.stderr)
        found = json.loads((own_run / "endpoint.json").read_text())
        assert found["pid"] == again.pid
        assert store.check(left["key"]) is None and store.check(found["key"]) is not None
        again.terminate()
        again.wait(20)
    assert not (own_run / "endpoint.json").exists() and store.listed() == []


def test_to_look_for_a_service_changes_nothing(own_run: Path) -> None:
    (own_run / "endpoint.json").write_text('{"url": "http://127.0.0.1:1", "key": "k", "pid": 1}')
    before = sorted(own_run.iterdir())
    assert endpoint.read(own_run) is None
    assert sorted(own_run.iterdir()) == before


@pytest.mark.parametrize("content", ["", "[]", '{"url": 1, "key": 2, "pid": 3}', "\udcff"])
def test_an_endpoint_json_of_other_content_is_none(own_run: Path, content: str) -> None:
    (own_run / "endpoint.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with endpoint.sole(own_run):
        assert endpoint.read(own_run) is None


def test_a_run_is_served_once(run: Path, endpoint: dict[str, str]) -> None:
    assert f"is already being served at {endpoint['url']}" in ended(2, *serve_command(run))


def test_of_two_that_start_together_one_serves(own_run: Path) -> None:
    both = [subprocess.Popen(serve_command(own_run), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        deadline = time.monotonic() + 90
        while not (loser := next((one for one in both if one.poll() is not None), None)):
            assert time.monotonic() < deadline, "both go on"
            time.sleep(0.05)
        winner = both[1 - both.index(loser)]
        assert loser.returncode == 2 and loser.stderr and "is already being served" in loser.stderr.read()
        assert winner.stderr and any(line.startswith("Stop with") for line in winner.stderr)
        assert json.loads((own_run / "endpoint.json").read_text())["pid"] == winner.pid
    finally:
        for one in both:
            one.kill()
            one.communicate(timeout=20)


def test_a_folder_that_cannot_be_written_to_is_one_sentence(own_run: Path) -> None:
    (own_run / "service").touch()
    said = ended(1, *serve_command(own_run))
    assert str(own_run) in said and "make it writable" in said


def test_a_full_disk_is_one_sentence(own_run: Path) -> None:
    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    said = ended(1, *serve_command(own_run), before=full)
    assert str(own_run / "service") in said and "disk is not full" in said
    assert not (own_run / "endpoint.json").exists()


def test_a_file_system_that_is_read_only_is_one_sentence(own_run: Path) -> None:
    alone = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make a namespace of mounts")
    read_only = 'mount --bind -o ro "$0" "$0" && exec "$@"'
    said = ended(1, *alone, "sh", "-c", read_only, str(own_run), *serve_command(own_run))
    assert str(own_run) in said and "Read-only file system" in said


def test_where_endpoint_json_cannot_be_written_nothing_stays(own_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def no_space(path: Path) -> Iterator[Path]:
        yield path
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(endpoint, "atomic", no_space)
    with pytest.raises(Failed, match=rf"{own_run} cannot be served.*No space left on device"):
        serve(own_run, port=0)
    assert not (own_run / "endpoint.json").exists() and keys.listed(own_run) == []
    with endpoint.sole(own_run):
        pass


def test_a_port_in_use_is_one_sentence(own_run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = ended(2, *serve_command(own_run, port))
    assert f"port {port} of 127.0.0.1 cannot be listened on" in said and "--port 0" in said
    assert not (own_run / "endpoint.json").exists()


def test_a_run_that_is_not_built_is_one_sentence(own_run: Path, tmp_path: Path) -> None:
    assert "is not a run" in ended(2, *serve_command(tmp_path))
    (own_run / "engine").unlink()
    assert "has no engine yet: run `sejong build" in ended(2, *serve_command(own_run))


def test_only_this_machine_unless_told_otherwise(endpoint: dict[str, str]) -> None:
    assert endpoint["url"].startswith("http://127.0.0.1:")
    port = int(endpoint["url"].rpartition(":")[2])
    other = [one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    for address in other:
        if not address.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((address, port), timeout=2)
    assert os.getpid() != json.loads(json.dumps(endpoint))["pid"]
