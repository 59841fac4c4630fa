"""What every trainer of benchmarks/pretrain.py shares: the tokens, the clock, the matrix peak, the held-out loss."""

import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

WARM = 2  # steps that are not timed: compilation, first touches of memory


def task() -> dict[str, Any]:
    """The task on the command line, its threads set."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    torch.manual_seed(1)
    given["dtype"] = getattr(torch, given["dtype"])
    return given


def sequences(given: dict[str, Any], name: str = "train") -> torch.Tensor:
    """(sequences, context + 1) of the tokens of a file, the same for all."""
    ids = np.load(f"{given['folder']}/{name}.npy")
    context = given["context"]
    count = (len(ids) - 1) // context
    rows = torch.from_numpy(ids[: count * context + 1]).unfold(0, context + 1, context)
    if name == "train":
        rows = rows[torch.randperm(count, generator=torch.Generator().manual_seed(7))]
    return rows


def batch(rows: torch.Tensor, given: dict[str, Any], step: int) -> torch.Tensor:
    """The sequences of a step, from the start again where they end."""
    size = given["batch_tokens"] // given["context"]
    return rows[torch.arange(step * size, (step + 1) * size) % len(rows)]


def cosine(step: int, steps: int) -> float:
    """Warm-up over 5%, then along a cosine to a tenth."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def train(given: dict[str, Any], one_step: Callable[[torch.Tensor, int, int], None]) -> float:
    """Call `one_step(sequences, step, steps)` for each step. Returns the median seconds of a warm one."""
    rows, steps, seconds = sequences(given), given["steps"] + WARM, []
    for step in range(steps):
        chosen = batch(rows, given, step)
        wait(given)
        began = time.perf_counter()
        one_step(chosen, step, steps)
        wait(given)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[WARM:])


def wait(given: dict[str, Any]) -> None:
    """Until an accelerator has done what it was given."""
    if given["device"] != "cpu":
        torch.accelerator.synchronize()


def held_nats(given: dict[str, Any], nats: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
    """Summed loss of the held-out tokens but the ends of documents and what follows them, which no trainer can know.

    `nats(inputs, targets)` gives the loss of each token.
    """
    total = 0.0
    with torch.no_grad():
        for rows in sequences(given, "held").split(8):
            inputs, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
            total += float((nats(inputs, targets).view_as(targets) * (targets != 0) * (inputs != 0)).sum())
    return total


def peak_flops(given: dict[str, Any]) -> float:
    """The best of square products in the format used, operations a second."""
    device = "cpu" if given["device"] == "cpu" else torch.accelerator.current_accelerator()
    best = 0.0
    for size in (1024, 2048) if given["device"] == "cpu" else (4096, 8192):
        one = torch.randn(size, size, device=device).to(given["dtype"])
        out = torch.empty_like(one)
        for _ in range(6):
            wait(given)
            began = time.perf_counter()
            torch.mm(one, one, out=out)
            wait(given)
            best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def answer(given: dict[str, Any], model: torch.nn.Module, step_seconds: float, nats: Any) -> None:
    """The result as the last line of standard output."""
    found = {"step_seconds": step_seconds, "parameters": sum(one.numel() for one in model.parameters())}
    if given.get("held_out"):
        found["held_nats"] = held_nats(given, nats)
    found["peak_flops"] = peak_flops(given)
    print("\n" + json.dumps(found))
