"""What a process loads, compiles and tabulates at its first job, done before: all that jobs do is done once to made-up documents
in the nation's script, under its settings.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from sejong.corpus import lines, piece, screen, steps
from sejong.corpus.deduplicate import jaccard
from sejong.corpus.jobs import Task
from sejong.corpus.pages import Pages
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.work import read_task, tasks_of
from sejong.corpus.redact import identifiers
from sejong.corpus.shingles import bands, shingle_sets
from sejong.flow import SourceFile, sha256_file
from sejong.language.scripts import script_class, table
from sejong.language.utf8 import one_chunk, utf8_of
from sejong.recipe import CorpusSettings

LETTERS = 400  # in each document
WORD = 4
LATIN = """A page as it might be: see https://example.org/a_page, or write to name@example.org.

- call 010-0000-0000, or 192.0.2.1 …
- call 010-0000-0000, or 192.0.2.1 …
- e\u0301 {}
"""


def warm(task: Task) -> None:
    """Do it. What is left is in this process's memory, and machine code in the cache of kernels.

    Nothing is done that Arrow starts threads for, such as writing a table, so that this process may be forked.
    """
    settings = task.settings
    two_passes = steps.LINES in settings.filters
    with tempfile.TemporaryDirectory() as folder:
        documents = _documents(settings, Path(folder))
    for part in ("after", "before") if two_passes else ("all",):  # the last stays in memory
        asked = steps.made(settings, part, task.model)
        steps.apply(settings, asked, documents)
        for step in asked:  # those too before which everything fell
            step(Pages(documents["text"], settings.scripts, documents))
    if two_passes:
        lines.removed(settings, documents, *lines.hashed(settings, documents), [])
    masked = piece.masked(documents, identifiers(settings)).sort_by("id")
    data, offsets = utf8_of(one_chunk(masked["text"]))
    length = screen.shingle_length(settings)
    bands(data, offsets, length, settings.near_duplicates)
    hashes, sizes = shingle_sets(data, offsets, length)
    hashes.setflags(write=False)  # as those that are mapped from disk
    jaccard(hashes[: sizes[0]], hashes[sizes[0] :])


def _documents(settings: CorpusSettings, folder: Path) -> pa.Table:
    """What the reader and the step `language` make of a file: a document in the nation's script, and one in Latin letters."""
    letters = np.flatnonzero(table(script_class(settings.scripts)))
    own = "".join(map(chr, letters[np.arange(LETTERS) % len(letters)]))
    words = " ".join(own[start : start + WORD] for start in range(0, LETTERS, WORD))
    path = folder / "warm.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in (f"{words}.\n{LATIN}", LATIN * 2)), "utf-8")
    file = SourceFile("warm", folder, path.name, sha256_file(path), path.stat().st_size)
    (shares,) = tasks_of([file], path.stat().st_size, 1)
    read = read_task(shares, Hints(tuple(settings.encodings), tuple(settings.scripts), tuple(settings.ocr)))
    return steps.with_languages(settings, pa.Table.from_batches([one.documents for one in read]))
