"""The page of one experiment as frozen data: from an `ExperimentResult` to a `Page`, in the order a person reads.

The answer first, then money, then the words readers saw, then reasons to trust or doubt, then detail. Which sentence
stands where is decided here; how a number is said, in `phrasing.py`; how it looks, in `html.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
from markupsafe import Markup

from analysis.experiment_result import ExperimentResult
from analysis.inference.results import NotEstimable
from analysis.lift_split import split_lift
from analysis.registry import Guardrail
from analysis.wording.differences import appeal_differences
from dashboards import figures, svg
from dashboards.blocks import (
    Block,
    Card,
    Cards,
    Cell,
    Column,
    Definitions,
    Figure,
    Line,
    Lines,
    Page,
    Picture,
    Query,
    Section,
    Sentences,
    Table,
    TableRow,
    sections,
)
from dashboards.charts import (
    Axis,
    Evidence,
    EvidencePanel,
    EvidencePoint,
    Hero,
    HeroRow,
    Split,
    SplitRow,
    StepDot,
    StepRow,
    Steps,
    axis_of,
    clear_of_zero,
    day_ticks,
)
from dashboards.counted_readers import counted_readers
from dashboards.metric_rows import other_metrics
from dashboards.phrasing import (
    Voice,
    capital,
    checks_in_words,
    decision_steps,
    evidence_words,
    full_days,
    givers_words,
    guardrail_state,
    guardrail_words,
    metric_name,
    plain,
    reason_words,
    run_words,
    segment_kind_name,
    segment_name,
    sentence,
    step_name,
    verdict_words,
    voice,
    window_words,
    wording,
)
from dashboards.reading import Comparison, Range, Reading
from dashboards.theme import Arm
from dashboards.translations import marked

#: Below this many contributors in either wording a group or a step is listed, not drawn.
FEWEST_DRAWN = 100

#: Steps of which each is a share of the one before; the others are a share of the nearest of these before them.
_CHAIN = ("eligible", "inserted", "viewed", "clicked", "checkout_started", "contributed")
_PAYWALL_CHAIN = ("eligible", "inserted", "viewed", "blocked", "clicked", "checkout_started", "contributed")
_ORDER = (
    "eligible",
    "inserted",
    "viewed",
    "blocked",
    "expanded",
    "dismissed",
    "clicked",
    "registered",
    "checkout_started",
    "contributed",
)

#: Points of a line, and comparisons in the folded table of days: beyond them a page grows heavy and nobody reads on.
MOST_POINTS = 90
MOST_COMPARISONS = 90

RANGE_WORDS = marked("The dot is our best estimate, the bar is the range we are 95% sure of, however often you look.")


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
        figures=_key_figures(reading, spoken),
        hero=_hero(reading, spoken),
        hero_caption=_hero_caption(reading, spoken),
        banner=spoken.say("A trust check failed: the figures on this page are shown, and they are not to be used.")
        if is_blocked
        else "",
        as_of="" if as_of is None else spoken.day(as_of),
        sections=sections(
            _money(reading, spoken),
            _wordings(reading, spoken),
            _trust(reading, spoken),
            counted_readers(reading, spoken),
            _evidence(reading, spoken),
            _funnel(reading, spoken),
            _split(reading, spoken),
            _segments(reading, spoken),
            _guardrails(reading, spoken),
            other_metrics(reading, spoken),
            _unknown(reading, spoken),
            _plan(reading, spoken),
        ),
    )


# -- the top of the page ---------------------------------------------------------------------------------------------


def _shown_metric(reading: Reading) -> str:
    """The metric that money figures are shown in: settled value where it is known, else the primary one."""
    return "value" if reading.has_money else reading.primary


def _key_figures(reading: Reading, spoken: Voice) -> tuple[Figure, ...]:
    return (
        _difference_figure(reading, spoken),
        _worth_figure(reading, spoken),
        _readers_figure(reading, spoken),
        _checks_figure(reading, spoken),
    )


def _difference_figure(reading: Reading, spoken: Voice) -> Figure:
    metric, arm = _shown_metric(reading), reading.challenger
    label = (
        spoken.say("Difference in money")
        if metric == "value"
        else spoken.say("Difference in {outcomes}", outcomes=spoken.words.outcomes)
    )
    comparison = None if arm is None else reading.comparison(arm.id, metric)
    if arm is None or comparison is None or comparison.difference is None:
        reason = reason_words(None if comparison is None else comparison.reason, spoken)
        return Figure(label, spoken.say("Not known"), reason)
    within = comparison.difference_range
    below = spoken.say(
        "{unit}, {wording} against the current wording.", unit=spoken.unit_of(metric), wording=wording(arm, spoken, 28)
    )
    beside = (
        spoken.say("Range {range}.", range=spoken.difference_range(metric, within))
        if within.is_known
        else reason_words(comparison.reason, spoken)
    )
    return Figure(label, spoken.difference(metric, comparison.difference), f"{below} {beside}")


def _worth_figure(reading: Reading, spoken: Voice) -> Figure:
    say = spoken.say
    label, arm = say("Worth a month"), reading.challenger
    worth = None if arm is None else reading.worth(arm.id)
    if reading.day is None:
        return Figure(label, say("Not known"), say("The table has no dates, so traffic a month is not known."))
    if worth is None or arm is None:
        return Figure(label, say("Not known"), say("There is not enough to project from yet."))
    if reading.result.decision.get("verdict") == "too_early":
        return Figure(label, say("Too early"), say("A projection from so little would mislead."))
    if reading.result.decision.get("verdict") == "fix_first":
        return Figure(label, say("Withheld"), say("Until the trust check passes."))
    return Figure(
        label,
        f"≈ {spoken.sum_of_money(worth.expected, worth.range, plus=True)}",
        say(
            "if everyone saw {wording}, at present traffic. Likely {range}.",
            wording=wording(arm, spoken, 28),
            range=spoken.range_of_sums(worth.range),
        ),
    )


def _readers_figure(reading: Reading, spoken: Voice) -> Figure:
    days = reading.result.decision.get("n_days")
    counts = [reading.contributors(arm.id) for arm in reading.arms]
    givers = sum(count for count in counts if count is not None)
    below = givers_words(givers, spoken)
    if isinstance(days, int):
        below = spoken.say("in {days}; {givers}", days=full_days(days, spoken), givers=below)
    return Figure(capital(spoken.words.asked), spoken.prose_count(reading.all_readers), below)


def _checks_figure(reading: Reading, spoken: Voice) -> Figure:
    statuses = [words.status for words in checks_in_words(reading, spoken)]
    asked = [status for status in statuses if status != "not_applicable"]
    below = [
        spoken.say(words, number=spoken.count(count))
        for count, words in (
            (asked.count("block"), marked("{number} failed")),
            (asked.count("warn"), marked("{number} worth a look")),
            (len(statuses) - len(asked), marked("{number} could not be asked")),
        )
        if count
    ]
    figure = (
        spoken.say("{number} of {all} passed", number=spoken.count(asked.count("pass")), all=spoken.count(len(asked)))
        if asked
        else spoken.say("None asked")
    )
    return Figure(spoken.say("Trust checks"), figure, "; ".join(below) or spoken.say("None failed, none to watch"))


def hero_drawing(result: ExperimentResult) -> Markup | None:
    """Return the range bars of all wordings of a result; None where there is no range to draw."""
    return _hero(Reading(result), voice(result.audience, result.experiment.surface))


def _hero(reading: Reading, spoken: Voice) -> Markup | None:
    metric = reading.primary  # what the headline speaks of: two metrics side by side would read as a contradiction
    base = reading.mean(metric, reading.control.id)
    if base is None or not _has_ranges(reading, metric):
        return None  # dots on an axis without zero and without ranges would look like a difference
    rows, label = [], []
    for arm in reading.arms:
        mean = reading.mean(metric, arm.id)
        comparison = reading.comparison(arm.id, metric)
        within = Range(None, None) if comparison is None else comparison.difference_range.shifted(base * 1_000)
        text = spoken.say("not known") if mean is None else spoken.level(metric, mean)
        is_unnamed = arm.is_control and not arm.variant.name
        name = capital(wording(arm, spoken)) if is_unnamed else plain(arm.variant.label, 40)
        rows.append(HeroRow(arm.letter, arm.token, name, None if mean is None else mean * 1_000, text, within))
        said = spoken.say("{name}: {value}", name=name, value=text)
        label.append(
            spoken.say("{said}, range {range}", said=said, range=_said_range(spoken, metric, within))
            if within.is_known
            else said
        )
    axis = axis_of(
        [base * 1_000, *(row.value for row in rows), *_clipped([row.range for row in rows], base * 1_000)],
        lambda tick: (
            spoken.level(metric, tick / 1_000) if spoken.kind_of(metric) != "money" else _tick_money(spoken, tick)
        ),
        most=4,
        zero=False,
    )
    unit = spoken.unit_of(metric)
    return svg.hero(Hero(tuple(rows), axis, base * 1_000, f"{metric_name(metric, spoken)} {unit}: {'; '.join(label)}."))


def _has_ranges(reading: Reading, metric: str) -> bool:
    found = [reading.comparison(arm.id, metric) for arm in reading.others]
    return any(comparison is not None and comparison.difference_range.is_known for comparison in found)


def _said_range(spoken: Voice, metric: str, within: Range) -> str:
    low = spoken.say("open") if within.low is None else spoken.level(metric, within.low / 1_000)
    high = spoken.say("open") if within.high is None else spoken.level(metric, within.high / 1_000)
    return spoken.say("{low} to {high}", low=low, high=high)


def _tick_money(spoken: Voice, minor: float, *, plus: bool = False) -> str:
    is_whole = abs(minor / 10**spoken.exponent - round(minor / 10**spoken.exponent)) < 1e-6
    return spoken.money(minor, digits=0 if is_whole else spoken.exponent, plus=plus)


def _clipped(ranges: Sequence[Range], centre: float = 0.0) -> list[float]:
    """Limits of the ranges, cut so that the widest does not flatten all others: at four times the narrowest."""
    sizes = [
        max(abs((side or 0.0) - centre) for side in (found.low, found.high) if side is not None)
        for found in ranges
        if found.is_known
    ]
    bound = 4 * min(sizes, default=0.0)
    return [
        max(centre - bound, min(centre + bound, side))
        for found in ranges
        for side in (found.low, found.high)
        if side is not None
    ]


def _hero_caption(reading: Reading, spoken: Voice) -> str:
    metric = reading.primary
    return spoken.say(
        "{metric} {unit}. {range_words} The bar is the range of the difference from the current wording, whose own value is the dashed line.",
        metric=metric_name(metric, spoken),
        unit=spoken.unit_of(metric),
        range_words=spoken.say(RANGE_WORDS),
    )


# -- money -----------------------------------------------------------------------------------------------------------


def _difference_axis(reading: Reading, spoken: Voice, metric: str) -> Axis:
    found = [comparison for arm in reading.others if (comparison := reading.comparison(arm.id, metric)) is not None]
    return axis_of(
        [
            *(comparison.difference for comparison in found),
            *_clipped([comparison.difference_range for comparison in found]),
        ],
        _difference_ticks(spoken, metric),
        most=4,
    )


def _difference_ticks(spoken: Voice, metric: str) -> Callable[[float], str]:
    if spoken.kind_of(metric) == "money":
        return lambda tick: _tick_money(spoken, tick, plus=True)
    return lambda tick: spoken.difference(metric, tick)


def _money(reading: Reading, spoken: Voice) -> Section:
    metric = _shown_metric(reading)
    axis = _difference_axis(reading, spoken, metric)
    words = spoken.words
    has_money, has_ranges = metric == "value", _has_ranges(reading, metric)
    columns = [
        Column(spoken.say("Wording")),
        *([Column(spoken.say("Settled value"), spoken.unit_of("value"), "number")] if has_money else []),
        Column(capital(words.outcomes), spoken.say("per {number}", number=spoken.count(100_000)), "number"),
        *([Column(words.amount, "", "number")] if has_money else []),
        Column(capital(words.asked), "", "number"),
        Column(
            spoken.say("Difference"),
            spoken.say("from the current wording, {unit}", unit=spoken.unit_of(metric)),
            "strip",
            svg.strip_axis(axis) if has_ranges else None,
        ),
    ]
    rows = tuple(_money_row(reading, spoken, arm, metric, axis) for arm in reading.arms)
    notes = [
        text
        for text in (
            verdict_words(reading.result).money_line,
            _value_rule(reading, spoken) if has_money else "",
            _other_rules(reading, spoken),
        )
        if text
    ]
    return Section(
        id="money",
        heading=_money_heading(spoken, has_money=has_money),
        lead=spoken.say(RANGE_WORDS) if has_ranges else "",
        blocks=(
            Table(
                spoken.say(
                    "{metric} and {outcomes} under each wording",
                    metric=metric_name(metric, spoken),
                    outcomes=words.outcomes,
                ),
                tuple(columns),
                rows,
            ),
            Sentences(tuple(notes)),
        ),
        data=_money_data(reading, metric),
        queries=_queries(
            reading,
            (
                spoken.say("Value and {outcomes} of each wording", outcomes=words.outcomes),
                "variant_results",
                "basis = 'exposed' AND segment_kind = 'all'",
            ),
            (
                spoken.say("Differences and their ranges"),
                "estimates",
                "basis = 'exposed' AND segment_kind = 'all'",
            ),
            (spoken.say("All checks with their limits"), "checks", "check_name = 'one_donor'"),
        ),
    )


def _money_data(reading: Reading, metric: str) -> tuple[tuple[object, ...], ...]:
    rows: list[tuple[object, ...]] = [
        ("variant_id", "name", "readers", "converted", f"{metric}_per_reader", "difference_per_1000", "low", "high")
    ]
    for arm in reading.arms:
        comparison = reading.comparison(arm.id, metric)
        within = Range(None, None) if comparison is None else comparison.difference_range
        rows.append(
            (
                arm.id,
                arm.variant.label,
                reading.readers(arm.id),
                reading.contributors(arm.id),
                reading.mean(metric, arm.id),
                None if comparison is None else comparison.difference,
                within.low,
                within.high,
            )
        )
    return tuple(rows)


def _money_heading(spoken: Voice, *, has_money: bool) -> str:
    if not has_money:
        return capital(spoken.say("{outcomes} under each wording", outcomes=spoken.words.outcomes))
    if spoken.surface == "donation":
        return spoken.say("Money raised by each wording")
    return spoken.say("Money brought in by each wording")


def _money_row(reading: Reading, spoken: Voice, arm: Arm, metric: str, axis: Axis) -> TableRow:
    value, rate = reading.mean("value", arm.id), reading.mean("conversion", arm.id)
    givers, readers, gift = reading.contributors(arm.id), reading.readers(arm.id), reading.average_gift(arm.id)
    cells = []
    if metric == "value":
        cells.append(Cell(spoken.say("not known") if value is None else spoken.level("value", value)))
    cells.append(
        Cell(
            spoken.say("not known") if rate is None else spoken.level("conversion", rate),
            "" if givers is None or not readers else givers_words(givers, spoken),
        )
    )
    if metric == "value":
        cells.append(Cell(spoken.say("none yet") if gift is None else spoken.money(gift), weak=True))
    cells.append(Cell(spoken.say("nobody yet") if not readers else spoken.count(readers)))
    cells.append(
        Cell("—", spoken.say("what the others are compared with"))
        if arm.is_control
        else _difference_cell(reading.comparison(arm.id, metric), spoken, arm, axis)
    )
    return TableRow(
        Cell(plain(arm.variant.label, 60), spoken.say("current wording") if arm.is_control else ""),
        tuple(cells),
        arm.letter,
        arm.token,
    )


def _difference_cell(comparison: Comparison | None, spoken: Voice, arm: Arm, axis: Axis) -> Cell:
    if comparison is None or comparison.difference is None:
        reason = reason_words(None if comparison is None else comparison.reason, spoken)
        return Cell(spoken.say("Not known"), reason)
    within, text = comparison.difference_range, spoken.difference(comparison.metric, comparison.difference)
    if not within.is_known:
        return Cell(text, reason_words(comparison.reason, spoken))
    said = spoken.difference_range(comparison.metric, within)
    label = spoken.say("{name}: {value}, range {range}", name=plain(arm.variant.label), value=text, range=said)
    drawn = svg.strip(axis, arm.token, comparison.difference, within, label)
    return Cell(text, said, strip=drawn, axis=svg.strip_axis(axis))


def _value_rule(reading: Reading, spoken: Voice) -> str:
    result, words = reading.result, spoken.words
    values: dict[str, object] = {"gifts": words.gifts}
    if result.window_hours is None:
        counts = spoken.say("Settled value counts {gifts} in the table.", **values)
    else:
        counts = spoken.say(
            "Settled value counts {gifts} in the {window} from {first_appeal}, less refunds.",
            window=window_words(result.window_hours, spoken),
            first_appeal=words.first_appeal,
            **values,
        )
    if result.cap_minor is not None:
        cap = spoken.money(result.cap_minor, digits=0)
        counts += " " + spoken.say("At most {money} is counted for one reader.", money=cap)
    is_description = spoken.say(
        "{amount} is a description: it is not compared, since the wording chooses who gives.", amount=words.amount
    )
    return f"{counts} {is_description}"


def _other_rules(reading: Reading, spoken: Voice) -> str:
    arm = reading.challenger
    main = None if arm is None else reading.comparison(arm.id, "value")
    if arm is None or main is None or main.difference is None:
        return ""
    rules = {
        "value_uncapped": spoken.say("without the cap"),
        "value_annualised": spoken.say("with monthly payments counted for a year"),
    }
    said, turned = [], []
    for metric, name in rules.items():
        other = reading.comparison(arm.id, metric)
        if other is None or other.difference is None:
            continue
        said.append(spoken.say("{rule} {value}", rule=name, value=spoken.difference(metric, other.difference)))
        if other.difference * main.difference < 0:
            turned.append(name)
    without = _without_the_largest(reading, arm)
    if without is not None:
        name = spoken.say("without its largest {giver}", giver=spoken.words.giver)
        base = main.number("mean_control")
        if base:
            said.append(
                spoken.say("{rule} {value}", rule=name, value=spoken.difference("value", without * base * 1_000))
            )
        if without * main.difference < 0:
            turned.append(name)
    if not said:
        return ""
    verdict = (
        spoken.say("The sign turns {rules}: look before you decide.", rules=spoken.listed(turned))
        if turned
        else spoken.say("The sign stays the same.")
    )
    text = spoken.say(
        "Under other rules the difference of {wording} is {values}.",
        wording=wording(arm, spoken),
        values=spoken.listed(said),
    )
    return f"{text} {verdict}"


def _without_the_largest(reading: Reading, arm: Arm) -> float | None:
    """The lift of a variant without its own largest giver, from the trust check; None where it was not asked."""
    for row in reading.result.checks.to_dicts():
        if row["check_name"] == "one_donor" and row["variant_id"] == arm.id and row["detail"]:
            found = json.loads(row["detail"]).get("lift_without")
            value = found.get(arm.id) if isinstance(found, dict) else None
            return float(value) if isinstance(value, int | float) else None
    return None


# -- what readers saw ------------------------------------------------------------------------------------------------


def _wordings(reading: Reading, spoken: Voice) -> Section | None:
    if not reading.result.has_texts:
        return None
    metric, cards = _shown_metric(reading), tuple(_card(reading, spoken, arm) for arm in reading.arms)
    has_replaced = any(piece.kind == "replaced" for card in cards for part in card.parts for piece in part.pieces)
    has_marks = any(piece.kind == "new" for card in cards for part in card.parts for piece in part.pieces)
    return Section(
        id="wordings",
        heading=spoken.say("What readers saw"),
        lead=spoken.say(
            "Words that the current wording does not have are marked. Under each name: {metric}.",
            metric=spoken.inside(metric_name(metric, spoken)),
        )
        if has_marks
        else "",
        blocks=(Cards(cards, has_replaced),),
    )


def _card(reading: Reading, spoken: Voice, arm: Arm) -> Card:
    control, appeal = reading.control.variant.appeal, arm.variant.appeal
    metric = _shown_metric(reading)
    parts, mean = appeal_differences(control, appeal), reading.mean(metric, arm.id)
    rewritten = [part.part for part in parts if part.is_rewritten]
    changed = [part.part for part in parts if part.is_changed and not part.is_rewritten]
    changed += ["amounts"] if appeal.amounts != control.amounts else []
    changed += ["picture"] if appeal.image != control.image else []
    return Card(
        letter=arm.letter,
        token=arm.token,
        name=plain(arm.variant.label, 60),
        value="" if mean is None else f"{spoken.level(metric, mean)} {spoken.unit_of(metric)}",
        summary=_card_summary(arm, changed, rewritten, spoken),
        parts=parts,
        amounts=tuple((_asked(amount, spoken), amount not in control.amounts) for amount in appeal.amounts),
        image=plain(appeal.image, 120),
        language=reading.result.experiment.language,
    )


def _asked(amount: Decimal, spoken: Voice) -> str:
    """An amount as the appeal named it; in which currency is not registered, so none is printed."""
    return spoken.decimal(float(amount), 0 if amount == amount.to_integral_value() else 2)


def _card_summary(arm: Arm, changed: Sequence[str], rewritten: Sequence[str], spoken: Voice) -> str:
    if arm.is_control:
        return spoken.say("The current wording")
    said = []
    if rewritten:
        parts = spoken.listed([_part_name(part, spoken) for part in rewritten])
        said.append(capital(spoken.say("{parts} rewritten", parts=parts)))
    if changed:
        parts = spoken.listed([_part_name(part, spoken) for part in changed])
        said.append(spoken.say("{parts} changed", parts=parts))
    return capital("; ".join(said)) if said else spoken.say("The same words as the current wording")


_PARTS = {
    "headline": marked("headline"),
    "body": marked("body"),
    "highlight": marked("highlight"),
    "button": marked("button"),
    "secondary": marked("second button"),
    "ticker": marked("ticker"),
    "amounts": marked("amounts"),
    "picture": marked("picture"),
}


def _part_name(part: str, spoken: Voice) -> str:
    return spoken.say(_PARTS[part]) if part in _PARTS else plain(part.replace("_", " "))


# -- trust -------------------------------------------------------------------------------------------------------------

_STATUS_LOOK = {
    "block": ("exclamation", "down"),
    "warn": ("exclamation", "note"),
    "pass": ("tick", "up"),
    "not_applicable": ("dash", "mute"),
}


def _trust(reading: Reading, spoken: Voice) -> Section:
    lines = tuple(
        Line(words.name, words.sentence, *_STATUS_LOOK.get(words.status, ("question", "mute")), words.status)
        for words in checks_in_words(reading, spoken)
    )
    blocks: tuple[Block, ...] = (
        (Lines(lines),) if lines else (Sentences((spoken.say("No trust check has run for this test yet."),)),)
    )
    queries = _queries(reading, (spoken.say("All checks with their limits"), "checks", ""))
    return Section("trust", spoken.say("Can we trust it?"), blocks, queries=queries)


# -- evidence over time ----------------------------------------------------------------------------------------------


def _evidence(reading: Reading, spoken: Voice) -> Section | None:
    metric = reading.primary
    if reading.day is None:
        return None
    scale, history = _display_scale(spoken, metric), reading.history(metric)
    if len(history) < 2:
        only = spoken.say("There is only one day so far; a line needs two.")
        return Section("evidence", spoken.say("How the evidence grew"), (Sentences((only,)),))
    panels: list[EvidencePanel] = []
    shown, since = set(_thinned(list(history))), dict[str, date | None]()
    for arm in reading.others:
        found = [(day, comparisons[arm.id]) for day, comparisons in history.items() if arm.id in comparisons]
        points = tuple(_point(day, comparison, scale, spoken) for day, comparison in found)
        last = found[-1][1].difference if found else None
        end = "" if last is None else spoken.difference(metric, last)
        name = plain(arm.variant.label, 60)
        mark = _mark(points, spoken)
        since[arm.id] = _since(points)
        drawn = tuple(point for point in points if point.day in shown)
        panels.append(EvidencePanel(arm.letter, arm.token, name, drawn, end, mark))
    chart = _evidence_chart(panels, history, metric, scale, spoken)
    unit = spoken.unit_of(metric)
    caption = spoken.say(
        "Difference from the current wording, {unit}. Line: the estimate of all days so far. Band: the range we are 95% sure of, however often you look.",
        unit=unit,
    )
    picture = Picture(
        id="evidence-chart",
        wide=svg.evidence(chart, narrow=False),
        narrow=svg.evidence(chart, narrow=True),
        figure=figures.figure_json(figures.evidence(chart), figures.evidence_narrow(chart)),
        caption=caption,
    )
    condition = f"basis = 'exposed' AND segment_kind = 'all' AND metric = '{metric}'"
    return Section(
        id="evidence",
        heading=_evidence_heading(reading, since, spoken),
        lead=_evidence_lead(reading, spoken),
        blocks=(picture, _evidence_table(reading, history, metric, spoken)),
        data=(
            ("as_of", "variant_id", "difference_per_1000", "low", "high", "log_e"),
            *(
                (
                    day.isoformat(),
                    name,
                    item.difference,
                    item.difference_range.low,
                    item.difference_range.high,
                    item.number("log_e"),
                )
                for day, found in history.items()
                for name, item in found.items()
            ),
        ),
        queries=_queries(
            reading, (spoken.say("The comparison on every day so far"), "estimates", condition), every_day=True
        ),
    )


def _thinned(days: Sequence[date]) -> Sequence[date]:
    """At most `MOST_POINTS` days, evenly spaced back from the last one: more cannot be told apart."""
    step = -(-len(days) // MOST_POINTS)
    return [day for back, day in enumerate(reversed(days)) if back % step == 0]


def _evidence_chart(
    panels: Sequence[EvidencePanel], days: Collection[date], metric: str, scale: float, spoken: Voice
) -> Evidence:
    first, last = min(days), max(days)
    say = _difference_ticks(spoken, metric)
    said = "; ".join(f"{panel.name} {panel.points[-1].hover}" for panel in panels if panel.points)
    return Evidence(
        panels=tuple(panels),
        axis=axis_of(_evidence_limits(panels), lambda tick: say(tick / scale), pad=0.02),
        days=day_ticks(first, last, spoken.short_day),
        first=first,
        last=last,
        label=spoken.say(
            "Difference from the current wording, {unit}, day by day: {values}.",
            unit=spoken.unit_of(metric),
            values=said,
        ),
    )


def _display_scale(spoken: Voice, metric: str) -> float:
    match spoken.kind_of(metric):
        case "money":
            return 1 / 10**spoken.exponent
        case "binary":
            return 100.0
        case _:
            return 1 / 1_000


def _point(day: date, comparison: Comparison, scale: float, spoken: Voice) -> EvidencePoint:
    difference, within, metric = comparison.difference, comparison.difference_range, comparison.metric
    value = spoken.say("not known") if difference is None else spoken.difference(metric, difference)
    if within.is_known:
        value += f" ({spoken.difference_range(metric, within)})"
    readers = (comparison.number("n") or 0) + (comparison.number("n_control") or 0)
    return EvidencePoint(
        day,
        None if difference is None else difference * scale,
        Range(None if within.low is None else within.low * scale, None if within.high is None else within.high * scale),
        f"{spoken.day(day)}: {value}, {spoken.prose_count(readers)} {spoken.words.readers}",
    )


def _evidence_limits(panels: Sequence[EvidencePanel]) -> list[float]:
    """Limits of the y axis: the last range times three, so that the first days do not squeeze the rest."""
    limits: list[float] = []
    for panel in panels:
        known = [point for point in panel.points if point.range.low is not None and point.range.high is not None]
        if not known:
            limits += [point.difference for point in panel.points if point.difference is not None]
            continue
        low, high = known[-1].range.low or 0.0, known[-1].range.high or 0.0
        centre, half = (low + high) / 2, 1.5 * (high - low)
        reach = [side for point in known for side in (point.range.low or 0.0, point.range.high or 0.0)]
        limits += [max(min(reach), centre - half), min(max(reach), centre + half)]
    return limits


def _mark(points: Sequence[EvidencePoint], spoken: Voice) -> tuple[date, str] | None:
    since, spell = clear_of_zero(points)
    if since is not None:
        return (since, spoken.say("clear of zero from here")) if since != points[0].day else None
    if spell is not None:
        words = spoken.say(
            "cleared zero {day}, fell back {back}", day=spoken.short_day(spell[0]), back=spoken.short_day(spell[1])
        )
        return spell[0], words
    return None


def _since(points: Sequence[EvidencePoint]) -> date | None:
    """Since when the range has stayed above zero, on every day up to the last; None where it has not, or only today."""
    since, _ = clear_of_zero(points)
    if not points or since is None or since == points[-1].day or (points[-1].range.low or 0.0) <= 0:
        return None
    return since


def _evidence_heading(reading: Reading, since: Mapping[str, date | None], spoken: Voice) -> str:
    """Say since when the range has stayed above zero, where it has; else stay neutral."""
    arm = reading.challenger
    day = None if arm is None else since.get(arm.id)
    if arm is None or day is None or reading.result.decision.get("verdict") == "fix_first":
        return spoken.say("How the evidence grew")
    return spoken.say(
        "{wording} has stayed above zero since {day}", wording=wording(arm, spoken), day=spoken.short_day(day)
    )


def _evidence_lead(reading: Reading, spoken: Voice) -> str:
    said = []
    for arm in reading.others:
        comparison = reading.comparison(arm.id)
        if comparison is not None and comparison.e_value is not None:
            said.append(f"{wording(arm, spoken)}: {evidence_words(comparison.e_value, spoken)}")
    proven = reading.result.decision.get("proven_at")
    text = spoken.say("Evidence of a difference today. {strengths}.", strengths="; ".join(said)) if said else ""
    if isinstance(proven, date):
        text += " " + spoken.say("First proven on {day}.", day=spoken.day(proven))
    return text.strip()


def _evidence_table(
    reading: Reading, history: Mapping[date, Mapping[str, Comparison]], metric: str, spoken: Voice
) -> Table:
    columns, say = [Column(spoken.say("Day"))], spoken.say
    for arm in reading.others:
        columns += [
            Column(say("Difference"), spoken.unit_of(metric), "number", letter=arm.letter, token=arm.token),
            Column(say("Range"), say("95%, however often you look"), "number", letter=arm.letter, token=arm.token),
            Column(say("Evidence"), "", letter=arm.letter, token=arm.token),
        ]
    rows = []
    most = max(7, MOST_COMPARISONS // max(1, len(reading.others)))
    for day in sorted(history, reverse=True)[:most]:
        cells: list[Cell] = []
        for arm in reading.others:
            comparison = history[day].get(arm.id)
            if comparison is None or comparison.difference is None:
                cells += [Cell(say("not known")), Cell("—"), Cell("—")]
                continue
            within = comparison.difference_range
            cells.append(Cell(spoken.difference(metric, comparison.difference)))
            cells.append(Cell(spoken.difference_range(metric, within) if within.is_known else say("no range")))
            cells.append(Cell(evidence_words(comparison.e_value, spoken)))
        rows.append(TableRow(Cell(spoken.day(day)), tuple(cells)))
    return Table(
        say("The comparison as it stood on each day"),
        tuple(columns),
        tuple(rows),
        summary=say("The numbers, day by day")
        if len(history) <= most
        else say("The numbers of the last {number} days", number=spoken.count(most)),
    )


# -- funnel ----------------------------------------------------------------------------------------------------------


def _funnel(reading: Reading, spoken: Voice) -> Section | None:
    frame = reading.result.funnel
    if reading.day is None:
        return None
    counts = {(row["step"], row["variant_id"]): row["readers"] for row in frame.to_dicts()}
    present = [step for step in _ORDER if any(counts.get((step, arm.id)) for arm in reading.arms)]
    if not present:
        none = spoken.say("No appeal events have arrived for this test yet.")
        return Section("funnel", spoken.say("Step by step"), (Sentences((none,)),))
    chain = _PAYWALL_CHAIN if spoken.surface == "paywall" else _CHAIN
    base_of: dict[str, str | None] = {}
    last: str | None = None
    for step in present:
        base_of[step] = last
        if step in chain:
            last = step
    rows = [_funnel_row(reading, spoken, counts, step, base_of[step]) for step in present]
    chart = _steps(reading, spoken, counts, [step for step in present if base_of[step]], base_of)
    blocks: list[Block] = []
    if chart is not None:
        blocks.append(
            Picture(
                "funnel-chart",
                wide=svg.steps(chart, narrow=False),
                narrow=svg.steps(chart, narrow=True),
                figure=figures.figure_json(figures.steps(chart), figures.steps_narrow(chart)),
                caption=spoken.say(
                    "Share of readers who go on from one step to the next, against the current wording (the line at zero)."
                ),
            )
        )
    columns = [Column(spoken.say("Step"))]
    for arm in reading.arms:
        columns.append(Column(plain(arm.variant.label, 24), "", "number", letter=arm.letter, token=arm.token))
    blocks.append(
        Table(
            spoken.say("Readers at each step under each wording, and their share of the step before"),
            tuple(columns),
            tuple(rows),
            is_compact=True,
        )
    )
    return Section(
        id="funnel",
        heading=spoken.say("Step by step"),
        lead=spoken.say(
            "Readers, not views, within the outcome window. Steps describe; they carry no range here and decide nothing. More clicks with no more money is common."
        ),
        blocks=tuple(blocks),
        queries=_queries(reading, (spoken.say("Readers at each step"), "funnel", "")),
        data=(
            ("step", "variant_id", "readers"),
            *((step, arm.id, counts.get((step, arm.id))) for step in present for arm in reading.arms),
        ),
    )


def _funnel_row(
    reading: Reading, spoken: Voice, counts: dict[tuple[str, str], int], step: str, base: str | None
) -> TableRow:
    cells = []
    for arm in reading.arms:
        readers = counts.get((step, arm.id))
        if readers is None:
            cells.append(Cell(spoken.say("none sent")))
            continue
        of = counts.get((base, arm.id)) if base else None
        cells.append(Cell(spoken.count(readers), spoken.percent(readers / of) if of else ""))
    return TableRow(Cell(step_name(step, spoken)), tuple(cells))


def _steps(
    reading: Reading,
    spoken: Voice,
    counts: dict[tuple[str, str], int],
    steps: Sequence[str],
    base_of: dict[str, str | None],
) -> Steps | None:
    rows = []
    for step in steps:
        base = base_of[step] or ""
        at, of = counts.get((step, reading.control.id)), counts.get((base, reading.control.id))
        dots, few = [], not at or not of or at < FEWEST_DRAWN
        for arm in reading.others:
            readers, before = counts.get((step, arm.id)), counts.get((base, arm.id))
            if few or not readers or not before or readers < FEWEST_DRAWN or not at or not of:
                continue
            change = (readers / before) / (at / of) - 1
            text = f"{spoken.percent(change, plus=True)}"
            dots.append(StepDot(arm.letter, arm.token, plain(arm.variant.label, 40), change, text))
        note = (
            spoken.say("of those: {step}", step=spoken.inside(step_name(base, spoken)))
            if dots
            else spoken.say("too few to draw (under {number})", number=spoken.count(FEWEST_DRAWN))
        )
        rows.append(StepRow(step_name(step, spoken), note, tuple(dots)))
    changes = [dot.change for row in rows for dot in row.dots]
    if not changes:
        return None
    axis = axis_of(
        [*changes, 0.02, -0.02],
        lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
        most=4,
        pad=0.08,
    )
    said = "; ".join(
        f"{row.name}: " + ", ".join(f"{dot.name} {dot.text}" for dot in row.dots) for row in rows if row.dots
    )
    label = spoken.say("Change of each step's ratio against the current wording. {values}.", values=said)
    return Steps(tuple(rows), axis, label)


# -- where the difference comes from ---------------------------------------------------------------------------------

#: Steps that a difference is split over, where both wordings have readers at them.
_SPLIT_CHAIN = ("viewed", "blocked", "clicked", "checkout_started")


def _split(reading: Reading, spoken: Voice) -> Section | None:
    arm, say = reading.challenger, spoken.say
    if reading.day is None or arm is None or not reading.has_money:
        return None
    heading = say("Where the difference comes from")
    control, variant = _factors(reading, reading.control), _factors(reading, arm)
    both = [step for step in control if step in variant]
    shares = split_lift({step: control[step] for step in both}, {step: variant[step] for step in both})
    if isinstance(shares, NotEstimable):
        return Section("split", heading, (Sentences((reason_words(shares.reason, spoken),)),))
    rows, reached = [], 0.0
    for share in shares:
        text = spoken.percent(share.share, plus=True, digits=1)
        rows.append(SplitRow(_factor_name(share.step, spoken), reached, reached + share.share, text))
        reached += share.share
    rows.append(SplitRow(say("Together"), 0.0, reached, spoken.percent(reached, plus=True, digits=1), is_total=True))
    axis = axis_of(
        [0.01, -0.01, *(side for row in rows for side in (row.start, row.end))],
        lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
        most=4,
        pad=0.06,
    )
    label = say(
        "What each step adds to the difference of {wording}. {values}.",
        wording=wording(arm, spoken),
        values="; ".join(f"{row.name}: {row.text}" for row in rows),
    )
    chart = Split(tuple(rows), arm.token, axis, label)
    picture = Picture(
        "split-chart",
        wide=svg.split(chart, narrow=False),
        narrow=svg.split(chart, narrow=True),
        figure=figures.figure_json(figures.split(chart), figures.split_narrow(chart)),
        caption=say(
            "{wording} against the current wording, in percent of its settled value. The steps add up to the total exactly.",
            wording=capital(wording(arm, spoken)),
        ),
    )
    table = Table(
        say("What each step adds"),
        (
            Column(say("Step")),
            Column(say("The step itself"), say("change against the current wording"), "number"),
            Column(say("Adds"), say("percent of the current wording's settled value"), "number"),
        ),
        tuple(
            TableRow(
                Cell(row.name),
                (
                    Cell(spoken.percent(share.ratio, plus=True, digits=1) if share is not None else "—"),
                    Cell(row.text),
                ),
            )
            for row, share in zip(rows, (*shares, None), strict=True)
        ),
        is_compact=True,
    )
    return Section(
        id="split",
        heading=heading,
        lead=say("A description: it says where, not why, and carries no range."),
        blocks=(picture, table),
        queries=_queries(
            reading,
            (say("Readers at each step"), "funnel", ""),
            (say("Every wording of this test"), "variant_results", "basis = 'exposed' AND segment_kind = 'all'"),
        ),
        data=(("step", "ratio", "share_of_control_value"), *((item.step, item.ratio, item.share) for item in shares)),
    )


def _factors(reading: Reading, arm: Arm) -> dict[str, float]:
    """Settled value per reader asked as a product: each step's share of the one before, and the value of a giver."""
    counts = {row["step"]: row["readers"] for row in reading.result.funnel.to_dicts() if row["variant_id"] == arm.id}
    asked, givers, mean = reading.readers(arm.id), reading.contributors(arm.id), reading.mean("value", arm.id)
    if not asked or not givers or mean is None:
        return {"contributed": 0.0}
    factors, before = {}, asked
    for step in _SPLIT_CHAIN:
        if counts.get(step):
            factors[step] = counts[step] / before
            before = counts[step]
    factors["contributed"] = givers / before
    factors["amount"] = mean * asked / givers
    return factors


