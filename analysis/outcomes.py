"""From accepted events to daily partials, and from those to the cohort statistics of each experiment.

Two steps, each skipped where its inputs have not changed: a day's partial is rebuilt from all parts of that day; an
experiment's cohorts are recomputed from the partials of its days. Reader outcomes exist only inside one computation and
as a view for analysts; they are never stored. The statements stand in `sql/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

import duckdb
import polars as pl

from analysis.cohorts import (
    COHORT_TABLES,
    INPUT_TABLES,
    Common,
    Count,
    Engine,
    guards_pageviews,
    history_days,
    over,
    visits_from,
)
from analysis.contract import Kind
from analysis.duckdb_engine import DuckDBEngine
from analysis.frozen import frozen
from analysis.identity import last_touched, refresh_persons
from analysis.measures import appeal_measures, page_measures
from analysis.queries import query
from analysis.recounting import COUNTED_PARTS, made_from, own_of, read_kept, recounts, replaced
from analysis.registry import Experiment
from analysis.settings import employee_ids
from analysis.store import Part, Warehouse, fingerprint, read_parts

#: Changes whenever a statement changes meaning, so that what was computed by the old one is computed again.
DEFINITIONS = 8

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
            return measures(one for one in experiments if one.starts <= day <= over(one, warehouse.settings)).rows()

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
            read_parts(connection, daily.kind, inputs.get(scope, []))
            part = warehouse.write_query(
                connection, query(daily.table), daily.table, scope, parameters={"day": scope}, inputs=mark
            )
            warehouse.replace([part])
            rebuilt[date.fromisoformat(scope)] = part.rows
    progress("", len(stale), len(stale))
    return rebuilt


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
    common = Common(warehouse.settings, warehouse.parts("persons"), employee_ids(warehouse.settings))
    stale = _stale(warehouse, experiments, as_of, common)
    done = 0
    if stale:
        with _engine(warehouse, common) as engine:
            for due, tables in _counted(warehouse, engine, stale):
                progress(due.count.experiment.id, done, len(stale))
                _keep(warehouse, due, tables)
                done += 1
    progress("", len(stale), len(stale))
    gone = {part.scope for part in warehouse.parts("cohort_cells")} - {experiment.id for experiment in experiments}
    if gone:
        tables = (*COHORT_TABLES, COUNTED_PARTS)
        warehouse.replace([], scopes=[(table, scope) for table in tables for scope in gone])
    return [due.count.experiment.id for due in stale]


def _counted(
    warehouse: Warehouse, engine: Engine, stale: Sequence[_Due]
) -> Iterator[tuple[_Due, dict[str, pl.DataFrame]]]:
    """The cohort tables of each experiment: by the readers whom a change concerns where they are few, else by all."""
    by_id = {due.count.experiment.id: due for due in stale}
    if isinstance(engine, DuckDBEngine):
        counts = {name: due.count for name, due in by_id.items()}
        for group in recounts(warehouse, counts, {name: due.rule for name, due in by_id.items()}):
            counted = engine.recount(group)
            if counted is None:
                continue
            before, after = counted
            names = [one.after.experiment.id for one in group]
            kept = read_kept(warehouse, names)
            for code, name in enumerate(names):
                yield by_id.pop(name), replaced(kept[name], own_of(before, code), own_of(after, code))
    if by_id:
        for batch in engine.batches([due.count for due in by_id.values()]):
            tables = engine.count(batch)
            for code, count in enumerate(batch):
                yield by_id[count.experiment.id], own_of(tables, code)


def _keep(warehouse: Warehouse, due: _Due, tables: dict[str, pl.DataFrame]) -> None:
    scope = due.count.experiment.id
    warehouse.replace(
        [
            *[warehouse.write_frame(frame, name, scope, inputs=due.mark) for name, frame in tables.items()],
            made_from(warehouse, due.count, due.rule),
        ]
    )


@contextmanager
def _engine(warehouse: Warehouse, common: Common) -> Iterator[Engine]:
    """Where `machine.engine` says."""
    if warehouse.settings.machine.engine == "spark":
        from analysis.spark_engine import spark_engine

        with spark_engine(common) as spark:
            yield spark
    else:
        with warehouse.compute() as connection:
            yield DuckDBEngine(connection, common)


def _stale(warehouse: Warehouse, experiments: Sequence[Experiment], as_of: date, common: Common) -> list[_Due]:
    """The experiments that have begun and whose inputs are not those of what is kept of them."""
    parts = {table: warehouse.parts(table) for table in INPUT_TABLES}
    touched = last_touched(warehouse)
    current = {part.scope: part.inputs for part in warehouse.parts("cohort_cells")}
    kept = {table: day for table, day in warehouse.kept_from().items() if table in parts}
    told = frozen(warehouse)
    stale = []
    for experiment in experiments:
        if experiment.starts > as_of or experiment.id in told:
            continue
        first = {"daily_visits": visits_from(experiment)}
        if experiment.id in current and any(first.get(table, experiment.starts) < day for table, day in kept.items()):
            continue  # rows it was computed from are gone; its results stay
        due = _Due.of(experiment, common, as_of, parts, touched.get(experiment.id, ""))
        if current.get(experiment.id) != due.mark:
            stale.append(due)
    return stale


@dataclass(frozen=True)
class _Due:
    """An experiment as it would be counted now, and the mark of everything that its numbers follow from.

    Attributes:
        rule: The mark of all of it but the rows and the last counted day.
    """

    count: Count
    mark: str
    rule: str

    @classmethod
    def of(
        cls, experiment: Experiment, common: Common, as_of: date, parts: dict[str, list[Part]], touched: str
    ) -> Self:
        settings = common.settings
        count = Count.of(experiment, common, as_of, parts)
        rule = fingerprint(
            DEFINITIONS,
            experiment.id,
            experiment.starts,
            experiment.planned_end,
            settings.window_hours(experiment),
            settings.outcomes.refund_days,
            experiment.epochs(settings.zone),
            [variant.id for variant in experiment.variants],
            guards_pageviews(experiment),
            *([history_days(experiment)] if history_days(experiment) else []),
            [(name, one.model_dump_json()) for name, one in experiment.measured.items()],
            experiment.primary_metric in experiment.measured,
            settings.outcomes.monthly_retention,
            settings.reader_rules(experiment).model_dump(exclude={"employees_file"}),
            fingerprint(*sorted(common.employees)),
            touched,
        )
        rows = [part.part_id for found in count.parts.values() for part in found]
        return cls(count, fingerprint(rule, count.counted_to.isoformat(), *rows), rule)
