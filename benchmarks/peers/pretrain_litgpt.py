"""litgpt's model, loss and loop of `litgpt pretrain` on the same shape, for benchmarks/pretrain.py: compiled, fused AdamW."""

import pretrain_common as common
import torch
from litgpt import GPT, Config
from litgpt.utils import chunked_cross_entropy

given = common.task()
config = Config(
    block_size=given["context"],
    vocab_size=given["vocabulary"],
    padded_vocab_size=given["vocabulary"],
    n_layer=given["depth"],
    n_head=given["heads"],
    n_query_groups=given["kv_heads"],
    n_embd=given["width"],
    intermediate_size=given["feed_forward"],
    rotary_percentage=1.0,
    parallel_residual=False,
    bias=False,
    norm_class_name="RMSNorm",
    mlp_class_name="LLaMAMLP",
)
model = GPT(config)
model.lm_head.weight = model.transformer.wte.weight  # tied, as the others
for module in model.modules():  # litgpt's own start (init_weights of its pretrain)
    if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
        torch.nn.init.normal_(module.weight, std=(2 / 5 / given["width"]) ** 0.5)
optimiser = torch.optim.AdamW(model.parameters(), lr=given["rate"], betas=(0.9, 0.95), weight_decay=0.1, fused=True)
compiled = torch.compile(model)
size = given["batch_tokens"] // given["context"]
a_pass = min(size, given["pass_tokens"] // given["context"])
mixed = torch.autocast("cpu", dtype=given["dtype"], enabled=given["dtype"] != torch.float32)


def step(rows: torch.Tensor, number: int, steps: int) -> None:
    for group in optimiser.param_groups:
        group["lr"] = given["rate"] * common.cosine(number, steps)
    for part in rows.split(a_pass):
        with mixed:
            logits = compiled(part[:, :-1].contiguous())
            loss = chunked_cross_entropy(logits, part[:, 1:].contiguous(), chunk_size=0)
        (loss * len(part) / size).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad()


def nats(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = model(inputs).float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")


seconds = common.train(given, step)
common.answer(given, model.eval(), seconds, nats)
