"""What must not get worse, and the cost of asking."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

from markupsafe import Markup

from analysis.registry import Guardrail
from dashboards import svg
from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.charts import Axis, axis_of
from dashboards.experiment.queries import table_queries
from dashboards.experiment.scales import clipped
from dashboards.phrasing.guardrails import guardrail_state, guardrail_words
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain, reason_words
from dashboards.reading import Comparison, Reading
from dashboards.theme import Arm


def guardrails_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the section on the guardrails; None where the plan names none."""
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
                *clipped(ranges),
            ],
            lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
            most=4,
        )
        axes = chain([svg.strip_axis(axis, named := f"axis-{guardrail.metric}")], repeat(svg.same_axis(named)))
        for arm, comparison in found:
            rows.append(_guardrail_row(arm, comparison, guardrail.metric, guardrail.margin, limit, axis, axes, spoken))
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
        queries=table_queries(
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
    arm: Arm,
    comparison: Comparison | None,
    metric: str,
    margin: float,
    limit: float,
    axis: Axis,
    axes: Iterator[Markup],
    spoken: Voice,
) -> TableRow:
    """One wording against one guardrail. `axes` draws the labels of the axis: whole the first time, then the same again."""
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
    change = Cell(text, said, strip=drawn, axis=next(axes) if drawn is not None else None)
    return TableRow(head, (name, change, Cell(guardrail_words(state, margin, spoken))), arm.letter, arm.token)
