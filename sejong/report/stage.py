"""Write `index.html`: one file with everything inside, in the nation's language and English."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sejong import __version__
from sejong.flow import Artifact, atomic
from sejong.recipe import ReportSettings
from sejong.report import charts
from sejong.report.facts import Facts, gather
from sejong.report.measured import OWN
from sejong.report.view import View
from sejong.report.words import ENGLISH, Words

FOLDER = Path(__file__).parent


def run(settings: ReportSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """The page from all artifacts made so far; any may be absent, and the page then says so.

    Raises:
        Refused: the nation's report.toml does not have the keys that the page needs.
        Failed: a file of an artifact is broken.
    """
    languages = [Words("en", ENGLISH)]
    if settings.texts:
        languages.insert(0, Words(settings.nation["language"], settings.texts))
    facts = gather(settings, inputs)
    page = render(settings, facts, languages)
    with atomic(out / "index.html") as path:
        path.write_text(page, "utf-8")
    return {"bytes": len(page.encode()), "languages": [words.language for words in languages], "missing": facts.missing}


def render(settings: ReportSettings, facts: Facts, languages: list[Words]) -> str:
    """The page as text, in the first of `languages` unless the reader switches.

    Corpora are written by strangers: the template engine escapes every value, and the page's policy runs no script but its own.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    script = (FOLDER / "page.js").read_text("utf-8")
    return environment.get_template("page.html.j2").render(
        facts=facts,
        views=[View(facts, words, settings.nation, native=words.language != "en") for words in languages],
        settings=settings,
        charts=charts,
        own=OWN,
        version=__version__,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=(FOLDER / "page.css").read_text("utf-8"),
    )
