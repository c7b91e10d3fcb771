"""The brief: the sentences of the pages in a mail, in plain text, and in a few lines; and when it is due."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html import unescape
from html.parser import HTMLParser

import pytest

from analysis.settings import Brief
from dashboards import pictures
from dashboards.brief import brief_letter, is_due
from dashboards.edition import LAST_BRIEF, LastBrief, last_brief
from dashboards.experiment.hero import hero_drawing
from dashboards.phrasing.verdicts import verdict_words
from dashboards.pictures import light_colours, png
from tests.dashboards import builders
from tests.dashboards.builders import AUDIENCE, EDITION, STORIES, tell
from tests.dashboards.test_translations import GERMAN


class Tags(HTMLParser):
    """Names of all elements and attributes of a page, as a program that reads HTML sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


LETTER = brief_letter([tell(story) for story in STORIES], AUDIENCE, EDITION, "https://reports.ledger.example/")


def test_the_brief_says_what_the_page_says_in_every_form() -> None:
    words = verdict_words(tell(builders.PROVEN))
    shown = unescape(re.sub(r"</?span[^>]*>", "", LETTER.html))
    for said in (words.headline, words.advice, words.money_line):
        assert said in LETTER.text
        assert said in shown
    assert words.headline in LETTER.short
    assert "because of readers like you we do" in LETTER.html


def test_the_subject_names_the_most_urgent_change_its_money_and_the_day() -> None:
    assert LETTER.subject == "Appeals: Thanks before need: use it · proven, ≈ £45,000 a month · Mon 9 Nov 2026"
    calm = brief_letter([tell(replace(builders.KEEP_ASKING, previous=None))], AUDIENCE, EDITION)
    assert calm.subject == "Appeals: nothing needs you today · Mon 9 Nov 2026"


def test_styles_are_inlined_pictures_go_by_content_id_and_nothing_is_fetched() -> None:
    assert "<style" not in LETTER.html
    assert "<script" not in LETTER.html
    sources = re.findall(r'src="([^"]*)"', LETTER.html)
    assert sorted(sources) == sorted(f"cid:{picture.name}" for picture in LETTER.pictures)
    assert sources
    assert all(
        link.startswith("https://reports.ledger.example/") for link in re.findall(r'href="([^"]*)"', LETTER.html)
    )


def test_without_an_address_of_the_site_there_are_no_links() -> None:
    letter = brief_letter([tell(builders.PROVEN)], AUDIENCE, EDITION)
    assert "href" not in letter.html
    assert "http" not in letter.text


def test_a_message_for_a_chat_is_short() -> None:
    assert len(LETTER.short) < 1_000
    assert len(LETTER.short.splitlines()) <= 8


def test_hostile_texts_stay_texts() -> None:
    hostile = next(story for story in STORIES if story.id == "hostile")
    letter = brief_letter([tell(replace(hostile, verdict="use_it", basis="proven", variant_id="b"))], AUDIENCE, EDITION)
    tags = Tags()
    tags.feed(letter.html)
    assert "script" not in tags.names
    assert not any(name.startswith("on") for name in tags.attributes)
    assert "\n" not in letter.subject
    assert len(letter.html) < 60_000


def test_no_tests_make_a_brief_that_says_so() -> None:
    letter = brief_letter([], AUDIENCE, EDITION)
    assert "No test has run yet" in letter.text


def test_the_brief_speaks_german() -> None:
    letter = brief_letter([tell(builders.PROVEN, GERMAN)], GERMAN, EDITION)
    assert letter.subject.startswith("Aufrufe: Thanks before need: Nehmen · belegt")
    assert "WAS SICH GEÄNDERT HAT" in letter.text


def test_the_words_of_a_picture_are_in_it_also_where_the_machine_has_no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = hero_drawing(tell(builders.PROVEN))
    assert drawing is not None
    with_fonts = png(drawing)
    monkeypatch.setattr(pictures, "FONTS", ())
    assert png(drawing) != with_fonts
    assert with_fonts.startswith(b"\x89PNG")
    assert len(with_fonts) < 60_000


def test_pictures_take_their_colours_from_the_style_sheet_of_the_site() -> None:
    colours = light_colours()
    assert colours["arm-b"] == "#0072b2"
    assert {"paper", "ink", "grid", "arm-a", "arm-e", "weak"} <= set(colours)


MONDAY = date(2026, 11, 9)


@pytest.mark.parametrize(
    ("every", "today", "last", "due"),
    [
        ("never", MONDAY, None, False),
        ("day", MONDAY, date(2026, 11, 8), True),
        ("day", MONDAY, MONDAY, False),
        ("week", MONDAY, date(2026, 11, 2), True),
        ("week", MONDAY, MONDAY, False),
        ("week", date(2026, 11, 10), MONDAY, False),
        ("week", date(2026, 11, 10), date(2026, 11, 2), True),
        ("week", date(2026, 11, 11), None, True),
    ],
)
def test_a_brief_is_due_on_its_day_and_a_missed_one_is_made_up_for(
    every: str, today: date, last: date | None, due: bool
) -> None:
    assert is_due(Brief(every=every, weekday="mon"), today, last) is due  # type: ignore[arg-type]


def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: object) -> None:
    from analysis.settings import Delivery

    delivery = Delivery(folder=tmp_path)  # type: ignore[arg-type]
    (delivery.folder / LAST_BRIEF).write_text("not json", encoding="utf-8")
    assert last_brief(delivery) == LastBrief()
    (delivery.folder / LAST_BRIEF).write_text('{"on": "2026-11-09", "edition": 41}', encoding="utf-8")
    assert last_brief(delivery) == LastBrief(MONDAY, 41)


def test_pictures_have_their_unit_and_no_sign_parts_from_its_figure() -> None:
    assert LETTER.html.count("whose own value is the dashed line.") == 1, "explained once"
    assert "Settled value per 1,000 readers asked." in LETTER.html
    assert re.search(r'<span class="n"[^>]*nowrap[^>]*>\+£[^<]+</span>', LETTER.html)
