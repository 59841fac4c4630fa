"""How weights follow gradients: Muon for the matrices of the layers, AdamW for everything else.

Muon (Jordan et al. 2024) takes the momentum of a matrix and makes its singular values equal, so that no direction of the update
dominates. Embeddings, output layer, routers and norms do not map hidden states to hidden states; they keep AdamW (Loshchilov &
Hutter 2019).

Rates are meant to carry over from width to width (Yang et al. 2022, Bernstein et al. 2024): in spectral norm a matrix changes by
rate · sqrt(max(1, outputs/inputs)), whatever its size, so that its rate is one number; the rate of the rest falls as 1/width.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim.adamw import adamw as adamw_step
from transformers import PreTrainedModel

from sejong.recipe import PretrainSettings

BETAS, EPSILON, WEIGHT_DECAY = (0.9, 0.95), 1e-8, 0.1
MOMENTUM = 0.95
MUON_RATE = 0.02  # the peak rate of matrices
ITERATION = (3.4445, -4.7750, 2.0315)  # the quintic of Jordan et al. 2024: singular values of 0.001 are near 1 after five
ITERATIONS = 5
OUTSIDE = ("embed_tokens.", "lm_head.", ".gate.weight")  # matrices that AdamW takes: embedding, output layer, routers


def default_rate(width: int) -> float:
    """AdamW's peak learning rate of a width: 0.6/width, about what GPT-3 used from 768 to 5140, and at most 0.004."""
    return min(0.004, 0.6 / width)


def hidden_matrices(model: PreTrainedModel) -> list[torch.nn.Parameter]:
    """The weights of the layers that map hidden states to hidden states: (outputs, inputs), or (experts, outputs, inputs)."""
    named = model.named_parameters()
    return [one for name, one in named if one.dim() > 1 and not any(part in name for part in OUTSIDE)]


def adamw(model: PreTrainedModel) -> torch.optim.AdamW:
    """AdamW for all: decoupled weight decay on matrices, none on norms; one fused kernel."""
    matrices = [one for one in model.parameters() if one.dim() > 1]
    vectors = [one for one in model.parameters() if one.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=True)


def name_of(settings: PretrainSettings) -> str:
    """The optimiser that pretraining uses: Muon from zero, AdamW on a base, whose weights were made with it."""
    return settings.optimiser or ("adamw" if settings.base else "muon")


def optimiser_of(model: PreTrainedModel, name: str, dtype: torch.dtype) -> torch.optim.Optimizer:
    """The optimiser called `name` (`muon` or `adamw`); `dtype` is the number format of training's products, found by a probe."""
    return adamw(model) if name == "adamw" else Muon(model, dtype)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Have the next step use `rate`, and groups with a share of it that share."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


class Muon(torch.optim.Optimizer):
    """Muon for `hidden_matrices`, AdamW for the rest. A matrix keeps one moment, the rest two."""

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype) -> None:
        """Take over the model's parameters.

        Args:
            model: whose gradients will be there at each step.
            dtype: number format of the orthogonalisation: what is fastest for large products on this device.
        """
        self._dtype = dtype
        matrices = hidden_matrices(model)
        taken = {id(one) for one in matrices}
        rest = [one for one in model.parameters() if id(one) not in taken]
        share = default_rate(int(model.config.hidden_size)) / MUON_RATE
        groups: list[dict[str, Any]] = [
            {"params": matrices, "matrices": True, "share": 1.0, "weight_decay": WEIGHT_DECAY},
            {"params": rest, "matrices": False, "share": share, "weight_decay": 0.0, "fused": True},
        ]
        super().__init__([one for one in groups if one["params"]], {"lr": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            chosen = [one for one in group["params"] if one.grad is not None]
            (self._orthogonal_step if group["matrices"] else self._plain_step)(chosen, group)

    def _orthogonal_step(self, chosen: list[Tensor], group: dict[str, Any]) -> None:
        """Matrices of one shape at once: their products are one batched call."""
        by_shape: dict[tuple[Any, ...], list[Tensor]] = {}
        for one in chosen:
            by_shape.setdefault((one.shape, one.device), []).append(one)
        for (shape, _), some in by_shape.items():
            updates = [_whole(self._momentum(one)) for one in some]
            made = orthogonal(torch.stack(updates), self._dtype)
            length = max(1.0, shape[-2] / shape[-1]) ** 0.5
            for one, update in zip(some, made.unbind(0), strict=True):
                one.mul_(1 - group["lr"] * group["weight_decay"])
                one.add_(_like(update, one), alpha=-group["lr"] * length)

    def _momentum(self, one: Tensor) -> Tensor:
        """The gradient's mean over steps, looked at one step ahead (Nesterov)."""
        assert one.grad is not None
        state = self.state[one]
        if not state:
            state["momentum"] = torch.zeros_like(one)
        state["momentum"].lerp_(one.grad, 1 - MOMENTUM)
        ahead: Tensor = one.grad.lerp(state["momentum"], MOMENTUM)
        return ahead

    def _plain_step(self, chosen: list[Tensor], group: dict[str, Any]) -> None:
        for one in chosen:
            if not self.state[one]:
                self.state[one] = {
                    "step": torch.zeros((), device=one.device),
                    "exp_avg": torch.zeros_like(one),
                    "exp_avg_sq": torch.zeros_like(one),
                }
        states = [self.state[one] for one in chosen]
        adamw_step(
            chosen,
            [one.grad for one in chosen if one.grad is not None],
            [one["exp_avg"] for one in states],
            [one["exp_avg_sq"] for one in states],
            [],
            [one["step"] for one in states],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=EPSILON,
            maximize=False,
        )


def orthogonal(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """U·Vᵀ of each matrix U·S·Vᵀ, about: singular values between 0.7 and 1.2, by Newton–Schulz iterations in `dtype`.

    Args:
        matrices: (…, rows, columns).

    Returns:
        The same shape and format.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    wide = (matrices.mT if tall else matrices).to(dtype)  # products with the short side are the cheap ones
    wide = wide.reshape(-1, *wide.shape[-2:])
    wide = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    first, third, fifth = ITERATION
    for _ in range(ITERATIONS):
        square = wide @ wide.mT
        polynomial = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
        wide = torch.baddbmm(wide, polynomial, wide, beta=first)
    found = wide.mT if tall else wide
    return found.reshape(matrices.shape).to(matrices.dtype)


def _whole(one: Tensor) -> Tensor:
    """All of a matrix whose parts lie on several devices: each device makes the whole update and keeps its part."""
    return one.full_tensor() if isinstance(one, DTensor) else one


def _like(whole: Tensor, one: Tensor) -> Tensor:
    """`whole`, spread as `one` is."""
    if not isinstance(one, DTensor):
        return whole
    return distribute_tensor(whole.contiguous(), one.device_mesh, one.placements, src_data_rank=None)
