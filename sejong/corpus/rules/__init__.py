"""Quality rules by name. A nation's `filters.toml` says which apply, in which order, with which limits.

A rule measures a batch of documents and says which of them it drops. What it measured becomes signals of the document; the first
rule that a document breaks, in the order of `filters.toml`, is the reason it is dropped. Beside the field's own families (Gopher,
C4, FineWeb; each test of a family has a limit that may be left out) there are rules of this project's own in `own`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sejong.corpus.judge import Step
from sejong.corpus.pages import Floats, Pages
from sejong.corpus.rules import c4, fineweb, gopher, mixed, own
from sejong.corpus.rules.registry import RULES, Rule, check_complete, check_limits
from sejong.errors import Refused, did_you_mean

__all__ = ["RULES", "STEPS", "Rule", "Verdicts", "c4", "check", "fineweb", "gopher", "judge", "mixed", "own", "prepare", "warm"]

# Named among the filters, done by other modules; each with its limits.
STEPS: dict[str, dict[str, Any]] = {
    "language": {"close": list, "telling": dict},
    "exact_duplicate": {},
    "contaminated": {"letters": int, "share": float},
    "low_quality": {"at_least": float, "unit": str},
    "word_list": {"at_most": float},
    "duplicate_lines": {"documents": int, "characters": int, "keep": str},
    "near_duplicate": {"letters": int, "prefer": list},
}


def check(filters: Sequence[str], limits: dict[str, dict[str, Any]]) -> None:
    """Refuse what can not be applied, before any work is done.

    Raises:
        Refused: a rule is unknown or named twice, a limit is unknown, missing, of the wrong kind or impossible.
    """
    for position, name in enumerate(filters):
        if name in filters[:position]:
            raise Refused(f"corpus.filters names the rule `{name}` twice: name it once")
        if name not in RULES and name not in STEPS:
            raise Refused(f"corpus.filters names the rule `{name}`, which does not exist: {did_you_mean(name, [*RULES, *STEPS])}")
        given = limits.get(name, {})
        check_limits(name, given, RULES[name].limits if name in RULES else STEPS[name])
        if name in RULES:
            check_complete(name, given)


def prepare(filters: Sequence[str], limits: dict[str, dict[str, Any]]) -> list[tuple[str, Step]]:
    """The rules among `filters` as steps, in order; names of other steps are passed over."""
    return [(name, RULES[name].step(limits.get(name, {}))) for name in filters if name in RULES]


def warm(filters: Sequence[str], limits: dict[str, dict[str, Any]], scripts: list[str]) -> None:
    """Have the kernels of the rules compiled, where they are not yet kept on disk: seconds, the first time on a machine. Worker
    processes that start behind this find them there."""
    for _, step in prepare(filters, limits):
        step(Pages(pa.array(["가나 다.\n"]), scripts))


@dataclass(frozen=True)
class Verdicts:
    """For each document the rule it breaks first (None: it breaks none) with the reason and the short name of the test; what
    every rule measured; the documents as the last rule leaves them."""

    rules: list[str | None]
    reasons: list[str | None]
    causes: list[str | None]
    signals: dict[str, Floats]
    pages: Pages


def judge(pages: Pages, filters: Sequence[str], limits: dict[str, dict[str, Any]]) -> Verdicts:
    """Apply the rules named in `filters`, in order, each to what those before it keep (the figures of a dropped document may be
    0); a rule that changes texts changes them for those behind it."""
    broken: list[str | None] = [None] * pages.count
    reasons: list[str | None] = [None] * pages.count
    causes: list[str | None] = [None] * pages.count
    signals: dict[str, Floats] = {}
    pages.ends = next((limits[name]["ends"] for name in filters if "ends" in limits.get(name, {})), None)
    for name, step in prepare(filters, limits):
        found = step(pages)
        signals |= found.signals
        for index in map(int, np.flatnonzero(found.broken & pages.asked)):
            broken[index], reasons[index], causes[index] = name, found.reason(index), found.cause(index)
        pages = (found.changed or pages).asking(pages.asked & ~found.broken)
    return Verdicts(broken, reasons, causes, signals, pages)
