"""A process that reads tasks and writes their batches to its standard output: `worker PLAN FIRST STEP`, started by `pool`."""

import json
import os
import signal
import sys
from pathlib import Path

from sejong.corpus.read.formats import Hints
from sejong.corpus.read.pool import END, send, send_failure
from sejong.corpus.read.work import read_task
from sejong.errors import SejongError
from sejong.flow import SourceFile


def main(plan: str, first: str, step: str) -> None:
    """Read every `step`-th task from `first` on; an error that a person should read is sent, and is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the one that started this ends it
    found = json.loads(Path(plan).read_text("utf-8"))
    hints = Hints(tuple(found["hints"]["encodings"]), tuple(found["hints"]["scripts"]))
    with os.fdopen(os.dup(1), "wb") as results:
        os.dup2(2, 1)  # what a library prints must not fall between the results
        try:
            for task in found["tasks"][int(first) :: int(step)]:
                for batch in read_task([SourceFile(**{**file, "root": Path(file["root"])}) for file in task], hints):
                    send(results, batch)
                results.write(END)
                results.flush()
        except SejongError as error:
            send_failure(results, error)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BrokenPipeError:
        os._exit(0)  # the results are no longer wanted
