"""The probe turns speeds into choices; speeds are given here, so that no clock decides a test."""

import pytest
import torch

from sejong.recipe import AlignSettings, PretrainSettings
from sejong.train import device as devices
from sejong.train import probe as module
from sejong.train.probe import Speed, probe

CPU = torch.device("cpu")
XS = PretrainSettings(seconds=200, batch_tokens=8192)
ALIGN = AlignSettings(seconds=60, batch_tokens=4096)


class Bench:
    """Known seconds a step, by (number format, compiled)."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[str] = []

    def __call__(self, settings: PretrainSettings, vocabulary: int, dtype: str, compile_: bool, threads: int) -> Speed:
        name = f"{dtype}_compiled" if compile_ else dtype
        self.asked.append(name)
        return Speed(self.seconds[name], 30.0 if compile_ else 0.0)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU with bfloat16 and a compiler, whatever this one has."""
    monkeypatch.setattr(module, "bfloat16_fault", lambda device: None)
    monkeypatch.setattr(devices, "compiler_fault", lambda device: None)


@pytest.mark.parametrize(("bfloat16", "expected"), [(0.5, "bfloat16"), (0.98, "float32"), (4.0, "float32")])
def test_the_faster_format_is_chosen_if_it_is_clearly_faster(bfloat16: float, expected: str) -> None:
    found = probe(XS, ALIGN, 8192, Bench(float32=1.0, bfloat16=bfloat16))
    assert found["pretrain"]["dtype"] == found["align"]["dtype"] == expected


def test_steps_fit_the_seconds_of_both_stages() -> None:
    found = probe(XS, ALIGN, 8192, Bench(float32=0.5, bfloat16=1.0))
    assert 0.65 * 200 <= found["pretrain"]["steps"] * 0.5 <= 0.8 * 200
    assert 0.6 * 60 <= found["align"]["steps"] * 0.25 <= 0.8 * 60  # half the tokens a step
    assert found["pretrain"]["threads"] >= 1 and found["pretrain"]["compile"] is False


def test_emulated_bfloat16_is_never_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bfloat16_fault", lambda device: "emulated")
    bench = Bench(float32=1.0)
    assert probe(XS, ALIGN, 8192, bench)["measured"]["notes"][0] == "emulated"
    assert bench.asked == ["float32"]


@pytest.mark.parametrize(
    ("seconds", "compiled", "tried", "chosen"), [(200, 0.1, False, False), (2000, 0.5, True, True), (2000, 0.95, True, False)]
)
def test_compilation_is_tried_only_where_it_can_pay(seconds: float, compiled: float, tried: bool, chosen: bool) -> None:
    bench = Bench(float32=1.0, float32_compiled=compiled)
    settings = XS.model_copy(update={"seconds": seconds, "dtype": "float32"})
    assert probe(settings, ALIGN, 8192, bench)["pretrain"]["compile"] is chosen
    assert ("float32_compiled" in bench.asked) is tried


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "compiler_fault", lambda device: "no C++ compiler on this machine")
    found = probe(XS.model_copy(update={"seconds": 9999}), ALIGN, 8192, Bench(float32=1.0, bfloat16=1.0))
    assert found["pretrain"]["compile"] is False
    assert found["measured"]["notes"] == ["training runs without compilation: no C++ compiler on this machine"]


def test_what_was_asked_for_is_kept() -> None:
    settings = PretrainSettings(tokens=100_000, batch_tokens=8192, dtype="float32", compile=False, threads=1)
    bench = Bench(float32=1.0)
    found = probe(settings, AlignSettings(steps=7), 8192, bench)
    assert found["pretrain"] == {"dtype": "float32", "compile": False, "threads": 1, "steps": 13}
    assert found["align"]["steps"] == 7


def test_a_real_measurement_of_a_small_model() -> None:
    settings = PretrainSettings(width=32, depth=1, heads=2, kv_heads=1, context=64, batch_tokens=256)
    speed = module.measured(settings, 512, "float32", False, 1)
    assert 0 < speed.step_seconds < 5 and speed.starting_seconds == 0
