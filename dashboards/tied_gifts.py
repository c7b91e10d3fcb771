"""The table of a page that says by which route gifts are tied to a wording, and how many are tied to none."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from dashboards.blocks import Cell, Column, Table, TableRow
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain, sentence
from dashboards.reading import Reading
from dashboards.translations import marked

#: What each route is called, those that tie a gift first.
_ROUTES: Mapping[str, str] = {
    "field": marked("The form names the reader's wording"),
    "click": marked("The reader clicked first"),
    "reader": marked("The same reader id"),
    "other_field": marked("The same reader id; the form names another wording"),
    "no_reader": marked("Not tied: no reader is named"),
    "not_exposed": marked("Not tied: the reader was never asked"),
    "outside_window": marked("Not tied: outside the reader's window"),
}


def tied_gifts(reading: Reading, spoken: Voice) -> Table | None:
    """Return one row per route that a gift took; None where no gift has any."""
    frame = reading.result.tied_gifts
    if frame.is_empty():
        return None
    say = spoken.say
    totals = dict(frame.group_by("variant_id").agg(pl.col("gifts").sum()).iter_rows())
    counts = {(row["route"], row["variant_id"]): int(row["gifts"]) for row in frame.to_dicts()}
    routes = sorted({route for route, _ in counts}, key=lambda route: [*_ROUTES, route].index(route))

    def cell(route: str, variant: str) -> Cell:
        count, total = counts.get((route, variant), 0), totals.get(variant, 0)
        return Cell(f"{spoken.count(count)} ({spoken.part(count / total)})" if total else say("none"))

    return Table(
        say("Settled {gifts} by what ties them to a wording", gifts=spoken.words.gifts),
        (
            Column(say("Route")),
            *(Column(f"{arm.letter} {plain(arm.variant.label, 28)}", "", "number") for arm in reading.arms),
        ),
        tuple(
            TableRow(
                Cell(say(_ROUTES[route]) if route in _ROUTES else sentence(plain(route.replace("_", " "))).rstrip(".")),
                tuple(cell(route, arm.id) for arm in reading.arms),
            )
            for route in routes
        ),
        summary=say("How {gifts} are tied to a wording", gifts=spoken.words.gifts),
    )
