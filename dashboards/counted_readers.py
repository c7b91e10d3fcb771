"""The section of a page that says which readers count, with each rule turned round, and how gifts are tied to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from analysis.reader_rules import flipped
from dashboards.blocks import Cell, Column, Query, Section, Sentences, Table, TableRow
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, plain, reason_words, sentence
from dashboards.reading import Comparison, Reading, Row
from dashboards.tied_gifts import tied_gifts
from dashboards.translations import marked

#: Names of marks, as `special_readers` has them.
_MARKS: Mapping[str, str] = {
    "several_variants": marked("Met more than one wording"),
    "linked_variants": marked("Met different wordings on linked devices"),
    "overlap": marked("Met another test on the same article"),
    "already_giving": marked("Paid before"),
    "employees": marked("Employees"),
    "crawlers": marked("Crawlers"),
    "too_fast": marked("Faster than people read"),
}
_RULES: Mapping[str, str] = {
    "first": marked("counted by the first wording"),
    "as_assigned": marked("counted by the wording drawn"),
    "count": marked("counted"),
    "exclude": marked("left out"),
}


def counted_readers(reading: Reading, spoken: Voice) -> Section | None:
    """Return what marks readers, one row per mark, exposures of nobody, and what ties gifts; None where there is none of it."""
    if reading.day is None:
        return None
    say = spoken.say
    today = f"experiment_id = '{reading.result.experiment.id}' AND as_of = DATE '{reading.day.isoformat()}'"
    either_way = (
        f"FROM estimates WHERE {today} AND (basis = 'exposed' OR basis LIKE 'with%') AND segment_kind = 'all' "
        f"AND metric = '{reading.primary}'"
    )
    told = (
        (
            _marked(reading, spoken),
            (
                Query(say("Special readers by wording"), f"FROM special_readers WHERE {today}"),
                Query(say("The comparison with each rule turned round"), either_way),
            ),
        ),
        (
            _strangers(reading, spoken),
            (Query(say("Exposures without a reader's id"), f"FROM strangers WHERE {today}"),),
        ),
        (
            tied_gifts(reading, spoken),
            (
                Query(
                    say("{gifts} by wording and route", gifts=capital(spoken.words.gifts)),
                    f"FROM tied_gifts WHERE {today}",
                ),
            ),
        ),
    )
    blocks = tuple(block for block, _ in told if block is not None)
    if not blocks:
        return None
    return Section(
        id="counted",
        heading=say("Who is counted"),
        lead=say("Each rule turned round by itself: what the result would be with these readers, or without them."),
        blocks=blocks,
        queries=tuple(query for block, queries in told if block is not None for query in queries),
    )


def _marked(reading: Reading, spoken: Voice) -> Table | None:
    frame, challenger = reading.result.special_readers, reading.challenger
    if frame.is_empty() or challenger is None:
        return None
    say = spoken.say
    unit = say("{wording}, {unit}", wording=plain(challenger.variant.label, 28), unit=spoken.unit_of(reading.primary))
    return Table(
        say("Readers with something special, and the result either way"),
        (
            Column(say("Readers")),
            Column(say("Share by wording"), say("of the readers exposed to it"), "number"),
            Column(say("Difference as counted"), unit, "number"),
            Column(say("Difference with the rule turned round"), "", "number"),
        ),
        tuple(
            _row(str(mark), part.to_dicts(), reading, spoken)
            for (mark,), part in frame.partition_by("mark", as_dict=True, maintain_order=True).items()
        ),
    )


def _strangers(reading: Reading, spoken: Voice) -> Sentences | None:
    counts = dict(reading.result.strangers.select("variant_id", "exposures").iter_rows())
    if not counts:
        return None
    told = "; ".join(f"{arm.letter} {spoken.count(counts.get(arm.id, 0))}" for arm in reading.arms)
    return Sentences((spoken.say("Exposures without a reader's id, which count for nobody: {counts}.", counts=told),))


def _row(mark: str, rows: Sequence[Row], reading: Reading, spoken: Voice) -> TableRow:
    by_variant = {row["variant_id"]: row for row in rows}
    rule = str(rows[0]["rule"])
    shares = [
        f"{arm.letter} {spoken.part(row['readers'] / row['exposed'])}"
        for arm in reading.arms
        if (row := by_variant.get(arm.id)) is not None and row["exposed"]
    ]
    name = spoken.say(_MARKS[mark]) if mark in _MARKS else sentence(plain(mark.replace("_", " "))).rstrip(".")
    challenger = reading.challenger
    as_counted = reading.comparison(None if challenger is None else challenger.id)
    readers = spoken.count(sum(row["readers"] for row in rows))
    return TableRow(
        Cell(name, f"{readers} · {spoken.say(_RULES[rule]) if rule in _RULES else plain(rule)}"),
        (
            Cell("; ".join(shares)),
            _difference(as_counted, reading, spoken),
            _difference(_turned_round(flipped(mark, rule), reading), reading, spoken),
        ),
    )


def _turned_round(basis: str, reading: Reading) -> Comparison | None:
    found = reading.result.estimates.filter(
        (pl.col("basis") == basis) & (pl.col("metric") == reading.primary) & (pl.col("as_of") == reading.day)
    )
    challenger = reading.challenger
    return next(
        (one for one in reading.compared(found.to_dicts()) if challenger is not None and one.arm.id == challenger.id),
        None,
    )


def _difference(comparison: Comparison | None, reading: Reading, spoken: Voice) -> Cell:
    if comparison is None or comparison.difference is None:
        return Cell(spoken.say("Not known"), reason_words(None if comparison is None else comparison.reason, spoken))
    within = comparison.difference_range
    said = (
        spoken.difference_range(reading.primary, within) if within.is_known else reason_words(comparison.reason, spoken)
    )
    return Cell(spoken.difference(reading.primary, comparison.difference), said)
