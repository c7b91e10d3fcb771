"""Files of a source as rows of the contract: read in batches, mapped by SQL in DuckDB, not yet validated.

A batch of a file becomes the relation `landed`: the fields that the mapping declares and `row_number`. Each statement of
the mapping selects from it. What comes out has the columns of the contract and goes through the same validation as a file
that was written for Askwell. Nothing here judges a value.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from analysis.contract import CONTRACT, Kind
from analysis.errors import LandingError
from analysis.landing import IS_UNREADABLE, ROW_NUMBER, Format, csv_rows, first_line, lines_of
from analysis.money import minor_digits
from analysis.queries import query
from analysis.sources.mapping import Mapping, SourceField

#: Rows mapped at a time; bounds the memory.
BATCH_ROWS = 250_000

#: Columns that a batch of raw rows has beside those of the file.
_OWN = (ROW_NUMBER, IS_UNREADABLE)
_LINE = "_line"


@dataclass(frozen=True)
class MappedBatch:
    """A batch of a file, mapped.

    Attributes:
        rows: Rows of the file in the batch.
        tables: By table of the contract: its columns as far as the mapping yields them, `ROW_NUMBER`, `IS_UNREADABLE`.
        passed_over: Rows of the file that the mapping gives to no table.
    """

    rows: int
    tables: dict[Kind, pl.DataFrame]
    passed_over: int


@dataclass
class ColumnsSeen:
    """What reading a file taught of its columns: those there, and the fields that none of them serves."""

    present: list[str] = field(default_factory=list)
    without_column: list[str] = field(default_factory=list)


def mapped_batches(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    file_format: Format,
    mapping: Mapping,
    *,
    carefully: bool = False,
    seen: ColumnsSeen | None = None,
) -> Iterator[MappedBatch]:
    """Yield the file's rows as tables of the contract, in the order of the file.

    Args:
        connection: Holds the relation `landed` while a batch is mapped; the caller may use it between batches.
        carefully: Read text line by line; slow, for files at which the quick form raised one of `landing.BAD_LINES`.
        seen: Filled with what the first batch shows of the file's columns.

    Raises:
        LandingError: the file is damaged as a whole, or the mapping does not fit it.
    """
    if path.stat().st_size == 0:
        raise LandingError("the file is empty (0 bytes)")
    if file_format not in mapping.declared.formats and not (file_format == "csv" and "tsv" in mapping.declared.formats):
        raise LandingError(f"the mapping {mapping.name} reads {', '.join(mapping.declared.formats)}")
    prepare(connection)
    for batch in _raw_batches(path, file_format, mapping, carefully=carefully):
        if seen is not None and not seen.present:
            _look(batch, file_format, mapping, seen)
        yield _mapped(connection, batch, file_format, mapping)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Define what the statements of mappings may use: `param`, `minor`, and the decimals of currencies."""
    digits = minor_digits()
    connection.execute(
        "SET VARIABLE minor_digits = map_from_entries($entries)",
        {"entries": [{"k": code, "v": count} for code, count in digits.items()]},
    )
    for name in ("param", "minor", "moment", "named_in"):
        connection.execute(query(f"mappings/{name}"))


def _mapped(
    connection: duckdb.DuckDBPyConnection, batch: pa.Table, file_format: Format, mapping: Mapping
) -> MappedBatch:
    chunked = pa.Table.from_batches(batch.combine_chunks().to_batches(max_chunksize=16_384), schema=batch.schema)
    connection.register("raw_batch", chunked)
    # Lines are parsed once, for all statements; columns cost less read again than copied, lists above all.
    kind, rows = ("TABLE", "parsed_lines") if file_format == "ndjson" else ("VIEW", "read_columns")
    try:
        connection.execute(f"CREATE OR REPLACE TEMP {kind} {rows} AS {_landed(connection, file_format, mapping)}")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW landed AS SELECT * EXCLUDE (is_unreadable) FROM {rows} WHERE NOT is_unreadable"
        )
        unreadable = connection.execute(f"SELECT row_number FROM {rows} WHERE is_unreadable").fetchall()
        tables: dict[Kind, pl.DataFrame] = {kind: _select(connection, kind, mapping) for kind in mapping.tables}
    except duckdb.Error as problem:
        raise LandingError(f"the mapping {mapping.name} does not fit the file ({first_line(problem)})") from None
    finally:
        connection.unregister("raw_batch")
    taken = pl.concat([frame[ROW_NUMBER] for frame in tables.values()]).n_unique()
    first = mapping.tables[0]
    if unreadable:
        broken = pl.DataFrame({ROW_NUMBER: [number for (number,) in unreadable]}, schema={ROW_NUMBER: pl.UInt32})
        tables[first] = pl.concat(
            [tables[first], broken.with_columns(pl.lit(True).alias(IS_UNREADABLE))], how="diagonal"
        )
    return MappedBatch(batch.num_rows, tables, batch.num_rows - len(unreadable) - taken)


