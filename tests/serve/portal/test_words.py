"""Every nation says everything that the portal says in English, with the same placeholders."""

import re
import tomllib
from pathlib import Path

import pytest

from sejong import nations

PORTAL = Path(__file__).parents[3] / "sejong/serve/portal"
ENGLISH = tomllib.loads((PORTAL / "en.toml").read_text("utf-8"))


def slots(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("nation", nations.names())
def test_same_keys_and_placeholders(nation: str) -> None:
    words = nations.load(nation).toml("portal.toml")
    assert words.keys() == ENGLISH.keys()
    for key, text in words.items():
        assert slots(text) == slots(ENGLISH[key]), key
        assert text.strip() == text
        assert text


def test_the_page_names_only_words_that_exist() -> None:
    source = "".join(path.read_text("utf-8") for path in PORTAL.iterdir() if path.suffix in (".html", ".js"))
    named = set(re.findall(r'data-(?:text|label|placeholder)="(\w+)"', source)) | set(re.findall(r'say\("(\w+)"', source))
    named |= set(re.findall(r'"(error_\w+)"', source)) | set(re.findall(r'fact\("(\w+)"', source))
    assert named <= ENGLISH.keys()
    assert named >= {"notice", "error_service", "passage_licence", "stopped"}


def test_the_page_needs_no_inline_script_or_foreign_address() -> None:
    page = (PORTAL / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert not re.search(r"\son\w+=|style=", page)
    for path in PORTAL.iterdir():
        text = path.read_text("utf-8")
        assert "innerHTML" not in text
        assert "insertAdjacentHTML" not in text
        assert re.findall(r"(?:src|href|url|fetch)\W{1,3}https?:", text) == []
