"""Muon against its definition, AdamW against PyTorch's, and both through a checkpoint."""

import copy
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from transformers import LlamaForCausalLM, PreTrainedModel

from sejong.recipe import PretrainSettings
from sejong.train import initial
from sejong.train.optimiser import (
    MUON_RATE,
    WEIGHT_DECAY,
    Muon,
    adamw,
    default_rate,
    hidden_matrices,
    optimiser_of,
    orthogonal,
    set_rate,
)
from sejong.train.shape import config_of

SPECIAL = {"pad": 0, "begin": 1, "end": 2, "turn": 7}
SHAPE = PretrainSettings(width=32, depth=2, heads=4, kv_heads=2, context=64)


def model_of(shape: PretrainSettings = SHAPE) -> PreTrainedModel:
    return initial.initial_model(config_of(shape, 300, SPECIAL), shape.seed)


def with_gradients(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    generator = torch.Generator().manual_seed(seed)
    for one in model.parameters():
        one.grad = torch.randn(one.shape, generator=generator)
    return model


@pytest.mark.parametrize("shape", [(5, 24, 24), (3, 16, 40), (40, 16), (2, 3, 40, 16)])
def test_singular_values_become_alike_and_directions_stay(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = orthogonal(matrices, torch.float32)
    assert found.shape == matrices.shape
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    inside = left.mT @ found @ right.mT  # diagonal, since left and right directions are kept
    assert torch.allclose(inside, torch.diag_embed(torch.diagonal(inside, dim1=-2, dim2=-1)), atol=1e-4)


def test_a_matrix_of_zeros_stays_finite() -> None:
    assert torch.equal(orthogonal(torch.zeros(2, 4, 4), torch.float32), torch.zeros(2, 4, 4))


def test_batched_steps_are_those_of_the_reference() -> None:
    """torch.optim.Muon computes in bfloat16 inside, so a few per cent of an update may differ."""
    model = model_of()
    reference = copy.deepcopy(model)
    ours = optimiser_of(model, "muon", torch.bfloat16)
    theirs = torch.optim.Muon(hidden_matrices(reference), lr=MUON_RATE, weight_decay=WEIGHT_DECAY, momentum=0.95)
    before = [one.detach().clone() for one in hidden_matrices(model)]
    for seed in (1, 2):
        set_rate(ours, MUON_RATE)
        with_gradients(model, seed)
        with_gradients(reference, seed)
        ours.step()
        theirs.step()
    for start, one, other in zip(before, hidden_matrices(model), hidden_matrices(reference), strict=True):
        assert float(((one - other).norm() / (other - start).norm()).detach()) < 0.05


def test_embedding_and_norms_follow_adamw_at_their_rate() -> None:
    model = model_of()
    reference = copy.deepcopy(model)
    ours = optimiser_of(model, "muon", torch.float32)
    set_rate(ours, MUON_RATE / 2)
    taken = {id(one) for one in hidden_matrices(reference)}
    rest = [one for one in reference.parameters() if id(one) not in taken]
    theirs = torch.optim.AdamW(rest, lr=default_rate(32) / 2, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    for seed in (1, 2):
        with_gradients(model, seed)
        with_gradients(reference, seed)
        ours.step()
        theirs.step()
    for name, one in model.named_parameters():
        if "layers" not in name or "norm" in name:
            assert torch.allclose(one, reference.get_parameter(name), atol=1e-7), name


def test_routers_embeddings_and_norms_are_no_hidden_matrices() -> None:
    model = model_of(SHAPE.model_copy(update={"experts": 4, "tied": False}))
    taken = {id(one) for one in hidden_matrices(model)}
    names = {name for name, one in model.named_parameters() if id(one) in taken and ".0." in name}
    assert {name.removeprefix("model.layers.0.") for name in names} == {
        "self_attn.q_proj.weight",
        "self_attn.k_proj.weight",
        "self_attn.v_proj.weight",
        "self_attn.o_proj.weight",
        "mlp.experts.gate_up_proj",
        "mlp.experts.down_proj",
    }


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_checkpoint_holds_all_of_it(name: str, tmp_path: Path) -> None:
    model = with_gradients(model_of(), 1)
    optimiser = optimiser_of(model, name, torch.float32)
    set_rate(optimiser, 0.01)
    optimiser.step()
    torch.save((model.state_dict(), optimiser.state_dict()), tmp_path / "checkpoint.pt")
    weights, state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    other = model_of()
    other.load_state_dict(weights)
    resumed = optimiser_of(other, name, torch.float32)
    resumed.load_state_dict(state)
    for one, its in ((model, optimiser), (other, resumed)):
        with_gradients(one, 2)
        its.step()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_rates_fall_with_the_width_for_adamw_only() -> None:
    for width in (128, 512):
        groups = optimiser_of(model_of(SHAPE.model_copy(update={"width": width})), "muon", torch.float32).param_groups
        assert [round(group["share"] * MUON_RATE, 6) for group in groups] == [MUON_RATE, round(default_rate(width), 6)]


def test_sharded_matrices_get_the_same_update(tmp_path: Path) -> None:
    """Weights that are spread over devices (FSDP2's DTensor) are made whole for the orthogonalisation, then spread again."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        plain, sharded = model_of(), model_of()
        for module in sharded.modules():
            for name, one in list(module.named_parameters(recurse=False)):
                spread = distribute_tensor(one.detach(), mesh, [Shard(0)])
                module.register_parameter(name, torch.nn.Parameter(spread))
        sharded.tie_weights()
        generator = torch.Generator().manual_seed(1)
        for a, b in zip(plain.parameters(), sharded.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = distribute_tensor(a.grad, mesh, [Shard(0)])
        for model in (plain, sharded):
            optimiser = Muon(model, torch.float32)
            set_rate(optimiser, MUON_RATE)
            optimiser.step()
        for a, b in zip(plain.parameters(), sharded.parameters(), strict=True):
            assert torch.allclose(a, b.full_tensor(), atol=1e-7)  # type: ignore[attr-defined]
    finally:
        dist.destroy_process_group()


def test_adamw_alone_decays_matrices_only() -> None:
    model = model_of()
    assert isinstance(model, LlamaForCausalLM)
    assert [group["weight_decay"] for group in adamw(model).param_groups] == [WEIGHT_DECAY, 0.0]
