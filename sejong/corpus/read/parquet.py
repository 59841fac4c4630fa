"""Parquet: a document a row, with the columns that JSON Lines has as fields."""

import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.records import COLUMNS, document

ROWS = 1024  # held at a time


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """A document a row."""
    with tempfile.TemporaryFile() as unpacked:
        if not stream.seekable():  # a compressed file is unpacked first: Parquet is read from its end
            shutil.copyfileobj(stream, unpacked, 1 << 20)
            stream = unpacked
        yield from _rows(stream)


def _rows(stream: BinaryIO) -> Iterator[Text | Unread]:
    number = 0
    try:
        file = pq.ParquetFile(stream)
        columns = [name for name in COLUMNS if name in file.schema_arrow.names]
        if "text" not in columns:
            raise Unreadable(f"it has no column `text` (columns: {', '.join(file.schema_arrow.names[:20])})")
        for batch in file.iter_batches(ROWS, columns=columns):
            for record in batch.to_pylist():
                number += 1
                yield document(record, f"row-{number}", len(record["text"] or "") if isinstance(record["text"], str) else 0)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise  # this machine's fault, not the file's
        raise Unreadable(f"it is not a whole Parquet file; {number} rows before the fault were kept ({error})") from error
