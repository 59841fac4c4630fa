"""Shapes: every class loads anywhere, counts its parameters as said, and starts from a seed; too large a one is refused."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from sejong.errors import Failed, Refused
from sejong.recipe import SIZES, PretrainSettings
from sejong.train import attention, experts, initial, memory
from sejong.train.batches import Batch
from sejong.train.optimiser import optimiser_of
from sejong.train.plan import Plan
from sejong.train.shape import config_of, count
from sejong.train.step import make_ready, one_step

SPECIAL = {"pad": 0, "begin": 1, "end": 2, "turn": 7}
PLAIN = PretrainSettings(width=32, depth=2, heads=4, kv_heads=2, context=64)
SHAPES = {
    "plain": PLAIN,
    "untied": PLAIN.model_copy(update={"tied": False}),
    "qk_norm": PLAIN.model_copy(update={"qk_norm": True}),
    "experts": PLAIN.model_copy(update={"experts": 4, "tied": False}),
}


def model_of(shape: PretrainSettings) -> PreTrainedModel:
    return initial.initial_model(config_of(shape, 300, SPECIAL), shape.seed)


def batch_of(sequences: int = 4) -> Batch:
    tokens = torch.randint(8, 300, (sequences, 64), generator=torch.Generator().manual_seed(1))
    return Batch(tokens, tokens.roll(-1, 1), torch.tensor([[0] * 30 + [1] * 34]).expand(sequences, -1).contiguous())


def trained(shape: PretrainSettings, steps: int, pass_sequences: int = 4) -> tuple[PreTrainedModel, list[float]]:
    model = model_of(shape)
    plan = Plan("test", steps, 64, 4, pass_sequences, 0.02, torch.float32, False, optimiser="muon")
    optimiser = optimiser_of(model, "muon", torch.float32)
    make_ready(model, plan, torch.device("cpu"))
    return model, [one_step(model, optimiser, batch_of(), plan, 0.02)[0] for _ in range(steps)]


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_starts_from_its_seed_and_loads_anywhere(name: str, tmp_path: Path) -> None:
    model = model_of(SHAPES[name])
    recorded = json.loads(json.dumps({"seed": 1, "config": model.config.to_dict()}))
    assert initial.recompute(recorded) == initial.fingerprints(model)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32, local_files_only=True)
    assert type(loaded) is type(model)
    tokens = batch_of().tokens
    with torch.no_grad():
        assert torch.equal(loaded(tokens).logits, model(tokens).logits)


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_counted_without_a_model(name: str) -> None:
    shape = SHAPES[name]
    assert sum(memory.parameters(shape, 300)) == count(config_of(shape, 300, SPECIAL)) == model_of(shape).num_parameters()


@pytest.mark.parametrize("size", ["nano", "70b"])
def test_a_size_is_a_shape(size: str) -> None:
    shape, vocabulary = memory._of_size(size)
    assert sum(memory.parameters(shape, vocabulary)) == count(config_of(shape, vocabulary, SPECIAL))


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_learns_the_same_twice_and_keeps_documents_apart(name: str) -> None:
    model, losses = trained(SHAPES[name], 12)
    again, _ = trained(SHAPES[name], 12)
    assert losses[-1] < losses[0] - 0.5
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    batch = batch_of()
    changed = batch.tokens.clone()
    changed[:, :30] = 9
    with torch.no_grad():
        before, after = (
            attention.hidden_states(model, dataclasses.replace(batch, tokens=one), torch.float32).view(4, 64, -1)[:, 30:]
            for one in (batch.tokens, changed)
        )
    assert torch.allclose(before, after, atol=1e-5)


def test_the_balance_loss_is_least_where_experts_are_used_alike() -> None:
    model = model_of(SHAPES["experts"])
    experts.watch(model)
    model(batch_of().tokens)
    found = experts.balance_loss(model)
    assert isinstance(found, torch.Tensor)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if name.endswith("mlp.gate.weight"):
                one.zero_()  # every expert as likely as the others
    model(batch_of().tokens)
    least = experts.balance_loss(model)
    assert float(least) == pytest.approx(0.01 * 2, rel=1e-4)  # its weight, times the experts of a token
    assert float(found) > float(least)
    assert experts.balance_loss(model_of(PLAIN)) == 0.0


def test_the_router_is_trained_by_the_balance_loss() -> None:
    with_it, _ = trained(SHAPES["experts"], 1)
    without, _ = trained(SHAPES["experts"].model_copy(update={"router_loss": 0.0}), 1)
    gates = [dict(one.named_parameters())["model.layers.0.mlp.gate.weight"] for one in (with_it, without)]
    assert not torch.equal(*gates)


def test_more_experts_for_a_token_than_there_are_is_refused() -> None:
    with pytest.raises(Refused, match=r"experts_per_token 2 of pretrain\.experts 1"):
        model_of(PLAIN.model_copy(update={"experts": 1}))


def test_a_record_of_another_kind_of_model_is_not_recomputed() -> None:
    with pytest.raises(Failed, match="gpt2"):
        initial.recompute({"seed": 1, "config": {"model_type": "gpt2"}})


def test_a_size_too_large_for_the_memory_names_the_largest_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_bytes", lambda: 16 * 10**9)
    monkeypatch.setattr(memory, "accelerator_bytes", lambda: 0)
    shape, vocabulary = memory._of_size("70b")
    with pytest.raises(Refused, match=r"training size `70b` as set \([\d,]+ million parameters\) takes about [\d,]+ GB") as error:
        memory.check(shape, vocabulary, "70b")
    largest = str(error.value).split("`")[-2]
    memory.check(*memory._of_size(largest), largest)
    after = list(SIZES)[list(SIZES).index(largest) + 1]
    with pytest.raises(Refused):
        memory.check(*memory._of_size(after), after)
    monkeypatch.setattr(memory, "accelerator_bytes", lambda: 10**14)
    memory.check(shape, vocabulary, "70b")
