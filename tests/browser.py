"""Pages in the system's Chromium for tests: no network, everything the page says or asks for written down, axe at hand."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Route, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@dataclass
class View:
    """An open page with what it tried to load and what it wrote to the console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@contextlib.contextmanager
def launch() -> Iterator[Browser]:
    """Start Chromium; a machine without it fails the test instead of skipping it."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail("no Chromium on this machine; install it (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium for the tests of a module: driving it leaves no other event loop a place in this thread."""
    with launch() as browser:
        yield browser


@contextlib.contextmanager
def view(
    browser: Browser,
    source: Path | str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
    server: str | None = None,
) -> Iterator[View]:
    """Open a file, or a URL of ``server``, with every other request refused.

    ``requests`` holds what was refused: everything but the page itself, ``data:`` URIs and the server.
    """
    url = source.resolve().as_uri() if isinstance(source, Path) else source
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts, reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    seen = View(page=context.new_page())

    def decide(route: Route) -> None:
        asked = route.request.url
        if asked.split("#")[0] == url or asked.startswith(("data:", "blob:")) or (server and asked.startswith(server)):
            route.continue_()
        else:
            seen.requests.append(asked)
            route.abort()

    context.route("**/*", decide)
    seen.page.on("console", lambda message: seen.messages.append(f"{message.type}: {message.text}"))
    seen.page.on("pageerror", lambda error: seen.messages.append(f"error: {error}"))
    try:
        seen.page.goto(url)
        yield seen
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """List the accessibility violations that axe-core finds, each with the first elements that have it."""
    page.evaluate(AXE_SCRIPT)  # not a script tag, which the page's own policy would refuse
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']}: " + "; ".join(node["html"][:160] for node in violation["nodes"][:3])
        for violation in found["violations"]
    ]


def overflow(page: Page) -> int:
    """Measure how many pixels the page is wider than its window; 0 where nothing scrolls sideways."""
    return int(page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth"))
