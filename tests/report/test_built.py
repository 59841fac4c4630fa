"""The report of a really built run."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.serve.portal.chromium import keep, too_wide, watched

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (360, "dark")])
def test_a_built_run_has_a_whole_report(browser: Browser, built_run: Path, width: int, scheme: str) -> None:
    address = (built_run / "report" / "index.html").resolve().as_uri()
    with watched(browser, address, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        page.goto(address)
        expect(page.locator(".notice")).to_have_count(0)
        expect(page.locator("[data-page=ko] section")).to_have_count(12)
        for part in (
            "corpus",
            "funnel",
            "tokenizer",
            "training",
            "align",
            "results",
            "retrieval",
            "samples",
            "cost",
            "provenance",
        ):
            expect(page.locator(f"#ko-{part} h2")).to_be_visible()
        expect(page.locator("#ko-results tbody tr")).not_to_have_count(0)
        assert too_wide(page) == []
        keep(page, f"report-{width}")
        page.get_by_role("button", name="English").click()
        assert too_wide(page) == []
        keep(page, f"report-{width}-en", whole=True)
