"""The publisher's logo and colours on pages, in the single file and in the brief."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.branding import Logo, Look
from dashboards.brief import brief_letter
from dashboards.html import render_experiment_file
from dashboards.look import look_style
from dashboards.site import build_site
from tests.dashboards.builders import AUDIENCE, EDITION, PROVEN, tell
from tests.dashboards.conftest import Visit, health
from tests.dashboards.test_site_in_browser import violations

DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 28" width="120" height="28"><path fill="#c8102e" d="M0 0h120v28H0z"/></svg>'
LOOK = Look(Logo("svg", DRAWING), mark="#c8102e", mark_dark="#ff6b7d", link="#8a1020", link_dark="#ff9aa6")
BRANDED = replace(AUDIENCE, look=LOOK)
RESULT = replace(tell(PROVEN), audience=BRANDED)


def test_a_new_look_rewrites_the_pages_and_leaves_earlier_files_to_the_archive(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build_site([RESULT], health(), EDITION, BRANDED, site)
    first = {file.name for file in (site / "static").glob("logo.*")}
    assert len(first) == 1
    again = build_site([RESULT], health(), EDITION, BRANDED, site)
    assert again.written == 0
    other = replace(BRANDED, look=replace(LOOK, logo=Logo("svg", DRAWING.replace(b"#c8102e", b"#0b5a7d"))))
    changed = build_site([replace(RESULT, audience=other)], health(), EDITION, other, site)
    assert changed.written > 0
    assert first < {file.name for file in (site / "static").glob("logo.*")}


def test_without_a_look_nothing_is_added() -> None:
    assert look_style(Look()) == ""
    assert "<img" not in render_experiment_file(tell(PROVEN)).partition("<main")[0]


def test_the_brief_carries_the_logo_as_png_and_the_colours() -> None:
    letter = brief_letter([RESULT], BRANDED, EDITION, "https://reports.example.org")
    logo = next(picture for picture in letter.pictures if picture.name == "logo")
    assert logo.png.startswith(b"\x89PNG")
    assert 'src="cid:logo"' in letter.html
    assert 'alt="The Evening Ledger"' in letter.html
    assert "#c8102e" in letter.html
    assert "#8a1020" in letter.html
    assert re.search(r"\{[a-z-]+\}", letter.html) is None
    assert letter.text.startswith("The Evening Ledger")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_the_look_stands_on_the_page_under_its_policy(
    visit: Callable[..., Visit], tmp_path: Path, width: int, dark: bool
) -> None:
    build_site([RESULT], health(), EDITION, BRANDED, tmp_path / "site")
    opened = visit(tmp_path / "site" / "index.html", width=width, dark=dark)
    page = opened.page
    assert opened.messages == []
    assert opened.requests == []
    assert page.evaluate("document.querySelector('.masthead img').naturalWidth") == 120
    line = page.evaluate("getComputedStyle(document.querySelector('.masthead')).borderTopColor")
    assert line == ("rgb(255, 107, 125)" if dark else "rgb(200, 16, 46)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(opened) == []


@pytest.mark.browser
def test_the_look_stands_in_the_single_file(visit: Callable[..., Visit], tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_experiment_file(RESULT), encoding="utf-8")
    opened = visit(file)
    assert opened.messages == []
    assert opened.page.evaluate("document.querySelector('.masthead img').naturalWidth") == 120
    assert (
        opened.page.evaluate("getComputedStyle(document.querySelector('.masthead')).borderTopColor")
        == "rgb(200, 16, 46)"
    )
