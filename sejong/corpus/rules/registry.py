"""The quality rules by name, each a function of a batch and its limits, and what is asked of the limits that are given."""

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Union, get_args, get_origin

from sejong.corpus.judge import Judgement, Step
from sejong.errors import Refused, did_you_mean

Shares = list[tuple[int, float]]  # of n-grams: their length in words, and a share of the text


@dataclass(frozen=True)
class Rule:
    """A rule. Limits without a default must be given; of `pairs` the second must be given where the first is."""

    judge: Callable[..., Judgement]
    pairs: dict[str, str]

    @property
    def limits(self) -> dict[str, Any]:
        """The names of its limits, each with its kind."""
        return {name: one.annotation for name, one in self._parameters().items()}

    @property
    def required(self) -> list[str]:
        """The limits without which it says nothing."""
        return [name for name, one in self._parameters().items() if one.default is inspect.Parameter.empty]

    def step(self, limits: dict[str, Any]) -> Step:
        """The rule with its limits."""
        return partial(self.judge, **limits)

    def _parameters(self) -> dict[str, inspect.Parameter]:
        return {name: one for name, one in inspect.signature(self.judge).parameters.items() if name != "pages"}


RULES: dict[str, Rule] = {}


def rule(**pairs: str) -> Callable[[Callable[..., Judgement]], Callable[..., Judgement]]:
    """Register a rule under its function's name. Its keywords are its limits; `pairs` names the limit that one asks for."""

    def register(judge: Callable[..., Judgement]) -> Callable[..., Judgement]:
        RULES[judge.__name__] = Rule(judge, pairs)
        return judge

    return register


def check_limits(name: str, given: dict[str, Any], kinds: dict[str, Any]) -> None:
    """Refuse limits that a rule does not have or that are of the wrong kind.

    Raises:
        Refused: says which, and what to give.
    """
    for limit, value in given.items():
        if limit not in kinds:
            raise Refused(f"the rule `{name}` has no limit `{limit}`: {did_you_mean(limit, kinds)}")
        if fault := _fault(value, kinds[limit]):
            raise Refused(f"the limit `{limit}` of the rule `{name}` is {value!r}: {fault}")
        if limit == "unit":
            from sejong.language import units

            units.check(value)


def check_complete(name: str, given: dict[str, Any]) -> None:
    """Refuse a rule that lacks limits.

    Raises:
        Refused: names the first that is missing.
    """
    own = RULES[name]
    missing = [limit for limit in own.required if limit not in given]
    missing += [needed for limit, needed in own.pairs.items() if limit in given and needed not in given]
    if missing:
        raise Refused(f"the rule `{name}` needs the limit `{missing[0]}`: give it under [{name}] in the nation's filters.toml")
    if not given and own.limits:
        raise Refused(f"the rule `{name}` has no limit: give at least one under [{name}] in the nation's filters.toml")


def _fault(value: Any, kind: Any) -> str | None:
    """What to do about a value that is not of a kind."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if kind == Shares:
        pairs = isinstance(value, list) and all(isinstance(one, list | tuple) and len(one) == 2 for one in value)
        if not pairs or not all(_is_a(n, int) and n > 0 and _is_a(share, float) for n, share in value):
            return "give a list of pairs, each a number of words from one on and a share, such as [[2, 0.2]]"
        return None
    base = get_origin(kind) or kind
    if not _is_a(value, base):
        return f"give a value of kind {base.__name__}"
    if isinstance(value, list) and not all(isinstance(one, str) and one for one in value):
        return "give a list of texts in quotation marks"
    return "give at least one character" if value == "" else None


def _is_a(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    return isinstance(value, (int, float) if kind is float else kind)
