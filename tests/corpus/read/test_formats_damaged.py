"""Real documents with bytes changed or cut off: no reader fails or hangs, each damage is a text, or a row with a sentence."""

import io
import random
import time
import zipfile
from pathlib import Path

import pytest

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints, format_of, reader_of

FORMATS = Path(__file__).parents[3].parent / "shared/data/formats"
HINTS = Hints(("cp949", "johab"), ("Hangul",))
FOLDERS = ("hwp3", "hwp5", "hwpx", "hwpml", "office", "epub")
LARGEST = 400_000  # bytes of a file that is changed
PATIENCE = 5.0  # seconds of processor time for a file
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".svg", ".otf", ".ttf")


def changed(data: bytes, chance: random.Random) -> bytes:
    """Cut off somewhere, or with some bytes replaced."""
    if not data:
        return data
    if chance.random() < 0.25:
        return data[: chance.randrange(len(data))]
    made = bytearray(data)
    for _ in range(chance.choice((1, 3, 20, 200))):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def changed_inside(data: bytes, chance: random.Random) -> bytes:
    """An archive that is whole, with one of its parts changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(made, "w") as copy:
        names = [name for name in archive.namelist() if not name.lower().endswith(PICTURES)]
        chosen = chance.choice(names)
        for name in names:
            part = archive.read(name)
            copy.writestr(name, changed(part, chance) if name == chosen else part)
    return made.getvalue()


def damage(files: list[Path], count: int, seed: int) -> list[str]:
    """What went wrong with `count` damaged files."""
    chance = random.Random(seed)
    contents = {file: file.read_bytes() for file in files}
    wrong = []
    for number in range(count):
        file = chance.choice(files)
        whole = contents[file]
        data = changed_inside(whole, chance) if whole.startswith(b"PK") and chance.random() < 0.7 else changed(whole, chance)
        start = time.process_time()
        try:
            for one in reader_of((format_of(file.name) or ("", None))[0])(io.BytesIO(data), HINTS):
                assert isinstance(one, Text | Unread)
        except Unreadable:
            pass
        except Exception as error:  # what this test looks for
            wrong.append(f"{file.name}, change {number}: {error!r}")
        if time.process_time() - start > PATIENCE:
            wrong.append(f"{file.name}, change {number}: {time.process_time() - start:.1f} s")
    return wrong


@pytest.fixture(scope="module")
def files() -> list[Path]:
    if not FORMATS.exists():
        pytest.skip(f"no real files at {FORMATS}: a fresh clone has none")
    found = sorted(file for folder in FOLDERS for file in (FORMATS / folder).iterdir())
    return [file for file in found if file.stat().st_size < LARGEST and format_of(file.name)]


def test_damage_is_told_and_ends_nothing(files: list[Path]) -> None:
    assert damage(files, 500, seed=1) == []


@pytest.mark.slow
def test_ten_thousand_times_too(files: list[Path]) -> None:
    assert damage(files, 10_000, seed=2) == []
