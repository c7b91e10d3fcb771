"""From accepted events to daily partials, and from those to the cohort statistics of each experiment.

Two steps, each skipped where its inputs have not changed: a day's partial is rebuilt from all parts of that day; an
experiment's cohorts are recomputed from the partials of its days. Reader outcomes exist only inside one computation and
as a view for analysts; they are never stored. The statements stand in `sql/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

import duckdb
import polars as pl

from analysis.contract import Kind, stored_columns
from analysis.erasure import hashed
from analysis.identity import last_touched, no_persons, refresh_persons, shown_as_persons
from analysis.measures import (
    appeal_measures,
    counted_measures,
    counted_metrics,
    longest_days,
    page_measures,
    payment_measures,
    sources,
)
from analysis.queries import query
from analysis.registry import Experiment
from analysis.settings import Settings, employee_ids
from analysis.store import Part, Warehouse, fingerprint, read_parts
from analysis.vocabulary import APPEAL_EVENTS

#: Tables of cohort statistics, one part an experiment, and the columns of each that count readers. All other columns
#: are its key: each table adds up over readers, so ranges of them can be computed apart.
COHORT_TABLES: dict[str, tuple[str, ...]] = {
    "cohort_cells": ("n", "n_seen", *APPEAL_EVENTS),
    "outcome_changes": ("readers",),
    "refund_changes": ("refunds", "taken_minor"),
    "pageview_cells": ("readers",),
    "measure_changes": ("x", "s1", "s2", "d1", "d2", "sd"),
    "measure_coverage": ("days", "days_sent"),
    "left_out_readers": ("readers",),
    "gift_routes": ("gifts", "value_minor"),
}

#: Tables of facts about days, not about readers: they are asked once, whatever the ranges of readers.
_ASKED_ONCE = ("measure_coverage",)

#: Rows of daily partials that are merged at a time, of one experiment or of several: bounds the memory whatever their
#: size, and lets many small experiments share one reading of the files.
READERS_PER_RANGE = 2_000_000

#: Changes whenever a statement changes meaning, so that what was computed by the old one is computed again.
DEFINITIONS = 8

_MICROSECONDS_PER_HOUR = 3_600_000_000
_DISTANT_US = 2**62

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Daily:
    table: str
    kind: Kind


_EXPOSURES = _Daily("daily_exposures", "appeal_events")
_STRANGERS = _Daily("daily_strangers", "appeal_events")
_VISITS = _Daily("daily_visits", "pageviews")
_PAGE_MEASURES = _Daily("daily_page_measures", "pageviews")
_APPEAL_MEASURES = _Daily("daily_appeal_measures", "appeal_events")


def event_days(warehouse: Warehouse, kind: Kind) -> list[date]:
    """Publisher's days that have accepted rows of a kind, in order."""
    return sorted({date.fromisoformat(part.scope) for part in warehouse.parts(kind)})


def last_event_day(warehouse: Warehouse, now: datetime) -> date | None:
    """The `as_of` of an edition made now: the newest day with events on the site that has ended for the publisher."""
    today = now.astimezone(warehouse.settings.zone).date()
    days = {*event_days(warehouse, "appeal_events"), *event_days(warehouse, "pageviews")}
    return max((day for day in days if day < today), default=None)


