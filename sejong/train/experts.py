"""What a mixture of experts adds to the loss: a term that is least where all experts get as many tokens (Switch Transformer,
Fedus et al. 2021)."""

from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeTopKRouter, load_balancing_loss_func


def watch(model: PreTrainedModel) -> None:
    """Have each router keep the logits of its last pass; a model without routers is left alone."""
    for module in model.modules():
        if isinstance(module, Qwen3MoeTopKRouter):
            module.register_forward_hook(_remember)


def balance_loss(model: PreTrainedModel) -> Tensor | float:
    """The weighted balance loss of the pass just made, a mean over tokens and layers; 0 for a model without routers."""
    routers = [one for one in model.modules() if isinstance(one, Qwen3MoeTopKRouter)]
    if not routers:
        return 0.0
    logits = cast(tuple[Tensor], tuple(one.last_logits for one in routers))
    found = load_balancing_loss_func(logits, routers[0].num_experts, routers[0].top_k)
    assert isinstance(found, Tensor)
    return float(model.config.router_aux_loss_coef) * found


def _remember(router: torch.nn.Module, _inputs: Any, outputs: tuple[Tensor, Tensor, Tensor]) -> None:
    router.last_logits = outputs[0]
