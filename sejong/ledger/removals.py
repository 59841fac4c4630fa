"""`removals.jsonl`: what was taken down from a run, one line each with its date. It persists with the run and is sealed with it.

A build applies what is in it; kind and value enter the corpus's identity, the date and the reason do not.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sejong.errors import Refused
from sejong.flow import atomic

NAME = "removals.jsonl"


def read(run: Path) -> list[dict[str, str]]:
    """The lines of a run's file: kind, value, date and, where one was given, reason. None of it where nothing was taken down.

    Raises:
        Refused: the file cannot be read; a removal is never passed over.
    """
    path = run / NAME
    try:
        lines = path.read_text("utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read ({error}): restore it, since it says what must not be used") from error
    return [_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def missing(run: Path, rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Those of `rows` that the run's file does not say yet."""
    known = {(one["kind"], one["value"]) for one in read(run)}
    asked = {(one["kind"], one["value"]): one for one in rows}
    return [one for named, one in asked.items() if named not in known]


def add(run: Path, rows: Iterable[dict[str, str]]) -> None:
    """Add what the file does not say yet."""
    if new := missing(run, rows):
        with atomic(run / NAME) as path:
            path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*read(run), *new]), "utf-8")


def settings(rows: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """Rows as `corpus.removals` has them: kind and value, sorted, each once."""
    found = {(str(one.get("kind", "")), str(one.get("value", ""))) for one in rows}
    return [{"kind": kind, "value": value} for kind, value in sorted(found)]


def _line(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path}, line {number}, is not JSON: restore it, since it says what must not be used") from error
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) and found[key] for key in ("kind", "value")):
        raise Refused(f"{path}, line {number}, names no kind and value: restore it, since it says what must not be used")
    return found