def _factor_name(step: str, spoken: Voice) -> str:
    return spoken.words.amount if step == "amount" else step_name(step, spoken)


# -- groups, guardrails ------------------------------------------------------------------------------------------------


def _segments(reading: Reading, spoken: Voice) -> Section | None:
    groups = _groups(reading)
    if not groups:
        return None
    metric = reading.primary
    drawn = [item for _, _, found in groups for item in found if _fewest(item) >= FEWEST_DRAWN]
    values = [*(item.difference for item in drawn), *_clipped([item.difference_range for item in drawn])]
    axis = axis_of(values, _difference_ticks(spoken, metric), most=4)
    shrunk = _shrunk(reading)
    expects = any(row["shrunk_log_ratio"] is not None and row["reason"] is None for row in shrunk.values())
    rows = [
        _segment_row(
            kind,
            segment,
            comparison,
            spoken,
            axis,
            shrunk.get((kind, segment, comparison.arm.id), {}) if expects else None,
        )
        for kind, segment, found in groups
        for comparison in found
    ]
    say = spoken.say
    columns = (
        Column(say("Group")),
        Column(say("Wording")),
        Column(capital(spoken.words.asked), say("with the current wording's"), "number"),
        Column(
            say("Difference"),
            say("from the current wording, {unit}", unit=spoken.unit_of(metric)),
            "strip",
            svg.strip_axis(axis),
        ),
        *(
            [Column(say("To expect"), say("drawn towards the other groups; range for one look"), "number")]
            if expects
            else []
        ),
    )
    condition = f"basis = 'exposed' AND segment_kind <> 'all' AND metric = '{metric}'"
    return Section(
        id="groups",
        heading=say("Who it works for"),
        lead=say(
            "Groups fixed at a reader's first appeal. Exploratory: some group always looks better than another by chance, so what to expect is drawn towards the others where there are four groups or more."
        ),
        blocks=(
            Table(say("Difference by group of readers"), columns, tuple(rows)),
            Sentences(
                (
                    *([] if expects else [reason_words("too_few_segments", spoken)]),
                    *_whether_groups_differ(reading, shrunk, spoken),
                )
            ),
        ),
        queries=_queries(reading, (say("The comparison by group"), "estimates", condition)),
        data=(
            ("segment_kind", "segment", "variant_id", "readers", "difference_per_1000", "low", "high", "shrunk_lift"),
            *(
                (
                    kind,
                    segment,
                    item.arm.id,
                    item.number("n"),
                    item.difference,
                    item.difference_range.low,
                    item.difference_range.high,
                    _expm1(shrunk.get((kind, segment, item.arm.id), {}).get("shrunk_log_ratio")),
                )
                for kind, segment, found in groups
                for item in found
            ),
        ),
    )


