"""A real Chromium for tests, and a page that keeps what went wrong on it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium. Not for a whole session: while it is open, the thread has a running event loop."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, allowed: str, **options: Any) -> Iterator[Page]:
    """A fresh page. At the end it fails for script errors, messages on the console, missing files, and requests to anything but
    `allowed`. That the API refused something is the test's own business."""
    context = browser.new_context(**options)
    page = context.new_page()
    faults: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            faults.append(f"console: {message.text}")

    def request(sent: Request) -> None:
        if not sent.url.startswith((allowed, "data:")):
            faults.append(f"request: {sent.url}")

    def response(got: Response) -> None:
        if got.status >= 400 and "/v1/" not in got.url:
            faults.append(f"missing: {got.url}")

    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", console)
    page.on("request", request)
    page.on("response", response)
    yield page
    context.close()
    assert faults == []


def keep(page: Page, name: str, whole: bool = False) -> None:
    """A screenshot in the folder that SEJONG_SCREENSHOTS names, where it is set."""
    if folder := os.environ.get("SEJONG_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=whole)


def too_wide(page: Page) -> list[str]:
    """What stands out of the page to the right."""
    found: list[str] = page.evaluate(
        """() => {
          const out = [...document.querySelectorAll("body *")].filter((one) => {
            const box = one.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1 && !one.closest("pre, svg, .skip, .unseen");
          });
          const wide = document.documentElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [];
          return [...wide, ...out.map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}`)];
        }"""
    )
    return found


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two #rrggbb colours (WCAG 2.2, 1.4.3)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours(style: str, theme: str) -> dict[str, str]:
    """The colour variables of a style sheet in the light or the dark theme."""
    rules = re.findall(r"(?:^|\n)(:root(?:\[data-theme=\"dark\"\])?) \{([^}]*)\}", style)
    found: dict[str, str] = {}
    for selector, body in rules:
        if selector == ":root" or theme == "dark":
            found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", body))
    return found
