"""A decoder layer's cheap operations in fewer passes over memory, on a CPU that runs eagerly: same numbers, same saved names.

The products of a layer are large, what lies between them is not; but as single operations each of those reads and writes the
whole activations again. Here a norm, a rotation and a gate are one operation each that keeps only its input, and the matrices
that read the same input are one product (Megatron-LM, Shoeybi et al. 2019). Parameters stay where and what they are. A compiler
does all this by itself, so models that are compiled are left alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import AttentionInterface, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP, LlamaRMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP, Qwen3RMSNorm

from sejong.train.attention import SEGMENTS


def fuse(model: PreTrainedModel) -> None:
    """Have the layers of a Llama or Qwen3 compute this way; modules of other classes, or with biases, keep their own.

    Needs the attention by documents (`attention.SEGMENTS`); where another is set, attention keeps its own way too.
    """
    for module in model.modules():
        if isinstance(module, LlamaRMSNorm | Qwen3RMSNorm):
            _compute(module, partial(_norm, module))
        elif isinstance(module, LlamaMLP | Qwen3MLP) and module.config.hidden_act == "silu" and module.gate_proj.bias is None:
            _compute(module, partial(_feed_forward, module))
        elif isinstance(module, LlamaAttention) and not module.config.attention_bias:
            _compute(module, partial(_attend, module, module.forward))


def _compute(module: Any, forward: Callable[..., Any]) -> None:
    """Have a module compute by `forward`."""
    module.forward = forward


def _norm(module: LlamaRMSNorm | Qwen3RMSNorm, hidden_states: Tensor) -> Tensor:
    normed: Tensor = _RMSNorm.apply(hidden_states, module.weight, module.variance_epsilon)  # type: ignore[no-untyped-call]
    return normed


def _feed_forward(module: LlamaMLP | Qwen3MLP, x: Tensor) -> Tensor:
    both = linear(x, torch.cat([module.gate_proj.weight, module.up_proj.weight]))
    gated: Tensor = _SwiGLU.apply(both)  # type: ignore[no-untyped-call]
    return linear(gated, module.down_proj.weight)


def _attend(
    module: Any,
    plain: Callable[..., Any],
    hidden_states: Tensor,
    position_embeddings: tuple[Tensor, Tensor],
    past_key_values: Any = None,
    **more: Any,
) -> tuple[Tensor, None]:
    if module.config._attn_implementation != SEGMENTS or past_key_values is not None:
        answer: tuple[Tensor, None] = plain(
            hidden_states, position_embeddings=position_embeddings, past_key_values=past_key_values, **more
        )
        return answer
    width, heads, groups = module.head_dim, module.config.num_attention_heads, module.config.num_key_value_heads
    weight = torch.cat([module.q_proj.weight, module.k_proj.weight, module.v_proj.weight])
    projected = linear(hidden_states, weight).unflatten(-1, (heads + 2 * groups, width))
    cos, sin = position_embeddings
    query, key, value = _Rotated.apply(projected, cos, sin, heads, groups)  # type: ignore[no-untyped-call]
    more.pop("attention_mask", None)
    attention = AttentionInterface()[SEGMENTS]
    states, _ = attention(module, *(one.transpose(1, 2) for one in (query, key, value)), None, scaling=module.scaling, **more)
    return linear(states.flatten(2), module.o_proj.weight), None


class _RMSNorm(torch.autograd.Function):
    """Zhang & Sennrich 2019. Keeps the input and one number a token."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        wide = x.float()
        norm = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse = norm.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        normed: Tensor = weight * (wide * inverse).to(x.dtype) if x.dtype != torch.float32 else (wide * inverse).mul_(weight)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, inverse = ctx.saved_tensors
        gradient, normed = gradients[0].float(), x.float() * inverse
        weight_gradient = torch.einsum("...i,...i->i", gradient, normed)
        gradient = gradient * weight
        along = torch.linalg.vecdot(gradient, normed).div_(-x.shape[-1])[..., None]
        return gradient.addcmul_(normed, along).mul_(inverse).to(x.dtype), weight_gradient, None


class _SwiGLU(torch.autograd.Function):
    """silu(gate) · up of (…, gate and up side by side); Shazeer 2020. Keeps the input alone."""

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, dim=-1)
        return torch.nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, dim=-1)
        answer = torch.empty_like(both)
        gate_answer, up_answer = answer.chunk(2, dim=-1)
        torch.mul(gradients[0], torch.nn.functional.silu(gate), out=up_answer)
        torch.mul(gradients[0], up, out=gate_answer)
        gate_answer.copy_(torch.ops.aten.silu_backward(gate_answer, gate))
        return answer


class _Rotated(torch.autograd.Function):
    """Queries, keys and values from (1, tokens, heads, head width), the first two turned by their positions (Su et al. 2021)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, cos: Tensor, sin: Tensor, heads: int, groups: int) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(cos, sin)
        ctx.parts = [heads, groups]
        turned, value = projected.split([heads + groups, groups], dim=2)
        query, key = _turn(turned, cos, sin, 1.0).split([heads, groups], dim=2)
        return query, key, value.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        cos, sin = ctx.saved_tensors
        query, key, value = gradients
        both = _turn(torch.cat([query, key], dim=2), cos, sin, -1.0)
        return torch.cat([both, value], dim=2), None, None, None, None


def _turn(x: Tensor, cos: Tensor, sin: Tensor, way: float) -> Tensor:
    """Each pair (x[i], x[i + half]) turned by its angle; `way` -1 turns back. cos and sin are (1, tokens, head width)."""
    half = x.shape[-1] // 2
    cos, sin = cos[..., None, :half], sin[..., None, :half]
    first, second = x[..., :half], x[..., half:]
    answer = torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.mul(first, cos, out=answer[..., :half]).addcmul_(second, sin, value=-way)
    torch.mul(second, cos, out=answer[..., half:]).addcmul_(first, sin, value=way)
    return answer
