"""The wording pages as frozen data, one a surface, from the tables of an edition and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from analysis.experiment_result import Audience, Edition
from analysis.wording.result import TOO_MANY_SURFACES, WordingResult
from dashboards.blocks import Page, sections
from dashboards.phrasing.verdicts import Badge
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import plain
from dashboards.wording.playbook import playbook_section
from dashboards.wording.prediction import prediction_section
from dashboards.wording.rest import (
    coding_section,
    interactions_section,
    limits_section,
    surfaces_section,
    unknown_section,
)
from dashboards.wording.rows import ORDER, STATUS, Row, number, trait_name
from dashboards.wording.traits import money_section, traits_section

#: Changes since the edition before that stand at the top; the table of traits has all.
_MOST_CHANGES = 3


def wording_pages(
    told: WordingResult, audience: Audience, edition: Edition, previous: pl.DataFrame | None = None
) -> tuple[Page, ...]:
    """Return a page for each surface; that with most tests is `wording.html`, which links to the others.

    Args:
        told: What the edition says.
        audience: For whom.
        edition: Of which the pages are.
        previous: `wording_effects` of the edition before; None where there is none.
    """
    paths = _paths(told.surfaces)
    further = told.prediction.filter(reason=TOO_MANY_SURFACES)
    known = {surface: told.on(surface) for surface in told.surfaces}
    made = []
    for surface, path in paths.items():
        others = [(paths[other], known[other]) for other in told.surfaces if other != surface]
        spoken, here = voice(audience), known[surface]
        before = _before(previous, surface)
        row = here.outcome()
        made.append(
            Page(
                path=path,
                is_kept=True,
                title=spoken.say("What wording works"),
                label=spoken.say("Wording"),
                publisher=plain(audience.publisher),
                language=spoken.language_tag,
                kicker=(
                    spoken.say("What wording works"),
                    *((plain(surface, 40),) if others else ()),
                    spoken.say_n("{count} test speaks", "{count} tests speak", number(row, "tests")),
                ),
                badge=_badge(row, spoken),
                headline=_headline(row, spoken),
                standfirst=_standfirst(row, spoken),
                as_of="" if edition.as_of is None else spoken.day(edition.as_of),
                changes=_changes(here, before, spoken),
                sections=sections(
                    prediction_section(here, spoken),
                    traits_section(here, before, spoken),
                    money_section(here, spoken),
                    playbook_section(here, spoken),
                    interactions_section(here, spoken),
                    unknown_section(here, spoken),
                    coding_section(here, spoken),
                    surfaces_section(here, others, further, spoken),
                    limits_section(here, spoken),
                ),
            )
        )
    return tuple(made)


def _paths(surfaces: tuple[str, ...]) -> dict[str, str]:
    """Path of the page of each surface; names from outside become letters, digits and a number where two would meet."""
    paths: dict[str, str] = {}
    for place, surface in enumerate(surfaces):
        slug = re.sub(r"[^a-z0-9]+", "-", surface.lower())[:40].strip("-")
        path = f"wording-{slug}.html" if slug else f"wording-{place + 1}.html"
        paths[surface] = "wording.html" if place == 0 else path if path not in paths.values() else f"wording-{slug}-{place + 1}.html"  # fmt: skip
    return paths


def _before(previous: pl.DataFrame | None, surface: str) -> Mapping[str, Row]:
    if previous is None:
        return {}
    rows = previous.filter(surface=surface, outcome="conversion").iter_rows(named=True)
    return {str(row["trait"]): row for row in rows if row["status"] in STATUS}


def _badge(row: Row, spoken: Voice) -> Badge:
    if row["reason"] is not None:
        return Badge(spoken.say("Too early"), "clock", "mute")
    if row["is_predicting"]:
        return Badge(spoken.say("Words predict a little"), "tick", "up", is_outline=True)
    return Badge(spoken.say("Words do not predict"), "question", "mute")


def _headline(row: Row, spoken: Voice) -> str:
    if row["reason"] is not None:
        return spoken.say("Too few tests to say which words work")
    if not row["is_predicting"]:
        return spoken.say("Words do not predict here")
    return spoken.say(
        "Words tell the better of two texts in {share} of pairs", share=spoken.percent(number(row, "accuracy"))
    )


def _standfirst(row: Row, spoken: Voice) -> str:
    if row["reason"] is not None:
        return spoken.say(
            "Whether traits of wording predict anything is judged on later tests than they were learned from, thirty at least. Until then no table of effects is shown."
        )
    values = {
        "low": spoken.percent(number(row, "accuracy_low"), digits=1),
        "high": spoken.percent(number(row, "accuracy_high"), digits=1),
        "ceiling": spoken.percent(number(row, "ceiling")),
    }
    if row["is_predicting"]:
        return spoken.say(
            "Learned on earlier tests and held against later ones: the range is {low} to {high}, chance is 50%, and {ceiling} is the best that anybody could do with counts of this size. A gain worth having, no oracle.",
            **values,
        )
    return spoken.say(
        "Learned on earlier tests and held against later ones, traits told the better of two texts no more often than chance: the range is {low} to {high}. Test the text itself.",
        **values,
    )


def _changes(known: WordingResult, before: Mapping[str, Row], spoken: Voice) -> tuple[str, ...]:
    """Traits whose status is another one than in the edition before: the surest few, and how many more."""
    if known.outcome()["reason"] is not None:
        return ()
    rows = known.effects.filter(outcome="conversion").to_dicts()
    changed = [row for row in rows if row["trait"] in before and before[row["trait"]]["status"] != row["status"]]
    changed.sort(key=lambda row: ORDER.index(str(row["status"])))
    said = [
        spoken.say(
            "{name} is now “{new}”; it was “{old}”.",
            name=trait_name(row, spoken),
            new=spoken.inside(spoken.say(STATUS[str(row["status"])][0])),
            old=spoken.inside(spoken.say(STATUS[str(before[row["trait"]]["status"])][0])),
        )
        for row in changed[:_MOST_CHANGES]
    ]
    if len(changed) > _MOST_CHANGES:
        said.append(
            spoken.say_n(
                "{count} more trait has another status than in the edition before; the table says which.",
                "{count} more traits have another status than in the edition before; the table says which.",
                len(changed) - _MOST_CHANGES,
            )
        )
    return tuple(said)
