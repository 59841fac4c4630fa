"""Bits per byte: how many bits a model needs for a byte of text. It compares models of any vocabulary; lower is better.

Each text is scored whole: every token once, the first after a begin token, later ones with at least half a window of text
before them. The bytes are those of the text; the end of the text is not scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sejong.evaluate import texts as documents
from sejong.evaluate.model import LanguageModel, open_model
from sejong.flow.progress import progress

RESAMPLES, AT_ONCE = 2000, 100
ENOUGH_DOCUMENTS = 20  # with fewer, the interval is over blocks of text
BLOCK = 1024  # bytes of text in a block, at least
LOGITS_BYTES = 256 << 20  # of one forward pass, unless a single window needs more


@dataclass(frozen=True)
class Scored:
    """One text: bits of each symbol (token or byte), and the byte of the text at which it ends."""

    bits: npt.NDArray[np.float64]
    ends: npt.NDArray[np.int64]
    lossless: bool = True


def compare(model: str, text: Path, against: Sequence[str] = (), seed: int = 1) -> dict[str, Any]:
    """Bits per byte of `model` on the documents of the file `text`, and of each model of `against` on the same.

    Returns:
        the row of `model` (see `row`), with the others' rows under `against` where there are any.

    Raises:
        Refused: a model or the text cannot be read.
    """
    texts = documents.read(text)
    rows = [measure(open_model(one), texts, text.name, seed) for one in (model, *against)]
    return rows[0] | ({"against": rows[1:]} if against else {})


def lines(found: dict[str, Any]) -> list[str]:
    """What `compare` found, for a person: a line a model."""
    rows = [found, *found.get("against", [])]
    width = max(len(row["model"]) for row in rows)
    return [_line(row, width) for row in rows]


def _line(row: dict[str, Any], width: int) -> str:
    low_high = (
        f"{row['interval'][0]:.3f} to {row['interval'][1]:.3f} over {row['interval_over']}"
        if row["interval"]
        else "too short for an interval"
    )
    lossy = f", {row['not_lossless']} texts not given back whole: its bits flatter it" if row["not_lossless"] else ""
    figures = f"{row['bytes']:,} bytes, {row['tokens']:,} tokens, windows of {row['context']:,}"
    return f"{row['model']:<{width}}  {row['bits_per_byte']:.4f} bits per byte ({low_high}; {figures}{lossy})"


def measure(model: LanguageModel, texts: Sequence[str], text: str, seed: int) -> dict[str, Any]:
    """The row of one model; `text` is what the table calls the texts."""
    return row(model.name, text, score(model, texts), seed) | {"context": model.context}


def row(name: str, text: str, scored: Sequence[Scored], seed: int) -> dict[str, Any]:
    """`{model, text, bits_per_byte, interval, interval_over, bytes, tokens, documents, not_lossless}`.

    `interval` is a 95% bootstrap interval, null where the text is too short for one. `not_lossless` counts texts that the
    model's tokens do not give back: their bits flatter the model.
    """
    bits, sizes, unit = _units(scored)
    low_high = interval(bits, sizes, seed) if len(bits) > 1 else None
    total = sum(int(one.ends[-1]) for one in scored if len(one.ends))
    return {
        "model": name,
        "text": text,
        "bits_per_byte": round(sum(float(one.bits.sum()) for one in scored) / max(total, 1), 4),
        "interval": low_high and [round(low_high[0], 4), round(low_high[1], 4)],
        "interval_over": unit,
        "bytes": total,
        "tokens": sum(len(one.bits) for one in scored),
        "documents": len(scored),
        "not_lossless": sum(not one.lossless for one in scored),
    }


def score(model: LanguageModel, texts: Sequence[str], logits_bytes: int = LOGITS_BYTES) -> list[Scored]:
    """Bits of every token of every text. `logits_bytes` bounds memory and changes nothing beyond rounding."""
    encoded = model.encode(texts)
    bits = [np.zeros(len(one.ids)) for one in encoded]
    windows = [(number, *window) for number, one in enumerate(encoded) for window in windows_of(len(one.ids), model.context)]
    windows.sort(key=lambda window: (window[1] - window[3], window[0], window[1]))  # the longest first: little padding
    at_once = max(logits_bytes // (4 * model.vocabulary), 1)
    with (
        progress(f"bits per byte of {model.name}", total=sum(len(one.ids) for one in encoded), unit="tokens") as bar,
        torch.inference_mode(),
    ):
        for batch in _batches(windows, at_once):
            inputs = torch.full((len(batch), max(end - start for _, start, _, end in batch)), model.begin)
            for place, (number, start, _, end) in enumerate(batch):
                inputs[place, 1 : end - start] = torch.from_numpy(encoded[number].ids[start : end - 1])
            unscored = min(first - start for _, start, first, _ in batch)  # positions before these need no logits
            logits = _logits(model.network, inputs.to(model.network.device), unscored)
            for place, (number, start, first, end) in enumerate(batch):
                targets = torch.from_numpy(encoded[number].ids[first:end])
                bits[number][first:end] = _bits(logits[place, first - start - unscored : end - start - unscored], targets)
                bar.advance(end - first)
    return [Scored(own, one.ends, one.lossless) for own, one in zip(bits, encoded, strict=True)]


def windows_of(tokens: int, context: int) -> list[tuple[int, int, int]]:
    """(start, first, end) of each window over `tokens`: it reads from `start` and scores `first` to `end`, each token once."""
    found, scored = [], 0
    while scored < tokens:
        start = max(scored - context // 2, 0)
        end = min(start + context, tokens)
        found.append((start, scored, end))
        scored = end
    return found


def interval(bits: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    """The 95% percentile bootstrap interval (Efron 1979) of sum(bits) / sum(sizes) over units drawn with replacement."""
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES // AT_ONCE):
        chosen = generator.integers(0, len(bits), (AT_ONCE, len(bits)))
        drawn.append(bits[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return float(low), float(high)


def _units(scored: Sequence[Scored]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], str]:
    """Bits and bytes of what the bootstrap draws: documents, or blocks of text where there are few documents."""
    full = [one for one in scored if len(one.ends)]
    if len(full) >= ENOUGH_DOCUMENTS:
        return np.array([one.bits.sum() for one in full]), np.array([float(one.ends[-1]) for one in full]), "documents"
    bits: list[float] = []
    sizes: list[float] = []
    for one in full:
        edges = np.searchsorted(one.ends, np.arange(BLOCK, int(one.ends[-1]) - BLOCK // 2, BLOCK), side="left") + 1
        for begin, end in zip([0, *edges], [*edges, len(one.bits)], strict=True):
            size = one.ends[end - 1] - (one.ends[begin - 1] if begin else 0) if end > begin else 0
            if size > 0:
                bits.append(float(one.bits[begin:end].sum()))
                sizes.append(float(size))
    return np.array(bits), np.array(sizes), f"blocks of {BLOCK} bytes"


def _batches(windows: list[tuple[int, int, int, int]], at_once: int) -> list[list[tuple[int, int, int, int]]]:
    """Windows in order, together while their rectangle of tokens stays within `at_once`."""
    batches: list[list[tuple[int, int, int, int]]] = []
    for window in windows:
        longest = batches[-1][0][3] - batches[-1][0][1] if batches else 0
        if batches and longest * (len(batches[-1]) + 1) <= at_once:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches


def _logits(network: Any, inputs: torch.Tensor, unscored: int) -> torch.Tensor:
    """(texts, positions from `unscored` on, vocabulary). Padding stands after a text, where a causal model does not look."""
    if "logits_to_keep" in signature(network.forward).parameters:
        kept: torch.Tensor = network(input_ids=inputs, use_cache=False, logits_to_keep=inputs.shape[1] - unscored).logits
        return kept
    everything: torch.Tensor = network(input_ids=inputs, use_cache=False).logits
    return everything[:, unscored:]


def _bits(logits: torch.Tensor, targets: torch.Tensor) -> npt.NDArray[np.float64]:
    """-log2 of each target's probability; a few hundred rows at a time, in float32 as the network gave them."""
    found = [
        torch.nn.functional.cross_entropy(some.float(), wanted.to(some.device), reduction="none")
        for some, wanted in zip(logits.split(256), targets.split(256), strict=True)
    ]
    return torch.cat(found).double().cpu().numpy() / np.log(2) if found else np.zeros(0)
