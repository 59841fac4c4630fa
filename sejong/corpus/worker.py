"""The process that workers are forked from. It loads and compiles once what every job needs; a worker then starts in
milliseconds. The workers do jobs, which come by one pipe; results go by another, as `sejong.corpus.forks` sends them.

This process ends when the one that started it does, in whatever way, and its workers end with either, in the middle of a job
too.
"""

import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sejong.corpus.jobs import Job, Task

REQUEST = struct.Struct("<cq")  # FORK, with three pipe ends: orders, results, and what becomes of it; or KILL and a process id
FORK, KILL = b"F", b"K"
READY = b"R"


def main() -> None:
    """Get ready, then fork a worker whenever one is asked for, until the process that asks is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the one that started this ends it
    requests = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a library prints belongs with the messages
    with suppress(EOFError, ConnectionError):  # it is gone already
        _load()
        task = _warmed(Connection(os.dup(requests.fileno())).recv_bytes())
        requests.sendall(READY)
        _Forks(task, requests).serve()


def _load() -> None:
    """Import what jobs are made of, before it is known what they will be."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    from sejong.corpus import compare, lines, screen, shards, warm  # noqa: F401


def _warmed(given: bytes) -> "Task":
    from sejong.corpus.warm import warm

    task: Task = pickle.loads(given)
    with suppress(Exception):  # the job that meets it says what is wrong
        warm(task)
    gc.collect()
    gc.freeze()  # pages that no worker's collector touches stay shared by all
    return task


class _Forks:
    """The workers that live."""

    def __init__(self, task: "Task", requests: socket.socket) -> None:
        self.task, self.requests = task, requests
        self.alive, self.lives = os.pipe()  # nothing is written: it ends when this process does
        self.deaths, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        self.own = [requests.fileno(), self.lives, self.deaths, woken]  # which no worker may hold
        self.workers: dict[int, Connection] = {}

    def serve(self) -> None:
        """Answer requests until no more can come; then no worker is left."""
        while True:
            ready, _, _ = select.select([self.requests.fileno(), self.deaths], [], [])
            if self.deaths in ready:
                os.read(self.deaths, 4096)
                self._bury()
            if self.requests.fileno() in ready:
                try:
                    data, ends, _, _ = socket.recv_fds(self.requests, REQUEST.size, 3)
                except ConnectionError:
                    break
                if not data:
                    break
                kind, pid = REQUEST.unpack(data)
                if kind == FORK:
                    self._fork(*ends)
                elif pid in self.workers:
                    os.kill(pid, signal.SIGKILL)
        for pid in self.workers:
            os.kill(pid, signal.SIGKILL)
        for pid in self.workers:
            os.waitpid(pid, 0)

    def _fork(self, orders: int, results: int, life: int) -> None:
        pid = os.fork()
        if not pid:
            self._work(orders, results, life)
        os.close(orders)
        os.close(results)
        self.workers[pid] = Connection(life, readable=False)
        with suppress(OSError):
            self.workers[pid].send(pid)

    def _work(self, orders: int, results: int, life: int) -> None:
        """Be a worker: do jobs until the orders end. Never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for held in (*self.own, life, *(one.fileno() for one in self.workers.values())):
                os.close(held)
            _do_jobs(self.task, Connection(orders, writable=False), Connection(results, readable=False), self.alive)
        except BrokenPipeError:
            status = 0  # the results are no longer wanted
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stderr.flush()
            os._exit(status)

    def _bury(self) -> None:
        """Say with which status workers have ended."""
        for pid in list(self.workers):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                with self.workers.pop(pid) as life, suppress(OSError):
                    life.send(os.waitstatus_to_exitcode(status))


def _do_jobs(task: "Task", orders: Connection, results: Connection, alive: int) -> None:
    from sejong.corpus import jobs

    waiting: SimpleQueue[Job] = SimpleQueue()
    Thread(target=_listen, args=(orders, Connection(alive, writable=False), waiting), daemon=True).start()
    while True:
        job = waiting.get()
        try:
            with jobs.reporting(lambda found: results.send(("report", found))):
                result = jobs.perform(task, job)
        except Exception as error:
            _send_error(results, error)
        else:
            results.send(("done", result))


def _listen(orders: Connection, alive: Connection, waiting: "SimpleQueue[Job]") -> None:
    with suppress(EOFError, OSError):
        while alive not in wait([orders, alive]):
            waiting.put(orders.recv())
    os._exit(0)


def _send_error(results: Connection, error: Exception) -> None:
    """An exception as it is, or where it cannot travel, its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    results.send(("error", error))


if __name__ == "__main__":
    main()
