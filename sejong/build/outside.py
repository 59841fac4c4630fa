"""Models and files made by others that a recipe names: where they lie on this machine, and the hash that stands for them."""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from sejong.errors import Refused
from sejong.flow import sha256_file
from sejong.tokenizer.named import installed

BASELINES = "baselines"  # where `make baselines` puts them; SEJONG_BASELINES names another folder


def outside_model(given: str) -> dict[str, str]:
    """A model folder or file as settings hold it: its name, its hash, and its path, which enters no identity.

    Raises:
        Refused: there is nothing at that path.
    """
    path = Path(given)
    if not path.exists():
        raise Refused(f"there is no model at {path}: give a Hugging Face folder or a GGUF file")
    return {"name": path.stem if path.is_file() else path.resolve().name, "sha256": _hash(path.resolve()), "path": str(path)}


def outside_file(given: str) -> dict[str, str]:
    """A file of data as settings hold it: its name, its hash, and its path, which enters no identity.

    Raises:
        Refused: there is no file at that path.
    """
    path = Path(given)
    if not path.is_file():
        raise Refused(f"there is no file {path}: give the path of one file")
    return {"name": path.name.partition(".json")[0], "sha256": _hash(path.resolve()), "path": str(path)}


def baselines() -> list[dict[str, str]]:
    """The open models that `make baselines` installed, to compare with."""
    folder = Path(os.environ.get("SEJONG_BASELINES", BASELINES))
    return [outside_model(str(path.parent)) for path in sorted(folder.glob("*/config.json"))]


def vocabularies() -> list[dict[str, str]]:
    """The vocabularies of others that are installed, and those of the installed models."""
    named = [one.model_dump() | {"path": one.path} for one in installed()]
    return named + [{**one, "path": f"{one['path']}/tokenizer.json"} for one in baselines()]


def compared_with(asked: list[str]) -> dict[str, dict[str, Any]]:
    """Settings of `evaluate` and `comparison` for the baselines asked for: `ngram`, `installed`, or a model's path."""
    here = "installed" in asked
    models = [*(baselines() if here else []), *(outside_model(one) for one in asked if one not in ("ngram", "installed"))]
    names = [one for one in asked if one == "ngram"] + [one["name"] for one in models]
    return {"evaluate": {"baselines": names, "models": models}, "comparison": {"against": vocabularies() if here else []}}


@cache
def _hash(path: Path) -> str:
    if path.is_file():
        return sha256_file(path)
    files = sorted(one for one in path.rglob("*") if one.is_file())
    listed = "".join(f"{sha256_file(one)}  {one.relative_to(path).as_posix()}\n" for one in files)
    return hashlib.sha256(listed.encode()).hexdigest()
