"""Who gave once and who gave every month or year, apart: a wording can move one and not the other."""

from __future__ import annotations

from dashboards.blocks import Cell, Column, Section, Table, TableRow
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import givers_words, plain, reason_words
from dashboards.reading import Comparison, Reading
from dashboards.theme import Arm

#: The metrics of this section; others leave them out.
GIFT_KINDS = ("conversion_once", "conversion_recurring")


def gift_kinds_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return one-off and recurring givers of each wording; None where they were not counted apart."""
    if any((metric, arm.id) not in reading.variant_rows for metric in GIFT_KINDS for arm in reading.arms):
        return None
    say = spoken.say
    columns = [Column(say("Wording"))]
    for metric in GIFT_KINDS:
        columns += [
            Column(name := metric_name(metric, spoken), spoken.unit_of(metric), "number"),
            Column(
                say("Difference"),
                say("95%, however often you look"),
                "number",
                on_phone=say("Difference: {metric}", metric=spoken.inside(name)),
            ),
        ]
    columns.append(Column(say("Regular share"), say("of all who gave"), "number"))
    return Section(
        id="kinds",
        heading=say("Given once, and given regularly"),
        lead=say("A reader who did both counts in both. A regular pledge is worth more than its first payment."),
        blocks=(
            Table(
                say("One-off and regular under each wording"),
                tuple(columns),
                tuple(_row(reading, arm, spoken) for arm in reading.arms),
            ),
        ),
        data=(
            ("variant_id", "readers", "gave", "gave_once", "gave_regularly", "regular_share"),
            *(
                (arm.id, reading.readers(arm.id), reading.contributors(arm.id), *_givers(reading, arm), _regular_share(reading, arm))
                for arm in reading.arms
            ),
        ),
        queries=table_queries(
            reading,
            *(
                (
                    answers,
                    table,
                    "basis = 'exposed' AND segment_kind = 'all' "
                    "AND metric IN ('conversion', 'conversion_once', 'conversion_recurring')",
                )
                for answers, table in (
                    (say("Every wording of this test"), "variant_results"),
                    (say("Differences and their ranges"), "estimates"),
                )
            ),
        ),
    )  # fmt: skip


def _givers(reading: Reading, arm: Arm) -> list[int | None]:
    return [reading.variant_rows[metric, arm.id]["x"] for metric in GIFT_KINDS]


def _regular_share(reading: Reading, arm: Arm) -> float | None:
    """Readers who gave regularly over all who gave; None where nobody gave."""
    givers, regular = reading.contributors(arm.id), _givers(reading, arm)[-1]
    return None if not givers or regular is None else regular / givers


def _row(reading: Reading, arm: Arm, spoken: Voice) -> TableRow:
    cells: list[Cell] = []
    for metric, count in zip(GIFT_KINDS, _givers(reading, arm), strict=True):
        rate = reading.mean(metric, arm.id)
        level = spoken.say("not known") if rate is None else spoken.level(metric, rate)
        cells.append(Cell(level, "" if count is None else givers_words(count, spoken)))
        cells.append(Cell("—") if arm.is_control else _difference(reading.comparison(arm.id, metric), spoken))
    share = _regular_share(reading, arm)
    cells.append(Cell(spoken.say("nobody yet") if share is None else spoken.percent(share)))
    return TableRow(Cell(plain(arm.variant.label, 60)), tuple(cells), arm.letter, arm.token)


def _difference(comparison: Comparison | None, spoken: Voice) -> Cell:
    reason = reason_words(None if comparison is None else comparison.reason, spoken)
    if comparison is None or comparison.difference is None:
        return Cell(spoken.say("Not known"), reason)
    within = comparison.difference_range
    said = spoken.difference_range(comparison.metric, within) if within.is_known else reason
    return Cell(spoken.difference(comparison.metric, comparison.difference), said)