def _expm1(value: object) -> float | None:
    return math.expm1(value) if isinstance(value, float) else None


def _shrunk(reading: Reading) -> dict[tuple[str, str, str], Mapping[str, object]]:
    """Effects of groups drawn towards each other, by kind, group and variant; of today and the primary metric."""
    from analysis.inference.segments import segment_effects

    frame = reading.result.estimates.filter(
        (pl.col("segment_kind") != "all") & (pl.col("basis") == "exposed") & (pl.col("metric") == reading.primary)
    )
    if reading.day is not None:
        frame = frame.filter(pl.col("as_of") == reading.day)
    if frame.is_empty():
        return {}
    rows = segment_effects(frame).to_dicts()
    return {(row["segment_kind"], row["segment"], row["variant_id"]): row for row in rows}


def _whether_groups_differ(
    reading: Reading, shrunk: Mapping[tuple[str, str, str], Mapping[str, object]], spoken: Voice
) -> tuple[str, ...]:
    """What the test of Cochran (1954) says for each kind of group; each asked at alpha over the number of questions."""
    asked = {(kind, variant): row["q_p"] for (kind, _, variant), row in shrunk.items() if row["q_p"] is not None}
    limit = reading.result.experiment.alpha / max(1, len(asked))
    said = []
    for (kind, variant), found in asked.items():
        arm = reading.arm_by_id.get(variant)
        if arm is None or not isinstance(found, float):
            continue
        values = {"wording": wording(arm, spoken), "kind": segment_kind_name(kind, spoken)}
        said.append(
            spoken.say("{wording}: groups differ by {kind}, more than chance would have it.", **values)
            if found < limit
            else spoken.say("{wording}: nothing shows that groups differ by {kind}.", **values)
        )
    return tuple(capital(text) for text in said)


