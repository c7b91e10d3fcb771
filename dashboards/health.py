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
from dashboards.phrasing import Voice, listed, plain, plural, sentence, voice

KINDS: Mapping[str, str] = {
    "pageviews": "Pageviews",
    "appeal_events": "Appeal events",
    "contributions": "Contributions",
}

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
        title="Data health",
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=("Data health",),
        headline=_headline(lost, missing, unreadable.height, edition.as_of, spoken),
        standfirst=_standfirst(tables, missing, spoken),
        figures=_figures(tables, spoken),
        as_of="" if edition.as_of is None else spoken.day(edition.as_of),
        sections=sections(
            _days(tables.rows_per_day, missing, spoken),
            _balance(tables.ledger, spoken),
            _set_aside(tables, spoken),
            _files(unreadable, spoken),
        ),
    )


def missing_days(rows_per_day: pl.DataFrame) -> dict[str, tuple[date, ...]]:
    """Return, by kind, the days between the first and the last day of any kind that have no row."""
    days = rows_per_day.filter(pl.col("day").is_not_null())
    if days.is_empty():
        return {}
    last = _last_day(days)
    found: dict[str, tuple[date, ...]] = {}
    for kind in sorted(days["kind"].unique().to_list()):
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
        return f"{spoken.count(lost)} {plural(lost, 'row is', 'rows are')} not accounted for"
    gaps = {day for days in missing.values() for day in days}
    if gaps:
        return f"{spoken.count(len(gaps))} {plural(len(gaps), 'day has', 'days have')} gaps; every row that came is accounted for"
    if unreadable:
        return f"{spoken.count(unreadable)} {plural(unreadable, 'file', 'files')} could not be read; every other row is accounted for"
    if as_of is None:
        return "No data has landed yet"
    return f"Every row is accounted for, to the end of {spoken.day(as_of)}"


def _standfirst(tables: HealthTables, missing: Mapping[str, tuple[date, ...]], spoken: Voice) -> str:
    if tables.ledger.is_empty():
        return "Files land under landing/<kind>/<date>/. askwell check says what would be ingested."
    alike: dict[tuple[date, ...], list[str]] = {}
    for kind, days in missing.items():
        alike.setdefault(days, []).append(KINDS.get(kind, plain(kind)).lower())
    said = []
    for days, kinds in alike.items():
        shown = [spoken.short_day(day) for day in days[:4]]
        if len(days) > 4:
            shown.append(f"{len(days) - 4} more days")
        what = "Nothing" if len(kinds) == len(KINDS) else f"No {' and no '.join(kinds)}"
        said.append(f"{what} arrived for {listed(shown)}.")
    return " ".join(said) or "No day is missing between the first and the last."


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
        Figure("Files landed", spoken.count(ledger.height), f"last one taken in {spoken.moment(last)} UTC" if last is not None else ""),  # type: ignore[arg-type]
        Figure("Rows received", spoken.prose_count(totals["received"]), f"{spoken.prose_count(totals['accepted'])} accepted"),
        Figure("Duplicates", spoken.prose_count(totals["duplicate"]), f"{spoken.part(totals['duplicate'] / received)} of rows, there already"),
        Figure("Set aside", spoken.prose_count(totals["quarantined"]), f"{spoken.part(totals['quarantined'] / received)} of rows, each with a reason"),
    )  # fmt: skip


def _days(frame: pl.DataFrame, missing: Mapping[str, tuple[date, ...]], spoken: Voice) -> Section:
    days = frame.filter(pl.col("day").is_not_null())
    if days.is_empty():
        return Section("days", "Rows per day", (Sentences(("No row has been accepted yet.",)),))
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
        chart = DayBars(
            kind,
            bars,
            axis,
            day_ticks(first, last, spoken.short_day),
            f"{KINDS[kind]} accepted per day, {spoken.day(first)} to {spoken.day(last)}: {spoken.count(total)} in all"
            + (f"; nothing for {', '.join(gaps)}." if gaps else "; no gap."),
        )
        caption = f"{KINDS[kind]} accepted per day of the event" + (
            ". Light: marked as read by no person." if any(bar.bots for bar in bars) else "."
        )
        blocks.append(
            Picture(
                f"days-{kind}", svg.day_bars(chart, narrow=False), svg.day_bars(chart, narrow=True), caption=caption
            )
        )
    blocks.append(_days_table(days, spoken))
    return Section(
        "days",
        "Rows per day",
        tuple(blocks),
        queries=(Query("Accepted rows per day", "FROM rows_per_day ORDER BY day, kind"),),
    )


