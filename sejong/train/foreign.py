"""Starting from an open model made by others: what was loaded is recorded, so that nobody takes the result for independent."""

import json
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel

from sejong.errors import Refused, did_you_mean
from sejong.flow import sha256_file
from sejong.recipe import OutsideModel
from sejong.train.initial import uniform

SHAPES = ("llama", "qwen2", "qwen3")  # whose layers take a mask of documents and whose logits are a plain product
CARD_LINES = 40


def load(
    base: OutsideModel, tokenizer: Path, seed: int, vocabulary: int, special: dict[str, int]
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The open model at `base.path` with its vocabulary turned into ours, and the record of where it came from.

    A token that both vocabularies have keeps its vector; a new one starts near the mean of theirs, drawn from the seed.

    Raises:
        Refused: not a Hugging Face folder, or a kind of model that this loop does not train.
    """
    folder = Path(base.path)
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8"))["model_type"]
        theirs = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    except Exception as error:  # tokenizers raises plain Exception
        raise Refused(f"pretrain.base {folder} is not a model folder with config.json and tokenizer.json ({error})") from error
    if kind not in SHAPES:
        raise Refused(f"pretrain.base {folder} is a {kind} model, which cannot be continued: {did_you_mean(kind, SHAPES)}")
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )
    ours = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).get_vocab()
    before = [one.detach().clone() for one in embedding_weights(model)]
    cast(Any, model).resize_token_embeddings(vocabulary, mean_resizing=False)
    with torch.no_grad():
        for one, weight in zip(embedding_weights(model), before, strict=True):
            one.copy_(adapted(weight, theirs, ours, vocabulary, seed))
    model.config.pad_token_id, model.config.bos_token_id = special["pad"], special["begin"]
    model.config.eos_token_id = [special["end"], special["turn"]]
    cast(torch.nn.Embedding, model.get_input_embeddings()).padding_idx = None
    return model, record(base.name, folder)


def embedding_weights(model: PreTrainedModel) -> list[torch.Tensor]:
    """(vocabulary, width), where tokens enter and where they leave; the two may be one."""
    return [cast(torch.Tensor, one.weight) for one in (model.get_input_embeddings(), model.get_output_embeddings())]


def adapted(weight: torch.Tensor, theirs: dict[str, int], ours: dict[str, int], vocabulary: int, seed: int) -> torch.Tensor:
    """(vocabulary, width): the rows of shared tokens as they were, the others around the mean of all."""
    width = weight.shape[1]
    rows = weight.mean(0) + torch.from_numpy(uniform("new tokens", (vocabulary, width), float(weight.std()), seed))
    shared = [(ours[token], number) for token, number in sorted(theirs.items()) if token in ours and number < len(weight)]
    if shared:
        to, of = (torch.tensor(part) for part in zip(*shared, strict=True))
        rows[to] = weight[of]
    return rows


def record(name: str, folder: Path) -> dict[str, Any]:
    """Name, licence as its own files state it, and the hash of every file."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return {
        "name": name,
        "licence": config.get("license") or card_licence(folder / "README.md"),
        "files": {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()},
    }


def card_licence(card: Path) -> str | None:
    """The `license:` line at the head of a model card."""
    if not card.exists():
        return None
    lines = card.read_text("utf-8", errors="replace").splitlines()[:CARD_LINES]
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("license:")), None)
