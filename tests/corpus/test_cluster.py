"""The same corpus on a Ray cluster of two nodes; a worker that is killed loses nothing; Ray is asked for only then."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sejong.corpus import pool, screen, stage
from sejong.errors import Failed

from .conftest import Build, digest, korean, settings, sources


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two local nodes with a processor each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray = pytest.importorskip("ray", reason="Ray is an extra: pip install 'sejong[ray]'")
    utils = pytest.importorskip("ray.cluster_utils")
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}})
    try:
        yield ray
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.mark.slow
def test_two_nodes_give_the_same_bytes_and_a_killed_worker_loses_nothing(
    build: Build, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [korean(seed) for seed in range(240)] + [korean(3) + " 덧붙입니다."]
    given = sources(tmp_path / "files", {f"{part}.jsonl": texts[part::3] for part in range(3)})
    monkeypatch.setattr(screen, "LEAST", 8000)
    alone, _ = build(given)
    assert len(cluster.nodes()) == 2
    out = tmp_path / "on-ray"
    out.mkdir()
    killed: list[int] = []

    class Bar(screen._Funnel):
        """Kills a worker of Ray when the third task is done."""

        def __call__(self, job: Any, result: Any, *, done: bool, before: bool = False) -> None:
            super().__call__(job, result, done=done, before=before)
            workers = [one for one in psutil.Process().children(recursive=True) + _all() if "ray::_here" in " ".join(_words(one))]
            if len(self.by_job) == 3 and workers and not killed:
                killed.append(workers[0].pid)
                os.kill(workers[0].pid, signal.SIGKILL)

    monkeypatch.setattr(screen, "_Funnel", Bar)
    stage.run(settings(engine="ray"), [given], out)
    assert killed
    assert digest(out) == digest(alone)


def _all() -> list[psutil.Process]:
    return list(psutil.process_iter())


def _words(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


def test_without_ray_a_sentence_says_what_to_install(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Failed, match=r"Ray is not installed: pip install 'sejong\[ray\]'"):
        build({"a.jsonl": [korean(1)]}, engine="ray")


def test_the_engine_and_the_workers_are_no_part_of_the_identity() -> None:
    assert settings(engine="ray", workers=7).model_dump() == settings().model_dump()
    assert pool.WORTH_A_PROCESS > 0
