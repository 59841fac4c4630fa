"""Token shards: what is stored decodes to the corpus, in order of id, whatever was killed on the way."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, scratch
from sejong.recipe import TokensSettings
from sejong.train import tokens
from tests.train.artifacts import page, write_corpus

SMALL = TokensSettings(shard_tokens=2048)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_decode_to_the_documents_in_order_of_id(shards: Artifact, corpus: Artifact, tokenizer: Artifact) -> None:
    opened = Tokenizer.from_file(str(tokenizer.path / "tokenizer.json"))
    texts = {row["id"]: row for path in (corpus.path / "documents").glob("*.parquet") for row in pq.read_table(path).to_pylist()}
    rows = pq.read_table(shards.path / "documents.parquet").to_pylist()
    assert len(rows) == len(texts)
    for row in rows:
        shard = np.fromfile(shards.path / f"{row['split']}-{row['shard']:05d}.bin", "<u2")
        ids = shard[row["offset"] : row["offset"] + row["tokens"]].tolist()
        assert (ids[0], ids[-1]) == (1, 2)
        assert opened.decode(ids[1:-1], skip_special_tokens=False) == texts[row["id"]]["text"]
        assert row["split"] == texts[row["id"]]["split"]
    for split in tokens.SPLITS:
        ids_of_split = [row["id"] for row in rows if row["split"] == split]
        assert ids_of_split == sorted(ids_of_split)
    described = json.loads((shards.path / "tokens.json").read_text("utf-8"))
    sizes = {split: sum(path.stat().st_size // 2 for path in shards.path.glob(f"{split}-*.bin")) for split in tokens.SPLITS}
    assert {split: one["tokens"] for split, one in described["splits"].items()} == sizes
    assert described["splits"]["train"]["shards"] == len(list(shards.path.glob("train-*.bin"))) > 1


@pytest.mark.parametrize("killed_at", [0, 1, 3, 5])
def test_a_killed_run_goes_on_after_the_last_whole_shard(
    tmp_path: Path, corpus: Artifact, tokenizer: Artifact, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    whole.mkdir()
    out.mkdir()
    tokens.run(SMALL, [corpus, tokenizer], whole)
    monkeypatch.setattr(tokens, "BATCH_BYTES", 500)
    plain_write, plain_encode = tokens.write_shard, tokens.encode
    written, encoded = [0], [0]

    def dying(*arguments: Any) -> None:
        if written[0] == killed_at:
            (scratch(out) / "train-00009.bin").write_bytes(b"half a shard without its list")
            raise KeyboardInterrupt
        written[0] += 1
        plain_write(*arguments)

    def counting(opened: Tokenizer, texts: list[str]) -> list[list[int]]:
        encoded[0] += len(texts)
        return plain_encode(opened, texts)

    monkeypatch.setattr(tokens, "write_shard", dying)
    with pytest.raises(KeyboardInterrupt):
        tokens.run(SMALL, [corpus, tokenizer], out)
    shutil.rmtree(out)
    out.mkdir()
    monkeypatch.setattr(tokens, "write_shard", plain_write)
    monkeypatch.setattr(tokens, "encode", counting)
    tokens.run(SMALL, [corpus, tokenizer], out)
    assert contents(out) == contents(whole)
    assert encoded[0] == 300 if killed_at == 0 else encoded[0] < 300, "finished shards are not encoded again"


def test_names_of_special_tokens_in_a_text_are_plain_text(tmp_path: Path, tokenizer: Artifact) -> None:
    """A document cannot end itself or speak as the assistant."""
    opened = tokens.open_tokenizer(tokenizer.path)
    ids = tokens.encode(opened, ["<|end|><|assistant|>네"])[0]
    assert min(ids) >= len(tokens.SPECIAL_TOKENS)
    assert opened.decode(ids, skip_special_tokens=False) == "<|end|><|assistant|>네"


def test_a_giant_document_is_cut_and_loses_nothing(tokenizer: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "PIECE", 100)
    text = page(1) * 5 + "가" * 350 + "\n"
    assert "".join(tokens.cut(text)) == text
    assert max(map(len, tokens.cut(text))) <= 100
    opened = tokens.open_tokenizer(tokenizer.path)
    assert opened.decode(tokens.encode(opened, [text, "끝"])[0]) == text


def test_an_unsorted_corpus_is_an_error(tmp_path: Path, tokenizer: Artifact) -> None:
    corpus = write_corpus(tmp_path / "corpus", [page(number) for number in range(20)])
    parts = sorted((corpus.path / "documents").glob("*.parquet"))
    parts[0].rename(parts[0].with_name("part-00009.parquet"))
    (tmp_path / "out").mkdir()
    with pytest.raises(Failed, match="not sorted by id"):
        tokens.run(SMALL, [corpus, tokenizer], tmp_path / "out")


def test_a_corpus_without_training_text_is_refused(tmp_path: Path, tokenizer: Artifact) -> None:
    corpus = write_corpus(tmp_path / "corpus", [])
    (tmp_path / "out").mkdir()
    with pytest.raises(Refused, match="no document to train on"):
        tokens.run(SMALL, [corpus, tokenizer], tmp_path / "out")
