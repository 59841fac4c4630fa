"""Steps that are left out: their loss is not a number, or leaps far above the usual one.

Training then goes back to the newest checkpoint and takes no step on that batch (Chowdhery et al. 2022, section 5.1). A loss is
judged by those of the last steps, which a checkpoint holds, so that the same steps are left out wherever a run was killed. They
are written down before training goes back.
"""

import json
import math
import statistics
from pathlib import Path

from sejong.errors import Failed
from sejong.flow import atomic
from sejong.train.checkpoint import Standing
from sejong.train.plan import Plan, warmup

MOST = 3  # steps left out; more are no accident
SPAN = 32  # last losses that say what is usual
LEAP = 2.0  # nats above their median are too many, where they are also …
SPREADS = 10.0  # … that many standard deviations, estimated from the median absolute deviation
DEVIATIONS = 1.4826  # standard deviations in a median absolute deviation of a normal distribution, inverted


def fault(loss: float, norm: float, at: Standing, plan: Plan) -> str | None:
    """What is wrong with the step that was just taken from `at`; None where nothing is.

    Args:
        loss: in nats a target. norm: of the gradient.
    """
    if not math.isfinite(loss):
        return "its loss is not a number"
    if not math.isfinite(norm):
        return "its gradient is not a number"
    if at.step < warmup(plan.steps) or len(at.recent) < SPAN:
        return None
    usual = statistics.median(at.recent)
    spread = DEVIATIONS * statistics.median(abs(one - usual) for one in at.recent)
    return f"its loss of {loss:.2f} is far above the usual {usual:.2f}" if loss > usual + max(LEAP, SPREADS * spread) else None


def remember(at: Standing, loss: float, plan: Plan) -> None:
    """Count a loss among the usual ones. From the turn to other sources on, what is usual is learned anew."""
    before = [] if at.step == plan.turn else at.recent
    at.recent = [*before, loss][-SPAN:]


class LeftOut:
    """The steps left out so far, and why; counted from 0, as the batches are."""

    def __init__(self, scratch: Path, title: str) -> None:
        """Read those that were left out before a kill.

        Raises:
            Failed: they cannot be read.
        """
        self._path, self._title = scratch / "left_out.json", title
        try:
            known = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
            self.why = {int(step): str(why) for step, why in known.items()}
        except (ValueError, AttributeError) as error:
            raise Failed(f"{self._path} cannot be read: delete the folder {scratch} to train from the start") from error

    def add(self, step: int, why: str) -> None:
        """Leave a step out from now on.

        Raises:
            Failed: these are too many.
        """
        if len(self.why) == MOST:
            raise Failed(
                f"{self._title} stopped at step {step + 1}, since {why}, and {MOST} steps were left out before: "
                "lower its learning_rate, or set its dtype to float32"
            )
        self.why[step] = why
        with atomic(self._path) as path:
            path.write_text(json.dumps(self.why), "utf-8")
