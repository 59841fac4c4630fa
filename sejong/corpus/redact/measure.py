"""How much the search finds and how often it errs, counted on generated text.

For each kind, sentences of the nation (`pii.toml`, `templates`) with a valid identifier that is nobody's, and the same with a
wrong check digit; beside them sentences with other numbers (`negatives`): articles of law, dates, versions, prices, orders.
What this can not show: identifiers in forms nobody thought of, names and addresses (which have no form), and how often numbers
that are none occur in the nation's real text.
"""

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from sejong.corpus.redact.generate import SLOTS, broken, identifier
from sejong.corpus.redact.mask import hits, token
from sejong.errors import Refused

PLANTED, BROKEN, NEGATIVES = 200, 50, 600  # sentences: of each kind, of each kind, in all
Z = 1.959964  # the normal distribution's quantile for an interval of 95%


def measured(kinds: Sequence[str], rules: Mapping[str, Any], seed: int) -> list[dict[str, Any]]:
    """Precision and recall of each kind, all kinds searched at once.

    Args:
        rules: `pii.toml`: `templates` (sentences with {} by kind; the bare identifier where there are none), `negatives`
            (sentences with slots of `generate.SLOTS`) and `words`.

    Returns:
        A row a kind: `kind`, `planted`, `found` (masked as a whole, with the right token), `missed`, `false` (masks of this
        kind where nothing or something else stood), `precision` and `recall` (null where nothing was counted) with
        `precision_interval` and `recall_interval` (Wilson, 95%).

    Raises:
        Refused: a template or negative has no place for what it should hold.
    """
    chance = Random(seed)
    sentences: list[str] = []
    truth: list[tuple[int, int, str] | None] = []
    for kind in kinds:
        templates = [_halves(one, kind) for one in rules.get("templates", {}).get(kind, ["{}"])]
        for count in range(PLANTED + BROKEN):
            before, behind = chance.choice(templates)
            own = identifier(kind, chance) if count < PLANTED else broken(kind, chance)
            if own:
                sentences.append(before + own + behind)
                truth.append((len(before), len(before) + len(own), kind) if count < PLANTED else None)
    negatives = list(rules.get("negatives", ()))
    for _ in range(NEGATIVES if negatives else 0):
        sentences.append(_filled(chance.choice(negatives), chance))
        truth.append(None)
    return _counted(kinds, truth, _found(sentences, kinds, rules.get("words")))


def _found(sentences: list[str], kinds: Sequence[str], words: Any) -> list[list[tuple[int, int, str]]]:
    """What is masked in each sentence, in characters."""
    encoded = [one.encode() for one in sentences]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    found: list[list[tuple[int, int, str]]] = [[] for _ in sentences]
    for start, end, document, kind in hits(np.frombuffer(b"".join(encoded), np.uint8), offsets, kinds, words):
        own, low = encoded[document], int(offsets[document])
        first = len(own[: start - low].decode())
        found[document].append((first, first + len(own[start - low : end - low].decode()), kinds[kind]))
    return found


def _counted(
    kinds: Sequence[str], truth: list[tuple[int, int, str] | None], found: list[list[tuple[int, int, str]]]
) -> list[dict[str, Any]]:
    planted, right, wrong = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    for real, masks in zip(truth, found, strict=True):
        if real:
            planted[real[2]] += 1
        for start, end, kind in masks:
            if real and real[:2] == (start, end) and token(real[2]) == token(kind):
                right[real[2]] += 1
            else:
                wrong[kind] += 1
    return [
        {
            "kind": kind,
            "planted": planted[kind],
            "found": right[kind],
            "missed": planted[kind] - right[kind],
            "false": wrong[kind],
            "precision": _share(right[kind], right[kind] + wrong[kind]),
            "precision_interval": wilson(right[kind], right[kind] + wrong[kind]),
            "recall": _share(right[kind], planted[kind]),
            "recall_interval": wilson(right[kind], planted[kind]),
        }
        for kind in kinds
    ]


def wilson(hit: int, total: int) -> list[float] | None:
    """The 95% interval of a share (Wilson 1927); None where nothing was counted."""
    if not total:
        return None
    share, square = hit / total, Z * Z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = Z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return [round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)]


def _share(hit: int, total: int) -> float | None:
    return round(hit / total, 4) if total else None


def _halves(template: str, kind: str) -> tuple[str, str]:
    before, brace, behind = template.partition("{}")
    if not brace:
        raise Refused(f"pii.toml has the template `{template}` for `{kind}`, which has no {{}} where the identifier goes: add it")
    return before, behind


class _Draws(dict[str, str]):
    """What slots stand for: drawn anew at each place."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.chance = chance

    def __missing__(self, slot: str) -> str:
        return SLOTS[slot](self.chance)


def _filled(negative: str, chance: Random) -> str:
    try:
        return negative.format_map(_Draws(chance))
    except (KeyError, ValueError, IndexError) as error:
        raise Refused(
            f"pii.toml has the negative `{negative}`; in braces it may name only {', '.join(sorted(SLOTS))}: correct {error}"
        ) from error
