"""The published `askwell.duckdb`: what analysts open, read-only, from any folder, while the pipeline writes elsewhere.

Small tables stand in the file as tables; event data as views over exact lists of immutable Parquet parts, by absolute
path. The file is written beside its place and moved there by rename, so a reader sees a whole edition, old or new.
It is written in the storage format of DuckDB 1.5, which 2.0 reads as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl

from analysis.cohorts import last_counted_day
from analysis.contract import KINDS
from analysis.errors import NothingToReport, WarehouseError
from analysis.identity import shown_as_persons
from analysis.inputs import columns_of, no_rows
from analysis.money import minor_digits, read_rates, to_minor
from analysis.published_tables import (
    ALLOCATIONS,
    DICTIONARY_VIEWS,
    EDITIONS,
    EVENT_MEANINGS,
    EXPERIMENTS,
    FX_RATES,
    KEPT_FOR_EVER,
    MACROS,
    NEEDED_DUCKDB,
    PARTIALS,
    PUBLISHER,
    VARIANTS,
    VIEWS,
    event_columns,
)
from analysis.queries import query
from analysis.registry import Experiment
from analysis.result_tables import LEDGER, QUARANTINE_REASONS, ROWS_PER_DAY, ResultTable
from analysis.settings import Settings
from analysis.store import EditionEntry, Warehouse, flush_to_disk
from analysis.validation import RATE_AGE
from analysis.wording.registered_traits import TRAITS, registered_traits

STORAGE_VERSION = "v1.5.0"

_OPEN_START, _OPEN_END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def publish_database(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    edition: EditionEntry,
    tables: Sequence[tuple[ResultTable, pl.DataFrame]],
) -> Path:
    """Write the database of an edition and move it into place; return its path. The caller holds the lock.

    Args:
        tables: Small tables of the edition with their declarations, which give the comments; results among them.

    Raises:
        WarehouseError: the place cannot be written.
    """
    target = warehouse.settings.folders.database
    building = target.with_name(f"{target.name}.building")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building.unlink(missing_ok=True)
        connection = duckdb.connect(str(building), config={"storage_compatibility_version": STORAGE_VERSION})
    except (OSError, duckdb.IOException) as problem:
        raise WarehouseError(f"{target} cannot be written ({problem}).") from None
    try:
        _fill(connection, warehouse, experiments, edition, tables)
        connection.execute("CHECKPOINT").fetchall()
    finally:
        connection.close()
    flush_to_disk(building)
    os.replace(building, target)
    flush_to_disk(target.parent)
    warehouse.keep_edition_file(edition.number, target)
    return target


def _fill(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    edition: EditionEntry,
    tables: Sequence[tuple[ResultTable, pl.DataFrame]],
) -> None:
    settings = warehouse.settings
    earliest = settings.publisher.first_day - RATE_AGE
    own = (
        (EXPERIMENTS, _experiments(experiments, settings, edition.as_of)),
        (VARIANTS, _variants(experiments)),
        (ALLOCATIONS, _allocations(experiments, settings)),
        (TRAITS, registered_traits(experiments, settings.traits)),
        (FX_RATES, read_rates(settings).filter(pl.col("rate_date") >= earliest).select(list(FX_RATES.columns))),
        (EDITIONS, _editions(warehouse, edition)),
        (PUBLISHER, _publisher(settings)),
        (LEDGER, warehouse.ledger()),
        (QUARANTINE_REASONS, warehouse.quarantine_reasons()),
        (ROWS_PER_DAY, warehouse.rows_per_day()),
    )
    for table, frame in (*own, *tables):
        _table(connection, table, frame)
    is_linked = bool(warehouse.parts("persons"))
    for name, (meaning, columns) in PARTIALS.items():
        paths = [str(part.path) for part in warehouse.parts(name)]
        _parts_view(connection, name, paths, by_person=is_linked and name != "persons")
        _describe(connection, "VIEW", name, meaning, columns)
    for kind in KINDS:
        paths = [str(part.path) for part in warehouse.parts(kind)]
        has_readers = kind in ("pageviews", "appeal_events", "contributions")
        _parts_view(connection, kind, paths, by_person=is_linked and has_readers)
        _describe(connection, "VIEW", kind, EVENT_MEANINGS[kind], event_columns(kind))
    for table in KEPT_FOR_EVER:
        _every_edition(connection, warehouse, table, edition.number)
    for name, (meaning, columns) in {**VIEWS, **DICTIONARY_VIEWS}.items():
        connection.execute(f"CREATE VIEW {name} AS {query(f'views/{name}')}").fetchall()
        _describe(connection, "VIEW", name, meaning, columns)
    for name in MACROS:
        _macro(connection, name)


def _macro(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    text = query(f"macros/{name}")
    connection.execute(text).fetchall()
    kind = "MACRO TABLE" if re.search(r"^\)? ?AS TABLE$|\) AS TABLE$", text, re.MULTILINE) else "MACRO"
    meaning = text.partition("\n")[0].removeprefix("-- ")
    connection.execute(f"COMMENT ON {kind} {name} IS {_quoted(meaning)}").fetchall()


def _table(connection: duckdb.DuckDBPyConnection, table: ResultTable, frame: pl.DataFrame) -> None:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"CREATE TABLE {table.name} AS SELECT * FROM incoming").fetchall()
    connection.unregister("incoming")
    _describe(
        connection,
        "TABLE",
        table.name,
        f"One row per {table.grain}.",
        {name: meaning for name, (_, meaning) in table.columns.items()},
    )


def _parts_view(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[str], *, by_person: bool) -> None:
    # Parts older than a column of the contract have it as null.
    source = f"SELECT * FROM {_files(paths)} UNION ALL BY NAME {no_rows(name)}" if paths else no_rows(name)
    source = shown_as_persons(source, columns_of(name)) if by_person else source
    connection.execute(f"CREATE VIEW {name} AS {source}").fetchall()


def _every_edition(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, table: ResultTable, newest: int
) -> None:
    """A view over what every edition up to the newest kept of a table; the folder that holds a part is its edition."""
    name = f"{table.name}_by_edition"
    paths = [str(part.path) for part in warehouse.parts(table.name) if int(part.scope) <= newest]
    columns = ", ".join(table.columns)
    if paths:
        source = (
            f"SELECT split_part(filename, '/', -2)::BIGINT AS edition, {columns} "
            f"FROM {_files(paths, more=', filename = true')}"
        )
    else:
        source = f"SELECT NULL::BIGINT AS edition, {columns} FROM {table.name} WHERE false"
    connection.execute(f"CREATE VIEW {name} AS {source}").fetchall()
    meanings = {
        "edition": "Edition that said so (see `editions`).",
        **{column: meaning for column, (_, meaning) in table.columns.items()},
    }
    _describe(connection, "VIEW", name, f"One row per edition, {table.grain}: every edition, for ever.", meanings)


def _files(paths: Sequence[str], more: str = "") -> str:
    listed = ", ".join(_quoted(path) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false{more})"


def _describe(
    connection: duckdb.DuckDBPyConnection, kind: str, name: str, meaning: str, columns: Mapping[str, str]
) -> None:
    connection.execute(f"COMMENT ON {kind} {name} IS {_quoted(meaning)}").fetchall()
    there = {
        column
        for (column,) in connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = $name", {"name": name}
        ).fetchall()
    }
    for column, said in columns.items():
        if column in there:
            connection.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_quoted(said)}').fetchall()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _experiments(experiments: Sequence[Experiment], settings: Settings, as_of: date | None) -> pl.DataFrame:
    currency = settings.publisher.reporting_currency
    rows = []
    for experiment in experiments:
        cap = settings.cap(experiment)
        rows.append(
            {
                "experiment_id": experiment.id,
                "name": experiment.name,
                "hypothesis": experiment.hypothesis,
                "surface": experiment.surface,
                "placement": experiment.placement,
                "owner": experiment.owner,
                "control_id": experiment.control,
                "exposure": experiment.exposure,
                "primary_metric": experiment.primary_metric,
                "starts": experiment.starts,
                "planned_end": experiment.planned_end,
                "counted_to": None if as_of is None else last_counted_day(experiment, settings, as_of),
                "window_hours": settings.window_hours(experiment),
                "refund_days": settings.outcomes.refund_days,
                "cap_minor": None if cap is None else to_minor(cap, currency),
                "smallest_effect": experiment.smallest_effect,
                "alpha": experiment.alpha,
                "loss_threshold": experiment.loss_threshold,
            }
        )
    return pl.DataFrame(rows, schema=EXPERIMENTS.schema)


def _variants(experiments: Sequence[Experiment]) -> pl.DataFrame:
    rows = [
        {
            "experiment_id": experiment.id,
            "variant_id": variant.id,
            "variant_code": code,
            "name": variant.label,
            "share": variant.share / sum(other.share for other in experiment.variants),
            "is_control": variant.id == experiment.control,
            "headline": variant.appeal.headline,
            "body": variant.appeal.body,
            "highlight": variant.appeal.highlight,
            "button": variant.appeal.button,
            "amounts": ", ".join(str(amount) for amount in variant.appeal.amounts),
            "image": variant.appeal.image,
        }
        for experiment in experiments
        for code, variant in enumerate(experiment.variants)
    ]
    return pl.DataFrame(rows, schema=VARIANTS.schema)


def _allocations(experiments: Sequence[Experiment], settings: Settings) -> pl.DataFrame:
    rows = []
    for experiment in experiments:
        epochs = experiment.epochs(settings.zone)
        ends = [*(start for start, _ in epochs[1:]), _OPEN_END]
        for epoch, ((start, shares), end) in enumerate(zip(epochs, ends, strict=True)):
            for variant, share in shares.items():
                # Readers before the first registered epoch belong to it.
                opened = (_OPEN_START if epoch == 0 else start).replace(tzinfo=None)
                rows.append((experiment.id, epoch, opened, end.replace(tzinfo=None), variant, share))
    return pl.DataFrame(rows, schema=ALLOCATIONS.schema, orient="row")


def _publisher(settings: Settings) -> pl.DataFrame:
    publisher = settings.publisher
    return PUBLISHER.frame(
        [
            {
                "name": publisher.name,
                "time_zone": publisher.time_zone,
                "reporting_currency": publisher.reporting_currency,
                "minor_digits": minor_digits().get(publisher.reporting_currency, 2),
                "grace_days": settings.retention.grace_days,
                "needs_duckdb": ".".join(map(str, NEEDED_DUCKDB)),
            }
        ]
    )


def _editions(warehouse: Warehouse, edition: EditionEntry) -> pl.DataFrame:
    entries = [entry for entry in warehouse.editions() if entry.number < edition.number]
    return pl.DataFrame(
        [
            {
                "edition": entry.number,
                "as_of": entry.as_of,
                "published_at": entry.published_at.replace(tzinfo=None),
                "is_current": entry.number == edition.number,
            }
            for entry in (*entries, edition)
        ],
        schema=EDITIONS.schema,
    )


class EventsGone(WarehouseError):
    """A view points at event files that are no longer there."""


def table_sizes(path: Path) -> list[tuple[str, int]]:
    """Tables of a published database with their rows, by name; views are not counted, which would read the events."""
    with open_database(path) as connection:
        return connection.execute(
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE database_name = current_database() ORDER BY table_name"
        ).fetchall()


def open_database(path: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection that sees the published database as its own tables, read-only.

    The file is attached, not opened: an open connection would hand the edition it saw first to every later one of the
    same process.

    Raises:
        NothingToReport: no edition was published yet.
        WarehouseError: the file cannot be opened, or this DuckDB is too old for it.
    """
    if not path.exists():
        raise NothingToReport(f"{path} does not exist yet: run `askwell run` (or `make demo`) first.")
    if _version(duckdb.__version__) < NEEDED_DUCKDB:
        raise WarehouseError(
            f"{path} needs DuckDB {'.'.join(map(str, NEEDED_DUCKDB))} or newer, this is {duckdb.__version__}: "
            "install a newer one."
        )
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"ATTACH {_quoted(str(path))} AS askwell (READ_ONLY)").fetchall()
        connection.execute("USE askwell").fetchall()
    except duckdb.Error as problem:
        connection.close()
        raise WarehouseError(f"{path} cannot be opened ({str(problem).splitlines()[0]}).") from None
    return connection


