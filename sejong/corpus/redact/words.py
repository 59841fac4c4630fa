"""Words beside an identifier: a nation's `pii.toml` names those that make one more likely, and those that make it less so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sejong.corpus.redact.forms import LIKELY, POSSIBLE

Words = Mapping[str, Mapping[str, Sequence[str]]]
"""A kind's `near` and `unlike` words."""

BEFORE, BEHIND = 48, 16  # characters that are read for `near` words
CLOSE = 20  # characters before that are read for `unlike` words


@dataclass(frozen=True)
class Company:
    """The words of one kind; None where it has none."""

    near: re.Pattern[str] | None
    unlike: re.Pattern[str] | None
    needed: bool

    def masks(self, grade: int, before: str, behind: str) -> bool:
        """Whether an identifier of this grade between these characters is masked.

        Without words the form alone decides, and it is masked: rather one mask too many than one too few.
        """
        if grade == POSSIBLE and self.near is None and not self.needed:
            return True
        if grade < LIKELY and self.near and (self.near.search(before[-BEFORE:]) or self.near.search(behind[:BEHIND])):
            grade += 1
        if self.unlike and self.unlike.search(before[-CLOSE:]):
            grade -= 1
        return grade >= LIKELY


def company(near: Sequence[str], always: Sequence[str], unlike: Sequence[str]) -> Company:
    """`always` are the words that come with the kind: with them, a possible identifier needs one, or a nation's."""
    return Company(_any([*near, *always]), _any(unlike), bool(always))


def _any(words: Sequence[str]) -> re.Pattern[str] | None:
    """Any of the words, in whatever case; Latin letters before or behind would make it another word."""
    if not words:
        return None
    latin = "A-Za-zÀ-ɏḀ-ỿ"
    parts = [
        (rf"(?<![{latin}])" if re.match(f"[{latin}]", one) else "")
        + re.escape(one)
        + (rf"(?![{latin}])" if re.search(f"[{latin}]$", one) else "")
        for one in sorted(set(words), key=lambda one: (-len(one), one))
    ]
    return re.compile("|".join(parts), re.IGNORECASE)
