"""Worker processes that do jobs. Each takes the next one when it is free; what one leaves behind when it dies is done again.

Files that were read together when a worker died are read again one by one; a single one twice, the second time with care. A
file that crashes its reader twice in the same way becomes a dropped row; a worker that something else ended (the system, for
want of memory) says nothing about the file, and the run fails. When the process that started them ends, in whatever way,
workers end too.
"""

import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread

from sejong.corpus import jobs, screen
from sejong.corpus.forks import WORTH_A_PROCESS, Fork, Forks
from sejong.corpus.jobs import Job, Listener, Result, Task
from sejong.errors import Failed

# How a library's fault on a file's content ends a process. SIGKILL comes from outside, and so do others.
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


class Died(Exception):
    """A worker ended before its job did: with which status, and what it had reported."""

    def __init__(self, status: int, so_far: Result) -> None:
        super().__init__(status)
        self.status, self.so_far = status, so_far


Event = tuple[Job, Result, bool] | BaseException


class Pool:
    """Worker processes of this machine. They start with the first job that is worth it and stay until `close`.

    Args:
        task: what its jobs share.
        count: how many processes at most.
        expected: bytes that there will be to work on. Where that is worth it, what workers are forked from gets ready at once.
    """

    def __init__(self, task: Task, count: int, expected: int = 0) -> None:
        self.task = task
        self.workers: list[Fork | None] = [None] * count
        self.server: Forks | None = None
        self.closed = False
        self.changing = Lock()
        if expected >= WORTH_A_PROCESS and not (task.scratch / jobs.DONE).exists():  # else little may be left to do
            self._forked_from()

    def work_off(self, planned: list[Job], listener: Listener) -> list[Result]:
        """The results of all jobs, in order; jobs that an earlier run finished are not done again.

        Raises:
            Failed: a job failed, or a worker was ended twice by something outside its job.
        """
        results = jobs.earlier(self.task, planned, listener)
        waiting = deque(job for job in planned if job.name not in results)
        if self._here(waiting):
            for job in waiting:
                with jobs.reporting(partial(listener, job, done=False)):
                    results[job.name] = jobs.perform(self.task, job)
                listener(job, results[job.name], done=True)
        else:
            events: SimpleQueue[Event] = SimpleQueue()
            self._forked_from()
            for place in range(min(len(self.workers), len(waiting))):
                Thread(target=self._serve, args=(place, waiting, events), daemon=True).start()
            while len(results) < len({job.name for job in planned}):
                event = events.get()
                if isinstance(event, BaseException):
                    raise event
                job, result, done = event
                if done:
                    results[job.name] = result
                listener(job, result, done=done)
        return [results[job.name] for job in planned]

    def close(self) -> None:
        """End all workers."""
        with self.changing:
            self.closed = True
            if self.server:
                self.server.stop()

    def _forked_from(self) -> Forks:
        """The process that workers are forked from; a new one where it is gone."""
        with self.changing:
            if self.closed:
                raise Failed("the corpus stage was ended while a worker was at work: run the same command again")
            if self.server is None or self.server.ended:
                self.server = Forks(self.task)
            return self.server

    def _here(self, waiting: "deque[Job]") -> bool:
        """Whether the jobs are better done in this process: there is little to do and nothing is fragile."""
        started = self.server is not None
        little = len(waiting) < 2 or sum(job.weight for job in waiting) < (WORTH_A_PROCESS / 8 if started else WORTH_A_PROCESS)
        return little and not any(job.fragile for job in waiting)

    def _serve(self, place: int, waiting: "deque[Job]", events: "SimpleQueue[Event]") -> None:
        """Have one worker do jobs until none is left."""
        try:
            while job := _next(waiting):
                events.put((job, self._done(place, job, events), True))
        except BaseException as error:
            waiting.clear()
            events.put(error)

    def _done(self, place: int, job: Job, events: "SimpleQueue[Event]") -> Result:
        def so_far(found: Result) -> None:
            events.put((job, found, False))

        try:
            return self._ask(place, job, so_far)
        except Died as death:
            result = self._again(place, job, so_far, death)
            jobs.keep(self.task.scratch, job, result)
            return result

    def _ask(self, place: int, job: Job, so_far: Callable[[Result], None]) -> Result:
        worker = self.workers[place]
        if worker is None:
            worker = self.workers[place] = self._forked_from().fork()
        try:
            return _ask(worker, job, so_far)
        except Died:
            self.workers[place] = None
            raise

    def _again(self, place: int, job: Job, so_far: Callable[[Result], None], death: Died) -> Result:
        if job.kind != "read":
            try:
                return self._ask(place, job, so_far)
            except Died as second:
                raise Failed(_ended(f"the step `{job.kind}` of the corpus", death, second)) from second
        shares = job.given["shares"]
        if len(shares) == 1:
            return self._carefully(place, job, so_far, death)
        merged: Result = {"pieces": [], "counts": {}, "stamps": {}}
        for number, share in enumerate(shares):
            alone = replace(job, name=f"{job.name}.{number:03d}", given={"shares": [share]})
            try:
                result = self._ask(place, alone, so_far)
            except Died as first:
                result = self._carefully(place, alone, so_far, first)
            merged["pieces"] += result["pieces"]
            for rule, count in result["counts"].items():
                merged["counts"][rule] = merged["counts"].get(rule, 0) + count
        return merged

    def _carefully(self, place: int, job: Job, so_far: Callable[[Result], None], first: Died) -> Result:
        """A file whose reader died: once more, in small pieces. Where it dies again, the pieces before are kept."""
        careful = replace(job, name=f"{job.name}.careful", given={**job.given, "careful": True})
        try:
            return self._ask(place, careful, so_far)
        except Died as second:
            (share,) = job.given["shares"]
            if first.status != second.status or second.status not in CRASHES:
                raise Failed(_ended(share["file"]["root"] + "/" + share["file"]["path"], first, second)) from second
            reason = f"it crashes its reader ({_name(second.status)}): the file is damaged"
            row = screen.unreadable_job(self.task, job.name, share, reason)
            counts = second.so_far.get("counts", {})
            counts["unreadable"] = counts.get("unreadable", 0) + 1
            return {"pieces": [*second.so_far.get("pieces", []), *row], "counts": counts, "stamps": {}}


def _ask(worker: Fork, job: Job, so_far: Callable[[Result], None]) -> Result:
    """The result of a job; what the worker reports meanwhile goes to `so_far`."""
    last: Result = {}
    try:
        worker.to.send(job)
        while True:
            kind, found = worker.back.recv()
            if kind == "report":
                last = found
                so_far(found)
            elif kind == "done":
                done: Result = found
                return done
            else:
                raise found
    except (EOFError, ConnectionError) as error:
        raise Died(worker.end(), last) from error


def _next(waiting: "deque[Job]") -> Job | None:
    with suppress(IndexError):  # another took the last one
        return waiting.popleft()
    return None


def _ended(what: str, *deaths: Died) -> str:
    ended = " and ".join(dict.fromkeys(_name(one.status) for one in deaths))
    verb = "could not be read, its reader" if what.startswith("/") else "could not be done, its worker"
    return (
        f"{what} {verb} was ended twice ({ended}; SIGKILL mostly means too little memory): "
        "free memory or leave the file out, then run the same command again"
    )


def _name(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
