"""What a training run does: steps, sequences, rates; all of it from settings.

Warm-up, stable rate, then a decay along 1 - sqrt (Hägele et al. 2024).
"""

import math
from dataclasses import dataclass

import torch

WARMUP, DECAY = 0.05, 0.3  # shares of the steps


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
    keep: tuple[int, ...] = ()  # steps whose checkpoints stay
    optimiser: str = "adamw"
    z_loss: float = 0.0
    turn: int | None = None  # the step at which other sources begin: what loss is usual changes there

    @property
    def step_tokens(self) -> int:
        """Tokens an optimiser step."""
        return self.sequences * self.context


def sequences_of(context: int, batch_tokens: int, pass_tokens: int) -> tuple[int, int]:
    """Whole sequences a step, and a pass: as many as fit, such that all passes of a step are equal."""
    sequences = max(1, batch_tokens // context)
    most = min(sequences, max(1, pass_tokens // context))
    return sequences, max(count for count in range(1, most + 1) if sequences % count == 0)


def warmup(steps: int) -> int:
    """The steps of the warm-up."""
    return max(1, round(WARMUP * steps))


def schedule(step: int, steps: int) -> float:
    """The share of the peak rate at `step` of `steps`: up in a line, flat, then down to zero along 1 - sqrt."""
    decay = max(1, round(DECAY * steps))
    if step < warmup(steps):
        return (step + 1) / warmup(steps)
    if step < steps - decay:
        return 1.0
    return 1.0 - math.sqrt((step - (steps - decay) + 1) / (decay + 1))