def _days_table(days: pl.DataFrame, spoken: Voice) -> Table:
    by_day: dict[date, dict[str, int]] = {}
    for row in days.sort("day").to_dicts():
        by_day.setdefault(row["day"], {})[row["kind"]] = row["rows"]
    rows = tuple(
        TableRow(
            Cell(spoken.day(day)),
            tuple(Cell(spoken.count(found[kind]) if kind in found else "nothing") for kind in KINDS),
        )
        for day, found in sorted(by_day.items(), reverse=True)[:SHOWN_DAYS]
    )
    columns = (Column("Day"), *(Column(name, "", "number") for name in KINDS.values()))
    return Table("Accepted rows per day", columns, rows, summary="The numbers, day by day")


def _balance(ledger: pl.DataFrame, spoken: Voice) -> Section:
    rows = []
    for kind, name in KINDS.items():
        found = ledger.filter((pl.col("kind") == kind) & pl.col("received").is_not_null())
        if found.is_empty():
            continue
        received, accepted, duplicate, quarantined = (
            int(found[column].fill_null(0).sum()) for column in ("received", "accepted", "duplicate", "quarantined")
        )
        rest = received - accepted - duplicate - quarantined
        state = Cell("Balanced") if rest == 0 else Cell("Not balanced", f"{spoken.count(rest)} rows are missing")
        rows.append(
            TableRow(
                Cell(name, f"{spoken.count(found.height)} {plural(found.height, 'file', 'files')}"),
                (*(Cell(spoken.count(number)) for number in (received, accepted, duplicate, quarantined)), state),
            )
        )
    blocks: tuple[Block, ...] = (
        Table(
            "Rows received, accepted, duplicate and set aside",
            (Column("Kind"), Column("Received", "", "number"), Column("Accepted", "", "number"), Column("Duplicates", "", "number"), Column("Set aside", "", "number"), Column("Balance")),
            tuple(rows),
        ),
    )  # fmt: skip
    if not rows:
        blocks = (Sentences(("No file has landed yet.",)),)
    return Section(
        "balance", "Nothing is lost", blocks, lead="Received = accepted + duplicates + set aside, for every file.",
        queries=(Query("One row a file", "FROM ledger ORDER BY file_id DESC"),),
    )  # fmt: skip


def _set_aside(tables: HealthTables, spoken: Voice) -> Section:
    frame = tables.quarantine_reasons
    if frame.is_empty():
        return Section("aside", "What was set aside", (Sentences(("No row has been set aside.",)),))
    found = (
        frame.group_by("kind", "reason", "column_name")
        .agg(pl.col("rows").sum(), pl.col("example").drop_nulls().first())
        .sort("rows", descending=True)
    )
    rows = tuple(
        TableRow(
            Cell(
                sentence(plain(str(row["reason"]).replace("_", " "))).rstrip("."),
                KINDS.get(row["kind"], plain(str(row["kind"]))),
            ),
            (
                Cell(plain(str(row["column_name"])) if row["column_name"] else "the whole row"),
                Cell(spoken.count(row["rows"])),
                Cell(plain(str(row["example"]), 80) if row["example"] is not None else "not kept", weak=True),
            ),
        )
        for row in found.head(MOST_REASONS).to_dicts()
    )
    return Section(
        "aside", "What was set aside",
        (Table("Rows set aside by reason", (Column("Reason"), Column("Column"), Column("Rows", "", "number"), Column("For example")), rows),),
        lead="These rows stay in the quarantine with their reason, and count again when a corrected file lands.",
        queries=(Query("Rows set aside by file, reason and column", "FROM quarantine_reasons ORDER BY rows DESC"),),
    )  # fmt: skip


def _files(unreadable: pl.DataFrame, spoken: Voice) -> Section | None:
    if unreadable.is_empty():
        return None
    rows = tuple(
        TableRow(Cell(plain(row["path"], 120)), (Cell(sentence(plain(str(row["message"] or ""), 200))), Cell(spoken.moment(row["ingested_at"]) + " UTC" if row["ingested_at"] else "not known")))
        for row in unreadable.sort("file_id", descending=True).head(MOST_REASONS).to_dicts()
    )  # fmt: skip
    return Section(
        "files",
        "Files that could not be read",
        (Table("Unreadable files", (Column("File"), Column("Why"), Column("When")), rows),),
    )
