"""`sejong verify --independence`: the weights that training started from, recomputed; every outside model listed.

What this shows: the tensors at step 0 are the ones that the recorded seed and shape give, byte for byte, so none came from
another model. What it cannot show: that training did what its log says; for that, build the run again and compare the weights.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from sejong.build import folder
from sejong.errors import Refused
from sejong.flow import Artifact, manifest
from sejong.ledger.stage import outside_models


def independence(run: Path) -> dict[str, Any]:
    """Whether the run's model is nobody else's.

    Returns:
        `independent`, `reason` (one sentence), `tensors` (how many were compared), `different` (names that differ),
        `foreign` (what training started from, or None), `outside_models`.

    Raises:
        Refused: the run has no pretrained model.
    """
    artifacts = folder.artifacts_of(run)
    if "pretrain" not in artifacts:
        raise Refused(f"{run} has no pretrained model yet: run `sejong build {run}/recipe.toml`")
    initial = json.loads((artifacts["pretrain"].path / "initial.json").read_text("utf-8"))
    models = outside_models(list(artifacts.values()))
    if initial["foreign"]:
        reason = f"training started from foreign weights ({initial['foreign']['name']}), so this model is not independent"
        return _answer(False, reason, 0, [], initial["foreign"], models)
    if fault := _contradiction(artifacts["pretrain"], initial):
        return _answer(False, fault, 0, [], None, models)
    from sejong.train.initial import recompute

    recomputed = recompute(initial)
    recorded: dict[str, str] = initial["tensors"]
    different = sorted(name for name in recomputed.keys() | recorded.keys() if recomputed.get(name) != recorded.get(name))
    if different:
        reason = f"{len(different)} tensors are not what the recorded seed and shape give, first {different[0]}"
    else:
        reason = f"all {len(recorded)} tensors that training started from are what seed {initial['seed']} and the shape give"
    return _answer(not different, reason, len(recorded), different, None, models)


def _contradiction(pretrain: Artifact, initial: dict[str, Any]) -> str | None:
    """Where the record of the initial weights does not belong to this model: another seed, a base, other tensors."""
    settings = manifest.manifest_settings(pretrain.manifest())
    if settings["base"] is not None:
        return "the manifest names a foreign base that the record of the initial weights does not"
    if settings["seed"] != initial["seed"]:
        return f"the record has seed {initial['seed']}, but the model was trained with seed {settings['seed']}"
    with safe_open(pretrain.path / "model" / "model.safetensors", "numpy") as weights:
        trained = set(weights.keys())
    if trained != _saved_names(initial):
        return "the record's tensors are not the ones of the trained model"
    return None


def _saved_names(initial: dict[str, Any]) -> set[str]:
    """The recorded tensors as a model's file names them: each expert's matrices stand alone there."""
    config = initial["config"]
    experts = range(config.get("num_experts", config.get("num_local_experts", 0)))
    names: set[str] = set()
    for name in initial["tensors"]:
        block, _, matrix = name.rpartition(".")
        parts = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}.get(matrix, ())
        if parts and block.endswith(".experts"):
            names |= {f"{block}.{number}.{part}.weight" for number in experts for part in parts}
        else:
            names.add(name)
    return names


def _answer(
    independent: bool, reason: str, tensors: int, different: list[str], foreign: Any, models: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "independent": independent,
        "reason": reason,
        "tensors": tensors,
        "different": different,
        "foreign": foreign,
        "outside_models": models,
    }