def refresh_daily_exposures(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    days: Iterable[date] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> dict[date, int]:
    """Rebuild the exposure partials whose inputs changed; return rows by day rebuilt. The caller holds the lock."""
    registered = pl.DataFrame(
        [
            (number, experiment.id, variant.id, code, 1 << code, experiment.exposure)
            for number, experiment in enumerate(sorted(experiments, key=lambda experiment: experiment.id))
            for code, variant in enumerate(experiment.variants)
        ],
        schema={
            "experiment_code": pl.Int32,
            "experiment_id": pl.String,
            "variant_id": pl.String,
            "variant_code": pl.Int64,
            "variant_bit": pl.Int32,
            "exposure": pl.String,
        },
        orient="row",
    )

    rules = {experiment.id: warehouse.settings.reader_rules(experiment) for experiment in experiments}
    assigning = [one for one, rule in rules.items() if rule.several_variants == "as_assigned"]
    watching = [one for one, rule in rules.items() if rule.overlap != "ignore"]
    watched = registered if watching else registered.clear()

    def definition(day: date) -> object:
        return [
            (
                experiment.id,
                experiment.exposure,
                [variant.id for variant in experiment.variants],
                experiment.id in assigning,
                bool(watching),
            )
            for experiment in experiments
            if experiment.starts <= day
        ]

    def prepare(connection: duckdb.DuckDBPyConnection) -> None:
        for name, frame in (
            ("registered_variants", registered),
            ("registered_experiments", registered.select("experiment_code", "experiment_id").unique()),
            ("assigning_variants", registered.filter(pl.col("experiment_id").is_in(assigning))),
            ("watched_variants", watched),
        ):
            connection.register(name, frame.to_arrow())

    rebuilt = _refresh_daily(warehouse, _EXPOSURES, days, definition, prepare, progress)
    _refresh_daily(warehouse, _STRANGERS, days, definition, prepare, progress)
    return rebuilt


def refresh_daily_visits(
    warehouse: Warehouse,
    days: Iterable[date] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> dict[date, int]:
    """Rebuild the visit partials whose inputs changed; return rows by day rebuilt. The caller holds the lock."""
    return _refresh_daily(warehouse, _VISITS, days, lambda day: "", lambda connection: None, progress)


def refresh_daily_measures(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    days: Iterable[date] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> dict[date, int]:
    """Rebuild the partials of declared measures whose inputs changed; return rows by day rebuilt.

    A day has the measures of experiments that ran on it; where none asks, nothing is kept. The caller holds the lock.
    """
    rebuilt: dict[date, int] = {}
    for daily, relation, measures in (
        (_PAGE_MEASURES, "page_measures", page_measures),
        (_APPEAL_MEASURES, "appeal_measures", appeal_measures),
    ):
        asked = measures(experiments)
        if asked.is_empty() and not warehouse.parts(daily.table):
            continue

        def definition(day: date, measures: Callable[[Iterable[Experiment]], pl.DataFrame] = measures) -> object:
            return measures(one for one in experiments if one.starts <= day <= _over(one, warehouse.settings)).rows()

        def prepare(
            connection: duckdb.DuckDBPyConnection, relation: str = relation, asked: pl.DataFrame = asked
        ) -> None:
            connection.register(relation, asked.to_arrow())

        first = min((one.starts for one in experiments), default=date.min)
        wanted = [day for day in (event_days(warehouse, daily.kind) if days is None else days) if day >= first]
        for day, rows in _refresh_daily(warehouse, daily, wanted, definition, prepare, progress).items():
            rebuilt[day] = rebuilt.get(day, 0) + rows
    return rebuilt


def _refresh_daily(
    warehouse: Warehouse,
    daily: _Daily,
    days: Iterable[date] | None,
    definition: Callable[[date], object],
    prepare: Callable[[duckdb.DuckDBPyConnection], None],
    progress: Progress,
) -> dict[date, int]:
    inputs: dict[str, list[Part]] = {}
    for part in warehouse.parts(daily.kind):
        inputs.setdefault(part.scope, []).append(part)
    outputs = {part.scope: part for part in warehouse.parts(daily.table)}
    wanted = None if days is None else {day.isoformat() for day in days}
    stale = []
    kept = warehouse.kept_from().get(daily.kind)
    for scope in sorted(inputs.keys() | outputs.keys()):
        if wanted is not None and scope not in wanted:
            continue
        if kept is not None and date.fromisoformat(scope) < kept:
            continue
        mark = fingerprint(
            DEFINITIONS, definition(date.fromisoformat(scope)), *[part.part_id for part in inputs.get(scope, [])]
        )
        if scope not in outputs or outputs[scope].inputs != mark:
            stale.append((scope, mark))
    rebuilt: dict[date, int] = {}
    if not stale:
        return rebuilt
    with warehouse.compute() as connection:
        prepare(connection)
        for number, (scope, mark) in enumerate(stale):
            progress(scope, number, len(stale))
            read_parts(connection, daily.kind, inputs.get(scope, []), lambda: empty_table(daily.kind))
            part = warehouse.write_query(
                connection, query(daily.table), daily.table, scope, parameters={"day": scope}, inputs=mark
            )
            warehouse.replace([part])
            rebuilt[date.fromisoformat(scope)] = part.rows
    progress("", len(stale), len(stale))
    return rebuilt


def empty_table(kind: Kind) -> str:
    """SQL that selects no row with the warehouse columns of a kind."""
    columns = ", ".join(f"CAST(NULL AS {column.sql_type}) AS {column.stored_name}" for column in stored_columns(kind))
    return f"SELECT {columns}, CAST(NULL AS DATE) AS day WHERE false"


def last_counted_day(experiment: Experiment, settings: Settings, as_of: date) -> date:
    """The last day that can still change the experiment's numbers: it ends when its last window and refund period do."""
    return min(as_of, _over(experiment, settings))


def _over(experiment: Experiment, settings: Settings) -> date:
    window_days = -(-settings.window_hours(experiment) // 24)
    longest = max(window_days, settings.outcomes.refund_days, 7, longest_days(experiment, settings))
    return experiment.planned_end + timedelta(days=longest)


def refresh_cohorts(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    as_of: date,
    progress: Progress = lambda name, done, total: None,
) -> list[str]:
    """Recompute the cohort statistics of experiments whose inputs changed; return their ids. The caller holds the lock.

    An experiment whose last outcome window has passed has inputs that no longer change: it is never computed again
    until a late file touches one of its own days.
    """
    refresh_persons(warehouse)
    parts = {table: warehouse.parts(table) for table in _COHORT_INPUTS}
    together = warehouse.parts("persons")
    touched = last_touched(warehouse)
    employees = employee_ids(warehouse.settings)
    current = {part.scope: part.inputs for part in warehouse.parts("cohort_cells")}
    kept = {table: day for table, day in warehouse.kept_from().items() if table in parts}
    stale = []
    for experiment in experiments:
        if experiment.starts > as_of:
            continue
        if experiment.id in current and any(experiment.starts < day for day in kept.values()):
            continue  # rows it was computed from are gone; its results stay
        due = _Due.of(experiment, warehouse.settings, as_of, parts, touched.get(experiment.id, ""), employees)
        if current.get(experiment.id) != due.mark:
            stale.append(due)
    done = 0
    if stale:
        with warehouse.compute() as connection:
            for batch in _batches(connection, stale):
                progress(batch[0].experiment.id, done, len(stale))
                tables = _count(connection, batch, warehouse.settings, together, employees)
                for code, due in enumerate(batch):
                    own = {
                        name: frame.filter(pl.col("experiment_code") == code).drop("experiment_code")
                        for name, frame in tables.items()
                    }
                    warehouse.replace(
                        [
                            warehouse.write_frame(frame, name, due.experiment.id, inputs=due.mark)
                            for name, frame in own.items()
                        ]
                    )
                done += len(batch)
    progress("", len(stale), len(stale))
    gone = current.keys() - {experiment.id for experiment in experiments}
    if gone:
        warehouse.replace([], scopes=[(table, scope) for table in COHORT_TABLES for scope in gone])
    return [due.experiment.id for due in stale]


@dataclass(frozen=True)
class _Due:
    """An experiment as it would be counted now, with the parts of its own days and the mark of all of it."""

    experiment: Experiment
    counted_to: date
    parts: dict[str, list[Part]]
    mark: str

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        settings: Settings,
        as_of: date,
        parts: dict[str, list[Part]],
        touched: str,
        employees: Sequence[str],
    ) -> Self:
        counted_to = last_counted_day(experiment, settings, as_of)
        rules = settings.reader_rules(experiment)
        first, last = experiment.starts.isoformat(), counted_to.isoformat()
        gifts_from = (experiment.starts - timedelta(days=rules.giving_days)).isoformat()
        own = {table: [part for part in found if first <= part.scope <= last] for table, found in parts.items()}
        own = {table: found for table, found in own.items() if _reads(experiment, table)}
        own[_EARLIER] = [part for part in parts["contributions"] if gifts_from <= part.scope <= last]
        mark = fingerprint(
            DEFINITIONS,
            last,
            experiment.id,
            experiment.starts,
            experiment.planned_end,
            settings.window_hours(experiment),
            settings.outcomes.refund_days,
            experiment.epochs(settings.zone),
            [variant.id for variant in experiment.variants],
            _guards_pageviews(experiment),
            [(name, one.model_dump_json()) for name, one in experiment.measured.items()],
            experiment.primary_metric in experiment.measured,
            settings.outcomes.monthly_retention,
            rules.model_dump(exclude={"employees_file"}),
            fingerprint(*sorted(employees)),
            *[part.part_id for found in own.values() for part in found],
            "persons",
            touched,
        )
        return cls(experiment, counted_to, own, mark)


def _guards_pageviews(experiment: Experiment) -> bool:
    return any(guardrail.metric == "pageviews" for guardrail in experiment.guardrails)


_COHORT_INPUTS = (
    "daily_exposures",
    "daily_visits",
    "daily_page_measures",
    "daily_appeal_measures",
    "contributions",
    "payment_details",
)
#: Contributions before the experiment and in it: who was giving already.
_EARLIER = "earlier_contributions"
_READ_BY = {"daily_page_measures": "pages", "daily_appeal_measures": "appeals"}


def _reads(experiment: Experiment, table: str) -> bool:
    """Whether an experiment's numbers need a table; one that they do not need must not make them stale."""
    return table not in _READ_BY or _READ_BY[table] in sources(experiment)


def _batches(connection: duckdb.DuckDBPyConnection, stale: Sequence[_Due]) -> Iterator[list[_Due]]:
    """Share out experiments so that a pass has readers enough to be worth reading files for, and not too many."""
    read_parts(connection, "daily_exposures", _together(stale, "daily_exposures"), empty_exposures)
    rows = dict(
        connection.execute("SELECT experiment_id, count(*) FROM daily_exposures GROUP BY experiment_id").fetchall()
    )
    batch: list[_Due] = []
    held = 0
    for due in stale:
        own = rows.get(due.experiment.id, 0)
        if batch and held + own > READERS_PER_RANGE:
            yield batch
            batch, held = [], 0
        batch.append(due)
        held += own
    yield batch


def _together(batch: Sequence[_Due], table: str) -> list[Part]:
    """The parts of a table that any of the experiments needs."""
    found = {part.part_id: part for due in batch for part in due.parts.get(table, [])}
    return [found[part_id] for part_id in sorted(found)]


def _count(
    connection: duckdb.DuckDBPyConnection,
    batch: Sequence[_Due],
    settings: Settings,
    together: Sequence[Part],
    employees: Sequence[str],
) -> dict[str, pl.DataFrame]:
    """The cohort tables of some experiments, which `experiment_code` numbers in their order.

    The statements of `sql/` see `merged_readers`, one row per experiment and reader, and `experiment_readers`, the same
    readers on each basis with their steps; a statement for another metric joins one of them. Readers are taken a range of
    keys at a time; ranges add up because readers do.
    """
    read_parts(connection, "persons", together, no_persons)
    for table, empty in (
        ("daily_exposures", empty_exposures),
        ("daily_visits", empty_visits),
        ("daily_page_measures", _empty_page_measures),
        ("daily_appeal_measures", _empty_appeal_measures),
        ("contributions", lambda: empty_table("contributions")),
    ):
        read_parts(connection, f"own_{table}", _together(batch, table), empty)
        rows = f"SELECT * FROM own_{table}"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS {shown_as_persons(rows) if together else rows}")
    read_parts(
        connection, "payment_details", _together(batch, "payment_details"), lambda: empty_table("payment_details")
    )
    read_parts(connection, _EARLIER, _together(batch, _EARLIER), lambda: empty_table("contributions"))
    due = [one.experiment for one in batch]
    for name, frame in (
        ("payment_measures", payment_measures(due, settings)),
        ("counted_measures", counted_measures(due, settings)),
        ("counted_metrics", counted_metrics(due, settings)),
        ("counted_experiments", _counted(batch, settings)),
        ("counted_variants", _counted_variants(batch)),
        ("later_epochs", _later_epochs(batch, settings)),
    ):
        connection.register("incoming", frame.to_arrow())
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")
        connection.unregister("incoming")
    _mark(connection, settings, employees)
    for name in ("settled_payments", "gift_movements", "contribution_measures"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query(name)}")
    (rows,) = connection.execute(
        "SELECT count(*) FROM daily_exposures AS d JOIN counted_experiments AS c ON c.experiment_id = d.experiment_id"
    ).fetchall()[0]
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in COHORT_TABLES}
    for low, high in _key_ranges(-(-rows // READERS_PER_RANGE)):
        for name in ("merged_readers", "reader_steps"):
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query(name)}", {"low": low, "high": high})
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE key_range AS SELECT $low::BIGINT AS low, $high::BIGINT AS high, "
            "$low = -9223372036854775808 AS holds_no_key",
            {"low": low, "high": high},
        )
        connection.execute(f"CREATE OR REPLACE TEMP VIEW experiment_readers AS {query('experiment_readers')}")
        for name, frames in found.items():
            if name in _ASKED_ONCE and frames:
                continue
            frames.append(connection.sql(query(name)).pl())
    return {name: _added_up(name, frames) for name, frames in found.items()}


def _mark(connection: duckdb.DuckDBPyConnection, settings: Settings, employees: Sequence[str]) -> None:
    """Leave what is known of readers beside their appeal events: `special_readers`, `first_gifts`."""
    rules = settings.readers
    connection.execute("SET VARIABLE hash_key = $key", {"key": settings.hash_key().decode("latin-1")})
    listed = pl.DataFrame({"reader_id": list(employees)}, schema={"reader_id": pl.String})
    connection.register("incoming", listed.to_arrow())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE employees AS SELECT {hashed('reader_id')} AS reader_key FROM incoming"
    )
    connection.unregister("incoming")
    rates = {
        name: getattr(rules, name)
        for name in ("most_pageviews_a_minute", "most_pageviews_a_day", "most_exposures_a_day")
    }
    for name, values in (("special_readers", rates), ("first_gifts", {"giving_days": rules.giving_days})):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query(name)}", values)


