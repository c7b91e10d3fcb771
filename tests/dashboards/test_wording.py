"""The wording page: says whether words predict before any table, shows nothing without it, in German too, hostile texts as text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from analysis.experiment_result import Audience
from analysis.wording.past import LEFT_OUT_SCHEMA, Past
from analysis.wording.result import WordingResult
from dashboards.blocks import Page
from dashboards.html import StaticFiles, render
from dashboards.site import build_site
from dashboards.wording.page import wording_pages
from tests.dashboards.builders import AUDIENCE, EDITION
from tests.dashboards.conftest import health
from tests.dashboards.test_translations import GERMAN, text_of
from tests.wording_builders import simulated_past, told

FILES = StaticFiles(fonts="f.css", site="s.css", app="a.js", plotly="p.js")
HOSTILE = "</script><script>alert(1)</script>\u202e Thank you"


@pytest.fixture(scope="module")
def past() -> Past:
    """Effects are known; one text is hostile."""
    made = simulated_past(300)
    hostile = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(HOSTILE)).otherwise("text").alias("text")
    broken = pl.DataFrame([{"test_id": "broken", "surface": "donation"}], schema=LEFT_OUT_SCHEMA)
    return Past(made.arms.with_columns(hostile), broken)


@pytest.fixture(scope="module")
def result(past: Past) -> WordingResult:
    return told(past)


def first_page(result: WordingResult, audience: Audience = AUDIENCE, previous: pl.DataFrame | None = None) -> Page:
    return wording_pages(result, audience, EDITION, previous)[0]


def test_the_page_says_that_words_predict_then_shows_traits_examples_and_limits(result: WordingResult) -> None:
    page = first_page(result)
    assert page.headline.startswith("Words tell the better of two texts in ")
    assert [section.id for section in page.sections] == [
        "prediction",
        "traits",
        "money",
        "playbook",
        "groups",
        "unknown",
        "coding",
        "limits",
    ]
    text = text_of(page)
    assert "1 test is left out because a trust check blocks it." in text
    assert "Thank you for reading" in text
    assert "q under 0.001" in text


def test_without_a_judgement_no_effect_is_shown() -> None:
    page = first_page(told(simulated_past(24)))
    assert page.headline == "Too few tests to say which words work"
    assert [section.id for section in page.sections] == ["prediction", "unknown", "coding", "limits"]


def test_words_that_do_not_predict_are_said_not_to() -> None:
    page = first_page(told(simulated_past(300, effects={})))
    assert page.headline == "Words do not predict here"
    assert page.badge is not None
    assert page.badge.words == "Words do not predict"


def test_another_surface_is_told_apart_and_not_added_up(past: Past) -> None:
    mixed = past.arms.with_columns(
        surface=pl.when(pl.col("test_id") < "t0100").then(pl.lit("pay<wall")).otherwise("surface")
    )
    page, other = wording_pages(told(Past(mixed)), AUDIENCE, EDITION)
    assert "This page is about “donation”." in text_of(page)
    assert 'href="wording-pay-wall.html"' in render(page, FILES, stamp=None)
    assert "<wall" not in render(page, FILES, stamp=None)
    assert other.path == "wording-pay-wall.html"
    assert "This page is about “pay<wall”." in text_of(other)
    assert [section.id for section in first_page(told(past)).sections].count("surfaces") == 0


def test_surfaces_with_fewer_tests_than_eight_others_are_counted_and_not_looked_at() -> None:
    """A wrong column named as the surface would be a model a text."""
    many = simulated_past(40).arms.with_columns(
        surface=pl.lit("s") + (pl.col("test_id").str.slice(1).cast(pl.Int64) // 2).cast(pl.String)
    )
    found = told(Past(many))
    assert len(found.surfaces) == 8
    pages = wording_pages(found, AUDIENCE, EDITION)
    assert len(pages) == 8
    assert "12 further surfaces with fewer tests are not looked at" in text_of(pages[0])


def test_a_trait_whose_status_changed_is_told(result: WordingResult) -> None:
    was = pl.col("trait") == "question"
    before = result.effects.with_columns(
        status=pl.when(was).then(pl.lit("open")).otherwise("status"),
        shrunk_lift=pl.when(was).then(-0.01).otherwise("shrunk_lift"),
    )
    assert first_page(result, previous=result.effects).changes == ()
    page = first_page(result, previous=before)
    assert page.changes == ("Question is now “confirmed”; it was “open”.",)
    assert re.sub(r"\s+", " ", text_of(page)).count("edition before: −1.0%, open") == 1
    all_other = first_page(result, previous=result.effects.with_columns(status=pl.lit("contradicted")))
    assert all_other.changes[-1].endswith("have another status than in the edition before; the table says which.")


@pytest.mark.parametrize(
    ("lift", "q", "said", "other_way"),
    [
        (-0.05, 0.01, "only this may be called its effect.", False),
        (-0.05, 0.30, "Varied alone in 7 tests: −5.0%", False),
        (0.05, 0.01, "only this may be called its effect.", True),
        (0.05, 0.30, "not clear after counting how many traits were tried.", True),
    ],
)
def test_a_cause_is_claimed_only_where_it_is_clear_and_a_contradiction_is_said(
    result: WordingResult, lift: float, q: float, said: str, other_way: bool
) -> None:
    is_one = (pl.col("trait") == "gratitude") & (pl.col("outcome") == "conversion")
    given = {
        "lift": -0.04,
        "tests_alone": 7,
        "alone_lift": lift,
        "alone_low": lift - 0.02,
        "alone_high": lift + 0.02,
        "alone_q": q,
    }
    effects = result.effects.with_columns(
        pl.when(is_one).then(pl.lit(value)).cast(result.effects.schema[name]).alias(name)
        for name, value in given.items()
    )
    text = re.sub(r"\s+", " ", text_of(first_page(replace(result, effects=effects))))
    assert said in text
    assert ("only this may be called its effect" in text) == (q <= 0.05)
    assert ("it points the other way than over all tests: do not rely on either yet." in text) == other_way


def test_texts_from_outside_stay_text(result: WordingResult) -> None:
    html = render(first_page(result), FILES, stamp=None)
    assert "<script>alert" not in html
    assert "\u202e" not in html


def test_the_page_speaks_german(result: WordingResult) -> None:
    text = text_of(first_page(result, GERMAN))
    assert "Sagen Worte hier etwas voraus?" in text
    assert "Dank" in text
    for english in ("Do words predict", "Gratitude", "Thanks the reader", "Question", "ten words"):
        assert english not in text


def test_the_site_has_the_page_in_its_navigation_and_its_numbers_as_csv(result: WordingResult, tmp_path: Path) -> None:
    page = first_page(result)
    build_site([], health(), EDITION, AUDIENCE, tmp_path / "site", more=[page])
    assert 'href="wording.html"' in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    csv = (tmp_path / "site" / "data" / "wording-traits.csv").read_text(encoding="utf-8-sig")
    assert csv.startswith("trait,status,tests_varying,lift,low,high,q")
    assert len((tmp_path / "site" / "wording.html").read_bytes()) < 160_000


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_it_asks_for_nothing_complains_of_nothing_and_fits(
    result: WordingResult, tmp_path: Path, chromium: Browser, width: int, scheme: str
) -> None:
    page = replace(first_page(result), is_kept=False)
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
