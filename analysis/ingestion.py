"""One landed file into the warehouse: validate, hash, find duplicates, split by event day, enter in the ledger.

received = accepted + duplicate + quarantined, for every file and table, always. A file of a source may bring rows of
several tables, and rows of none, which are counted as passed over. A file writes one part for each event day that it
touches. A row is a duplicate when its key stands on the same day already (payments: on any day), in this file or in
another one in force. Of several, the one with the highest version is kept, then the one whose values sort last: which file
came first decides nothing, so that files in any order lead to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

import duckdb
import polars as pl
import pyarrow as pa

from analysis.contract import KINDS, PAYMENT_KINDS, Column, Kind, key_columns, stored_columns
from analysis.erasure import ERASED_SCHEMA, is_erased
from analysis.errors import LandingError
from analysis.identity import hashed
from analysis.landing import BAD_LINES, ROW_NUMBER, LandedFile, content_hash, read_rows
from analysis.money import read_rates
from analysis.registry import Experiment
from analysis.sources.mapping import Mapping, files_to_read, newest_editions, source_mappings
from analysis.sources.rows import mapped_batches
from analysis.store import DisplacedRows, FileEntry, LandedVersion, NewPart, Warehouse, fingerprint
from analysis.validation import FAULT, Rules, refused, validate

#: Rows hashed and staged at a time; bounds the memory of the Polars side. That of a group of rows in DuckDB, too.
BATCH_ROWS = 122_880

#: Rows of an Arrow chunk: DuckDB gives a thread a chunk, so that a file of one hour still keeps every core busy.
CHUNK_ROWS = 16_384

Progress = Callable[[str, int, int], None]

_REFUSED_SCHEMA = {"row_number": pl.Int64, "reason": pl.String, "column_name": pl.String, "example": pl.String}


@dataclass(frozen=True)
class Ingested:
    """What one call of `ingest` did.

    Attributes:
        days: Event days whose rows changed, by kind.
        strange: Files under the landing folder that no rule covers.
    """

    files: int
    received: int
    accepted: int
    duplicate: int
    quarantined: int
    unreadable: int
    days: dict[Kind, frozenset[date]]
    strange: tuple[str, ...]


def ingest(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    *,
    now: datetime | None = None,
    run_id: str | None = None,
    again: Callable[[int], bool] = lambda quarantined: False,
    progress: Progress = lambda name, done, total: None,
) -> Ingested:
    """Ingest every landed file whose content is new. The caller holds the write lock.

    A path with a new content replaces its old content; files that had lost rows as duplicates to other files are then
    read again, so that no row is lost with the content that had kept it. Each file is entered on its own, so that a
    killed run goes on where it stopped.

    Args:
        now: The clock against which future events are refused; the machine's where absent.
        again: Also read files in force for which this says so, by their number of quarantined rows.
        progress: Called with the file's name, files done and files to do.
    """
    settings = warehouse.settings
    warehouse.hold_to_settings()
    rules = Rules.of(
        experiments,
        now=now or datetime.now(UTC),
        time_zone=settings.publisher.time_zone,
        reporting_currency=settings.publisher.reporting_currency,
        rates=read_rates(settings),
    )
    mappings = source_mappings(settings)
    files, strange = files_to_read(settings, mappings)
    landed = files
    files, replaced = _in_force(landed, mappings)
    known = warehouse.landed()
    hashes = _hashes(files, known, mappings)
    changed_kinds = {key[0] for key, digest in hashes.items() if key in known and known[key].content_hash != digest}
    changed_kinds |= {kind for kind, name in known if name in replaced}

    def is_due(file: LandedFile) -> bool:
        version = known.get((file.kind, file.name))
        return (
            version is None
            or version.content_hash != hashes[file.kind, file.name]
            or (file.kind in changed_kinds and version.duplicate_elsewhere > 0)
            or again(version.quarantined)
        )

    due: dict[str, list[LandedFile]] = {}
    for file in files:
        if is_due(file):
            due.setdefault(file.name, []).append(file)
    # Changed contents first: what they no longer hold must be gone before the files that had lost rows to them.
    ordered = sorted(due.values(), key=lambda tables: (tables[0].kind, (tables[0].kind, tables[0].name) not in known))
    before = {kind: _days(warehouse, kind) for kind in KINDS}
    totals = {"received": 0, "accepted": 0, "duplicate": 0, "quarantined": 0, "unreadable": 0}
    warehouse.retire_files([(kind, name) for kind, name in known if name in replaced])
    _enter_unread(warehouse, [file for file in landed if file.name in replaced], replaced, mappings, run_id)
    with warehouse.compute() as connection:
        connection.execute("SET VARIABLE hash_key = $key", {"key": settings.hash_key().decode("latin-1")})
        for number, tables in enumerate(ordered):
            progress(tables[0].name, number, len(ordered))
            reader = _Reader(connection, rules, mappings.get(tables[0].source))
            for entry in _ingest_file(reader, warehouse, tables, hashes, run_id):
                totals["received"] += entry.received or 0
                totals["accepted"] += entry.accepted
                totals["duplicate"] += entry.duplicate
                totals["quarantined"] += entry.quarantined
                totals["unreadable"] += entry.status == "unreadable"
    progress("", len(ordered), len(ordered))
    after = {kind: _days(warehouse, kind) for kind in KINDS}
    return Ingested(
        files=len(ordered),
        **totals,
        days={
            kind: frozenset(
                date.fromisoformat(day)
                for day in before[kind].keys() | after[kind].keys()
                if before[kind].get(day) != after[kind].get(day)
            )
            for kind in KINDS
        },
        strange=tuple(strange),
    )


def _enter_unread(
    warehouse: Warehouse,
    files: Sequence[LandedFile],
    replaced: Map[str, str],
    mappings: Map[str, Mapping],
    run_id: str | None,
) -> None:
    """Give files that were replaced by a newer edition before they were read their row in the ledger, once."""
    entered = warehouse.entered_files()
    unread = [file for file in files if (file.kind, file.name, file.bytes, file.modified_ns) not in entered]
    hashes = _hashes(unread, {}, mappings)
    for file in unread:
        message = f"never read: {replaced[file.name]} is a newer edition of the same export"
        warehouse.record_file(_unread(file, hashes[file.kind, file.name], "superseded", message, run_id))


def _unread(
    file: LandedFile, digest: str, status: Literal["unreadable", "superseded"], message: str | None, run_id: str | None
) -> FileEntry:
    """The ledger entry of a file whose rows are not known."""
    return FileEntry(
        kind=file.kind,
        path=file.name,
        content_hash=digest,
        bytes=file.bytes,
        modified_ns=file.modified_ns,
        received=None,
        accepted=0,
        duplicate=0,
        duplicate_exact=0,
        duplicate_elsewhere=0,
        quarantined=0,
        status=status,
        message=message,
        run_id=run_id,
        source=file.source,
    )


@dataclass(frozen=True)
class _Reader:
    """How the rows of one file are read: the mapping is None for a file in the contract's own columns."""

    connection: duckdb.DuckDBPyConnection
    rules: Rules
    mapping: Mapping | None