def _groups(reading: Reading) -> list[tuple[str, str, tuple[Comparison, ...]]]:
    """Today's comparisons by kind of group and group, large groups first, variants in their order."""
    frame = reading.result.estimates
    is_group = (
        (pl.col("segment_kind") != "all") & (pl.col("basis") == "exposed") & (pl.col("metric") == reading.primary)
    )
    found = frame.filter(is_group)
    if reading.day is not None:
        found = found.filter(pl.col("as_of") == reading.day)
    parts = found.partition_by("segment_kind", "segment", as_dict=True, maintain_order=True)
    order = {arm.id: place for place, arm in enumerate(reading.arms)}
    groups = [
        (str(kind), str(segment), tuple(sorted(reading.compared(part.to_dicts()), key=lambda item: order[item.arm.id])))
        for (kind, segment), part in parts.items()
    ]
    return sorted(groups, key=lambda group: (group[0], -max((item.number("n") or 0 for item in group[2]), default=0)))


def _fewest(comparison: Comparison) -> float:
    return min(comparison.number("x") or 0, comparison.number("x_control") or 0)


def _segment_row(
    kind: str, segment: str, comparison: Comparison, spoken: Voice, axis: Axis, shrunk: Mapping[str, object] | None
) -> TableRow:
    arm, few = comparison.arm, int(_fewest(comparison))
    readers = (comparison.number("n") or 0) + (comparison.number("n_control") or 0)
    cell = _difference_cell(comparison, spoken, arm, axis)
    if few < FEWEST_DRAWN:
        cell = Cell(
            spoken.say("Too few to tell"),
            spoken.say("{givers} in the smaller group", givers=givers_words(few, spoken)),
        )
    head = Cell(segment_name(segment, spoken), segment_kind_name(kind, spoken))
    who = Cell(plain(arm.variant.label, 40), letter=arm.letter)
    if shrunk is None:
        return TableRow(head, (who, Cell(spoken.count(readers)), cell), token=arm.token)
    expected, low, high = (_expm1(shrunk.get("shrunk_log_ratio")), shrunk.get("shrunk_low"), shrunk.get("shrunk_high"))
    ahead = Cell("—")
    if few >= FEWEST_DRAWN and expected is not None and isinstance(low, float) and isinstance(high, float):
        ahead = Cell(spoken.percent(expected, plus=True), spoken.percent_range(Range(low, high)), weak=True)
    return TableRow(head, (who, Cell(spoken.count(readers)), cell, ahead), token=arm.token)


