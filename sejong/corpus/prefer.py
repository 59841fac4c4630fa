"""Which of several copies stays: the order that `near_duplicate.prefer` of filters.toml declares.

Keys, the most important first: `source:NAME` (documents of that source before others), `longest` (most characters), `quality`
(the highest score of the quality classifier). The smallest id decides at last. Without the setting, the longest stays.
"""

from typing import Any

import numpy as np

from sejong.corpus.piece import SIGNAL, Piece
from sejong.errors import Refused, did_you_mean
from sejong.recipe import CorpusSettings

DEFAULT = ["longest"]
SOURCE = "source:"
QUALITY = "quality"  # the signal
WORDS = ("longest", QUALITY, "id")


def check(settings: CorpusSettings) -> None:
    """Refuse an order that cannot be applied.

    Raises:
        Refused: a key is unknown.
    """
    for key in _declared(settings):
        if key not in WORDS and not str(key).startswith(SOURCE):
            known = did_you_mean(str(key), [*WORDS, f"{SOURCE}NAME"])
            raise Refused(f"`prefer` of the rule `near_duplicate` names `{key}`, which is no order of documents: {known}")


def keys(settings: CorpusSettings, pieces: list[Piece], characters: Any) -> list[Any]:
    """One array a key, a value a document: the smaller is preferred."""
    made: list[Any] = []
    for key in _declared(settings):
        if key == "longest":
            made.append(-characters.astype(np.int64))
        elif key == QUALITY:
            made.append(-_column(pieces, SIGNAL + QUALITY, np.float32))
        elif key.startswith(SOURCE):
            made.append(_column(pieces, "source", object) != key.removeprefix(SOURCE))
    return made


def _declared(settings: CorpusSettings) -> list[str]:
    declared: list[str] = settings.rules.get("near_duplicate", {}).get("prefer", DEFAULT)
    return declared


def _column(pieces: list[Piece], name: str, kind: Any) -> Any:
    """A column of all pieces; 0 where a piece has it not."""
    parts = [np.empty(0, kind)]
    for piece in pieces:
        known = name == "source" or name.removeprefix(SIGNAL) in piece.said()["signals"]
        column = piece.documents([name])[name].to_numpy() if known else np.zeros(len(piece.array("bytes")))
        parts.append(column.astype(kind))
    return np.concatenate(parts)
