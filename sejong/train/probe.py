"""What this machine can do, measured once before training: number format, compilation, and how many steps fit the time.

The real model takes a few real steps on random tokens. The answer is written into the run's recipe, so that a repeated build
asks no clock and gives the same bytes.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from sejong.flow.progress import console
from sejong.recipe import AlignSettings, PretrainSettings
from sejong.train import device as devices
from sejong.train.batches import Batch
from sejong.train.initial import initial_model
from sejong.train.optimiser import name_of, optimiser_of
from sejong.train.plan import Plan, sequences_of
from sejong.train.shape import config_of
from sejong.train.step import make_ready, one_step
from sejong.train.tokens import SPECIAL_TOKENS

MEASURE_SECONDS = 2.0  # of steps, for each candidate
MOST_FLOPS = 3e11  # a step larger than this is measured on a smaller model and scaled
GAIN = 1.1  # a faster choice must be that much faster: bfloat16 is less exact, compilation may fail
COMPILE_WORTH = 900.0  # seconds of training from which trying to compile (half a minute) can pay back
STEADY = 0.75  # share of a time budget planned for steps: real batches and validation cost about a quarter more than the probe
STARTING = 4.0  # seconds of a stage outside its steps: opening, initial weights, writing the model
FEWEST_STEPS = 20
MATRIX = 256  # size of the products that tell whether the processor has bfloat16 instructions


@dataclass(frozen=True)
class Speed:
    """Seconds an optimiser step of pretraining, and seconds before the first one (compilation)."""

    step_seconds: float
    starting_seconds: float


Measure = Callable[[PretrainSettings, int, str, bool, int], Speed]  # settings, vocabulary, dtype, compile, threads


def probe(pretrain: PretrainSettings, align: AlignSettings, vocabulary: int, measure: "Measure | None" = None) -> dict[str, Any]:
    """Resolve what was left open.

    Returns:
        `pretrain` (dtype, compile, threads, steps), `align` (the same), and `measured` (what was found, in words and numbers).
    """
    measure = measure or measured
    threads = pretrain.threads or len(os.sched_getaffinity(0))
    device = devices.prepare(threads)
    speeds: dict[str, Speed] = {}

    formats = ["float32", "bfloat16"] if pretrain.dtype == "auto" else [pretrain.dtype]
    notes: list[str] = []
    if len(formats) > 1 and (slow := bfloat16_fault(device)):
        notes.append(slow)
        formats = formats[:1]
    for name in formats:
        speeds[name] = measure(pretrain, vocabulary, name, pretrain.compile is True, threads)
    dtype = formats[0]
    if len(formats) > 1 and speeds["bfloat16"].step_seconds * GAIN < speeds["float32"].step_seconds:
        dtype = "bfloat16"

    chosen, compile_ = speeds[dtype], pretrain.compile is True
    if pretrain.compile == "auto":
        fault = devices.compiler_fault(device)
        expected = pretrain.seconds or (pretrain_steps(pretrain, chosen) * chosen.step_seconds)
        if fault:
            notes.append(f"training runs without compilation: {fault}")
        elif expected < COMPILE_WORTH:
            notes.append(f"compilation not tried: {expected:.0f} s of training are too few to pay for it")
        else:
            compiled = measure(pretrain, vocabulary, dtype, True, threads)
            speeds[f"{dtype}, compiled"] = compiled
            steps = pretrain_steps(pretrain, chosen)
            if GAIN * (compiled.starting_seconds + steps * compiled.step_seconds) < steps * chosen.step_seconds:
                chosen, compile_ = compiled, True
    for note in notes:
        console.print(f"  {note}", markup=False)

    common = {"dtype": dtype, "compile": compile_, "threads": threads}
    same_tokens = align.batch_tokens / pretrain.batch_tokens  # both stages run the same model and loop
    align_step = Speed(chosen.step_seconds * same_tokens, chosen.starting_seconds)
    return {
        "pretrain": {**common, "steps": pretrain_steps(pretrain, chosen)},
        "align": {**common, "steps": align.steps or steps_in(align.seconds, align_step)},
        "measured": {
            **devices.describe(device),
            "tokens_per_second": {name: round(pretrain.batch_tokens / one.step_seconds) for name, one in speeds.items()},
            "notes": notes,
        },
    }


def pretrain_steps(settings: PretrainSettings, speed: Speed) -> int:
    """Optimiser steps: from tokens, else steps, else seconds."""
    if settings.tokens:
        return math.ceil(settings.tokens / settings.batch_tokens)
    return settings.steps or steps_in(settings.seconds, speed)


def steps_in(seconds: float | None, speed: Speed) -> int:
    """How many steps end a little before `seconds`."""
    usable = STEADY * (seconds or 0.0) - STARTING - speed.starting_seconds
    return max(FEWEST_STEPS, int(usable / speed.step_seconds))


def bfloat16_fault(device: torch.device) -> str | None:
    """Why bfloat16 is not worth measuring, found in milliseconds: a processor without its instructions emulates them."""
    if device.type != "cpu":
        return None
    spent = {}
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones(MATRIX, MATRIX, dtype=dtype)
        matrix @ matrix
        began = time.perf_counter()
        for _ in range(3):
            matrix @ matrix
        spent[dtype] = time.perf_counter() - began
    ratio = spent[torch.bfloat16] / spent[torch.float32]
    return f"float32 it is: a product in bfloat16 takes {ratio:.0f} times as long on this processor" if ratio > 1.5 else None


def measured(settings: PretrainSettings, vocabulary: int, dtype: str, compile_: bool, threads: int) -> Speed:
    """Take real steps for about `MEASURE_SECONDS`; the median counts. A very large model is measured small and scaled."""
    device = devices.prepare(threads)
    layer = 12 * settings.width**2
    full = 6.0 * (settings.depth * layer + settings.width * vocabulary) * settings.batch_tokens
    depth, tokens = settings.depth, settings.batch_tokens
    if full > MOST_FLOPS:
        depth, tokens = min(depth, 2), min(settings.context, settings.batch_tokens)
    small = 6.0 * (depth * layer + settings.width * vocabulary) * tokens
    names = {token[2:-2]: number for number, token in enumerate(SPECIAL_TOKENS)}
    model = initial_model(config_of(settings.model_copy(update={"depth": depth}), vocabulary, names), settings.seed)
    model.to(device)  # type: ignore[arg-type]
    sequences, pass_sequences = sequences_of(settings.context, tokens, settings.pass_tokens)
    plan = Plan("probe", 1, settings.context, sequences, pass_sequences, 0.0, devices.DTYPES[dtype], compile_)
    optimiser = optimiser_of(model, name_of(settings), plan.dtype)
    make_ready(model, plan, device)
    numbers = torch.randint(len(SPECIAL_TOKENS), vocabulary, (plan.sequences, settings.context + 1), device=device)
    documents = torch.arange(settings.context, device=device).div(settings.context // 2 + 1, rounding_mode="floor")
    batch = Batch(numbers[:, :-1], numbers[:, 1:], documents.expand(plan.sequences, -1).contiguous())

    began = time.perf_counter()
    one_step(model, optimiser, batch, plan, 0.0)
    first = time.perf_counter() - began
    seconds: list[float] = []
    while len(seconds) < 2 or (sum(seconds) < MEASURE_SECONDS and len(seconds) < 50):
        began = time.perf_counter()
        one_step(model, optimiser, batch, plan, 0.0)
        seconds.append(time.perf_counter() - began)
    step = sorted(seconds)[len(seconds) // 2]
    return Speed(step * full / small, max(0.0, first - step) if compile_ else 0.0)
