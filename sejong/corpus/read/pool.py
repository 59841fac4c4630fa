"""Worker processes that read tasks, and the one that takes their results in order.

Worker `k` of `n` reads tasks `k`, `k + n`, …, and writes Arrow streams to its standard output. The pipe between holds it back
when the results are not taken. Where a worker dies, the file that killed it becomes a dropped row, and a new worker goes on
behind it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

import pyarrow as pa

from sejong.corpus.read.batch import Batch, Unread, batches
from sejong.corpus.read.formats import Hints
from sejong.flow import SourceFile

WORKER = [sys.executable, "-m", "sejong.corpus.read.worker"]
PIPE_BYTES = 1 << 20
DOCUMENTS, DROPPED, END = b"d", b"u", b"e"
LENGTH = 8  # bytes of a message's length


class Died(Exception):
    """A worker ended before its task did."""


def read_in_processes(tasks: list[list[SourceFile]], hints: Hints, count: int) -> Iterator[Batch]:
    """The batches of all tasks, in order, read by `count` workers."""
    with tempfile.TemporaryDirectory(prefix="sejong-read-") as folder:
        plan = Path(folder, "tasks.json")
        _write(plan, tasks, hints)
        workers = [_start(plan, first, count) for first in range(count)]
        try:
            for number, task in enumerate(tasks):
                place = number % count
                try:
                    yield from _results(workers[place], alone=len(task) == 1)
                except Died:
                    status = _stop(workers[place], patience=5.0)
                    workers[place] = _start(plan, number + count, count)
                    yield from _again(task, hints, status)
        finally:
            for worker in workers:
                _stop(worker)


def _again(task: list[SourceFile], hints: Hints, status: int) -> Iterator[Batch]:
    """A task that killed its worker: its files one by one, until the one that kills is found and recorded."""
    if len(task) > 1:
        yield from read_in_processes([[file] for file in task], hints, 1)
        return
    why = f"reading it ended the reader (status {status}): the file is damaged or needs too much memory"
    yield from batches([(task[0], Unread(why))])


def _results(worker: "subprocess.Popen[bytes]", *, alone: bool) -> Iterator[Batch]:
    """One task's batches. Those of several files are held until all are there, since the task may have to be read again."""
    assert worker.stdout is not None
    held = []
    while batch := _receive(worker.stdout):
        if alone:
            yield batch
        else:
            held.append(batch)
    yield from held


def _receive(stream: IO[bytes]) -> Batch | None:
    kind = stream.read(1)
    if kind == END:
        return None
    documents = _table(stream, kind, DOCUMENTS)
    return Batch(documents, _table(stream, stream.read(1), DROPPED))


def _table(stream: IO[bytes], kind: bytes, expected: bytes) -> pa.RecordBatch:
    size = stream.read(LENGTH)
    if kind != expected or len(size) < LENGTH:
        raise Died
    message = stream.read(int.from_bytes(size, "big"))
    if len(message) < int.from_bytes(size, "big"):
        raise Died
    with pa.ipc.open_stream(message) as reader:
        return reader.read_next_batch()


def send(stream: IO[bytes], batch: Batch) -> None:
    """Write a batch for `_receive`; the worker's side."""
    for kind, table in ((DOCUMENTS, batch.documents), (DROPPED, batch.dropped)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_batch(table)
        message = sink.getvalue()
        stream.write(kind + len(message).to_bytes(LENGTH, "big"))
        stream.write(message)


def _write(plan: Path, tasks: list[list[SourceFile]], hints: Hints) -> None:
    listed = [[asdict(file) | {"root": str(file.root)} for file in task] for task in tasks]
    plan.write_text(json.dumps({"hints": asdict(hints), "tasks": listed}), "utf-8")


def _start(plan: Path, first: int, step: int) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    command = [*WORKER, str(plan), str(first), str(step)]
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
