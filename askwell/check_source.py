"""`askwell check --source NAME FILE`: what a mapping would make of a file, before it is landed. Nothing is changed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import typer

from analysis.contract import CONTRACT, Kind
from analysis.errors import LandingError, Mistake, SettingsError
from analysis.landing import BAD_LINES, ROW_NUMBER, format_of
from analysis.money import read_rates
from analysis.registry import read_registry
from analysis.settings import Settings, read_settings
from analysis.sources.mapping import Mapping, source_mapping
from analysis.sources.rows import ColumnsSeen, mapped_batches
from analysis.validation import FAULT, REASONS, Rules, refused, validate
from askwell.run import printable

#: Mapped rows shown of each table.
SHOWN = 3


def check_source(settings_file: Path, source: str, file: Path, *, as_json: bool) -> None:
    """Print the first mapped rows, the columns without use, and what would be refused.

    Raises:
        typer.Exit: with 1, no row of the file would be accepted.
        SettingsError: the source is not in the settings.
        LandingError: the file cannot be read, or the mapping does not fit it.
    """
    settings = read_settings(settings_file)
    if source not in settings.sources:
        known = ", ".join(settings.sources) or "none"
        raise SettingsError(settings.file, [Mistake(f"sources.{source}", "", f"is not there; sources: {known}")])
    mapping = source_mapping(settings, source)
    file_format = format_of(file)
    if not file.is_file():
        raise LandingError(f"{file} is not there, or is no file.")
    if file_format is None:
        raise LandingError(f"{file} is no file that Askwell reads: .csv, .tsv, .ndjson, .jsonl or .parquet.")
    try:
        try:
            found = _look(settings, mapping, file, carefully=False)
        except BAD_LINES:
            found = _look(settings, mapping, file, carefully=True)
    except (LandingError, OSError) as problem:
        raise LandingError(f"{file}: {problem}") from None
    if as_json:
        typer.echo(json.dumps(found, default=str))
    else:
        _print(mapping, file, found)
    tables = found["tables"]
    assert isinstance(tables, dict)  # noqa: S101 - made by _look
    if not any(table["accepted"] for table in tables.values()):
        typer.echo(f"No row of it would be accepted. Is it an export that {mapping.name} reads?", err=True)
        raise typer.Exit(1)


def _look(settings: Settings, mapping: Mapping, file: Path, *, carefully: bool) -> dict[str, object]:
    file_format = format_of(file)
    assert file_format is not None  # noqa: S101 - the caller has asked
    rules = Rules.of(
        read_registry(settings.folders.experiments, settings.shared),
        now=datetime.now(UTC),
        time_zone=settings.publisher.time_zone,
        reporting_currency=settings.publisher.reporting_currency,
        rates=read_rates(settings),
    )
    seen = ColumnsSeen()
    refusals: dict[Kind, Counter[tuple[str, str | None]]] = {kind: Counter() for kind in mapping.tables}
    accepted: Counter[Kind] = Counter()
    first: dict[Kind, list[dict[str, object]]] = {kind: [] for kind in mapping.tables}
    rows = passed_over = 0
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for batch in mapped_batches(connection, file, file_format, mapping, carefully=carefully, seen=seen):
            rows += batch.rows
            passed_over += batch.passed_over
            for kind, frame in batch.tables.items():
                valid = validate(frame.lazy(), kind, rules).collect()
                bad = refused(valid, kind, rules)
                refusals[kind].update(zip(bad["reason"].to_list(), bad["column_name"].to_list(), strict=True))
                accepted[kind] += valid.height - bad.height
                good = valid.filter(pl.col(FAULT).is_null()).sort(ROW_NUMBER)
                names = [column.name for column in CONTRACT[kind] if good[column.name].null_count() < good.height]
                first[kind] += good.head(SHOWN - len(first[kind])).select(names).to_dicts()
    used = {path for one in mapping.fields for path in one.columns} | {
        path.split(".")[0] for one in mapping.fields for path in one.columns
    }
    return {
        "source": mapping.source,
        "mapping": mapping.name,
        "tried_on_a_real_export": bool(mapping.declared.tried_on),
        "rows": rows,
        "passed_over": passed_over,
        "tables": {
            kind: {
                "accepted": accepted[kind],
                "refused": {f"{reason}:{column or ''}": count for (reason, column), count in refusals[kind].items()},
                "first_rows": first[kind],
            }
            for kind in mapping.tables
        },
        "unmapped_columns": [name for name in seen.present if name not in used],
        "fields_without_column": seen.without_column,
    }


def _print(mapping: Mapping, file: Path, found: dict[str, object]) -> None:
    declared = mapping.declared
    tried = f"Tried on {declared.tried_on}." if declared.tried_on else "Not tried on a real export."
    typer.echo(
        f"{printable(str(file))} by {mapping.name}: {declared.title}. Follows: {declared.vendor_schema}. {tried}"
    )
    typer.echo(f"{found['rows']} rows, {found['passed_over']} of them belong to no table of the contract.")
    tables = found["tables"]
    assert isinstance(tables, dict)  # noqa: S101 - made above
    for kind, table in tables.items():
        typer.echo(f"\n{kind}: {table['accepted']} rows would be accepted.")
        for row in table["first_rows"]:
            typer.echo(
                "  " + ", ".join(f"{name}={printable(str(value))}" for name, value in row.items() if value is not None)
            )
        for key, count in table["refused"].items():
            reason, _, column = key.partition(":")
            where = f" ({column})" if column else ""
            typer.echo(f"  {count} would be set aside{where}: {REASONS[reason]}")
    unmapped = found["unmapped_columns"]
    assert isinstance(unmapped, list)  # noqa: S101 - made above
    typer.echo(f"\nColumns without use: {', '.join(printable(name) for name in unmapped) or 'none'}.")
    missing = found["fields_without_column"]
    assert isinstance(missing, list)  # noqa: S101 - made above
    if missing:
        typer.echo(
            f"Fields without a column in this file: {', '.join(missing)}. Where one stands in another column, say so under "
            f"[sources.{mapping.source}.columns]."
        )
