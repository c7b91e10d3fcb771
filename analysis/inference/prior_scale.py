"""How far apart wordings usually are: the scale of the prior, learned from tests that had ended before a test's month began.

What a test is judged by must not follow from what comes later: only tests whose planned end lies before the month of its
start speak. All tests that start in one month share a scale, so that a long archive is not read again for each day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from analysis import srm
from analysis.inference import bayesian, means
from analysis.inference.arrays import Array
from analysis.inference.layout import FEWEST_CONTRIBUTORS, floats
from analysis.inference.pooling import spread_between_arms
from analysis.inference.ratios import ratio_variance
from analysis.metrics import METRICS, Metric

#: Past tests below which the scale is not learned: 30 tests of a true 0.05 give 0.040 to 0.057 in the middle half.
FEWEST_PAST_TESTS = 30
#: The latest past tests that are read: more hardly sharpen the scale, and wordings of long ago guide less.
MOST_PAST_TESTS = 500
SCALE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "metric": pl.String,
    "tau": pl.Float64,
    "tau_tests": pl.Int64,
}


def learned_scales(
    statistics: pl.DataFrame,
    plans: pl.DataFrame,
    shares: pl.DataFrame,
    surfaces: Mapping[str, str],
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Learn tau for every experiment and metric from past tests of the same metric and surface whose split was sound.

    Log means of variants with test effects, sigma^2 by Paule-Mandel, tau = sqrt(2) sigma. A test whose shares changed
    counts as one test per epoch for its effects (variants are compared inside an epoch), and once in `tau_tests`.

    Args:
        statistics: Schema `SUFFICIENT_STATISTICS`; the last day of each experiment is read, readers exposed, all segments.
        plans: `registry.PLAN_SCHEMA`; start and planned end come from here.
        shares: `registry.SHARE_SCHEMA`; a past test whose readers were not split as planned teaches nothing.
        surfaces: Surface by experiment.
        metrics: The metrics by name.

    Returns:
        Schema `SCALE_SCHEMA`, one row per experiment and metric of the statistics. `tau` is null below
        `FEWEST_PAST_TESTS` (then 0.10 is used); `tau_tests` counts the past tests that were found.

    Source: Paule & Mandel 1982; docs/methods/decision.md.
    """
    asked = (
        statistics.select("experiment_id", "metric")
        .unique()
        .join(plans.select("experiment_id", "starts", "planned_end"), on="experiment_id")
        .with_columns(
            month=pl.col("starts").dt.month_start(),
            surface=pl.col("experiment_id").replace_strict(surfaces, default=None, return_dtype=pl.String),
        )
        .sort("experiment_id", "metric")
    )
    last = _last_day(statistics)
    variants = (
        _log_means(last, metrics)
        .join(asked, on=["experiment_id", "metric"])
        .join(_broken_splits(last, shares), on="experiment_id", how="anti")
    )
    rows: list[dict[str, object]] = []
    for key, group in asked.group_by("surface", "metric", maintain_order=True):
        past = variants.filter((pl.col("surface") == key[0]) & (pl.col("metric") == key[1]))
        ends = past.group_by("experiment_id").agg(pl.col("planned_end").first()).sort("planned_end", "experiment_id")
        for (month,), several in group.group_by("month", maintain_order=True):
            tau, found = _scale(past, ends, month)  # pyright: ignore[reportArgumentType]
            rows += [
                {"experiment_id": name, "metric": key[1], "tau": tau, "tau_tests": found}
                for name in several["experiment_id"]
            ]
    return pl.DataFrame(rows, schema=SCALE_SCHEMA)


def with_scale(frame: pl.DataFrame, scales: pl.DataFrame | None) -> pl.DataFrame:
    """Add `tau` (0.10 where none was learned, never below 0.01) and `tau_tests` to rows of experiments and metrics."""
    known = pl.DataFrame(schema=SCALE_SCHEMA) if scales is None else scales.select(list(SCALE_SCHEMA))
    return frame.join(known, on=["experiment_id", "metric"], how="left", maintain_order="left").with_columns(
        pl.col("tau").fill_null(bayesian.DEFAULT_TAU).clip(lower_bound=bayesian.SMALLEST_TAU)
    )


