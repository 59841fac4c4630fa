"""What the written forms of numbers have in common. All patterns are for normal text: ASCII digits, hyphens and spaces."""

import re
from collections.abc import Callable, Iterator

Found = tuple[int, int, int]  # start, end, grade

POSSIBLE, LIKELY, CERTAIN = 0, 1, 2
"""How sure form and check digit alone make it; words nearby move it by one, and from LIKELY on it is masked."""

# A digit or Latin letter right before or behind makes it part of something else, and so does a piece of a longer number, a date
# or a sum (one to three digits and a comma or slash); a Korean particle behind does not, nor another number after a comma.
NOT_INSIDE = r"(?<![0-9][.:\-])(?<!(?<![0-9])[0-9][,/])(?<!(?<![0-9])[0-9]{2}[,/])(?<!(?<![0-9])[0-9]{3}[,/])"
BEFORE = rf"(?<![A-Za-z0-9+]){NOT_INSIDE}"
BEHIND = r"(?![A-Za-z0-9]|[.:\-][0-9]|[,/][0-9]{1,3}(?![0-9\-)]))"
JOIN = r"(?: ?- ?| )?"
COUNTING = "012345678901234567890 98765432109876543210"
BREAK = re.compile(r"[).]*[ (]+")


def checked(pattern: re.Pattern[str], grade: Callable[[str], int | None]) -> Callable[[str], Iterator[Found]]:
    """Matches that `grade` takes for real, or their longest such beginning up to a space: what follows may be digits too."""

    def look(text: str) -> Iterator[Found]:
        position = 0
        while match := pattern.search(text, position):
            start, end = match.span()
            position = 0
            breaks = [start + one.start() for one in BREAK.finditer(match.group())]
            for stop in [end, *reversed(breaks)]:
                sure = _placed(text, start, stop, grade(text[start:stop]))
                if sure is not None:
                    yield start, stop, sure
                    position = stop
                    break
            position = position or (breaks[0] + 1 if breaks else end)

    return look


def _placed(text: str, start: int, stop: int, sure: int | None) -> int | None:
    """The grade in its place: bare digits behind a slash or an equals sign are rather a part of an address or a key, and
    digits that only count up or repeat one stand in examples."""
    raw = text[start:stop]
    if sure is None or not raw.isdigit():
        return sure
    if raw in COUNTING or len(set(raw)) == 1:
        return None
    if start and text[start - 1] in "/=":
        return sure - 1 if sure > POSSIBLE else None
    return sure


def digits_of(raw: str) -> str:
    """The digits without what stands between them."""
    return "".join(filter(str.isdigit, raw))
