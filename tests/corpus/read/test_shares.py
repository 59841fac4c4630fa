"""A file read in shares gives what it gives when it is read as one, whatever its lines hold."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sejong.corpus.read import jsonl, read, shares
from sejong.corpus.read.batch import Batch
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.work import TASK_FILES, read_task, tasks_of
from sejong.errors import Failed
from sejong.flow import SourceFile

from .conftest import source

HINTS = Hints(("cp949",), ("Hangul",))
GOOD = ["훈민정음", "a\nb  \n\n\n\nc", "Schön \u1112\u1161\u11ab \U0001f600", "ì•ˆë…•í•˜ì„¸ìš”"]
VALUES = st.one_of(st.sampled_from(["x", "", None, 7, 0, -1.5, 10**25, True, [1], {"a": 1}, "\ud83d"]), st.text(max_size=5))
RECORDS = st.fixed_dictionaries(
    {"text": st.one_of(st.sampled_from([*GOOD, "", " ", 5, None, "\ud83dx"]), st.text(max_size=20))},
    optional=dict.fromkeys(("id", "locator", "source", "licence", "contributor", "collected", "other"), VALUES),
)
LINES = st.one_of(
    RECORDS.map(lambda record: json.dumps(record).encode()),
    RECORDS.filter(lambda record: "\ud83d" not in str(record)).map(
        lambda record: json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.sampled_from(GOOD).map(lambda text: json.dumps({"text": text}, ensure_ascii=False).encode("cp949", "ignore")),
    st.sampled_from([b"", b"  ", b"{", b"[1]", b"null", b'{"text": "a", "id": NaN}', b'{"text": "a", "text": "b"}']),
    st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")),
)


def rows(batches: list[Batch]) -> Counter[str]:
    found = [row for batch in batches for row in (*batch.documents.to_pylist(), *batch.dropped.to_pylist())]
    return Counter(json.dumps(row, sort_keys=True) for row in found)


def in_shares(file: SourceFile, size: int, workers: int = 3) -> tuple[int, Counter[str]]:
    tasks = tasks_of([file], size, workers)
    return len(tasks), rows([batch for task in tasks for batch in read_task(task, HINTS)])


def whole(file: SourceFile) -> Counter[str]:
    return rows(list(read([file], HINTS.encodings, HINTS.scripts)))


@given(lines=st.lists(LINES, min_size=1, max_size=12), size=st.integers(1, 200), end=st.sampled_from([b"", b"\n"]))
@examples(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_lines(tmp_path: Path, lines: list[bytes], size: int, end: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines) + end)
    file = source(tmp_path, "a.jsonl", licence="CC0-1.0")
    assert in_shares(file, size)[1] == whole(file)


@pytest.mark.parametrize("packed", [gzip.compress, lambda data: pa.compress(data, "zstd", asbytes=True)])
def test_a_packed_file_is_read_by_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: Any) -> None:
    monkeypatch.setattr(shares, "STRIDE", 5000)
    monkeypatch.setattr(shares, "BLOCK", 700)
    monkeypatch.setattr(jsonl, "PIECE", 700)
    lines = [json.dumps({"text": f"글 {number} " + "가" * (number % 90)}) for number in range(2000)]
    lines[5], lines[900], lines[1999] = "{", "no json", "nor this"
    data = packed("\n".join(lines).encode())
    name = "a.jsonl.gz" if data.startswith(b"\x1f\x8b") else "a.jsonl.zst"
    (tmp_path / name).write_bytes(data)
    count, found = in_shares(source(tmp_path, name), 5000)
    assert count == 3
    assert found == whole(source(tmp_path, name))
    named = {json.loads(row)["locator"].partition("#")[2] for row in found if '"reason"' in row}
    assert named == {"line-6", "line-901", "line-2000"}

    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    _, cut = in_shares(source(tmp_path, name), 5000)
    assert cut == whole(source(tmp_path, name)), "what is cut off is one row, and all before it is kept"
    assert sum("damaged or cut off" in row for row in cut) == 1


def test_parquet_is_read_by_row_groups(tmp_path: Path) -> None:
    texts = [None if number == 77 else f"글 {number} " * 9 for number in range(1000)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", row_group_size=100)
    file = source(tmp_path, "a.parquet")
    count, found = in_shares(file, 2000)
    assert count > 3
    assert found == whole(file)
    assert sum("a.parquet#row-78" in row for row in found) == 1


def test_a_share_of_a_file_that_was_changed_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n' * 1000)
    file = source(tmp_path, "a.jsonl")
    first, *_ = tasks_of([file], 1000, 2)
    (tmp_path / "a.jsonl").write_text('{"text": "two"}\n' * 1000)
    with pytest.raises(Failed, match=r"a\.jsonl was changed while it was being read"):
        list(read_task(first, HINTS))


def test_tasks_hold_every_file_once_and_are_bounded(tmp_path: Path) -> None:
    files = [SourceFile("text", tmp_path, f"{number}.txt.gz", "", 1000 * number) for number in range(2000)]
    tasks = tasks_of(files, 2 << 20, 4)
    assert [share.file for task in tasks for share in task] == files
    assert max(map(len, tasks)) <= TASK_FILES
