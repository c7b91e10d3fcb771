"""Experiments that can no longer be counted, as the last edition told them.

Retention takes rows and leaves the cohort tables made from them. When a reader is erased these tables go, because their
histograms tell of single readers and cannot be made again without the one; what the last edition said in sums, after its
own suppression, is kept in their place, and every later edition says the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

import polars as pl

from analysis.registry import Experiment
from analysis.result_tables import ARRIVALS, FUNNEL, SPECIAL_READERS, STRANGERS, SUFFICIENT_STATISTICS, TIED_GIFTS
from analysis.store import Warehouse

#: Tables that an edition makes from cohort tables. None counts readers by value.
_TOLD = (
    SUFFICIENT_STATISTICS.name,
    "exposure_counts",
    "daily_readers",
    ARRIVALS.name,
    FUNNEL.name,
    SPECIAL_READERS.name,
    TIED_GIFTS.name,
    STRANGERS.name,
)


def no_longer_countable(warehouse: Warehouse) -> set[str]:
    """Experiments with cohort tables of whose first days retention has taken rows."""
    boundary = max(warehouse.kept_from().values(), default=date.min)
    return {
        part.scope
        for part in warehouse.parts("cohort_cells")
        if (first := pl.scan_parquet(part.path).select(pl.col("first_day").min()).collect().item())
        and first <= boundary
    }


def freeze(warehouse: Warehouse, experiments: Collection[str]) -> None:
    """Keep what the last edition said of some experiments in the place of their cohort tables; the caller holds the lock.

    The same call again changes nothing, also where the cohort tables have gone since.
    """
    editions = warehouse.editions()
    parts = []
    for table in _TOLD if editions else ():
        for part in warehouse.parts(table, [str(editions[-1].number)]):
            told = pl.read_parquet(part.path)
            for experiment, rows in told.partition_by("experiment_id", as_dict=True).items():
                if experiment[0] in experiments:
                    parts.append(warehouse.write_frame(rows, _kept_as(table), str(experiment[0])))
    warehouse.replace(parts)


def frozen(warehouse: Warehouse) -> set[str]:
    """Ids of the experiments that are told by what was kept."""
    return {part.scope for part in warehouse.parts(_kept_as(SUFFICIENT_STATISTICS.name))}


def with_frozen(
    warehouse: Warehouse, experiments: Sequence[Experiment], tables: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """The tables of an edition with the rows that were kept of experiments that are still registered."""
    registered = [experiment.id for experiment in experiments]
    return {
        name: pl.concat(
            [
                table,
                *(pl.read_parquet(part.path) for part in warehouse.parts(_kept_as(name), registered)),
            ],
            how="diagonal_relaxed",
        )
        if name in _TOLD
        else table
        for name, table in tables.items()
    }


def _kept_as(table: str) -> str:
    return f"frozen_{table}"
