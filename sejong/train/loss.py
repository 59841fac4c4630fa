"""Cross-entropy straight from the last hidden states, a piece at a time, so that the whole matrix of logits never exists.

The gradient of a softmax is known the moment the loss is, so both are made in one pass (Cut Your Losses, Wijmans et al. 2024;
Liger Kernel, Hsu et al. 2024). Positions without a target cost nothing here.
"""

from typing import Any

import torch
from torch import Tensor

from sejong.train.batches import IGNORED

PIECE = 2**21  # logits held at once


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, z_loss: float) -> Tensor:
        chosen = (targets != IGNORED).nonzero().squeeze(1)
        wanted = targets[chosen]
        states, matrix = hidden[chosen].to(dtype), weight.to(dtype)
        learning = ctx.needs_input_grad[0]
        if learning:
            states_gradient, weight_gradient = torch.empty_like(states), torch.zeros_like(weight)
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        rows = max(1, PIECE // weight.shape[0])
        for start in range(0, len(chosen), rows):
            part, answer = states[start : start + rows], wanted[start : start + rows, None]
            logits = (part @ matrix.T).float()
            highest, chosen_logits = logits.amax(1, keepdim=True), logits.gather(1, answer)
            exponentials = logits.sub_(highest).exp_()  # once, for the loss and for its gradient
            total = exponentials.sum(1, keepdim=True)
            normaliser = total.log() + highest
            loss += (normaliser - chosen_logits + z_loss * normaliser.square()).sum()
            if learning:
                share = exponentials.mul_((1 + 2 * z_loss * normaliser) / total)
                difference = share.scatter_add_(1, answer, torch.full_like(answer, -1, dtype=torch.float32)).to(dtype)
                torch.mm(difference, matrix, out=states_gradient[start : start + rows])
                if dtype == torch.float32:
                    weight_gradient.addmm_(difference.T, part)
                else:
                    weight_gradient += difference.T @ part
        if learning:
            ctx.save_for_backward(chosen, states_gradient, weight_gradient)
            ctx.shape, ctx.dtype = hidden.shape, hidden.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        chosen, states_gradient, weight_gradient = ctx.saved_tensors
        hidden = torch.zeros(ctx.shape, dtype=ctx.dtype, device=chosen.device)
        hidden[chosen] = states_gradient.to(ctx.dtype) * gradients[0].to(ctx.dtype)
        return hidden, weight_gradient * gradients[0], None, None, None


def linear_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, z_loss: float = 0.0) -> Tensor:
    """The summed cross-entropy, in nats, of `softmax(hidden · weightᵀ)` against `targets`.

    Args:
        hidden: (tokens, width); weight: (vocabulary, width); targets: (tokens,), IGNORED where nothing is asked.
        dtype: number format of the matrix products; sums and the softmax are in float32.
        z_loss: weight of the squared logarithm of the softmax's normaliser, added to the loss (PaLM, Chowdhery et al. 2022);
            it keeps the logits from drifting.
    """
    with torch.autocast(hidden.device.type, enabled=False):
        loss: Tensor = _LinearCrossEntropy.apply(hidden, weight, targets, dtype, z_loss)  # type: ignore[no-untyped-call]
    return loss
