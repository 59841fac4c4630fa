"""A small corpus in the documented format, written for these tests."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.flow import Artifact

SENTENCES = [
    "세종대왕은 백성을 위하여 훈민정음을 만들었다.",
    "우리나라 말이 중국과 달라 글자가 서로 통하지 아니하므로 새로 스물여덟 글자를 만들었다.",
    "이 글자는 배우기 쉽고 날마다 쓰기에 편하다.",
    "2026년 11월 24일, 기온은 12.5도였다.",
    "The king made an alphabet that people learn in a morning.",
    "東京の天気は晴れです。",
    "def 더하기(a, b):\n    return a + b\n",
]


def write_corpus(folder: Path, texts: dict[str, list[str]]) -> Artifact:
    """A corpus artifact with the given texts a split, in two shards sorted by id."""
    rows = sorted(
        (hashlib.sha256(f"{split}{n}".encode()).hexdigest(), text, split)
        for split, some in texts.items()
        for n, text in enumerate(some)
    )
    (folder / "documents").mkdir(parents=True)
    half = len(rows) // 2
    for part, own in enumerate((rows[:half], rows[half:])):
        columns = {
            "id": [r[0] for r in own],
            "source": ["text"] * len(own),
            "text": [r[1] for r in own],
            "split": [r[2] for r in own],
        }
        table = pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns]))
        pq.write_table(table, folder / "documents" / f"part-{part:05d}.parquet")
    return Artifact("corpus", folder, "identity", "digest")


def a_corpus(folder: Path) -> Artifact:
    """Forty documents to train on, four held out."""
    documents = [" ".join(SENTENCES[(n + k) % len(SENTENCES)] for k in range(5)) + f" 글 {n}." for n in range(44)]
    return write_corpus(folder, {"train": documents[:40], "validation": documents[40:42], "test": documents[42:]})
