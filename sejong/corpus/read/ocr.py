"""Characters of a scanned page, by the program `tesseract` where it is installed with the nation's language pack."""

import hashlib
import os
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sejong.corpus.read.formats import Hints

PACKS: dict[str, list[str]] = tomllib.loads((Path(__file__).parent / "ocr.toml").read_text("utf-8"))["packs"]
PROGRAM = "tesseract"
SECONDS = 60  # for a page
LATIN = "eng"  # read as well where it is installed: pages of any script have Latin words
UNSURE = 40  # of 100, the confidence of words that are left out
WORD = "5"  # the level of a word in the program's table
COLUMNS = 12


class NotRead(Exception):
    """A page could not be recognised; the message says why, and what to install where that is the reason."""


class Word(NamedTuple):
    """A word, its box in pixels from the upper left, its line's key, and the program's confidence from 0 to 1."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    line: tuple[str, ...]
    confidence: float


def recognise(page: npt.NDArray[np.uint8], hints: Hints) -> list[Word]:
    """The words on a page, in reading order.

    Args:
        page: (height, width), grey values.
        hints: `ocr` names the language packs, else the scripts do.

    Raises:
        NotRead: the program or a pack is missing, or it took longer than `SECONDS`.
    """
    height, width = page.shape
    command = [PROGRAM, "stdin", "stdout", "-l", "+".join(_languages(hints)), "--psm", "3", "-c", "tessedit_create_tsv=1"]
    image = b"P5 %d %d 255\n" % (width, height) + np.ascontiguousarray(page).tobytes()
    try:
        done = subprocess.run(
            command, input=image, capture_output=True, timeout=SECONDS, check=False, env={**os.environ, "OMP_THREAD_LIMIT": "1"}
        )
    except subprocess.TimeoutExpired as error:
        raise NotRead(f"{PROGRAM} took longer than {SECONDS} seconds") from error
    if done.returncode:
        raise NotRead(f"{PROGRAM} failed on it ({done.stderr.decode('utf-8', 'replace').strip()[-200:]})")
    return _words(done.stdout.decode("utf-8", "replace"))


def wanted(hints: Hints) -> tuple[str, ...]:
    """The language packs that the nation's text needs."""
    return hints.ocr or tuple(dict.fromkeys(pack for script in hints.scripts for pack in PACKS.get(script, ()))) or (LATIN,)


def outside_model(hints: Hints) -> dict[str, str] | None:
    """The row of `outside_models.json` for the program and the packs that it reads with here; none where it cannot read."""
    try:
        packs = _languages(hints)
    except NotRead:
        return None
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, check=False).stdout.decode("utf-8", "replace")
    listed = subprocess.run([PROGRAM, "--list-langs"], capture_output=True, check=False).stdout.decode("utf-8", "replace")
    folder = listed.partition('"')[2].partition('"')[0]
    digest = hashlib.sha256()
    for pack in packs:
        digest.update(Path(folder, f"{pack}.traineddata").read_bytes())
    return {
        "name": f"{PROGRAM} {'+'.join(packs)}",
        "version": version.split("\n")[0].removeprefix(f"{PROGRAM} "),
        "licence": "Apache-2.0",
        "sha256": digest.hexdigest(),
        "role": "recognises the characters of scanned pages",
    }


def _languages(hints: Hints) -> list[str]:
    have = _installed()
    if have is None:
        packages = " ".join(f"tesseract-ocr-{pack.replace('_', '-')}" for pack in wanted(hints))
        raise NotRead(f"character recognition needs the program {PROGRAM}: apt-get install tesseract-ocr {packages}")
    missing = [pack for pack in wanted(hints) if pack not in have]
    if missing:
        packages = " ".join(f"tesseract-ocr-{pack.replace('_', '-')}" for pack in missing)
        raise NotRead(f"{PROGRAM} lacks its language pack {', '.join(missing)}: apt-get install {packages}")
    return [*wanted(hints), *([LATIN] if LATIN in have and LATIN not in wanted(hints) else [])]


@cache
def _installed() -> frozenset[str] | None:
    """The packs that are installed; none where the program is not."""
    if shutil.which(PROGRAM) is None:
        return None
    listed = subprocess.run([PROGRAM, "--list-langs"], capture_output=True, check=False).stdout
    return frozenset(listed.decode("utf-8", "replace").split("\n")[1:])


def _words(table: str) -> list[Word]:
    words = []
    for row in table.split("\n"):
        cells = row.split("\t")
        if len(cells) != COLUMNS or cells[0] != WORD or not cells[11].strip() or float(cells[10]) < UNSURE:
            continue
        left, top, width, height = map(int, cells[6:10])
        words.append(Word(cells[11].strip(), left, top, left + width, top + height, tuple(cells[1:5]), float(cells[10]) / 100))
    return words
