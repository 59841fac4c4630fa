"""A model's shape: from settings to a Hugging Face configuration, its parameters, and the memory that training it takes.

Llama (Touvron et al. 2023): grouped queries, rotary positions, SwiGLU. With `qk_norm` it is a Qwen3, whose queries and keys are
normed (Dehghani et al. 2023). With `experts` it is a Qwen3 with a mixture of experts, of which each token takes some (Shazeer
et al. 2017). All three are classes of transformers, so that the finished model loads anywhere without code of ours.
"""

import math
from typing import Any

from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from sejong.errors import Failed, Refused
from sejong.recipe import PretrainSettings
from sejong.train.memory import feed_forward_width, is_tied

KINDS: dict[str, tuple[type[PreTrainedConfig], type[PreTrainedModel]]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "qwen3_moe": (Qwen3MoeConfig, Qwen3MoeForCausalLM),
}


def config_of(settings: PretrainSettings, vocabulary: int, special: dict[str, int]) -> PreTrainedConfig:
    """The shape as a Hugging Face configuration. The feed-forward width is 8/3 of the width (Llama), in steps of 32; with experts
    those that a token takes have that width together.

    Raises:
        Refused: heads do not divide the width, key and value heads not the heads, or a token takes more experts than there are.
    """
    if settings.width % settings.heads or settings.width // settings.heads % 2:
        raise Refused(f"pretrain.width {settings.width} must be an even multiple of pretrain.heads {settings.heads}: change one")
    if settings.heads % settings.kv_heads:
        raise Refused(f"pretrain.heads {settings.heads} must be a multiple of pretrain.kv_heads {settings.kv_heads}: change one")
    if settings.experts and settings.experts_per_token > settings.experts:
        wrong = f"a token cannot take pretrain.experts_per_token {settings.experts_per_token}"
        raise Refused(f"{wrong} of pretrain.experts {settings.experts}: lower it")
    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": settings.width,
        "intermediate_size": feed_forward_width(settings.width),
        "num_hidden_layers": settings.depth,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.kv_heads,
        "max_position_embeddings": settings.context,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0 if settings.context <= 2048 else 500_000.0},
        "tie_word_embeddings": is_tied(settings),
        "pad_token_id": special["pad"],
        "bos_token_id": special["begin"],
        "eos_token_id": [special["end"], special["turn"]],
        "dtype": "float32",
        "use_cache": True,
    }
    if settings.experts:
        shape |= {
            "head_dim": settings.width // settings.heads,
            "num_experts": settings.experts,
            "num_experts_per_tok": settings.experts_per_token,
            "moe_intermediate_size": feed_forward_width(settings.width, settings.experts_per_token),
            "norm_topk_prob": True,
            "router_aux_loss_coef": settings.router_loss,
        }
        return Qwen3MoeConfig(**shape)
    if settings.qk_norm:
        return Qwen3Config(**shape, head_dim=settings.width // settings.heads)
    return LlamaConfig(**shape)


def read_config(recorded: dict[str, Any]) -> PreTrainedConfig:
    """The configuration that `recorded` (its `to_dict`) describes.

    Raises:
        Failed: a kind of model that Sejong does not start from nothing.
    """
    return _kind(recorded.get("model_type", ""))[0].from_dict(recorded)


def class_of(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class of transformers that a configuration is for."""
    return _kind(config.model_type)[1]


def count(config: PreTrainedConfig) -> int:
    """Parameters, a shared one once; nothing is allocated."""
    import torch

    with torch.device("meta"):
        return sum(math.prod(one.shape) for one in class_of(config)(config).parameters())


def _kind(name: str) -> tuple[type[PreTrainedConfig], type[PreTrainedModel]]:
    if name not in KINDS:
        raise Failed(f"a model of kind `{name}` does not start from nothing here: {', '.join(KINDS)} do")
    return KINDS[name]