def _added_up(table: str, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row per cohort, in an order that does not depend on how the readers were shared out."""
    sums = COHORT_TABLES[table]
    keys = [name for name in frames[0].columns if name not in sums]
    added = pl.concat(frames)
    if len(frames) > 1:
        added = added.group_by(keys).agg(pl.col(sums).sum())
    return added.filter(pl.any_horizontal(pl.col(sums) != 0)).sort(keys)


def _key_ranges(count: int) -> list[tuple[int, int]]:
    """Split the signed 64-bit space evenly."""
    count = max(1, count)
    bounds = [-(2**63) + (2**64 * index) // count for index in range(count + 1)]
    return [(bounds[index], bounds[index + 1] - 1) for index in range(count)]


def _counted(batch: Sequence[_Due], settings: Settings) -> pl.DataFrame:
    """The relation `counted_experiments`: one row per experiment, its number in the batch and all that bounds it."""
    return pl.DataFrame(
        [
            (
                code,
                due.experiment.id,
                due.experiment.starts,
                due.experiment.planned_end,
                due.counted_to,
                settings.window_hours(due.experiment) * _MICROSECONDS_PER_HOUR,
                settings.outcomes.refund_days * 24 * _MICROSECONDS_PER_HOUR,
                due.experiment.exposure == "inserted",
                _guards_pageviews(due.experiment),
                settings.reader_rules(due.experiment).left_out,
            )
            for code, due in enumerate(batch)
        ],
        schema={
            "experiment_code": pl.Int32,
            "experiment_id": pl.String,
            "starts": pl.Date,
            "planned_end": pl.Date,
            "counted_to": pl.Date,
            "window_us": pl.Int64,
            "refund_us": pl.Int64,
            "is_inserted": pl.Boolean,
            "counts_pageviews": pl.Boolean,
            "left_out": pl.Int32,
        },
        orient="row",
    )


def _counted_variants(batch: Sequence[_Due]) -> pl.DataFrame:
    """The relation `counted_variants`: the variants of each experiment by number, as payments may name them."""
    return pl.DataFrame(
        [
            (number, due.experiment.id, variant.id, code)
            for number, due in enumerate(batch)
            for code, variant in enumerate(due.experiment.variants)
        ],
        schema={
            "experiment_code": pl.Int32,
            "experiment_id": pl.String,
            "variant_id": pl.String,
            "variant_code": pl.Int32,
        },
        orient="row",
    )


def _later_epochs(batch: Sequence[_Due], settings: Settings) -> pl.DataFrame:
    """The relation `later_epochs`: every allocation epoch but the first, which is where no later one holds."""
    rows = []
    for code, due in enumerate(batch):
        starts = [int(start.timestamp() * 1_000_000) for start, _ in due.experiment.epochs(settings.zone)]
        rows += [
            (code, epoch, start, end)
            for epoch, (start, end) in enumerate(zip(starts, [*starts[1:], _DISTANT_US], strict=True))
            if epoch > 0
        ]
    return pl.DataFrame(
        rows,
        schema={"experiment_code": pl.Int32, "epoch": pl.Int32, "starts_us": pl.Int64, "ends_us": pl.Int64},
        orient="row",
    )


def empty_exposures() -> str:
    """SQL that selects no row with the columns of `daily_exposures`."""
    steps = ", ".join(
        f"CAST(NULL AS BIGINT) AS {step}_us"
        for step in (
            "eligible",
            "inserted",
            "expanded",
            "clicked",
            "checkout_started",
            "dismissed",
            "blocked",
            "registered",
        )
    )
    return (
        "SELECT CAST(NULL AS VARCHAR) AS experiment_id, CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS DATE) AS day, "
        "CAST(NULL AS BIGINT) AS first_exposure, CAST(NULL AS INTEGER) AS exposures, CAST(NULL AS INTEGER) AS bits, "
        f"CAST(NULL AS BIGINT) AS first_met, CAST(NULL AS BIGINT) AS first_view, {steps} WHERE false"
    )


def _empty_page_measures() -> str:
    return (
        "SELECT CAST(NULL AS VARCHAR) AS measure, CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS DATE) AS day, "
        "CAST(NULL AS BIGINT) AS amount WHERE false"
    )


def _empty_appeal_measures() -> str:
    return (
        "SELECT CAST(NULL AS VARCHAR) AS measure, CAST(NULL AS VARCHAR) AS experiment_id, "
        "CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS DATE) AS day, CAST(NULL AS BIGINT) AS amount WHERE false"
    )


def empty_visits() -> str:
    """SQL that selects no row with the columns of `daily_visits`."""
    return (
        "SELECT CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS DATE) AS day, CAST(NULL AS INTEGER) AS pageviews, "
        "CAST(NULL AS INTEGER) AS most_a_minute WHERE false"
    )


def _empty_left_out() -> str:
    return (
        "SELECT CAST(NULL AS VARCHAR) AS experiment_id, CAST(NULL AS BIGINT) AS reader_key, "
        "CAST(NULL AS INTEGER) AS marks WHERE false"
    )


#: SQL that selects no row of a daily partial, for views over a warehouse that has none yet.
EMPTY_PARTIALS = {
    "persons": no_persons,
    "daily_exposures": empty_exposures,
    "daily_visits": empty_visits,
    "left_out_readers": _empty_left_out,
}
