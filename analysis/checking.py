"""Questions that must have the answer none: rows lost, readers counted twice, verdicts held back."""

from __future__ import annotations

import polars as pl

from analysis.edition import Draft, edition_table
from analysis.result_tables import DECISIONS
from analysis.store import Warehouse


def files_out_of_balance(warehouse: Warehouse) -> pl.DataFrame:
    """Files whose rows do not add up, or whose accepted rows are not all in parts. Columns of the ledger."""
    ledger = warehouse.ledger().filter(pl.col("status") == "ingested")
    stored = warehouse.rows_by_file()
    return (
        ledger.join(stored, on="file_id", how="left")
        .with_columns(pl.col("stored").fill_null(0))
        .filter(
            (pl.col("received") != pl.col("accepted") + pl.col("duplicate") + pl.col("quarantined"))
            | (pl.col("stored") + pl.col("expired") != pl.col("accepted"))
        )
    )


def days_counted_twice(warehouse: Warehouse) -> list[str]:
    """Days, as `table day`, that more than one partial in force would count."""
    return [
        f"{table} {day}"
        for table in ("daily_exposures", "daily_visits", "daily_page_measures", "daily_appeal_measures")
        for day in warehouse.days_in_force_twice(table)
    ]


def experiments_to_fix(warehouse: Warehouse, edition: Draft) -> list[str]:
    """Ids of experiments whose verdict a trust check withholds."""
    decisions = edition_table(warehouse, edition, DECISIONS.name, DECISIONS.schema)
    return decisions.filter(pl.col("verdict") == "fix_first")["experiment_id"].to_list()
