"""What the verbs of the command line share: options, and how an answer is printed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Run = Annotated[Path, typer.Argument(help="A run's folder, such as runs/korea.", show_default=False)]


def show(found: dict[str, Any], as_json: bool, lines: list[str] | None = None) -> None:
    """One JSON object, or lines for a person, on standard output."""
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for line in lines or []:
            typer.echo(line)
