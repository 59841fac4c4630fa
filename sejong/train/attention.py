"""Attention that stays inside a document, two ways with one result.

By segments: each document of a pass is attended to by itself, so that nothing is computed only to be masked; the work grows with
the squares of the documents' lengths, not of the sequence's. By mask: one kernel call with a matrix of what may be seen, which
compilers and accelerators like better. A test compares the two.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from sejong.train.batches import Batch

SEGMENTS = "documents"  # name of the attention below in the registry of transformers


def hidden_states(model: PreTrainedModel, batch: Batch, dtype: torch.dtype) -> Tensor:
    """The last hidden states of a pass, (sequences · context, width), by the way `model` was set to."""
    if model.config._attn_implementation == SEGMENTS:
        inputs = {
            "input_ids": batch.tokens.reshape(1, -1),
            "position_ids": torch.arange(batch.tokens.shape[1]).repeat(len(batch.tokens))[None],
            "lengths": segment_lengths(batch.documents),
        }
    else:
        inputs = {"input_ids": batch.tokens, "attention_mask": attention_mask(batch.documents, dtype)}
    states: Tensor = model.base_model(**inputs, use_cache=False).last_hidden_state
    return states.reshape(-1, states.shape[-1])


def choose(model: PreTrainedModel, device: torch.device, compiled: bool) -> None:
    """Segments on a CPU that runs eagerly, a mask elsewhere."""
    model.set_attn_implementation(SEGMENTS if device.type == "cpu" and not compiled else "sdpa")


def segment_lengths(documents: Tensor) -> list[int]:
    """Lengths of the runs of one document in (sequences, context), laid end to end; a sequence's start begins a new run."""
    starts = torch.ones_like(documents, dtype=torch.bool)
    starts[:, 1:] = documents[:, 1:] != documents[:, :-1]
    places = starts.flatten().nonzero().squeeze(1)
    return torch.diff(places, append=places.new_tensor([documents.numel()])).tolist()


def attention_mask(documents: Tensor, dtype: torch.dtype) -> Tensor:
    """What may be attended to, as numbers to add: 0 for the same document's past, -inf elsewhere.

    Args:
        documents: (sequences, context), the document of each token.

    Returns:
        (sequences, 1, context, context)
    """
    same = documents[:, :, None] == documents[:, None, :]
    allowed = same & torch.ones(same.shape[1:], dtype=torch.bool, device=same.device).tril()
    return torch.zeros(same.shape, dtype=dtype, device=same.device).masked_fill_(~allowed, float("-inf"))[:, None]


def segment_attention(
    _module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    scaling: float,
    lengths: list[int],
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each segment.

    Args:
        query, key, value: (1, heads, tokens, head width); key and value may have fewer heads (grouped queries).

    Returns:
        (1, tokens, heads, head width), and no weights.
    """
    parts = zip(*(one.split(lengths, dim=2) for one in (query, key, value)), strict=True)
    attended = [scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling, enable_gqa=True) for q, k, v in parts]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


AttentionInterface.register(SEGMENTS, segment_attention)
