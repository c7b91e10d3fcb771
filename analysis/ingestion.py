"""One landed file into the warehouse: validate, hash, find duplicates, split by event day, enter in the ledger.

received = accepted + duplicate + quarantined, for every file, always. A file writes one part for each event day that it
touches. A row is a duplicate when its key stands on the same day already (contributions: on any day), in this file or
in another one in force; of several, the one that came first is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import duckdb
import polars as pl
import pyarrow as pa

from analysis.contract import KINDS, Column, Kind, key_columns, stored_columns
from analysis.errors import LandingError
from analysis.landing import BAD_LINES, ROW_NUMBER, LandedFile, content_hash, landed_files, read_rows
from analysis.money import read_rates
from analysis.registry import Experiment
from analysis.store import FileEntry, LandedVersion, NewPart, Warehouse
from analysis.validation import FAULT, Rules, refused, validate

#: Rows hashed and staged at a time; bounds the memory of the Polars side.
BATCH_ROWS = 500_000

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
    files, strange = landed_files(settings.folders.landing)
    known = warehouse.landed()
    hashes = {(file.kind, file.name): _hash(file, known) for file in files}
    changed_kinds = {key[0] for key, digest in hashes.items() if key in known and known[key].content_hash != digest}

    def is_due(file: LandedFile) -> bool:
        version = known.get((file.kind, file.name))
        return (
            version is None
            or version.content_hash != hashes[file.kind, file.name]
            or (file.kind in changed_kinds and version.duplicate_elsewhere > 0)
            or again(version.quarantined)
        )

    # Changed contents first: what they no longer hold must be gone before the files that had lost rows to them.
    due = sorted(
        (file for file in files if is_due(file)), key=lambda file: (file.kind, (file.kind, file.name) not in known)
    )
    before = {kind: _days(warehouse, kind) for kind in KINDS}
    totals = {"received": 0, "accepted": 0, "duplicate": 0, "quarantined": 0, "unreadable": 0}
    with warehouse.compute() as connection:
        connection.execute("SET VARIABLE hash_key = $key", {"key": settings.hash_key().decode("latin-1")})
        for number, file in enumerate(due):
            progress(file.name, number, len(due))
            entry = _ingest_file(connection, warehouse, file, hashes[file.kind, file.name], rules, run_id)
            warehouse.record_file(entry)
            totals["received"] += entry.received or 0
            totals["accepted"] += entry.accepted
            totals["duplicate"] += entry.duplicate
            totals["quarantined"] += entry.quarantined
            totals["unreadable"] += entry.status == "unreadable"
    progress("", len(due), len(due))
    after = {kind: _days(warehouse, kind) for kind in KINDS}
    return Ingested(
        files=len(due),
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


def _hash(file: LandedFile, known: dict[tuple[str, str], LandedVersion]) -> str:
    """Content hash; not read again where size and time of change are those of the version in force."""
    version = known.get((file.kind, file.name))
    if version is not None and (version.bytes, version.modified_ns) == (file.bytes, file.modified_ns):
        return version.content_hash
    return content_hash(file.path)


def _days(warehouse: Warehouse, kind: Kind) -> dict[str, frozenset[int]]:
    days: dict[str, set[int]] = {}
    for part in warehouse.parts(kind):
        days.setdefault(part.scope, set()).add(part.part_id)
    return {day: frozenset(ids) for day, ids in days.items()}


def _ingest_file(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    file: LandedFile,
    digest: str,
    rules: Rules,
    run_id: str | None,
) -> FileEntry:
    try:
        try:
            quarantine = _stage(connection, file, rules, carefully=False)
        except BAD_LINES:
            quarantine = _stage(connection, file, rules, carefully=True)
    except (LandingError, OSError) as problem:
        return FileEntry(
            kind=file.kind,
            path=file.name,
            content_hash=digest,
            bytes=file.bytes,
            modified_ns=file.modified_ns,
            received=None,
            accepted=0,
            duplicate=0,
            duplicate_elsewhere=0,
            quarantined=0,
            status="unreadable",
            message=str(problem),
            run_id=run_id,
        )
    return _settle(connection, warehouse, file, digest, quarantine, run_id)


def _stage(connection: duckdb.DuckDBPyConnection, file: LandedFile, rules: Rules, *, carefully: bool) -> pl.DataFrame:
    """Leave the valid rows of a file in the table `staged`, secrets hashed; return the rows set aside.

    A raw id is in memory only for as long as its batch; the table, which may spill to disk, has never held it.
    """
    columns = stored_columns(file.kind)
    definitions = ", ".join(f"{column.stored_name} {column.sql_type}" for column in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE staged ({definitions}, day DATE, row_number BIGINT)")
    select = ", ".join(f"{_kept(column)} AS {column.stored_name}" for column in columns)
    kept = [column.name for column in columns]
    quarantine = []
    for batch in validate(read_rows(file, carefully=carefully), file.kind, rules).collect_batches(
        chunk_size=BATCH_ROWS
    ):
        valid = batch.filter(pl.col(FAULT).is_null()).select(*kept, "day", ROW_NUMBER)
        connection.register("batch", in_chunks(valid))
        connection.execute(f"INSERT INTO staged SELECT {select}, day, {ROW_NUMBER} FROM batch")
        connection.unregister("batch")
        quarantine.append(refused(batch, file.kind, rules))
    return pl.concat(quarantine) if quarantine else pl.DataFrame(schema=_REFUSED_SCHEMA)


def in_chunks(frame: pl.DataFrame) -> pa.Table:
    """The frame as an Arrow table in chunks that DuckDB can share out among its threads."""
    table = frame.to_arrow().combine_chunks()
    return pa.Table.from_batches(table.to_batches(max_chunksize=CHUNK_ROWS), schema=table.schema)


def _kept(column: Column) -> str:
    """SQL of what is kept of a column: a secret only as the first 64 bits of SHA-256 over key and value, signed.

    Integers sort, join and group twice as fast as text. The same digest on every engine and version, unlike `hash()`.
    """
    if not column.is_secret:
        return column.name
    digest = f"('0x' || left(sha256(getvariable('hash_key') || {column.name}), 16))::UBIGINT"
    return f"({digest}::HUGEINT - 9223372036854775808)::BIGINT"


def _settle(
    connection: duckdb.DuckDBPyConnection,
    warehouse: Warehouse,
    file: LandedFile,
    digest: str,
    quarantine: pl.DataFrame,
    run_id: str | None,
) -> FileEntry:
    """Take duplicates out of `staged`, write a part a day, and return the file's ledger entry."""
    (valid,) = _row(connection, "SELECT count(*) FROM staged")
    received, quarantined = valid + quarantine.height, quarantine.height
    keys = ", ".join(column.stored_name for column in key_columns(file.kind))
    scope = "true" if file.kind == "contributions" else "day"  # a payment's second report may come on another day
    inside = _remove_repeated(connection, keys, scope)
    elsewhere = _remove_known(connection, warehouse, file, keys, scope)
    parts: list[NewPart] = []
    names = ", ".join(column.stored_name for column in stored_columns(file.kind))
    bots = "count(CASE WHEN is_bot THEN 1 END)" if "is_bot" in names else "0"
    for day, without_reader, marked in connection.execute(
        f"SELECT day, count(*) - count(reader_key), {bots} FROM staged GROUP BY day ORDER BY day"
    ).fetchall():
        select = f"SELECT {names}, day FROM staged WHERE day = DATE '{day.isoformat()}'"
        part = warehouse.write_query(connection, select, file.kind, day.isoformat())
        parts.append(replace(part, without_reader=without_reader, bots=marked))
    accepted = sum(part.rows for part in parts)
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
    return FileEntry(
        kind=file.kind,
        path=file.name,
        content_hash=digest,
        bytes=file.bytes,
        modified_ns=file.modified_ns,
        received=received,
        accepted=accepted,
        duplicate=inside + elsewhere,
        duplicate_elsewhere=elsewhere,
        quarantined=quarantined,
        status="ingested",
        message=None,
        run_id=run_id,
        reasons=tuple(reasons),
        parts=tuple(parts),
    )


