"""A site built from every story, and a Chromium with the network cut off."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from analysis.experiment_result import Audience
from analysis.result_tables import CHECKS, ESTIMATES
from dashboards.blocks import Page as Report
from dashboards.dictionary import dictionary_report
from dashboards.health import HealthTables
from dashboards.site import build_site
from dashboards.wording.page import wording_pages
from tests.dashboards.builders import (
    AUDIENCE,
    EDITION,
    HOSTILE,
    HOSTILE_NAME,
    PROVEN,
    STORIES,
    ledger,
    quarantine_reasons,
    rows_per_day,
    tell,
)
from tests.wording_builders import simulated_past, told

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
    more = (wording_page(AUDIENCE), dictionary(AUDIENCE))
    build_site([tell(story) for story in STORIES], health(), EDITION, AUDIENCE, destination, more)
    return destination


@pytest.fixture(scope="session")
def german_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in German, with fewer stories."""
    destination = tmp_path_factory.mktemp("verlag") / "site"
    german = replace(AUDIENCE, locale="de-DE", language="de", currency="EUR")
    told = [tell(story, german) for story in (PROVEN, HOSTILE)]
    build_site(told, health(), EDITION, german, destination, (wording_page(german), dictionary(german)))
    return destination


def wording_page(audience: Audience) -> Report:
    """The wording page over a simulated past of 300 tests."""
    return wording_pages(told(simulated_past(300)), audience, EDITION)[0]


def dictionary(audience: Audience) -> Report:
    """The dictionary page of two declared tables, and of one whose names and meanings are hostile."""
    names = ("table_name", "table_meaning", "column_name", "column_meaning", "data_type")
    rows = [
        (table.name, table.grain, name, meaning, "DOUBLE")
        for table in (ESTIMATES, CHECKS)
        for name, (_, meaning) in table.columns.items()
    ]
    rows.append(("hostile" + "_long" * 30, HOSTILE_NAME, "\u202egnol", "word " * 5_000 + HOSTILE_NAME, "X" * 200))
    macros = pl.DataFrame(
        [("lift", "Lift of each variant.", "experiment, metric")],
        schema=["macro_name", "macro_meaning", "parameters"],
        orient="row",
    )
    return dictionary_report(pl.DataFrame(rows, schema=names, orient="row"), macros, audience)


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
