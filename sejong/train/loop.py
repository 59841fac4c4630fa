"""The training loop that pretraining and instruction tuning share.

A batch is a function of its position, so a checkpoint needs weights, moments and a step number to go on exactly; when one is
written never changes the result. AdamW (Loshchilov & Hutter 2019) with warm-up, stable rate, and a decay along 1 - sqrt
(Hägele et al. 2024).
"""

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sejong.errors import Failed
from sejong.flow import atomic
from sejong.flow.progress import progress
from sejong.train import attention
from sejong.train.batches import IGNORED, Batch, Read
from sejong.train.loss import linear_cross_entropy

BETAS, EPSILON, WEIGHT_DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0
WARMUP, DECAY = 0.05, 0.3  # shares of the steps
VALIDATIONS = 10  # over a whole run
LOSS_ROWS = 2000  # at most, over a whole run
CHECKPOINT_SECONDS = 20.0  # at least this long between two checkpoints …
CHECKPOINT_SHARE = 50.0  # … and this many times what the last one cost

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a training run does, all of it from settings."""

    title: str
    steps: int
    context: int
    sequences: int  # an optimiser step
    pass_sequences: int  # a forward and backward pass; gradients add up over the passes of a step
    learning_rate: float
    dtype: torch.dtype
    compile: bool

    @property
    def step_tokens(self) -> int:
        """Tokens an optimiser step."""
        return self.sequences * self.context


def sequences_of(context: int, batch_tokens: int, pass_tokens: int) -> tuple[int, int]:
    """Whole sequences a step, and a pass: as many as fit, such that all passes of a step are equal."""
    sequences = max(1, batch_tokens // context)
    most = min(sequences, max(1, pass_tokens // context))
    return sequences, max(count for count in range(1, most + 1) if sequences % count == 0)


def train(model: PreTrainedModel, plan: Plan, read: Read, validate: Callable[[], Row] | None, scratch: Path) -> list[Row]:
    """Train `model` in place, from the checkpoint in `scratch` where there is one. Returns the rows of loss.jsonl.

    Raises:
        Failed: the loss is not a number, or the checkpoint cannot be read.
    """
    device = next(model.parameters()).device
    optimiser = adamw(model)
    make_ready(model, plan, device)
    step, rows = restore(scratch, model, optimiser)
    log_every, validate_every = math.ceil(plan.steps / LOSS_ROWS), math.ceil(plan.steps / VALIDATIONS)
    model.train()
    with progress(plan.title, total=plan.steps * plan.step_tokens, unit="tokens") as bar:
        bar.skip(step * plan.step_tokens)
        saved, cost = time.monotonic(), 0.0
        while step < plan.steps:
            rate = plan.learning_rate * schedule(step, plan.steps)
            batch = read(step * plan.sequences, plan.sequences).to(device)
            loss, norm = one_step(model, optimiser, batch, plan, rate)
            step += 1
            if not math.isfinite(loss) or not math.isfinite(norm):
                remedy = "lower its learning_rate, or set its dtype to float32"
                raise Failed(f"the loss of {plan.title} is not a number at step {step}: {remedy}")
            if step % log_every == 0 or step == plan.steps:
                tokens = step * plan.step_tokens
                rows.append({"step": step, "tokens": tokens, "loss": loss, "learning_rate": rate, "gradient_norm": norm})
            if validate and (step % validate_every == 0 or step == plan.steps):
                rows.append({"step": step, "tokens": step * plan.step_tokens, **validate()})
            bar.advance(plan.step_tokens, loss=loss)
            if time.monotonic() - saved > max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * cost):
                began = time.monotonic()
                save(scratch, model, optimiser, step, rows)
                saved = time.monotonic()
                cost = saved - began
    model.eval()
    return rows


def one_step(
    model: PreTrainedModel, optimiser: torch.optim.Optimizer, batch: Batch, plan: Plan, rate: float
) -> tuple[float, float]:
    """One optimiser step. Returns the mean loss of the batch in nats a target, and the gradient's norm before clipping."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    targets = (batch.targets != IGNORED).sum().clamp(min=1)
    total = torch.zeros((), device=batch.tokens.device)
    for first in range(0, len(batch.tokens), plan.pass_sequences):
        loss = summed_loss(model, batch[first : first + plan.pass_sequences], plan.dtype) / targets
        loss.backward()
        total += loss.detach()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimiser.step()
    optimiser.zero_grad(set_to_none=False)
    return total.item(), norm.item()


def summed_loss(model: PreTrainedModel, batch: Batch, dtype: torch.dtype) -> Tensor:
    """The summed cross-entropy in nats of one pass; documents do not see each other."""
    with torch.autocast(batch.tokens.device.type, dtype=dtype, enabled=dtype != torch.float32):
        hidden = attention.hidden_states(model, batch, dtype)
    return linear_cross_entropy(hidden, model.get_output_embeddings().weight, batch.targets.flatten(), dtype)


def mean_loss(model: PreTrainedModel, batches: list[Batch], dtype: torch.dtype) -> tuple[float, int]:
    """Mean loss in nats a target over held-out batches, and how many targets there were."""
    device = next(model.parameters()).device
    targets = sum(int((one.targets != IGNORED).sum()) for one in batches)
    # A second graph for a few batches would cost more than it saves.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        total = sum(summed_loss(model, one.to(device), dtype).item() for one in batches)
    return total / max(targets, 1), targets


def schedule(step: int, steps: int) -> float:
    """The share of the peak rate at `step` of `steps`: up in a line, flat, then down to zero along 1 - sqrt."""
    warmup, decay = max(1, round(WARMUP * steps)), max(1, round(DECAY * steps))
    if step < warmup:
        return (step + 1) / warmup
    if step < steps - decay:
        return 1.0
    return 1.0 - math.sqrt((step - (steps - decay) + 1) / (decay + 1))


def adamw(model: PreTrainedModel) -> torch.optim.AdamW:
    """Decoupled weight decay on matrices, none on norms; one fused kernel."""
    matrices = [one for one in model.parameters() if one.dim() > 1]
    vectors = [one for one in model.parameters() if one.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=True)


def make_ready(model: PreTrainedModel, plan: Plan, device: torch.device) -> None:
    """Choose the attention; compile one layer's code, which all layers share: seconds instead of a minute for the whole."""
    attention.choose(model, device, plan.compile)
    if plan.compile:
        torch.compiler.reset()  # what was compiled before in this process must not matter
        for layer in cast(torch.nn.ModuleList, model.base_model.layers):
            layer.compile(dynamic=False)


def save(scratch: Path, model: PreTrainedModel, optimiser: torch.optim.Optimizer, step: int, rows: list[Row]) -> None:
    """Write a checkpoint in place of the last one, whole or not at all."""
    state = {"step": step, "rows": rows, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
    state["random"] = torch.get_rng_state()
    with atomic(scratch / "checkpoint.pt") as path:
        torch.save(state, path)


def restore(scratch: Path, model: PreTrainedModel, optimiser: torch.optim.Optimizer) -> tuple[int, list[Row]]:
    """Load the checkpoint into model and optimiser. Returns its step and rows; 0 and none without one."""
    path = scratch / "checkpoint.pt"
    if not path.exists():
        return 0, []
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise Failed(f"{path} cannot be read ({str(error).splitlines()[0]}): delete it to train from the start") from error
    torch.set_rng_state(state["random"])  # nothing draws from it today
    return state["step"], state["rows"]
