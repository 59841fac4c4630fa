"""Which paths match glob patterns, as in `.gitignore`: `**` crosses folders, `*` does not."""

import re
from collections.abc import Iterable
from pathlib import Path


def expression(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression that fully matches a path (with forward slashes) where any of the patterns does."""
    return re.compile("|".join(f"(?:{_one(pattern)})" for pattern in patterns))


def matching(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Relative paths of the regular files (no links) under `folder` that match any of the patterns, sorted."""
    wanted = expression(patterns)
    found = (one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())
    return sorted(path for one in found if wanted.fullmatch(path := one.relative_to(folder).as_posix()))


def _one(pattern: str) -> str:
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern))
