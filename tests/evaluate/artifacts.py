"""A corpus of documents with headings, a tokenizer and a small random model, made for these tests."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sejong.flow import Artifact
from sejong.recipe import TokenizerSettings
from sejong.tokenizer import stage as tokenizer

TOPICS = ["도자기", "대장간", "나루터", "물레방아", "서당", "봉수대", "장독대", "돌다리", "기와집", "성곽", "우물", "방앗간"]
WORK = ["굽는다", "두드린다", "건넌다", "빻는다", "배운다", "알린다", "담근다", "놓는다", "잇는다", "쌓는다", "긷는다", "찧는다"]
STUFF = ["진흙", "쇠붙이", "뱃삯", "보리쌀", "천자문", "연기", "메주", "화강암", "흙벽", "화살", "두레박", "참깨"]
PLACES = ["강진", "안성", "마포", "곡성", "안동", "수원", "순창", "진천", "전주", "낙안", "경주", "의성"]


def document(number: int) -> str:
    """A document whose words, headings too, are its own by their numbers."""
    topic, work, stuff, place = (words[number % len(words)] for words in (TOPICS, WORK, STUFF, PLACES))
    home, goods = f"{place}{number}골", f"{stuff}{number}호"
    return (
        f"# {topic}{number}번\n\n{home}에서는 {goods}를 아침마다 {work}. 손님{number}명이 줄을 선다.\n\n"
        f"## {topic}{number}번의 유래\n\n"
        f"유래{number}전에 따르면 {home} 사람들이 {goods}와 그릇{number}개를 처음 만들었다고 한다.\n"
    )


def leaflet(number: int) -> str:
    """A document in Indonesian whose telling words occur in no other."""
    own = (
        "bakelimonu"[2 * (number // 25) :][:2] + "daregisotu"[2 * (number // 5 % 5) :][:2] + "lamepirojuk"[2 * (number % 5) :][:2]
    )
    return (
        f"# Kapal {own}\n\nDi pelabuhan besar{own} nelayan{own} menjemur ikan{own} dan menyimpan garam{own} sebelum hujan.\n\n"
        f"## Sejarah kapal {own}\n\nMenurut cerita lama{own} orang membuat layar{own} dari kulit{own} dan tali{own} yang kuat.\n"
    )


def write_corpus(folder: Path, documents: int = 60, text: Callable[[int], str] = document) -> Artifact:
    """The corpus artifact; every tenth document is for validation, every tenth for the test."""
    rows = []
    for number in range(documents):
        split = {0: "validation", 1: "test"}.get(number % 10, "train")
        rows.append((hashlib.sha256(str(number).encode()).hexdigest(), text(number), split, f"{number}.md"))
    rows.sort()
    (folder / "documents").mkdir(parents=True)
    columns = dict(zip(("id", "text", "split", "locator"), map(list, zip(*rows, strict=True)), strict=True))
    table = pa.table(columns | {"source": ["test"] * len(rows), "licence": ["CC0-1.0"] * len(rows)})
    pq.write_table(table, folder / "documents" / "part-00000.parquet")
    return Artifact("corpus", folder, "identity", "digest")


def write_model(folder: Path, corpus: Artifact, seed: int = 0, context: int = 96) -> Path:
    """A random model with its tokenizer, in the Hugging Face layout."""
    folder.mkdir(parents=True)
    made = tokenizer.run(TokenizerSettings(vocabulary=512), [corpus], folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=made["vocabulary"],
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        bos_token_id=1,
        eos_token_id=[2, 7],
        pad_token_id=0,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
