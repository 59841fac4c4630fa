"""The embedded engine: OpenVINO GenAI with continuous batching. One thread owns the pipeline and steps it while there is work."""

import asyncio
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import openvino as ov
import openvino_genai
from openvino_genai import py_openvino_genai as native

from sejong.errors import Failed
from sejong.serve.engines import Chunk, Sampling, reason

BLOCK = 32  # tokens a block of OpenVINO's paged cache on a CPU
COLD = 1e-4  # a temperature below is greedy, and no top_p is smaller: OpenVINO divides by them in single precision
CACHE_BYTES = 2 << 30  # most memory of the key-value cache, unless one whole context needs more


@dataclass
class _Request:
    prompt: list[int]
    sampling: Sampling
    deliver: Callable[[Chunk | Exception], None]
    cancelled: bool = False
    handle: Any = None
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.sampling.max_tokens


class Engine:
    """An engine folder, loaded. Use as a context manager or call `close`.

    Raises:
        Failed: the folder does not hold a converted model, or OpenVINO refuses it.
    """

    def __init__(self, path: Path, slots: int = 8) -> None:
        self.slots = slots
        try:
            config = json.loads((path / "config.json").read_text("utf-8"))
            self.context = int(config["max_position_embeddings"])
            self._ends = _end_tokens(path, config)
            scheduler = openvino_genai.SchedulerConfig()
            scheduler.max_num_seqs = slots
            scheduler.num_kv_blocks = _blocks(config, self.context, slots)
            scheduler.cache_size = 0
            scheduler.enable_prefix_caching = False
            precise = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
            self._pipeline = openvino_genai.ContinuousBatchingPipeline(path, scheduler, "CPU", precise)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise Failed(f"the engine in {path} cannot be opened ({reason(error)}): build the stage `engine` again") from error
        self._numbers = count()
        self._waiting: deque[_Request] = deque()
        self._running: list[_Request] = []
        self._work = threading.Condition()
        self._closing = False
        self._broken: Exception | None = None
        self._thread = threading.Thread(target=self._serve, name="generation", daemon=True)
        self._thread.start()

    @property
    def active(self) -> int:
        """Requests waiting or being decoded."""
        with self._work:
            return len(self._waiting) + len(self._running)

    async def generate(self, prompt: list[int], sampling: Sampling) -> AsyncGenerator[Chunk, None]:
        """Chunks of the continuation of `prompt` as they come; closing the iterator stops the request.

        Raises:
            Failed: the engine broke or was closed.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Chunk | Exception] = asyncio.Queue()

        def deliver(event: Chunk | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.put_nowait, event)

        request = _Request(prompt, sampling, deliver)
        self._enqueue(request)
        try:
            while True:
                event = await arrived.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if event.finish_reason:
                    return
        finally:
            with self._work:
                request.cancelled = True
                self._work.notify()

    def close(self) -> None:
        """Stop the thread and every request."""
        with self._work:
            self._closing = True
            self._work.notify()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _enqueue(self, request: _Request) -> None:
        with self._work:
            if self._broken is not None or self._closing:
                raise Failed(f"the engine has stopped ({self._broken or 'closed'}): start the service again")
            self._waiting.append(request)
            self._work.notify()

    def _serve(self) -> None:
        try:
            while self._admit():
                self._pipeline.step()
                for request in list(self._running):
                    self._read(request)
        except Exception as error:  # whatever OpenVINO raises must reach those who wait, not only this thread
            with self._work:
                self._broken = error
        with self._work:
            left, self._waiting, self._running = [*self._waiting, *self._running], deque(), []
        for request in left:
            request.deliver(Failed(f"the engine stopped before the answer was complete ({self._broken or 'closed'})"))

    def _admit(self) -> bool:
        """Wait for work, hand new requests to the pipeline and drop cancelled ones; False: close."""
        with self._work:
            while not (self._closing or self._waiting or self._running):
                self._work.wait()
            if self._closing:
                return False
            arrived, self._waiting = [one for one in self._waiting if not one.cancelled], deque()
            for request in self._running:
                if request.cancelled:
                    request.handle.cancel()
            self._running = [one for one in self._running if not one.cancelled]
        for request in arrived:
            try:
                tokens = ov.Tensor(np.array([request.prompt], dtype=np.int64))
                request.handle = self._pipeline.add_request(next(self._numbers), tokens, self._settings(request.sampling))
            except RuntimeError as error:  # OpenVINO refuses this one; the others go on
                request.deliver(Failed(f"the engine refuses this request: {reason(error)}"))
            else:
                with self._work:
                    self._running.append(request)
        return True

    def _settings(self, sampling: Sampling) -> openvino_genai.GenerationConfig:
        settings = openvino_genai.GenerationConfig()
        settings.max_new_tokens = sampling.max_tokens
        settings.do_sample = sampling.temperature >= COLD
        if settings.do_sample:
            settings.temperature = sampling.temperature
            settings.top_p = max(sampling.top_p, COLD)
            settings.rng_seed = secrets.randbits(31) if sampling.seed is None else sampling.seed
        settings.presence_penalty = sampling.presence_penalty
        settings.frequency_penalty = sampling.frequency_penalty
        settings.repetition_penalty = sampling.repetition_penalty
        settings.ignore_eos = sampling.ignore_end
        if not sampling.ignore_end:
            settings.stop_token_ids = set(self._ends)
        return settings

    def _read(self, request: _Request) -> None:
        """Pass on what a request has produced since it was last read."""
        tokens: list[int] = []
        while request.handle.can_read():
            for output in request.handle.read().values():
                tokens += output.generated_ids
        status = request.handle.get_status()
        finished = status in (native.GenerationStatus.FINISHED, native.GenerationStatus.STOP)
        if status == native.GenerationStatus.IGNORED:
            self._finish(request, Failed("the engine has no memory for this request: shorten it or give fewer slots"))
            return
        ended = not request.sampling.ignore_end and any(token in self._ends for token in tokens)
        shown = tuple(token for token in tokens if request.sampling.ignore_end or token not in self._ends)
        request.left -= len(tokens)
        if finished:
            self._finish(request, Chunk(shown, "stop" if ended or request.left > 0 else "length"))
        elif shown:
            request.deliver(Chunk(shown))

    def _finish(self, request: _Request, last: Chunk | Exception) -> None:
        with self._work:
            self._running.remove(request)
        request.deliver(last)


def _end_tokens(path: Path, config: dict[str, Any]) -> frozenset[int]:
    """The tokens that end generation: the model's own list of `eos_token_id`."""
    generation = path / "generation_config.json"
    own = json.loads(generation.read_text("utf-8")) if generation.exists() else {}
    ends = own.get("eos_token_id", config.get("eos_token_id"))
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def _blocks(config: dict[str, Any], context: int, slots: int) -> int:
    """Cache blocks for every slot's whole context, as far as `CACHE_BYTES` reach; at least for one."""
    heads = config.get("num_key_value_heads", config["num_attention_heads"])
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    block_bytes = 2 * 4 * BLOCK * config["num_hidden_layers"] * heads * size
    per_context = -(-context // BLOCK) + 1
    return int(max(per_context, min(per_context * slots, CACHE_BYTES // block_bytes)))
