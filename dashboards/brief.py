"""The brief: one message an edition, for people who never open the site. Verdicts, money, the two texts, what changed.

The same sentences as on the pages. `brief_letter` makes every form of it at once: mail with pictures, plain text, and a
few lines for a chat channel. Sending is `analysis.delivery`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from markupsafe import Markup

from analysis.delivery import Letter, Picture
from analysis.experiment_result import Audience, Edition, ExperimentResult
from analysis.settings import Brief
from analysis.wording.differences import PartDifference, appeal_differences
from dashboards.experiment.hero import hero_caption, hero_drawing, hero_unit
from dashboards.frontpage import changes, needs_headline, shelve, stake_words, verdict_changed
from dashboards.html import brief_page
from dashboards.look import logo_png
from dashboards.phrasing.verdicts import Badge, verdict_words
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import plain
from dashboards.pictures import png
from dashboards.reading import Reading

#: Tests told in full, and tests with a line of their own; beyond them a number.
MOST_IN_FULL = 8
MOST_LINES = 20

#: Characters of a part of an appeal in the brief.
MOST_OF_A_PART = 240

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class BriefText:
    """One wording in a brief: its letter, name and parts, new words marked."""

    letter: str
    token: str
    name: str
    parts: tuple[PartDifference, ...]


@dataclass(frozen=True)
class BriefItem:
    """One test of a brief. `picture` names the picture of the letter, `caption` says its unit; empty for none."""

    badge: Badge
    name: str
    headline: str
    standfirst: str
    advice: str
    money: str
    stake: str
    href: str
    picture: str
    picture_says: str
    texts: tuple[BriefText, ...]
    caption: str = ""


@dataclass(frozen=True)
class BriefLines:
    """Tests with a line each under one heading."""

    heading: str
    items: tuple[BriefItem, ...]
    more: str


@dataclass(frozen=True)
class BriefPage:
    """What a brief says, before it becomes mail, text or a few lines."""

    title: str
    language: str
    publisher: str
    headline: str
    changes_heading: str
    changes: tuple[str, ...]
    full: tuple[BriefItem, ...]
    lines: tuple[BriefLines, ...]
    closing: str
    site: str
    logo: str = ""


def brief_letter(
    results: Sequence[ExperimentResult], audience: Audience, edition: Edition, site_url: str = ""
) -> Letter:
    """Return the brief of an edition. `previous_decision` of the results is what the last brief said."""
    spoken = voice(audience)
    page, drawings = _page(results, audience, edition, site_url.rstrip("/"), spoken)
    pictures = tuple(Picture(name, png(drawing)) for name, drawing in drawings.items())
    if audience.look.logo is not None:
        page = replace(page, logo="logo")
        pictures = (Picture("logo", logo_png(audience.look.logo)), *pictures)
    text = _text(page, spoken)
    return Letter(
        key=f"brief-{edition.number}",
        subject=page.title,
        text=text,
        short=_short(page, spoken),
        html=brief_page(page, audience.look),
        pictures=pictures,
    )


def is_due(brief: Brief, today: date, last: date | None) -> bool:
    """Return whether the schedule sends a brief today; a weekly one that was missed is made up for."""
    if brief.every == "never" or last == today:
        return False
    if brief.every == "day" or last is None:
        return True
    return _WEEKDAYS[today.weekday()] == brief.weekday or (today - last).days >= 7


def _page(
    results: Sequence[ExperimentResult], audience: Audience, edition: Edition, site: str, spoken: Voice
) -> tuple[BriefPage, dict[str, Markup]]:
    shelf, say = shelve(results), spoken.say
    changed = [result for result in results if verdict_changed(result)]
    in_full = list({item.experiment.id: item for item in (*shelf.needs, *changed)}.values())[:MOST_IN_FULL]
    drawings: dict[str, Markup] = {}
    full = []
    for result in in_full:
        drawing = hero_drawing(result)
        name = f"test-{len(drawings) + 1}" if drawing is not None else ""
        caption = "" if drawing is None else _caption(result, is_first=not drawings)
        if drawing is not None:
            drawings[name] = drawing
        full.append(_item(result, site, name, drawing, caption))
    told = {result.experiment.id for result in in_full}
    rest = [
        (say("Needs a person"), [item for item in shelf.needs if item.experiment.id not in told]),
        (say("Running"), [item for item in shelf.running if item.experiment.id not in told]),
        (say("Maturing"), [item for item in shelf.maturing if item.experiment.id not in told]),
    ]
    lines = tuple(_lines(heading, found, site, spoken) for heading, found in rest if found)
    day = "" if edition.as_of is None else spoken.day(edition.as_of)
    said = changes(results) or (
        (say("No verdict changed since the last report."),)
        if any(result.previous_decision is not None for result in results)
        else ()
    )
    closing = say("Edition {number}, published {moment}.", number=edition.number, moment=spoken.moment(edition.published_at.astimezone(audience.zone)))  # fmt: skip
    if day:
        closing += " " + say("Data to the end of {day}.", day=day)
    page = BriefPage(
        title=_subject(changed, shelf.needs, day, spoken),
        language=spoken.language_tag,
        publisher=plain(audience.publisher),
        headline=needs_headline(shelf, spoken),
        changes_heading=say("What changed"),
        changes=said,
        full=tuple(full),
        lines=lines,
        closing=closing,
        site=f"{site}/index.html" if site else "",
    )
    return page, drawings


def _subject(changed: Sequence[ExperimentResult], needs: Sequence[ExperimentResult], day: str, spoken: Voice) -> str:
    """The most urgent change, else what needs a person, else that nothing does."""
    ids = {result.experiment.id for result in changed}
    first = next(iter([result for result in needs if result.experiment.id in ids] or changed), None)
    if first is not None:
        name, badge = plain(first.experiment.name, 40), spoken.inside(verdict_words(first).badge.words)
        stake = stake_words(first, spoken)
        what = (
            spoken.say("{name}: {badge}, {money} a month", name=name, badge=badge, money=stake)
            if stake
            else spoken.say("{name}: {badge}", name=name, badge=badge)
        )
    elif needs:
        what = spoken.say_n("{count} test needs you", "{count} tests need you", len(needs))
    else:
        what = spoken.say("nothing needs you today")
    return (
        spoken.say("Appeals: {what} · {day}", what=what, day=day) if day else spoken.say("Appeals: {what}", what=what)
    )


def _item(
    result: ExperimentResult, site: str, picture: str = "", drawing: Markup | None = None, caption: str = ""
) -> BriefItem:
    words, spoken = verdict_words(result), voice(result.audience, result.experiment.surface)
    return BriefItem(
        badge=words.badge,
        name=plain(result.experiment.name, 80),
        headline=words.headline,
        standfirst=words.standfirst,
        advice=words.advice,
        money=words.money_line,
        stake=stake_words(result, spoken),
        href=f"{site}/experiments/{result.experiment.id}.html" if site else "",
        picture=picture,
        picture_says="" if drawing is None else _label(drawing),
        texts=_texts(result),
        caption=caption,
    )


def _caption(result: ExperimentResult, *, is_first: bool) -> str:
    """What the drawing shows; under the first one also what dot, bar and line mean."""
    reading, spoken = Reading(result), voice(result.audience, result.experiment.surface)
    return hero_caption(reading, spoken) if is_first else f"{hero_unit(reading, spoken)}."


def _label(drawing: Markup) -> str:
    """What the drawing says to those who cannot see it."""
    _, _, rest = str(drawing).partition('aria-label="')
    return Markup(rest.partition('"')[0]).unescape()  # noqa: S704 - unescaped at once


def _texts(result: ExperimentResult) -> tuple[BriefText, ...]:
    """The current wording and the one the verdict speaks of; none where what readers saw is not known."""
    reading = Reading(result)
    arm = reading.challenger
    if not result.has_texts or arm is None:
        return ()
    control = reading.control.variant.appeal
    return tuple(
        BriefText(
            item.letter, item.token, plain(item.variant.label, 60), appeal_differences(control, item.variant.appeal)
        )
        for item in (reading.control, arm)
    )


def _lines(heading: str, found: Sequence[ExperimentResult], site: str, spoken: Voice) -> BriefLines:
    more = len(found) - MOST_LINES
    return BriefLines(
        heading,
        tuple(_item(result, site) for result in found[:MOST_LINES]),
        spoken.say_n("{count} more.", "{count} more.", more) if more > 0 else "",
    )


def _text(page: BriefPage, spoken: Voice) -> str:
    """The brief as plain text of lines that any mail program shows."""
    lines = [page.publisher, page.headline, ""]
    if page.changes:
        lines += [page.changes_heading.upper(), *(f"- {change}" for change in page.changes), ""]
    for item in page.full:
        lines += [f"[{item.badge}] {item.name}", item.headline, item.standfirst, item.money]
        if item.advice:
            lines.append(f"> {item.advice}")
        for text in item.texts:
            lines.append(f"{text.letter}  {text.name}")
            for part in text.parts:
                said = "".join(piece.text for piece in part.pieces if piece.kind != "replaced")
                if said.strip():
                    lines.append(f"   {plain(said, MOST_OF_A_PART)}")
        lines += [item.href, ""] if item.href else [""]
    for group in page.lines:
        lines.append(group.heading.upper())
        for item in group.items:
            lines += [f"- [{item.badge}] {item.name}: {item.headline}"]
            lines += [f"  {item.href}"] if item.href else []
        lines += [group.more, ""] if group.more else [""]
    lines.append(page.closing)
    if page.site:
        lines.append(page.site)
    return "\n".join(lines) + "\n"


def _short(page: BriefPage, spoken: Voice) -> str:
    """A few lines for a chat channel: at most five tests."""
    lines = [f"- {item.badge}: {item.headline}" + (f" ({item.stake})" if item.stake else "") for item in page.full[:5]]
    if not lines:
        lines = list(page.changes)
    rest = len(page.full) - 5 + sum(len(group.items) for group in page.lines)
    if len(page.full) > 5 and rest > 0:
        lines.append(spoken.say_n("{count} more.", "{count} more.", rest))
    return "\n".join([page.headline, *lines, *([page.site] if page.site else [])])
