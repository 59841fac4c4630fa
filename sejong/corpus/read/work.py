"""Reading many files in order: in tasks of bounded size, by worker processes where that pays."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import pyarrow as pa

from sejong.corpus.read.batch import Batch, Text, Unread, Unreadable, batches
from sejong.corpus.read.formats import Hints, format_of, reader_of
from sejong.corpus.read.pool import read_in_processes
from sejong.flow import SourceFile

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
    """What one file holds. Whatever is wrong with it becomes a row, never an exception."""
    found = format_of(file.path)
    if found is None:
        yield Unread("no reader is known for this kind of file")
        return
    reader, compression = found
    try:
        with pa.OSFile(str(file.location)) as raw:
            stream = pa.CompressedInputStream(raw, compression) if compression else raw
            yield from reader_of(reader)(cast(BinaryIO, stream), hints)
    except Unreadable as error:
        yield Unread(str(error))
    except MemoryError:
        yield Unread("it needs more memory than this machine has")
    except OSError as error:
        yield Unread(_sentence(error, compression))
    except Exception as error:
        yield Unread(f"the {reader} reader failed on it ({type(error).__name__}: {error})")


def _workers(tasks: list[list[SourceFile]]) -> int:
    """As many as there are cores where there is enough to read; one to keep a fragile library apart; else none."""
    if sum(file.bytes for task in tasks for file in task) >= WORTH_A_PROCESS and len(tasks) > 1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(any((format_of(file.path) or ("",))[0] in FRAGILE for task in tasks for file in task))


def _sentence(error: OSError, compression: str | None) -> str:
    if compression and error.errno is None:
        return f"the compressed file is damaged or cut off ({error}); whole records before that point were kept"
    return f"the file cannot be opened ({error.strerror or error})"
