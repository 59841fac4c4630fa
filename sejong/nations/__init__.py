"""A nation is a folder of data. This file finds it, reads it and says what is wrong with it; it knows no country."""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sejong.errors import Refused, did_you_mean

FOLDER = Path(__file__).parent


class Identity(BaseModel):
    """`nation.toml`: who this is and which named parts its language needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the nation's name in English")
    endonym: str = Field(description="the nation's name in its own language")
    language: str = Field(description="ISO 639-1 code", min_length=2, max_length=3)
    language_name: str = Field(description="the language's name in English")
    language_endonym: str = Field(description="the language's name in itself")
    scripts: list[str] = Field(description="Unicode script names the language is written in, such as Hangul")
    segmenter: str = Field(description="registry name of the word segmenter: kiwi, sudachi, words, characters …")
    pieces: str = Field(description="registry name of the tokenizer's pre-segmentation")
    encodings: list[str] = Field(description="legacy encodings to try, most likely first")


class Nation:
    """One nation's folder. Files are read when asked for; a fault names the file and the key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder.name

    @cached_property
    def identity(self) -> Identity:
        """`nation.toml`, checked."""
        try:
            return Identity.model_validate(self.toml("nation.toml"))
        except ValueError as error:
            raise Refused(f"{self.folder / 'nation.toml'}: {error}") from error

    def toml(self, name: str) -> dict[str, Any]:
        """A TOML file of the folder as a dictionary.

        Raises:
            Refused: it is missing or not valid TOML.
        """
        path = self.folder / name
        try:
            return tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError as error:
            raise Refused(f"{path} is missing: a nation's folder needs it (compare {FOLDER / 'korea' / name})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Refused(f"{path} is not valid TOML: {error}") from error


def names() -> list[str]:
    """The nations that ship with Sejong."""
    return sorted(one.name for one in FOLDER.iterdir() if (one / "nation.toml").exists())


def load(name: str, folder: Path | None = None) -> Nation:
    """The nation called `name`, or the one in `folder`.

    Raises:
        Refused: there is no such nation (the nearest names are given).
    """
    if folder is not None:
        if not (folder / "nation.toml").exists():
            raise Refused(f"{folder} is not a nation's folder: it has no nation.toml")
        return Nation(folder)
    if name not in names():
        raise Refused(f"there is no nation `{name}`: {did_you_mean(name, names())}; or give your own with --nation DIR")
    return Nation(FOLDER / name)
