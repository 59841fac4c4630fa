"""The model at step 0, attention inside documents, and the loss without logits: each against the plain way."""

import dataclasses
import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaForCausalLM

from sejong.errors import Refused
from sejong.recipe import PretrainSettings
from sejong.train import attention, initial
from sejong.train.batches import IGNORED, Batch
from sejong.train.loss import linear_cross_entropy
from sejong.train.optimiser import adamw
from sejong.train.plan import DECAY, WARMUP, Plan, schedule, sequences_of
from sejong.train.shape import config_of
from sejong.train.step import one_step, summed_loss

SPECIAL = {"pad": 0, "begin": 1, "end": 2, "turn": 7}
SHAPE = PretrainSettings(width=32, depth=2, heads=4, kv_heads=2, context=64)


def model_of(shape: PretrainSettings = SHAPE) -> LlamaForCausalLM:
    return cast(LlamaForCausalLM, initial.initial_model(config_of(shape, 300, SPECIAL), shape.seed))


def test_initial_weights_can_be_recomputed_from_what_is_recorded() -> None:
    model = model_of()
    recorded = json.loads(json.dumps({"seed": SHAPE.seed, "config": model.config.to_dict()}))
    assert initial.recompute(recorded) == initial.fingerprints(model)
    assert initial.recompute(recorded | {"seed": 2}) != initial.fingerprints(model)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 5] += 1e-7
    found, expected = initial.fingerprints(model), initial.recompute(recorded)
    assert [name for name in expected if expected[name] != found[name]] == ["model.layers.1.mlp.up_proj.weight"]


def test_initial_weights_do_not_change_between_versions() -> None:
    """An auditor recomputes them years later; this hash must stay."""
    assert initial.fingerprints(model_of())["model.layers.0.self_attn.q_proj.weight"] == PINNED


def test_initial_values_have_the_stated_deviation() -> None:
    values = initial.uniform("w", (500, 400), 0.05, seed=1)
    assert abs(float(values.std()) - 0.05) < 2e-4
    assert abs(float(values.mean())) < 3e-4
    assert float(abs(values).max()) <= 0.05 * math.sqrt(3)


def test_building_a_model_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model_of()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("wrong", "words"), [({"heads": 5, "kv_heads": 5}, "pretrain.width 32"), ({"kv_heads": 3}, "pretrain.heads 4")]
)
def test_an_impossible_shape_is_refused(wrong: dict[str, int], words: str) -> None:
    with pytest.raises(Refused, match=words):
        model_of(SHAPE.model_copy(update=wrong))


def batch_of(documents: list[list[int]]) -> Batch:
    numbers = torch.tensor(documents)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(8, 300, numbers.shape, generator=generator)
    return Batch(tokens, tokens.roll(-1, 1), numbers)


@pytest.mark.parametrize("way", [attention.SEGMENTS, "sdpa"])
def test_a_document_does_not_see_its_neighbours(way: str) -> None:
    model = model_of()
    model.set_attn_implementation(way)
    batch = batch_of([[0] * 10 + [1] * 22 + [2] * 32, [0] * 64])
    changed = batch.tokens.clone()
    changed[0, :10] = 9
    changed[0, 32:] = 10
    with torch.no_grad():
        before = attention.hidden_states(model, batch, torch.float32).view(2, 64, -1)
        after = attention.hidden_states(model, dataclasses.replace(batch, tokens=changed), torch.float32).view(2, 64, -1)
        model.set_attn_implementation("sdpa")
        alone = model.model(input_ids=batch.tokens[:1, 10:32]).last_hidden_state
    assert torch.equal(before[0, 10:32], after[0, 10:32])
    assert not torch.allclose(before[0, 32:], after[0, 32:])
    assert torch.allclose(before[0, 10:32], alone[0], atol=1e-5)


