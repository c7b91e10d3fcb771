"""Effects by group of readers: shrunk towards the common one, and whether groups differ at all.

Never a list of separate verdicts. Which groups there are was fixed at first exposure; nothing here picks any.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from analysis.inference.arrays import Array, leave

#: Fewer groups than this are shown as they are.
FEWEST_SEGMENTS = 4
_FAMILY = ["experiment_id", "as_of", "basis", "segment_kind", "metric", "variant_id"]

#: Columns of `segment_effects`, with their types.
SEGMENT_EFFECT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "as_of": pl.Date,
    "basis": pl.String,
    "segment_kind": pl.String,
    "segment": pl.String,
    "metric": pl.String,
    "variant_id": pl.String,
    "log_ratio": pl.Float64,
    "se": pl.Float64,
    "shrunk_log_ratio": pl.Float64,
    "shrunk_se": pl.Float64,
    "shrunk_low": pl.Float64,
    "shrunk_high": pl.Float64,
    "segments": pl.Int64,
    "segment_tau": pl.Float64,
    "q": pl.Float64,
    "q_p": pl.Float64,
    "reason": pl.String,
}


def segment_effects(estimates: pl.DataFrame, *, level: float = 0.95) -> pl.DataFrame:
    """Return the groups of every segmentation with shrunk effects, for all of them in one pass.

    Scale of the differences by restricted likelihood; shrinkage and interval as `pooling.shrink`; Cochran's Q asks whether
    groups differ at all. Fewer than four groups are not shrunk (`too_few_segments`), a group without a standard error is
    listed with its own reason and left out of the others' centre.

    Args:
        estimates: Schema `ESTIMATES`; rows of segment kind `all` are left out.
        level: Coverage of the interval of the shrunk lift, for one look.

    Returns:
        One row per experiment, as_of, basis, segment_kind, segment, metric and variant. Schema `SEGMENT_EFFECT_SCHEMA`;
        log ratios, except `shrunk_low` and `shrunk_high`, which are lifts.

    Source: Morris 1983; Harville 1977 (restricted likelihood); Cochran 1954. docs/methods/segments.md.
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level} must lie between 0 and 1")
    rows = estimates.filter(pl.col("segment_kind") != "all").select(*_FAMILY, "segment", "log_ratio", "se", "reason")
    usable = pl.col("se").is_not_null() & (pl.col("se") > 0)
    families = rows.select(_FAMILY).unique(maintain_order=True).with_row_index("family")
    numbered = rows.join(families, on=_FAMILY, nulls_equal=True, maintain_order="left").with_columns(
        column=pl.when(usable).then(usable.cum_sum().over("family") - 1)
    )
    seen = numbered.filter(pl.col("column").is_not_null())
    at = (seen["family"].cast(pl.Int64).to_numpy(), seen["column"].cast(pl.Int64).to_numpy())
    width = int(at[1].max()) + 1 if seen.height else 1
    y, s2 = np.full((families.height, width), np.nan), np.full((families.height, width), np.nan)
    y[at], s2[at] = seen["log_ratio"].to_numpy(), seen["se"].to_numpy() ** 2
    tau2, q, shrunk, spread = _shrink_all(y, s2)
    count = np.isfinite(y).sum(axis=1)
    several = count >= 2
    half = -special.ndtri((1 - level) / 2) * np.sqrt(spread[at])
    of_family = families.select("family").with_columns(
        segments=pl.Series(count),
        segment_tau=_nullable(np.where(count >= FEWEST_SEGMENTS, np.sqrt(tau2), np.nan)),
        q=_nullable(np.where(several, q, np.nan)),
        q_p=_nullable(np.where(several, special.chdtrc(np.maximum(count - 1, 1), np.nan_to_num(q)), np.nan)),
    )
    of_segment = seen.select("family", "column").with_columns(
        shrunk_log_ratio=_nullable(shrunk[at]),
        shrunk_se=_nullable(np.sqrt(spread[at])),
        shrunk_low=_nullable(np.expm1(shrunk[at] - half)),
        shrunk_high=_nullable(np.expm1(shrunk[at] + half)),
    )
    return (
        numbered.join(of_family, on="family", maintain_order="left")
        .join(of_segment, on=["family", "column"], how="left", maintain_order="left")
        .with_columns(
            reason=pl.coalesce(
                pl.when(~usable).then(pl.col("reason")),
                pl.when(pl.col("segments") < FEWEST_SEGMENTS).then(pl.lit("too_few_segments")),
            )
        )
        .select(pl.col(name).cast(dtype) for name, dtype in SEGMENT_EFFECT_SCHEMA.items())
    )


def _nullable(values: Array) -> pl.Series:
    return pl.Series(np.where(np.isfinite(values), values, np.nan), dtype=pl.Float64).fill_nan(None)


def _shrink_all(y: Array, s2: Array) -> tuple[Array, Array, Array, Array]:
    """Scale squared, Q, shrunk effects and their variances; one row a family, missing groups not numbers."""
    there = np.isfinite(y)
    value, variance = np.where(there, y, 0.0), np.where(there, s2, 1.0)
    count = there.sum(axis=1)

    def centred(tau2: Array) -> tuple[Array, Array, Array]:
        weight = np.where(there, 1 / (variance + tau2[:, None]), 0.0)
        total = np.maximum(weight.sum(axis=1), 1e-300)
        return weight, total, (weight * value).sum(axis=1) / total

    def slope(tau2: Array) -> Array:
        weight, total, centre = centred(tau2)
        squares = weight**2
        return (squares * (value - centre[:, None]) ** 2).sum(axis=1) - total + squares.sum(axis=1) / total

    zero = np.zeros(y.shape[0])
    weight, _, centre = centred(zero)
    q = (weight * (value - centre[:, None]) ** 2).sum(axis=1)
    differs: NDArray[np.bool_] = (slope(zero) > 0) & (count >= 2)
    start = np.where(there, variance, 0.0).max(axis=1, initial=1e-12)
    tau2 = np.where(differs, leave(lambda t: np.where(differs, slope(t), -1.0), start, halvings=60), 0.0)
    weight, total, centre = centred(tau2)
    enough = (count >= FEWEST_SEGMENTS)[:, None] & there
    s = np.maximum(count, FEWEST_SEGMENTS)[:, None]
    around = variance + tau2[:, None]
    mean_around = (np.where(there, around, 0.0).sum(axis=1) / np.maximum(count, 1))[:, None]
    factor = variance / around * (s - 3) / (s - 1)
    apart = value - centre[:, None]
    spread = (
        (1 - factor) * variance
        + factor**2 / total[:, None]
        + 2 / (s - 3) * factor**2 * (mean_around / around) * apart**2
    )
    shrunk = (1 - factor) * value + factor * centre[:, None]
    return tau2, q, np.where(enough, shrunk, np.nan), np.where(enough, spread, np.nan)
