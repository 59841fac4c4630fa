"""Small artifacts in the documented format, made by hand: a corpus of help pages and a byte-level tokenizer."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sejong.flow import Artifact
from sejong.train.tokens import SPECIAL_TOKENS

TEMPLATE = (
    "{{- '<|begin|>' }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{- '<|assistant|>' + message['content'] + '<|turn|>' }}{% else %}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|turn|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{- '<|assistant|>' }}{% endif %}"
)
SIGNALS = pa.struct([("characters", pa.float32()), ("quality", pa.float32())])
NAMES = ("id", "text", "source", "licence", "contributor")
SCHEMA = pa.schema([*((name, pa.string()) for name in NAMES), ("signals", SIGNALS), ("split", pa.string())])
SOURCES = ("help", "help", "help", "law", "web", "web", "web", "web", "web", "web")
THINGS = ["글꼴", "표", "그림", "쪽 번호", "머리글", "차트", "수식", "암호", "매크로", "필터", "셀", "슬라이드"]
VERBS = ["삽입", "삭제", "변경", "저장", "복사", "정렬"]


def page(number: int) -> str:
    """A help page of two sections with headings."""
    thing, other = THINGS[number % len(THINGS)], THINGS[(number * 5 + 1) % len(THINGS)]
    verb = VERBS[number % len(VERBS)]
    return (
        f"# {thing} {verb} {number}\n\n{thing} {verb} 명령은 도구 메뉴에 있습니다. {thing}을 고른 다음 {verb} 단추를 누릅니다. "
        f"취소하려면 Esc 키를 누릅니다.\n\n## {other} 설정 {number}\n\n{other} 설정 창을 열면 {number}번 항목이 보입니다. "
        f"원하는 값을 적고 확인을 누르십시오.\n"
    )


def write_corpus(folder: Path, texts: list[str]) -> Artifact:
    """A corpus artifact; every tenth document is for validation, the one after it for the test. A document's source and quality
    follow from its id; those of `law` have no contributor."""
    rows = sorted((hashlib.sha256(text.encode()).hexdigest(), text) for text in texts)
    split = ["validation" if number % 10 == 3 else "test" if number % 10 == 4 else "train" for number in range(len(rows))]
    (folder / "documents").mkdir(parents=True)
    half = len(rows) // 2
    for part, chosen in enumerate((slice(0, half), slice(half, None))):
        ids = [id_ for id_, _ in rows[chosen]]
        sources = [SOURCES[int(id_, 16) % len(SOURCES)] for id_ in ids]
        columns = {
            "id": ids,
            "text": [text for _, text in rows[chosen]],
            "source": sources,
            "licence": ["CC0-1.0" if source == "law" else "CC-BY-4.0" for source in sources],
            "contributor": [None if source == "law" else f"{source} team" for source in sources],
            "signals": [{"characters": 1.0, "quality": int(id_[:6], 16) / 16**6} for id_ in ids],
            "split": split[chosen],
        }
        pq.write_table(pa.table(columns, schema=SCHEMA), folder / "documents" / f"part-{part:05d}.parquet")
    return Artifact("corpus", folder, "corpus", "corpus")


def write_tokenizer(folder: Path, texts: list[str], vocabulary: int = 512) -> Artifact:
    """A byte-level BPE with the special tokens first and a chat template as docs/reference/stages.md words it."""
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|pad|>", chat_template=TEMPLATE
    ).save_pretrained(folder)
    return Artifact("tokenizer", folder, "tokenizer", "tokenizer")
