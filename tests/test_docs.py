"""The documents are true: the reference is what the command line says, and every command they show exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sejong.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_the_reference_of_the_command_line_is_current(tmp_path: Path) -> None:
    """Remade by: python -m typer sejong.cli utils docs --name sejong --title "The command line" --output docs/reference/cli.md"""
    made = tmp_path / "cli.md"
    command = [sys.executable, "-m", "typer", "sejong.cli", "utils", "docs", "--name", "sejong", "--title", "The command line"]
    subprocess.run([*command, "--output", str(made)], check=True, capture_output=True, cwd=ROOT)
    assert made.read_text("utf-8") == (ROOT / "docs/reference/cli.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_and_option_shown_exists(page: Path) -> None:
    shown = re.findall(r"(?:^|`)(?:\.venv/bin/)?sejong ([a-z]+)((?: [^\n`#|]*)?)", page.read_text("utf-8"), re.MULTILINE)
    for verb, rest in shown:
        help_text = CliRunner().invoke(app, [verb, "--help"])
        assert help_text.exit_code == 0, f"{page.name} shows `sejong {verb}`, which does not exist"
        inner = [verb, rest.split()[0]] if verb in ("tokenizer", "keys", "corpus") and rest.split() else [verb]
        known = CliRunner().invoke(app, [*inner, "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r"(--[a-z-]+)", rest):
            assert option in known, f"{page.name} shows `sejong {' '.join(inner)} {option}`, which does not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
