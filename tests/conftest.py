"""What several tests share: a small text of our own, and one small run that is built once a session."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TEXTS = Path(__file__).parent / "texts"
SHARED = Path(__file__).parents[2] / "shared" / "data"  # beside the repository, where it is available


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real files for tests, which lie beside the repository where they are available."""
    if not SHARED.exists():
        pytest.skip(f"no real files at {SHARED}: a fresh clone has none")
    return SHARED


def sejong(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    command = [sys.executable, "-m", "sejong.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="session")
def built_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A nano run of `tests/texts/korea`, whole. Read it; copy it before you change it.

    SEJONG_TEST_RUN names another finished run, such as the demo's for the README's picture.
    """
    if given := os.environ.get("SEJONG_TEST_RUN"):
        return Path(given)
    run = tmp_path_factory.mktemp("runs") / "korea"
    done = sejong("build", "korea", "--size", "nano", "--text", TEXTS / "korea", "--run", run, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == str(run)
    return run


@dataclass(frozen=True)
class Served:
    """A service that is running."""

    run: Path
    url: str
    key: str

    def get(self, path: str) -> Any:
        """A JSON answer."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def served_run(built_run: Path) -> Iterator[Served]:
    """The nano run, served by a real process."""
    endpoint = built_run / "endpoint.json"
    command = [sys.executable, "-m", "sejong.cli", "serve", str(built_run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            waited = time.monotonic() + 90
            while not endpoint.exists():
                assert server.poll() is None, server.stdout.read() if server.stdout else ""
                assert time.monotonic() < waited, "the service did not start in 90 s"
                time.sleep(0.2)
            found = json.loads(endpoint.read_text("utf-8"))
            yield Served(built_run, found["url"], found["key"])
        finally:
            server.terminate()
            server.wait(30)
    assert not endpoint.exists(), "endpoint.json must go when the service goes"
