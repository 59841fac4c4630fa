"""Pretraining: a Llama-shaped model from the recorded seed, or from a foreign base, which is then recorded."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import GenerationConfig, PreTrainedModel

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, scratch, the_only
from sejong.flow.progress import console
from sejong.recipe import PretrainSettings
from sejong.train import device as devices
from sejong.train import foreign, initial
from sejong.train.batches import IGNORED, Stream, token_bytes
from sejong.train.checkpoint import Row
from sejong.train.loop import train
from sejong.train.optimiser import MUON_RATE, default_rate, name_of
from sejong.train.plan import Plan, sequences_of
from sejong.train.shape import config_of
from sejong.train.step import mean_loss
from sejong.train.tokens import open_tokenizer, special_ids

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
VALIDATION_SHARE = 0.01  # of the tokens trained on: ten validations cost about 3% of the time


def run(settings: PretrainSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Train on the `train` split. Writes model/, loss.jsonl, initial.json and order.parquet; returns the metrics.

    Raises:
        Refused: the shape is impossible, or there is too little text for one sequence.
        Failed: a choice was left open, or the loss is not a number.
    """
    tokenizer, tokens = the_only(inputs, "tokenizer").path, the_only(inputs, "tokens").path
    where = devices.prepare(settings.threads)
    todo = planned(settings)
    if todo.compile:
        devices.require_compiler(where, "pretrain")
    stream = Stream(tokens, "train", settings.context, settings.seed, settings)
    if stream.tokens < settings.context + 1:
        raise Refused(
            f"there are {stream.tokens:,} tokens to train on, but one sequence needs {settings.context + 1:,}: "
            "give more text, or lower pretrain.context"
        )
    stream.until(todo.steps * todo.sequences, settings.late_share)
    todo = with_checkpoints(todo, stream, settings.keep)
    model = start(settings, tokenizer, out)
    write_order(stream, todo.steps * todo.sequences, out)

    model.to(where)  # type: ignore[arg-type]
    held_out = HeldOut(tokens, tokenizer, settings, todo, model)
    rows = train(model, todo, stream.batch, held_out.measure if held_out.batches else None, scratch(out))
    write_model(model, tokenizer, out / "model")
    write_rows(rows, out)
    read = todo.steps * todo.step_tokens
    by_source = stream.read_of(todo.steps * todo.sequences)
    return metrics(model, todo, rows) | {"tokens": read, "epochs": read / stream.tokens, "tokens_by_source": by_source}


def planned(settings: PretrainSettings) -> Plan:
    """The settings as a plan.

    Raises:
        Failed: number format, compilation or the number of steps is still left to a probe.
    """
    steps = math.ceil(settings.tokens / settings.batch_tokens) if settings.tokens else settings.steps
    if settings.dtype == "auto" or settings.compile == "auto" or steps is None:
        raise Failed(
            "pretrain.dtype, pretrain.compile or pretrain.steps is still open: set them, or use `sejong build`, which probes"
        )
    sequences, pass_sequences = sequences_of(settings.context, settings.batch_tokens, settings.pass_tokens)
    optimiser = name_of(settings)
    return Plan(
        title="pretraining",
        steps=steps,
        context=settings.context,
        sequences=sequences,
        pass_sequences=pass_sequences,
        learning_rate=settings.learning_rate or (MUON_RATE if optimiser == "muon" else default_rate(settings.width)),
        optimiser=optimiser,
        z_loss=settings.z_loss,
        dtype=devices.DTYPES[settings.dtype],
        compile=settings.compile,
    )


def budget(settings: PretrainSettings, tokens: Path) -> dict[str, Any]:
    """What depends on how much text there is, as settings: `steps`, and `late_share` where sources come last.

    At most `epochs` passes are made over the text: further ones teach little and are learned by heart (Muennighoff et al. 2023).

    Args:
        settings: that leave nothing to a probe.
        tokens: folder of the `tokens` artifact.

    Raises:
        Refused: the mix names a source that has no text, or is not one for these documents.
    """
    todo = planned(settings)
    stream = Stream(tokens, "train", settings.context, settings.seed, settings)
    stream.check(settings)
    most = max(1, math.ceil(settings.epochs * stream.tokens / todo.step_tokens))
    if most < todo.steps:
        said = f"they read the {stream.tokens:,} tokens {settings.epochs:g} times"
        console.print(f"  pretraining takes {most} steps, not {todo.steps}: {said}")
    late = {"late_share": stream.late_share} if settings.late and settings.late_share is None else {}
    return {"steps": min(most, todo.steps), **late}


