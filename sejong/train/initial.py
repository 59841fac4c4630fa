"""The weights that training starts from, as a function of a seed and a shape: anyone can recompute and compare them.

Each tensor is drawn by itself from a bit generator keyed by (seed, tensor name), so that neither the order of the tensors nor the
number of machines matters. Values are uniform: 24 random bits become a float32 by exact arithmetic, so no mathematics library
of any processor enters, and the bytes are the same on all of them. (Bit generators of numpy keep their streams: NEP 19.)
"""

import hashlib
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedConfig, PreTrainedModel

from sejong.train.shape import class_of, read_config

EMBEDDING_DEVIATION = 0.02
RESIDUAL = ("o_proj.weight", "down_proj.weight", "experts.down_proj")  # what is added to the residual stream


def initial_model(config: PreTrainedConfig, seed: int) -> PreTrainedModel:
    """A model on the CPU in float32 whose weights follow from `config` and `seed` alone."""
    with torch.random.fork_rng(devices=[]):  # the class draws weights of its own; they are overwritten
        model: PreTrainedModel = class_of(config)._from_config(config, attn_implementation="sdpa", dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(initial_tensor(name, tuple(parameter.shape), config, seed)))
    return model


def initial_tensor(name: str, shape: tuple[int, ...], config: PreTrainedConfig, seed: int) -> NDArray[np.float32]:
    """One tensor at step 0. Norms are 1. Matrices have deviation 1/sqrt(inputs), those added to the residual stream
    1/sqrt(2·layers) of it (GPT-2); embeddings 0.02."""
    if len(shape) == 1:
        return np.ones(shape, dtype=np.float32)
    if "embed_tokens" in name or "lm_head" in name:
        deviation = EMBEDDING_DEVIATION
    else:
        deviation = shape[-1] ** -0.5
        if name.endswith(RESIDUAL):
            deviation *= (2 * config.num_hidden_layers) ** -0.5
    return uniform(name, shape, deviation, seed)


def uniform(name: str, shape: tuple[int, ...], deviation: float, seed: int) -> NDArray[np.float32]:
    """Values between -deviation·√3 and deviation·√3, which have that standard deviation."""
    key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "little")
    bits = np.random.PCG64(key).random_raw(math.prod(shape)) >> np.uint64(40)
    centred = bits.astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return (centred * np.float32(deviation * math.sqrt(3))).reshape(shape)


def fingerprints(model: PreTrainedModel) -> dict[str, str]:
    """The sha256 of each parameter's bytes (float32, little endian), by name; a shared tensor counts once."""
    return {name: _sha256(parameter.detach().float().cpu().numpy()) for name, parameter in model.named_parameters()}


def recompute(initial: dict[str, Any]) -> dict[str, str]:
    """What `fingerprints` must have been at step 0 of a run, from its `initial.json`: seed and configuration, nothing else."""
    config = read_config(initial["config"])
    with torch.device("meta"):
        shapes = {name: tuple(one.shape) for name, one in class_of(config)(config).named_parameters()}
    return {name: _sha256(initial_tensor(name, shape, config, initial["seed"])) for name, shape in shapes.items()}


def _sha256(values: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f4").tobytes()).hexdigest()
