"""Every language says every message, with the same places; and no English is left on a German page."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest

import dashboards
from analysis.errors import AskwellError
from dashboards.about import about_report
from dashboards.blocks import Page
from dashboards.experiment.page import experiment_report
from dashboards.frontpage import index_report
from dashboards.health import health_report
from dashboards.html import StaticFiles, render
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.voice import Vocabulary, Voice
from dashboards.phrasing.words import sentence
from dashboards.translations import SOURCE, languages, messages
from dashboards.translations.__main__ import FOLDER, found_messages, is_translated, read_language
from tests.dashboards import builders
from tests.dashboards.builders import AUDIENCE, EDITION, STORIES, tell
from tests.dashboards.conftest import health

GERMAN = replace(AUDIENCE, locale="de-DE", currency="EUR")
TRANSLATED = [language for language in languages() if language != SOURCE]
FILES = StaticFiles(fonts="f.css", site="s.css", app="a.js", plotly="p.js")

#: Nouns of a surface that a language may do without where its grammar says it another way.
NOUNS = {*Vocabulary.__dataclass_fields__}


def forms(text: object) -> list[str]:
    return [str(form) for form in text] if isinstance(text, list | tuple) else [str(text)]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_says_every_message_and_none_that_is_gone(language: str) -> None:
    said, file = found_messages(), read_language(FOLDER / f"{language}.po")

    def keys(catalogue: object) -> set[tuple[object, object]]:
        return {(message.context, forms(message.id)[0]) for message in catalogue if message.id}  # type: ignore[attr-defined]

    hint = "run `make translations` and fill in what is empty"
    assert keys(file) == keys(said), hint
    waiting = [message.id for message in file if message.id and not is_translated(message.string)]
    assert not waiting, hint


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_places_of_its_message(language: str) -> None:
    for message in read_language(FOLDER / f"{language}.po"):
        if not message.id or message.context:
            continue
        wanted = set.union(*(places(form) for form in forms(message.id)))
        for form in forms(message.string):
            assert places(form) <= wanted, message.id
            assert wanted - places(form) <= NOUNS, message.id


def test_messages_are_whole_texts_never_formatted_before_they_are_said() -> None:
    wrong = []
    for file in Path(dashboards.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("say", "say_n", "say_as", "marked") and any(
                isinstance(argument, ast.JoinedStr) for argument in node.args
            ):
                wrong.append(f"{file.name}:{node.lineno}")
    assert not wrong


def test_a_message_without_translation_is_said_in_english() -> None:
    assert messages("de").gettext("A sentence of tomorrow") == "A sentence of tomorrow"


def test_the_language_follows_the_locale_unless_it_is_named() -> None:
    assert Voice("de-AT", "EUR").say("Settled value") == "Eingegangener Betrag"
    assert Voice("en-GB", "GBP", language="de").say("Settled value") == "Eingegangener Betrag"
    assert Voice("ja-JP", "JPY").say("Settled value") == "Settled value"
    assert Voice("de-DE", "EUR", language="en").say("Settled value") == "Settled value"


def test_a_language_that_nobody_translated_is_refused_with_those_there_are() -> None:
    with pytest.raises(AskwellError, match=r'publisher.language = "xx".*de, en'):
        Voice("en-GB", "GBP", language="xx").say("Settled value")


def test_plural_forms_are_those_of_the_language() -> None:
    german = Voice("de-DE", "EUR")
    assert german.say_n("{count} full day", "{count} full days", 1) == "1 voller Tag"
    assert german.say_n("{count} full day", "{count} full days", 1_200) == "1.200 volle Tage"


def test_a_german_verdict_reads_as_german() -> None:
    words = verdict_words(tell(builders.PROVEN, GERMAN))
    assert words.badge.words == "Nehmen · belegt"
    assert words.headline.startswith("„Because of you“ brachte 35\N{NO-BREAK SPACE}€ mehr je 1.000 Leser")
    assert words.advice == "Nehmen Sie „Because of you“ für alle."


class _Text(HTMLParser):
    """The text a reader of a page sees or hears, without what comes from outside: appeals and queries."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if self.skipping or tag in ("pre", "script", "style") or values.get("class") == "appeal":
            self.skipping += tag not in ("br", "meta", "link", "input", "img")
            return
        self.said += [value for name in ("aria-label", "alt", "title") if (value := values.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self.skipping = max(0, self.skipping - 1)

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.said.append(data)


ENGLISH = re.compile(r"\b(the|of|and|is|are|with|not|no|yet|from|per|readers?|for|range|money|day|days)\b", re.I)


def text_of(page: Page) -> str:
    parser = _Text()
    parser.feed(render(page, FILES, stamp=None))
    return "\n".join(parser.said)


def outside_texts() -> list[str]:
    found = {builders.PROVEN.name, AUDIENCE.publisher, "experiments/", "askwell.toml", "<kind>/<date>"}
    found |= {sentence(str(message)) for message in health().ledger["message"].drop_nulls()}
    for story in STORIES:
        found |= {story.name, story.placement, *story.names, *story.notes}
    found |= {tell(story).experiment.hypothesis for story in STORIES}
    return sorted(found, key=len, reverse=True)


def english_on(page: Page) -> list[str]:
    text = text_of(page)
    for outside in outside_texts():
        text = text.replace(outside, "")
    return [line for line in text.splitlines() if ENGLISH.search(line)]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
def test_no_english_is_left_on_a_german_page(story: builders.Story) -> None:
    assert english_on(experiment_report(tell(story, GERMAN))) == []


def test_no_english_is_left_on_the_german_pages_of_the_site() -> None:
    results = [tell(story, GERMAN) for story in STORIES]
    assert english_on(index_report(results, GERMAN, EDITION)) == []
    assert english_on(health_report(health(), GERMAN, EDITION)) == []
    about = about_report(GERMAN)
    assert english_on(replace(about, sections=about.sections[:-1])) == []  # the last one names columns of tables
