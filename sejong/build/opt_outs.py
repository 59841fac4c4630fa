"""Opt-out lists that a recipe names by file, read into what the corpus's settings hold: their content counts, not where they lie.

A `.toml` or `.json` file has `name`, `date`, `entries` and, where wanted, `robots` and `tdmrep`: tables of `host` and `text`, or
`file` for a path beside the list. Any other file is one entry a line, with `# name:` and `# date:` among its comments.
"""

import hashlib
import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from sejong.errors import Refused

COMMENT = re.compile(r"#\s*(name|date)\s*:\s*(.+)", re.IGNORECASE)
SAID = ("robots", "tdmrep")


def read(given: Any) -> list[dict[str, Any]]:
    """`corpus.opt_outs` as a recipe gives it: paths of files, and tables that stand in the recipe itself.

    Raises:
        Refused: a file cannot be read, or is no list.
    """
    listed = given if isinstance(given, list) else [given]
    return [_table(_file(Path(one)), Path(one)) if isinstance(one, str) else _table(one, Path("recipe")) for one in listed]


def beside(folder: Path, given: Any) -> Any:
    """The same with paths taken as relative to a folder."""
    if isinstance(given, str):
        return str(folder / given)
    return [str(folder / one) if isinstance(one, str) else one for one in given] if isinstance(given, list) else given


def _file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            found = json.loads(text)
            return found if isinstance(found, dict) else {"entries": found}
    except FileNotFoundError as error:
        raise Refused(f"there is no opt-out list {path}: check corpus.opt_outs") from error
    except (OSError, ValueError) as error:  # of UTF-8, TOML and JSON alike
        raise Refused(f"the opt-out list {path} cannot be read: {error}") from error
    lines = [line.strip() for line in text.splitlines()]
    stated = {found[1].lower(): found[2].strip() for line in lines if (found := COMMENT.fullmatch(line))}
    return {**stated, "entries": [line for line in lines if line and not line.startswith("#")]}


def _table(found: Any, path: Path) -> dict[str, Any]:
    """A list with the files it names read, dates as text, and a name: its own, else one made from what it says."""
    if not isinstance(found, dict):
        raise Refused(f"corpus.opt_outs cannot hold {found!r}: give paths of files, or tables with name, date and entries")
    table = dict(found)
    if "date" in table:
        table["date"] = _day(table["date"])
    for kind in SAID:
        if kind in table:
            table[kind] = [_said(one, path) for one in (table[kind] if isinstance(table[kind], list) else [table[kind]])]
    if "name" not in table:
        content = json.dumps(table, sort_keys=True, ensure_ascii=False, default=str)
        table["name"] = f"list {hashlib.sha256(content.encode()).hexdigest()[:12]}"
    return table


def _said(one: Any, path: Path) -> Any:
    if not isinstance(one, dict):
        return one
    said = {key: _day(value) if key == "date" else value for key, value in one.items() if key != "file"}
    if "file" in one:
        named = path.parent / str(one["file"])
        try:
            said["text"] = named.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            raise Refused(f"{named}, which the opt-out list {path} names, cannot be read ({error.strerror})") from error
    return said


def _day(value: Any) -> str:
    return value.isoformat()[:10] if isinstance(value, date) else str(value)
