"""Hugging Face's Trainer on the same shape, for benchmarks/pretrain.py: compiled, fused AdamW, cosine."""

import statistics
import time

import pretrain_common as common
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

given = common.task()
config = LlamaConfig(
    vocab_size=given["vocabulary"],
    hidden_size=given["width"],
    intermediate_size=given["feed_forward"],
    num_hidden_layers=given["depth"],
    num_attention_heads=given["heads"],
    num_key_value_heads=given["kv_heads"],
    max_position_embeddings=given["context"],
    tie_word_embeddings=True,
    use_cache=False,
)
model = LlamaForCausalLM(config)
steps = given["steps"] + common.WARM
rows = common.sequences(given)
size = given["batch_tokens"] // given["context"]
chosen = torch.cat([common.batch(rows, given, step) for step in range(steps)])
sequences_a_pass = min(size, given["pass_tokens"] // given["context"])


class Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_step_end(self, *_: object, **__: object) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self.began)


class Rows(torch.utils.data.Dataset):
    """The sequences in order; the model shifts its labels by itself."""

    def __len__(self) -> int:
        return len(chosen)

    def __getitem__(self, index: int) -> dict:
        return {"input_ids": chosen[index, :-1], "labels": chosen[index, :-1]}


class InOrder(Trainer):
    """The same order as the others."""

    def _get_train_sampler(self, *_: object, **__: object) -> torch.utils.data.Sampler:
        return torch.utils.data.SequentialSampler(self.train_dataset)


clock = Clock()
training = TrainingArguments(
    output_dir=given["folder"] + "/transformers",
    max_steps=steps,
    per_device_train_batch_size=sequences_a_pass,
    gradient_accumulation_steps=size // sequences_a_pass,
    learning_rate=given["rate"],
    lr_scheduler_type="cosine",
    warmup_steps=max(1, steps // 20),
    weight_decay=0.1,
    adam_beta2=0.95,
    max_grad_norm=1.0,
    optim="adamw_torch_fused",
    bf16=given["dtype"] == torch.bfloat16,
    torch_compile=True,
    use_cpu=True,
    report_to=[],
    save_strategy="no",
    logging_strategy="no",
    disable_tqdm=True,
)
InOrder(model=model, args=training, train_dataset=Rows(), callbacks=[clock]).train()
model.eval()


def nats(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = model(input_ids=inputs).logits.float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")


common.answer(given, model, statistics.median(clock.seconds[common.WARM :]), nats)
