"""From accepted events to daily partials, and from those to the cohort statistics of each experiment.

Two steps, each skipped where its inputs have not changed: a day's partial is rebuilt from all parts of that day; an
experiment's cohorts are recomputed from the partials of its days. Reader outcomes exist only inside one computation and
as a view for analysts; they are never stored. The statements stand in `sql/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl

from analysis.contract import Kind, stored_columns
from analysis.queries import query
from analysis.registry import Experiment
from analysis.settings import Settings
from analysis.store import NewPart, Part, Warehouse, fingerprint, read_parts

#: Tables of cohort statistics, one part an experiment.
COHORT_TABLES = ("cohort_cells", "outcome_changes", "pageview_cells")

#: Readers of one experiment that are aggregated at a time: bounds the memory whatever the size of the experiment.
READERS_PER_RANGE = 2_000_000

#: Changes whenever a statement changes meaning, so that what was computed by the old one is computed again.
DEFINITIONS = 2

_MICROSECONDS_PER_HOUR = 3_600_000_000
_DISTANT = datetime(9999, 1, 1, tzinfo=UTC)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Daily:
    table: str
    kind: Kind


_EXPOSURES = _Daily("daily_exposures", "appeal_events")
_VISITS = _Daily("daily_visits", "pageviews")


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
            (experiment.id, variant.id, code, experiment.exposure)
            for experiment in experiments
            for code, variant in enumerate(experiment.variants)
        ],
        schema={"experiment_id": pl.String, "variant_id": pl.String, "variant_code": pl.Int64, "exposure": pl.String},
        orient="row",
    )

    def definition(day: date) -> object:
        return [
            (experiment.id, experiment.exposure, [variant.id for variant in experiment.variants])
            for experiment in experiments
            if experiment.starts <= day
        ]

    def prepare(connection: duckdb.DuckDBPyConnection) -> None:
        connection.register("registered_variants", registered.to_arrow())

    return _refresh_daily(warehouse, _EXPOSURES, days, definition, prepare, progress)


def refresh_daily_visits(
    warehouse: Warehouse,
    days: Iterable[date] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> dict[date, int]:
    """Rebuild the visit partials whose inputs changed; return rows by day rebuilt. The caller holds the lock."""
    return _refresh_daily(warehouse, _VISITS, days, lambda day: "", lambda connection: None, progress)


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
    for scope in sorted(inputs.keys() | outputs.keys()):
        if wanted is not None and scope not in wanted:
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
    window_days = -(-settings.window_hours(experiment) // 24)
    return min(as_of, experiment.planned_end + timedelta(days=max(window_days, settings.outcomes.refund_days, 7)))


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
    exposures = warehouse.parts("daily_exposures")
    visits = warehouse.parts("daily_visits")
    contributions = warehouse.parts("contributions")
    current = {part.scope: part.inputs for part in warehouse.parts("cohort_cells")}
    stale = []
    for experiment in experiments:
        if experiment.starts > as_of:
            continue
        last_day = last_counted_day(experiment, warehouse.settings, as_of)
        first, last = experiment.starts.isoformat(), last_day.isoformat()
        own = {
            "daily_exposures": [part for part in exposures if first <= part.scope <= last],
            "daily_visits": [part for part in visits if first <= part.scope <= last and _guards_pageviews(experiment)],
            "contributions": [part for part in contributions if first <= part.scope <= last],
        }
        mark = fingerprint(
            DEFINITIONS,
            last,
            experiment.id,
            experiment.starts,
            experiment.planned_end,
            warehouse.settings.window_hours(experiment),
            warehouse.settings.outcomes.refund_days,
            experiment.epochs(warehouse.settings.zone),
            [variant.id for variant in experiment.variants],
            _guards_pageviews(experiment),
            *[part.part_id for parts in own.values() for part in parts],
        )
        if current.get(experiment.id) != mark:
            stale.append((experiment, last_day, own, mark))
    for number, (experiment, last_day, own, mark) in enumerate(stale):
        progress(experiment.id, number, len(stale))
        with warehouse.compute() as connection:
            warehouse.replace(_cohorts(connection, warehouse, experiment, last_day, own, mark))
    progress("", len(stale), len(stale))
    gone = current.keys() - {experiment.id for experiment in experiments}
    if gone:
        warehouse.replace([], scopes=[(table, scope) for table in COHORT_TABLES for scope in gone])
    return [experiment.id for experiment, *_ in stale]


def _guards_pageviews(experiment: Experiment) -> bool:
    return any(guardrail.metric == "pageviews" for guardrail in experiment.guardrails)


def _cohorts(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    experiment: Experiment,
    last_day: date,
    own: dict[str, list[Part]],
    mark: str,
) -> list[NewPart]:
    settings = warehouse.settings
    read_parts(connection, "daily_exposures", own["daily_exposures"], _empty_exposures)
    read_parts(connection, "daily_visits", own["daily_visits"], _empty_visits)
    read_parts(connection, "contributions", own["contributions"], lambda: empty_table("contributions"))
    connection.register("epochs", _epochs(experiment, settings).to_arrow())
    connection.execute(
        f"CREATE TEMP TABLE gift_movements AS {query('gift_movements')}",
        {"as_of": last_day},
    )
    (rows,) = connection.execute(
        "SELECT count(*) FROM daily_exposures WHERE experiment_id = $id", {"id": experiment.id}
    ).fetchall()[0]
    window = settings.window_hours(experiment) * _MICROSECONDS_PER_HOUR
    refund = settings.outcomes.refund_days * 24 * _MICROSECONDS_PER_HOUR
    for low, high in _key_ranges(-(-rows // READERS_PER_RANGE)):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE experiment_readers AS {query('experiment_readers')}",
            {
                "experiment_id": experiment.id,
                "starts": experiment.starts,
                "planned_end": experiment.planned_end,
                "as_of": last_day,
                "low": low,
                "high": high,
            },
        )
        _collect(connection, "cohort_cells", {"window_us": window})
        _collect(connection, "outcome_changes", {"window_us": window, "refund_us": refund})
        _collect(connection, "pageview_cells", {})
    return [
        warehouse.write_query(connection, f"SELECT * FROM collected_{table}", table, experiment.id, inputs=mark)
        for table in COHORT_TABLES
    ]


def _collect(connection: duckdb.DuckDBPyConnection, table: str, parameters: dict[str, object]) -> None:
    """Add the result for one range of readers to what the ranges before it gave; ranges add up because readers do."""
    exists = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = $name", {"name": f"collected_{table}"}
    ).fetchall()[0][0]
    into = f"INSERT INTO collected_{table}" if exists else f"CREATE TEMP TABLE collected_{table} AS"
    connection.execute(f"{into} {query(table)}", parameters)


def _key_ranges(count: int) -> list[tuple[int, int]]:
    """Split the signed 64-bit space evenly."""
    count = max(1, count)
    bounds = [-(2**63) + (2**64 * index) // count for index in range(count + 1)]
    return [(bounds[index], bounds[index + 1] - 1) for index in range(count)]


def _epochs(experiment: Experiment, settings: Settings) -> pl.DataFrame:
    starts = [start for start, _ in experiment.epochs(settings.zone)]
    ends = [*starts[1:], _DISTANT]
    starts[0] = datetime(1970, 1, 1, tzinfo=UTC)  # readers before the first registered epoch belong to it
    return pl.DataFrame(
        {
            "epoch": list(range(len(starts))),
            "starts_us": [int(start.timestamp() * 1_000_000) for start in starts],
            "ends_us": [int(end.timestamp() * 1_000_000) for end in ends],
        },
        schema={"epoch": pl.Int64, "starts_us": pl.Int64, "ends_us": pl.Int64},
    )


def _empty_exposures() -> str:
    steps = ", ".join(
        f"CAST(NULL AS BIGINT) AS {step}_us"
        for step in (
            "eligible",
            "inserted",
            "viewed",
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
        "CAST(NULL AS BIGINT) AS first_exposure, CAST(NULL AS INTEGER) AS exposures, CAST(NULL AS BIGINT) AS min_variant, "
        f"CAST(NULL AS BIGINT) AS max_variant, {steps} WHERE false"
    )


def _empty_visits() -> str:
    return (
        "SELECT CAST(NULL AS BIGINT) AS reader_key, CAST(NULL AS DATE) AS day, CAST(NULL AS INTEGER) AS pageviews "
        "WHERE false"
    )
