"""Sufficient statistics in, estimates out: every experiment, day, metric, segment and variant in one vectorised pass.

Polars lays the statistics of control and variant side by side, one row a comparison and epoch; NumPy kernels do the
rest for all comparisons at once. Nothing here loops over experiments or days.

Epochs. Whenever planned shares change, readers are compared inside the epoch in which they were assigned. Means of
control and variant are weighted over epochs by na nb / (na + nb) each (Mantel & Haenszel 1959 for conversion, the same
weights for the other metrics): one rule for all metrics, equal to the plain means where there is one epoch, and no epoch
has to be dropped for having no gift, which would select on the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.inference import bayesian, means, proportions, sequential
from analysis.inference.arrays import Array, sum_by
from analysis.inference.layout import (
    FEWEST_CONTRIBUTORS,
    cells_of,
    column,
    floats,
    require_registered,
    texts,
    variants_of,
)
from analysis.inference.planned_end import COLUMNS as REGISTERED_END
from analysis.inference.planned_end import with_registered_end
from analysis.inference.prior_scale import with_scale
from analysis.inference.results import SMALLEST_P, Reason
from analysis.inference.variants import describe_variants
from analysis.metrics import METRICS, Metric
from analysis.result_tables import ESTIMATES

__all__ = ["describe_variants", "estimate"]

#: Rows that the bisections take at once: their arrays then stay in the processor's cache.
_CHUNK = 16_384
_LARGEST_LOG_E = 690.0
_SUMS = ("n", "x", "s1", "s2", "d1", "d2", "sd")

Booleans = NDArray[np.bool_]


def estimate(
    statistics: pl.DataFrame,
    plans: pl.DataFrame,
    shares: pl.DataFrame,
    *,
    scales: pl.DataFrame | None = None,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Compare every variant with its control.

    conversion and other binary metrics: score ratio interval and score test for one look (the p is below alpha exactly
    when the interval beside it excludes 0; the conditional mid-p is not, and holds only for rare events), exact
    conditional mixture for any number of looks, guardrails included: it is exact however high the rate, a high rate
    costs width only. Money: log ratio of means with a t quantile on the effective number of gifts, normal mixture.
    Counts: log ratio with the normal quantile, normal mixture. Ratio metrics: the same on the log ratio of ratios, with
    the variance of the delta method (readers stay the unit).

    Intervals of the registered primary metric in segment `all` hold for all variants of the experiment together
    (alpha divided by their number); all others hold one by one.

    Args:
        statistics: Schema `SUFFICIENT_STATISTICS`; any number of experiments and days.
        plans: `registry.PLAN_SCHEMA`; alpha, primary metric and smallest effect come from here.
        shares: `registry.SHARE_SCHEMA`; planned shares by epoch, and which variant is the control.
        scales: Scale of the prior of the log ratio by experiment and metric, as learned from past tests (schema
            `prior_scale.SCALE_SCHEMA`); 0.10 where absent. A 0 is taken as 0.01.
        metrics: The metrics by name: those built in, and a team's own (`registry.catalogue`).

    Returns:
        Schema `ESTIMATES`; one row per cell and variant other than the control, in the order of the statistics and the
        registry. A variant that nobody saw has its row, with the reason.

    Raises:
        ValueError: an experiment of the statistics has no plan, no share, or not one control; a metric is not known; or
            a variant of the statistics is not registered.

    Source: Miettinen & Nurminen 1985; Kish 1965; Robbins 1970; Waudby-Smith & Ramdas 2020; see docs/methods/.
    """
    rows, strata = _pairs(statistics, plans, shares, metrics)
    rows = with_scale(rows, scales)
    if rows.is_empty():
        return ESTIMATES.frame()
    pairs = _Pairs.of(rows, strata, metrics)
    absent = {name: pl.lit(None, dtype=ESTIMATES.schema[name]) for name in REGISTERED_END}
    found = rows.with_columns(**_compare(pairs), **absent).select(
        pl.col(name).cast(dtype) for name, dtype in ESTIMATES.schema.items()
    )
    return with_registered_end(found, plans)


