"""A nation is a folder of data. This file finds it, reads it and says what is wrong with it; it knows no country.

Beside the nations lie the limits of the standard rules by language (`languages/<code>.toml`), which a nation's filters.toml need
not repeat.
"""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sejong.errors import Refused, did_you_mean

FOLDER = Path(__file__).parent
LANGUAGES = FOLDER / "languages"

# Limits that hold in one unit only: a share of morphemes is not a share of what stands between spaces.
IN_UNITS = {
    "gopher_quality": {
        "min_words", "max_words", "min_word_length", "max_word_length", "max_symbol_ratio", "min_alphabetic_words",
        "min_stop_words", "stop_words",
    },
    "gopher_repetition": {"top_ngrams", "duplicate_ngrams"},
    "fineweb": {"max_newline_ratio"},
}  # fmt: skip


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
    ocr: list[str] = Field(default=[], description="Tesseract's language packs for scanned pages; empty: what the scripts need")


class Language(BaseModel):
    """`languages/<code>.toml`: limits of the standard rules that others measured for a language, and in which unit."""

    model_config = ConfigDict(extra="allow", frozen=True)

    code: str = Field(description="ISO 639-1 code, or ISO 639-3 where there is none")
    name: str = Field(description="the language's name in English")
    source: str = Field(description="where the numbers come from")
    unit: str = Field(description="the unit that counts as a word: a name of sejong.language.units")
    measured_with: str = Field(description="the tokenizer behind the numbers, and how near the unit is to it")

    @property
    def limits(self) -> dict[str, dict[str, Any]]:
        """The tables of the file: limits by rule."""
        return {name: dict(table) for name, table in (self.model_extra or {}).items()}


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


def with_limits(filters: dict[str, dict[str, Any]], code: str) -> dict[str, dict[str, Any]]:
    """A nation's filters.toml with what it leaves open filled in from the language's file, where there is one.

    A rule named in `filters` takes each limit that its table does not state. Limits that hold in one unit only are taken only
    where the rule's `unit` is the file's, or is not stated; then the rule counts in the file's unit.
    """
    if code not in languages():
        return {rule: dict(own) for rule, own in filters.items()}
    known = language(code)
    filled = {}
    for rule, own in filters.items():
        offered = known.limits.get(rule, {}) if rule != "language" else _identifying(known)
        if bound := IN_UNITS.get(rule, set()) & offered.keys():
            if own.get("unit", known.unit) == known.unit:
                offered = {"unit": known.unit, **offered}
            else:
                offered = {limit: value for limit, value in offered.items() if limit not in bound}
        filled[rule] = {**offered, **own}
    return filled


def _identifying(known: Language) -> dict[str, Any]:
    """The limits of the rule `language`: the language's own score, and the words that tell it from its rivals, by code."""
    own = known.limits.get("language", {})
    codes = [known.code, *own.get("rivals", [])]
    lists = {code: language(code).limits.get("language", {}).get("telling", []) for code in codes if code in languages()}
    telling = {code: words for code, words in lists.items() if words}
    return {"score": own["score"], **({"telling": telling} if len(telling) > 1 else {})}


def languages() -> list[str]:
    """The codes of the languages whose limits ship with Sejong."""
    return sorted(one.stem for one in LANGUAGES.glob("*.toml"))


def language(code: str) -> Language:
    """The limits known for a language.

    Raises:
        Refused: none are known (the nearest codes are given).
    """
    if code not in languages():
        raise Refused(
            f"no limits of the language `{code}` ship with Sejong: {did_you_mean(code, languages())}; "
            "derive them from your own text with `sejong build NATION --to corpus --calibrate`"
        )
    return Language.model_validate(tomllib.loads((LANGUAGES / f"{code}.toml").read_text("utf-8")))


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
