"""The comparison once more with what was known of readers before they were asked: less noise, the same question.

Beside the estimate, never instead of it: covariates and classes are registered, and lie wholly before the first exposure.
All experiments at once: classes of readers become moments by `np.bincount`, and small systems are solved together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.inference import sequential
from analysis.inference.arrays import Array, sum_by
from analysis.inference.layout import FEWEST_CONTRIBUTORS, column, floats, variants_of
from analysis.inference.results import Reason
from analysis.inference.variance_reduction import adjust_many, post_stratify_many
from analysis.metrics import METRICS, Metric
from analysis.result_tables import ADJUSTED_ESTIMATES

#: Bounds of the classes of earlier visits in which readers are post-stratified.
VISIT_CLASSES = (0, 1, 3, 6, 11, 31)
_STRATUM = ["experiment_id", "as_of", "metric", "epoch"]
_CLASS = ["device", "reader_type", "visits_before"]
_METHODS = ("one_covariate", "covariates", "post_stratified")


def adjusted_estimates(
    classes: pl.DataFrame, plans: pl.DataFrame, shares: pl.DataFrame, *, metrics: Mapping[str, Metric] = METRICS
) -> pl.DataFrame:
    """Compare every variant with its control, adjusted for the registered covariates.

    `one_covariate`: log(1 + visits before), where visits are registered. `covariates`: all that are registered, device and kind
    of reader as indicators. `post_stratified`: classes of device, kind of reader and visits (0, 1-2, 3-5, 6-10, 11-30, 31 and
    more). Epochs are adjusted each by itself, and their means weighted by na nb / (na + nb).

    Args:
        classes: Schema `sufficient.CLASS_SCHEMA`.
        plans, shares: As of `estimates.estimate`.
        metrics: The metrics by name.

    Returns:
        Schema `ADJUSTED_ESTIMATES`; nothing for an experiment without covariates.

    Source: Deng, Xu, Kohavi & Walker 2013; Miratrix, Sekhon & Yu 2013; docs/methods/less-noise.md.
    """
    if classes.is_empty():
        return ADJUSTED_ESTIMATES.frame()
    variants = variants_of(shares)
    arms = classes.select(*_STRATUM, "variant_id").unique(maintain_order=True).with_row_index("arm")
    cells = classes.join(arms, on=[*_STRATUM, "variant_id"], nulls_equal=True)
    controls = variants.filter("is_control").select("experiment_id", control_id="variant_id")
    pairs = (
        arms.join(variants.filter(~pl.col("is_control")), on=["experiment_id", "variant_id"])
        .join(controls, on="experiment_id")
        .join(
            arms.rename({"variant_id": "control_id", "arm": "control_arm"}),
            on=[*_STRATUM, "control_id"],
            nulls_equal=True,
        )
    )
    keys = ["experiment_id", "as_of", "metric", "variant_id", "control_id", "position"]
    rows = (
        pairs.select(keys)
        .unique(maintain_order=True)
        .sort("experiment_id", "metric", "position")
        .join(plans.select("experiment_id", "alpha", "smallest_effect"), on="experiment_id")
        .with_row_index("row")
    )
    strata = pairs.join(rows.select("row", *keys), on=keys, nulls_equal=True).sort("row")
    found = [_by_method(name, cells, strata, rows, arms.height, metrics) for name in _METHODS]
    return (
        pl.concat(found)
        .filter(pl.col("is_asked"))
        .sort("experiment_id", "metric", "position", maintain_order=True)
        .select(pl.col(name).cast(dtype) for name, dtype in ADJUSTED_ESTIMATES.schema.items())
    )


def _by_method(
    name: str, cells: pl.DataFrame, strata: pl.DataFrame, rows: pl.DataFrame, arms: int, metrics: Mapping[str, Metric]
) -> pl.DataFrame:
    a, b = (strata[side].cast(pl.Int64).to_numpy() for side in ("control_arm", "arm"))
    row = strata["row"].cast(pl.Int64).to_numpy()
    arm = cells["arm"].cast(pl.Int64).to_numpy()
    n, x, s1, s2 = (sum_by(arm, floats(cells, sums), arms) for sums in ("n", "x", "s1", "s2"))
    if name == "post_stratified":
        means, variances = _post_stratified(cells, a, b)
    else:
        means, variances = _regressed(cells, a, b, arms, _covariates(cells, all_of_them=name == "covariates"))
    height = rows.height
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = n[a] * n[b] / (n[a] + n[b])
        total = sum_by(row, weight, height)

        def over_epochs(values: Array, power: int = 1) -> Array:
            return sum_by(row, weight**power * values, height) / total**power

        def spread_of(side: NDArray[np.int64]) -> Array:
            return (s2[side] - s1[side] ** 2 / n[side]) / (n[side] - 1) / n[side]

        plain_a, plain_b = over_epochs(s1[a] / n[a]), over_epochs(s1[b] / n[b])
        plain = over_epochs(spread_of(a), 2) / plain_a**2 + over_epochs(spread_of(b), 2) / plain_b**2
        mean_a, mean_b = over_epochs(means[0]), over_epochs(means[1])
        theta = np.log(mean_b) - np.log(mean_a)
        variance = over_epochs(variances[0], 2) / mean_a**2 + over_epochs(variances[1], 2) / mean_b**2
    se = np.sqrt(variance)
    fewest = np.minimum(sum_by(row, x[a], height), sum_by(row, x[b], height))
    reason = _reasons(rows, fewest, mean_a, mean_b, se, metrics)
    known = reason == ""
    theta, se = np.where(known, theta, np.nan), np.where(known, se, np.nan)
    guards = np.array([metrics[metric].is_guardrail for metric in rows["metric"]])
    evidence = sequential.normal_mixture(
        theta, se, sequential.Priors.choose(guards, floats(rows, "smallest_effect")), floats(rows, "alpha")
    )
    numbers = {
        "mean_control": np.where(known, mean_a, np.nan),
        "mean": np.where(known, mean_b, np.nan),
        "log_ratio": theta,
        "se": se,
        "lift": np.expm1(theta),
        "anytime_low": np.expm1(evidence.low),
        "anytime_high": np.expm1(evidence.high),
        "log_e": evidence.log_e,
        "variance_kept": np.where(known, variance / plain, np.nan),
    }
    asked = cells.group_by("experiment_id", "metric").agg(
        has_visits=pl.col("visits_before").is_not_null().any(),
        has_others=pl.col("device").is_not_null().any() | pl.col("reader_type").is_not_null().any(),
    )
    return rows.join(asked, on=["experiment_id", "metric"], how="left", maintain_order="left").with_columns(
        pl.Series("n_control", sum_by(row, n[a], height)).cast(pl.Int64),
        pl.Series("n", sum_by(row, n[b], height)).cast(pl.Int64),
        *(column(key, values) for key, values in numbers.items()),
        pl.Series("reason", [text or None for text in reason.tolist()], dtype=pl.String),
        method=pl.lit(name),
        # With one covariate the two regressions are the same.
        is_asked={"one_covariate": pl.col("has_visits"), "covariates": pl.col("has_others")}.get(
            name, pl.lit(value=True)
        ),
    )


def _covariates(cells: pl.DataFrame, *, all_of_them: bool) -> Array:
    """One row a class: log(1 + visits), and indicators of device and kind of reader; 0 where one is not registered."""
    columns = [np.log1p(np.nan_to_num(floats(cells, "visits_before")))]
    for name in ("device", "reader_type") if all_of_them else ():
        # One value may stay without an indicator; with all of them they add up to 1 and one is superfluous.
        columns += [
            (cells[name] == value).fill_null(value=False).to_numpy()
            for value in cells[name].drop_nulls().unique().sort()
        ]
    return np.stack(columns, axis=1).astype(np.float64)


def _regressed(
    cells: pl.DataFrame, a: NDArray[np.int64], b: NDArray[np.int64], arms: int, covariates: Array
) -> tuple[Array, Array]:
    """Adjusted means and their variances by pair, from the moments of each arm's classes."""
    arm = cells["arm"].cast(pl.Int64).to_numpy()
    n, s1, s2 = (floats(cells, name) for name in ("n", "s1", "s2"))
    readers = sum_by(arm, n, arms)
    width = 1 + covariates.shape[1]
    sums, products = np.zeros((arms, width)), np.zeros((arms, width, width))
    sums[:, 0], products[:, 0, 0] = sum_by(arm, s1, arms), sum_by(arm, s2, arms)
    for i in range(1, width):
        x = covariates[:, i - 1]
        sums[:, i] = sum_by(arm, n * x, arms)
        products[:, 0, i] = products[:, i, 0] = sum_by(arm, s1 * x, arms)
        for j in range(1, i + 1):
            products[:, i, j] = products[:, j, i] = sum_by(arm, n * x * covariates[:, j - 1], arms)
    mean = sums / readers[:, None]
    cross = products - readers[:, None, None] * mean[:, :, None] * mean[:, None, :]
    _, means, variances = adjust_many((readers[a], mean[a], cross[a]), (readers[b], mean[b], cross[b]))
    return means, variances


