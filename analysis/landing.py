"""Landed files: which there are, and their rows as they stand, before any rule is applied.

`landing/<kind>/<delivery date>/…` holds Parquet, NDJSON or CSV in the contract's columns, `landing/<source>/…` the export of
a source, which `sources/` maps; text may be gzip or zstd. The delivery folder decides nothing. A file is read by Polars; where Polars refuses it because of some lines, it is read again line by line, so that
the lines that are at fault can be named and the others go on.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import polars as pl
from pyarrow import CompressedInputStream

from analysis.contract import CONTRACT, KINDS, Kind
from analysis.errors import LandingError

Format = Literal["parquet", "ndjson", "csv"]

_SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".tsv": "csv",
}
_COMPRESSIONS = ("", ".gz", ".zst")

#: Column that numbers the rows of a file from 1; the first row of data is 1.
ROW_NUMBER = "_row_number"
#: Column that is true for a line that is no row at all.
IS_UNREADABLE = "_is_unreadable"

#: What Polars raises when a file has lines that are no rows.
BAD_LINES = (
    pl.exceptions.ComputeError,
    pl.exceptions.SchemaError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.NoDataError,
)


@dataclass(frozen=True)
class LandedFile:
    """A file below the landing folder, as the rows of one table that it brings.

    Attributes:
        kind: The table; a file of a source is a `LandedFile` for each table that its mapping yields.
        name: Its path below the landing folder, `/`-separated; it came from outside.
        source: The source of `askwell.toml` whose folder it stands in; empty for files in the contract's own columns.
    """

    kind: Kind
    name: str
    path: Path
    format: Format
    bytes: int
    modified_ns: int
    source: str = ""


def landed_files(
    landing: Path, sources: Mapping[str, tuple[Kind, ...]] = MappingProxyType({})
) -> tuple[list[LandedFile], list[str]]:
    """Return the files to read, in order of kind and name, and the names of files that no rule covers.

    Args:
        sources: Tables that the mapping of each source yields, by the name of its folder.

    Hidden files and files that are still being written (`.tmp`, `.part`) are left alone.
    """
    files: list[LandedFile] = []
    strange: list[str] = []
    if not landing.is_dir():
        return files, strange
    for path in sorted(landing.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or path.suffix in (".tmp", ".part"):
            continue
        relative = path.relative_to(landing)
        kind = relative.parts[0]
        file_format = format_of(path)
        tables = (cast("Kind", kind),) if kind in KINDS else sources.get(kind, ())
        if not tables or len(relative.parts) < 2 or file_format is None:
            strange.append(relative.as_posix())
            continue
        status = path.stat()
        source = kind if kind in sources else ""
        files += [
            LandedFile(table, relative.as_posix(), path, file_format, status.st_size, status.st_mtime_ns, source)
            for table in tables
        ]
    return sorted(files, key=lambda file: (KINDS.index(file.kind), file.name)), strange


def format_of(path: Path) -> Format | None:
    """Format by the file's ending; None for one that Askwell does not read."""
    name = path.name.lower()
    for suffix, file_format in _SUFFIXES.items():
        compressions = ("",) if file_format == "parquet" else _COMPRESSIONS
        if any(name.endswith(suffix + compression) for compression in compressions):
            return file_format
    return None


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_rows(file: LandedFile, *, carefully: bool = False) -> pl.LazyFrame:
    """Return the rows of a file: the contract's columns, `ROW_NUMBER` and `IS_UNREADABLE`.

    Text formats yield text in every column; Parquet keeps its types. A column that the file lacks is null; a column
    that the contract does not know is dropped.

    Args:
        carefully: Read text line by line with the standard library, so that a line that is no row is a row of its own
            with `IS_UNREADABLE`. Slow; for files at which collecting the quick form raised one of `BAD_LINES`.

    Raises:
        LandingError: the file is damaged as a whole (truncated, no Parquet, no header, empty).
    """
    if file.bytes == 0:
        raise LandingError("the file is empty (0 bytes)")
    names = [column.name for column in CONTRACT[file.kind]]
    if file.format == "parquet":
        return _number(_select(_scan_parquet(file.path), names))
    if file.format == "csv" and not _header(file.path):
        raise LandingError("the file has no header line")
    if carefully:
        return _read_carefully(file, names)
    if file.format == "ndjson":
        return _number(pl.scan_ndjson(file.path, schema=dict.fromkeys(names, pl.String)))
    try:
        return _number(_select(pl.scan_csv(file.path, infer_schema=False), names))
    except BAD_LINES:
        return _read_carefully(file, names)


