"""Forgetting a reader: which rows are theirs, and the marks by which rows that come later are refused.

The list of the forgotten must not name them: it keeps a digest over the hash of the id, from which neither can be read,
and the lowest twenty bits of the hash, so that ingestion takes the digest of a few rows and not of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl

from analysis.frozen import no_longer_countable
from analysis.identity import hashed
from analysis.store import StoredPart, Warehouse
from analysis.suppression import suppress_single_readers

#: Columns of the relation `erased_marks`.
ERASED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {"bucket": pl.Int64, "digest": pl.String}


def bucket_of(column: str) -> str:
    """SQL of the twenty lowest bits of a key."""
    return f"({column} & 1048575)"


def digest_of(column: str) -> str:
    """SQL of the digest of a key: SHA-256 under the hash key, which the variable `hash_key` holds."""
    return f"sha256(getvariable('hash_key') || 'erased' || CAST({column} AS VARCHAR))"


def is_erased(column: str) -> str:
    """SQL that is true for a key which the relation `erased_marks` names."""
    return (
        f"coalesce(CASE WHEN {bucket_of(column)} IN (SELECT bucket FROM erased_marks) "
        f"THEN {digest_of(column)} IN (SELECT digest FROM erased_marks) END, false)"
    )


@dataclass(frozen=True)
class Receipt:
    """What was forgotten, without saying whom: fit to be kept and shown.

    Attributes:
        rows: Rows that left, by table.
        files: Landed files that brought them, which still hold what was sent. Askwell never writes there.
        linked: Further ids that were known to belong to the same person, and were forgotten with it.
    """

    rows: dict[str, int]
    files: tuple[str, ...]
    linked: int
    days: tuple[str, ...]


def forget_reader(warehouse: Warehouse, reader_id: str, *, with_linked: bool = True) -> Receipt:
    """Take every row of a reader out of the warehouse, physically, and refuse those that come later.

    The caller holds the write lock, and publishes afterwards: the database reads the parts that went. Refunds and details
    of the reader's payments go with them. A run that is killed is finished by the same call again: what tells which rows are
    the reader's goes last, payments after what names them and links after everything.

    Args:
        reader_id: The id as it is sent, before any hashing.
        with_linked: Also forget ids that links say belong to the same person.
    """
    settings = warehouse.settings
    warehouse.hold_to_settings()
    with warehouse.compute() as connection:
        connection.execute("SET VARIABLE hash_key = $key", {"key": settings.hash_key().decode("latin-1")})
        (own,) = connection.execute(f"SELECT {hashed('$id')}", {"id": reader_id.strip()}).fetchall()[0]
        keys = _with_linked(connection, warehouse, own) if with_linked else [own]
        connection.execute("CREATE TEMP TABLE forgotten AS SELECT unnest($keys)::BIGINT AS key", {"keys": keys})
        marks = connection.execute(f"SELECT {bucket_of('key')}, {digest_of('key')} FROM forgotten").fetchall()
        warehouse.mark_erased(marks)
        _add_half_forgotten(connection, warehouse)
        payments = _payments(connection, warehouse)
        connection.execute("CREATE TEMP TABLE forgotten_payments (id VARCHAR)")
        if payments:
            connection.executemany("INSERT INTO forgotten_payments VALUES (?)", [(payment,) for payment in payments])
        rows: dict[str, int] = {}
        days: set[str] = set()
        uncountable = no_longer_countable(warehouse)
        if uncountable or _is_held(connection, warehouse):
            # Before the rows go: a second call after a kill must still find that there is something to take out.
            suppress_single_readers(
                warehouse, connection, _counted_in(connection, warehouse) - uncountable, uncountable
            )
        for held_by, wanted in (
            (_names_payment, lambda table: True),
            (_names_reader, lambda table: table != "identity_links"),
            (_names_reader, lambda table: table == "identity_links"),
        ):
            for part in warehouse.all_parts():
                held = held_by(_columns(connection, part)) if wanted(part.table) else None
                gone = 0 if held is None else warehouse.rewrite_without(connection, part, held)
                if gone:
                    days.add(part.scope)
                    if part.in_force:
                        rows[part.table] = rows.get(part.table, 0) + gone
    warehouse.clear_spill()
    return Receipt(rows, tuple(warehouse.files_with_reason("erased_reader")), len(keys) - 1, tuple(sorted(days)))


def _add_half_forgotten(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> None:
    """Also forget keys that are marked and still stand in a link: a run that was killed had begun with them."""
    parts = [str(part.path) for part in warehouse.all_parts() if part.table == "identity_links"]
    if not parts:
        return
    marks = pl.DataFrame(warehouse.erased_marks(), schema=ERASED_SCHEMA, orient="row")
    connection.register("erased_marks", marks.to_arrow())
    connection.execute(
        "INSERT INTO forgotten SELECT DISTINCT key FROM (SELECT unnest([reader_key, linked_key]) AS key "
        f"FROM read_parquet($parts, union_by_name = true)) WHERE {is_erased('key')} AND key NOT IN (SELECT key FROM forgotten)",
        {"parts": parts},
    )
    connection.unregister("erased_marks")


def _with_linked(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, own: int) -> list[int]:
    """The key and all that links connect with it."""
    parts = [str(part.path) for part in warehouse.parts("identity_links")]
    known = {own}
    while parts:
        frontier = connection.execute(
            "SELECT reader_key, linked_key FROM read_parquet($parts) WHERE reader_key IN (SELECT unnest($keys)) "
            "OR linked_key IN (SELECT unnest($keys))",
            {"parts": parts, "keys": sorted(known)},
        ).fetchall()
        wider = known | {key for pair in frontier for key in pair}
        if wider == known:
            break
        known = wider
    return sorted(known)


def _payments(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> list[str]:
    """Ids of the forgotten readers' payments and of the invoices that they settled."""
    parts = [str(part.path) for part in warehouse.all_parts() if part.table == "contributions"]
    if not parts:
        return []
    names = {
        row[0]
        for row in connection.execute(
            "DESCRIBE SELECT * FROM read_parquet($parts, union_by_name = true)", {"parts": parts}
        ).fetchall()
    }
    ids = [name for name in ("contribution_id", "billed_by") if name in names]
    found: set[str] = set()
    for name in ids:
        found |= {
            value
            for (value,) in connection.execute(
                f"SELECT DISTINCT {name} FROM read_parquet($parts, union_by_name = true) "
                f"WHERE reader_key IN (SELECT key FROM forgotten) AND {name} IS NOT NULL",
                {"parts": parts},
            ).fetchall()
        }
    return sorted(found)


