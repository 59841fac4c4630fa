"""Files in, documents out: every format that Sejong reads, in columns, one bad file never ending the run.

    for batch in read(sources.files, settings.encodings, settings.scripts):
        batch.documents   # pa.RecordBatch of DOCUMENT
        batch.dropped     # pa.RecordBatch of UNREADABLE, rows for dropped.parquet

A format is a module with one function; `sejong.corpus.read.formats` names them by suffix. The corpus stage reads in several
processes (`sejong.corpus.pool`), each a task of `sejong.corpus.read.work` at a time.
"""

from collections.abc import Iterable, Iterator, Sequence

from sejong.corpus.read.batch import DOCUMENT, UNREADABLE, Batch, batches
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.work import read_file
from sejong.flow import SourceFile

__all__ = ["DOCUMENT", "UNREADABLE", "Batch", "read"]


def read(
    files: Iterable[SourceFile], encodings: Sequence[str], scripts: Sequence[str] = (), ocr: Sequence[str] = ()
) -> Iterator[Batch]:
    """The documents of `files`, in the order of the files, in batches of bounded size, read in this process.

    Text is Unicode NFC without control characters, lines end in a newline, and headings, lists and tables are Markdown. Each
    document's `id` is the sha256 of its source and locator. Ids can repeat where the user's own records repeat theirs.

    Args:
        files: what to open; the order of the output is theirs.
        encodings: legacy encodings to try where text is not Unicode, most likely first.
        scripts: Unicode scripts that the nation's text is written in; they decide between encodings that both fit.
        ocr: language packs of the character recognition; none: those of the scripts.

    Yields:
        Batches with about `BATCH_BYTES` of text. What could not be read is in `Batch.dropped` with a reason.
    """
    hints = Hints(tuple(encodings), tuple(scripts), tuple(ocr))
    yield from batches((file, one) for file in files for one in read_file(file, hints))
