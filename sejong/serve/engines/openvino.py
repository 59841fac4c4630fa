"""The stage `engine`: a Hugging Face model in the format that OpenVINO GenAI opens, checked against the original.

The model is traced with its key-value cache as inputs and outputs; the cache then becomes state inside the graph, reordered
by `beam_idx`, which is the form that OpenVINO GenAI turns into paged attention for continuous batching.
"""

import asyncio
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
import transformers
from openvino import opset13 as ops
from openvino._offline_transformations import apply_make_stateful_transformation, apply_moc_transformations
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from openvino_tokenizers import convert_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, the_only
from sejong.recipe import EngineSettings
from sejong.serve.engines import Sampling, reason
from sejong.serve.engines.batching import Engine

BESIDE = ("config.json", "generation_config.json", "tokenizer*.json", "special_tokens_map.json", "chat_template.jinja")
COUNTED = re.compile(r"[A-Za-z][A-Za-z0-9]*_\d+(\.\d+)?")
PROMPTS, CONTINUATION = 4, 24  # prompts compared, and tokens of each
# How far below the highest logit a token of the engine's greedy choice may lie in the original: rounding, not another model.
TOLERANCE = {"float32": 0.02, "float16": 0.25}


def run(settings: EngineSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Convert the aligned model and check that its greedy continuations are the original's."""
    return convert(the_only(inputs, "align").path / "model", out, settings.precision)


def convert(model: Path, out: Path, precision: str = "float32") -> dict[str, Any]:
    """Write what OpenVINO GenAI opens of the Hugging Face folder `model` into `out`; every byte follows from the input.

    Returns:
        The number of tokens compared with the original and the largest gap found, in logits.

    Raises:
        Refused: `model` is not a causal language model's folder.
        Failed: it cannot be converted, or the conversion changed what it says.
    """
    if not (model / "config.json").exists() or not (model / "tokenizer.json").exists():
        raise Refused(f"{model} is not a Hugging Face model folder: it needs config.json, model.safetensors and tokenizer.json")
    out.mkdir(parents=True, exist_ok=True)
    with _quiet():
        try:
            original = AutoModelForCausalLM.from_pretrained(
                model, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
            ).eval()
            tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
        except (OSError, ValueError) as error:
            raise Refused(f"{model} cannot be loaded as a causal language model: {reason(error)}") from error
        try:
            graph = _trace(original)
            _make_stateful(graph, original.config)
            halves = convert_tokenizer(tokenizer, with_detokenizer=True)
        except (RuntimeError, ValueError, TypeError) as error:
            kind = original.config.model_type
            raise Failed(f"{model} (model type {kind}) cannot be converted to OpenVINO: {reason(error)}") from error
    files = ("openvino_model.xml", "openvino_tokenizer.xml", "openvino_detokenizer.xml")
    for one, name in zip((graph, *halves), files, strict=True):
        _number(one)
        one.set_friendly_name(Path(name).stem)
        ov.save_model(one, out / name, compress_to_fp16=precision == "float16" and one is graph)
    for pattern in BESIDE:
        for path in sorted(model.glob(pattern)):
            shutil.copyfile(path, out / path.name)
    return _compare(original, out, precision)


class _Step(torch.nn.Module):
    """One step with the cache as plain tensors: keys and values of each layer, (batch, heads, past, head size)."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, position_ids: torch.Tensor, *past: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        cache: Any = DynamicCache(config=self.model.config)
        for layer, keys, values in zip(cache.layers, past[::2], past[1::2], strict=True):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
        result = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache, use_cache=True
        )
        present = (tensor for layer in result.past_key_values.layers for tensor in (layer.keys, layer.values))
        return (result.logits, *present)


def _cache_names(config: Any, prefix: str) -> list[str]:
    return [f"{prefix}.{layer}.{part}" for layer in range(config.num_hidden_layers) for part in ("key", "value")]


def _head_size(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _trace(model: PreTrainedModel) -> ov.Model:
    """The graph with named inputs and outputs. Uses the front end itself: `openvino.convert_model` reports its use."""
    config = model.config
    past = [torch.zeros(2, config.num_key_value_heads, 3, _head_size(config)) for _ in _cache_names(config, "")]
    example = (
        torch.ones(2, 2, dtype=torch.long),
        torch.ones(2, 5, dtype=torch.long),
        torch.arange(3, 5)[None].expand(2, 2),
        *past,
    )
    front_end = FrontEndManager().load_by_framework("pytorch")
    with torch.no_grad():
        decoder = TorchScriptPythonDecoder(_Step(model), example_input=example)  # must outlive the conversion
        graph = front_end.convert(front_end.load(decoder))
    names = ["input_ids", "attention_mask", "position_ids", *_cache_names(config, "past_key_values")]
    for port, name in zip(graph.inputs, names, strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
        cached = name.startswith("past_key_values")
        shape = [-1, config.num_key_value_heads, -1, _head_size(config)] if cached else [-1, -1]
        port.get_node().set_element_type(ov.Type.f32 if cached else ov.Type.i64)
        port.get_node().set_partial_shape(ov.PartialShape(shape))
    for port, name in zip(graph.outputs, ["logits", *_cache_names(config, "present")], strict=True):
        port.get_tensor().set_names({name})
    apply_moc_transformations(graph, cf=False, smart_reshape=False)  # folds the traced sizes, as `convert_model` would
    return graph


def _make_stateful(graph: ov.Model, config: Any) -> None:
    """Turn the cache's inputs and outputs into state, empty at first, whose rows follow `beam_idx`."""
    order = ops.parameter(ov.PartialShape([-1]), ov.Type.i32, name="beam_idx")
    order.output(0).get_tensor().set_names({"beam_idx"})
    graph.add_parameters([order])
    zero = ops.constant(0, dtype=np.int64)
    for name in _cache_names(config, "past_key_values"):
        port = graph.input(name)
        readers = port.get_target_inputs()
        ordered = ops.gather(port, order, zero)
        for reader in readers:
            reader.replace_source_output(ordered.output(0))
    pairs = zip(_cache_names(config, "past_key_values"), _cache_names(config, "present"), strict=True)
    apply_make_stateful_transformation(graph, dict(pairs))
    batch = ops.gather(ops.shape_of(graph.input("input_ids")), ops.constant([0], dtype=np.int64), zero)
    rest = ops.constant([config.num_key_value_heads, 0, _head_size(config)], dtype=np.int64)
    empty = ops.broadcast(ops.constant(0.0, dtype=np.float32), ops.concat([batch, rest], axis=0))
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            node.set_arguments([empty])
    graph.validate_nodes_and_infer_types()


def _number(graph: ov.Model) -> None:
    """Replace names that count the nodes made since the process began by the node's place in the graph."""
    for place, node in enumerate(graph.get_ordered_ops()):
        own = f"{node.get_type_name()}.{place}"
        if COUNTED.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(own)
        for port in node.outputs():
            names = port.get_tensor().get_names()
            lasting = {name for name in names if not COUNTED.fullmatch(name)}
            if lasting != names:
                port.get_tensor().set_names(lasting or {own})


def _compare(original: PreTrainedModel, out: Path, precision: str) -> dict[str, Any]:
    """Continue prompts greedily in the engine, all at once, and look the tokens up in the original's logits."""
    config = original.config
    draw = np.random.default_rng(0)
    longest = max(1, min(16, config.max_position_embeddings - CONTINUATION))
    prompts = [draw.integers(0, config.vocab_size, size=max(1, longest - 3 * n)).tolist() for n in range(PROMPTS)]
    length = min(CONTINUATION, config.max_position_embeddings - longest)
    greedy = Sampling(max_tokens=length, temperature=0.0, ignore_end=True)
    continued = asyncio.run(_continue(out, prompts, greedy))
    widest = 0.0
    for prompt, tokens in zip(prompts, continued, strict=True):
        with torch.no_grad():
            logits = original(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
        gap = logits.max(dim=-1).values - logits.gather(-1, torch.tensor(tokens)[:, None])[:, 0]
        widest = max(widest, float(gap.max()))
    if widest > TOLERANCE[precision]:
        raise Failed(
            f"the converted model in {out} chooses tokens that the original puts {widest:.3g} below its best logit "
            f"(at most {TOLERANCE[precision]} is rounding): this model type ({config.model_type}) is not converted faithfully"
        )
    return {"compared_tokens": sum(map(len, continued)), "largest_logit_gap": round(widest, 6)}


async def _continue(folder: Path, prompts: list[list[int]], sampling: Sampling) -> list[list[int]]:
    async def one(engine: Engine, prompt: list[int]) -> list[int]:
        return [token async for chunk in engine.generate(prompt, sampling) for token in chunk.tokens]

    with Engine(folder, slots=len(prompts)) as engine:
        return await asyncio.gather(*(one(engine, prompt) for prompt in prompts))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' progress bars and warnings about tracing, which say nothing to the person who builds."""
    level = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()
