"""Instruction tuning: the pretrained model learns to answer from a passage, to say when a passage does not fit, and to stop.

The loss is on the assistant's words only. Conversations are packed into sequences, hidden from each other; the loop is
pretraining's.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, scratch, the_only
from sejong.recipe import AlignSettings
from sejong.train import device as devices
from sejong.train.batches import IGNORED, Batch
from sejong.train.conversations import ANSWER, REFUSAL, SECTION, Conversation, make, prompts
from sejong.train.loop import train
from sejong.train.mix import keys_of, shuffled
from sejong.train.optimiser import default_rate
from sejong.train.plan import Plan, sequences_of
from sejong.train.pretrain import metrics, write_model, write_rows
from sejong.train.step import mean_loss
from sejong.train.tokens import encode, open_tokenizer, special_ids

RATE_SHARE = 0.5  # of pretraining's peak rate
VALIDATION_CONVERSATIONS = 200
SAMPLE_DOCUMENTS = 200  # measured to know how many characters a token holds
OTHER_TOKENS = 96  # of a sequence: instructions, question and answer beside the passage
CONVERSATIONS_A_SEQUENCE = 8  # more than fit one, so that no more are made than the steps can read
WINDOW = 256  # conversations packed together
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("document", pa.string()),
        ("kind", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("split", pa.string()),
    ]
)


def run(settings: AlignSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Tune the pretrained model. Writes model/, loss.jsonl and conversations.parquet; returns the metrics.

    Raises:
        Refused: the nation's prompts are incomplete, or no conversation can be made from the corpus.
        Failed: a choice was left open, the template breaks the contract, or the loss is not a number.
    """
    corpus, folder, pretrained = (the_only(inputs, name).path for name in ("corpus", "tokenizer", "pretrain"))
    where = devices.prepare(settings.threads)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        pretrained / "model", dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
    context = int(model.config.max_position_embeddings)
    todo = planned(settings, context, model.config.hidden_size)
    if todo.compile:
        devices.require_compiler(where, "align")

    tokenizer = open_tokenizer(folder)
    words = prompts(settings.prompts)
    characters = int((context - OTHER_TOKENS) * characters_per_token(corpus, tokenizer))
    enough = CONVERSATIONS_A_SEQUENCE * todo.sequences * todo.steps
    limits = {"train": min(settings.conversations, enough), "validation": VALIDATION_CONVERSATIONS}
    made = {
        split: make(documents(corpus, split), split, words, settings.seed, characters, limit) for split, limit in limits.items()
    }
    prefix = conversation_prefix(folder, special_ids(tokenizer))
    packed = {split: Packed(some, tokenizer, prefix, context, settings.seed) for split, some in made.items()}
    if not packed["train"].kept:
        raise Refused(
            f"no conversation of at most {context} tokens can be made from the corpus: it needs documents with sentences of "
            "8 to 240 characters; give more text, or build with --to pretrain"
        )
    check_template(folder, packed["train"])
    write_conversations([one for some in packed.values() for one in some.kept], out)

    model.to(where)  # type: ignore[arg-type]
    held_out = packed["validation"].all_batches(todo.pass_sequences)
    validate = (lambda: {"validation_loss": mean_loss(model, held_out, todo.dtype)[0]}) if held_out else None
    rows = train(model, todo, packed["train"].batch, validate, scratch(out))
    write_model(model, folder, out / "model")
    write_rows(rows, out)
    kinds = [one.kind for one in packed["train"].kept]
    return metrics(model, todo, rows) | {
        "conversations": len(kinds),
        "too_long": len(made["train"]) - len(kinds),
        **{f"{kind}_conversations": kinds.count(kind) for kind in (ANSWER, REFUSAL, SECTION)},
    }


def planned(settings: AlignSettings, context: int, width: int) -> Plan:
    """The settings as a plan.

    Raises:
        Failed: number format, compilation or the number of steps is still left to a probe.
    """
    if settings.dtype == "auto" or settings.compile == "auto" or settings.steps is None:
        raise Failed("align.dtype, align.compile or align.steps is still open: set them, or use `sejong build`, which probes")
    sequences, pass_sequences = sequences_of(context, settings.batch_tokens, settings.pass_tokens)
    return Plan(
        title="tuning",
        steps=settings.steps,
        context=context,
        sequences=sequences,
        pass_sequences=pass_sequences,
        learning_rate=settings.learning_rate or RATE_SHARE * default_rate(width),
        dtype=devices.DTYPES[settings.dtype],
        compile=settings.compile,
    )


def documents(corpus: Path, split: str) -> Iterator[tuple[str, str]]:
    """(id, text) of a split in the order of the corpus, which is that of the ids."""
    texts = ds.dataset(sorted((corpus / "documents").glob("*.parquet")), format="parquet")
    for batch in texts.to_batches(["id", "text"], filter=pc.field("split") == split, batch_readahead=1, fragment_readahead=1):
        yield from zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True)


def characters_per_token(corpus: Path, tokenizer: Tokenizer) -> float:
    """How many characters of the corpus a token holds, measured on its first training documents."""
    sample = [text for _, (_, text) in zip(range(SAMPLE_DOCUMENTS), documents(corpus, "train"), strict=False)]
    tokens = sum(len(one) for one in encode(tokenizer, sample))
    return sum(len(text) for text in sample) / max(tokens, 1)


