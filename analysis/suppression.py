"""What earlier editions say of single readers, taken out of them when a reader is erased.

Aggregates of an edition outlive the rows that they were made from. Three kinds of figures are no aggregates, because one
reader stands behind them, and go: the largest value of one reader, figures of money of a cut in which a group has one
giver, and histograms of readers by value. They go for every reader alike: a hole that only the erased
reader leaves would say that the largest gift was theirs.

Source: Hundepool et al. 2012, Statistical Disclosure Control, ch. 4 (threshold and secondary suppression).
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from analysis.cohorts import COHORT_TABLES
from analysis.frozen import freeze
from analysis.queries import query
from analysis.result_tables import (
    ARRIVALS,
    CHECKS,
    COHORTS,
    ESTIMATES,
    SPECIAL_READERS,
    SUFFICIENT_STATISTICS,
    TIED_GIFTS,
    VARIANT_RESULTS,
)
from analysis.store import Warehouse

#: Tables of editions that tell of single readers; each has its statement in `sql/suppressed/`.
_TELLING = (SUFFICIENT_STATISTICS, VARIANT_RESULTS, ESTIMATES, CHECKS, SPECIAL_READERS, TIED_GIFTS, ARRIVALS, COHORTS)


def suppress_single_readers(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    recounted: Collection[str],
    uncountable: Collection[str],
) -> None:
    """Take figures of one reader out of every edition's tables, and whatever else is kept of the old counts.

    Files of earlier editions are deleted: their small tables answer from the newest file. Cohort tables that were replaced
    are deleted, too, and those in force of `recounted` experiments, which the next run makes again without the reader.
    Those of `uncountable` ones go as well, once what the last
    edition said of them in sums is kept in their place. The caller holds the write lock. The same call again changes nothing.

    Args:
        recounted: Ids of the experiments in which the reader was counted, and of which every row is still there.
        uncountable: Ids of those of which retention has taken rows.
    """
    for table in _TELLING:
        for part in warehouse.all_parts():
            if part.table != table.name:
                continue
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE kept AS SELECT * FROM read_parquet($part, hive_partitioning = false)",
                {"part": str(part.path)},
            )
            warehouse.rewrite(connection, part, query(f"suppressed/{table.name}"))
    freeze(warehouse, uncountable)
    gone = {*recounted, *uncountable}
    warehouse.discard(
        part
        for part in warehouse.all_parts()
        if part.table in COHORT_TABLES and (not part.in_force or part.scope in gone)
    )
    warehouse.drop_edition_files()
