"""`verify --independence` for every shape: it passes for weights from the seed, and fails for one tensor from elsewhere."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sejong.build import folder
from sejong.build.independence import independence
from sejong.build.stages import STAGES
from sejong.flow import Artifact, store
from sejong.recipe import PretrainSettings
from sejong.train import initial, pretrain

TINY = PretrainSettings(
    width=32, depth=1, heads=4, kv_heads=2, context=32, batch_tokens=64, steps=2, dtype="float32", compile=False, threads=1
)
STAGE = next(one for one in STAGES if one.name == "pretrain")
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "adamw": {"optimiser": "adamw"},
    "untied": {"tied": False},
    "qk_norm": {"qk_norm": True},
    "experts": {"experts": 4},
}


def verdict(changes: dict[str, Any], inputs: list[Artifact], where: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    settings = TINY.model_copy(update=changes)
    built = store.build(where / "store", STAGE, pretrain.run, settings, inputs, 0)
    monkeypatch.setattr(folder, "artifacts_of", lambda _run: {"pretrain": built.artifact})
    return independence(where)


@pytest.mark.parametrize("name", SHAPES)
def test_weights_from_the_seed_are_independent_and_a_planted_tensor_is_found(
    name: str, tmp_path: Path, tokenizer: Artifact, shards: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = verdict(SHAPES[name], [tokenizer, shards], tmp_path / "own", monkeypatch)
    assert found["independent"], found["reason"]
    planted = "model.layers.0.self_attn.v_proj.weight"
    start = initial.initial_model

    def with_one_from_elsewhere(*given: Any) -> Any:
        model = start(*given)
        with torch.no_grad():
            model.get_parameter(planted).mul_(1.001)
        return model

    monkeypatch.setattr(initial, "initial_model", with_one_from_elsewhere)
    found = verdict(SHAPES[name], [tokenizer, shards], tmp_path / "planted", monkeypatch)
    assert not found["independent"]
    assert found["different"] == [planted]
