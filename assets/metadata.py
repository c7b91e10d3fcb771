"""What the Dagster UI shows of an asset: owners, columns, rows by partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import dagster as dg

from analysis.result_tables import ResultTable

OWNERS = ["team:growth-data"]


def column_schema(columns: Iterable[tuple[str, str, str]]) -> dg.TableSchema:
    """Name, type and meaning of columns as Dagster's table schema."""
    return dg.TableSchema([dg.TableColumn(name, kind, description=meaning) for name, kind, meaning in columns])


def table_schema(table: ResultTable) -> dg.TableSchema:
    """A result table's columns as Dagster's table schema."""
    return column_schema((name, str(kind), meaning) for name, (kind, meaning) in table.columns.items())


def add_partition_metadata(
    context: dg.AssetExecutionContext, days: Iterable[date], metadata: Callable[[date], dict[str, object]]
) -> None:
    """Report each day under its own partition, also days that the run did not name.

    A run over a range would otherwise show one set of numbers for every day of it.
    """
    named = set(context.partition_keys)
    for day in sorted(days):
        key = day.isoformat()
        if key in named:
            context.add_asset_metadata(metadata(day), partition_key=key)
        elif context.assets_def.partitions_def is not None and context.assets_def.partitions_def.has_partition_key(key):
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=key, metadata=_plain(metadata(day))))


def _plain(metadata: dict[str, object]) -> dict[str, int | float | str]:
    return {key: value for key, value in metadata.items() if isinstance(value, (int, float, str))}