def edition_file(warehouse: Warehouse, number: int) -> Path:
    """Return the database file of an earlier edition, kept for the grace period.

    Raises:
        WarehouseError: there was no such edition, or its file is gone; the message says what still answers.
    """
    published = {entry.number for entry in warehouse.editions()}
    if number not in published:
        known = f"1 to {max(published)}" if published else "none yet"
        raise WarehouseError(f"There is no edition {number}; published so far: {known}.")
    path = warehouse.edition_file(number)
    if not path.exists():
        raise WarehouseError(
            f"The file of edition {number} is gone: event files answer for {warehouse.settings.retention.grace_days} days "
            f"(retention.grace_days), and until a reader is erased. Its small tables still answer in the newest file, as in "
            f"`FROM estimates_by_edition WHERE edition = {number}`."
        )
    return path


def events_gone(problem: duckdb.Error) -> EventsGone | None:
    """Return the plain error where DuckDB's own says that a file behind a view is missing; else None."""
    text = str(problem)
    if "No files found that match" not in text and "No such file or directory" not in text:
        return None
    return EventsGone(
        "Event files behind this view are gone: they were replaced or erased and their grace period is over, or the "
        "warehouse was moved. Open the newest file; after a move run `askwell run --publish-only` first. "
        "Tables without events (estimates, decisions, ...) still answer."
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
