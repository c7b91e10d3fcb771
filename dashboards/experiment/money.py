"""Money raised: settled value by wording, what it is worth, and what other value rules would say."""

from __future__ import annotations

import json

from dashboards import svg
from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.charts import Axis
from dashboards.experiment.queries import table_queries
from dashboards.experiment.scales import RANGE_WORDS, any_range, difference_axis, shown_metric
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, givers_words, plain, reason_words, window_words, wording
from dashboards.reading import Comparison, Range, Reading
from dashboards.theme import Arm


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
        else difference_cell(reading.comparison(arm.id, metric), spoken, arm, axis)
    )
    return TableRow(
        Cell(plain(arm.variant.label, 60), spoken.say("current wording") if arm.is_control else ""),
        tuple(cells),
        arm.letter,
        arm.token,
    )


def difference_cell(comparison: Comparison | None, spoken: Voice, arm: Arm, axis: Axis) -> Cell:
    """Return the cell of a difference with its range bar, or with the reason why there is none."""
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
