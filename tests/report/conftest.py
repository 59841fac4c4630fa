from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from sejong import nations
from sejong.recipe import ReportSettings
from sejong.report.stage import run
from tests.report.made import whole
from tests.serve.portal.chromium import chromium, watched


def settings_of(nation: str) -> ReportSettings:
    """The settings as a build resolves them from the nation's files."""
    who = nations.load(nation)
    return ReportSettings(nation=who.identity.model_dump(mode="json"), texts=who.toml("report.toml"))


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a whole run for Korea."""
    out = tmp_path_factory.mktemp("report")
    run(settings_of("korea"), whole(tmp_path_factory.mktemp("run")), out)
    return out / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_report(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Opens the report in a fresh browser profile that lets nothing but that file be read."""
    with ExitStack() as stack:

        def opened(**options: Any) -> Page:
            options.setdefault("viewport", {"width": 1100, "height": 800})
            page = stack.enter_context(watched(browser, report.as_uri(), **options))
            page.goto(report.as_uri())
            return page

        yield opened
