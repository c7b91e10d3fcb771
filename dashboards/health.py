"""The data-health page as frozen data: which day the data reaches, that nothing was lost, and what was set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from analysis.experiment_result import Audience, Edition
from dashboards import svg
from dashboards.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Page,
    Picture,
    Query,
    Section,
    Sentences,
    Table,
    TableRow,
    sections,
)
from dashboards.charts import DayBar, DayBars, axis_of, day_ticks
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import plain, sentence
from dashboards.translations import marked

KINDS: Mapping[str, str] = {
    "pageviews": marked("Pageviews"),
    "appeal_events": marked("Appeal events"),
    "contributions": marked("Contributions"),
    "payment_details": marked("Details of payments"),
    "identity_links": marked("Links between ids"),
}

#: Kinds that every day should bring; details and links come when there are any.
_DAILY = ("pageviews", "appeal_events", "contributions")

#: Days of the chart of rows per day.
SHOWN_DAYS = 60

#: Rows of the table of what was set aside.
MOST_REASONS = 40


@dataclass(frozen=True)
class HealthTables:
    """The frames of `LEDGER_TABLES`, whole."""

    ledger: pl.DataFrame
    quarantine_reasons: pl.DataFrame
    rows_per_day: pl.DataFrame


def health_report(tables: HealthTables, audience: Audience, edition: Edition) -> Page:
    """Return the data-health page. Rows received = accepted + duplicates + quarantined, by kind, is shown and checked."""
    spoken = voice(audience)
    missing = missing_days(tables.rows_per_day)
    unreadable = tables.ledger.filter(pl.col("status") == "unreadable")
    lost = _lost(tables.ledger)
    return Page(
        path="health.html",
        is_kept=True,
        title=spoken.say("Data health"),
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=(spoken.say("Data health"),),
        headline=_headline(lost, missing, unreadable.height, edition.as_of, spoken),
        standfirst=_standfirst(tables, missing, spoken),
        figures=_figures(tables, spoken),
        as_of="" if edition.as_of is None else spoken.day(edition.as_of),
        sections=sections(
            _days(tables.rows_per_day, missing, edition.as_of, spoken),
            _balance(tables.ledger, spoken),
            _without_reader(tables.rows_per_day, spoken),
            _set_aside(tables, spoken),
            _files(unreadable, spoken),
        ),
    )


def missing_days(rows_per_day: pl.DataFrame) -> dict[str, tuple[date, ...]]:
    """Return, by kind of event, the days between its first and the last day of any that have no row."""
    days = rows_per_day.filter(pl.col("day").is_not_null() & pl.col("kind").is_in(_DAILY))
    if days.is_empty():
        return {}
    last = _last_day(days)
    found: dict[str, tuple[date, ...]] = {}
    for kind in sorted(set(days["kind"].unique().to_list()) & set(_DAILY)):
        present = set(days.filter(pl.col("kind") == kind)["day"].to_list())
        first = min(present)
        gaps = tuple(
            day
            for day in (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
            if day not in present
        )
        if gaps:
            found[kind] = gaps
    return found


def _last_day(days: pl.DataFrame) -> date:
    return max(days["day"].to_list())


def _lost(ledger: pl.DataFrame) -> int:
    counted = ledger.filter(pl.col("received").is_not_null())
    if counted.is_empty():
        return 0
    handled = pl.col("accepted").fill_null(0) + pl.col("duplicate").fill_null(0) + pl.col("quarantined").fill_null(0)
    return int(counted.select((pl.col("received") - handled).abs().sum()).item())


def _headline(
    lost: int, missing: Mapping[str, tuple[date, ...]], unreadable: int, as_of: date | None, spoken: Voice
) -> str:
    if lost:
        return spoken.say_n("{count} row is not accounted for", "{count} rows are not accounted for", lost)
    gaps = {day for days in missing.values() for day in days}
    if gaps:
        return spoken.say_n(
            "{count} day has gaps; every row that came is accounted for",
            "{count} days have gaps; every row that came is accounted for",
            len(gaps),
        )
    if unreadable:
        return spoken.say_n(
            "{count} file could not be read; every other row is accounted for",
            "{count} files could not be read; every other row is accounted for",
            unreadable,
        )
    if as_of is None:
        return spoken.say("No data has landed yet")
    return spoken.say("Every row is accounted for, to the end of {day}", day=spoken.day(as_of))


def kind_name(kind: str, spoken: Voice) -> str:
    """Return the name of a kind of landed file; one that this version does not know as it is."""
    return spoken.say(KINDS[kind]) if kind in KINDS else plain(kind)


def _standfirst(tables: HealthTables, missing: Mapping[str, tuple[date, ...]], spoken: Voice) -> str:
    if tables.ledger.is_empty():
        return spoken.say("Files land under landing/<kind>/<date>/. askwell check says what would be ingested.")
    alike: dict[tuple[date, ...], list[str]] = {}
    for kind, days in missing.items():
        alike.setdefault(days, []).append(spoken.inside(kind_name(kind, spoken)))
    said = []
    for days, kinds in alike.items():
        shown = [spoken.short_day(day) for day in days[:4]]
        if len(days) > 4:
            shown.append(spoken.say_n("{count} more day", "{count} more days", len(days) - 4))
        named = spoken.listed(shown)
        said.append(
            spoken.say("Nothing arrived for {days}.", days=named)
            if len(kinds) == len(_DAILY)
            else spoken.say("Missing for {days}: {kinds}.", days=named, kinds=spoken.listed(kinds))
        )
    return " ".join(said) or spoken.say("No day is missing between the first and the last.")


def _figures(tables: HealthTables, spoken: Voice) -> tuple[Figure, ...]:
    ledger = tables.ledger
    if ledger.is_empty():
        return ()
    totals = {
        name: int(ledger[name].fill_null(0).sum()) for name in ("received", "accepted", "duplicate", "quarantined")
    }
    received = totals["received"] or 1
    last = ledger["ingested_at"].max()
    return (
        Figure(
            spoken.say("Files landed"),
            spoken.count(ledger.height),
            "" if last is None else spoken.say("last one taken in {moment} UTC", moment=spoken.moment(last)),  # type: ignore[arg-type]
        ),
        Figure(
            spoken.say("Rows received"),
            spoken.prose_count(totals["received"]),
            spoken.say("{number} accepted", number=spoken.prose_count(totals["accepted"])),
        ),
        Figure(
            spoken.say("Duplicates"),
            spoken.prose_count(totals["duplicate"]),
            spoken.say("{share} of rows, there already", share=spoken.part(totals["duplicate"] / received)),
        ),
        Figure(
            spoken.say("Set aside"),
            spoken.prose_count(totals["quarantined"]),
            spoken.say("{share} of rows, each with a reason", share=spoken.part(totals["quarantined"] / received)),
        ),
    )


def _days(frame: pl.DataFrame, missing: Mapping[str, tuple[date, ...]], as_of: date | None, spoken: Voice) -> Section:
    days = frame.filter(pl.col("day").is_not_null())
    if days.is_empty():
        return Section("days", spoken.say("Rows per day"), (Sentences((spoken.say("No row has been accepted yet."),)),))
    last = _last_day(days)
    blocks: list[Block] = []
    for kind in [kind for kind in KINDS if kind in set(days["kind"].to_list())]:
        found = {row["day"]: row for row in days.filter(pl.col("kind") == kind).to_dicts()}
        first = max(min(found), last - timedelta(days=SHOWN_DAYS - 1))
        span = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
        bars = tuple(
            DayBar(
                day,
                found[day]["rows"] if day in found else None,
                found[day]["bots"] or 0 if day in found else 0,
                spoken.short_day(day),
            )
            for day in span
        )
        axis = axis_of([bar.rows for bar in bars], spoken.count, most=3)
        gaps = [bar.label for bar in bars if bar.rows is None]
        total = sum(bar.rows or 0 for bar in bars)
        values = {
            "kind": kind_name(kind, spoken),
            "first": spoken.day(first),
            "last": spoken.day(last),
            "number": spoken.count(total),
        }
        chart = DayBars(
            kind,
            bars,
            axis,
            day_ticks(first, last, spoken.short_day),
            spoken.say(
                "{kind} accepted per day, {first} to {last}: {number} in all; nothing for {days}.",
                days=", ".join(gaps),
                **values,
            )
            if gaps
            else spoken.say("{kind} accepted per day, {first} to {last}: {number} in all; no gap.", **values),
        )
        caption = spoken.say("{kind} accepted per day of the event.", kind=kind_name(kind, spoken))
        if any(bar.bots for bar in bars):
            caption += " " + spoken.say("Light: marked as read by no person.")
        blocks.append(
            Picture(
                f"days-{kind}", svg.day_bars(chart, narrow=False), svg.day_bars(chart, narrow=True), caption=caption
            )
        )
    blocks.append(_days_table(days, as_of, spoken))
    return Section(
        "days",
        spoken.say("Rows per day"),
        tuple(blocks),
        data=(
            ("kind", "day", "rows", "bots"),
            *days.sort("day", "kind").select("kind", "day", "rows", "bots").iter_rows(),
        ),
        queries=(Query(spoken.say("Accepted rows per day"), "FROM rows_per_day ORDER BY day, kind"),),
    )


def _days_table(days: pl.DataFrame, as_of: date | None, spoken: Voice) -> Table:
    present = set(days["kind"].to_list())
    kinds = [kind for kind in KINDS if kind in _DAILY or kind in present]
    by_day: dict[date, dict[str, int]] = {}
    for row in days.sort("day").to_dicts():
        by_day.setdefault(row["day"], {})[row["kind"]] = row["rows"]
    rows = tuple(
        TableRow(
            Cell(
                f"{spoken.day(day)} ({spoken.say('still open')})"
                if as_of is not None and day > as_of
                else spoken.day(day)
            ),
            tuple(Cell(spoken.count(found[kind]) if kind in found else spoken.say("nothing")) for kind in kinds),
        )
        for day, found in sorted(by_day.items(), reverse=True)[:SHOWN_DAYS]
    )
    columns = (Column(spoken.say("Day")), *(Column(kind_name(kind, spoken), "", "number") for kind in kinds))
    return Table(spoken.say("Accepted rows per day"), columns, rows, summary=spoken.say("The numbers, day by day"))


def _balance(ledger: pl.DataFrame, spoken: Voice) -> Section:
    rows, say = [], spoken.say
    for kind in KINDS:
        found = ledger.filter((pl.col("kind") == kind) & pl.col("received").is_not_null())
        if found.is_empty():
            continue
        received, accepted, duplicate, quarantined = (
            int(found[column].fill_null(0).sum()) for column in ("received", "accepted", "duplicate", "quarantined")
        )
        rest = received - accepted - duplicate - quarantined
        state = (
            Cell(say("Balanced"))
            if rest == 0
            else Cell(say("Not balanced"), spoken.say_n("{count} row is missing", "{count} rows are missing", rest))
        )
        rows.append(
            TableRow(
                Cell(kind_name(kind, spoken), spoken.say_n("{count} file", "{count} files", found.height)),
                (
                    Cell(spoken.count(received)),
                    Cell(spoken.count(accepted)),
                    Cell(spoken.count(duplicate), _exact(found, spoken)),
                    Cell(spoken.count(quarantined)),
                    state,
                ),
            )
        )
    blocks: tuple[Block, ...] = (
        Table(
            say("Rows received, accepted, duplicate and set aside"),
            (Column(say("Kind")), Column(say("Received"), "", "number"), Column(say("Accepted"), "", "number"), Column(say("Duplicates"), "", "number"), Column(say("Set aside"), "", "number"), Column(say("Balance"))),
            tuple(rows),
        ),
    )  # fmt: skip
    if not rows:
        blocks = (Sentences((say("No file has landed yet."),)),)
    return Section(
        "balance", say("Nothing is lost"), blocks, lead=say("Received = accepted + duplicates + set aside, for every file."),
        queries=(Query(say("One row a file"), "FROM ledger ORDER BY file_id DESC"),),
    )  # fmt: skip


def _exact(ledger: pl.DataFrame, spoken: Voice) -> str:
    """How many duplicates are exact copies; nothing where there is none, or where a file was read before they were told apart."""
    told = ledger.filter(pl.col("duplicate") > 0)["duplicate_exact"]
    if told.is_empty() or told.null_count():
        return ""
    return spoken.say("{number} the same in every value", number=spoken.count(int(told.sum())))


def _without_reader(frame: pl.DataFrame, spoken: Voice) -> Section | None:
    """Rows that name no reader: counted by kind, and never taken together as one."""
    say = spoken.say
    known = {row["kind"]: row for row in frame.group_by("kind").agg(pl.col("rows", "without_reader").sum()).to_dicts()}
    rows = tuple(
        TableRow(
            Cell(kind_name(kind, spoken)),
            (
                Cell(spoken.count(found["rows"])),
                Cell(spoken.count(found["without_reader"]), spoken.part(found["without_reader"] / found["rows"])),
            ),
        )
        for kind in _DAILY
        if (found := known.get(kind)) is not None and found["rows"]
    )
    if not rows:
        return None
    return Section(
        "strangers",
        say("Rows that name no reader"),
        (
            Table(
                say("Accepted rows without a reader's id"),
                (
                    Column(say("Kind")),
                    Column(say("Accepted"), "", "number"),
                    Column(say("Without an id"), "", "number"),
                ),
                rows,
            ),
        ),
        lead=say(
            "They are kept and counted here. No two of them are taken for one reader, and no experiment counts them."
        ),
        queries=(Query(say("Accepted rows per day"), "FROM rows_per_day ORDER BY day, kind"),),
    )


def _set_aside(tables: HealthTables, spoken: Voice) -> Section:
    frame, say = tables.quarantine_reasons, spoken.say
    if frame.is_empty():
        return Section("aside", say("What was set aside"), (Sentences((say("No row has been set aside."),)),))
    found = (
        frame.group_by("kind", "reason", "column_name")
        .agg(pl.col("rows").sum(), pl.col("example").drop_nulls().first())
        .sort("rows", descending=True)
    )
    rows = tuple(
        TableRow(
            Cell(
                sentence(plain(str(row["reason"]).replace("_", " "))).rstrip("."),
                kind_name(str(row["kind"]), spoken),
            ),
            (
                Cell(plain(str(row["column_name"])) if row["column_name"] else say("the whole row")),
                Cell(spoken.count(row["rows"])),
                Cell(plain(str(row["example"]), 80) if row["example"] is not None else say("not kept"), weak=True),
            ),
        )
        for row in found.head(MOST_REASONS).to_dicts()
    )
    return Section(
        "aside", say("What was set aside"),
        (Table(say("Rows set aside by reason"), (Column(say("Reason")), Column(say("Column")), Column(say("Rows"), "", "number"), Column(say("For example"))), rows),),
        lead=say("These rows stay in the quarantine with their reason, and count again when a corrected file lands."),
        queries=(Query(say("Rows set aside by file, reason and column"), "FROM quarantine_reasons ORDER BY rows DESC"),),
    )  # fmt: skip


def _files(unreadable: pl.DataFrame, spoken: Voice) -> Section | None:
    if unreadable.is_empty():
        return None
    rows = tuple(
        TableRow(Cell(plain(row["path"], 120)), (Cell(sentence(plain(str(row["message"] or ""), 200))), Cell(spoken.moment(row["ingested_at"]) + " UTC" if row["ingested_at"] else spoken.say("not known"))))
        for row in unreadable.sort("file_id", descending=True).head(MOST_REASONS).to_dicts()
    )  # fmt: skip
    return Section(
        "files",
        spoken.say("Files that could not be read"),
        (
            Table(
                spoken.say("Unreadable files"),
                (Column(spoken.say("File")), Column(spoken.say("Why")), Column(spoken.say("When"))),
                rows,
            ),
        ),
    )
