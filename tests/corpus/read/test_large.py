"""Large files are read in bounded memory."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sejong.corpus.read import plain, read
from sejong.corpus.read.batch import Batch
from sejong.corpus.read.jsonl import LONGEST_LINE

from .conftest import source

SENTENCE = "한글은 백성을 위하여 만든 글자이다. "


def texts(batches: list[Batch]) -> list[tuple[str, str]]:
    return [(row["locator"], row["text"]) for batch in batches for row in batch.documents.to_pylist()]


ONE_LINE = """
import resource, sys
from pathlib import Path
from sejong.corpus.read import read
from sejong.flow import SourceFile, sha256_file
folder, name = Path(sys.argv[1]), sys.argv[2]
path = folder / name
file = SourceFile("text", folder, name, sha256_file(path), path.stat().st_size)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = characters = longest = 0
for batch in read([file], ["cp949"], ["Hangul"]):
    for text in batch.documents["text"]:
        count, characters, longest = count + 1, characters + len(text.as_py()), max(longest, len(text.as_py()))
print(count, characters, longest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("encoding", "words", "size"),
    [("utf-8", SENTENCE, 100_000_000), ("cp949", "가나다", 20_000_000), ("utf-16", SENTENCE, 20_000_000)],
)
def test_a_hundred_megabytes_on_one_line(tmp_path: Path, encoding: str, words: str, size: int) -> None:
    name, block = "line.txt", words * 100_000
    data = block.encode(encoding)
    blocks = -(-size // len(data))
    with (tmp_path / name).open("wb") as stream:
        stream.write(data)
        rest = data if encoding != "utf-16" else block.encode("utf-16-le")
        for _ in range(blocks - 1):
            stream.write(rest)
    out = subprocess.run([sys.executable, "-c", ONE_LINE, str(tmp_path), name], capture_output=True, text=True, check=True).stdout
    count, characters, longest, memory = map(int, out.split())
    assert count >= size / (3 * plain.PART)
    assert longest <= plain.PART
    assert 0 <= blocks * len(block) - characters <= count  # a space at a cut
    assert memory < 250_000  # KiB


def test_parts_of_a_large_file_are_cut_at_line_ends_and_lose_nothing(tmp_path: Path) -> None:
    lines = [f"{SENTENCE}{number}" for number in range(200_000)]
    (tmp_path / "a.txt").write_text("\n".join(lines), "utf-8")
    found = texts(list(read([source(tmp_path, "a.txt")], ["cp949"], ["Hangul"])))
    assert [line for _, text in found for line in text.split("\n")] == lines
    whole = "\n".join(lines)
    for locator, text in found:
        start = int(locator.removeprefix("a.txt#character-"))
        assert whole[start : start + len(text)] == text


def test_a_large_file_that_changes_its_encoding_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes((SENTENCE * 300_000).encode() + (SENTENCE * 50_000).encode("cp949"))
    [*batches] = read([source(tmp_path, "a.txt")], ["cp949"], ["Hangul"])
    assert sum(len(text) for _, text in texts(batches)) > 300_000 * len(SENTENCE) - plain.PART
    reasons = [row["reason"] for batch in batches for row in batch.dropped.to_pylist()]
    assert reasons
    assert all("it is not utf-8, as its beginning is" in reason for reason in reasons)


def test_a_json_line_without_end_is_skipped_and_the_next_is_kept(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(LONGEST_LINE // 1_000_000 + 2):
            stream.write(b"x" * 1_000_000)
        stream.write(b'"}\n' + json.dumps({"text": "다음", "id": "n"}).encode())
    [batch] = read([source(tmp_path, "a.jsonl")], ["cp949"], ["Hangul"])
    assert batch.documents["locator"].to_pylist() == ["n"]
    assert batch.dropped["reason"].to_pylist() == ["line 1 is longer than 64 MiB"]


LONG_LINE = """
import json, resource, sys
from pathlib import Path
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.work import read_task, tasks_of
from sejong.flow import SourceFile
folder, digest = Path(sys.argv[1]), sys.argv[2]
path = folder / "a.jsonl"
file = SourceFile("text", folder, "a.jsonl", digest, path.stat().st_size)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
hints = Hints(("cp949",), ("Hangul",))
batches = [batch for task in tasks_of([file], 8 << 20, 2) for batch in read_task(task, hints)]
found = [row for batch in batches for row in batch.dropped.to_pylist()]
kept = [row for batch in batches for row in batch.documents["locator"].to_pylist()]
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([kept, [[row["locator"], row["reason"]] for row in found], used]))
"""


@pytest.mark.parametrize("size", [100_000_000, pytest.param(2_200_000_000, marks=pytest.mark.slow)])
def test_a_record_of_gigabytes_is_one_row(tmp_path: Path, size: int) -> None:
    """It lies between two good lines, and the file is cut into shares."""
    hashed = hashlib.sha256()
    with (tmp_path / "a.jsonl").open("wb") as stream:
        start, end = b'{"text": "first", "id": 1}\n{"text": "', b'"}\n{"text": "last", "id": 2}'
        for part in (start, *(b"x" * 1_000_000,) * (size // 1_000_000), end):
            stream.write(part)
            hashed.update(part)
    command = [sys.executable, "-c", LONG_LINE, str(tmp_path), hashed.hexdigest()]
    kept, found, memory = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (tmp_path / "a.jsonl").unlink()
    assert sorted(kept) == ["1", "2"]
    assert found == [["a.jsonl#line-2", "line 2 is longer than 64 MiB"]]
    assert memory < 400_000  # KiB
