"""Bits per byte: right where the probabilities are known, the same for any batch, honest about its error."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.normalizers import Lowercase

from sejong.errors import Refused
from sejong.evaluate.bits_per_byte import Scored, compare, interval, lines, row, score, windows_of
from sejong.evaluate.model import LanguageModel, open_model
from tests.evaluate.artifacts import document, write_corpus, write_model

TEXTS = ["".join(document(n) for n in range(3)), "짧은 글", document(9), "a", "뷁 <|end|> <|user|>"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("model")
    return write_model(root / "model", write_corpus(root / "corpus"))


@pytest.fixture(scope="module")
def model(folder: Path) -> LanguageModel:
    return open_model(str(folder))


def test_a_model_that_knows_nothing_needs_log2_of_its_vocabulary(folder: Path) -> None:
    model = open_model(str(folder))
    with torch.no_grad():
        model.network.lm_head.weight.zero_()
    found = row("x", "t", score(model, TEXTS), seed=1)
    size = sum(len(text.encode()) for text in TEXTS)
    tokens = sum(len(one.ids) for one in model.encode(TEXTS))
    assert (found["bytes"], found["tokens"]) == (size, tokens)
    assert found["bits_per_byte"] == pytest.approx(tokens * math.log2(model.vocabulary) / size, abs=1e-4)


def test_every_token_is_scored_as_the_model_sees_it(model: LanguageModel) -> None:
    """Against the plainest way: one forward pass a token, over the begin token and the text before it within the window."""
    text = TEXTS[0][:400]
    ids = model.encode([text])[0].ids.tolist()
    assert len(ids) > 1.5 * model.context, "the text needs several windows"
    expected = []
    for start, first, end in windows_of(len(ids), model.context):
        for place in range(first, end):
            with torch.no_grad():
                logits = model.network(torch.tensor([[model.begin, *ids[start:place]]])).logits[0, -1]
            expected.append(-float(torch.log_softmax(logits.double(), -1)[ids[place]]) / math.log(2))
    np.testing.assert_allclose(score(model, [text])[0].bits, expected, rtol=1e-4)


def test_batches_change_nothing(model: LanguageModel) -> None:
    alone = score(model, TEXTS, logits_bytes=1)
    together = score(model, TEXTS, logits_bytes=1 << 30)
    reversed_ = score(model, TEXTS[::-1])[::-1]
    for a, b, c in zip(alone, together, reversed_, strict=True):
        np.testing.assert_allclose(a.bits, b.bits, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(a.bits, c.bits, rtol=1e-5, atol=1e-5)


@given(st.integers(0, 2000), st.integers(2, 300))
def test_windows_score_each_token_once_with_text_before_it(tokens: int, context: int) -> None:
    scored: list[int] = []
    for start, first, end in windows_of(tokens, context):
        assert start <= first < end <= start + context
        assert start == 0 or first - start >= context // 2
        scored += range(first, end)
    assert scored == list(range(tokens))


def test_what_looks_like_a_special_token_is_text(model: LanguageModel) -> None:
    encoded = model.encode(["a<|end|>b"])[0]
    assert len(encoded.ids) > 3
    assert set(encoded.ids.tolist()).isdisjoint(range(8))
    assert encoded.lossless


def test_ends_are_bytes_of_the_text(model: LanguageModel) -> None:
    for text, one in zip(TEXTS, model.encode(TEXTS), strict=True):
        assert one.ends[-1] == len(text.encode())
        assert (np.diff(one.ends) >= 0).all()


def test_a_tokenizer_that_loses_text_is_told_of(folder: Path, tmp_path: Path) -> None:
    lossy = tmp_path / "lossy"
    lossy.mkdir()
    for path in folder.iterdir():
        (lossy / path.name).write_bytes(path.read_bytes())
    tokenizer = Tokenizer.from_file(str(lossy / "tokenizer.json"))
    tokenizer.normalizer = Lowercase()
    tokenizer.save(str(lossy / "tokenizer.json"))
    (tmp_path / "t.jsonl").write_text('{"text": "LOUD"}\n{"text": "quiet"}\n')
    assert compare(str(lossy), tmp_path / "t.jsonl")["not_lossless"] == 1
    assert compare(str(folder), tmp_path / "t.jsonl")["not_lossless"] == 0


def test_the_interval_covers_the_truth() -> None:
    """Documents of a source with a known ratio: about 95 of 100 intervals hold it."""
    generator = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        sizes = generator.integers(200, 5000, 60).astype(float)
        bits = sizes * generator.normal(1.5, 0.3, 60)
        low, high = interval(bits, sizes, trial)
        covered += low <= 1.5 <= high
    assert 180 <= covered <= 198


def test_few_documents_are_drawn_in_blocks() -> None:
    long = Scored(np.full(10_000, 2.0), np.arange(1, 10_001))
    found = row("x", "t", [long], seed=1)
    assert found["interval_over"] == "blocks of 1024 bytes"
    assert found["interval"] == [2.0, 2.0]
    many = [Scored(np.full(10, float(n % 2)), np.arange(1, 11)) for n in range(40)]
    assert row("x", "t", many, seed=1)["interval_over"] == "documents"
    low, high = row("x", "t", many, seed=1)["interval"]
    assert low < 0.5 < high
    assert row("x", "t", [Scored(np.ones(5), np.arange(1, 6))], seed=1)["interval"] is None, "too short to say"


def test_files_of_every_kind_give_the_same(folder: Path, tmp_path: Path) -> None:
    texts = [document(1), "둘째 글"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, ""]), "utf-8")
    pq.write_table(pa.table({"text": texts}), tmp_path / "t.parquet")
    (tmp_path / "t.md").write_text(texts[0], "utf-8")
    (tmp_path / "run" / "pretrain").mkdir(parents=True)
    (tmp_path / "run" / "pretrain" / "model").symlink_to(folder)
    rows = [compare(str(folder), tmp_path / name) for name in ("t.jsonl", "t.parquet")]
    assert rows[0] | {"text": ""} == rows[1] | {"text": ""}
    one = compare(str(tmp_path / "run"), tmp_path / "t.md", against=[str(folder)])
    assert one["model"] == "run"
    assert one["documents"] == 1
    assert one["bits_per_byte"] == one["against"][0]["bits_per_byte"]
    assert {"bits_per_byte", "interval", "bytes", "tokens"} <= set(one)
    assert [line.split()[:2] for line in lines(one)] == [
        ["run", f"{one['bits_per_byte']:.4f}"],
        ["model", f"{one['bits_per_byte']:.4f}"],
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.pdf", b"x", "of no kind that can be scored"),
        ("t.txt", b"\xff", r"not UTF-8 \(byte 0\)"),
        ("t.txt", b"", "holds no text"),
        ("t.jsonl", b'{"text": 1}\n', "line 1: `text` is not a string"),
        ("t.jsonl.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
        ("t.parquet", b"PAR1", "cannot be read"),
    ],
)
def test_bad_text_is_refused(folder: Path, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=said):
        compare(str(folder), tmp_path / name)


def test_what_is_no_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no model"):
        open_model(str(tmp_path / "nothing"))
    with pytest.raises(Refused, match="holds no model"):
        open_model(str(tmp_path))
    (tmp_path / "x.gguf").write_bytes(b"junk")
    with pytest.raises(Refused, match="cannot be opened as a causal language model"):
        open_model(str(tmp_path / "x.gguf"))
    (tmp_path / "x.bin").write_bytes(b"junk")
    with pytest.raises(Refused, match="is not a model"):
        open_model(str(tmp_path / "x.bin"))
    (tmp_path / "broken").mkdir()
    for path in folder.iterdir():
        (tmp_path / "broken" / path.name).write_bytes(
            path.read_bytes()[:1000] if path.suffix == ".safetensors" else path.read_bytes()
        )
    with pytest.raises(Refused, match="check that its files are whole"):
        open_model(str(tmp_path / "broken"))