def conversation_prefix(folder: Path, special: dict[str, int]) -> list[int]:
    """The ids that the chat template puts before the first message: the beginning and the nation's instructions."""
    template = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ids = cast(list[int], template.apply_chat_template([{"role": "user", "content": ""}], tokenize=True, return_dict=False))
    return ids[: ids.index(special["user"])]


def check_template(folder: Path, packed: "Packed") -> None:
    """The chat template must give the ids that we train on: the service speaks by the template.

    Raises:
        Failed: it does not.
    """
    template = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    messages = [{"role": role, "content": content} for role, content in packed.kept[0].messages]
    if template.apply_chat_template(messages, tokenize=True, return_dict=False) != packed.ids(0):
        raise Failed(f"the chat template in {folder} does not follow docs/reference/stages.md: build the tokenizer again")


class Packed:
    """Conversations as sequences of at most `context` tokens, several in one, none cut; an endless row of them."""

    def __init__(self, made: list[Conversation], tokenizer: Tokenizer, prefix: list[int], context: int, seed: int) -> None:
        special = special_ids(tokenizer)
        self.context, self.seed, self.pad = context, seed, special["pad"]
        self.kept: list[Conversation] = []
        encoded = iter(encode(tokenizer, [content for one in made for _, content in one.messages]))
        parts: list[tuple[NDArray[np.int32], NDArray[np.bool_]]] = []
        for one in made:
            ids, learned = list(prefix), [False] * len(prefix)
            for role, _ in one.messages:
                content = next(encoded)
                ids += [special[role], *content, special["turn"]]
                learned += [False, *([role == "assistant"] * (len(content) + 1))]
            if len(ids) <= context:
                self.kept.append(one)
                parts.append((np.array(ids, dtype=np.int32), np.array(learned, dtype=np.bool_)))
        self._ids = [ids for ids, _ in parts]
        self._learned = [learned for _, learned in parts]
        self._keys = keys_of(pa.chunked_array([[one.id for one in self.kept]], pa.string()))
        self._epoch = lru_cache(maxsize=2)(self._epoch_packs)

    def ids(self, number: int) -> list[int]:
        """The tokens of a conversation."""
        found: list[int] = self._ids[number].tolist()
        return found

    def batch(self, first: int, count: int) -> Batch:
        """The sequences at positions `first` … `first + count - 1`."""
        chosen: list[list[int]] = []
        epoch, start = 0, 0
        while len(chosen) < count:
            packs = self._epoch(epoch)
            begin = first + len(chosen) - start
            if begin < len(packs):
                chosen += packs[begin : begin + count - len(chosen)]
            epoch, start = epoch + 1, start + len(packs)
        return self._filled(chosen)

    def all_batches(self, size: int) -> list[Batch]:
        """Every conversation once, in batches of `size` sequences."""
        packs = self._epoch(0) if self.kept else []
        return [self._filled(packs[first : first + size]) for first in range(0, len(packs), size)]

    def _filled(self, packs: list[list[int]]) -> Batch:
        tokens = np.full((len(packs), self.context), self.pad, dtype=np.int64)
        targets = np.full((len(packs), self.context), IGNORED, dtype=np.int64)
        documents = np.full((len(packs), self.context), -1, dtype=np.int64)
        for row, pack in enumerate(packs):
            at = 0
            for number, one in enumerate(pack):
                ids, learned = self._ids[one], self._learned[one]
                tokens[row, at : at + len(ids)] = ids
                documents[row, at : at + len(ids)] = number
                targets[row, at : at + len(ids) - 1] = np.where(learned[1:], ids[1:], IGNORED)
                at += len(ids)
        return Batch(torch.from_numpy(tokens), torch.from_numpy(targets), torch.from_numpy(documents))

    def _epoch_packs(self, epoch: int) -> list[list[int]]:
        """The conversations of an epoch, shuffled, then packed a window at a time: the longest first, where it first fits."""
        order = shuffled(self._keys, self.seed, epoch)
        packs: list[list[int]] = []
        for start in range(0, len(order), WINDOW):
            window: list[list[int]] = []
            room: list[int] = []
            for one in sorted(order[start : start + WINDOW].tolist(), key=lambda one: (-len(self._ids[one]), one)):
                size = len(self._ids[one])
                place = next((number for number, left in enumerate(room) if left >= size), None)
                if place is None:
                    window.append([one])
                    room.append(self.context - size)
                else:
                    window[place].append(one)
                    room[place] -= size
            firsts = self._keys[[pack[0] for pack in window]]
            packs += [window[place] for place in shuffled(firsts, self.seed, epoch)]
        return packs


def write_conversations(made: list[Conversation], out: Path) -> None:
    """conversations.parquet, sorted by split and id."""
    rows = [
        {
            "id": one.id,
            "document": one.document,
            "kind": one.kind,
            "messages": [{"role": role, "content": content} for role, content in one.messages],
            "split": one.split,
        }
        for one in sorted(made, key=lambda one: (one.split, one.id))
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), out / "conversations.parquet")
