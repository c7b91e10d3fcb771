"""The frames of the pipeline as arrays: cells with a number each, columns with nulls as not a number, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.inference.arrays import Array
from analysis.metrics import Metric

#: Contributors needed in each variant before a range is put on money (and readers with any, for counts).
FEWEST_CONTRIBUTORS = 25
#: What a cell of the sufficient statistics is, epochs and variants apart.
CELL = ("experiment_id", "as_of", "basis", "segment_kind", "segment", "metric")


def require_registered(
    statistics: pl.DataFrame, plans: pl.DataFrame, shares: pl.DataFrame, metrics: Mapping[str, Metric]
) -> None:
    """Raise where a join on the registry would drop rows in silence."""
    seen = statistics.select("experiment_id", "variant_id").unique()
    for name, table in (("plan", plans), ("share", shares)):
        lost = seen.join(table, on="experiment_id", how="anti")["experiment_id"].unique().sort().to_list()
        if lost:
            raise ValueError(f"no {name} is registered for {', '.join(lost)}")
    strange = seen.join(shares, on=["experiment_id", "variant_id"], how="anti").sort("experiment_id", "variant_id")
    if not strange.is_empty():
        raise ValueError(
            "variants that are not registered: "
            + ", ".join(f"{experiment}/{variant}" for experiment, variant in strange.iter_rows())
        )
    controls = shares.filter("is_control").select("experiment_id", "variant_id").unique()["experiment_id"]
    if controls.n_unique() != len(controls) or controls.n_unique() != shares["experiment_id"].n_unique():
        raise ValueError("every experiment needs exactly one control in shares")
    unknown = sorted(set(statistics["metric"].unique()) - set(metrics))
    if unknown:
        raise ValueError(f"unknown metric {', '.join(unknown)}; known: {', '.join(metrics)}")


def variants_of(shares: pl.DataFrame) -> pl.DataFrame:
    """One row per experiment and variant: position and is_control."""
    return shares.group_by("experiment_id", "variant_id").agg(pl.col("position").min(), pl.col("is_control").first())


def cells_of(statistics: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Distinct cells with a number each, and the statistics with that number in the place of the cell's columns."""
    cells = statistics.select(CELL).unique(maintain_order=True).with_row_index("cell")
    numbered = statistics.join(cells, on=list(CELL), nulls_equal=True).select(
        "cell", "variant_id", "epoch", "n", "x", "s1", "s2", "d1", "d2", "sd"
    )
    return cells, numbered


def floats(frame: pl.DataFrame, name: str) -> Array:
    """A column as floats, null as not a number."""
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64, copy=False)


def column(name: str, values: Array) -> pl.Series:
    """A float column in which what is not a finite number is null."""
    return pl.Series(name, np.where(np.isfinite(values), values, np.nan), dtype=pl.Float64).fill_nan(None)


def texts(name: str, values: NDArray[np.str_]) -> pl.Series:
    """A text column in which "" is null."""
    return pl.Series(name, values, dtype=pl.String).replace("", None)
