"""One optimiser step of a model on a batch, and the loss without one."""

from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from sejong.train import attention, experts
from sejong.train.batches import IGNORED, Batch
from sejong.train.fused import fuse
from sejong.train.loss import linear_cross_entropy
from sejong.train.optimiser import set_rate
from sejong.train.plan import Plan

CLIP = 1.0  # largest norm of a gradient


def make_ready(model: PreTrainedModel, plan: Plan, device: torch.device) -> None:
    """Choose the attention; compile one layer's code, which all layers share: seconds instead of a minute for the whole.

    Where a CPU runs eagerly, layers compute in fewer passes over memory instead.
    """
    attention.choose(model, device, plan.compile)
    experts.watch(model)
    if device.type == "cpu" and not plan.compile:
        fuse(model)
    if plan.compile:
        torch.compiler.reset()  # what was compiled before in this process must not matter
        for layer in cast(torch.nn.ModuleList, model.base_model.layers):
            layer.compile(dynamic=False)


def one_step(
    model: PreTrainedModel, optimiser: torch.optim.Optimizer, batch: Batch, plan: Plan, rate: float
) -> tuple[float, float]:
    """One optimiser step. Returns the mean loss of the batch in nats a target, and the gradient's norm before clipping."""
    set_rate(optimiser, rate)
    targets = (batch.targets != IGNORED).sum().clamp(min=1)
    total = torch.zeros((), device=batch.tokens.device)
    for first in range(0, len(batch.tokens), plan.pass_sequences):
        part = batch[first : first + plan.pass_sequences]
        loss = summed_loss(model, part, plan.dtype, plan.z_loss) / targets
        (loss + experts.balance_loss(model) * len(part.tokens) / len(batch.tokens)).backward()
        total += loss.detach()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimiser.step()
    optimiser.zero_grad(set_to_none=False)
    return total.item(), norm.item()


def summed_loss(model: PreTrainedModel, batch: Batch, dtype: torch.dtype, z_loss: float = 0.0) -> Tensor:
    """The summed cross-entropy in nats of one pass, with `z_loss` (see loss.py); documents do not see each other."""
    with torch.autocast(batch.tokens.device.type, dtype=dtype, enabled=dtype != torch.float32):
        hidden = attention.hidden_states(model, batch, dtype)
    return linear_cross_entropy(hidden, model.get_output_embeddings().weight, batch.targets.flatten(), dtype, z_loss)


def mean_loss(model: PreTrainedModel, batches: list[Batch], dtype: torch.dtype) -> tuple[float, int]:
    """Mean loss in nats a target over held-out batches, and how many targets there were."""
    device = next(model.parameters()).device
    targets = sum(int((one.targets != IGNORED).sum()) for one in batches)
    # A second graph for a few batches would cost more than it saves.
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        total = sum(summed_loss(model, one.to(device), dtype).item() for one in batches)
    return total / max(targets, 1), targets