def _guardrails(reading: Reading, spoken: Voice) -> Section | None:
    experiment = reading.result.experiment
    if not experiment.guardrails:
        if reading.day is None:
            return None
        return Section(
            "cost",
            spoken.say("What asking cost"),
            (
                Sentences(
                    (spoken.say("No guardrail was registered for this test, so the cost of asking is not watched."),)
                ),
            ),
        )
    rows = []
    for guardrail in experiment.guardrails:
        limit = _limit(guardrail, spoken)
        found = [(arm, reading.comparison(arm.id, guardrail.metric)) for arm in reading.others]
        ranges = [comparison.lift_range for _, comparison in found if comparison is not None]
        axis = axis_of(
            [
                limit,
                *(comparison.number("lift") for _, comparison in found if comparison is not None),
                *_clipped(ranges),
            ],
            lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
            most=4,
        )
        for arm, comparison in found:
            rows.append(_guardrail_row(arm, comparison, guardrail.metric, guardrail.margin, limit, axis, spoken))
    return Section(
        id="cost",
        heading=spoken.say("What asking cost"),
        lead=spoken.say("Change against the current wording. The dashed line is the margin registered for this test: a wording whose whole range lies beyond it is stopped."),
        blocks=(
            Table(
                spoken.say("Guardrails against their margins"),
                (Column(spoken.say("Guardrail")), Column(spoken.say("Wording")), Column(spoken.say("Change"), spoken.say("percent, with range"), "strip"), Column(spoken.say("Against its margin"))),
                tuple(rows),
            ),
        ),
        data=(
            ("metric", "variant_id", "lift", "low", "high", "margin", "limit"),
            *(_guardrail_data(arm, reading.comparison(arm.id, item.metric), item, spoken) for item in experiment.guardrails for arm in reading.others),
        ),
        queries=_queries(
            reading,
            (spoken.say("Guardrails"), "estimates", f"basis = 'exposed' AND segment_kind = 'all' AND metric IN ({', '.join(repr(item.metric) for item in experiment.guardrails)})"),
        ),
    )  # fmt: skip


