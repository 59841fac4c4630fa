"""Reads damaged files as the corpus stage does and says what came of each: `fuzz_worker FOLDER`, a file name a line on its input.

It is a process of its own, so that a crash or a hang is seen from outside. The answer is one JSON object a line: documents, rows,
and the reasons of rows that only the last net caught (an error that the reader did not foresee).
"""

import json
import os
import resource
import sys
from pathlib import Path

from sejong.corpus.read.batch import batches
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.work import read_file
from sejong.flow import SourceFile, sha256_file

HINTS = Hints(("cp949", "johab"), ("Hangul",))
MEMORY = 6 << 30  # bytes of address space; more than that is taken for a failure
NET = " reader failed on it ("


def main(folder: Path) -> None:
    """Answer until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ["PATH"] = ""  # no Tesseract: character recognition takes its time on any file
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            path = folder / line.rstrip("\n")
            file = SourceFile("text", folder, path.name, sha256_file(path), path.stat().st_size)
            found = {"documents": 0, "rows": 0, "unforeseen": []}
            for batch in batches((file, one) for one in read_file(file, HINTS)):
                reasons = batch.dropped["reason"].to_pylist()
                found["documents"] += batch.documents.num_rows
                found["rows"] += len(reasons)
                found["unforeseen"] += [reason for reason in reasons if NET in reason]
            answers.write(json.dumps(found) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
