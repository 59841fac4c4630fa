"""Files in, documents out: every format that Sejong reads, in columns, one bad file never ending the run.

    for batch in read(sources.files, settings.encodings, settings.scripts):
        batch.documents   # pa.RecordBatch of DOCUMENT
        batch.dropped     # pa.RecordBatch of UNREADABLE, rows for dropped.parquet

A format is a module with one function; `sejong.corpus.read.formats` names them by suffix.
"""

from collections.abc import Iterable, Iterator, Sequence

from sejong.corpus.read.batch import DOCUMENT, UNREADABLE, Batch
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.work import tasks_of, work_off
from sejong.flow import SourceFile

__all__ = ["DOCUMENT", "UNREADABLE", "Batch", "read"]


def read(
    files: Iterable[SourceFile], encodings: Sequence[str], scripts: Sequence[str] = (), *, workers: int | None = None
) -> Iterator[Batch]:
    """The documents of `files`, in the order of the files, in batches of bounded size.

    Text is Unicode NFC without control characters, lines end in a newline, and headings, lists and tables are Markdown. Each
    document's `id` is the sha256 of its source and locator. Ids can repeat where the user's own records repeat theirs.

    Args:
        files: what to open; the order of the output is theirs.
        encodings: legacy encodings to try where text is not Unicode, most likely first.
        scripts: Unicode scripts that the nation's text is written in; they decide between encodings that both fit.
        workers: processes to read with; none: as many as there are cores, and none of them for a few files.

    Yields:
        Batches with about `BATCH_BYTES` of text. What could not be read is in `Batch.dropped` with a reason.
    """
    return work_off(tasks_of(files), Hints(tuple(encodings), tuple(scripts)), workers)