def _scan_parquet(path: Path) -> pl.LazyFrame:
    try:
        frame = pl.scan_parquet(path)
        frame.collect_schema()
    except (*BAD_LINES, OSError) as problem:
        raise LandingError(f"the file is no readable Parquet ({first_line(problem)})") from None
    return frame


def _select(frame: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    present = set(frame.collect_schema().names())
    return frame.select(pl.col(name) if name in present else pl.lit(None, pl.String).alias(name) for name in names)


def _number(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.with_row_index(ROW_NUMBER, offset=1).with_columns(pl.lit(False).alias(IS_UNREADABLE))


def _read_carefully(file: LandedFile, names: list[str]) -> pl.LazyFrame:
    """Read line by line with the standard library; slow, and only for files that have a bad line."""
    columns: dict[str, list[Any]] = {name: [] for name in (*names, ROW_NUMBER, IS_UNREADABLE)}
    rows = _json_rows(file.path) if file.format == "ndjson" else csv_rows(file.path)
    for number, row in enumerate(rows, start=1):
        for name in names:
            columns[name].append(None if row is None else _as_text(row.get(name)))
        columns[ROW_NUMBER].append(number)
        columns[IS_UNREADABLE].append(row is None)
    schema = {**dict.fromkeys(names, pl.String), ROW_NUMBER: pl.UInt32, IS_UNREADABLE: pl.Boolean}
    return pl.LazyFrame(columns, schema=schema)


def _json_rows(path: Path) -> Iterator[dict[str, Any] | None]:
    for line in lines_of(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):  # no JSON, or nested so deep that it is meant to hurt
            row = None
        yield row if isinstance(row, dict) else None


def csv_rows(
    path: Path, *, separator: str = ",", quote: str = '"', encoding: str = "utf-8", header: list[str] | None = None
) -> Iterator[dict[str, Any] | None]:
    """Rows of a CSV file, line by line; None for a line that is no row. Without `header` the first line names columns."""
    quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    for line in lines_of(path):
        if not line.strip():
            if header is not None:
                yield {}  # a row without any value, as the quick reader has it
            continue
        try:
            fields = next(
                csv.reader(
                    [line.decode(encoding)], strict=True, delimiter=separator, quotechar=quote or None, quoting=quoting
                )
            )
        except (UnicodeDecodeError, csv.Error, StopIteration):
            yield None
            continue
        if header is None:
            header = fields
        elif len(fields) > len(header):
            yield None
        else:
            yield {name: value or None for name, value in zip(header, fields, strict=False)}


def _header(path: Path) -> list[str]:
    for line in lines_of(path):
        try:
            return next(csv.reader([line.decode("utf-8-sig")]), [])
        except (UnicodeDecodeError, csv.Error):
            return []
    return []


def lines_of(path: Path) -> Iterator[bytes]:
    """Lines of a text file as bytes, decompressed where its name says so."""
    try:
        with path.open("rb") as raw:
            if path.name.lower().endswith(".gz"):
                yield from gzip.GzipFile(fileobj=raw)
            elif path.name.lower().endswith(".zst"):
                yield from io.BufferedReader(cast("Any", CompressedInputStream(raw, "zstd")))
            else:
                yield from raw
    except (OSError, EOFError) as problem:
        raise LandingError(f"the file is damaged ({first_line(problem)})") from None


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def first_line(problem: BaseException) -> str:
    """The first line of what an exception says."""
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