def _select(connection: duckdb.DuckDBPyConnection, kind: Kind, mapping: Mapping) -> pl.DataFrame:
    statement = mapping.statements[kind]
    used = {name: value for name, value in mapping.options.items() if re.search(rf"\${name}\b", statement)}
    frame = connection.sql(statement, params=used).pl() if used else connection.sql(statement).pl()
    names = [column.name for column in CONTRACT[kind]]
    unknown = set(frame.columns) - {*names, "row_number"}
    if unknown or "row_number" not in frame.columns:
        raise LandingError(
            f"{kind}.sql of the mapping {mapping.name} must select row_number and columns of the contract"
            + (f", not {', '.join(sorted(unknown))}" if unknown else "")
        )
    return frame.select(
        *[
            pl.col(name)
            if name in frame.columns and frame.schema[name] != pl.Null
            else pl.lit(None, pl.String).alias(name)
            for name in names
        ],
        pl.col("row_number").cast(pl.UInt32).alias(ROW_NUMBER),
        pl.lit(False).alias(IS_UNREADABLE),
    )


def _look(batch: pa.Table, file_format: Format, mapping: Mapping, seen: ColumnsSeen) -> None:
    if file_format == "ndjson":
        keys: dict[str, None] = {}
        for line in batch[_LINE].slice(0, 1000).to_pylist():
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                continue
            keys.update(dict.fromkeys(document if isinstance(document, dict) else ()))
        seen.present = list(keys)
    else:
        seen.present = [name for name in batch.column_names if name not in _OWN]
    for one in mapping.fields:
        if not any(path in seen.present or path.split(".")[0] in seen.present for path in one.columns):
            seen.without_column.append(one.name)


# -- the relation `landed` ------------------------------------------------------------------------------------------


def _landed(connection: duckdb.DuckDBPyConnection, file_format: Format, mapping: Mapping) -> str:
    if file_format == "ndjson":
        structure = _structure(mapping.fields)
        selected = ", ".join(f"{_from_json(field)} AS {_named(field.name)}" for field in mapping.fields)
        return (
            f"SELECT {ROW_NUMBER} AS row_number, document IS NULL AS is_unreadable, {selected} FROM (SELECT {ROW_NUMBER}, "
            f"TRY(CASE WHEN json_type({_LINE}) = 'OBJECT' THEN json_transform({_LINE}, {_quoted(structure)}) END) "
            "AS document FROM raw_batch)"
        )
    types = {
        row[0]: row[1]
        for row in connection.execute("DESCRIBE SELECT * FROM raw_batch").fetchall()
        if row[0] not in _OWN
    }
    selected = ", ".join(f"{_from_table(field, types)} AS {_named(field.name)}" for field in mapping.fields)
    return f"SELECT {ROW_NUMBER} AS row_number, {IS_UNREADABLE} AS is_unreadable, {selected} FROM raw_batch"


def _structure(fields: tuple[SourceField, ...]) -> str:
    """The structure that is taken out of each JSON document, in one pass over it."""
    root: dict[str, Any] = {}
    for one in fields:
        for path in one.columns:
            *outer, last = path.split(".")
            place = root
            for step in outer:
                inner = place.setdefault(step, {})
                place = inner if isinstance(inner, dict) else place.setdefault(step + "\x00", {})
            place.setdefault(last, json.loads(one.type) if one.type[:1] in "[{" else one.type)
    return json.dumps(root)


def _from_json(one: SourceField) -> str:
    found = [".".join(_named(step) for step in ("document", *path.split("."))) for path in one.columns]
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _from_table(one: SourceField, types: dict[str, str]) -> str:
    target = _sql_type(one.type)
    for path in one.columns:
        if path in types:
            expression, found = _named(path), types[path]
        else:
            column, _, rest = path.partition(".")
            if not rest or column not in types:
                continue
            if types[column].startswith("STRUCT"):
                expression, found = ".".join(_named(step) for step in path.split(".")), ""
            else:  # a loader keeps an object as its JSON text
                expression = f"CASE WHEN json_valid({_named(column)}) THEN json_extract_string({_named(column)}, {_quoted('$.' + rest)}) END"
                found = "VARCHAR"
        if one.type[:1] in "[{":
            return (
                f"TRY_CAST({expression} AS {target})"
                if found != "VARCHAR"
                else (f"TRY(json_transform({expression}, {_quoted(one.type)}))")
            )
        return expression if found == target else f"TRY_CAST({expression} AS {target})"
    return f"CAST(NULL AS {target})"