#: Columns that may hold a reader's key, and columns that may name one of their payments.
_KEY_COLUMNS = ("reader_key", "linked_key", "canonical_key", "person_key", "component_key")
_PAYMENT_COLUMNS = ("refund_of", "payment_id", "contribution_id", "renewal_of")


def _is_held(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> bool:
    """Whether any part has a row that names a forgotten reader or one of their payments."""
    for part in warehouse.all_parts():
        columns = _columns(connection, part)
        tests = [test for test in (_names_reader(columns), _names_payment(columns)) if test]
        found = f"SELECT 1 FROM read_parquet($part) WHERE {' OR '.join(f'({test})' for test in tests)} LIMIT 1"
        if tests and connection.execute(found, {"part": str(part.path)}).fetchall():
            return True
    return False


def _counted_in(connection: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> set[str]:
    """Experiments whose appeals a forgotten reader met."""
    parts = [str(part.path) for part in warehouse.parts("daily_exposures")]
    if not parts:
        return set()
    rows = connection.execute(
        "SELECT DISTINCT experiment_id FROM read_parquet($parts) WHERE reader_key IN (SELECT key FROM forgotten)",
        {"parts": parts},
    ).fetchall()
    return {experiment for (experiment,) in rows}


def _columns(connection: duckdb.DuckDBPyConnection, part: StoredPart) -> set[str]:
    rows = connection.execute("DESCRIBE SELECT * FROM read_parquet($part)", {"part": str(part.path)}).fetchall()
    return {row[0] for row in rows}


def _names_reader(columns: set[str]) -> str | None:
    """SQL that is true for rows with a forgotten key; None without a column that could hold one."""
    tests = [f"coalesce({name} IN (SELECT key FROM forgotten), false)" for name in _KEY_COLUMNS if name in columns]
    return " OR ".join(tests) or None


def _names_payment(columns: set[str]) -> str | None:
    """SQL that is true for rows that name a payment of a forgotten reader, and not the reader; None where none could."""
    tests = [
        f"coalesce({name} IN (SELECT id FROM forgotten_payments), false)"
        for name in _PAYMENT_COLUMNS
        if name in columns
    ]
    if not tests:
        return None
    reader = _names_reader(columns)
    return f"({' OR '.join(tests)})" + (f" AND NOT ({reader})" if reader else "")
