"""The licence of each document against the recipe's list: SPDX expressions, globs, and `unknown` as a class of its own."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from license_expression import Licensing

from sejong.corpus.judge import Judgement, Step
from sejong.corpus.pages import Pages
from sejong.language.scripts import Bools
from sejong.recipe import CorpusSettings

UNKNOWN = "unknown"
NOT_KNOWN = {"", UNKNOWN, "noassertion", "none"}  # SPDX's two words for it, and ours
Accepts = Callable[[str], bool]

_LICENSING = Licensing()


def prepare(settings: CorpusSettings) -> Step:
    """A step that drops documents whose licence `corpus.licences` does not name."""
    accepts = accepting(settings.licences)
    listed = ", ".join(settings.licences) or "none"

    def step(pages: Pages) -> Judgement:
        licences, codes = distinct(pages.table["licence"])

        def reason(index: int) -> str:
            licence = licences[codes[index]]
            if not satisfied(licence, lambda one: one != UNKNOWN):
                return f"no licence is known for it: name `{UNKNOWN}` in corpus.licences to accept such text (named: {listed})"
            return f"its licence {licence} is not one of corpus.licences (named: {listed})"

        broken = np.array([not satisfied(one, accepts) for one in licences], bool)
        return Judgement(broken[codes], reason)

    return step


def accepting(licences: Sequence[str]) -> Accepts:
    """Whether a licence's identifier fits one of the globs; `*` does not stand for `unknown`, which must be named."""
    globs = [one.lower() for one in licences]

    def accepts(one: str) -> bool:
        return UNKNOWN in globs if one == UNKNOWN else any(fnmatchcase(one.lower(), glob) for glob in globs)

    return accepts


def satisfied(licence: str | None, accepts: Accepts) -> bool:
    """Whether the text may be used where `accepts` says which single licences are acceptable: of `A AND B` both must be, of
    `A OR B` one. A text that is no SPDX expression counts as one licence of that name."""
    return _satisfied(_parsed(licence or ""), accepts)


def depends_on(licence: str | None, glob: str) -> bool:
    """Whether the text may not be used without the licences that `glob` names (`unknown`: whether none is known)."""
    lower = glob.lower()
    return not satisfied(licence, lambda one: not fnmatchcase(one.lower(), lower) or (one == UNKNOWN) != (lower == UNKNOWN))


def is_unknown(licence: str | None) -> bool:
    """Whether no licence is known."""
    return (licence or "").strip().lower() in NOT_KNOWN


def distinct(column: Any) -> tuple[list[str | None], Any]:
    """The different values of a column, and for each row which of them it has."""
    encoded = pa.chunked_array([column]) if isinstance(column, pa.Array) else column
    whole = encoded.combine_chunks().dictionary_encode(null_encoding="encode")
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    return whole.dictionary.to_pylist(), whole.indices.to_numpy()


def named(table: Any, glob: str) -> Bools:
    """Which rows of a table could not be used without the licences that `glob` names."""
    licences, codes = distinct(table["licence"])
    found = np.array([depends_on(one, glob) for one in licences], bool)
    which: Bools = found[codes]
    return which


@lru_cache(maxsize=4096)
def _parsed(licence: str) -> Any:
    """The expression, or the whole text as one name where it is none."""
    try:
        return _LICENSING.parse(licence)
    except Exception:  # its parser also runs into an IndexError, say, on text that is no expression
        return licence


def _satisfied(expression: Any, accepts: Accepts) -> bool:
    if expression is None or isinstance(expression, str):
        return accepts(_name(expression or ""))
    parts = getattr(expression, "args", ())
    if parts and expression.operator.strip() == "AND":
        return all(_satisfied(one, accepts) for one in parts)
    if parts:
        return any(_satisfied(one, accepts) for one in parts)
    licence = getattr(expression, "license_symbol", None)  # `L WITH exception` grants more than L alone
    return accepts(_name(expression.render())) or (licence is not None and accepts(_name(licence.key)))


def _name(name: str) -> str:
    return UNKNOWN if is_unknown(name) else name