def _scale(past: pl.DataFrame, ends: pl.DataFrame, month: date) -> tuple[float | None, int]:
    ended = ends.filter(pl.col("planned_end") < month).tail(MOST_PAST_TESTS)
    if ended.height < FEWEST_PAST_TESTS:
        return None, ended.height
    read = past.join(ended.select("experiment_id"), on="experiment_id", how="semi")
    test = read.select(pl.struct("experiment_id", "epoch").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    sigma2 = spread_between_arms(read["y"].to_numpy(), read["variance"].to_numpy(), test)
    return float(np.sqrt(2 * sigma2)), ended.height


def _last_day(statistics: pl.DataFrame) -> pl.DataFrame:
    return statistics.filter(
        (pl.col("basis") == "exposed")
        & (pl.col("segment_kind") == "all")
        & (pl.col("as_of") == pl.col("as_of").max().over("experiment_id"))
    )


def _broken_splits(last: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Experiments whose readers contradict the planned shares as strongly as the trust check `sample_ratio` blocks at."""
    epoch = ["experiment_id", "epoch"]
    readers = last.group_by(*epoch, "variant_id").agg(n=pl.col("n").max())
    planned = (
        shares.filter(pl.col("share").is_not_null().all().over("experiment_id"))
        .join(readers, on=epoch, how="semi")
        .join(readers, on=[*epoch, "variant_id"], how="left")
        .select(*epoch, "share", n=pl.col("n").fill_null(0).cast(pl.Float64))
    )
    epochs = (
        planned.with_columns(term=pl.Series(srm.log_e_terms(planned["n"].to_numpy(), planned["share"].to_numpy())))
        .group_by(epoch)
        .agg(pl.col("term").sum(), pl.col("n").sum())
    )
    return (
        epochs.with_columns(log_e=pl.col("term") + pl.Series(srm.log_e_total(epochs["n"].to_numpy())))
        .group_by("experiment_id")
        .agg(pl.col("log_e").sum())
        .filter(pl.col("log_e") >= srm.BLOCK_LOG_E)
        .select("experiment_id")
    )


def _log_means(last: pl.DataFrame, metrics: Mapping[str, Metric]) -> pl.DataFrame:
    """Log mean `y` and its `variance` of every variant, epoch and metric of a last day, where two variants have one."""
    kinds = {name: metric.kind for name, metric in metrics.items()}
    kind = last["metric"].replace_strict(kinds, return_dtype=pl.String).to_numpy()
    n, x, s1, s2, d1, d2, sd = (floats(last, name) for name in ("n", "x", "s1", "s2", "d1", "d2", "sd"))
    enough = x >= FEWEST_CONTRIBUTORS
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, spread = ratio_variance(n, s1, d1, s2, d2, sd)
        y: Array = np.select(
            [kind == "binary", kind == "ratio"],
            [np.log((x + 0.5) / (n + 0.5)), np.where(enough, np.log(ratio), np.nan)],
            np.where(enough, np.log(s1 / n), np.nan),
        )
        variance = np.select(
            [kind == "binary", kind == "ratio"],
            [1 / (x + 0.5) - 1 / (n + 0.5), spread / ratio**2],
            means.log_mean_variance(n, s1, s2),
        )
    usable = (n > 0) & np.isfinite(y) & np.isfinite(variance) & (variance > 0)
    return (
        last.select("experiment_id", "metric", "epoch")
        .with_columns(y=pl.Series(y), variance=pl.Series(variance))
        .filter(pl.Series(usable))
        .filter(pl.len().over("experiment_id", "metric", "epoch") > 1)
    )
