"""A registered end, added to the estimates: ranges and verdicts of looks on the way to the information planned.

Only for the registered primary metric over all exposed readers, and only while the registration is as it was at the first
look; any other comparison, and every test without a registered end, keeps the anytime range alone.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from analysis.inference.arrays import Array
from analysis.inference.group_sequential import (
    bounds_of_many,
    information_needed,
    looks_of,
    obrien_fleming_spending,
)
from analysis.inference.layout import column

#: Columns that a registered end adds to `ESTIMATES`.
COLUMNS = ("planned_share", "planned_bound", "planned_low", "planned_high", "planned_sign", "planned_closed_at")


def guaranteed(side: str) -> pl.Expr:
    """The limit (`low` or `high`) of the lift under the registered guarantee: that of the registered end where there is one."""
    is_planned = pl.col("planned_sign").is_not_null()
    return pl.when(is_planned).then(f"planned_{side}").otherwise(f"anytime_{side}").alias(side)


def registered_ends(plans: pl.DataFrame) -> pl.DataFrame:
    """What a registered end fixes, of the experiments that have one: the plan as its first look must find it."""
    return plans.filter(pl.col("guarantee") == "planned").select(
        "experiment_id", "guarantee", "primary_metric", "alpha", "smallest_effect", "planned_information", "planned_end"
    )


def hold_to_first(plans: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Plans in which a registered end counts only where it is the one that the first look found.

    Changed after a look, or registered after one, it becomes `planned_changed`: nothing may be said by it any more.

    Args:
        plans: `registry.PLAN_SCHEMA`, as registered now.
        first: The same columns, as registered when each experiment was first counted.
    """
    facts = ("guarantee", "primary_metric", "alpha", "smallest_effect", "planned_information", "planned_end")
    held = plans.join(
        first.select("experiment_id", *(pl.col(name).alias(f"first_{name}") for name in facts)),
        on="experiment_id",
        how="left",
        maintain_order="left",
    )
    is_same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"first_{name}")) for name in facts)
    is_planned = pl.any_horizontal(pl.col("guarantee", "first_guarantee").eq_missing("planned"))
    is_changed = is_planned & pl.col("first_guarantee").is_not_null() & ~is_same
    return plans.with_columns(
        guarantee=held.select(
            pl.when(is_changed).then(pl.lit("planned_changed")).otherwise("guarantee").alias("guarantee")
        ).to_series()
    )


def with_registered_end(estimates: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """Fill the columns of a registered end.

    Each as_of of a comparison is a look. The first with all the information planned, or on the registered last day,
    spends what is left of the error; later days repeat what it said. Several variants divide the error evenly. On a day
    that brings no information, the last look stands.

    Args:
        estimates: Every day of each experiment, with `log_ratio` and `se`; the columns themselves are overwritten.
        plans: `registry.PLAN_SCHEMA`.

    Source: Lan & DeMets 1983; Jennison & Turnbull 1989 (repeated intervals).
    """
    ends = registered_ends(plans)
    decides = (pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all") & pl.col("as_of").is_not_null()
    keys = ["experiment_id", "variant_id"]
    rows = (
        estimates.with_row_index("place")
        .join(ends.rename({"primary_metric": "metric"}), on=["experiment_id", "metric"], maintain_order="left")
        .filter(decides)
        .sort(*keys, "as_of")
        .with_columns(
            test=pl.struct(keys).rank("dense").cast(pl.Int64) - 1,
            day=pl.int_range(pl.len()).over(keys),
            variants=pl.col("variant_id").n_unique().over("experiment_id"),
        )
    )
    if rows.is_empty():
        return estimates
    found = _looked(rows)
    placed = rows.select("place").with_columns(**{name: found[name] for name in COLUMNS})
    return (
        estimates.drop(COLUMNS, strict=False)
        .with_row_index("place")
        .join(placed, on="place", how="left", maintain_order="left")
        .select(estimates.columns)
    )


def _looked(rows: pl.DataFrame) -> dict[str, pl.Series]:
    test, day = rows["test"].to_numpy(), rows["day"].to_numpy()
    shape = (int(test.max()) + 1, int(day.max()) + 1)

    def board(name: str) -> Array:
        out = np.full(shape, np.nan)
        out[test, day] = rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return out

    theta, se = board("log_ratio"), board("se")
    one = rows.unique("test", maintain_order=True)
    alpha = (one["alpha"] / one["variants"]).to_numpy()
    needed = information_needed(
        one["smallest_effect"].fill_null(1.0).to_numpy(), one["alpha"].to_numpy(), one["variants"].to_numpy()
    )
    planned = one["planned_information"].fill_null(pl.Series(needed)).to_numpy()
    is_last = np.zeros(shape, dtype=bool)
    is_last[test, day] = (rows["as_of"] >= rows["planned_end"]).fill_null(value=False).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        looks = looks_of(1 / se**2, planned, is_last)
    closing = np.isfinite(looks) & ((looks >= 1) | is_last)
    with np.errstate(invalid="ignore"):
        spent = obrien_fleming_spending(np.minimum(looks, 1.0), np.broadcast_to(alpha[:, None], shape))
    spent = np.where(closing, alpha[:, None] / 2, spent)
    bounds = _spread(bounds_of_many(*_packed(looks, spent)), looks)
    with np.errstate(invalid="ignore"):
        crossed = np.where(np.abs(theta) > bounds * se, np.sign(theta), 0.0)
        low, high = theta - bounds * se, theta + bounds * se
    last = np.maximum.accumulate(np.where(np.isfinite(looks), np.arange(shape[1]), -1), axis=1)
    said = {
        "planned_share": np.minimum(looks, 1.0),
        "planned_bound": bounds,
        "planned_low": np.expm1(low),
        "planned_high": np.expm1(high),
    }
    columns = {name: column(name, _standing(values, last)[test, day]) for name, values in said.items()}
    first = np.argmax(crossed != 0, axis=1)
    sign = np.where(np.arange(shape[1]) >= first[:, None], np.take_along_axis(crossed, first[:, None], axis=1), 0.0)
    columns["planned_sign"] = pl.Series("planned_sign", sign[test, day]).cast(pl.Int64)
    closed = np.maximum.accumulate(np.where(closing, np.arange(shape[1]), -1), axis=1)[test, day]
    days = rows.select("test", at="day", planned_closed_at="as_of")
    columns["planned_closed_at"] = (
        pl.DataFrame({"test": test, "at": closed}, schema={"test": pl.Int64, "at": pl.Int64})
        .join(days, on=["test", "at"], how="left", maintain_order="left")
        .get_column("planned_closed_at")
    )
    return columns


def _packed(looks: Array, spent: Array) -> tuple[Array, Array]:
    """Looks of each test moved to the front."""
    order = np.argsort(~np.isfinite(looks), axis=1, kind="stable")
    packed = np.take_along_axis(looks, order, axis=1)
    width = max(int(np.isfinite(looks).sum(axis=1).max()), 1)
    return packed[:, :width], np.take_along_axis(spent, order, axis=1)[:, :width]


def _spread(bounds: Array, looks: Array) -> Array:
    """Packed bounds back on their days."""
    out = np.full_like(looks, np.nan)
    is_look = np.isfinite(looks)
    rank = np.cumsum(is_look, axis=1) - 1
    row, day = np.nonzero(is_look)
    out[row, day] = bounds[row, rank[row, day]]
    return out


def _standing(values: Array, last: Array) -> Array:
    """The value of the last look up to each day; not a number before the first."""
    found = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, found, np.nan)