def due_files(warehouse: Warehouse, files: Sequence[LandedFile], mappings: Map[str, Mapping]) -> list[LandedFile]:
    """The files, of those in force, whose content is new to the warehouse."""
    current, _ = _in_force(list(files), mappings)
    known = warehouse.landed()
    hashes = _hashes(current, known, mappings)
    return [
        file
        for file in current
        if (file.kind, file.name) not in known
        or known[file.kind, file.name].content_hash != hashes[file.kind, file.name]
    ]


def _in_force(files: list[LandedFile], mappings: Map[str, Mapping]) -> tuple[list[LandedFile], dict[str, str]]:
    """Files without those that a newer edition of the same export replaces; and these, by name, with the newer one's."""
    replaced: dict[str, str] = {}
    for source, mapping in mappings.items():
        names = sorted({file.name for file in files if file.source == source})
        replaced |= newest_editions(mapping, names)[1]
    return [file for file in files if file.name not in replaced], replaced


def _hashes(
    files: Sequence[LandedFile], known: dict[tuple[str, str], LandedVersion], mappings: Map[str, Mapping]
) -> dict[tuple[str, str], str]:
    """Content hash by kind and name; not read again where size and time of change are those of the version in force.

    What a mapping makes of a file belongs to its content: the hash covers both.
    """
    hashes: dict[tuple[str, str], str] = {}
    by_name: dict[str, str] = {}
    for file in files:
        version = known.get((file.kind, file.name))
        mark = "" if not file.source else f"+{fingerprint(mappings[file.source].mark)[:12]}"
        if version is not None and (version.bytes, version.modified_ns) == (file.bytes, file.modified_ns):
            digest = version.content_hash.partition("+")[0]
        else:
            digest = by_name.get(file.name) or content_hash(file.path)
        by_name[file.name] = digest
        hashes[file.kind, file.name] = digest + mark
    return hashes


