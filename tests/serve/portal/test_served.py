"""A person's way through the portal of a really built and served run: ask, watch it stream, open a source, stop, be refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.portal.chromium import keep, too_wide, watched

pytestmark = pytest.mark.browser

NOWHERE = "xqzvw kjhgf"  # words of no language: no passage can hold them


@pytest.fixture(scope="module")
def portal(served_run: Any) -> Any:
    """What the gateway says of itself."""
    return served_run.get("/portal.json")


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, served_run: Any) -> Iterator[Page]:
    viewport = {"width": 1180, "height": 800} if request.param == "light" else {"width": 390, "height": 780}
    url = served_run.url.rstrip("/") + "/"
    with watched(browser, url, viewport=viewport, color_scheme=request.param) as page:
        page.goto(f"{url}#key={served_run.key}")
        expect(page.locator("#examples .example").first).to_be_visible()
        yield page


def test_ask_stream_source_stop_refusal(page: Page, portal: Any) -> None:
    words = portal["strings"]["native"]
    look = f"{page.viewport_size['width']}" if page.viewport_size else "unknown"
    expect(page.locator("#notice")).to_have_text(words["notice"])
    keep(page, f"portal-start-{look}")

    page.locator("#examples .example").first.click()
    answer = page.locator(".answer").first
    expect(answer.locator(".quotation figcaption")).to_have_text(words["quotation_label"])
    expect(page.locator("#send")).to_be_visible(timeout=60_000)
    assert "\ufffd" not in answer.inner_text()
    quoted = answer.locator(".quotation blockquote").inner_text().strip().removesuffix("…").strip()
    assert quoted
    keep(page, f"portal-answer-{look}")

    answer.locator(".source").first.click()
    marked = page.locator("#passage mark")
    expect(marked).to_be_visible()
    assert "".join(quoted.split()) in "".join(marked.inner_text().split()), "the quotation does not stand in its passage"
    expect(page.locator("#passage-facts dd").first).not_to_be_empty()
    keep(page, f"portal-passage-{look}")
    page.keyboard.press("Escape")

    with slow_line(page):
        page.fill("#question", portal["examples"][0])
        page.press("#question", "Enter")
        expect(page.locator(".answer").nth(1).locator(".quotation")).to_be_visible(timeout=60_000)
        page.click("#stop")
        expect(page.locator(".answer").nth(1).locator(".ended")).to_have_text(words["stopped"])

    page.fill("#question", NOWHERE)
    page.press("#question", "Enter")
    expect(page.locator(".refusal .said")).to_have_text(words["nothing_fits"], timeout=60_000)
    keep(page, f"portal-refusal-{look}")
    assert too_wide(page) == []

    page.reload()
    expect(page.locator(".history .row")).to_have_count(1)


@contextmanager
def slow_line(page: Page) -> Iterator[None]:
    """A connection of a kilobyte a second: a nano model is done before a test's hand is at the stop button."""
    session = page.context.new_cdp_session(page)
    free = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {**free, "downloadThroughput": 1000})
    yield
    session.send("Network.emulateNetworkConditions", free)
