"""Groups of readers: the difference in each, and drawn together as far as they do not differ."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from dashboards import svg
from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.charts import Axis, axis_of
from dashboards.experiment.money import difference_cell
from dashboards.experiment.queries import FEWEST_DRAWN, table_queries
from dashboards.experiment.scales import clipped, difference_ticks
from dashboards.phrasing.names import segment_kind_name, segment_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, givers_words, plain, reason_words, wording
from dashboards.reading import Comparison, Range, Reading

#: Name of the axis that the table's head draws.
AXIS = "axis-groups"


def segments_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the section on groups of readers; None where no group was counted."""
    groups = _groups(reading)
    if not groups:
        return None
    metric = reading.primary
    drawn = [item for _, _, found in groups for item in found if _fewest(item) >= FEWEST_DRAWN]
    values = [*(item.difference for item in drawn), *clipped([item.difference_range for item in drawn])]
    axis = axis_of(values, difference_ticks(spoken, metric), most=4)
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
            "strip" if drawn else "text",
            svg.strip_axis(axis, AXIS) if drawn else None,
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
            "Groups fixed at {first_appeal}. Exploratory: some group always looks better than another by chance, so what to expect is drawn towards the others where there are four groups or more.",
            first_appeal=spoken.words.first_appeal,
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
        queries=table_queries(reading, (say("The comparison by group"), "estimates", condition)),
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
    cell = difference_cell(comparison, spoken, arm, axis, AXIS)
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