def _pairs(
    statistics: pl.DataFrame, plans: pl.DataFrame, shares: pl.DataFrame, metrics: Mapping[str, Metric]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows (one per comparison, numbered) and strata (one per comparison and epoch, sorted by row)."""
    require_registered(statistics, plans, shares, metrics)
    cells, numbered = cells_of(statistics)
    variants = variants_of(shares)
    controls = variants.filter("is_control").select("experiment_id", control_id="variant_id")
    others = variants.filter(~pl.col("is_control")).with_columns(variants_compared=pl.len().over("experiment_id"))
    rows = (
        cells.join(plans.select("experiment_id", "primary_metric", "alpha", "smallest_effect"), on="experiment_id")
        .join(controls, on="experiment_id")
        .join(others, on="experiment_id")
        .sort("cell", "position")
        .with_row_index("row")
    )
    planned = shares.select("experiment_id", "epoch", "variant_id", "share")
    keys = rows.select("row", "cell", "experiment_id", "control_id", "variant_id")
    control = keys.join(numbered, left_on=["cell", "control_id"], right_on=["cell", "variant_id"]).select(
        "row", "epoch", *(pl.col(name).alias(f"{name}_a") for name in _SUMS)
    )
    variant = keys.join(numbered, on=["cell", "variant_id"]).select(
        "row", "epoch", *(pl.col(name).alias(f"{name}_b") for name in _SUMS)
    )
    strata = (
        control.join(variant, on=["row", "epoch"], how="full", coalesce=True)
        .join(keys, on="row")
        .join(
            planned.rename({"variant_id": "control_id", "share": "share_a"}),
            on=["experiment_id", "epoch", "control_id"],
            how="left",
        )
        .join(planned.rename({"share": "share_b"}), on=["experiment_id", "epoch", "variant_id"], how="left")
        .sort("row", "epoch")
        .select(
            "row",
            *(f"{name}_{side}" for side in ("a", "b") for name in _SUMS),
            rho=pl.col("share_b") / (pl.col("share_a") + pl.col("share_b")),
        )
    )
    return rows, strata


@dataclass(frozen=True)
class _Strata:
    """One element per comparison and epoch in which both sides have readers."""

    row: NDArray[np.int64]
    na: Array
    xa: Array
    s1a: Array
    s2a: Array
    nb: Array
    xb: Array
    s1b: Array
    s2b: Array
    d1a: Array
    d2a: Array
    sda: Array
    d1b: Array
    d2b: Array
    sdb: Array
    rho: Array


@dataclass(frozen=True)
class _Pairs:
    """The comparisons as arrays of one element each, and their strata."""

    count: int
    binary: Booleans
    money: Booleans
    ratio: Booleans
    described: Booleans
    matured: Booleans
    retention: Booleans
    guardrail: Booleans
    less_is_better: Booleans
    overall: Booleans
    alpha: Array
    alpha_together: Array
    smallest_effect: Array
    tau: Array
    strata: _Strata
    epochs: NDArray[np.int64]
    na: Array
    xa: Array
    nb: Array
    xb: Array

    @classmethod
    def of(cls, rows: pl.DataFrame, strata: pl.DataFrame, metrics: Mapping[str, Metric]) -> _Pairs:
        count = rows.height
        names = list(metrics)
        kinds = np.array([metrics[name].kind for name in names])
        code = rows["metric"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
        overall = (rows["segment_kind"] == "all").to_numpy()
        primary = (rows["metric"] == rows["primary_metric"]).to_numpy()
        together = np.where(overall & primary, floats(rows, "variants_compared"), 1.0)
        binary, ratio = kinds[code] == "binary", kinds[code] == "ratio"
        index = strata["row"].cast(pl.Int64).to_numpy()
        columns = {name: floats(strata, name) for name in strata.columns if name != "row"}
        # A reader who converted adds 1, whatever the table's sums say.
        is_binary = binary[index]
        for side in ("a", "b"):
            for name in ("s1", "s2"):
                columns[f"{name}_{side}"] = np.where(is_binary, columns[f"x_{side}"], columns[f"{name}_{side}"])
            # A mean per reader is a ratio whose denominator is 1 for every reader.
            for name, ones in (("d1", "n"), ("d2", "n"), ("sd", "s1")):
                columns[f"{name}_{side}"] = np.where(ratio[index], columns[f"{name}_{side}"], columns[f"{ones}_{side}"])

        def total(name: str) -> Array:
            # An epoch without a row had no reader; a row without a count is not known.
            absent = np.isnan(columns[f"n_{name[-1]}"])
            return sum_by(index, np.where(absent, 0.0, columns[name]), count)

        totals = {name: total(name) for name in ("n_a", "x_a", "n_b", "x_b")}
        kept = (columns["n_a"] > 0) & (columns["n_b"] > 0)
        part = {name: values[kept] for name, values in columns.items()}
        return cls(
            count=count,
            binary=binary,
            money=kinds[code] == "money",
            ratio=ratio,
            described=np.array([metrics[name].is_description for name in names])[code],
            matured=np.array([metrics[name].is_matured_only for name in names])[code],
            retention=np.array([metrics[name].needs_retention for name in names])[code],
            guardrail=np.array([metrics[name].is_guardrail for name in names])[code],
            less_is_better=np.array([metrics[name].direction == "less_is_better" for name in names])[code],
            overall=overall,
            alpha=floats(rows, "alpha"),
            alpha_together=floats(rows, "alpha") / together,
            smallest_effect=floats(rows, "smallest_effect"),
            tau=floats(rows, "tau"),
            strata=_Strata(
                row=index[kept],
                na=part["n_a"],
                xa=part["x_a"],
                s1a=part["s1_a"],
                s2a=part["s2_a"],
                nb=part["n_b"],
                xb=part["x_b"],
                s1b=part["s1_b"],
                s2b=part["s2_b"],
                d1a=part["d1_a"],
                d2a=part["d2_a"],
                sda=part["sd_a"],
                d1b=part["d1_b"],
                d2b=part["d2_b"],
                sdb=part["sd_b"],
                rho=part["rho"],
            ),
            epochs=np.bincount(index[kept], minlength=count),
            na=totals["n_a"],
            xa=totals["x_a"],
            nb=totals["n_b"],
            xb=totals["x_b"],
        )

    def sum(self, values: Array) -> Array:
        """Sum over the epochs of each comparison."""
        return sum_by(self.strata.row, values, self.count)


def _compare(pairs: _Pairs) -> dict[str, pl.Series]:
    strata, total = pairs.strata, pairs.sum
    n = strata.na + strata.nb
    weight = strata.na * strata.nb / n
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = total(weight)
        # Of a mean per reader the denominators are the weights themselves.
        over_a = np.where(pairs.ratio, total(strata.d1a * strata.nb / n), weights)
        over_b = np.where(pairs.ratio, total(strata.d1b * strata.na / n), weights)
        mean_a = total(strata.s1a * strata.nb / n) / over_a
        mean_b = total(strata.s1b * strata.na / n) / over_b
        theta = np.log(mean_b) - np.log(mean_a)
        # Greenland & Robins 1985 for counts of readers; the same weights with sample variances for the rest.
        binary_variance = total(((strata.xa + strata.xb) * weight - strata.xa * strata.xb) / n) / (
            mean_a * mean_b * weights**2
        )
        spread_a = means.variance(strata.na, strata.s1a, strata.s2a) / strata.na
        spread_b = means.variance(strata.nb, strata.s1b, strata.s2b) / strata.nb
        if pairs.ratio.any():
            # Deng, Knoblich & Lu 2018, equation 4: the spread of what is left of y once r d is taken off.
            is_ratio = pairs.ratio[strata.row]
            left_a = _left_over(
                strata.na, strata.s1a, strata.s2a, strata.d1a, strata.d2a, strata.sda, mean_a[strata.row]
            )
            left_b = _left_over(
                strata.nb, strata.s1b, strata.s2b, strata.d1b, strata.d2b, strata.sdb, mean_b[strata.row]
            )
            spread_a, spread_b = np.where(is_ratio, left_a, spread_a), np.where(is_ratio, left_b, spread_b)
        mean_variance = (
            total(weight**2 * spread_a) / (over_a * mean_a) ** 2 + total(weight**2 * spread_b) / (over_b * mean_b) ** 2
        )
        se = np.sqrt(np.where(pairs.binary, binary_variance, mean_variance))
        k_a = means.effective_number(total(strata.s1a), total(strata.s2a))
        k_b = means.effective_number(total(strata.s1b), total(strata.s2b))
    reasons = _reasons(pairs, mean_a, mean_b, se, total(np.where(np.isnan(strata.rho), 1.0, 0.0)) > 0)
    shown = np.isfinite(theta) & np.isin(reasons, _LIFT_SHOWN)
    ranged = shown & np.isin(reasons, _RANGE_SHOWN)
    theta = np.where(shown, theta, np.nan)
    se = np.where(ranged, se, np.nan)

    fixed_low, fixed_high, fixed_p, method = _fixed(pairs, theta, se, ranged, reasons, k_a, k_b)
    difference_low, difference_high = _difference(pairs, ranged, reasons)
    evidence = _evidence(pairs, theta, se, ranged, reasons)
    posterior = _posterior(pairs, theta, se, ranged, reasons, mean_a)
    anytime_low, anytime_high = _lift(evidence.low), _lift(evidence.high)
    base = np.where(mean_a > 0, mean_a, np.nan) * 1000
    e_value = np.exp(np.minimum(evidence.log_e, _LARGEST_LOG_E))
    money = pairs.money
    numbers = {
        "mean_control": mean_a,
        "mean": mean_b,
        "n_effective_control": np.where(money, k_a, np.nan),
        "n_effective": np.where(money, k_b, np.nan),
        "log_ratio": theta,
        "se": se,
        "lift": np.expm1(theta),
        "fixed_low": fixed_low,
        "fixed_high": fixed_high,
        "fixed_p": fixed_p,
        "anytime_low": anytime_low,
        "anytime_high": anytime_high,
        "log_e": evidence.log_e,
        "e_value": e_value,
        "difference_per_1000": (mean_b - mean_a) * 1000,
        "difference_low": anytime_low * base,
        "difference_high": anytime_high * base,
        "difference_fixed_low": difference_low * 1000,
        "difference_fixed_high": difference_high * 1000,
        **posterior,
    }
    columns = {name: column(name, values) for name, values in numbers.items()}
    for name, values in (("n_control", pairs.na), ("n", pairs.nb), ("x_control", pairs.xa), ("x", pairs.xb)):
        columns[name] = column(name, values).cast(pl.Int64)
    columns["fixed_method"] = texts("fixed_method", method)
    columns["reason"] = texts("reason", reasons)
    return columns


def _left_over(n: Array, s1: Array, s2: Array, d1: Array, d2: Array, sd: Array, ratio: Array) -> Array:
    """Variance of the mean over readers of y - r d."""
    return means.variance(n, s1 - ratio * d1, s2 - 2 * ratio * sd + ratio**2 * d2) / n


#: With these reasons (or none) the observed lift stands, though nothing is said of its uncertainty.
_LIFT_SHOWN = (
    "",
    Reason.TOO_FEW_GIFTS,
    Reason.TOO_FEW_READERS,
    Reason.NO_VARIATION,
    Reason.NO_SPREAD,
    Reason.NO_PLANNED_SHARE,
    Reason.DESCRIPTION,
)
#: With these also its standard error and the fixed-horizon interval.
_RANGE_SHOWN = ("", Reason.NO_PLANNED_SHARE)


def _reasons(pairs: _Pairs, mean_a: Array, mean_b: Array, se: Array, shareless: Booleans) -> NDArray[np.str_]:
    """Why a number of the comparison is absent; "" where none is. The first that holds, from the most basic on."""
    binary = pairs.binary
    enough = (pairs.xa >= FEWEST_CONTRIBUTORS) & (pairs.xb >= FEWEST_CONTRIBUTORS)
    with np.errstate(invalid="ignore"):
        cases = (
            (np.isnan(pairs.xa + pairs.xb) & pairs.retention, Reason.NO_RETENTION),
            (np.isnan(pairs.xa + pairs.xb), Reason.NOT_SENT),
            (((pairs.na <= 0) | (pairs.nb <= 0)) & pairs.matured, Reason.NOT_MATURED),
            ((pairs.na <= 0) | (pairs.nb <= 0) | (pairs.epochs == 0), Reason.NO_EXPOSURE),
            (pairs.ratio & ~(np.isfinite(mean_a) & np.isfinite(mean_b)), Reason.NO_CONVERSIONS_YET),
            (pairs.described & (mean_a > 0) & (mean_b > 0), Reason.DESCRIPTION),
            ((mean_a < 0) | (mean_b < 0), Reason.NEGATIVE_MEAN),
            ((mean_a == 0) & (mean_b == 0), Reason.NO_CONVERSIONS_YET),
            ((mean_a == 0) & binary, Reason.NO_CONVERSION_IN_CONTROL),
            ((mean_b == 0) & binary, Reason.NO_CONVERSION_IN_VARIANT),
            (mean_a == 0, Reason.CONTROL_MEAN_ZERO),
            (mean_b == 0, Reason.VARIANT_MEAN_ZERO),
            (~binary & np.isnan(se), Reason.NO_SPREAD),
            (~binary & ~enough & pairs.money, Reason.TOO_FEW_GIFTS),
            (~binary & ~enough, Reason.TOO_FEW_READERS),
            (~(se > 0), Reason.NO_VARIATION),
            (binary & shareless, Reason.NO_PLANNED_SHARE),
        )
    return np.select([case for case, _ in cases], [str(reason) for _, reason in cases], default="")


def _fixed(
    pairs: _Pairs, theta: Array, se: Array, ranged: Booleans, reasons: NDArray[np.str_], k_a: Array, k_b: Array
) -> tuple[Array, Array, Array, NDArray[np.str_]]:
    """Lift limits, p and method for one look on a registered day."""
    low, high = np.full(pairs.count, np.nan), np.full(pairs.count, np.nan)
    p = np.full(pairs.count, np.nan)
    method = np.full(pairs.count, "", dtype="<U16")
    # One look at one comparison: the division of alpha among variants belongs to the anytime interval.
    alpha = pairs.alpha
    single = pairs.binary & (pairs.epochs == 1) & (pairs.xa + pairs.xb > 0) & (reasons != Reason.NO_VARIATION)
    if single.any():
        stratum = np.flatnonzero(single[pairs.strata.row])
        where = pairs.strata.row[stratum]
        strata = pairs.strata
        for begin in range(0, where.size, _CHUNK):
            part, row = stratum[begin : begin + _CHUNK], where[begin : begin + _CHUNK]
            xa, na, xb, nb = strata.xa[part], strata.na[part], strata.xb[part], strata.nb[part]
            limits = proportions.score_ratio(xa, na, xb, nb, alpha[row])
            low[row], high[row] = limits[0] - 1, limits[1] - 1
            p[row] = proportions.score_p(xa, na, xb, nb)
        method[where] = "score_ratio"
    rest = ranged & ~single
    half = np.full(pairs.count, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = theta / se
    for rows, name in (
        (rest & pairs.binary, "mantel_haenszel"),
        (rest & pairs.money, "log_t"),
        (rest & ~pairs.binary & ~pairs.money, "log_normal"),
    ):
        df = means.effective_df(k_a[rows], k_b[rows]) if name == "log_t" else np.full(int(rows.sum()), np.inf)
        half[rows] = means.t_quantile(alpha[rows], df) * se[rows]
        p[rows] = 2 * means.t_cdf(df, -np.abs(z[rows]))
        method[rows] = name
    with np.errstate(over="ignore"):  # a limit beyond all numbers is an open side
        low[rest] = np.expm1(theta[rest] - half[rest])
        high[rest] = np.expm1(theta[rest] + half[rest])
    low[single & (low <= -1)] = np.nan
    return low, high, np.maximum(p, SMALLEST_P), method


def _difference(pairs: _Pairs, ranged: Booleans, reasons: NDArray[np.str_]) -> tuple[Array, Array]:
    """Limits of the difference of means at one look, which needs no ratio: not numbers where shares changed."""
    low, high = np.full(pairs.count, np.nan), np.full(pairs.count, np.nan)
    strata = pairs.strata
    without_lift = (reasons == Reason.CONTROL_MEAN_ZERO) & (pairs.xb >= FEWEST_CONTRIBUTORS)
    known = (
        (pairs.epochs == 1) & ~pairs.ratio & np.where(pairs.binary, reasons != Reason.NOT_SENT, ranged | without_lift)
    )
    part = np.flatnonzero(known[strata.row])
    row = strata.row[part]
    na, nb, alpha = strata.na[part], strata.nb[part], pairs.alpha[row]
    rates = proportions.newcombe_difference(strata.xa[part], na, strata.xb[part], nb, alpha)
    mean = means.welch(na, strata.s1a[part], strata.s2a[part], nb, strata.s1b[part], strata.s2b[part], alpha)
    is_rate = pairs.binary[row]
    low[row], high[row] = np.where(is_rate, rates[0], mean.low), np.where(is_rate, rates[1], mean.high)
    return low, high


def _evidence(
    pairs: _Pairs, theta: Array, se: Array, ranged: Booleans, reasons: NDArray[np.str_]
) -> sequential.Anytime:
    """Evidence for any number of looks: limits of the log ratio and log e-value; open sides infinite, absent ones nan."""
    log_e, low, high = (np.full(pairs.count, np.nan) for _ in range(3))
    priors = sequential.Priors.choose(pairs.guardrail, pairs.smallest_effect)
    strata = pairs.strata
    exact = pairs.binary & (pairs.epochs > 0) & ~np.isin(reasons, (Reason.NO_PLANNED_SHARE, Reason.NO_VARIATION))
    single = exact & (pairs.epochs == 1)
    stratum = np.flatnonzero(single[strata.row])
    for begin in range(0, stratum.size, _CHUNK):
        part = stratum[begin : begin + _CHUNK]
        row = strata.row[part]
        found = sequential.conversion(
            strata.xa[part], strata.xb[part], strata.rho[part], priors.of(row), pairs.alpha_together[row]
        )
        log_e[row], low[row], high[row] = found.log_e, found.low, found.high
    several = np.flatnonzero(exact & (pairs.epochs > 1))
    if several.size:
        xa, xb, rho = _padded(pairs, several)
        for begin in range(0, several.size, 2048):
            part = slice(begin, begin + 2048)
            row = several[part]
            found = sequential.conversion_epochs(
                xa[part], xb[part], rho[part], priors.of(row), pairs.alpha_together[row]
            )
            log_e[row], low[row], high[row] = found.log_e, found.low, found.high
    normal = ranged & ~pairs.binary
    if normal.any():
        row = np.flatnonzero(normal)
        found = sequential.normal_mixture(theta[row], se[row], priors.of(row), pairs.alpha_together[row])
        log_e[row], low[row], high[row] = found.log_e, found.low, found.high
    return sequential.Anytime(log_e, low, high)


def _padded(pairs: _Pairs, rows: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    """Counts and shares of some comparisons with one column an epoch; missing epochs hold no conversion."""
    strata = pairs.strata
    first = np.searchsorted(strata.row, rows)
    width = int(pairs.epochs[rows].max())
    there = np.arange(width) < pairs.epochs[rows][:, None]
    index = np.where(there, first[:, None] + np.arange(width), 0)
    return (
        np.where(there, strata.xa[index], 0.0),
        np.where(there, strata.xb[index], 0.0),
        np.where(there, strata.rho[index], 0.5),
    )


def _posterior(
    pairs: _Pairs,
    theta: Array,
    se: Array,
    ranged: Booleans,
    reasons: NDArray[np.str_],
    mean_a: Array,
) -> dict[str, Array]:
    """Shrunk log ratio, chance to be better and expected losses per 1,000 readers."""
    found = bayesian.two_variants(theta, se, pairs.tau)
    turned = pairs.less_is_better
    chance = np.where(turned, 1 - found.chance_better, found.chance_better)
    base = mean_a * 1000
    loss_b = base * np.where(turned, found.loss_a, found.loss_b)
    loss_a = base * np.where(turned, found.loss_b, found.loss_a)
    # Few conversions: the log mean is not normal, and where one side has none it does not exist.
    few = (
        pairs.binary
        & pairs.overall
        & (pairs.epochs == 1)
        & (np.minimum(pairs.xa, pairs.xb) < bayesian.FEWEST_CONVERSIONS)
        & (pairs.xa + pairs.xb > 0)
    )
    row = np.flatnonzero(few)
    for begin in range(0, row.size, 512):
        part = row[begin : begin + 512]
        best, loss = bayesian.best_rate(
            np.stack([pairs.xa[part], pairs.xb[part]], axis=1),
            np.stack([pairs.na[part], pairs.nb[part]], axis=1),
            less_is_better=turned[part],
        )
        chance[part], loss_a[part], loss_b[part] = best[:, 1], loss[:, 0] * 1000, loss[:, 1] * 1000
    return {
        "shrunk_log_ratio": found.mean,
        "shrunk_sd": found.sd,
        "tau": np.where(ranged, pairs.tau, np.nan),
        "chance_better": chance,
        "loss_variant_per_1000": loss_b,
        "loss_control_per_1000": loss_a,
    }


def _lift(log_limit: Array) -> Array:
    """A limit of the log ratio as lift; an open side becomes absent."""
    with np.errstate(over="ignore"):
        return np.where(np.isfinite(log_limit), np.expm1(np.where(np.isfinite(log_limit), log_limit, 0.0)), np.nan)
