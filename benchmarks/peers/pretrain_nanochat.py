"""nanochat's architecture and optimiser with the settings of its base_train, for benchmarks/pretrain.py: compiled."""

import math
import os
import sys

import pretrain_common as common
import torch

given = common.task()
os.environ["NANOCHAT_DTYPE"] = str(given["dtype"]).removeprefix("torch.")
sys.path.insert(0, given["nanochat"])
from nanochat.gpt import GPT, GPTConfig  # noqa: E402  # its path and format are set above

config = GPTConfig(
    sequence_len=given["context"],
    vocab_size=given["vocabulary"],
    n_layer=given["depth"],
    n_head=given["heads"],
    n_kv_head=given["kv_heads"],
    n_embd=given["width"],
    window_pattern="L",  # what base_train asks for where Flash Attention 3 is missing
)
with torch.device("meta"):
    model = GPT(config)
model.to_empty(device="cpu")
model.init_weights()
# base_train's defaults; rates go with the square root of the batch, which was 2**19 tokens at the reference.
scale = math.sqrt(given["batch_tokens"] / 2**19)
optimiser = model.setup_optimizer(
    unembedding_lr=0.008 * scale, embedding_lr=0.3 * scale, scalar_lr=0.5 * scale, matrix_lr=0.02 * scale, weight_decay=0.0
)
compiled = torch.compile(model, dynamic=False)
size = given["batch_tokens"] // given["context"]
a_pass = min(size, given["pass_tokens"] // given["context"])


def share(number: int, steps: int) -> float:
    """Warm-up, flat, down over the last 65%."""
    warm, down = min(40, max(1, steps // 10)), round(0.65 * steps)
    if number < warm:
        return (number + 1) / warm
    left = (steps - number) / down
    return 1.0 if number <= steps - down else left + (1 - left) * 0.05


def step(rows: torch.Tensor, number: int, steps: int) -> None:
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * share(number, steps)
    for part in rows.split(a_pass):
        (compiled(part[:, :-1].contiguous(), part[:, 1:].contiguous()) * len(part) / size).backward()
    optimiser.step()
    model.zero_grad(set_to_none=True)


def nats(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    loss: torch.Tensor = model(inputs, targets, loss_reduction="none")
    return loss


seconds = common.train(given, step)
common.answer(given, model.eval(), seconds, nats)
