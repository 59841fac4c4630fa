"""Find the models to compare with: by path, or by the name of a folder that `make baselines` filled."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from sejong.errors import Refused, did_you_mean
from sejong.flow import sha256_file
from sejong.recipe import OutsideModel

COUNTED = "ngram"  # made in the stage itself, nothing to find
FILES = ("config.json", "*.safetensors", "tokenizer.json", "tokenizer_config.json")


def home() -> Path:
    """Where `make baselines` puts them: $SEJONG_BASELINES, or `baselines` in the current folder."""
    return Path(os.environ.get("SEJONG_BASELINES", "baselines"))


def installed() -> list[str]:
    """Names of the models in `home()` that can be compared with."""
    return sorted(path.parent.name for path in home().glob("*/config.json"))


def find(names: Sequence[str]) -> list[OutsideModel]:
    """The models that `names` are: a path to a Hugging Face folder or GGUF file, or one of `installed()`.

    Returns:
        name, hash and path of each, in the order given, without `ngram`.

    Raises:
        Refused: there is no such path and nothing of that name is installed.
    """
    return [_found(name) for name in names if name != COUNTED]


def digest(path: Path) -> str:
    """The sha256 that names a model: of the file, or over names and hashes of a folder's weights, settings and tokenizer."""
    if path.is_file():
        return sha256_file(path)
    files = sorted(one for pattern in FILES for one in path.glob(pattern))
    if not files:
        raise Refused(f"{path} holds no model (no config.json): give a Hugging Face folder or a GGUF file")
    listed = "".join(f"{one.name} {sha256_file(one)}\n" for one in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _found(name: str) -> OutsideModel:
    path = home() / name if name in installed() else Path(name)
    if not path.exists():
        known = [COUNTED, *installed()]
        raise Refused(
            f"there is no model `{name}` to compare with ({did_you_mean(name, known)}): give a path, or run `make baselines`"
        )
    return OutsideModel(name=path.resolve().name, sha256=digest(path), path=str(path))