def with_checkpoints(todo: Plan, stream: Stream, keep: int) -> Plan:
    """The plan with the steps whose checkpoints stay: `keep` that divide the first pass evenly, and the turn to late sources."""
    turn = None if stream.turn is None else stream.turn // todo.step_tokens
    first = min(turn or todo.steps, math.ceil(stream.tokens * (1 - stream.late_share) / todo.step_tokens))
    even = {round(first * number / (keep + 1)) for number in range(1, keep + 1)}
    steps = sorted(one for one in {*even, turn or 0} if 0 < one < todo.steps) if keep else []
    return replace(todo, keep=tuple(steps), turn=turn)


def start(settings: PretrainSettings, tokenizer: Path, out: Path) -> PreTrainedModel:
    """The model at step 0, and initial.json, from which anyone can check that it is nobody else's."""
    opened = open_tokenizer(tokenizer)
    vocabulary, special = opened.get_vocab_size(), special_ids(opened)
    origin = None
    model: PreTrainedModel
    if settings.base is None:
        model = initial.initial_model(config_of(settings, vocabulary, special), settings.seed)
    else:
        model, origin = foreign.load(settings.base, tokenizer, settings.seed, vocabulary, special)
    recorded = {
        "seed": settings.seed,
        "config": model.config.to_dict(),
        "foreign": origin,
        "torch": torch.__version__,
        "tensors": initial.fingerprints(model),
    }
    (out / "initial.json").write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n", "utf-8")
    return model


class HeldOut:
    """The sequences of the validation split that are scored during training, and the bytes they stand for."""

    def __init__(self, tokens: Path, tokenizer: Path, settings: PretrainSettings, todo: Plan, model: PreTrainedModel) -> None:
        stream = Stream(tokens, "validation", settings.context, None)
        wanted = max(todo.pass_sequences, int(VALIDATION_SHARE * todo.steps * todo.sequences))
        # A split shorter than one sequence is read around: each document is still scored by itself.
        count = min(wanted, max(1, stream.tokens // settings.context)) if stream.tokens else 0
        size = todo.pass_sequences
        self.batches = [stream.batch(first, min(size, count - first)) for first in range(0, count, size)]
        described = json.loads((tokenizer / "tokenizer.json").read_text("utf-8"))
        lengths = torch.from_numpy(token_bytes(described, model.config.vocab_size))
        self.bytes = sum(int(lengths[one.targets[one.targets != IGNORED]].sum()) for one in self.batches)
        self._model, self._dtype = model, todo.dtype

    def measure(self) -> Row:
        """The validation row of loss.jsonl."""
        loss, targets = mean_loss(self._model, self.batches, self._dtype)
        return {"validation_loss": loss, "validation_bits_per_byte": loss * targets / max(self.bytes, 1) / math.log(2)}


def write_order(stream: Stream, positions: int, out: Path) -> None:
    """order.parquet: the documents at each global position."""
    schema = pa.schema([("position", pa.int64()), ("id", pa.string())])
    with pq.ParquetWriter(out / "order.parquet", schema) as writer:
        for part in stream.order(positions):
            writer.write_table(part.cast(schema))


def write_model(model: PreTrainedModel, tokenizer: Path, folder: Path) -> None:
    """A whole Hugging Face folder: float32 weights in one file, configurations, tokenizer."""
    config = model.config
    model.generation_config = GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    )
    model.to("cpu")  # type: ignore[arg-type]
    model.save_pretrained(folder, max_shard_size="1000GB")
    for name in TOKENIZER_FILES:
        if (tokenizer / name).exists():
            shutil.copyfile(tokenizer / name, folder / name)


def write_rows(rows: list[Row], out: Path) -> None:
    """loss.jsonl."""
    with (out / "loss.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def metrics(model: PreTrainedModel, todo: Plan, rows: list[Row]) -> dict[str, Any]:
    """What the manifest and the report say of a training run."""
    validation = [row["validation_loss"] for row in rows if "validation_loss" in row]
    losses = [row["loss"] for row in rows if "loss" in row]
    bits = [row["validation_bits_per_byte"] for row in rows if "validation_bits_per_byte" in row]
    return {
        "parameters": model.num_parameters(),
        "steps": todo.steps,
        "final_loss": losses[-1],
        "final_validation_loss": validation[-1] if validation else None,
        "best_validation_loss": min(validation) if validation else None,
        "validation_bits_per_byte": bits[-1] if bits else None,
        "flops": flops_per_token(model, todo.context) * todo.steps * todo.step_tokens,
        "left_out_steps": [row["step"] for row in rows if "left_out" in row],
        "dtype": str(todo.dtype).removeprefix("torch."),
        "compiled": todo.compile,
        **devices.describe(torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")),
    }


def flops_per_token(model: PreTrainedModel, context: int) -> int:
    """Operations a trained token: 6 a weight of every product, 12 · layers · width · context for attention (PaLM, app. B)."""
    config = model.config
    products = sum(one.weight.numel() for one in model.modules() if isinstance(one, torch.nn.Linear))
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 6 * products + 12 * int(config.num_hidden_layers) * int(config.num_attention_heads * head_width) * context