def _sql_type(declared: str) -> str:
    if declared[:1] not in "[{":
        return declared
    return _sql_of(json.loads(declared))


def _sql_of(shape: Any) -> str:
    if isinstance(shape, list):
        return f"{_sql_of(shape[0])}[]"
    if isinstance(shape, dict):
        return f"STRUCT({', '.join(f'{_named(name)} {_sql_of(inner)}' for name, inner in shape.items())})"
    return str(shape)


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# -- raw rows -------------------------------------------------------------------------------------------------------


def _raw_batches(path: Path, file_format: Format, mapping: Mapping, *, carefully: bool) -> Iterator[pa.Table]:
    """Rows as they stand, numbered from 1; the lines of NDJSON unparsed."""
    if file_format == "parquet":
        yield from _parquet_batches(path)
    elif file_format == "ndjson":
        yield from _line_batches(path)
    elif carefully:
        yield from _careful_batches(path, mapping)
    else:
        yield from _csv_batches(path, mapping)


def _parquet_batches(path: Path) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    number = 1
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                numbers = pl.arange(number, number + batch.num_rows, eager=True, dtype=pl.UInt32).to_arrow()
                rows = pa.Table.from_batches([batch])
                unreadable = pa.repeat(pa.scalar(value=False), batch.num_rows)
                yield rows.append_column(ROW_NUMBER, numbers).append_column(IS_UNREADABLE, unreadable)
                number += batch.num_rows
    except (pa.ArrowInvalid, OSError) as problem:
        raise LandingError(f"the file is no readable Parquet ({first_line(problem)})") from None


def _numbered(frame: pl.DataFrame, start: int) -> pa.Table:
    return _as_arrow(frame.with_row_index(ROW_NUMBER, offset=start).with_columns(pl.lit(False).alias(IS_UNREADABLE)))


def _as_arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame for DuckDB. A null character in a column's name, as in a damaged header, ends the process there."""
    damaged = {
        name: name.replace("\x00", f"\ufffd{place}") for place, name in enumerate(frame.columns) if "\x00" in name
    }
    return (frame.rename(damaged) if damaged else frame).to_arrow()


def _line_batches(path: Path) -> Iterator[pa.Table]:
    """Lines as they stand: what separates columns here is a character that JSON does not allow, so that only broken lines have it."""
    line, rest = pl.col(_LINE).fill_null(""), pl.col("_rest")
    lines = pl.scan_csv(
        path,
        has_header=False,
        separator="\x01",
        quote_char=None,
        schema={_LINE: pl.String, "_rest": pl.String},
        extra_columns="ignore",
        missing_columns="insert",
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    ).filter((line.str.strip_chars() != "") | rest.is_not_null())
    yield from _counted(lines.select(pl.when(rest.is_null()).then(line).otherwise(line + "\x01").alias(_LINE)))


def _csv_batches(path: Path, mapping: Mapping) -> Iterator[pa.Table]:
    declared = mapping.declared
    source: Any = path
    if mapping.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        try:
            source = io.BytesIO(b"".join(lines_of(path)).decode(mapping.encoding).encode())
        except (UnicodeDecodeError, LookupError) as problem:
            raise LandingError(f"the file is not written in {mapping.encoding} ({first_line(problem)})") from None
    yield from _counted(
        pl.scan_csv(
            source,
            infer_schema=False,
            separator=mapping.separator,
            quote_char=declared.quote or None,
            has_header=not declared.header,
            new_columns=list(declared.header) or None,
        )
    )


def _counted(frame: pl.LazyFrame) -> Iterator[pa.Table]:
    number = 1
    for batch in frame.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
        yield _numbered(batch, number)
        number += batch.height


def _careful_batches(path: Path, mapping: Mapping) -> Iterator[pa.Table]:
    """Line by line with the standard library, for a file that has lines which are no rows."""
    header = list(mapping.declared.header) or None
    found = csv_rows(
        path, separator=mapping.separator, quote=mapping.declared.quote, encoding=mapping.encoding, header=header
    )
    rows = list(found)
    names = header or list(dict.fromkeys(name for row in rows if row for name in row))
    columns: dict[str, list[Any]] = {name: [None if row is None else row.get(name) for row in rows] for name in names}
    frame = pl.DataFrame(
        {**columns, ROW_NUMBER: range(1, len(rows) + 1), IS_UNREADABLE: [row is None for row in rows]},
        schema={**dict.fromkeys(names, pl.String), ROW_NUMBER: pl.UInt32, IS_UNREADABLE: pl.Boolean},
    )
    yield _as_arrow(frame)