def _post_stratified(cells: pl.DataFrame, a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[Array, Array]:
    """Means by the classes' shares among all readers of the pair, and their variances."""
    visits = pl.col("visits_before")
    bucket = pl.sum_horizontal((visits >= bound).cast(pl.Int64) for bound in VISIT_CLASSES)
    sums = cells.with_columns(visits_before=bucket).group_by("arm", *_CLASS).agg(pl.col("n", "s1", "s2").sum())
    pairs = (
        pl.DataFrame({"control_arm": a, "arm": b})
        .with_columns(pl.all().cast(sums.schema["arm"]))
        .with_row_index("pair")
    )
    sides = [
        pairs.select("pair", arm=side)
        .join(sums, on="arm")
        .drop("arm")
        .rename({name: f"{name}_{side}" for name in ("n", "s1", "s2")})
        for side in ("control_arm", "arm")
    ]
    both = (
        sides[0].join(sides[1], on=["pair", *_CLASS], how="full", coalesce=True, nulls_equal=True).sort("pair", *_CLASS)
    )
    columns = [
        both[f"{name}_{side}"].cast(pl.Float64).fill_null(0.0).to_numpy()
        for side in ("control_arm", "arm")
        for name in ("n", "s1", "s2")
    ]
    return post_stratify_many(both["pair"].cast(pl.Int64).to_numpy(), pairs.height, columns)


def _reasons(
    rows: pl.DataFrame, fewest: Array, mean_a: Array, mean_b: Array, se: Array, metrics: Mapping[str, Metric]
) -> NDArray[np.str_]:
    """Why there is no adjusted comparison; "" where there is one."""
    is_money = np.array([metrics[name].is_money for name in rows["metric"]])
    few = fewest < FEWEST_CONTRIBUTORS
    with np.errstate(invalid="ignore"):
        cases = (
            (few & is_money, Reason.TOO_FEW_GIFTS),
            (few, Reason.TOO_FEW_READERS),
            (~(mean_a > 0), Reason.CONTROL_MEAN_ZERO),
            (~(mean_b > 0), Reason.VARIANT_MEAN_ZERO),
            (~(se > 0), Reason.NO_VARIATION),
        )
    return np.select([case for case, _ in cases], [str(reason) for _, reason in cases], default="")
