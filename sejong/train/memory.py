"""How many parameters a shape has, and how much memory training it takes: arithmetic, known before anything is loaded."""

import math
from pathlib import Path

import psutil

from sejong.errors import Refused
from sejong.recipe import SIZES, PretrainSettings, TokenizerSettings

TIED_BELOW = 2048  # narrower models share the embedding with the output: it would be most of their weights
WEIGHT, GRADIENT, MOMENT = 4, 4, 4  # bytes of one parameter in float32
ACTIVATIONS = 16  # kept for the gradient, of each token and layer, in widths; the feed-forward's come on top
LOGITS = 3 * 4 * 2**21  # bytes of the piece of logits that exists at once, with its gradient and a copy
OTHER = 2**30  # bytes of the program itself
LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


def feed_forward_width(width: int, parts: int = 1) -> int:
    """8/3 of the width in steps of 32, in `parts` equal parts."""
    return math.ceil(width * 8 / 3 / parts / 32) * 32


def is_tied(settings: PretrainSettings) -> bool:
    """Whether the output layer is the embedding."""
    return settings.width < TIED_BELOW if settings.tied is None else settings.tied


def parameters(settings: PretrainSettings, vocabulary: int) -> tuple[int, int]:
    """Parameters of the hidden matrices, and and of all else (embedding, output layer, routers, norms)."""
    width, head = settings.width, settings.width // settings.heads
    attention = 2 * width * width + 2 * width * settings.kv_heads * head
    if settings.experts:
        feed_forward = 3 * settings.experts * width * feed_forward_width(width, settings.experts_per_token)
    else:
        feed_forward = 3 * width * feed_forward_width(width)
    norms = 2 * width + (2 * head if settings.qk_norm or settings.experts else 0)
    matrices = settings.depth * (attention + feed_forward)
    rest = settings.depth * (norms + settings.experts * width) + width + (1 if is_tied(settings) else 2) * vocabulary * width
    return matrices, rest


def training_bytes(settings: PretrainSettings, vocabulary: int) -> int:
    """About what training takes on one device: weights, gradients and moments in float32, and the activations of a pass."""
    matrices, rest = parameters(settings, vocabulary)
    moments = 2 if settings.optimiser == "adamw" else 1  # of a matrix
    weights = (WEIGHT + GRADIENT) * (matrices + rest) + MOMENT * (moments * matrices + 2 * rest)
    tokens = max(settings.context, min(settings.pass_tokens, settings.batch_tokens))
    numbers = ACTIVATIONS * settings.width + 3 * feed_forward_width(settings.width)
    return weights + 4 * tokens * settings.depth * numbers + LOGITS + OTHER


def check(settings: PretrainSettings, vocabulary: int, size: str) -> None:
    """Refuse a model that this machine cannot train.

    Raises:
        Refused: it needs more memory than there is; the sentence names the largest size that fits.
    """
    need = training_bytes(settings, vocabulary)
    have = machine_bytes()
    if need > have:
        have = max(have, accelerator_bytes())  # looked for only now: loading PyTorch takes seconds
    if need > have:
        fitting = [name for name in SIZES if training_bytes(*_of_size(name)) <= have]
        remedy = f"the largest size that fits is `{fitting[-1]}`" if fitting else "no size fits here"
        raise Refused(
            f"training size `{size}` as set ({sum(parameters(settings, vocabulary)) / 1e6:,.0f} million parameters) takes about "
            f"{need / 1e9:,.0f} GB of memory and there are {have / 1e9:,.0f} GB: {remedy}"
        )


def machine_bytes() -> int:
    """The machine's memory, or what a container may use of it."""
    total: int = psutil.virtual_memory().total
    limit = LIMIT.read_text("ascii").strip() if LIMIT.exists() else "max"
    return total if limit == "max" else min(total, int(limit))


def accelerator_bytes() -> int:
    """The memory of all accelerators of one node together, since weights are spread over them; 0 without one."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        return 0
    return torch.accelerator.device_count() * int(torch.accelerator.get_memory_info()[1])


def _of_size(name: str) -> tuple[PretrainSettings, int]:
    """The settings of a size as the dial sets them."""
    section = {key.removeprefix("pretrain."): value for key, value in SIZES[name].items() if key.startswith("pretrain.")}
    return PretrainSettings.model_validate(section), SIZES[name].get(
        "tokenizer.vocabulary", TokenizerSettings.model_fields["vocabulary"].default
    )