def _guardrail_data(
    arm: Arm, comparison: Comparison | None, guardrail: Guardrail, spoken: Voice
) -> tuple[str | float | None, ...]:
    """A guardrail of a variant as a row of the CSV: changes as shares of the control's, absent where not known."""
    within = None if comparison is None else comparison.lift_range
    return (
        guardrail.metric,
        arm.id,
        None if comparison is None else comparison.number("lift"),
        None if within is None else within.low,
        None if within is None else within.high,
        guardrail.margin,
        _limit(guardrail, spoken),
    )


def _limit(guardrail: Guardrail, spoken: Voice) -> float:
    """The change beyond which the guardrail stops a wording: above 0 where less is better."""
    known = spoken.metrics.get(guardrail.metric)
    return guardrail.margin if known is not None and known.direction == "less_is_better" else -guardrail.margin


def _guardrail_row(
    arm: Arm, comparison: Comparison | None, metric: str, margin: float, limit: float, axis: Axis, spoken: Voice
) -> TableRow:
    head, name = Cell(metric_name(metric, spoken)), Cell(plain(arm.variant.label, 40))
    lift = None if comparison is None else comparison.number("lift")
    if comparison is None or lift is None:
        reason = reason_words(None if comparison is None else comparison.reason, spoken)
        cells = (name, Cell(spoken.say("Not known"), reason), Cell(spoken.say("No range yet.")))
        return TableRow(head, cells, arm.letter, arm.token)
    within, text = comparison.lift_range, spoken.percent(lift, plus=True)
    said = spoken.percent_range(within) if within.is_known else reason_words(comparison.reason, spoken)
    drawn = (
        svg.strip(
            axis,
            arm.token,
            lift,
            within,
            spoken.say("{name}: {value}, range {range}", name=plain(arm.variant.label), value=text, range=said),
            limit=limit,
        )
        if within.is_known
        else None
    )
    state = guardrail_state(comparison, margin, spoken.metrics)
    change = Cell(text, said, strip=drawn, axis=svg.strip_axis(axis) if drawn is not None else None)
    return TableRow(head, (name, change, Cell(guardrail_words(state, margin, spoken))), arm.letter, arm.token)


