from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.portal.chromium import chromium, watched
from tests.serve.portal.fake_gateway import KEY, FakeGateway, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def running() -> Iterator[FakeGateway]:
    with serving() as state:
        yield state


@pytest.fixture
def gateway(running: FakeGateway) -> FakeGateway:
    running.asked.clear()
    running.cut_off = 0
    return running


@pytest.fixture
def open_page(browser: Browser, gateway: FakeGateway) -> Iterator[Callable[..., Page]]:
    """Opens the portal in a fresh browser profile; `key` is put into the address."""
    with ExitStack() as stack:

        def opened(key: str = KEY, **options: Any) -> Page:
            options.setdefault("viewport", {"width": 1180, "height": 800})
            page = stack.enter_context(watched(browser, gateway.url, **options))
            page.goto(gateway.url + (f"#key={key}" if key else ""))
            expect(page.locator("html")).not_to_have_attribute("data-starting", "")
            return page

        yield opened


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()