def _days(warehouse: Warehouse, kind: Kind) -> dict[str, frozenset[int]]:
    days: dict[str, set[int]] = {}
    for part in warehouse.parts(kind):
        days.setdefault(part.scope, set()).add(part.part_id)
    return {day: frozenset(ids) for day, ids in days.items()}


def _ingest_file(
    reader: _Reader,
    warehouse: Warehouse,
    tables: Sequence[LandedFile],
    hashes: Map[tuple[str, str], str],
    run_id: str | None,
) -> list[FileEntry]:
    """Enter what a file brings to each of `tables`; return the entries."""
    try:
        try:
            staged = _stage(reader, tables, carefully=False)
        except BAD_LINES:
            staged = _stage(reader, tables, carefully=True)
    except (LandingError, OSError) as problem:
        message = str(problem)
        staged = _Staged({}, 0, message)
    entries = []
    for table in tables:
        entry = _unread(table, hashes[table.kind, table.name], "unreadable", staged.problem, run_id)
        if staged.problem is None:
            passed_over = staged.passed_over if table.kind == tables[0].kind else 0
            entry = _settle(
                reader.connection,
                warehouse,
                table,
                replace(entry, passed_over=passed_over),
                staged.quarantine[table.kind],
            )
        warehouse.record_file(entry)
        entries.append(entry)
    return entries


@dataclass(frozen=True)
class _Staged:
    """What reading a file left: valid rows in `staged_<kind>`, rows set aside by kind, or why it cannot be read."""

    quarantine: dict[Kind, pl.DataFrame]
    passed_over: int
    problem: str | None = None


def _stage(reader: _Reader, tables: Sequence[LandedFile], *, carefully: bool) -> _Staged:
    """Leave the valid rows of a file in tables `staged_<kind>`, secrets hashed; return the rows set aside.

    A raw id is in memory only for as long as its batch; the table, which may spill to disk, has never held it.
    """
    kinds: list[Kind] = [table.kind for table in tables]
    for kind in kinds:
        definitions = ", ".join(f"{column.stored_name} {column.sql_type}" for column in stored_columns(kind))
        reader.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE staged_{kind} ({definitions}, day DATE, row_number BIGINT)"
        )
    quarantine: dict[Kind, list[pl.DataFrame]] = {kind: [] for kind in kinds}
    passed_over = 0
    for found, passed in validated_batches(
        reader.connection, reader.rules, reader.mapping, tables[0], carefully=carefully
    ):
        passed_over += passed
        for kind, batch in found.items():
            if kind in quarantine:
                quarantine[kind].append(_stage_batch(reader.connection, batch, kind, reader.rules))
    together: dict[Kind, pl.DataFrame] = {
        kind: pl.concat(frames) if frames else pl.DataFrame(schema=_REFUSED_SCHEMA)
        for kind, frames in quarantine.items()
    }
    return _Staged(together, passed_over)


def validated_batches(
    connection: duckdb.DuckDBPyConnection, rules: Rules, mapping: Mapping | None, file: LandedFile, *, carefully: bool
) -> Iterator[tuple[dict[Kind, pl.DataFrame], int]]:
    """Validated rows by table, a batch at a time, and how many rows of the file the mapping gives to no table.

    Args:
        carefully: Read line by line; see `landing.read_rows`.
    """
    if mapping is None:
        valid = validate(read_rows(file, carefully=carefully), file.kind, rules)
        for batch in valid.collect_batches(chunk_size=BATCH_ROWS):
            yield {file.kind: batch}, 0
        return
    for mapped in mapped_batches(connection, file.path, file.format, mapping, carefully=carefully):
        found: dict[Kind, pl.DataFrame] = {
            kind: validate(frame.lazy(), kind, rules).collect() for kind, frame in mapped.tables.items()
        }
        yield found, mapped.passed_over


def _stage_batch(connection: duckdb.DuckDBPyConnection, batch: pl.DataFrame, kind: Kind, rules: Rules) -> pl.DataFrame:
    columns = stored_columns(kind)
    kept = [column.name for column in columns]
    select = ", ".join(f"{_kept(column)} AS {column.stored_name}" for column in columns)
    valid = batch.filter(pl.col(FAULT).is_null()).select(*kept, "day", ROW_NUMBER)
    connection.register("batch", in_chunks(valid))
    connection.execute(f"INSERT INTO staged_{kind} SELECT {select}, day, {ROW_NUMBER} FROM batch")
    connection.unregister("batch")
    return refused(batch, kind, rules)


