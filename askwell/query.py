"""`askwell query`: one statement on the published database, as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import polars as pl
import typer

from analysis.database import edition_file, events_gone, open_database
from analysis.errors import AskwellError
from analysis.settings import read_settings
from analysis.store import Warehouse


class QueryError(AskwellError):
    """The statement cannot be run; DuckDB's own first lines say why."""


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Sums of integers, which DuckDB gives in 128 bits, as ordinary integers where they fit; else as they are."""
    narrow = {}
    for name, dtype in frame.schema.items():
        if dtype == pl.Int128 or (isinstance(dtype, pl.Decimal) and dtype.scale == 0):
            column = frame[name].cast(pl.Int64, strict=False)
            if column.null_count() == frame[name].null_count():
                narrow[name] = column
    return frame.with_columns(**narrow)


def query_of_report(wanted: str, settings_file: Path) -> str:
    """Return the SQL that a page shows under an id, such as `experiments/thanks/trust/1`.

    Raises:
        QueryError: there is no site yet, or no such id on it; the message names the ids that begin alike.
    """
    file = read_settings(settings_file).folders.site / "queries.json"
    try:
        known: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise QueryError(f"{file} cannot be read ({problem}): run `askwell run` first.") from None
    if wanted in known:
        return known[wanted]["sql"]
    page = wanted.rsplit("/", 2)[0]
    near = [name for name in known if name.startswith(page)] or [name.rsplit("/", 2)[0] for name in known]
    raise QueryError(
        f"No page has a query {wanted}. Pages show the id beside the query; near it: {', '.join(dict.fromkeys(near[:200]))}."
    )


def run_query(
    sql: str, settings_file: Path, *, as_csv: bool, as_json: bool, parquet: Path | None, edition: int | None = None
) -> None:
    """Run the statement on the newest edition, or on an earlier one, and print its rows.

    Raises:
        EventsGone: a view's event files are no longer there.
        QueryError: DuckDB refuses the statement, or the Parquet file cannot be written.
    """
    settings = read_settings(settings_file)
    newest = settings.folders.database
    with open_database(newest if edition is None else edition_file(Warehouse(settings), edition)) as connection:
        try:
            relation = connection.sql(sql)
            frame = pl.DataFrame() if relation is None else _plain(relation.pl())
        except duckdb.Error as problem:
            raise events_gone(problem) or QueryError(f"The query cannot be run: {problem}") from None
    if parquet is not None:
        try:
            frame.write_parquet(parquet)
        except OSError as problem:
            raise QueryError(f"{parquet} cannot be written ({problem.strerror or problem}).") from None
        typer.echo(f"{frame.height} rows written to {parquet}.", err=True)
    elif as_csv:
        sys.stdout.write(frame.write_csv())
    elif as_json:
        typer.echo(frame.write_json())
    else:
        with pl.Config(
            tbl_rows=200,
            tbl_cols=-1,
            tbl_width_chars=0 if sys.stdout.isatty() else 10_000,
            fmt_str_lengths=60,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
        ):
            typer.echo(str(frame))
        typer.echo(f"{frame.height} rows", err=True)
