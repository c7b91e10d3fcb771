"""The same comparison by other methods: whether the conclusion hangs on the method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.methods import method_name, reading_words
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import reason_words, wording
from dashboards.reading import Reading


def methods_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the variant that the page compares by every method; None where nothing was read by another one."""
    arm, say = reading.challenger, spoken.say
    if arm is None:
        return None
    rows = [
        row
        for row in reading.result.other_readings.to_dicts()
        if row["variant_id"] == arm.id and row["metric"] == reading.primary
    ]
    if not rows or all(row["reason"] for row in rows):
        return None
    return Section(
        id="methods",
        heading=say("Would other methods say the same?"),
        lead=say(
            "{metric} of {wording} against the current wording, read once on one day. The range above holds however often you look, and is wider for it.",
            metric=metric_name(reading.primary, spoken),
            wording=wording(arm, spoken),
        ),
        blocks=(
            Table(
                say("The comparison by other methods"),
                (
                    Column(say("Method")),
                    Column(say("Difference and range"), "", "number"),
                    Column("p", "", "number"),
                    Column(say("Different?")),
                ),
                tuple(_row(row, spoken) for row in rows),
                is_compact=True,
                summary=say("The comparison by other methods"),
            ),
            Sentences(
                (say("Only one look, on a day that was fixed before, makes these right; none of them decides."),)
            ),
        ),
        queries=table_queries(reading, (say("The comparison by other methods"), "other_readings", "")),
    )


def _row(row: Mapping[str, Any], spoken: Voice) -> TableRow:
    head = Cell(method_name(row["method"], spoken))
    if row["reason"] is not None:
        return TableRow(
            head, (Cell(spoken.say("Not known"), reason_words(row["reason"], spoken)), Cell("—"), Cell("—"))
        )
    p = (
        "—"
        if row["p"] is None
        else spoken.decimal(row["p"], 3)
        if row["p"] >= 0.0005
        else spoken.say("below {number}", number=spoken.decimal(0.001, 3))
    )
    different = "—" if row["is_different"] is None else spoken.say("yes") if row["is_different"] else spoken.say("no")
    return TableRow(head, (Cell(reading_words(row, spoken)), Cell(p), Cell(different)))
