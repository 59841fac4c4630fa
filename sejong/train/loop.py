"""The training loop that pretraining and instruction tuning share.

A batch is a function of its position, so a checkpoint needs weights, moments and a step number to go on exactly; when one is
written never changes the result. A step whose loss leaps is undone, and its batch left out.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers import PreTrainedModel

from sejong.flow.progress import console, progress
from sejong.train.batches import Read
from sejong.train.checkpoint import Checkpoints, Row, Standing
from sejong.train.left_out import LeftOut, fault, remember
from sejong.train.optimiser import optimiser_of
from sejong.train.plan import Plan, schedule
from sejong.train.step import make_ready, one_step

VALIDATIONS = 10  # over a whole run
LOSS_ROWS = 2000  # at most, over a whole run
CHECKPOINT_SECONDS = 20.0  # at least this long between two checkpoints …
CHECKPOINT_SHARE = 50.0  # … and this many times what the last one cost


def train(model: PreTrainedModel, plan: Plan, read: Read, validate: Callable[[], Row] | None, scratch: Path) -> list[Row]:
    """Train `model` in place, from the newest checkpoint in `scratch` where there is one. Returns the rows of loss.jsonl.

    Raises:
        Failed: the loss leaps, or is not a number, more often than by accident; or no checkpoint can be read.
    """
    device = next(model.parameters()).device
    optimiser = optimiser_of(model, plan.optimiser, plan.dtype)
    make_ready(model, plan, device)
    kept, left_out = Checkpoints(scratch, plan.keep), LeftOut(scratch, plan.title)
    at = kept.restore(model, optimiser)
    if at is None:
        at = Standing()
        kept.save(model, optimiser, at)  # what even the first step can be undone to
    log_every, validate_every = math.ceil(plan.steps / LOSS_ROWS), math.ceil(plan.steps / VALIDATIONS)
    model.train()
    with progress(plan.title, total=plan.steps * plan.step_tokens, unit="tokens") as bar, _told(plan, kept):
        bar.skip(at.step * plan.step_tokens)
        saved, cost = time.monotonic(), 0.0
        while at.step < plan.steps:
            rate = plan.learning_rate * schedule(at.step, plan.steps)
            row: Row | None = None
            if why := left_out.why.get(at.step):
                row = {"left_out": why}
                bar.skip(plan.step_tokens)
            else:
                batch = read(at.step * plan.sequences, plan.sequences)
                loss, norm = one_step(model, optimiser, batch.to(device), plan, rate)
                if wrong := fault(loss, norm, at, plan):
                    left_out.add(at.step, wrong)
                    back = kept.restore(model, optimiser)
                    assert back is not None  # one was written before the first step
                    said = f"  {plan.title} leaves step {at.step + 1} out, since {wrong}: it goes on from step {back.step}"
                    console.print(said, markup=False)
                    bar.skip((back.step - at.step) * plan.step_tokens)
                    at = back
                    continue
                remember(at, loss, plan)
                at.read(batch)
                if (at.step + 1) % log_every == 0 or at.step + 1 == plan.steps:
                    row = {"loss": loss, "learning_rate": rate, "gradient_norm": norm}
                bar.advance(plan.step_tokens, loss=loss)
            at.step += 1
            tokens = at.step * plan.step_tokens
            if row:
                at.rows.append({"step": at.step, "tokens": tokens, **row})
            if validate and (at.step % validate_every == 0 or at.step == plan.steps):
                at.rows.append({"step": at.step, "tokens": tokens, **validate()})
            if at.step in plan.keep or time.monotonic() - saved > max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * cost):
                began = time.monotonic()
                kept.save(model, optimiser, at)
                saved = time.monotonic()
                cost = saved - began
    model.eval()
    return at.rows


@contextmanager
def _told(plan: Plan, kept: Checkpoints) -> Iterator[None]:
    """Say, when a person stops the training, where it will go on."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(
            f"  {plan.title} stopped: the same command goes on from step {kept.steps()[-1]} of {plan.steps}", markup=False
        )
        raise
