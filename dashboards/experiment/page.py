"""The page of one experiment as frozen data: from an `ExperimentResult` to a `Page`, in the order a person reads.

The answer first, then money, then the words readers saw, then reasons to trust or doubt, then detail. Which sentence
stands where is decided here; how a number is said, in `phrasing/`; how it looks, in `html.py`.
"""

from __future__ import annotations

from analysis.experiment_result import ExperimentResult
from dashboards.blocks import Page, sections
from dashboards.counted_readers import counted_readers
from dashboards.experiment.adjusted import adjusted_section
from dashboards.experiment.evidence import evidence_section
from dashboards.experiment.funnel import funnel_section
from dashboards.experiment.gift_kinds import gift_kinds_section
from dashboards.experiment.guardrails import guardrails_section
from dashboards.experiment.hero import hero_caption, ranges_drawing
from dashboards.experiment.key_figures import key_figures
from dashboards.experiment.lift import lift_section
from dashboards.experiment.methods import methods_section
from dashboards.experiment.money import money_section
from dashboards.experiment.plan import plan_section
from dashboards.experiment.robustness import robustness_section
from dashboards.experiment.segments import segments_section
from dashboards.experiment.texts import texts_section
from dashboards.experiment.trust import trust_section
from dashboards.experiment.unknown import unknown_section
from dashboards.metric_rows import other_metrics
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.voice import voice
from dashboards.phrasing.words import plain, run_words
from dashboards.reading import Reading


def experiment_report(result: ExperimentResult) -> Page:
    """Return the page of one experiment.

    A section that has no data says why in its place; sections that later data fill are left out until it is there.
    """
    reading = Reading(result)
    spoken = voice(result.audience, result.experiment.surface)
    words = verdict_words(result)
    experiment, as_of = result.experiment, reading.day
    kicker = [plain(experiment.placement, 60), run_words(experiment, as_of, spoken)]
    is_blocked = result.decision.get("verdict") == "fix_first"
    return Page(
        path=f"experiments/{experiment.id}.html",
        title=plain(experiment.name, 90),
        description=f"{words.headline}. {words.money_line}",
        publisher=plain(result.audience.publisher),
        language=spoken.language_tag,
        badge=words.badge,
        kicker=tuple(text for text in (plain(experiment.name, 90), *kicker) if text),
        headline=words.headline,
        standfirst=words.standfirst,
        advice=words.advice,
        figures=key_figures(reading, spoken),
        hero=ranges_drawing(reading, spoken),
        hero_caption=hero_caption(reading, spoken),
        banner=spoken.say("A trust check failed: the figures on this page are shown, and they are not to be used.")
        if is_blocked
        else "",
        as_of="" if as_of is None else spoken.day(as_of),
        sections=sections(
            money_section(reading, spoken),
            texts_section(reading, spoken),
            trust_section(reading, spoken),
            counted_readers(reading, spoken),
            evidence_section(reading, spoken),
            funnel_section(reading, spoken),
            lift_section(reading, spoken),
            gift_kinds_section(reading, spoken),
            robustness_section(reading, spoken),
            methods_section(reading, spoken),
            segments_section(reading, spoken),
            guardrails_section(reading, spoken),
            adjusted_section(reading, spoken),
            other_metrics(reading, spoken),
            unknown_section(reading, spoken),
            plan_section(reading, spoken),
        ),
    )