def _remove_repeated(connection: duckdb.DuckDBPyConnection, keys: str, scope: str) -> int:
    """Delete staged rows whose key stands earlier in the same file; return how many."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT row_number FROM (
            SELECT row_number, row_number() OVER (PARTITION BY {keys}, {scope} ORDER BY row_number) AS occurrence
            FROM staged
            SEMI JOIN (SELECT {keys} FROM staged GROUP BY {keys}, {scope} HAVING count(*) > 1) USING ({keys}))
        WHERE occurrence > 1"""
    )
    (repeated,) = _row(connection, "SELECT count(*) FROM repeated")
    if repeated:
        connection.execute("DELETE FROM staged WHERE row_number IN (SELECT row_number FROM repeated)")
    return repeated


def _remove_known(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, file: LandedFile, keys: str, scope: str
) -> int:
    """Delete staged rows whose key another file in force has brought already; return how many."""
    days = None
    if scope == "day":
        days = {day.isoformat() for (day,) in connection.execute("SELECT DISTINCT day FROM staged").fetchall()}
    parts = [str(part.path) for part in warehouse.parts_of_others(file.kind, file.name, days)]
    if not parts:
        return 0
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known AS
        SELECT row_number FROM staged SEMI JOIN read_parquet($parts, union_by_name = true) USING ({keys})""",
        {"parts": parts},
    )
    (known,) = _row(connection, "SELECT count(*) FROM known")
    if known:
        connection.execute("DELETE FROM staged WHERE row_number IN (SELECT row_number FROM known)")
    return known


def _row(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[int, ...]:
    return connection.execute(statement).fetchall()[0]
