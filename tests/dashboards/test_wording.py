"""The wording page: says whether words predict before any table, shows nothing without it, in German too, hostile texts as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from analysis.wording.findings import Past, effects_table, find, find_all
from dashboards.html import StaticFiles, render
from dashboards.site import build_site
from dashboards.wording import wording_report
from tests.dashboards.builders import AUDIENCE, EDITION
from tests.dashboards.conftest import health
from tests.dashboards.test_translations import GERMAN, text_of
from tests.wording_builders import simulated_past

FILES = StaticFiles(fonts="f.css", site="s.css", app="a.js", plotly="p.js")
HOSTILE = "</script><script>alert(1)</script>\u202e Thank you"


@pytest.fixture(scope="module")
def past() -> Past:
    """Effects are known; one text is hostile."""
    made = simulated_past(300)
    hostile = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(HOSTILE)).otherwise("text").alias("text")
    return Past(made.arms.with_columns(hostile), ("broken",))


def test_the_page_says_that_words_predict_then_shows_traits_examples_and_limits(past: Past) -> None:
    page = wording_report(find(past), AUDIENCE, EDITION)
    assert page.headline.startswith("Words tell the better of two texts in ")
    assert [section.id for section in page.sections] == [
        "prediction",
        "traits",
        "money",
        "playbook",
        "unknown",
        "limits",
    ]
    text = text_of(page)
    assert "Over all surfaces, 1 test is left out because a trust check blocks it." in text
    assert "Thank you for reading" in text
    assert "q under 0.001" in text


def test_without_a_judgement_no_effect_is_shown() -> None:
    page = wording_report(find(simulated_past(24)), AUDIENCE, EDITION)
    assert page.headline == "Too few tests to say which words work"
    assert [section.id for section in page.sections] == ["prediction", "unknown", "limits"]


def test_words_that_do_not_predict_are_said_not_to() -> None:
    page = wording_report(find(simulated_past(300, effects={})), AUDIENCE, EDITION)
    assert page.headline == "Words do not predict here"
    assert page.badge is not None
    assert page.badge.words == "Words do not predict"


def test_another_surface_is_told_apart_and_not_added_up(past: Past) -> None:
    mixed = past.arms.with_columns(
        surface=pl.when(pl.col("test_id") < "t0100").then(pl.lit("pay<wall")).otherwise("surface")
    )
    first, *others = find_all(Past(mixed))
    page = wording_report(first, AUDIENCE, EDITION, others=others)
    assert "This page is about “donation”." in text_of(page)
    assert "pay<wall" in text_of(page)
    assert "<wall" not in render(page, FILES, stamp=None)
    assert [section.id for section in wording_report(find(past), AUDIENCE, EDITION).sections].count("surfaces") == 0


def test_a_trait_whose_status_changed_is_told(past: Past) -> None:
    findings = find(past)
    before = effects_table(findings).with_columns(
        status=pl.when(pl.col("trait") == "question").then(pl.lit("open")).otherwise("status")
    )
    assert wording_report(findings, AUDIENCE, EDITION, effects_table(findings)).changes == ()
    assert wording_report(findings, AUDIENCE, EDITION, before).changes == (
        "Question is now “confirmed”; it was “open”.",
    )


def test_texts_from_outside_stay_text(past: Past) -> None:
    findings = find(past)
    html = render(wording_report(findings, AUDIENCE, EDITION), FILES, stamp=None)
    assert "<script>alert" not in html
    assert "\u202e" not in html


def test_the_page_speaks_german(past: Past) -> None:
    text = text_of(wording_report(find(past), GERMAN, EDITION))
    assert "Sagen Worte hier etwas voraus?" in text
    assert "Do words predict" not in text


def test_the_site_has_the_page_in_its_navigation_and_its_numbers_as_csv(past: Past, tmp_path: Path) -> None:
    page = wording_report(find(past), AUDIENCE, EDITION)
    build_site([], health(), EDITION, AUDIENCE, tmp_path / "site", more=[page])
    assert 'href="wording.html"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    csv = (tmp_path / "site" / "data" / "wording-traits.csv").read_text(encoding="utf-8-sig")
    assert csv.startswith("trait,status,tests_varying,lift,low,high,q")
    assert len((tmp_path / "site" / "wording.html").read_bytes()) < 160_000


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_it_asks_for_nothing_complains_of_nothing_and_fits(
    past: Past, tmp_path: Path, chromium: Browser, width: int, scheme: str
) -> None:
    page = replace(wording_report(find(past), AUDIENCE, EDITION), is_kept=False)
    build_site([], health(), EDITION, AUDIENCE, tmp_path / "site", more=[page])
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    try:
        tab = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((tmp_path / "site" / "wording.html").as_uri())
        tab.locator("#traits-chart").scroll_into_view_if_needed()
        tab.locator("#traits-chart.is-live").wait_for(timeout=20_000)
        assert said == []
        assert all(url.startswith(("file:", "data:")) for url in asked)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        context.close()
