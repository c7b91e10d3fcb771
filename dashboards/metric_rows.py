"""The section of a page that shows every further metric alike: built in or declared by the team, known or absent."""

from __future__ import annotations

from dashboards.blocks import Cell, Column, Query, Section, Table, TableRow
from dashboards.experiment.gift_kinds import GIFT_KINDS
from dashboards.experiment.robustness import VALUE_RULES
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, plain, reason_words
from dashboards.reading import Comparison, Reading
from dashboards.theme import Arm

#: Metrics that other sections of the page show.
_ELSEWHERE = ("conversion", *GIFT_KINDS, "value", *VALUE_RULES, "average_gift")


def other_metrics(reading: Reading, spoken: Voice) -> Section | None:
    """Return one row per further metric and wording; None where the experiment has no further metric."""
    experiment = reading.result.experiment
    elsewhere = (experiment.primary_metric, *_ELSEWHERE, *(guardrail.metric for guardrail in experiment.guardrails))
    shown = [name for name in dict.fromkeys(metric for metric, _ in reading.variant_rows) if name not in elsewhere]
    rows = [
        _row(arm, metric, reading.comparison(arm.id, metric), reading, spoken)
        for metric in shown
        for arm in reading.others
    ]
    if not rows:
        return None
    say = spoken.say
    query: tuple[Query, ...] = ()
    if reading.day is not None:
        names = ", ".join(f"'{name}'" for name in shown)
        query = tuple(
            Query(
                answers,
                f"FROM {table} WHERE experiment_id = '{experiment.id}' AND as_of = DATE '{reading.day.isoformat()}' "
                f"AND basis = 'exposed' AND segment_kind = 'all' AND metric IN ({names})",
            )
            for answers, table in (
                (say("What else was counted"), "estimates"),
                (say("Every wording of this test"), "variant_results"),
            )
        )
    return Section(
        id="metrics",
        heading=say("What else was counted"),
        lead=say("Beside the metric that decides. Each range holds for its own metric alone."),
        blocks=(
            Table(
                say("Further metrics by wording"),
                (
                    Column(say("Metric")),
                    Column(say("Wording")),
                    Column(say("Current wording"), "", "number"),
                    Column(say("This wording"), "", "number"),
                    Column(say("Change"), say("percent, with range"), "number"),
                ),
                tuple(rows),
            ),
        ),
        queries=query,
    )


def _row(arm: Arm, metric: str, comparison: Comparison | None, reading: Reading, spoken: Voice) -> TableRow:
    head = Cell(metric_name(metric, spoken), capital(spoken.unit_of(metric)))
    name = Cell(plain(arm.variant.label, 40))
    control = next((other for other in reading.arms if other.is_control), arm)
    levels = [
        Cell(spoken.say("Not known") if mean is None else spoken.level(metric, mean))
        for mean in (reading.mean(metric, control.id), reading.mean(metric, arm.id))
    ]
    return TableRow(head, (name, *levels, _change(comparison, spoken)), arm.letter, arm.token)


def _change(comparison: Comparison | None, spoken: Voice) -> Cell:
    lift = None if comparison is None else comparison.number("lift")
    if comparison is None or lift is None:
        return Cell(spoken.say("Not known"), reason_words(None if comparison is None else comparison.reason, spoken))
    within = comparison.lift_range
    said = spoken.percent_range(within) if within.is_known else reason_words(comparison.reason, spoken)
    return Cell(spoken.percent(lift, plus=True), said)
