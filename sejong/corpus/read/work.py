"""Reading many files in order: in tasks of bounded size, by worker processes where that pays."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import pyarrow as pa

from sejong.corpus.read.batch import Batch, Text, Unread, Unreadable, batches
from sejong.corpus.read.formats import Hints, format_of, reader_of
from sejong.corpus.read.pool import read_in_processes
from sejong.errors import Failed, SejongError
from sejong.flow import SourceFile, sha256_file

TASK_BYTES = 2 << 20  # of files that are read as one task
TASK_FILES = 500
EXPANSION = 8  # what a compressed byte may become
WORTH_A_PROCESS = 6 << 20  # bytes in all from which starting workers pays
FRAGILE = {"pdf"}  # readers whose library can take the process down with it


def tasks_of(files: Iterable[SourceFile]) -> list[list[SourceFile]]:
    """The files in order, a few megabytes together; a larger file alone."""
    tasks: list[list[SourceFile]] = []
    room = 0
    for file in files:
        weight = file.bytes * (EXPANSION if (format_of(file.path) or ("", None))[1] else 1)
        if not tasks or weight > room or len(tasks[-1]) >= TASK_FILES:
            tasks.append([])
            room = TASK_BYTES
        tasks[-1].append(file)
        room -= weight
    return tasks


def work_off(tasks: list[list[SourceFile]], hints: Hints, workers: int | None) -> Iterator[Batch]:
    """The batches of all tasks, in order."""
    count = _workers(tasks) if workers is None else workers
    if count:
        yield from read_in_processes(tasks, hints, min(count, len(tasks)))
    else:
        for task in tasks:
            yield from read_task(task, hints)


def read_task(task: list[SourceFile], hints: Hints) -> Iterator[Batch]:
    """The batches of one task, read in this process."""
    yield from batches((file, one) for file in task for one in read_file(file, hints))


def read_file(file: SourceFile, hints: Hints) -> Iterator[Text | Unread]:
    """What one file holds. Whatever is wrong with its content becomes a row, for the same content always the same one.

    Raises:
        Failed: it is no longer what was collected, or this machine could not read it (disk, memory, open files).
    """
    try:
        stamp = _stamp(file)
        if sha256_file(file.location) != file.sha256:
            raise _changed(file)
        for one in _content(file, hints):
            if _stamp(file) != stamp:
                raise _changed(file)
            yield one
    except MemoryError as error:
        raise Failed(f"{file.location} needs more memory than is free here: free some, or leave the file out") from error
    except OSError as error:
        why = error.strerror or error
        raise Failed(f"{file.location} cannot be read ({why}): put that right and run the same command again") from error


def _content(file: SourceFile, hints: Hints) -> Iterator[Text | Unread]:
    """What its reader finds; errors of the machine are passed on."""
    found = format_of(file.path)
    if found is None:
        yield Unread("no reader is known for this kind of file")
        return
    name, compression = found
    reader = reader_of(name)
    try:
        with pa.OSFile(str(file.location)) as raw:
            stream = pa.CompressedInputStream(raw, compression) if compression else raw
            yield from reader(cast(BinaryIO, stream), hints)
    except Unreadable as error:
        yield Unread(str(error))
    except (SejongError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # a library that finds damage gives no number
            raise
        if isinstance(error, OSError) and compression:
            yield Unread(f"the compressed file is damaged or cut off ({error}); whole records before that point were kept")
        else:
            yield Unread(f"the {name} reader failed on it ({type(error).__name__}: {error})")


def _stamp(file: SourceFile) -> tuple[int, int, int]:
    """What differs once a file was replaced or written to."""
    state = file.location.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


def _changed(file: SourceFile) -> Failed:
    return Failed(f"{file.location} was changed while it was being read: run the same command again")


def _workers(tasks: list[list[SourceFile]]) -> int:
    """As many as there are cores where there is enough to read; one to keep a fragile library apart; else none."""
    if sum(file.bytes for task in tasks for file in task) >= WORTH_A_PROCESS and len(tasks) > 1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(any((format_of(file.path) or ("",))[0] in FRAGILE for task in tasks for file in task))
