"""The published `askwell.duckdb`: what analysts open, read-only, from any folder, while the pipeline writes elsewhere.

Small tables stand in the file as tables; event data as views over exact lists of immutable Parquet parts, by absolute
path. The file is written beside its place and moved there by rename, so a reader sees a whole edition, old or new.
It is written in the storage format of DuckDB 1.5, which 2.0 reads as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from analysis.contract import DAY, KINDS, stored_columns
from analysis.errors import NothingToReport, WarehouseError
from analysis.money import RATE_SCHEMA, to_minor
from analysis.outcomes import COHORT_TABLES, empty_table, last_counted_day
from analysis.queries import query
from analysis.registry import Experiment
from analysis.result_tables import LEDGER_TABLES, RESULT_TABLES
from analysis.settings import Settings
from analysis.store import EditionEntry, Warehouse, flush_to_disk

STORAGE_VERSION = "v1.5.0"

_EVENT_COMMENTS = {
    "pageviews": "One row per accepted pageview.",
    "appeal_events": "One row per accepted event of an appeal.",
    "contributions": "One row per accepted report of a payment or refund; only settled ones count.",
    "payment_details": "One row per accepted piece of knowledge about a payment: fee, settlement, renewal.",
    "identity_links": "One row per day and pair of ids that were seen to belong to one person.",
}
_COHORT_COMMENTS = {
    "daily_exposures": "One row per day, experiment and reader: what the day adds to what is known of the reader.",
    "cohort_cells": "One row per experiment, basis, variant, epoch, segments and first day: readers, and readers by step.",
    "outcome_changes": "One row per cohort, metric, outcome day and value: readers who arrived at the value (+) or left it (-).",
    "pageview_cells": "One row per cohort and number of pageviews: readers; only where an experiment registers the guardrail.",
}
_VIEW_COMMENTS = {
    "exposures": "One row per experiment and reader, as the statistics count them: the first exposure decides.",
    "reader_outcomes": "One row per experiment and exposed reader: what the reader gave inside the outcome window.",
}

EXPERIMENT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "name": pl.String,
    "hypothesis": pl.String,
    "surface": pl.String,
    "placement": pl.String,
    "owner": pl.String,
    "control_id": pl.String,
    "exposure": pl.String,
    "primary_metric": pl.String,
    "starts": pl.Date,
    "planned_end": pl.Date,
    "counted_to": pl.Date,
    "window_hours": pl.Int64,
    "refund_days": pl.Int64,
    "cap_minor": pl.Int64,
    "smallest_effect": pl.Float64,
    "alpha": pl.Float64,
    "loss_threshold": pl.Float64,
}
VARIANT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "variant_id": pl.String,
    "variant_code": pl.Int64,
    "name": pl.String,
    "share": pl.Float64,
    "is_control": pl.Boolean,
    "headline": pl.String,
    "body": pl.String,
    "highlight": pl.String,
    "button": pl.String,
    "amounts": pl.String,
    "image": pl.String,
}


def publish_database(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    edition: EditionEntry,
    tables: Mapping[str, pl.DataFrame],
    rates: pl.DataFrame,
) -> Path:
    """Write the database of an edition and move it into place; return its path. The caller holds the lock.

    Args:
        tables: The result tables of the edition by name.

    Raises:
        WarehouseError: the place cannot be written.
    """
    settings = warehouse.settings
    target = settings.folders.database
    building = target.with_name(f"{target.name}.building")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building.unlink(missing_ok=True)
        connection = duckdb.connect(str(building), config={"storage_compatibility_version": STORAGE_VERSION})
    except (OSError, duckdb.IOException) as problem:
        raise WarehouseError(f"{target} cannot be written ({problem}).") from None
    try:
        _fill(connection, warehouse, experiments, edition, tables, rates)
        connection.execute("CHECKPOINT").fetchall()
    finally:
        connection.close()
    flush_to_disk(building)
    os.replace(building, target)
    flush_to_disk(target.parent)
    return target


def _fill(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    edition: EditionEntry,
    tables: Mapping[str, pl.DataFrame],
    rates: pl.DataFrame,
) -> None:
    settings = warehouse.settings
    ledgers = {
        "ledger": warehouse.ledger(),
        "quarantine_reasons": warehouse.quarantine_reasons(),
        "rows_per_day": warehouse.rows_per_day(),
    }
    for table in RESULT_TABLES:
        frame = tables.get(table.name, table.frame())
        _table(connection, table.name, frame, f"One row per {table.grain}.")
        _describe(connection, table.name, {name: meaning for name, (_, meaning) in table.columns.items()})
    for table in LEDGER_TABLES:
        _table(connection, table.name, ledgers[table.name], f"One row per {table.grain}.")
        _describe(connection, table.name, {name: meaning for name, (_, meaning) in table.columns.items()})
    _table(
        connection,
        "experiments",
        _experiments(experiments, settings, edition.as_of),
        "One row per registered experiment.",
    )
    _table(
        connection,
        "variants",
        _variants(experiments),
        "One row per experiment and variant: the appeal's words in parts.",
    )
    _table(
        connection,
        "fx_rates",
        rates.select(list(RATE_SCHEMA)),
        "One row per currency and day: reporting currency per unit.",
    )
    _table(connection, "editions", _editions(warehouse, edition), "One row per published edition.")
    for kind in KINDS:
        _view(connection, kind, [str(part.path) for part in warehouse.parts(kind)], empty_table(kind))
        columns = [*stored_columns(kind), DAY]
        _comment(connection, "VIEW", kind, _EVENT_COMMENTS[kind])
        _describe(
            connection,
            kind,
            {column.stored_name: f"{column.meaning}{f' [{column.unit}]' if column.unit else ''}" for column in columns},
        )
    for table in ("daily_exposures", *COHORT_TABLES):
        paths = [str(part.path) for part in warehouse.parts(table)]
        if paths:
            _view(connection, table, paths, "", scope="experiment_id" if table in COHORT_TABLES else None)
            _comment(connection, "VIEW", table, _COHORT_COMMENTS[table])
    if warehouse.parts("daily_exposures"):
        for name, comment in _VIEW_COMMENTS.items():
            connection.execute(f"CREATE VIEW {name} AS {query(f'views/{name}')}").fetchall()
            _comment(connection, "VIEW", name, comment)
    connection.execute(f"CREATE VIEW data_dictionary AS {query('views/data_dictionary')}").fetchall()
    _comment(connection, "VIEW", "data_dictionary", "One row per table or view and column, with what it means.")


def _table(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame, comment: str) -> None:
    connection.register("incoming", frame.to_arrow())
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming").fetchall()
    connection.unregister("incoming")
    _comment(connection, "TABLE", name, comment)


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[str], empty: str, *, scope: str | None = None
) -> None:
    if not paths:
        connection.execute(f"CREATE VIEW {name} AS {empty}").fetchall()
        return
    files = ", ".join(_quoted(path) for path in paths)
    # The folder that holds a part is its scope; for cohort tables that is the experiment.
    extra = f"split_part(filename, '/', -2) AS {scope}, " if scope else ""
    hidden = " EXCLUDE (filename)" if scope else ""
    connection.execute(
        f"CREATE VIEW {name} AS SELECT {extra}*{hidden} FROM read_parquet([{files}], union_by_name = true, "
        f"hive_partitioning = false{', filename = true' if scope else ''})"
    ).fetchall()


def _comment(connection: duckdb.DuckDBPyConnection, kind: str, name: str, text: str) -> None:
    connection.execute(f"COMMENT ON {kind} {name} IS {_quoted(text)}").fetchall()


def _describe(connection: duckdb.DuckDBPyConnection, name: str, meanings: Mapping[str, str]) -> None:
    for column, meaning in meanings.items():
        connection.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_quoted(meaning)}').fetchall()


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
    return pl.DataFrame(rows, schema=EXPERIMENT_SCHEMA)


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
    return pl.DataFrame(rows, schema=VARIANT_SCHEMA)


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
        schema={"edition": pl.Int64, "as_of": pl.Date, "published_at": pl.Datetime("us"), "is_current": pl.Boolean},
    )


def open_database(path: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection that sees the published database as its own tables, read-only, and can write nowhere.

    The file is attached, not opened: an open connection would hand the edition it saw first to every later one of the
    same process.

    Raises:
        NothingToReport: no edition was published yet.
        WarehouseError: the file cannot be opened.
    """
    if not path.exists():
        raise NothingToReport(f"{path} does not exist yet: run `askwell run` (or `make demo`) first.")
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"ATTACH {_quoted(str(path))} AS askwell (READ_ONLY)").fetchall()
        connection.execute("USE askwell").fetchall()
    except duckdb.Error as problem:
        connection.close()
        raise WarehouseError(f"{path} cannot be opened ({str(problem).splitlines()[0]}).") from None
    return connection