# -- what is not known, and the plan ---------------------------------------------------------------------------------


def _unknown(reading: Reading, spoken: Voice) -> Section:
    result, say = reading.result, spoken.say
    said = [sentence(plain(say(note), 300)) for note in result.notes]
    absent: dict[tuple[str, str], list[str]] = {}
    for comparison in reading.comparisons.values():
        if comparison.reason is not None:
            why = spoken.inside(reason_words(comparison.reason, spoken))
            absent.setdefault((wording(comparison.arm, spoken), why), []).append(metric_name(comparison.metric, spoken))
    said += [
        f"{name}: {why} ({', '.join(spoken.inside(metric) for metric in metrics)})"
        for (name, why), metrics in absent.items()
    ]
    for words in checks_in_words(reading, spoken):
        if words.status == "not_applicable":
            check, reason = spoken.inside(words.name), spoken.inside(words.sentence)
            said.append(say("Check “{check}”: {reason}", check=check, reason=reason))
    if reading.day is None:
        said.append(
            say("The table has no dates: how the evidence grew, when an answer is due and what it is worth a month cannot be said.")
        )  # fmt: skip
    elif result.window_hours is not None and reading.day <= result.experiment.planned_end:
        opened = reading.day - timedelta(hours=result.window_hours)
        said.append(
            say(
                "Readers first asked after {day} can still act inside their {window}; they count with what they did so far.",
                day=spoken.day(opened),
                window=window_words(result.window_hours, spoken),
            )
        )
    if result.experiment.smallest_effect is None:
        said.append(say("No smallest effect that matters was registered, so “no difference” was not asked."))
    if result.audience.unit == "view":
        said.append(
            say("Views were counted, not readers. One reader may stand behind many views, so ranges may be too narrow.")
        )
    if reading.day is not None:
        said.append(say("How often a reader was asked is not counted yet, so whether the words wear out is not known."))
    said.append(say("Whether the effect lasts after the test is not measured by the test."))
    block = Sentences(tuple(dict.fromkeys(said)), is_list=True)
    return Section("unknown", say("What we do not know"), (block,))


