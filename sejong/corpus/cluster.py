"""Who does the stage's jobs: the processes of this machine, or a Ray cluster whose machines share the scratch folder."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sejong.corpus import jobs
from sejong.corpus.jobs import Job, Listener, Result, Task, WorkOff
from sejong.corpus.pool import Pool
from sejong.errors import Failed, SejongError

ATTEMPTS = 3  # for a job whose worker or machine goes away
AHEAD = 2  # jobs handed out for each processor


@contextmanager
def workers(task: Task, expected: int = 0) -> Iterator[WorkOff]:
    """A function that has jobs done while the block runs; `expected`: bytes that there will be to work on.

    Raises:
        Failed: Ray is not installed or has no cluster.
    """
    if task.settings.engine == "ray":
        with _cluster() as ray:
            yield lambda planned, listener: _on_ray(ray, task, planned, listener)
        return
    pool = Pool(task, task.settings.workers or jobs.cores(), expected)
    try:
        yield pool.work_off
    finally:
        pool.close()


def _here(task: Task, job: Job) -> Result:
    """Do a job in a process of the cluster; a fragile one in a process of its own, whose end can be told apart."""
    if not job.fragile:
        return jobs.perform(task, job)
    pool = Pool(task, 1)
    try:
        return pool.work_off([job], _nobody)[0]
    finally:
        pool.close()


def _on_ray(ray: Any, task: Task, planned: list[Job], listener: Listener) -> list[Result]:
    """As `Pool.work_off`; a job whose process or machine went away is done again."""
    results = jobs.earlier(task, planned, listener)
    waiting = [job for job in planned if job.name not in results][::-1]
    perform = ray.remote(max_retries=0, num_cpus=1)(_here)
    shared = ray.put(task)
    room = AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
    running: dict[Any, tuple[Job, int]] = {}
    while waiting or running:
        while waiting and len(running) < room:
            job = waiting.pop()
            running[perform.remote(shared, job)] = (job, 1)
        (ready, *_), _ = ray.wait(list(running), num_returns=1)
        job, attempt = running.pop(ready)
        try:
            results[job.name] = ray.get(ready)
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, SejongError | OSError) else error from None
        except ray.exceptions.RayError as error:
            if attempt == ATTEMPTS:
                raise Failed(
                    f"the step `{job.kind}` of the corpus lost its Ray worker {ATTEMPTS} times ({type(error).__name__}): "
                    "look at the cluster's memory and machines, then run the same command again"
                ) from error
            running[perform.remote(shared, job)] = (job, attempt + 1)
        else:
            listener(job, results[job.name], done=True)
    return [results[job.name] for job in planned]


@contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected to the cluster of RAY_ADDRESS, else to one that runs here, else to one that is started for the stage."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise Failed("corpus.engine is ray, but Ray is not installed: pip install 'sejong[ray]'") from error
    if ray.is_initialized():
        yield ray
        return
    try:
        ray.init(
            include_dashboard=None if os.environ.get("RAY_ADDRESS") else False, log_to_driver=False, logging_level=logging.ERROR
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Failed(f"no Ray cluster can be reached ({error}): start one with `ray start`, or set RAY_ADDRESS") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _nobody(job: Job, result: Result, *, done: bool, before: bool = False) -> None:
    """Listens to nothing."""
