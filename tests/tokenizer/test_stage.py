"""The trained tokenizer: lossless, the same every time, and exactly what docs/reference/stages.md says."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

from sejong.errors import Refused
from sejong.flow import Artifact
from sejong.recipe import OutsideModel, TokenizerSettings
from sejong.tokenizer import stage
from sejong.tokenizer.pieces import PIECES, pieces, pre_tokenizer
from sejong.tokenizer.special import SPECIAL_TOKENS
from sejong.tokenizer.texts import sample, total_bytes
from sejong.tokenizer.train import LONGEST_TOKEN, train
from sejong.tokenizer.words import with_boundaries
from tests.tokenizer.artifacts import SENTENCES, a_corpus, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return a_corpus(tmp_path_factory.mktemp("corpus") / "corpus")


@pytest.fixture(scope="module")
def made(corpus: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer")
    stage.run(TokenizerSettings(vocabulary=600, system='돕는 이. "따옴표" {{ }} %}\n둘째 줄'), [corpus], out)
    return out


def of(texts: list[str]) -> list[tuple[str, str]]:
    return [("text", text) for text in texts]


TRAINED = {name: train(TokenizerSettings(vocabulary=512, pieces=name), of(SENTENCES * 3)) for name in PIECES}
TRAINED["superwords"] = train(TokenizerSettings(vocabulary=700, pieces="exaone-moe", superwords=0.3), of(SENTENCES * 3))


@pytest.mark.parametrize("name", TRAINED)
@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
@example(text="\x00\x00 \u1100\u1161\uac00\u11a8 e\u0301\u00e9 \U00020000\U000e0001\U0010ffff\ud7a3")
@example(text="<|end|> 뷁쀍 😀👩‍👩‍👧 \u0000\uffff\u200b\r\n\t  a  1234567 ½①٣ é é")
def test_what_goes_in_comes_out(name: str, text: str) -> None:
    tokenizer = TRAINED[name]
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert not set(ids) & set(range(len(SPECIAL_TOKENS))), "text never becomes a special token"


def test_every_byte_is_a_token() -> None:
    assert set(pre_tokenizers.ByteLevel.alphabet()) <= set(TRAINED["llama3"].get_vocab())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "llama3",
            "값은 1234567원, (참고)입니다!!\n\n  다음 줄",
            ["값은", " ", "123", "456", "7", "원", ",", " (", "참고", ")입니다", "!!\n\n", " ", " 다음", " 줄"],
        ),
        ("llama3", "we'll DON'T x\t\ty", ["we", "'ll", " DON", "'T", " x", "\t", "\ty"]),
        ("qwen2", "a 2026", ["a", " ", "2", "0", "2", "6"]),
        ("gpt2", "a 2026", ["a", " 2026"]),
        ("gpt4o", "ที่นี่ Ab", ["ที่นี่", " Ab"]),
        ("llama3", "ที่", ["ท", "ี่"]),
    ],
)
def test_where_text_is_cut(name: str, text: str, expected: list[str]) -> None:
    cut = pre_tokenizer(pieces(name)).pre_tokenize_str(text)
    assert [text[start:end] for _, (start, end) in cut] == expected


def test_same_bytes_in_another_process_with_other_threads(corpus: Artifact, made: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sejong.flow import Artifact\n"
        "from sejong.recipe import TokenizerSettings; from sejong.tokenizer import stage\n"
        "corpus, out, system = sys.argv[1:]\n"
        "stage.run(TokenizerSettings(vocabulary=600, system=system), [Artifact('corpus', Path(corpus), '', '')], Path(out))"
    )
    system = '돕는 이. "따옴표" {{ }} %}\n둘째 줄'
    environment = {**os.environ, "RAYON_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", program, str(corpus.path), str(tmp_path), system], check=True, env=environment)
    names = sorted(path.name for path in made.iterdir())
    assert names == ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
    assert {name: (made / name).read_bytes() for name in names} == {name: (tmp_path / name).read_bytes() for name in names}


def test_special_tokens_have_the_first_ids(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(8))
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer("한글")["input_ids"][0] == 1
    assert tokenizer("한글", add_special_tokens=False)["input_ids"][0] != 1


def test_conversations_are_written_as_documented(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    system = '<|system|>돕는 이. "따옴표" {{ }} %}\n둘째 줄<|turn|>'
    asked = [{"role": "passage", "content": "지문 {x}"}, {"role": "user", "content": " 물음? "}]

    def written(messages: list[dict[str, str]], **options: bool) -> str:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, **options))

    assert (
        written(asked, add_generation_prompt=True)
        == f"<|begin|>{system}<|passage|>지문 {{x}}<|turn|><|user|> 물음? <|turn|><|assistant|>"
    )
    assert written(asked[1:]) == f"<|begin|>{system}<|user|> 물음? <|turn|>"
    own = [{"role": "system", "content": "짧게."}, asked[1], {"role": "assistant", "content": "답."}]
    assert written(own) == "<|begin|><|system|>짧게.<|turn|><|user|> 물음? <|turn|><|assistant|>답.<|turn|>"
    with pytest.raises(Exception, match="role `tool`"):
        written([{"role": "tool", "content": ""}])


def test_what_the_assistant_says_is_marked(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    messages = [
        {"role": "user", "content": "물음?"},
        {"role": "assistant", "content": "답 하나"},
        {"role": "user", "content": "또?"},
    ]
    found = tokenizer.apply_chat_template(messages, return_assistant_tokens_mask=True, return_dict=True)
    marked = [number for number, mask in zip(found["input_ids"], found["assistant_masks"], strict=True) if mask]
    assert tokenizer.decode(marked) == "답 하나<|turn|>"


def test_less_text_than_the_vocabulary_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path / "corpus", {"train": ["가나다 가나다"]})
    (tmp_path / "out").mkdir()
    metrics = stage.run(TokenizerSettings(vocabulary=4096), [corpus], tmp_path / "out")
    assert metrics["asked"] == 4096
    assert 264 <= metrics["vocabulary"] < 300
    assert metrics["bytes_per_token"] is None, "nothing is held out"


def test_a_segmenter_bounds_merges_in_training_only() -> None:
    text = ["가나다라마바사"] * 50
    free = train(TokenizerSettings(vocabulary=600), of(text))
    bound = train(TokenizerSettings(vocabulary=600, segmenter="characters"), of(text))
    assert len(free.encode("가나다라마바사", add_special_tokens=False).ids) == 1
    tokens = bound.encode("가나다라마바사", add_special_tokens=False)
    assert [text[0][a:b] for a, b in tokens.offsets] == list(text[0])
    assert json.loads(free.to_str())["pre_tokenizer"] == json.loads(bound.to_str())["pre_tokenizer"]


def test_boundaries_leave_spaces_with_the_word_after() -> None:
    assert with_boundaries("words", ["(세종) 대왕, 만세", ""]) == [["(", "세종", ") 대왕", ", 만세"], []]


def test_no_spaces_at_all_needs_no_more_memory() -> None:
    endless = ["".join(chr(0xAC00 + (n * n) % 997) for n in range(60_000))] * 3
    tokenizer = train(TokenizerSettings(vocabulary=1200), of(endless))
    longest = max(len(token) for token in tokenizer.get_vocab() if token not in SPECIAL_TOKENS)
    assert longest <= LONGEST_TOKEN


def test_the_sample_is_even_bounded_and_only_of_its_splits(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c", {"train": [f"글 {n:04d} " * 10 for n in range(1000)], "test": ["비밀"] * 10}).path
    whole = total_bytes(corpus, ["train"])
    drawn = [text for _, text in sample(corpus, ["train"], whole // 10)]
    size = sum(len(text.encode()) for text in drawn)
    assert whole // 12 < size <= whole // 10
    assert "비밀" not in "".join(drawn)
    assert drawn == [text for _, text in sample(corpus, ["train"], whole // 10)]
    order = [text for _, text in sample(corpus, ["train"], whole)]
    places = [order.index(text) for text in drawn]
    assert max(b - a for a, b in pairwise(places)) < 30, "every part of the corpus is drawn from"


def test_one_long_document_is_cut_at_a_character(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c", {"train": ["가" * 100_000]}).path
    drawn = "".join(text for _, text in sample(corpus, ["train"], 200_000))
    assert set(drawn) == {"가"}
    assert len(drawn.encode()) == 199_998


def test_no_text_is_refused(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c", {"test": ["글"]})
    with pytest.raises(Refused, match="no text to train a tokenizer on"):
        stage.run(TokenizerSettings(), [corpus], tmp_path)


def test_a_wrong_name_gets_near_ones(corpus: Artifact, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="did you mean llama3"):
        stage.run(TokenizerSettings(pieces="llama"), [corpus], tmp_path)
    with pytest.raises(Refused, match="no word segmenter `kiwwi`"):
        stage.run(TokenizerSettings(segmenter="kiwwi"), [corpus], tmp_path)


def test_a_base_keeps_its_ids_and_learns_ours(corpus: Artifact, tmp_path: Path) -> None:
    base = Tokenizer(models.BPE(unk_token="<unk>"))
    base.pre_tokenizer = pre_tokenizers.Metaspace()
    base.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<s>"]))
    base.add_special_tokens([AddedToken("<|end|>", special=True)])
    (tmp_path / "base").mkdir()
    (tmp_path / "out").mkdir()
    base.save(str(tmp_path / "base" / "tokenizer.json"))
    (tmp_path / "base" / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "unk_token": "<unk>"}'
    )
    taken = OutsideModel(name="their model", sha256="0" * 64, path=str(tmp_path / "base"))
    metrics = stage.run(TokenizerSettings(base=taken), [corpus], tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    before = base.get_vocab()
    assert {token: tokenizer.convert_tokens_to_ids(token) for token in before} == before
    assert len(tokenizer) == len(before) + 7 == metrics["vocabulary"], "<|end|> was there already"
    assert tokenizer.bos_token == "<|begin|>"
    assert tokenizer.apply_chat_template([{"role": "user", "content": "물음"}], tokenize=False) == "<|begin|><|user|>물음<|turn|>"
    assert json.loads((tmp_path / "out" / "outside_models.json").read_text())[0]["name"] == "their model"


def test_a_base_without_a_tokenizer_is_refused(corpus: Artifact, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"tokenizer.json cannot be read"):
        stage.run(TokenizerSettings(base=OutsideModel(name="x", sha256="0", path=str(tmp_path))), [corpus], tmp_path)


def test_the_path_of_an_outside_model_is_no_setting() -> None:
    here, there = (OutsideModel(name="x", sha256="0", path=path) for path in ("/a", "/b"))
    assert TokenizerSettings(base=here).model_dump() == TokenizerSettings(base=there).model_dump()