@given(lengths=st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=5), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_segments_and_mask_agree_in_loss_and_gradient(lengths: list[list[int]]) -> None:
    width = max(sum(row) for row in lengths)
    rows = [[number for number, size in enumerate([*row, width - sum(row)]) for _ in range(size)] for row in lengths]
    found = []
    for way in (attention.SEGMENTS, "sdpa"):
        model = model_of()
        model.set_attn_implementation(way)
        loss = summed_loss(model, batch_of(rows), torch.float32)
        loss.backward()
        gradient = model.model.layers[0].self_attn.k_proj.weight.grad
        assert gradient is not None
        found.append((loss.item(), gradient))
    assert math.isclose(found[0][0], found[1][0], rel_tol=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-4 * float(found[1][1].abs().max() + 1))


def test_loss_without_logits_equals_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sejong.train.loss.PIECE", 300 * 7)  # several pieces, the last one shorter
    generator = torch.Generator().manual_seed(2)
    hidden = torch.randn(40, 16, generator=generator, requires_grad=True)
    weight = torch.randn(300, 16, generator=generator, requires_grad=True)
    targets = torch.randint(0, 300, (40,), generator=generator)
    targets[::3] = IGNORED
    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORED, reduction="sum") / 7
    expected = torch.autograd.grad(plain, (hidden, weight))
    ours = linear_cross_entropy(hidden, weight, targets, torch.float32) / 7
    found = torch.autograd.grad(ours, (hidden, weight))
    assert torch.allclose(ours, plain, rtol=1e-5)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_bfloat16_keeps_float32_weights_and_nearly_the_same_gradient() -> None:
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        model = model_of()
        model.set_attn_implementation(attention.SEGMENTS)
        summed_loss(model, batch_of([[0] * 30 + [1] * 34]), dtype).backward()
        assert {one.dtype for one in model.parameters()} == {torch.float32}
        assert {one.grad.dtype for one in model.parameters() if one.grad is not None} == {torch.float32}
        gradients.append(torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]))
    assert torch.nn.functional.cosine_similarity(gradients[0], gradients[1], dim=0) > 0.99
    assert not torch.equal(gradients[0], gradients[1])


def test_passes_add_up_to_the_same_step() -> None:
    """Gradient accumulation is a matter of memory, not of results."""
    batch = batch_of([[0] * 20 + [1] * 44, [0] * 64, [0] * 5 + [1] * 59, [0] * 64])
    batch.targets[0, :40] = IGNORED  # passes with unequal numbers of targets
    weights = []
    for sequences in (4, 2, 1):
        model = model_of()
        model.set_attn_implementation(attention.SEGMENTS)
        assert sequences_of(64, 256, 64 * sequences) == (4, sequences)
        plan = Plan("test", 1, 64, 4, sequences, 1e-3, torch.float32, False)
        loss, norm = one_step(model, adamw(model), batch, plan, 1e-3)
        weights.append((loss, norm, model.model.layers[0].mlp.up_proj.weight.detach()))
    for loss, norm, weight in weights[1:]:
        assert math.isclose(loss, weights[0][0], rel_tol=1e-5)
        assert math.isclose(norm, weights[0][1], rel_tol=1e-4)
        assert torch.allclose(weight, weights[0][2], atol=1e-4)


def test_schedule_is_warmup_stable_decay() -> None:
    steps = 200
    rates = [schedule(step, steps) for step in range(steps)]
    warmup, decay = round(WARMUP * steps), round(DECAY * steps)
    assert rates[0] == 1 / warmup
    assert all(later > earlier for earlier, later in pairwise(rates[:warmup]))
    assert set(rates[warmup : steps - decay]) == {1.0}
    assert all(later < earlier for earlier, later in pairwise(rates[steps - decay - 1 :]))
    assert 0 < rates[-1] < 0.02
    assert schedule(0, 1) > 0


def test_modules_are_light_until_they_are_needed() -> None:
    code = "import sys, sejong.train; print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "[]"


PINNED = "c7d15a1e491a5744cadde3c69e2f6d3bf2266b36baac9398452066b4122603c2"
