"""The warehouse: immutable Parquet parts, a catalogue of those in force, one writer at a time.

This is the only module that writes under the warehouse folder. A part is written under a temporary name, flushed to
disk, renamed to a name that was never used before, and only then entered in the catalogue, in one SQLite transaction
with whatever it replaces: a process killed at any moment leaves a whole state behind, and at worst files that no
catalogue entry names, which the next writer sweeps. What a part replaced stays readable for the grace period.
Why a SQLite catalogue and not a JSON manifest: docs/adr/0002.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from analysis.errors import WarehouseError
from analysis.inputs import no_rows
from analysis.migrations import SCHEMA_VERSION, bring_up_to_date, refuse_newer, version_of
from analysis.result_tables import LEDGER, QUARANTINE_REASONS, ROWS_PER_DAY
from analysis.settings import Settings

LOCK_WAIT_SECONDS = 300.0

_SCOPE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")


@dataclass(frozen=True)
class Part:
    """One immutable Parquet file in force: rows of `table` for one `scope` (a day, an experiment, an edition)."""

    part_id: int
    table: str
    scope: str
    path: Path
    rows: int
    inputs: str | None


@dataclass(frozen=True)
class StoredPart:
    """A part that stands on disk, in force or retired; `file_id` is the landed file that brought it, if one did."""

    part_id: int
    table: str
    scope: str
    path: Path
    file_id: int | None
    in_force: bool
    rows: int


@dataclass(frozen=True)
class NewPart:
    """A part that stands on disk and waits for its entry in the catalogue.

    Attributes:
        without_reader, bots: Rows of an event part that name no reader, and that are marked as read by no person.
    """

    table: str
    scope: str
    path: Path
    rows: int
    inputs: str | None = None
    without_reader: int | None = None
    bots: int | None = None


@dataclass(frozen=True)
class DisplacedRows:
    """A part of another file, written again without the rows that a newer version of them replaces."""

    old: Part
    new: NewPart
    rows: int


@dataclass(frozen=True)
class FileEntry:
    """What one landed file brought to one table: received = accepted + duplicate + quarantined.

    Attributes:
        received: Rows meant for the table; None for a file that cannot be read.
        duplicate_exact: Duplicates that are the same in every stored value; the others share the key alone.
        duplicate_elsewhere: Duplicates of rows in other files.
        passed_over: Rows of a source's file that its mapping gives to no table; told of the file's first table.
        displaced: Rows of other files that rows of this one replace.
    """

    kind: str
    path: str
    content_hash: str
    bytes: int
    modified_ns: int
    received: int | None
    accepted: int
    duplicate: int
    duplicate_exact: int
    duplicate_elsewhere: int
    quarantined: int
    status: str
    message: str | None
    run_id: str | None
    source: str = ""
    passed_over: int = 0
    reasons: tuple[tuple[str, str | None, int, str | None], ...] = ()
    parts: tuple[NewPart, ...] = field(default=())
    displaced: tuple[DisplacedRows, ...] = field(default=())


@dataclass(frozen=True)
class LandedVersion:
    """A content of a landed path that the catalogue holds in force."""

    file_id: int
    kind: str
    path: str
    content_hash: str
    bytes: int
    modified_ns: int
    duplicate_elsewhere: int
    quarantined: int


@dataclass(frozen=True)
class EditionEntry:
    """A published edition as the catalogue knows it."""

    number: int
    as_of: date | None
    inputs: str
    published_at: datetime


class Warehouse:
    """The warehouse of one publisher. Reading needs no lock; every writing method needs `with warehouse.writing():`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.folders.warehouse

    # -- one writer ---------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, wait_seconds: float = LOCK_WAIT_SECONDS, holder: str = "askwell") -> Iterator[None]:
        """Hold the write lock; the kernel frees it when the process ends, however it ends.

        Raises:
            WarehouseError: another process still holds it after `wait_seconds`, the folder cannot be written, or a newer
                Askwell has written it.
        """
        with self._locked("lock", wait_seconds, holder):
            with self._catalogue() as catalogue:
                bring_up_to_date(catalogue)
            self._sweep()
            yield

    @contextmanager
    def running(self, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
        """Hold the lock of `askwell run` over all steps of a run; the steps take the write lock one by one.

        Raises:
            WarehouseError: another `askwell run` still holds it after `wait_seconds`.
        """
        with self._locked("run.lock", wait_seconds, "askwell run"):
            yield

    @contextmanager
    def _locked(self, name: str, wait_seconds: float, holder: str) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(self.folder / name, "a+", encoding="utf-8")  # noqa: SIM115 - closed below, after the lock
        except OSError as problem:
            raise WarehouseError(f"The warehouse {self.folder} cannot be written ({problem.strerror}).") from None
        with lock:
            deadline = time.monotonic() + wait_seconds
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        lock.seek(0)
                        raise WarehouseError(
                            f"Another process is writing to {self.folder} ({lock.read().strip() or 'unknown'}). "
                            "Wait for it to end, or stop it, and run again."
                        ) from None
                    time.sleep(0.2)
            lock.seek(0)
            lock.truncate()
            lock.write(f"{holder}, process {os.getpid()}")
            lock.flush()
            yield

    def holder(self) -> str | None:
        """Return who holds the write lock now; None where nobody does. Takes the lock for no longer than a look."""
        try:
            lock = open(self.folder / "lock", encoding="utf-8")  # noqa: SIM115 - closed below
        except OSError:
            return None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip() or "unknown"
        return None

    def problems(self) -> list[str]:
        """Return a clause for everything that a look at the catalogue and the folder finds broken."""
        try:
            damage = [text for (text,) in self._rows("PRAGMA quick_check") if text != "ok"]
            parts = self._rows("SELECT path FROM parts WHERE retired_at IS NULL")
        except sqlite3.DatabaseError as problem:
            return [f"{self.folder / 'catalog.sqlite'} cannot be read ({problem})"]
        except WarehouseError as problem:
            return [str(problem)]
        for (path,) in parts:
            file = self.folder / path
            if not file.exists() or file.stat().st_size == 0:
                damage.append(f"the part {file} is gone or empty")
        return damage

    def exists(self) -> bool:
        """True once something was written."""
        return (self.folder / "catalog.sqlite").exists()

    @contextmanager
    def _catalogue(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.folder / "catalog.sqlite", timeout=30)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                yield connection
        finally:
            connection.close()

    def _rows(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if not self.exists():
            return []
        # Not read-only: whoever opens the catalogue first after a kill rolls the unfinished transaction back.
        connection = sqlite3.connect(self.folder / "catalog.sqlite", timeout=30)
        try:
            version = version_of(connection)
            if version is None:
                return []  # a writer was killed before the catalogue's first transaction ended
            refuse_newer(version)
            if version == SCHEMA_VERSION:
                return connection.execute(statement, parameters).fetchall()
            # A look changes nothing: what the next writer will bring up to date is read from a copy in memory.
            with closing(sqlite3.connect(":memory:")) as copy:
                connection.backup(copy)
                bring_up_to_date(copy)
                return copy.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def hold_to_settings(self) -> None:
        """Refuse to write under another hash key, time zone or currency than the rows that are there already.

        The same reader would get a second key, or a day and an amount a second meaning, without any message.

        Raises:
            WarehouseError: naming what changed and what to do.
        """
        publisher = self.settings.publisher
        wanted = {
            "hash key": fingerprint("mark", self.settings.hash_key()),
            "time_zone": publisher.time_zone,
            "reporting_currency": publisher.reporting_currency,
        }
        with self._catalogue() as catalogue:
            found = dict(catalogue.execute("SELECT name, value FROM fixed_settings").fetchall())
            catalogue.executemany("INSERT OR IGNORE INTO fixed_settings VALUES (?, ?)", wanted.items())
        changed = [name for name, value in wanted.items() if found.get(name, value) != value]
        if changed:
            raise WarehouseError(
                f"The warehouse {self.folder} was filled under another {' and '.join(changed)}. Set it back as it was, or "
                "choose another folders.warehouse and ingest the landing folder into it."
            )

    # -- parts --------------------------------------------------------------------------------------------------

    def parts(self, table: str, scopes: Iterable[str] | None = None) -> list[Part]:
        """Parts of a table in force, oldest first; of the scopes given, or of all."""
        rows = self._rows(
            "SELECT part_id, table_name, scope, path, rows, inputs FROM parts "
            "WHERE table_name = ? AND retired_at IS NULL ORDER BY scope, part_id",
            (table,),
        )
        wanted = None if scopes is None else set(scopes)
        return [
            Part(part_id, name, scope, self.folder / path, count, inputs)
            for part_id, name, scope, path, count, inputs in rows
            if wanted is None or scope in wanted
        ]

    def parts_of_others(self, kind: str, path: str, scopes: set[str] | None) -> list[Part]:
        """Parts in force of a kind that came from another landed path; of the scopes given, or of all."""
        rows = self._rows(
            "SELECT p.part_id, p.table_name, p.scope, p.path, p.rows, p.inputs FROM parts AS p JOIN files AS f USING (file_id) "
            "WHERE p.table_name = ? AND p.retired_at IS NULL AND f.path <> ?",
            (kind, path),
        )
        return [
            Part(part_id, name, scope, self.folder / part_path, count, inputs)
            for part_id, name, scope, part_path, count, inputs in rows
            if scopes is None or scope in scopes
        ]

    def write_query(
        self,
        connection: duckdb.DuckDBPyConnection,
        select: str,
        table: str,
        scope: str,
        *,
        parameters: dict[str, object] | None = None,
        inputs: str | None = None,
    ) -> NewPart:
        """Write the result of a SELECT as a new part; it counts only once it is given to `replace` or `record_file`."""
        target, temporary = self._target(table, scope)
        # COPY takes no bound file name; the name is ours (`_SCOPE`, uuid), the folder is quoted.
        quoted = str(temporary).replace("'", "''")
        rows = connection.execute(
            f"COPY ({select}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
            "PARQUET_VERSION v2, ROW_GROUP_SIZE 122880)",
            parameters or {},
        ).fetchall()[0][0]
        return self._settle(target, temporary, table, scope, rows, inputs)

    def write_frame(self, frame: pl.DataFrame, table: str, scope: str, *, inputs: str | None = None) -> NewPart:
        """Write a frame as a new part; it counts only once it is given to `replace` or `record_file`."""
        target, temporary = self._target(table, scope)
        frame.write_parquet(temporary, compression="zstd")
        return self._settle(target, temporary, table, scope, frame.height, inputs)

    def _target(self, table: str, scope: str) -> tuple[Path, Path]:
        if not _SCOPE.match(scope):
            raise ValueError(f"scope = {scope!r} must match {_SCOPE.pattern}")
        folder = self.folder / table / scope
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{uuid.uuid4().hex}.parquet"
        return target, target.with_suffix(".parquet.tmp")

    def _settle(self, target: Path, temporary: Path, table: str, scope: str, rows: int, inputs: str | None) -> NewPart:
        flush_to_disk(temporary)
        os.rename(temporary, target)
        flush_to_disk(target.parent)
        return NewPart(table, scope, target, rows, inputs)

    def replace(self, parts: Sequence[NewPart], *, scopes: Iterable[tuple[str, str]] = ()) -> None:
        """Put parts in force and retire what stood for their (table, scope), and for the `scopes` given, at once."""
        with self._catalogue() as catalogue:
            now = _now()
            for table, scope in {(part.table, part.scope) for part in parts} | set(scopes):
                catalogue.execute(
                    "UPDATE parts SET retired_at = ? WHERE table_name = ? AND scope = ? AND retired_at IS NULL",
                    (now, table, scope),
                )
            self._enter(catalogue, parts, None, now)

    def _enter(self, catalogue: sqlite3.Connection, parts: Sequence[NewPart], file_id: int | None, now: str) -> None:
        catalogue.executemany(
            "INSERT INTO parts (table_name, scope, path, rows, without_reader, bots, file_id, inputs, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    part.table,
                    part.scope,
                    str(part.path.relative_to(self.folder)),
                    part.rows,
                    part.without_reader,
                    part.bots,
                    file_id,
                    part.inputs,
                    now,
                )
                for part in parts
            ],
        )

    def _sweep(self) -> None:
        """Delete what nothing names: left-overs of a killed writer, and parts retired longer than the grace period.

        Only the holder of the lock calls this, so no other writer's unfinished part can be among them.
        """
        limit = (datetime.now(UTC) - timedelta(days=self.settings.retention.grace_days)).isoformat(timespec="seconds")
        with self._catalogue() as catalogue:
            catalogue.execute("DELETE FROM parts WHERE retired_at < ?", (limit,))
        named = {self.folder / path for (path,) in self._rows("SELECT path FROM parts")}
        for file in self.folder.glob("*/*/*.parquet*"):
            if file not in named:
                file.unlink(missing_ok=True)

    # -- landed files -------------------------------------------------------------------------------------------

    def landed(self) -> dict[tuple[str, str], LandedVersion]:
        """The content in force of every landed path, by (kind, path)."""
        rows = self._rows(
            "SELECT file_id, kind, path, content_hash, bytes, modified_ns, duplicate_elsewhere, quarantined FROM files "
            "WHERE status <> 'superseded' ORDER BY file_id"
        )
        return {(row[1], row[2]): LandedVersion(*row) for row in rows}

    def entered_files(self) -> set[tuple[str, str, int, int]]:
        """Kind, path, size and time of change of every content that the ledger has a row for."""
        rows = self._rows("SELECT kind, path, bytes, modified_ns FROM files")
        return {(str(kind), str(path), int(size), int(modified)) for kind, path, size, modified in rows}

    def record_file(self, entry: FileEntry) -> int:
        """Enter a landed file with its parts, and retire an older content of the same path, in one transaction."""
        with self._catalogue() as catalogue:
            now = _now()
            older = [
                file_id
                for (file_id,) in catalogue.execute(
                    "SELECT file_id FROM files WHERE kind = ? AND path = ? AND status <> 'superseded'",
                    (entry.kind, entry.path),
                )
            ]
            for file_id in older:
                catalogue.execute("UPDATE files SET status = 'superseded' WHERE file_id = ?", (file_id,))
                catalogue.execute(
                    "UPDATE parts SET retired_at = ? WHERE file_id = ? AND retired_at IS NULL", (now, file_id)
                )
            new_id = catalogue.execute(
                "INSERT INTO files (kind, path, content_hash, bytes, modified_ns, received, accepted, duplicate, duplicate_exact, "
                "duplicate_elsewhere, quarantined, status, message, ingested_at, run_id, source, passed_over) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.kind,
                    entry.path,
                    entry.content_hash,
                    entry.bytes,
                    entry.modified_ns,
                    entry.received,
                    entry.accepted,
                    entry.duplicate,
                    entry.duplicate_exact,
                    entry.duplicate_elsewhere,
                    entry.quarantined,
                    entry.status,
                    entry.message,
                    now,
                    entry.run_id,
                    entry.source,
                    entry.passed_over,
                ),
            ).lastrowid
            if new_id is None:
                raise WarehouseError(f"The catalogue of {self.folder} gave the file {entry.path} no number.")
            catalogue.executemany(
                "INSERT INTO quarantine_reasons VALUES (?, ?, ?, ?, ?)", [(new_id, *reason) for reason in entry.reasons]
            )
            self._enter(catalogue, entry.parts, new_id, now)
            for displaced in entry.displaced:
                self._displace(catalogue, displaced, now)
            return new_id

    def _displace(self, catalogue: sqlite3.Connection, displaced: DisplacedRows, now: str) -> None:
        """Put the smaller part in the place of the old one, and count what left as duplicates of its file."""
        (file_id,) = catalogue.execute(
            "SELECT file_id FROM parts WHERE part_id = ?", (displaced.old.part_id,)
        ).fetchone()
        catalogue.execute("UPDATE parts SET retired_at = ? WHERE part_id = ?", (now, displaced.old.part_id))
        if displaced.new.rows:
            self._enter(catalogue, [displaced.new], file_id, now)
        catalogue.execute(
            "UPDATE files SET accepted = accepted - ?, duplicate = duplicate + ?, duplicate_elsewhere = duplicate_elsewhere + ? "
            "WHERE file_id = ?",
            (displaced.rows, displaced.rows, displaced.rows, file_id),
        )

    def write_smaller(self, connection: duckdb.DuckDBPyConnection, relation: str, part: Part) -> DisplacedRows:
        """Write what is left of an event part, held by `relation`, as a new part in its place."""
        new = self.write_query(connection, f"SELECT * FROM {relation}", part.table, part.scope)
        names = {row[0] for row in connection.execute(f"DESCRIBE {relation}").fetchall()}
        readers = "count(*) - count(reader_key)" if "reader_key" in names else "0"
        bots = "count(CASE WHEN is_bot THEN 1 END)" if "is_bot" in names else "0"
        without_reader, marked = connection.execute(f"SELECT {readers}, {bots} FROM {relation}").fetchall()[0]
        return DisplacedRows(part, replace(new, without_reader=without_reader, bots=marked), part.rows - new.rows)

    def retire_files(self, names: Sequence[tuple[str, str]]) -> None:
        """Take landed files, by kind and path, out of force: a newer edition of the same export replaces them."""
        if not names:
            return
        with self._catalogue() as catalogue:
            now = _now()
            for kind, path in names:
                found = catalogue.execute(
                    "SELECT file_id FROM files WHERE kind = ? AND path = ? AND status <> 'superseded'", (kind, path)
                ).fetchall()
                for (file_id,) in found:
                    catalogue.execute("UPDATE files SET status = 'superseded' WHERE file_id = ?", (file_id,))
                    catalogue.execute(
                        "UPDATE parts SET retired_at = ? WHERE file_id = ? AND retired_at IS NULL", (now, file_id)
                    )

    # -- readers who asked to be forgotten ----------------------------------------------------------------------

    def erased_marks(self) -> list[tuple[int, str]]:
        """Marks of readers whose rows are refused for ever, as `erasure.py` makes them: bucket and digest."""
        return [(int(bucket), digest) for bucket, digest in self._rows("SELECT bucket, digest FROM erased")]

    def mark_erased(self, marks: Sequence[tuple[int, str]]) -> None:
        """Enter readers who asked to be forgotten; see `erasure.py`."""
        with self._catalogue() as catalogue:
            catalogue.executemany(
                "INSERT OR IGNORE INTO erased VALUES (?, ?, ?)", [(bucket, digest, _now()) for bucket, digest in marks]
            )

    def all_parts(self) -> list[StoredPart]:
        """Every part that stands on disk, retired ones included."""
        return [
            StoredPart(part_id, table, scope, self.folder / path, file_id, retired_at is None, rows)
            for part_id, table, scope, path, file_id, retired_at, rows in self._rows(
                "SELECT part_id, table_name, scope, path, file_id, retired_at, rows FROM parts ORDER BY part_id"
            )
            if (self.folder / path).exists()
        ]

    def rewrite_without(self, connection: duckdb.DuckDBPyConnection, part: StoredPart, held: str) -> int:
        """Put a part without the rows for which `held` is true in the place of one, and delete that; return how many left.

        A retired part that holds such a row is deleted whole: nothing in force reads it. The ledger counts what left as set
        aside, so that its file still adds up.
        """
        source = {"part": str(part.path)}
        (gone,) = connection.execute(f"SELECT count(*) FROM read_parquet($part) WHERE {held}", source).fetchall()[0]
        if not gone:
            return 0
        with self._catalogue() as catalogue:
            if part.in_force:
                select = f"SELECT * FROM read_parquet('{str(part.path).replace(chr(39), chr(39) * 2)}', hive_partitioning = false) WHERE NOT ({held})"
                connection.execute(f"CREATE OR REPLACE TEMP TABLE kept_rows AS {select}")
                left = self.write_smaller(
                    connection, "kept_rows", Part(part.part_id, part.table, part.scope, part.path, gone, None)
                )
                counts = left.new if part.file_id is not None else replace(left.new, without_reader=None, bots=None)
                if counts.rows or part.file_id is None:
                    self._enter(catalogue, [counts], part.file_id, _now())
                if part.file_id is not None:
                    self._set_aside(catalogue, part.file_id, gone)
            catalogue.execute("DELETE FROM parts WHERE part_id = ?", (part.part_id,))
        part.path.unlink(missing_ok=True)
        return gone

    def rewrite(self, connection: duckdb.DuckDBPyConnection, part: StoredPart, select: str) -> None:
        """Put the result of a SELECT in the place of a part, with its scope and inputs, and delete the part."""
        ((inputs, retired_at),) = self._rows("SELECT inputs, retired_at FROM parts WHERE part_id = ?", (part.part_id,))
        new = self.write_query(connection, select, part.table, part.scope, inputs=inputs)
        with self._catalogue() as catalogue:
            self._enter(catalogue, [new], part.file_id, _now())
            catalogue.execute(
                "UPDATE parts SET retired_at = ? WHERE path = ?", (retired_at, str(new.path.relative_to(self.folder)))
            )
            catalogue.execute("DELETE FROM parts WHERE part_id = ?", (part.part_id,))
        part.path.unlink(missing_ok=True)

    def discard(self, parts: Iterable[StoredPart]) -> None:
        """Delete parts at once, without the grace period."""
        gone = list(parts)
        with self._catalogue() as catalogue:
            catalogue.executemany("DELETE FROM parts WHERE part_id = ?", [(part.part_id,) for part in gone])
        for part in gone:
            part.path.unlink(missing_ok=True)

    def _set_aside(self, catalogue: sqlite3.Connection, file_id: int, rows: int) -> None:
        catalogue.execute(
            "UPDATE files SET accepted = accepted - ?, quarantined = quarantined + ? WHERE file_id = ?",
            (rows, rows, file_id),
        )
        found = catalogue.execute(
            "UPDATE quarantine_reasons SET rows = rows + ? WHERE file_id = ? AND reason = 'erased_reader'",
            (rows, file_id),
        )
        if not found.rowcount:
            catalogue.execute(
                "INSERT INTO quarantine_reasons VALUES (?, 'erased_reader', NULL, ?, NULL)", (file_id, rows)
            )

    def expire(self, table: str, first_day: date) -> int:
        """Delete parts of a table by day that lie before `first_day`, retired ones too; return rows that were in force."""
        with self._catalogue() as catalogue:
            (before,) = catalogue.execute(
                "SELECT max(first_day) FROM kept_from WHERE table_name = ?", (table,)
            ).fetchone()
            catalogue.execute(
                "INSERT OR REPLACE INTO kept_from VALUES (?, ?)", (table, max(before or "", first_day.isoformat()))
            )
            old = catalogue.execute(
                "SELECT part_id, path, rows, file_id, retired_at FROM parts WHERE table_name = ? AND scope < ?",
                (table, first_day.isoformat()),
            ).fetchall()
            for part_id, _, rows, file_id, retired_at in old:
                catalogue.execute("DELETE FROM parts WHERE part_id = ?", (part_id,))
                if retired_at is None and file_id is not None:
                    catalogue.execute("UPDATE files SET expired = expired + ? WHERE file_id = ?", (rows, file_id))
        for _, path, *_ in old:
            (self.folder / path).unlink(missing_ok=True)
        return sum(rows for _, _, rows, _, retired_at in old if retired_at is None)

    def expire_scopes(self, table: str, scopes: Iterable[str]) -> int:
        """Delete parts of a table by their scopes, retired ones too; return rows that were in force."""
        wanted = set(scopes)
        with self._catalogue() as catalogue:
            found = catalogue.execute(
                "SELECT part_id, path, rows, scope, retired_at FROM parts WHERE table_name = ?", (table,)
            ).fetchall()
            old = [row for row in found if row[3] in wanted]
            catalogue.executemany("DELETE FROM parts WHERE part_id = ?", [(part_id,) for part_id, *_ in old])
        for _, path, *_ in old:
            (self.folder / path).unlink(missing_ok=True)
        return sum(rows for _, _, rows, _, retired_at in old if retired_at is None)

    def expire_quarantine(self, before: datetime) -> int:
        """Delete what was set aside before a moment; the counts by reason stay. Return the rows."""
        limit = before.astimezone(UTC).isoformat(timespec="seconds")
        with self._catalogue() as catalogue:
            old = catalogue.execute(
                "SELECT part_id, path, rows FROM parts WHERE table_name = 'quarantine' AND created_at < ?", (limit,)
            ).fetchall()
            catalogue.executemany("DELETE FROM parts WHERE part_id = ?", [(part_id,) for part_id, *_ in old])
        for _, path, _ in old:
            (self.folder / path).unlink(missing_ok=True)
        return sum(rows for *_, rows in old)

    def kept_from(self) -> dict[str, date]:
        """First day that retention has left, by table; a table of which nothing has gone is not named."""
        return {
            table: date.fromisoformat(day) for table, day in self._rows("SELECT table_name, first_day FROM kept_from")
        }

    def files_with_reason(self, reason: str) -> list[str]:
        """Paths of landed files in force of which rows were set aside for a reason."""
        return [
            path
            for (path,) in self._rows(
                "SELECT DISTINCT f.path FROM quarantine_reasons AS q JOIN files AS f USING (file_id) "
                "WHERE q.reason = ? AND f.status <> 'superseded' ORDER BY f.path",
                (reason,),
            )
        ]

    def rows_with_reason(self, reason: str) -> int:
        """Rows ever set aside for a reason."""
        return int(
            self._rows("SELECT coalesce(sum(rows), 0) FROM quarantine_reasons WHERE reason = ?", (reason,))[0][0]
        )

    def clear_spill(self) -> None:
        """Delete what computations left on disk while they ran; the caller holds the lock, so none runs."""
        for file in (self.folder / "spill").rglob("*"):
            if file.is_file():
                file.unlink(missing_ok=True)

    def ledger(self) -> pl.DataFrame:
        """One row per landed file and content. Schema `result_tables.LEDGER`."""
        names = list(LEDGER.columns)
        rows = self._rows(f"SELECT {', '.join(names)} FROM files ORDER BY file_id")
        frame = pl.DataFrame(rows, schema={**LEDGER.schema, "ingested_at": pl.String}, orient="row")
        return frame.with_columns(
            pl.col("ingested_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_unit="us").dt.replace_time_zone(None)
        )

    def quarantine_reasons(self) -> pl.DataFrame:
        """One row per file in force, reason and column. Schema `result_tables.QUARANTINE_REASONS`."""
        rows = self._rows(
            "SELECT q.file_id, f.kind, q.reason, q.column_name, q.rows, q.example FROM quarantine_reasons AS q "
            "JOIN files AS f USING (file_id) WHERE f.status <> 'superseded' ORDER BY q.file_id, q.reason, q.column_name"
        )
        return pl.DataFrame(rows, schema=QUARANTINE_REASONS.schema, orient="row")

    def rows_by_file(self) -> pl.DataFrame:
        """Rows that stand in event parts in force, by the file that brought them: `file_id`, `stored`."""
        rows = self._rows(
            "SELECT file_id, sum(rows) FROM parts WHERE retired_at IS NULL AND without_reader IS NOT NULL GROUP BY file_id"
        )
        return pl.DataFrame(rows, schema={"file_id": pl.Int64, "stored": pl.Int64}, orient="row")

    def days_in_force_twice(self, table: str) -> list[str]:
        """Scopes of a table that have more than one part in force, where one is the rule."""
        return [
            scope
            for (scope,) in self._rows(
                "SELECT scope FROM parts WHERE table_name = ? AND retired_at IS NULL GROUP BY scope HAVING count(*) > 1",
                (table,),
            )
        ]

    def parts_since(self, table: str, moment: datetime | None) -> list[tuple[Part, str]]:
        """Event parts in force that were entered after a moment, or all of them, each with the landed path that brought it."""
        limit = "" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
        return [
            (Part(part_id, table, scope, self.folder / path, count, inputs), landed)
            for part_id, scope, path, count, inputs, landed in self._rows(
                "SELECT p.part_id, p.scope, p.path, p.rows, p.inputs, f.path FROM parts AS p JOIN files AS f USING (file_id) "
                "WHERE p.table_name = ? AND p.retired_at IS NULL AND p.created_at >= ? ORDER BY p.part_id",
                (table, limit),
            )
        ]

    def rows_per_day(self) -> pl.DataFrame:
        """One row per kind and event day. Schema `result_tables.ROWS_PER_DAY`."""
        rows = self._rows(
            "SELECT table_name, scope, sum(rows), sum(without_reader), sum(bots) FROM parts "
            "WHERE retired_at IS NULL AND without_reader IS NOT NULL GROUP BY table_name, scope ORDER BY table_name, scope"
        )
        frame = pl.DataFrame(rows, schema={**ROWS_PER_DAY.schema, "day": pl.String}, orient="row")
        return frame.with_columns(pl.col("day").str.to_date("%Y-%m-%d"))

    def days_of_sources(self) -> pl.DataFrame:
        """One row per source, kind and event day in force: `source` (empty without one), `kind`, `day`, `rows`."""
        rows = self._rows(
            "SELECT f.source, p.table_name, p.scope, sum(p.rows) FROM parts AS p JOIN files AS f USING (file_id) "
            "WHERE p.retired_at IS NULL AND p.without_reader IS NOT NULL "
            "GROUP BY f.source, p.table_name, p.scope ORDER BY 1, 2, 3"
        )
        schema = {"source": pl.String, "kind": pl.String, "day": pl.String, "rows": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("day").str.to_date("%Y-%m-%d"))

    # -- editions -----------------------------------------------------------------------------------------------

    def editions(self) -> list[EditionEntry]:
        """Every published edition, oldest first."""
        return [
            EditionEntry(
                number,
                None if as_of is None else date.fromisoformat(as_of),
                inputs,
                datetime.fromisoformat(published_at),
            )
            for number, as_of, inputs, published_at in self._rows(
                "SELECT number, as_of, inputs, published_at FROM editions ORDER BY number"
            )
        ]

    def record_edition(self, number: int, as_of: date | None, inputs: str, published_at: datetime) -> None:
        """Enter a published edition; the same number again replaces it."""
        with self._catalogue() as catalogue:
            catalogue.execute(
                "INSERT OR REPLACE INTO editions VALUES (?, ?, ?, ?)",
                (
                    number,
                    None if as_of is None else as_of.isoformat(),
                    inputs,
                    published_at.isoformat(timespec="seconds"),
                ),
            )

    def edition_file(self, number: int) -> Path:
        """Where the database file of an edition stands while its events answer; it may be gone."""
        return self.folder / "editions" / f"{number}.duckdb"

    def keep_edition_file(self, number: int, published: Path) -> None:
        """Keep the database file of an edition beside its successors, and delete those whose grace period is over.

        The file is linked, not copied, where the file system allows it: an edition is kept at no cost of space.
        """
        kept = self.edition_file(number)
        kept.parent.mkdir(parents=True, exist_ok=True)
        building = kept.with_suffix(".tmp")
        building.unlink(missing_ok=True)
        try:
            os.link(published, building)
        except OSError:  # another file system, or one without links
            shutil.copyfile(published, building)
        os.replace(building, kept)
        limit = datetime.now(UTC) - timedelta(days=self.settings.retention.grace_days)
        entries = self.editions()
        for entry, successor in pairwise(entries):
            if successor.published_at < limit:
                self.edition_file(entry.number).unlink(missing_ok=True)

    def drop_edition_files(self) -> None:
        """Delete the database files of all editions; the published one stays until the next publish."""
        for file in (self.folder / "editions").glob("*.duckdb"):
            file.unlink(missing_ok=True)

    # -- DuckDB -------------------------------------------------------------------------------------------------

    @contextmanager
    def compute(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB in memory that spills beside the warehouse and keeps to the machine settings; time is UTC."""
        machine = self.settings.machine
        spill = self.folder / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": machine.memory_limit or _half_of_memory(),
            "temp_directory": str(spill),
            "preserve_insertion_order": "false",
        }
        if machine.threads is not None:
            config["threads"] = machine.threads
        connection = duckdb.connect(":memory:", config=config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


def _half_of_memory() -> str:
    """Half of what this process may use, for DuckDB; before version 2.0 that took no share of memory.

    A container's own limit counts where it is smaller than the machine's memory.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        limit = "max"
    return f"{min(memory, int(limit)) // 2 >> 20 if limit.isdigit() else memory // 2 >> 20} MiB"


def flush_to_disk(path: Path) -> None:
    """Return once a file's bytes, or a folder's entries, are on the disk and not only in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fingerprint(*items: object) -> str:
    """A short stable hash over what a result was computed from: equal inputs, equal fingerprint."""
    return hashlib.sha256("\x1f".join(str(item) for item in items).encode()).hexdigest()[:32]


def read_parts(
    connection: duckdb.DuckDBPyConnection, view: str, parts: Sequence[Part], table: str | None = None
) -> None:
    """Make a temporary view over parts of a table, that of the view's name where none is given; over no parts, an empty one.

    Parts older than a column have it as null: the columns are those of the table and of the parts together.
    """
    empty = no_rows(table or view)
    if not parts:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {empty}")
        return
    files = ", ".join("'" + str(part.path).replace("'", "''") + "'" for part in parts)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM read_parquet([{files}], union_by_name = true, "
        f"hive_partitioning = false) UNION ALL BY NAME {empty}"
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
