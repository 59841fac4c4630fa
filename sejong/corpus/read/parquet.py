"""Parquet: a document a row, with the columns that JSON Lines has as fields."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.records import COLUMNS, document
from sejong.corpus.read.seekable import seekable

ROWS = 1024  # held at a time


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """A document a row."""
    with seekable(stream) as whole:  # Parquet is read from its end
        yield from read_groups(whole, None)


def read_groups(stream: BinaryIO, groups: range | None) -> Iterator[Text | Unread]:
    """A document a row of some row groups, or of all."""
    number = 0
    try:
        file = pq.ParquetFile(stream)
        columns = [name for name in COLUMNS if name in file.schema_arrow.names]
        if "text" not in columns:
            raise Unreadable(f"it has no column `text` (columns: {', '.join(file.schema_arrow.names[:20])})")
        before = sum(file.metadata.row_group(group).num_rows for group in range(groups.start if groups else 0))
        for batch in file.iter_batches(ROWS, row_groups=groups, columns=columns):
            for record in batch.to_pylist():
                number += 1
                size = len(record["text"] or "") if isinstance(record["text"], str) else 0
                yield document(record, f"row-{before + number}", size)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise  # this machine's fault, not the file's
        raise Unreadable(f"it is not a whole Parquet file; {number} rows before the fault were kept ({error})") from error
