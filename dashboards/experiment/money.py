"""Money raised: settled value by wording, and what it is worth."""

from __future__ import annotations

from dashboards import svg
from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.charts import Axis
from dashboards.experiment.queries import table_queries
from dashboards.experiment.scales import any_range, difference_axis, range_words, shown_metric
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, givers_words, plain, reason_words, window_words
from dashboards.reading import Comparison, Range, Reading
from dashboards.theme import Arm

#: Name of the axis that the table's head draws.
AXIS = "axis-money"


def money_section(reading: Reading, spoken: Voice) -> Section:
    """Return the section on money, or on the primary metric where money is not known."""
    metric = shown_metric(reading)
    axis = difference_axis(reading, spoken, metric)
    words = spoken.words
    has_money, has_ranges = metric == "value", any_range(reading, metric)
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
            svg.strip_axis(axis, AXIS) if has_ranges else None,
        ),
    ]
    rows = tuple(_money_row(reading, spoken, arm, metric, axis) for arm in reading.arms)
    notes = [
        text
        for text in (
            verdict_words(reading.result).money_line,
            _value_rule(reading, spoken) if has_money else "",
        )
        if text
    ]
    return Section(
        id="money",
        heading=_money_heading(spoken, has_money=has_money),
        lead=range_words(reading, shown_metric(reading), spoken) if has_ranges else "",
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
        queries=table_queries(
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
        else difference_cell(reading.comparison(arm.id, metric), spoken, arm, axis, AXIS)
    )
    return TableRow(
        Cell(plain(arm.variant.label, 60), spoken.say("current wording") if arm.is_control else ""),
        tuple(cells),
        arm.letter,
        arm.token,
    )


def difference_cell(comparison: Comparison | None, spoken: Voice, arm: Arm, axis: Axis, named: str) -> Cell:
    """Return the cell of a difference with its range bar, or with the reason why there is none.

    `named` is the name under which the column's head has drawn the axis.
    """
    if comparison is None or comparison.difference is None:
        reason = reason_words(None if comparison is None else comparison.reason, spoken)
        return Cell(spoken.say("Not known"), reason)
    within, text = comparison.difference_range, spoken.difference(comparison.metric, comparison.difference)
    if not within.is_known:
        return Cell(text, _without_lift(comparison, spoken))
    said = spoken.difference_range(comparison.metric, within)
    label = spoken.say("{name}: {value}, range {range}", name=plain(arm.variant.label), value=text, range=said)
    drawn = svg.strip(axis, arm.token, comparison.difference, within, label)
    return Cell(text, said, strip=drawn, axis=svg.same_axis(named))


def _without_lift(comparison: Comparison, spoken: Voice) -> str:
    """Why there is no range for daily looks, with that of a single look where the control has nothing to be compared with."""
    reason, once = reason_words(comparison.reason, spoken), comparison.difference_at_one_look
    if comparison.reason not in ("control_mean_zero", "no_conversion_in_control") or not once.is_known:
        return reason
    within = spoken.difference_range(comparison.metric, once)
    return spoken.say("{reason} At a single look the difference is {range}.", reason=reason, range=within)


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
        "{amount} is a description: it is not compared, since the wording chooses who pays.", amount=words.amount
    )
    return f"{counts} {is_description}"