def in_chunks(frame: pl.DataFrame) -> pa.Table:
    """The frame as an Arrow table in chunks that DuckDB can share out among its threads."""
    table = frame.to_arrow().combine_chunks()
    return pa.Table.from_batches(table.to_batches(max_chunksize=CHUNK_ROWS), schema=table.schema)


def _kept(column: Column) -> str:
    """SQL of what is kept of a column: of a secret only its keyed hash."""
    return hashed(column.name) if column.is_secret else column.name


def _settle(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    file: LandedFile,
    entry: FileEntry,
    quarantine: pl.DataFrame,
) -> FileEntry:
    """Take duplicates out of the staged rows, write a part a day, and return the file's ledger entry."""
    staged = f"staged_{file.kind}"
    (valid,) = _row(connection, f"SELECT count(*) FROM {staged}")
    received = valid + quarantine.height
    scope = "true" if file.kind in PAYMENT_KINDS else "day"  # a payment's second report may come on another day
    quarantine = pl.concat([quarantine, _remove_erased(connection, warehouse, file.kind)])
    quarantined = quarantine.height
    inside, exact_inside = _remove_repeated(connection, file.kind, scope)
    elsewhere, exact_elsewhere, displaced = _remove_known(connection, warehouse, file, scope)
    parts: list[NewPart] = []
    names = ", ".join(column.stored_name for column in stored_columns(file.kind))
    readers = "count(*) - count(reader_key)" if "reader_key" in names else "0"
    bots = "count(CASE WHEN is_bot THEN 1 END)" if "is_bot" in names else "0"
    for day, without_reader, marked in connection.execute(
        f"SELECT day, {readers}, {bots} FROM {staged} GROUP BY day ORDER BY day"
    ).fetchall():
        select = f"SELECT {names}, day FROM {staged} WHERE day = DATE '{day.isoformat()}'"
        part = warehouse.write_query(connection, select, file.kind, day.isoformat())
        parts.append(replace(part, without_reader=without_reader, bots=marked))
    reasons: list[tuple[str, str | None, int, str | None]] = []
    if quarantined:
        ordered = quarantine.sort("row_number").with_columns(pl.lit(file.name).alias("path"))
        parts.append(warehouse.write_frame(ordered, "quarantine", file.kind))
        reasons = (
            quarantine.group_by("reason", "column_name")
            .agg(pl.len(), pl.col("example").min())
            .sort("reason", "column_name")
            .rows()
        )
    return replace(
        entry,
        received=received,
        accepted=sum(part.rows for part in parts if part.table == file.kind),
        duplicate=inside + elsewhere,
        duplicate_exact=exact_inside + exact_elsewhere,
        duplicate_elsewhere=elsewhere,
        quarantined=quarantined,
        status="ingested",
        reasons=tuple(reasons),
        parts=tuple(parts),
        displaced=tuple(displaced),
    )


def _keys(kind: Kind) -> str:
    return ", ".join(column.stored_name for column in key_columns(kind))


def _rank(kind: Kind, relation: str) -> str:
    """What orders rows with the same key: the version, then all values, so that the order of arrival decides nothing."""
    columns = [column.stored_name for column in stored_columns(kind)]
    version = f"coalesce({relation}.version, -9223372036854775808)" if "version" in columns else "0"
    return f"row({version}, {', '.join(f'{relation}.{name}' for name in columns if name != 'version')})"


