"""A small run written by hand in the documented format: what the report reads, without any stage."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.flow import Artifact, manifest

HOSTILE = '<script>window.broken=1</script><img src=x onerror="window.broken=1">\'"</textarea></style>'
STARTED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

DOCUMENTS = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("licence", pa.string()),
        ("contributor", pa.string()),
        ("collected", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("spans", pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64()), ("kind", pa.string())]))),
        ("split", pa.string()),
    ]
)


def document(number: int, text: str, **given: Any) -> dict[str, Any]:
    """A row of documents/*.parquet."""
    row = {
        "id": f"{number:064x}",
        "text": text,
        "source": "manual",
        "locator": f"chapter-{number}.html",
        "licence": "MPL-2.0",
        "contributor": None,
        "collected": None,
        "language": "ko",
        "language_score": 0.99,
        "spans": [],
        "split": "train",
    }
    return row | given


def corpus(folder: Path, documents: list[dict[str, Any]], dropped: list[dict[str, Any]]) -> Artifact:
    """The artifact `corpus`: two shards of documents and what was dropped."""
    (folder / "documents").mkdir(parents=True)
    half = len(documents) // 2
    for at, rows in enumerate((documents[:half], documents[half:])):
        pq.write_table(pa.Table.from_pylist(rows, schema=DOCUMENTS), folder / f"documents/part-{at:05}.parquet")
    columns = ("id", "source", "locator", "licence", "contributor", "rule", "reason", "duplicate_of", "bytes", "excerpt")
    schema = pa.schema([(name, pa.int64() if name == "bytes" else pa.string()) for name in columns])
    pq.write_table(pa.Table.from_pylist(dropped, schema=schema), folder / "dropped.parquet")
    kept = sum(len(one["text"].encode()) for one in documents)
    write(
        folder / "funnel.json",
        [
            {"step": "found", "documents": len(documents) + len(dropped), "bytes": kept + 500, "dropped": {}},
            {"step": "quality", "documents": len(documents), "bytes": kept, "dropped": {"too_short": len(dropped)}},
        ],
    )
    sources = {
        "source": "manual",
        "kind": "folder",
        "title": f"Handbook {HOSTILE}",
        "uri": "https://example.org/manual",
        "version": "1.0",
        "licence": "MPL-2.0",
        "licence_from": "copyright file",
        "collected": "2026-01-05",
        "files": 4,
        "bytes": 4_200_000,
        "sha256": "ab" * 32,
    }
    write(folder / "sources.json", [sources])
    detector = {
        "name": "lid.176",
        "version": "1",
        "licence": "CC-BY-SA-3.0",
        "sha256": "cd" * 32,
        "role": "language identification",
    }
    return finished("corpus", folder, {"documents": len(documents)}, 12.5, [detector])


def tokenizer(folder: Path) -> Artifact:
    """The artifact `tokenizer`: the report reads only its manifest."""
    return finished("tokenizer", folder, {}, 3.2)


def comparison(folder: Path) -> Artifact:
    """The artifact `comparison`."""
    rows = [("own", 8192, 4.213), ("gpt2", 50257, 1.62), ("bytes", 256, 1.0)]
    keys = ("tokenizer", "vocabulary", "bytes_per_token")
    write(
        folder / "comparison.json",
        [dict(zip(keys, row, strict=True)) | {"tokens_per_1000_characters": 2500 / row[2]} for row in rows],
    )
    return finished("comparison", folder, {}, 3.2)


def pretrain(folder: Path, steps: int = 600, foreign: dict[str, Any] | None = None) -> Artifact:
    """The artifact `pretrain`: curve, shape and the record of the first weights."""
    rows: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        rows.append({"step": step, "tokens": step * 8192, "loss": 9 - 5 * (step / steps) ** 0.3, "learning_rate": 0.003})
        if step % (steps // 6) == 0:
            rows.append({"step": step, "tokens": step * 8192, "validation_loss": 9.1 - 4.9 * (step / steps) ** 0.3})
    folder.mkdir(parents=True)
    (folder / "loss.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    shape = {
        "num_hidden_layers": 6,
        "hidden_size": 192,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "max_position_embeddings": 512,
    }
    write(folder / "model/config.json", shape)
    write(
        folder / "initial.json",
        {"seed": 7, "config": {}, "foreign": foreign, "tensors": {f"layer.{at}": "ef" * 32 for at in range(56)}},
    )
    metrics = {"parameters": 4_012_345, "epochs": 3.21, "dtype": "float32", "device": "cpu (AVX2)"}
    return finished("pretrain", folder, metrics, 215.0)


def align(folder: Path) -> Artifact:
    """The artifact `align`."""
    folder.mkdir(parents=True)
    rows = [{"step": step, "loss": 4 - step / 50} for step in range(1, 41)]
    (folder / "loss.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    pq.write_table(
        pa.table({"kind": ["answer"] * 90 + ["refusal"] * 60, "split": ["train"] * 140 + ["validation"] * 10}),
        folder / "conversations.parquet",
    )
    return finished("align", folder, {"device": "cpu (AVX2)"}, 61.0)


def evaluate(folder: Path) -> Artifact:
    """The artifact `evaluate`."""
    row = {"text": "test", "bytes": 200_000, "tokens": 50_000}
    write(
        folder / "results.json",
        [
            row | {"model": "pretrain", "bits_per_byte": 1.4821, "interval": [1.4602, 1.5033]},
            row | {"model": "align", "bits_per_byte": 1.5312, "interval": [1.5102, 1.5533]},
            row | {"model": "ngram", "bits_per_byte": 1.7215, "interval": [1.6991, 1.7442]},
            row | {"model": f"base {HOSTILE}", "bits_per_byte": 1.1, "interval": None},
        ],
    )
    retrieval = {
        "answerable": 180,
        "unanswerable": 28,
        "recall@1": {"value": 0.8111, "interval": [0.7478, 0.8615]},
        "recall@5": {"value": 0.9444, "interval": [0.9009, 0.9695]},
        "mrr": {"value": 0.8712, "interval": [0.8310, 0.9098]},
        "refusal": {"value": 0.9643, "interval": [0.8227, 0.9937]},
        "false_refusal": {"value": 0.05, "interval": [0.0265, 0.0924]},
        "by_kind": {},
    }
    write(folder / "retrieval.json", retrieval)
    given = [("pretrain", f"표를 {number}개 만들려면", "nation", None) for number in range(3)]
    given += [
        ("align", f"셀 병합에 대해 알려 주세요. {number}", "question", f"셀을 {HOSTILE} 병합합니다.") for number in range(3)
    ]
    samples = [
        {
            "model": model,
            "method": method,
            "prompt": prompt,
            "from": origin,
            "passage": passage,
            "continuation": f"메뉴에서 {HOSTILE} 고릅니다.",
        }
        for model, prompt, origin, passage in given
        for method in ("greedy", "sampled")
    ]
    write(folder / "samples.json", samples)
    return finished("evaluate", folder, {}, 22.0)


def finished(
    stage: str, folder: Path, metrics: dict[str, Any], seconds: float, outside: list[dict[str, Any]] | None = None
) -> Artifact:
    """Describe and commit the folder as `flow` would, with the times a test gives."""
    folder.mkdir(parents=True, exist_ok=True)
    subjects = manifest.describe(folder)
    identity = f"{stage}-identity"
    ended = STARTED + timedelta(seconds=seconds)
    libraries = {"pyarrow": pa.__version__}
    body = manifest.statement(
        stage, identity, {"seed": 7}, "code", libraries, [], subjects, metrics, outside or [], STARTED, ended
    )
    write(folder / manifest.NAME, body)
    return Artifact(stage, folder, identity, manifest.digest(subjects))


def write(path: Path, content: Any) -> None:
    """JSON, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def whole(folder: Path) -> list[Artifact]:
    """A run with every stage that the page tells about."""
    texts = [f"표 계산 {number}. " + "셀을 병합하는 방법을 설명합니다. " * (1 + number % 40) for number in range(1, 120)]
    documents = [document(at, text, split="train" if at % 10 else "test") for at, text in enumerate(texts, 1)]
    documents += [
        document(900, "법률 조문", source="law", licence=None, contributor="Archive", language="ko", split="validation")
    ]
    documents += [
        document(901, "Mail: ●●●", spans=[{"start": 6, "end": 9, "kind": "phone:KR"}], source=f"web {HOSTILE}", language="en")
    ]
    dropped = [
        {
            "id": f"{number:064x}",
            "source": "manual",
            "locator": f"short-{number}.html",
            "rule": "too_short" if number % 3 else "near_duplicate",
            "reason": f"{number} characters, at least 100 are needed",
            "duplicate_of": None if number % 3 else f"{1:064x}",
            "bytes": 40,
            "excerpt": f"짧은 글 {number} {HOSTILE}",
        }
        for number in range(2000, 2030)
    ]
    return [
        corpus(folder / "corpus", documents, dropped),
        tokenizer(folder / "tokenizer"),
        comparison(folder / "comparison"),
        finished("tokens", folder / "tokens", {"train_tokens": 12_345}, 1.0),
        pretrain(folder / "pretrain"),
        align(folder / "align"),
        finished("engine", folder / "engine", {}, 6.0),
        finished("index", folder / "index", {"passages": 400}, 4.0),
        evaluate(folder / "evaluate"),
    ]
