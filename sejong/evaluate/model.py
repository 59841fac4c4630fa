"""Open any causal language model that lies on this machine: a run, a Hugging Face folder, a GGUF file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sejong.errors import Refused

LONGEST_CONTEXT = 1024  # tokens; more would need gigabytes for the logits of a large vocabulary
IN_A_RUN = Path("pretrain") / "model"


@dataclass(frozen=True)
class Encoded:
    """A text as tokens. `ends[i]` is the byte of the text at which token i ends; `lossless`, that they decode to the text."""

    ids: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    lossless: bool


@dataclass(frozen=True)
class LanguageModel:
    """A network with its tokenizer. `begin` is the token before every text; `context`, the tokens of a window."""

    name: str
    network: Any
    tokenizer: Any
    begin: int
    context: int

    @property
    def vocabulary(self) -> int:
        """Tokens the network chooses between."""
        return int(self.network.config.get_text_config().vocab_size)

    @property
    def ends(self) -> list[int]:
        """The tokens after which nothing follows: those of the generation settings, else the tokenizer's end."""
        found = self.network.generation_config.eos_token_id
        found = self.tokenizer.eos_token_id if found is None else found
        return [] if found is None else [found] if isinstance(found, int) else list(found)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The tokens of each text, no special token among them: what looks like one in the text is text."""
        found = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,
        )
        return [self._encoded(*one) for one in zip(texts, found["input_ids"], found["offset_mapping"], strict=True)]

    def conversation(self, messages: list[dict[str, str]]) -> list[int]:
        """The tokens of a conversation in the tokenizer's chat template, up to where the assistant speaks."""
        rendered = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids: list[int] = self.tokenizer(rendered, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`; bytes that are no whole character become U+FFFD."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _encoded(self, text: str, ids: list[int], offsets: list[tuple[int, int]]) -> Encoded:
        bytes_before = np.concatenate([[0], np.cumsum(_utf8_lengths(text))])
        ends = np.maximum.accumulate(bytes_before[[end for _, end in offsets]]) if ids else np.zeros(0)
        return Encoded(np.array(ids, dtype=np.int64), ends.astype(np.int64), self.decode(ids) == text)


def open_model(what: str, name: str | None = None) -> LanguageModel:
    """The model at the path `what`: a run's folder (its pretrained model is taken), a Hugging Face folder, or a `.gguf` file.

    It computes in float32, on the accelerator where there is one.

    Raises:
        Refused: nothing there, or nothing that transformers can open as a causal language model with a fast tokenizer.
    """
    path = Path(what)
    if not path.exists():
        raise Refused(f"there is no model {what}: give a run's folder, a Hugging Face folder or a GGUF file")
    called = name or path.resolve().name
    if (path / IN_A_RUN / "config.json").exists():
        path = path / IN_A_RUN
    folder, file = (path.parent, path.name) if path.is_file() else (path, None)
    if file is None and not (folder / "config.json").exists():
        raise Refused(
            f"{what} holds no model (no config.json, no {IN_A_RUN}): give a run's folder, a Hugging Face folder or a GGUF file"
        )
    if file is not None and path.suffix != ".gguf":
        raise Refused(f"{what} is not a model: give a run's folder, a Hugging Face folder or a GGUF file")
    network, tokenizer = _load(folder, file)
    network.eval()
    if torch.accelerator.is_available():
        network.to(torch.accelerator.current_accelerator())
    begin = next(
        (one for one in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) if one is not None), None
    )
    if begin is None:
        raise Refused(
            f"the tokenizer of {what} has no begin, end or pad token to stand before a text: name one in tokenizer_config.json"
        )
    limit = getattr(network.config.get_text_config(), "max_position_embeddings", None) or LONGEST_CONTEXT
    return LanguageModel(called, network, tokenizer, int(begin), int(min(limit, LONGEST_CONTEXT)))


def _load(folder: Path, gguf_file: str | None) -> tuple[Any, Any]:
    """Network in float32 and fast tokenizer; nothing is fetched."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    where = str(folder / gguf_file) if gguf_file else str(folder)
    logging.disable_progress_bar()
    try:
        options: dict[str, Any] = {"gguf_file": gguf_file} if gguf_file else {}
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, **options)
        if gguf_file:  # blocks unpacked here, not by whatever kernel is installed: the same numbers everywhere
            options["quantization_config"] = GgufConfig(gguf_file=gguf_file, dequantize=True)
        network = AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True, dtype=torch.float32, **options)
    except Exception as error:  # whatever a foreign file provokes
        shown = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Refused(f"{where} cannot be opened as a causal language model ({shown}): check that its files are whole") from error
    if not tokenizer.is_fast:
        raise Refused(f"the tokenizer of {where} has no tokenizer.json: save one with transformers first")
    return network, tokenizer


def _utf8_lengths(text: str) -> npt.NDArray[np.int64]:
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return (1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)).astype(np.int64)
