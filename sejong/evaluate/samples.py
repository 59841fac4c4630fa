"""What a model writes: continuations of given beginnings, and answers to questions, the same on every run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from sejong.evaluate.model import LanguageModel
from sejong.flow.progress import progress

LONGEST = 48  # tokens of a sample
SMALL = 30_000_000  # parameters
TEMPERATURE, TOP_P = 0.8, 0.95
BROKEN = "\ufffd"
BEGINNING = 80  # characters of a held-out document that are given


def beginning_of(text: str) -> str:
    """The first words of a document, to be continued; cut at a space where there is one."""
    head = text[:BEGINNING]
    return head.rsplit(None, 1)[0] if len(text) > BEGINNING and len(head.split()) > 1 else head


def write(model: LanguageModel, prompts: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Two continuations of each prompt: the likeliest token each time (greedy), and drawn with a seed.

    Args:
        prompts: rows with `prompt`, what a reader sees, and `ids`, what the model reads; other keys are kept.

    Returns:
        rows `{model, method, prompt, continuation, broken_bytes, …}`. A character whose bytes are not complete is left out
        and counted, so that no broken syllable is ever shown.
    """
    if not prompts:
        return []
    rows = []
    with _few_threads(model), progress(f"samples of {model.name}", total=2 * len(prompts), unit="samples") as bar:
        for method in ("greedy", "sampled"):
            torch.manual_seed(seed)
            texts = _continue(model, [prompt["ids"] for prompt in prompts], sampled=method == "sampled")
            for prompt, text in zip(prompts, texts, strict=True):
                kept = {key: value for key, value in prompt.items() if key != "ids"}
                row = {"model": model.name, "method": method, "continuation": whole(text), "broken_bytes": text.count(BROKEN)}
                rows.append(kept | row)
            bar.advance(len(prompts))
    return rows


def whole(text: str) -> str:
    """`text` without what is left of characters whose bytes are incomplete."""
    return text.replace(BROKEN, "")


@contextmanager
def _few_threads(model: LanguageModel) -> Iterator[None]:
    """One thread for a small network: a token's matrices are then too small to be worth handing round."""
    before = torch.get_num_threads()
    if sum(one.numel() for one in model.network.parameters()) < SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _continue(model: LanguageModel, prompts: Sequence[Sequence[int]], sampled: bool) -> list[str]:
    """The texts that follow, up to the end of the text or turn; all prompts at once, padded on the left."""
    room = model.context - LONGEST
    kept = [list(ids)[-room:] for ids in prompts]
    longest = max(map(len, kept))
    inputs = torch.tensor([[model.begin] * (longest - len(ids)) + ids for ids in kept], device=model.network.device)
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in kept], device=model.network.device)
    choice: dict[str, Any] = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P} if sampled else {"do_sample": False}
    ends = model.ends
    with torch.inference_mode():
        written = model.network.generate(
            inputs, attention_mask=mask, max_new_tokens=LONGEST, pad_token_id=model.begin, eos_token_id=ends, **choice
        )
    return [_text(model, ids, ends) for ids in written[:, longest:].tolist()]


def _text(model: LanguageModel, ids: list[int], ends: Sequence[int]) -> str:
    """What was written before the first end."""
    until = next((place for place, one in enumerate(ids) if one in ends), len(ids))
    return str(model.tokenizer.decode(ids[:until], skip_special_tokens=True, clean_up_tokenization_spaces=False))
