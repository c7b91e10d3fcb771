"""Versions of the warehouse's catalogue, and the step from each to the next.

A step changes the catalogue only. Parts never change: a column that came later is null in them (`store.read_parts`), and a
definition that changed makes them be computed again (`outcomes.DEFINITIONS`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from importlib import resources

from analysis.errors import WarehouseError

#: Version that this Askwell writes; 1 is that of Askwell 0.1.
SCHEMA_VERSION = 3


def version_of(catalogue: sqlite3.Connection) -> int | None:
    """Return the version of a catalogue; None where its first transaction never ended."""
    if not catalogue.execute("SELECT 1 FROM sqlite_master WHERE name = 'warehouse'").fetchall():
        return None
    found = catalogue.execute("SELECT schema_version FROM warehouse").fetchone()
    return None if found is None else int(found[0])


def bring_up_to_date(catalogue: sqlite3.Connection) -> None:
    """Give a catalogue, new or of an older Askwell, the tables and columns of this one; all of it or nothing.

    Raises:
        WarehouseError: a newer Askwell has written it.
    """
    found = version_of(catalogue)
    if found == SCHEMA_VERSION:
        return
    refuse_newer(found)
    # executescript would end a transaction of its own; this one stays open until every step is done.
    catalogue.executescript(f"BEGIN IMMEDIATE; {_catalogue_sql()}")
    for version in range(found or SCHEMA_VERSION, SCHEMA_VERSION):
        _STEPS[version](catalogue)
    catalogue.execute("DELETE FROM warehouse")
    catalogue.execute("INSERT INTO warehouse VALUES (?)", (SCHEMA_VERSION,))
    catalogue.commit()


def refuse_newer(found: int | None) -> None:
    """Raise where a catalogue is of a newer Askwell, whose meaning this one cannot know.

    Raises:
        WarehouseError: in one sentence, with what to do.
    """
    if found is not None and found > SCHEMA_VERSION:
        raise WarehouseError(
            f"The warehouse has version {found}, and this Askwell knows versions up to {SCHEMA_VERSION}: use the Askwell "
            "that wrote it, or restore the backup from before the upgrade."
        )


def _from_1(catalogue: sqlite3.Connection) -> None:
    """Sources, rows that a mapping passes over, and retention came after Askwell 0.1."""
    present = {row[1] for row in catalogue.execute("PRAGMA table_info(files)")}
    for name, definition in (
        ("source", "TEXT NOT NULL DEFAULT ''"),
        ("passed_over", "INTEGER NOT NULL DEFAULT 0"),
        ("expired", "INTEGER NOT NULL DEFAULT 0"),
    ):
        if name not in present:  # warehouses made between the two versions have some of them
            catalogue.execute(f"ALTER TABLE files ADD COLUMN {name} {definition}")


def _from_2(catalogue: sqlite3.Connection) -> None:
    """Which duplicates are the same to the last value came later; of files read before, it is not known."""
    present = {row[1] for row in catalogue.execute("PRAGMA table_info(files)")}
    if "duplicate_exact" not in present:  # a catalogue of this version that has only just been made
        catalogue.execute("ALTER TABLE files ADD COLUMN duplicate_exact INTEGER")


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1, 2: _from_2}


def _catalogue_sql() -> str:
    return (resources.files("analysis") / "sql" / "catalog.sql").read_text(encoding="utf-8")
