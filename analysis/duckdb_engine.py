"""Counting in this process with DuckDB, a range of readers at a time: memory is bounded whatever the experiments' size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import polars as pl

from analysis.cohorts import (
    ASKED_ONCE,
    COHORT_TABLES,
    INPUTS,
    OF_A_RANGE,
    OF_ALL_READERS,
    Common,
    Count,
    added_up,
    bounds,
    by_last_day,
    key_ranges,
    parameters,
    seen,
    together,
)
from analysis.queries import named_in, query
from analysis.recounting import Recount, both
from analysis.store import read_parts

#: Rows of daily partials that are merged at a time, of one experiment or of several: bounds the memory whatever their
#: size, and lets many small experiments share one reading of the files.
READERS_PER_RANGE = 2_000_000

#: Relations of which only the rows of affected readers are read: those that are large.
_BY_READER = ("daily_exposures", "daily_visits", "earlier_visits", "daily_page_measures", "daily_appeal_measures")

#: Relations whose parts may concern readers when they come or go.
AFFECTING = (*_BY_READER, "contributions", "earlier_contributions", "payment_details")


class DuckDBEngine:
    """Counts on a connection of the warehouse."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, common: Common) -> None:
        self._connection = connection
        self._common = common

    def batches(self, counts: Sequence[Count]) -> Iterator[Sequence[Count]]:
        """A pass has one last day, readers enough to be worth reading files for, and not too many."""
        read_parts(self._connection, "daily_exposures", together(counts, "daily_exposures"))
        rows = dict(
            self._connection.execute(
                "SELECT experiment_id, count(*) FROM daily_exposures GROUP BY experiment_id"
            ).fetchall()
        )
        for alike in by_last_day(counts):
            batch: list[Count] = []
            held = 0
            for one in alike:
                own = rows.get(one.experiment.id, 0)
                if batch and held + own > READERS_PER_RANGE:
                    yield batch
                    batch, held = [], 0
                batch.append(one)
                held += own
            yield batch

    def count(self, batch: Sequence[Count]) -> dict[str, pl.DataFrame]:
        """The tables of `COHORT_TABLES`; ranges of readers add up because readers do."""
        self._read(batch)
        return self._counted()

    def recount(self, group: Sequence[Recount]) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]] | None:
        """The tables of the readers alone whom the change concerns, as they were and as they are.

        None where these are too many to be held at once: then a range of all readers at a time takes less memory.
        """
        self._find_affected(group)
        (affected,) = self._connection.execute("SELECT count(*) FROM affected_readers").fetchall()[0]
        if affected > READERS_PER_RANGE:
            return None
        before, after = both(group)
        return self._count_affected(before), self._count_affected(after)

    def _find_affected(self, group: Sequence[Recount]) -> None:
        before, after = both(group)
        self._read(after)
        for relation in AFFECTING:
            changed = {part.part_id: part for one in group for part in one.changed(relation)}
            read_parts(self._connection, f"changed_{relation}", list(changed.values()), INPUTS[relation][0])
        paid = {part.part_id: part for count in (before, after) for part in together(count, "contributions")}
        read_parts(self._connection, "all_contributions", list(paid.values()), "contributions")
        values = parameters(self._common.settings) | {"reads_visits": group[0].reads_visits}
        self._make(("affected_readers",), values)

    def _count_affected(self, batch: Sequence[Count]) -> dict[str, pl.DataFrame]:
        self._read(batch)
        asked = {name: [self._connection.sql(query(name)).pl()] for name in ASKED_ONCE}
        for name in _BY_READER:
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {name}_affected AS SELECT * FROM {name} SEMI JOIN affected_readers USING (reader_key)"
            )
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_affected")
        return self._counted(asked)

    def _counted(self, asked: dict[str, list[pl.DataFrame]] | None = None) -> dict[str, pl.DataFrame]:
        """The tables of what `_read` shows, but for those that were asked already."""
        connection, settings = self._connection, self._common.settings
        self._make(OF_ALL_READERS, parameters(settings))
        (rows,) = connection.execute(
            "SELECT count(*) FROM daily_exposures AS d JOIN counted_experiments AS c ON c.experiment_id = d.experiment_id"
        ).fetchall()[0]
        found: dict[str, list[pl.DataFrame]] = {name: [] for name in COHORT_TABLES} | (asked or {})
        for low, high in key_ranges(-(-rows // READERS_PER_RANGE)):
            values = parameters(settings, low, high)
            self._make(OF_A_RANGE, values)
            for name, frames in found.items():
                if name in ASKED_ONCE and frames:
                    continue
                frames.append(connection.sql(query(name), params=named_in(query(name), values)).pl())
        return {name: added_up(name, frames) for name, frames in found.items()}

    def _read(self, batch: Sequence[Count]) -> None:
        connection = self._connection
        read_parts(connection, "persons", self._common.persons)
        for name, (table, _) in INPUTS.items():
            read_parts(connection, f"stored_{name}", together(batch, name), table)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {seen(name, 'epoch_us({})', self._common)}")
        for name, frame in bounds(batch, self._common).items():
            connection.register("incoming", frame.to_arrow())
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM incoming")
            connection.unregister("incoming")

    def _make(self, names: Sequence[str], values: dict[str, int | bool]) -> None:
        for name in names:
            statement = query(name)
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {statement}", named_in(statement, values))
