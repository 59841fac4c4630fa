"""The report in a real Chromium."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sejong import nations
from tests.report.made import HOSTILE
from tests.serve.portal.chromium import colours, contrast, keep, too_wide

pytestmark = pytest.mark.browser

STYLE = (Path(__file__).parents[2] / "sejong/report/page.css").read_text("utf-8")


def test_hostile_excerpts_stay_text(open_report: Callable[..., Page]) -> None:
    page = open_report()
    expect(page.locator("[data-page=ko] .excerpt blockquote").first).to_contain_text(HOSTILE)
    assert page.evaluate("window.broken") is None
    expect(page.locator("script")).to_have_count(1)
    expect(page.locator("img, textarea, iframe, object")).to_have_count(0)
    assert page.evaluate("[...document.querySelectorAll('svg text')].some((one) => one.textContent.includes('<script>'))")


def test_injected_script_would_be_blocked(open_report: Callable[..., Page], report: Path) -> None:
    """Even where escaping failed, the page's own policy runs no script but its own."""
    page = open_report()
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") or ""
    assert policy.startswith("default-src 'none'")
    assert "'unsafe-inline'" not in re.findall(r"script-src [^;]*", policy)[0]


def test_language_switches_and_back(open_report: Callable[..., Page]) -> None:
    page = open_report()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("h1:visible")).to_have_text("대한민국 언어 모델 보고서")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1:visible")).to_have_text("Korea: report on its language model")
    assert page.title() == "Korea: report on its language model"
    expect(page.get_by_role("button", name="한국어")).to_be_focused()
    assert page.locator("h2:visible").count() == page.locator("[data-page=en] h2").count()
    page.get_by_role("button", name="한국어").click()
    expect(page.locator("h1:visible")).to_have_text("대한민국 언어 모델 보고서")


def test_theme_follows_the_system_and_the_switch(open_report: Callable[..., Page]) -> None:
    page = open_report(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    line = "getComputedStyle(document.querySelector('.chart.wide .mark-line path')).stroke"
    dark, dark_line = page.evaluate(ground), page.evaluate(line)
    page.get_by_role("button", name=nations.load("korea").toml("report.toml")["theme_light"]).click()
    light, light_line = page.evaluate(ground), page.evaluate(line)
    assert (dark, light) == ("rgb(20, 24, 28)", "rgb(255, 255, 255)")
    assert dark_line != light_line, "the chart kept the colours of the other theme"


@pytest.mark.parametrize("width", [360, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_too_wide(open_report: Callable[..., Page], width: int, scheme: str) -> None:
    page = open_report(viewport={"width": width, "height": 780}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert too_wide(page) == []
    keep(page, f"report-{width}-{scheme}-native", whole=True)
    page.get_by_role("button", name="English").click()
    assert too_wide(page) == []
    keep(page, f"report-{width}-{scheme}-en", whole=True)
    shown = page.locator(".chart:visible").count()
    assert shown == page.locator("[data-page=en] figure .chart").count() / 2, "one drawing of each chart is shown"


def test_accessible_structure(open_report: Callable[..., Page]) -> None:
    page = open_report()
    assert page.locator("h1:visible").count() == 1
    levels = page.evaluate(
        "[...document.querySelectorAll('[data-page=ko] :is(h1, h2, h3)')].map((one) => Number(one.tagName[1]))"
    )
    assert all(after - before <= 1 for before, after in pairwise(levels)), "a level of headings is left out"
    assert page.evaluate("[...document.querySelectorAll('th')].every((one) => one.scope === 'col' || one.scope === 'row')")
    labels = page.evaluate("[...document.querySelectorAll('svg[role=img]')].map((one) => one.getAttribute('aria-label'))")
    assert labels
    assert all(len(label) > 20 for label in labels)
    links = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map((one) => one.getAttribute('href').slice(1))")
    assert page.evaluate("(ids) => ids.filter((id) => !document.getElementById(id))", links) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


def test_print_opens_everything_and_is_dark_on_light(open_report: Callable[..., Page]) -> None:
    page = open_report(color_scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("[data-page=ko] .excerpt").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("[data-page=ko] .excerpt").first).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    found = colours(STYLE, theme)
    for ink in ("ink", "faint", "accent"):
        for ground in ("page", "soft"):
            assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    for mark in ("series-1", "series-2", "line-strong"):
        assert contrast(found[mark], found["page"]) >= 3, mark
    assert contrast(found["ink"], found["own"]) >= 4.5
