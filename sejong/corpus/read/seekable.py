"""Files that are read from several places: a stream that cannot be wound back is first put into a temporary file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from sejong.corpus.read.batch import Unreadable

LARGEST = 2 << 30  # bytes of a file
IN_MEMORY = 16 << 20  # bytes up to which no temporary file is made
BLOCK = 1 << 20


@contextmanager
def seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream itself where it can be wound back, else a copy, at its beginning.

    Raises:
        Unreadable: it is larger than `LARGEST`.
    """
    if stream.seekable():
        yield stream
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
        size = 0
        while block := stream.read(BLOCK):
            size += len(block)
            if size > LARGEST:
                raise Unreadable(f"the file is larger than {LARGEST >> 30} GiB")
            copy.write(block)
        copy.seek(0)
        yield cast(BinaryIO, copy)
