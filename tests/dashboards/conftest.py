"""A site built from every story, and a Chromium with the network cut off."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from analysis.wording.findings import find
from dashboards.health import HealthTables
from dashboards.site import build_site
from dashboards.wording import wording_report
from tests.dashboards.builders import (
    AUDIENCE,
    EDITION,
    STORIES,
    ledger,
    quarantine_reasons,
    rows_per_day,
    tell,
)
from tests.wording_builders import simulated_past

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


def health() -> HealthTables:
    return HealthTables(ledger(), quarantine_reasons(), rows_per_day())


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole site with every verdict."""
    destination = tmp_path_factory.mktemp("publisher") / "site"
    wording = wording_report(find(simulated_past(300)), AUDIENCE, EDITION)
    build_site([tell(story) for story in STORIES], health(), EDITION, AUDIENCE, destination, [wording])
    return destination


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; its absence fails in CI and skips elsewhere."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium: apt-get install chromium")
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=SWITCHES)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page as a reader has it open: what it asked other hosts for, and what it said on the console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def walk(self) -> None:
        """Scroll to the end, so that every chart comes near, and wait until all of them are drawn."""
        height = self.page.evaluate("document.documentElement.scrollHeight")
        for position in range(0, height, 600):
            self.page.evaluate(f"window.scrollTo({{top: {position}, behavior: 'instant'}})")
            self.page.wait_for_timeout(30)
        self.until("[...document.querySelectorAll('[data-live]')].every(p => p.querySelector('.live .main-svg'))")

    def until(self, expression: str, seconds: float = 10.0) -> None:
        """Wait until a JavaScript expression holds; Playwright's own waiting needs eval, which the policy refuses."""
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"{expression} did not come true"
            self.page.wait_for_timeout(50)


@pytest.fixture
def visit(chromium: Browser) -> Iterator[object]:
    """A function that opens a file: visit(path, width=, dark=, script=)."""
    contexts = []

    def opened(path: Path, *, width: int = 1280, dark: bool = False, script: bool = True) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            offline=True,
        )
        contexts.append(context)
        visit = Visit(context.new_page())

        def answer(route: object) -> None:
            url = route.request.url  # type: ignore[attr-defined]
            if url.startswith(("file:", "data:")):
                route.continue_()  # type: ignore[attr-defined]
            else:
                visit.requests.append(url)
                route.abort()  # type: ignore[attr-defined]

        context.route("**/*", answer)
        visit.page.on("console", lambda message: visit.messages.append(message.text))
        visit.page.on("pageerror", lambda error: visit.messages.append(str(error)))
        visit.page.goto(path.as_uri())
        return visit

    yield opened
    for context in contexts:
        context.close()
