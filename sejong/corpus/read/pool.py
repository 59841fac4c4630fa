"""Worker processes that read tasks, and the one that takes their results in order.

Worker `k` of `n` reads tasks `k`, `k + n`, …, and writes Arrow streams to its standard output. The pipe between holds it back
when the results are not taken. Where a worker dies, a new one goes on behind the task, and the task's files are read once more,
one by one. A file that crashes its reader twice in the same way becomes a dropped row; a reader that something else ended (the
system, for want of memory) says nothing about the file, and the run fails.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

import pyarrow as pa

from sejong.corpus.read.batch import Batch, Unread, batches
from sejong.corpus.read.formats import Hints
from sejong.errors import Failed, SejongError
from sejong.flow import SourceFile

PIPE_BYTES = 1 << 20
DOCUMENTS, DROPPED, FAILURE, END = b"d", b"u", b"f", b"e"
LENGTH = 8  # bytes of a message's length
# How a library's fault on a file's content ends a process. SIGKILL comes from outside, and so do others.
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


class Died(Exception):
    """A worker ended before its task did: with which status, and after how many batches of the task."""

    def __init__(self, status: int, batches: int) -> None:
        super().__init__(status, batches)
        self.status, self.batches = status, batches


def read_in_processes(tasks: list[list[SourceFile]], hints: Hints, count: int) -> Iterator[Batch]:
    """The batches of all tasks, in order, read by `count` workers.

    Raises:
        Failed: a worker could not read a file, for a reason that lies outside the file's content.
    """
    with _plan(tasks, hints) as plan:
        workers = [_start(plan, first, count) for first in range(count)]
        try:
            for number, task in enumerate(tasks):
                place = number % count
                try:
                    yield from _results(workers[place], alone=len(task) == 1)
                except Died as death:
                    workers[place] = _start(plan, number + count, count)
                    yield from _again(task, hints, death)
        finally:
            for worker in workers:
                _stop(worker)


def _again(task: list[SourceFile], hints: Hints, first: Died) -> Iterator[Batch]:
    """A task whose worker died. Several files: one by one. A single one: once more, from the batch on that was not had."""
    if len(task) > 1:
        yield from read_in_processes([[file] for file in task], hints, 1)
        return
    with _plan([task], hints) as plan:
        worker = _start(plan, 0, 1)
        try:
            for number, batch in enumerate(_results(worker, alone=True)):
                if number >= first.batches:
                    yield batch
        except Died as second:
            yield from batches([(task[0], Unread(_why(task[0], first, second)))])
        finally:
            _stop(worker)


def _why(file: SourceFile, first: Died, second: Died) -> str:
    """The reason of a file that crashed its reader twice at the same place."""
    if first.args != second.args or second.status not in CRASHES:
        ended = " and ".join(dict.fromkeys(_name(one.status) for one in (first, second)))
        raise Failed(
            f"{file.location} could not be read, its reader was ended twice ({ended}; SIGKILL mostly means too little memory): "
            "free memory or leave the file out, then run the same command again"
        )
    return f"it crashes its reader ({_name(second.status)}): the file is damaged"


def _name(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def _results(worker: "subprocess.Popen[bytes]", *, alone: bool) -> Iterator[Batch]:
    """One task's batches. Those of several files are held until all are there, since the task may have to be read again."""
    assert worker.stdout is not None
    held = []
    given = 0
    try:
        while batch := _receive(worker.stdout):
            if alone:
                yield batch
                given += 1
            else:
                held.append(batch)
    except EOFError as error:
        raise Died(_stop(worker, patience=5.0), given) from error
    yield from held


def _receive(stream: IO[bytes]) -> Batch | None:
    kind = _exactly(stream, 1)
    if kind == END:
        return None
    if kind == FAILURE:
        raise Failed(_message(stream).decode())
    documents = _table(stream)
    _exactly(stream, 1)
    return Batch(documents, _table(stream))


def _table(stream: IO[bytes]) -> pa.RecordBatch:
    with pa.ipc.open_stream(_message(stream)) as reader:
        return reader.read_next_batch()


def _message(stream: IO[bytes]) -> bytes:
    return _exactly(stream, int.from_bytes(_exactly(stream, LENGTH), "big"))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    read = stream.read(size)
    if len(read) < size:
        raise EOFError
    return read


def send(stream: IO[bytes], batch: Batch) -> None:
    """Write a batch for `_receive`; the worker's side."""
    for kind, table in ((DOCUMENTS, batch.documents), (DROPPED, batch.dropped)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_batch(table)
        _send(stream, kind, sink.getvalue())


def send_failure(stream: IO[bytes], error: SejongError) -> None:
    """Write the sentence of an error, which `_receive` raises; the worker's side."""
    _send(stream, FAILURE, str(error).encode())


def _send(stream: IO[bytes], kind: bytes, message: bytes | pa.Buffer) -> None:
    stream.write(kind + len(message).to_bytes(LENGTH, "big"))
    stream.write(message)


@contextmanager
def _plan(tasks: list[list[SourceFile]], hints: Hints) -> Iterator[Path]:
    """A file that tells workers what to read."""
    listed = [[asdict(file) | {"root": str(file.root)} for file in task] for task in tasks]
    with tempfile.TemporaryDirectory(prefix="sejong-read-") as folder:
        plan = Path(folder, "tasks.json")
        plan.write_text(json.dumps({"hints": asdict(hints), "tasks": listed}), "utf-8")
        yield plan


def _start(plan: Path, first: int, step: int) -> "subprocess.Popen[bytes]":
    from sejong.corpus.read import worker  # it imports this module

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    command = [sys.executable, "-m", worker.__name__, str(plan), str(first), str(step)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment, pipesize=PIPE_BYTES)


def _stop(worker: "subprocess.Popen[bytes]", patience: float = 0.0) -> int:
    """End a worker that has not ended by itself after `patience` seconds; its exit status."""
    if worker.stdout:
        worker.stdout.close()
    try:
        return worker.wait(patience)
    except subprocess.TimeoutExpired:
        worker.kill()
        return worker.wait()
