"""Where training stands, on disk: several checkpoints, each whole or not counted.

`step-00000120.pt` holds weights, moments and standing; `step-00000120.json`, written after it, the step, the hash of the samples
and the sha256 of the file, and makes it count. A file whose bytes changed is found before any of it is loaded, and the checkpoint
before it is taken.

The newest two stay, and those that the plan names. Pretraining names steps that divide its first pass evenly, and the turn to
late sources: when a document is taken down, training can go on from the newest checkpoint before its first use. Most first uses
lie in the first pass, and anywhere in it with equal chance, so that even distances save most; late sources are those that may be
withdrawn.
"""

import hashlib
import json
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from sejong.errors import Failed
from sejong.flow import atomic, sha256_file
from sejong.flow.progress import console
from sejong.train.batches import Batch

NEWEST = 2  # that always stay
Row = dict[str, Any]


@dataclass
class Standing:
    """How far training is: steps done, a running hash of every sample read, rows of loss.jsonl, the last losses."""

    step: int = 0
    samples: str = ""  # sha256 in hexadecimal, over that of the step before and this step's tokens, targets and documents
    rows: list[Row] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)

    def read(self, batch: Batch) -> None:
        """Take the samples of a step into the hash. The batch is on the CPU."""
        found = hashlib.sha256(self.samples.encode())
        for one in (batch.tokens, batch.targets, batch.documents):
            found.update(one.numpy().tobytes())
        self.samples = found.hexdigest()


class Checkpoints:
    """The checkpoints of one training."""

    def __init__(self, scratch: Path, keep: tuple[int, ...]) -> None:
        """Open them, and delete what a kill left unfinished.

        Args:
            scratch: the stage's folder that survives a kill.
            keep: steps whose checkpoints stay, beside the newest.
        """
        self._folder, self._keep = scratch / "checkpoints", keep
        self._folder.mkdir(exist_ok=True)
        counted = set(self.steps())
        for path in self._folder.iterdir():
            if path.name.startswith(".") or int(path.stem.removeprefix("step-")) not in counted:
                path.unlink()

    def steps(self) -> list[int]:
        """The steps of the checkpoints, in order."""
        return sorted(
            int(path.stem.removeprefix("step-")) for path in self._folder.glob("step-*.json") if path.with_suffix(".pt").exists()
        )

    def save(self, model: PreTrainedModel, optimiser: torch.optim.Optimizer, at: Standing) -> None:
        """Write a checkpoint, then delete those that need not stay."""
        file, note = self._paths(at.step)
        state = {"standing": asdict(at), "model": model.state_dict(), "optimiser": optimiser.state_dict()}
        with atomic(file) as path:
            torch.save(state | {"random": torch.get_rng_state()}, path)
        with atomic(note) as path:
            path.write_text(json.dumps({"step": at.step, "samples": at.samples, "sha256": sha256_file(file)}), "utf-8")
        for step in self.steps()[:-NEWEST]:
            if step not in self._keep:
                self._delete(step)

    def restore(self, model: PreTrainedModel, optimiser: torch.optim.Optimizer) -> Standing | None:
        """Load the newest whole checkpoint into model and optimiser; None where there is none at all.

        Raises:
            Failed: there are checkpoints, but each is damaged.
        """
        damaged: list[int] = []
        fault = ""
        for step in reversed(self.steps()):
            try:
                state = self._load(step)
            except (OSError, ValueError, KeyError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
                damaged, fault = [*damaged, step], str(error).splitlines()[0]
                continue
            for one in damaged:
                console.print(
                    f"  the checkpoint of step {one} is damaged: training goes on from that of step {step}", markup=False
                )
                self._delete(one)
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            torch.set_rng_state(state["random"])  # nothing draws from it today
            return Standing(**state["standing"])
        if damaged:
            raise Failed(f"no checkpoint in {self._folder} can be read ({fault}): delete that folder to train from the start")
        return None

    def _load(self, step: int) -> dict[str, Any]:
        """What a checkpoint holds, once it is known to be whole."""
        file, note = self._paths(step)
        said = json.loads(note.read_text("utf-8"))
        if sha256_file(file) != said["sha256"]:
            raise ValueError(f"the bytes of {file.name} have changed")
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        if (said["step"], said["samples"]) != (state["standing"]["step"], state["standing"]["samples"]) or said["step"] != step:
            raise ValueError(f"{note.name} does not belong to {file.name}")
        return state

    def _delete(self, step: int) -> None:
        file, note = self._paths(step)
        note.unlink(missing_ok=True)  # first: without it the file does not count
        file.unlink(missing_ok=True)

    def _paths(self, step: int) -> tuple[Path, Path]:
        file = self._folder / f"step-{step:08d}.pt"
        return file, file.with_suffix(".json")
