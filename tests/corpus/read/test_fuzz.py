"""Damaged files of every format: no crash, no hang, and every failure a recorded row.

Files are damaged by flips, cuts, doublings, runs of zeros and pieces of other files, also inside what is packed (the members of a
zip file, the content of a gzip file), where a checksum would else catch everything. The seed of a failure is in the message.
"""

import bz2
import contextlib
import gzip
import io
import json
import selectors
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sejong.corpus.read.formats import READERS, format_of

from . import fuzz_worker
from .samples import samples

SECONDS = 5.0  # for one file
QUICK, THOROUGH = 300, 12_000  # damaged files
SHARED = Path(__file__).parents[4] / "shared" / "data"
LARGEST_SAMPLE = 400_000  # bytes of a shared file that is damaged


def damaged(data: bytes, others: list[bytes], random: Random) -> bytes:
    """`data` with some damage, inside its packing or outside."""
    if data[:2] == b"PK" and random.random() < 0.7:
        with contextlib.suppress(Exception):
            return _inside_zip(data, others, random)
    if data[:2] == b"\x1f\x8b" and random.random() < 0.5:
        with contextlib.suppress(Exception):
            return gzip.compress(_hurt(gzip.decompress(data), others, random), 1, mtime=0)
    if data[:3] == b"BZh" and random.random() < 0.5:
        with contextlib.suppress(Exception):
            return bz2.compress(_hurt(bz2.decompress(data), others, random), 1)
    return _hurt(data, others, random)


def _inside_zip(data: bytes, others: list[bytes], random: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as after:
        names = before.namelist()
        chosen = set(random.sample(names, k=random.randint(1, min(2, len(names)))))
        for name in names:
            content = before.read(name)
            after.writestr(name, _hurt(content, others, random) if name in chosen else content)
    return out.getvalue()


def _hurt(data: bytes, others: list[bytes], random: Random) -> bytes:
    hurt = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(hurt) + 1)
        length = min(random.choice((1, 2, 4, 16, 200, 5000)), len(hurt) - place)
        kind = random.randrange(9)
        if kind == 0:
            for _ in range(random.randint(1, 20)):
                if hurt:
                    hurt[random.randrange(len(hurt))] ^= 1 << random.randrange(8)
        elif kind == 1:
            del hurt[place:]
        elif kind == 2:
            hurt[place:place] = hurt[place : place + length] * random.choice((1, 2, 50))
        elif kind == 3:
            hurt[place : place + length] = bytes(length)
        elif kind == 4:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            hurt[place : place + length] = other[start : start + random.choice((8, 100, 3000))]
        elif kind == 5:
            hurt[place : place + length] = b"\xff" * length
        elif kind == 6:
            del hurt[place : place + length]
        elif kind == 7:
            hurt[place : place + length] = random.randbytes(length)
        else:
            number = random.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
            size = random.choice((1, 2, 4, 8))
            hurt[place : place + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, random.choice(("little", "big")))
    return bytes(hurt)


@dataclass
class Reader:
    """The process that reads; it is started anew when it died or was ended for taking too long."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    young: bool = False  # whether the process has still to import what it needs

    def read(self, name: str, label: str) -> None:
        """Have a file read, and keep what came of it."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, str(fuzz_worker.__file__), str(self.folder)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.young = True
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n".encode())
        self.process.stdin.flush()
        answer = self._answer()
        if answer is None:
            self.faults.append(f"{label}: {'it takes more than 5 s' if self.process.poll() is None else self._death()}")
            self.close()
            return
        self.counts["files"] += 1
        self.counts["documents"] += answer["documents"]
        self.counts["rows"] += answer["rows"]
        if not answer["documents"] and not answer["rows"]:
            self.faults.append(f"{label}: neither a document nor a row")
        self.counts["unforeseen"] += bool(answer["unforeseen"])
        self.faults += [f"{label}: {reason}" for reason in answer["unforeseen"]]

    def _answer(self) -> dict[str, Any] | None:
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            waited = SECONDS + (60 if self.young else 0)
            self.young = False
            line = self.process.stdout.readline() if selector.select(waited) else b""
        found: dict[str, Any] | None = json.loads(line) if line else None
        return found

    def _death(self) -> str:
        assert self.process is not None
        return f"its reader ended with status {self.process.wait()}"

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self.process = None


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.close()


def fuzz(reader: Reader, files: dict[str, bytes], count: int, seed: int) -> None:
    names, others = sorted(files), [files[name] for name in sorted(files)]
    for number in range(count):
        name = names[number % len(names)]
        suffix = name[name.index(".") :]
        path = reader.folder / f"f{suffix}"
        path.write_bytes(damaged(files[name], others, Random(f"{seed} {name} {number}")))
        reader.read(path.name, f"{name}, number {number}")


def test_every_reader_has_a_sample_that_is_read(reader: Reader) -> None:
    files = samples()
    covered = {found[0] for name in files if (found := format_of(name))}
    assert covered == set(READERS), "every reader needs a sample"
    for name, data in files.items():
        (reader.folder / name).write_bytes(data)
        before = reader.counts["documents"]
        reader.read(name, name)
        assert reader.counts["documents"] > before, (name, reader.faults)
    assert reader.faults == []


def test_damaged_files_of_every_format(reader: Reader) -> None:
    fuzz(reader, samples(), QUICK, 1)
    assert reader.faults == []
    assert reader.counts["files"] == QUICK
    assert reader.counts["rows"] > QUICK / 10


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_damaged_files(reader: Reader) -> None:
    files = samples() | _shared()
    fuzz(reader, files, THOROUGH, 2)
    print(f"{len(files)} samples, {dict(reader.counts)}")
    assert reader.faults == []
    assert reader.counts["files"] == THOROUGH


def _shared() -> dict[str, bytes]:
    """The real files of every format, where they are there, under names with their suffixes only."""
    found = {}
    for path in sorted((SHARED / "formats").rglob("*")):
        suffixes = "".join(path.suffixes[-2:]) if format_of("x" + "".join(path.suffixes[-2:])) else path.suffix
        if path.is_file() and format_of(f"x{suffixes}") and path.stat().st_size < LARGEST_SAMPLE:
            found[f"{path.stem.replace('.', '_')}{suffixes}"] = path.read_bytes()
    return found
