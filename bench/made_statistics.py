"""Sufficient statistics of made-up experiments with two to four variants, for timing and agreement at size."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from analysis.registry import GUARDRAIL_SCHEMA, PLAN_SCHEMA, SHARE_SCHEMA
from analysis.result_tables import SUFFICIENT_STATISTICS
from analysis.sufficient import EXPOSURE_COUNT_SCHEMA

#: What `made` counts of each reader; conversion and value decide half of the experiments each.
METRICS = ("conversion", "value", "value_uncapped", "pageviews", "dismissed")
_AS_OF = date(2026, 3, 20)


class Made(NamedTuple):
    """What the inference reads, as in `analysis.inference`."""

    statistics: pl.DataFrame
    counts: pl.DataFrame
    plans: pl.DataFrame
    shares: pl.DataFrame
    guardrails: pl.DataFrame


def made(experiments: int, seed: int = 1) -> Made:
    """Experiments of 20,000 to 200,000 readers an arm, a gift rate of 0.1 to 2 percent, gifts with a heavy tail."""
    rng = np.random.default_rng(seed)
    variants = rng.integers(2, 5, experiments)
    owner = np.repeat(np.arange(experiments), variants)
    position = np.arange(owner.size) - np.repeat(np.cumsum(variants) - variants, variants)
    arms = owner.size
    n = rng.binomial(rng.integers(40_000, 400_000, experiments)[owner], 0.5)
    rate = 10 ** rng.uniform(-3, -1.7, experiments)[owner] * np.exp(0.05 * rng.standard_normal(arms))
    x = rng.binomial(n, rate)
    s1 = np.round(x * 3000 * np.exp(0.3 * rng.standard_normal(arms) / np.sqrt(x + 1)))
    uncapped = np.round(s1 * rng.uniform(1, 1.1, arms))
    views = rng.poisson(3.0 * n).astype(np.float64)
    gone = rng.binomial(n, 0.02)
    top = np.round(s1 / np.maximum(x, 1) * 5)
    columns = {
        "conversion": (x, x, x, np.where(x > 0, 1.0, 0.0)),
        "value": (x, s1, s1 * 6000, top),
        "value_uncapped": (x, uncapped, uncapped * 12_000, 2 * top),
        "pageviews": (np.round(0.95 * n), views, views * 4, np.full(arms, 40.0)),
        "dismissed": (gone, gone, gone, np.where(gone > 0, 1.0, 0.0)),
    }
    named = pl.DataFrame({"owner": owner, "position": position, "n": n}).with_columns(
        experiment_id=pl.format("e{}", "owner"),
        variant_id=pl.format("v{}", "position"),
        as_of=pl.lit(_AS_OF),
        epoch=pl.lit(0, dtype=pl.Int64),
    )
    empty = [pl.lit(None, dtype=pl.Float64).alias(name) for name in ("d1", "d2", "sd")]
    fixed = {"basis": "exposed", "segment_kind": "all", "segment": "all"}
    statistics = pl.concat(
        named.with_columns(
            *(pl.lit(value).alias(name) for name, value in fixed.items()),
            *empty,
            metric=pl.lit(metric),
            x=pl.Series(having).cast(pl.Int64),
            s1=pl.Series(total).cast(pl.Float64),
            s2=pl.Series(squares).cast(pl.Float64),
            top=pl.Series(largest),
        ).select(pl.col(name).cast(dtype) for name, dtype in SUFFICIENT_STATISTICS.schema.items())
        for metric, (having, total, squares, largest) in columns.items()
    )
    mixed, immature = rng.binomial(n, 0.0003), rng.binomial(n, 0.2)
    counts = named.with_columns(
        n_viewed=pl.Series(rng.binomial(n, 0.8)), n_contaminated=pl.Series(mixed), n_immature=pl.Series(immature)
    )
    counts = counts.with_columns(
        pl.lit(None, pl.Int64).alias(name) for name in EXPOSURE_COUNT_SCHEMA if name not in counts.columns
    ).select(pl.col(name).cast(dtype) for name, dtype in EXPOSURE_COUNT_SCHEMA.items())
    shares = named.with_columns(
        is_control=pl.col("position") == 0, share=1 / pl.len().over("owner"), is_registered=pl.lit(value=True)
    ).select(pl.col(name).cast(dtype) for name, dtype in SHARE_SCHEMA.items())
    each = np.arange(experiments)
    plans = pl.DataFrame({"each": each}).select(
        experiment_id=pl.format("e{}", "each"),
        primary_metric=pl.when(pl.col("each") % 2 == 0).then(pl.lit("value")).otherwise(pl.lit("conversion")),
        alpha=pl.lit(0.05),
        smallest_effect=pl.when(pl.col("each") % 3 == 0).then(pl.lit(0.1)),
        guarantee=pl.lit("anytime"),
        planned_information=pl.lit(None, dtype=pl.Float64),
        loss_threshold=pl.lit(0.002),
        minimum_days=pl.lit(7, dtype=pl.Int64),
        minimum_contributors=pl.lit(100, dtype=pl.Int64),
        maximum_days=pl.lit(42, dtype=pl.Int64),
        starts=pl.lit(date(2026, 3, 1)),
        planned_end=pl.when(pl.col("each") % 5 > 0).then(pl.lit(date(2026, 4, 11))),
    )
    guardrails = pl.concat(
        plans.select("experiment_id", metric=pl.lit(name), margin=pl.lit(margin))
        for name, margin in (("pageviews", 0.02), ("dismissed", 0.1))
    )
    return Made(statistics, counts, plans.cast(dict(PLAN_SCHEMA)), shares, guardrails.cast(dict(GUARDRAIL_SCHEMA)))
