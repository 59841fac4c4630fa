"""`sejong corpus inspect | explain | diff`: a run's corpus, looked at."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from sejong.build import folder
from sejong.build.request import FILE, read, resolve
from sejong.errors import Refused
from sejong.flow import Artifact, atomic
from sejong.report import diff, explain
from sejong.report.facts import gather
from sejong.report.stage import render
from sejong.report.words import ENGLISH, Words


def page(run: Path, out: Path | None) -> Path:
    """Write the corpus page of a run, whichever stages come after: `out`, or a file of its own for this look.

    Raises:
        Refused: the run has no corpus yet.
    """
    corpus = artifacts_of(run)["corpus"]
    settings = resolve(read(run / FILE)).report
    languages = [Words("en", ENGLISH)]
    if settings.texts:
        languages.insert(0, Words(settings.nation["language"], settings.texts))
    facts = replace(gather(settings, [corpus]), missing=[])
    path = out or Path(tempfile.mkdtemp(prefix="sejong-corpus-"), "corpus.html")
    with atomic(path) as temporary:
        temporary.write_text(render(settings, facts, languages), "utf-8")
    return path


def life_of(run: Path, document: str) -> dict[str, Any]:
    """What happened to one document: see `sejong.report.explain`."""
    return explain.explain(artifacts_of(run), document)


def compared(first: Path, second: Path) -> dict[str, Any]:
    """What two runs made of the text: see `sejong.report.diff`."""
    return diff.diff(artifacts_of(first)["corpus"], artifacts_of(second)["corpus"])


def artifacts_of(run: Path) -> dict[str, Artifact]:
    """The finished stages of a run that has a corpus.

    Raises:
        Refused: it has none, or is no run.
    """
    found = folder.artifacts_of(run)
    if "corpus" not in found:
        raise Refused(f"{run} has no corpus yet: run `sejong build {run / FILE} --to corpus`")
    return found