def _remove_repeated(connection: duckdb.DuckDBPyConnection, kind: Kind, scope: str) -> tuple[int, int]:
    """Delete staged rows whose key another row of the same file has that ranks as high; return how many, and how many the same."""
    staged, keys = f"staged_{kind}", _keys(kind)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT row_number, is_exact FROM (
            SELECT
                row_number,
                row_number() OVER ranked AS occurrence,
                {_rank(kind, "s")} IS NOT DISTINCT FROM lag({_rank(kind, "s")}) OVER ranked AS is_exact
            FROM {staged} AS s
            SEMI JOIN (SELECT {keys} FROM {staged} GROUP BY {keys}, {scope} HAVING count(*) > 1) USING ({keys})
            WINDOW ranked AS (PARTITION BY {keys}, {scope} ORDER BY {_rank(kind, "s")} DESC, row_number))
        WHERE occurrence > 1"""
    )
    repeated, exact = _row(connection, "SELECT count(*), count(*) FILTER (is_exact) FROM repeated")
    if repeated:
        connection.execute(f"DELETE FROM {staged} WHERE row_number IN (SELECT row_number FROM repeated)")
    return repeated, exact


def _remove_known(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, file: LandedFile, scope: str
) -> tuple[int, int, list[DisplacedRows]]:
    """Delete staged rows whose key another file in force has with a row that ranks as high; return how many, and how many the same.

    Where the staged row ranks above, the other one leaves: its part is written again without it, and the ledger counts it
    as a duplicate of that file.
    """
    staged, keys = f"staged_{file.kind}", _keys(file.kind)
    days = None
    if scope == "day":
        days = {day.isoformat() for (day,) in connection.execute(f"SELECT DISTINCT day FROM {staged}").fetchall()}
    others = warehouse.parts_of_others(file.kind, file.name, days)
    if not others:
        return 0, 0, []
    paths = [str(part.path) for part in others]
    columns = {column.stored_name: column.sql_type for column in stored_columns(file.kind)}
    found = {
        row[0]
        for row in connection.execute(
            "DESCRIBE SELECT * FROM read_parquet($parts, union_by_name = true)", {"parts": paths}
        ).fetchall()
    }
    select = ", ".join(
        name if name in found else f"CAST(NULL AS {sql_type}) AS {name}" for name, sql_type in columns.items()
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known AS
        SELECT
            s.row_number,
            o.filename,
            {_rank(file.kind, "s")} > {_rank(file.kind, "o")} AS wins,
            {_rank(file.kind, "s")} IS NOT DISTINCT FROM {_rank(file.kind, "o")} AS is_exact
        FROM {staged} AS s
        JOIN (
            SELECT {select}, day, filename FROM read_parquet($parts, union_by_name = true, filename = true)
            SEMI JOIN {staged} USING ({keys})
        ) AS o USING ({keys})
        WHERE {"true" if scope == "true" else "s.day = o.day"}""",
        {"parts": paths},
    )
    connection.execute(
        f"DELETE FROM {staged} WHERE row_number IN (SELECT row_number FROM known GROUP BY row_number HAVING NOT bool_and(wins))"
    )
    lost, exact = _row(
        connection,
        "SELECT count(*), count(*) FILTER (is_exact) FROM "
        "(SELECT bool_or(is_exact) AS is_exact FROM known GROUP BY row_number HAVING NOT bool_and(wins))",
    )
    displaced = []
    losing = connection.execute(
        f"SELECT DISTINCT filename FROM known WHERE wins AND row_number IN (SELECT row_number FROM {staged}) ORDER BY filename"
    ).fetchall()
    by_path = {str(part.path): part for part in others}
    for (path,) in losing:
        part = by_path[path]
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE kept_rows AS SELECT * FROM read_parquet($part, hive_partitioning = false) "
            # The key may win on another day, over a row of another part.
            f"ANTI JOIN (SELECT {keys} FROM {staged} "
            f"WHERE row_number IN (SELECT row_number FROM known WHERE wins AND filename = $part)) USING ({keys})",
            {"part": path},
        )
        displaced.append(warehouse.write_smaller(connection, "kept_rows", part))
    return lost, exact, displaced


def _remove_erased(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, kind: Kind) -> pl.DataFrame:
    """Delete staged rows of readers who asked to be forgotten; return them as rows set aside, which name nobody."""
    marks = warehouse.erased_marks()
    names = [
        column.stored_name for column in stored_columns(kind) if column.stored_name in ("reader_key", "linked_key")
    ]
    none = pl.DataFrame(schema=_REFUSED_SCHEMA)
    if not marks or not names:
        return none
    connection.register("erased_marks", pl.DataFrame(marks, schema=ERASED_SCHEMA, orient="row").to_arrow())
    held = " OR ".join(is_erased(name) for name in names)
    rows = connection.sql(f"SELECT row_number FROM staged_{kind} WHERE {held}").pl()
    if rows.height:
        connection.execute(f"DELETE FROM staged_{kind} WHERE {held}")
    connection.unregister("erased_marks")
    return pl.concat([none, rows.with_columns(pl.lit("erased_reader").alias("reason"))], how="diagonal")


def _row(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[int, ...]:
    return connection.execute(statement).fetchall()[0]