def _plan(reading: Reading, spoken: Voice) -> Section:
    say = spoken.say
    method = say(
        "Wordings are compared by the logarithm of the ratio of their means per reader. The range stays right however often one looks (a confidence sequence), and “proven” means an e-value of 20 or more against no difference. What to show is decided by expected loss in money, a separate question with a separate answer."
    )
    return Section(
        id="plan",
        heading=say("How we worked this out"),
        blocks=(
            Definitions(tuple(_plan_items(reading, spoken))),
            Sentences(decision_steps(reading.result.decision, spoken), is_list=True),
            Sentences((method,)),
        ),
        queries=_queries(
            reading,
            (say("Every comparison of this test"), "estimates", ""),
            (say("Every wording of this test"), "variant_results", ""),
            (say("How we worked this out"), "decisions", ""),
        ),
    )


def _plan_items(reading: Reading, spoken: Voice) -> Iterator[tuple[str, str]]:
    experiment, result, say = reading.result.experiment, reading.result, spoken.say
    yield say("Hypothesis"), sentence(plain(experiment.hypothesis, 600))
    if reading.day is not None:
        runs = say(
            "{first} to {last} at the latest",
            first=spoken.day(experiment.starts),
            last=spoken.day(experiment.planned_end),
        )
        yield say("Runs"), runs
    metric = experiment.primary_metric
    yield say("Decides"), f"{metric_name(metric, spoken)} {spoken.unit_of(metric)}"
    shares = (
        experiment.allocation[-1].shares
        if experiment.allocation
        else {item.id: item.share for item in experiment.variants}
    )
    total = sum(shares.values())
    yield (
        say("Planned shares"),
        spoken.listed([f"{arm.letter} {spoken.percent(shares[arm.id] / total)}" for arm in reading.arms]),
    )
    yield (
        say("Rule"),
        say(
            "A wording is used when choosing it risks at most {share} of what the current wording brings in, every guardrail holds, and at least {days} and {givers} in each wording are in.",
            share=spoken.percent(experiment.loss_threshold),
            days=full_days(experiment.minimum_days, spoken),
            givers=givers_words(experiment.minimum_contributors, spoken),
        ),
    )
    smallest = experiment.smallest_effect
    yield say("Smallest effect that matters"), say("Not registered") if smallest is None else spoken.margin(smallest)
    if reading.day is not None:
        yield (
            say("Who counts"),
            say(
                "Readers from their first “{event}” event on; that event fixes wording and day",
                event=experiment.exposure,
            ),
        )
    if result.window_hours is not None:
        window, first = window_words(result.window_hours, spoken), spoken.words.first_appeal
        yield say("Outcome window"), say("{window} from {first_appeal}", window=window, first_appeal=first)
    cap = result.cap_minor
    yield (
        say("Cap"),
        say("None registered") if cap is None else say("{money} a reader", money=spoken.money(cap, digits=0)),
    )
    if experiment.owner:
        yield say("Owner"), plain(experiment.owner, 80)


def _queries(reading: Reading, *wanted: tuple[str, str, str], every_day: bool = False) -> tuple[Query, ...]:
    """Queries on the published tables; ids are slugs and dates are dates, so nothing from outside can enter the SQL."""
    as_of, experiment = reading.day, reading.result.experiment
    if as_of is None:
        return ()
    found = []
    for answers, table, condition in wanted:
        conditions = [f"experiment_id = '{experiment.id}'"]
        if not every_day:
            conditions.append(f"as_of = DATE '{as_of.isoformat()}'")
        conditions += [condition] if condition else []
        order = " ORDER BY as_of" if every_day else ""
        found.append(Query(answers, f"FROM {table} WHERE {' AND '.join(conditions)}{order}"))
    return tuple(found)
