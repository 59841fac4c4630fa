"""What is read as one task: small files together, a large one alone or in shares; and reading it in this process."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import pyarrow as pa

from sejong.corpus.read import batch as columns
from sejong.corpus.read.batch import Batch, Text, Unread, Unreadable, batches
from sejong.corpus.read.formats import Hints, format_of, reader_of
from sejong.corpus.read.shares import Share, read_share, shares
from sejong.errors import Failed, SejongError
from sejong.flow import SourceFile, sha256_file

TASK_FILES = 500
WORTH_COLUMNS = 256 << 10  # bytes of a file of JSON Lines from which it makes batches of its own
EXPANSION = 8  # what a compressed byte may become
FRAGILE = {"pdf", "archive"}  # readers whose library can take the process down with it

Stamp = tuple[int, int]


def tasks_of(files: Iterable[SourceFile], size: int, workers: int) -> list[list[Share]]:
    """The files in order, about `size` bytes together; a larger one alone, or cut into shares for `workers` processes."""
    tasks: list[list[Share]] = []
    room = 0
    for file in files:
        parts = shares(file, size, workers)
        if len(parts) > 1:
            tasks += [[part] for part in parts]
            room = 0
            continue
        weight = file.bytes * (EXPANSION if (format_of(file.path) or ("", None))[1] else 1)
        if not tasks or weight > room or len(tasks[-1]) >= TASK_FILES:
            tasks.append([])
            room = size
        tasks[-1] += parts
        room -= weight
    return tasks


def is_fragile(task: list[Share]) -> bool:
    """Whether reading it might end the process."""
    return any((format_of(share.file.path) or ("",))[0] in FRAGILE for share in task)


def read_task(task: list[Share], hints: Hints) -> Iterator[Batch]:
    """The batches of one task, read in this process.

    Raises:
        Failed: a file is no longer what was collected, or this machine could not read it (disk, memory, open files).
    """
    small = []
    for share in task:
        in_columns = share.file.bytes >= WORTH_COLUMNS and (format_of(share.file.path) or ("",))[0] == "jsonl"
        if share.whole and not in_columns:
            small.append(share)
        else:
            yield from _read_part(share, hints)
    yield from batches((share.file, one) for share in small for one in read_file(share.file, hints))


def stamp(file: SourceFile) -> Stamp:
    """What differs once a file was replaced or written to.

    Raises:
        Failed: it cannot be looked at.
    """
    try:
        state = file.location.stat()
    except OSError as error:
        raise _out_of_reach(file, error) from error
    return state.st_size, state.st_mtime_ns


def read_file(file: SourceFile, hints: Hints) -> Iterator[Text | Unread]:
    """What one file holds. Whatever is wrong with its content becomes a row, for the same content always the same one.

    Raises:
        Failed: as `read_task`.
    """
    before = stamp(file)
    check(file)
    try:
        for one in _content(file, hints):
            if stamp(file) != before:
                raise changed(file)
            yield one
    except MemoryError as error:
        raise Failed(f"{file.location} needs more memory than is free here: free some, or leave the file out") from error
    except OSError as error:
        raise _out_of_reach(file, error) from error


def check(file: SourceFile) -> None:
    """Compare a file with the hash that it had when it was collected.

    Raises:
        Failed: it was changed, or cannot be read.
    """
    try:
        same = sha256_file(file.location) == file.sha256
    except OSError as error:
        raise _out_of_reach(file, error) from error
    if not same:
        raise changed(file)


def changed(file: SourceFile) -> Failed:
    """The error of a file that was written to."""
    return Failed(f"{file.location} was changed while it was being read: run the same command again")


def _read_part(share: Share, hints: Hints) -> Iterator[Batch]:
    """A share of a file. The first one takes the file's hash; who cut the file compares the stamps of all."""
    before = stamp(share.file)
    if share.first:
        check(share.file)
    try:
        yield from read_share(share, hints, columns.BATCH_BYTES)
    except MemoryError as error:
        raise Failed(f"{share.file.location} needs more memory than is free here: free some, or leave it out") from error
    except Unreadable as error:
        yield from batches([(share.file, Unread(str(error), f"row-group-{share.start}"))])
    except OSError as error:
        if error.errno is not None:
            raise _out_of_reach(share.file, error) from error
        if share.first:  # the other shares unpack the same file and find the same
            yield from batches([(share.file, Unread(_cut_off(error)))])
    if stamp(share.file) != before:
        raise changed(share.file)


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
            yield Unread(_cut_off(error))
        else:
            yield Unread(f"the {name} reader failed on it ({type(error).__name__}: {error})")


def _out_of_reach(file: SourceFile, error: OSError) -> Failed:
    return Failed(f"{file.location} cannot be read ({error.strerror or error}): put that right and run the same command again")


def _cut_off(error: OSError) -> str:
    return f"the compressed file is damaged or cut off ({error}); whole records before that point were kept"
