"""New tokens for an old vocabulary."""

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers
from tokenizers.pre_tokenizers import ByteLevel

from sejong.errors import Refused
from sejong.recipe import OutsideModel, TokenizerSettings
from sejong.tokenizer import stage
from sejong.tokenizer.pieces import PIECES, pre_tokenizer
from tests.tokenizer.artifacts import SENTENCES, write_corpus

ENGLISH = [
    "The king made an alphabet that people learn in a morning.",
    "A people reads what it writes.",
]
KOREAN = [text for text in SENTENCES if "다." in text] * 5


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(PIECES["qwen2"])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(ENGLISH * 5, trainer)
    tokenizer.add_special_tokens([AddedToken("<|theirs|>", special=True)])
    return tokenizer


def pieces_with_bytes() -> Tokenizer:
    """As Gemma: spaces are a letter, nothing cuts the text, unknown characters are bytes."""
    alphabet = sorted(set("".join(ENGLISH)) - {" "} | {"▁", "다", "를"})
    vocabulary = {token: n for n, token in enumerate([*[f"<0x{byte:02X}>" for byte in range(256)], *alphabet])}
    vocabulary |= {"▁t": len(vocabulary)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("▁", "t")], byte_fallback=True, unk_token=None, fuse_unk=False))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


@pytest.mark.parametrize("base", [byte_level(), pieces_with_bytes()], ids=["byte level", "byte fallback"])
def test_old_ids_stay_and_new_tokens_say_what_they_were(base: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "out").mkdir()
    base.save(str(tmp_path / "base" / "tokenizer.json"))
    corpus = write_corpus(tmp_path / "corpus", {"train": KOREAN + ENGLISH})
    settings = TokenizerSettings(base=OutsideModel(name="theirs", sha256="0" * 64, path=str(tmp_path / "base")), extend=60)
    metrics = stage.run(settings, [corpus], tmp_path / "out")
    content = json.loads((tmp_path / "out" / "extended.json").read_text())
    extended = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    before = base.get_vocab()
    assert {token: extended.token_to_id(token) for token in before} == before
    assert content["base"] == "theirs" and content["base_size"] == len(before)
    assert [number for number, _ in content["new"]] == list(range(len(before), len(before) + metrics["new_tokens"]))
    assert extended.get_vocab_size() == len(before) + metrics["new_tokens"] + 8
    for number, parts in content["new"]:
        assert all(part < len(before) for part in parts)
        assert extended.id_to_token(number) == "".join(base.id_to_token(part) or "" for part in parts)
    korean, english = KOREAN[0], "The morning reads a people."
    assert len(extended.encode(korean, add_special_tokens=False).ids) < len(base.encode(korean, add_special_tokens=False).ids)
    for text in (korean, english, "새 낱말 <b>뷁</b>"):
        assert extended.decode(extended.encode(text, add_special_tokens=False).ids) == base.decode(base.encode(text).ids)


def test_text_without_new_pairs_is_encoded_as_before(tmp_path: Path) -> None:
    base = byte_level()
    from sejong.tokenizer.extend import extend

    extended, new = extend(base, TokenizerSettings(extend=50), [("text", text) for text in KOREAN])
    assert len(new) == 50
    for text in ENGLISH:
        assert extended.encode(text).ids == base.encode(text).ids


def test_only_byte_pairs_can_be_extended_and_only_a_base(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", {"train": KOREAN})
    (tmp_path / "out").mkdir()
    with pytest.raises(Refused, match="needs a base to add tokens to"):
        stage.run(TokenizerSettings(extend=5), [corpus], tmp_path / "out")
    Tokenizer(models.WordLevel({"a": 0}, "a")).save(str(tmp_path / "tokenizer.json"))
    settings = TokenizerSettings(base=OutsideModel(name="x", sha256="0", path=str(tmp_path)), extend=5)
    with pytest.raises(Refused, match="WordLevel, and only BPE can be extended"):
        stage.run(settings, [corpus], tmp_path / "out")
