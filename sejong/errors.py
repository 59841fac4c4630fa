"""The two ways a command ends badly. Each message is one sentence: what, where, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class SejongError(Exception):
    """What every error that a person should read derives from."""

    exit_status = 1


class Refused(SejongError):
    """The request was wrong; nothing was done. Exit status 2."""

    exit_status = 2


class Failed(SejongError):
    """The work was tried and failed; nothing half-written is left. Exit status 1."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The nearest names and the whole list, as the end of a sentence."""
    names = sorted(known)
    near = get_close_matches(wrong, names, n=2, cutoff=0.5)
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{guess}known: {', '.join(names) or 'none'}"
