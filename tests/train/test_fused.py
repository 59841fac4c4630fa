"""The fused layers give what the plain ones of transformers give: hidden states, loss, every gradient, the saved file."""

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from sejong.recipe import PretrainSettings
from sejong.train import attention
from sejong.train.batches import IGNORED, Batch
from sejong.train.fused import fuse
from sejong.train.initial import initial_model
from sejong.train.loss import linear_cross_entropy
from sejong.train.shape import config_of
from sejong.train.step import summed_loss

SPECIAL = {"pad": 0, "begin": 1, "end": 2, "turn": 7}
VOCABULARY = 300


def both_ways(kv_heads: int, qk_norm: bool = False) -> tuple[torch.nn.Module, torch.nn.Module]:
    shape = PretrainSettings(width=48, depth=3, heads=4, kv_heads=kv_heads, context=64, qk_norm=qk_norm)
    plain = initial_model(config_of(shape, VOCABULARY, SPECIAL), 3)
    with torch.no_grad():
        for module in plain.modules():
            if "Norm" in type(module).__name__:  # all ones would hide a forgotten weight
                module.weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))  # type: ignore[operator, union-attr]
    fused = copy.deepcopy(plain)
    fused.set_attn_implementation(attention.SEGMENTS)
    fuse(fused)
    return plain, fused


def batch() -> Batch:
    numbers = torch.randint(8, VOCABULARY, (3, 65), generator=torch.Generator().manual_seed(2))
    documents = torch.tensor([[0] * 20 + [1] * 44, [0] * 64, [0] + [1] * 1 + [2] * 62])
    targets = numbers[:, 1:].clone()
    targets[:, :-1][documents[:, 1:] != documents[:, :-1]] = IGNORED
    return Batch(numbers[:, :-1].contiguous(), targets, documents)


@pytest.mark.parametrize(("kv_heads", "qk_norm"), [(1, False), (2, False), (4, False), (2, True)])
def test_loss_and_gradients_are_those_of_the_plain_forward(kv_heads: int, qk_norm: bool) -> None:
    plain, fused = both_ways(kv_heads, qk_norm)
    given = batch()
    mask = attention.attention_mask(given.documents, torch.float32)
    logits = plain(input_ids=given.tokens, attention_mask=mask, use_cache=False).logits
    expected = cross_entropy(logits.flatten(0, 1), given.targets.flatten(), ignore_index=IGNORED, reduction="sum")
    expected.backward()
    found = summed_loss(fused, given, torch.float32)  # type: ignore[arg-type]
    found.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    gradients = {name: one.grad for name, one in fused.named_parameters()}
    for name, one in plain.named_parameters():
        torch.testing.assert_close(gradients[name], one.grad, rtol=2e-4, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_bfloat16_stays_near_float32() -> None:
    _, fused = both_ways(2)
    exact = summed_loss(fused, batch(), torch.float32)  # type: ignore[arg-type]
    rough = summed_loss(fused, batch(), torch.bfloat16)  # type: ignore[arg-type]
    rough.backward()  # type: ignore[no-untyped-call]
    assert abs(rough.item() / exact.item() - 1) < 5e-3
    assert all(one.grad is not None and torch.isfinite(one.grad).all() for one in fused.parameters())


def test_generation_and_the_saved_file_stay_as_they_were(tmp_path: Path) -> None:
    plain, fused = both_ways(2)
    prompt = torch.tensor([[9, 20, 31]])
    for name, model in {"plain": plain, "fused": fused}.items():
        model.eval()
        model.set_attn_implementation("sdpa")  # type: ignore[operator]
        model.save_pretrained(tmp_path / name)  # type: ignore[operator]
    answers = [one.generate(prompt, max_new_tokens=6, do_sample=False) for one in (plain, fused)]  # type: ignore[operator]
    assert torch.equal(*answers)
    saved = [load_file(tmp_path / name / "model.safetensors") for name in ("plain", "fused")]
    assert saved[0].keys() == saved[1].keys()
    assert all(torch.equal(saved[0][name], saved[1][name]) for name in saved[0])


@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
def test_the_loss_with_its_normaliser_held_down(z_loss: float) -> None:
    draw = torch.Generator().manual_seed(4)
    hidden = torch.randn(50, 24, generator=draw, requires_grad=True)
    weight = (3 * torch.randn(90, 24, generator=draw)).requires_grad_()
    targets = torch.randint(90, (50,), generator=draw)
    targets[::7] = IGNORED
    logits = hidden @ weight.T
    asked = targets != IGNORED
    plain = cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    expected = plain + z_loss * logits[asked].logsumexp(1).square().sum()
    wanted = torch.autograd.grad(expected, [hidden, weight])
    found = linear_cross_entropy(hidden, weight, targets, torch.float32, z_loss)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(torch.autograd.grad(found, [hidden, weight]), wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
