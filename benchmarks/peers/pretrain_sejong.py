"""Sejong's own step, plan and schedule, for benchmarks/pretrain.py; what is timed is what `sejong build` runs."""

import pretrain_common as common
import torch

from sejong.recipe import PretrainSettings
from sejong.train import attention
from sejong.train import device as devices
from sejong.train.batches import IGNORED, Batch
from sejong.train.initial import initial_model
from sejong.train.optimiser import optimiser_of
from sejong.train.plan import schedule
from sejong.train.pretrain import planned
from sejong.train.shape import config_of
from sejong.train.step import make_ready, one_step

given = common.task()
device = devices.prepare(given["threads"]) if given["device"] != "cpu" else torch.device("cpu")
shape = {name: given[name] for name in ("width", "depth", "heads", "kv_heads", "context", "batch_tokens", "pass_tokens", "steps")}
settings = PretrainSettings(**shape, dtype=str(given["dtype"]).removeprefix("torch."), compile=device.type != "cpu", tied=True)
special = {"pad": 0, "begin": 0, "end": 0, "turn": 0}
model = initial_model(config_of(settings, given["vocabulary"], special), 1).to(device)
plan = planned(settings)
optimiser = optimiser_of(model, plan.optimiser, plan.dtype)
make_ready(model, plan, device)
model.train()


def as_batch(rows: torch.Tensor) -> Batch:
    """Documents apart: an end token closes its own, and the token after it is not asked for, as in training."""
    tokens, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
    documents = (tokens == 0).cumsum(1) - (tokens == 0).long()
    return Batch(tokens, targets.masked_fill(tokens == 0, IGNORED), documents)


def step(rows: torch.Tensor, number: int, steps: int) -> None:
    one_step(model, optimiser, as_batch(rows).to(device), plan, plan.learning_rate * schedule(number, steps))


def nats(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    apart = as_batch(torch.cat([inputs, targets[:, -1:]], dim=1)).to(device)
    logits = model.get_output_embeddings()(attention.hidden_states(model, apart, torch.float32)).float()
    return torch.nn.functional.cross_entropy(logits, targets.flatten().to(device), reduction="none").cpu()


seconds = common.train(given, step)
common.answer(given, model.eval(), seconds, nats)
