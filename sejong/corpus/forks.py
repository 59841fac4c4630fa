"""Processes forked from one that has everything loaded, as the process that wants them sees them (POSIX).

The library's own server of forks (`multiprocessing.forkserver`) is one for the whole program, runs its main module again in every
process, and stays until the program ends.
"""

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from threading import Lock

from sejong.corpus import worker
from sejong.corpus.jobs import Task

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS"), "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # an allocator that Arrow carries
    # Batches of like size come and go: memory that stays with the process is not asked for, page by page, each time.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": str(256 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
WORTH_A_PROCESS = 6 << 20  # bytes to work on, in all, from which starting workers pays
PATIENCE = 5.0  # seconds for a process to end by itself


def prepare() -> None:
    """Have a process load already what `Forks` will need, while the caller does other things; `dismiss` where none came."""
    if not _PREPARED:
        _PREPARED.append(_started())


def dismiss() -> None:
    """End what `prepare` started and nobody took."""
    while _PREPARED:
        process, requests = _PREPARED.pop()
        requests.close()
        process.kill()
        process.wait()


_PREPARED: list[tuple["subprocess.Popen[bytes]", socket.socket]] = []


def _started() -> tuple["subprocess.Popen[bytes]", socket.socket]:
    paths = os.pathsep.join(one for one in sys.path if one)
    environment = {**os.environ, "PYTHONPATH": paths, **ONE_THREAD}
    requests, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", worker.__name__]
        return subprocess.Popen(command, stdin=theirs.fileno(), env=environment), requests


class Forks:
    """The process `sejong.corpus.worker`. It starts to load at once; forks are made when it is ready."""

    def __init__(self, task: Task) -> None:
        self.process, self.requests = _PREPARED.pop() if _PREPARED else _started()
        self.lock = Lock()
        with suppress(OSError), Connection(os.dup(self.requests.fileno())) as given:  # a dead one is found by the first fork
            given.send_bytes(pickle.dumps(task))

    @property
    def ended(self) -> bool:
        """Whether it is gone, by itself or by `stop`."""
        return self.process.poll() is not None

    def fork(self) -> "Fork":
        """A new process. Where this server is dead, so is it."""
        orders, to = Pipe(duplex=False)
        back, results = Pipe(duplex=False)
        life, said = Pipe(duplex=False)
        with orders, results, said, self.lock, suppress(OSError):
            request = worker.REQUEST.pack(worker.FORK, 0)
            socket.send_fds(self.requests, [request], [one.fileno() for one in (orders, results, said)])
        return Fork(self, to, back, life)

    def kill(self, pid: int) -> None:
        """End a fork, if it lives."""
        with self.lock, suppress(OSError):
            self.requests.sendall(worker.REQUEST.pack(worker.KILL, pid))

    def stop(self) -> int:
        """End it and all its forks; its exit status."""
        with self.lock, suppress(OSError, ValueError):
            if not select.select([self.requests], [], [], 0)[0]:  # it is not ready yet: it has no forks and would not listen
                self.process.kill()
            self.requests.close()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Fork:
    """One process, and the pipes to it: it is sent jobs by `to`, and its answers come by `back`."""

    def __init__(self, server: Forks, to: Connection, back: Connection, life: Connection) -> None:
        self.server, self.to, self.back, self.life = server, to, back, life

    def end(self) -> int:
        """Its exit status, once it has closed a pipe; it is ended where it does not end by itself.

        Where the server is gone, no status is known. Its own is given, but that of a crash as SIGKILL: no job is to blame.
        """
        try:
            pid = self.life.recv()
            if not self.life.poll(PATIENCE):
                self.server.kill(pid)
            status: int = self.life.recv()
        except (EOFError, OSError):
            status = self.server.stop()
            status = -signal.SIGKILL if status < 0 else status
        self.close()
        return status

    def close(self) -> None:
        """Close the pipes, which ends it."""
        for one in (self.to, self.back, self.life):
            one.close()
