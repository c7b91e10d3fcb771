"""Trust checks: was the experiment run and counted as planned? Run before anything is decided.

A check that blocks withholds the verdict, never the figures. Every check says `not_applicable`, with the reason, where it
cannot be computed; none of them passes for want of data. Codes, thresholds and what to do: docs/methods/trust-checks.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from analysis import srm
from analysis.inference import sequential
from analysis.inference.arrays import Array
from analysis.metrics import METRICS, Metric
from analysis.result_tables import CHECKS

_WARN_LOG_E, _BLOCK_LOG_E = math.log(100), math.log(1000)
#: e-value on either basis from which a disagreement in sign counts.
_BASIS_LOG_E = math.log(20)
_CONTAMINATED = (0.001, 0.01)
_LARGEST_GIFT = 0.10
_POOLED = 0.5
_NOVELTY_Z = float(-special.ndtri(0.005))
#: Readers with a view needed in each variant before view rates are compared.
_FEWEST_VIEWERS = 25
_FEWEST_DAYS = 5
_FEWEST_CONVERSIONS_A_DAY = 10

_DAY = ["experiment_id", "as_of"]
#: Order of the checks in the table.
CHECK_NAMES = (
    "sample_ratio",
    "contamination",
    "contamination_by_variant",
    "denominator",
    "basis_agreement",
    "cap_agreement",
    "one_donor",
    "pooled_agreement",
    "novelty",
    "maturity",
)


def run_checks(
    exposure_counts: pl.DataFrame,
    statistics: pl.DataFrame,
    estimates: pl.DataFrame,
    plans: pl.DataFrame,
    shares: pl.DataFrame,
    *,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Return the outcome of every trust check.

    Args:
        exposure_counts: One row per experiment, as_of, epoch and variant: readers `n`, and where known `n_viewed` (with a
            view), `n_contaminated` (seen in a second variant) and `n_immature` (outcome window still open). Schema
            `sufficient.EXPOSURE_COUNT_SCHEMA`. Its days are the days that are checked.
        statistics: Schema `SUFFICIENT_STATISTICS`; earlier days serve the check for novelty.
        estimates: Schema `ESTIMATES`, made from these statistics.
        plans, shares: `registry.PLAN_SCHEMA`, `registry.SHARE_SCHEMA`.
        metrics: The metrics by name, a team's own among them (`registry.catalogue`).

    Returns:
        Schema `CHECKS`; one row per experiment, as_of and check (and variant, where each has its own).

    Source: Lindon & Malek 2022 (sample ratio); Fabijan et al. 2019 (why); the rest is docs/methods/trust-checks.md.
    """
    days = exposure_counts.select(_DAY).unique(maintain_order=True)
    if days.is_empty():
        return CHECKS.frame()
    planned = _planned(exposure_counts, shares)
    primary = dict(plans.select("experiment_id", "primary_metric").iter_rows())
    overall = estimates.filter(pl.col("segment_kind") == "all")
    today = overall.join(days, on=_DAY, nulls_equal=True, how="semi")
    sums = statistics.filter((pl.col("segment_kind") == "all") & (pl.col("basis") == "exposed"))
    rows = [
        *_sample_ratio(planned, exposure_counts, statistics),
        *_contamination(planned),
        *_denominator(planned),
        *_basis_agreement(today, primary),
        *_cap_agreement(today),
        *_one_donor(sums.join(days, on=_DAY, nulls_equal=True, how="semi"), today, shares, primary),
        *_pooled_agreement(sums.join(days, on=_DAY, nulls_equal=True, how="semi"), today, primary, metrics),
        *_novelty(sums, days, shares),
        *_maturity(planned),
    ]
    order = {name: place for place, name in enumerate(CHECK_NAMES)}
    position = days.with_row_index("day")
    return (
        CHECKS.frame(rows)
        .with_columns(place=pl.col("check_name").replace_strict(order, return_dtype=pl.Int64))
        .join(position, on=_DAY, nulls_equal=True)
        .sort("day", "place", maintain_order=True)
        .select(list(CHECKS.columns))
    )


def _row(
    day: Mapping[str, Any],
    check: str,
    *,
    statistic: float | None = None,
    warn_at: float | None = None,
    block_at: float | None = None,
    status: str | None = None,
    detail: Mapping[str, object] | None = None,
    reason: str | None = None,
    variant_id: object = None,
    metric: object = None,
) -> dict[str, object]:
    """One row of the table; the status follows from the thresholds where none is given."""
    if reason is not None:
        status = "not_applicable"
    if status is None:
        measured = -math.inf if statistic is None else statistic
        status = "pass"
        if warn_at is not None and measured >= warn_at:
            status = "warn"
        if block_at is not None and measured >= block_at:
            status = "block"
    return {
        "experiment_id": day["experiment_id"],
        "as_of": day["as_of"],
        "check_name": check,
        "variant_id": variant_id,
        "metric": metric,
        "status": status,
        "statistic": statistic,
        "warn_at": warn_at,
        "block_at": block_at,
        "detail": json.dumps(dict(detail or {}), ensure_ascii=False, allow_nan=False),
        "reason": reason,
    }


def _planned(counts: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Counts with planned shares: every registered variant of every epoch that has readers, those without any at 0."""
    epochs = counts.select(*_DAY, "epoch").unique(maintain_order=True).with_row_index("stratum")
    registered = shares.select("experiment_id", "variant_id", "position", "is_control").unique()
    numbers = ["n", "n_viewed", "n_contaminated", "n_immature"]
    return (
        epochs.join(registered, on="experiment_id")
        .join(
            shares.select("experiment_id", "epoch", "variant_id", "share", "is_registered"),
            on=["experiment_id", "epoch", "variant_id"],
            how="left",
        )
        .join(
            counts.select(*_DAY, "epoch", "variant_id", *numbers, found=pl.lit(value=True)),
            on=[*_DAY, "epoch", "variant_id"],
            nulls_equal=True,
            how="left",
        )
        .with_columns(
            pl.when(pl.col("found").is_null()).then(0).otherwise(pl.col(name)).alias(name) for name in numbers
        )
        .sort("stratum", "position")
    )


def _log_e(planned: pl.DataFrame, count: pl.Expr, weight: pl.Expr) -> pl.DataFrame:
    """Log e-value of the counts against the weights, added over epochs: one row per experiment and as_of."""
    frame = planned.select(*_DAY, "stratum", n=count.cast(pl.Float64), w=weight).with_columns(
        s=pl.col("w") / pl.col("w").sum().over("stratum")
    )
    terms = srm.log_e_terms(frame["n"].to_numpy(), frame["s"].to_numpy())
    by_epoch = (
        frame.with_columns(term=pl.Series(terms))
        .group_by("stratum", maintain_order=True)
        .agg(pl.first(*_DAY), pl.col("term").sum(), pl.col("n").sum())
    )
    total = srm.log_e_total(by_epoch["n"].to_numpy())
    return (
        by_epoch.with_columns(log_e=pl.col("term") + pl.Series(total))
        .group_by(_DAY, maintain_order=True)
        .agg(pl.col("log_e").sum(), pl.col("n").sum())
    )


def _constants(counts: pl.DataFrame, statistics: pl.DataFrame) -> dict[str, int]:
    """Constant by which the counts of each experiment were scaled up; 1 where they were counted reader by reader.

    Only totals that somebody handed over can be scaled: a table without dates, whose money carries no sums of squares.
    """
    counted = set(
        statistics.filter(
            pl.col("metric").is_in([name for name, metric in METRICS.items() if metric.kind == "money"])
            & pl.col("s2").is_not_null()
        )["experiment_id"].unique()
    )
    undated = counts.group_by("experiment_id").agg("n", dated=pl.col("as_of").is_not_null().any())
    return {
        name: 1 if dated or name in counted else srm.scaling_constant(np.asarray(values))
        for name, values, dated in undated.iter_rows()
    }


def _sample_ratio(planned: pl.DataFrame, counts: pl.DataFrame, statistics: pl.DataFrame) -> Iterable[dict[str, object]]:
    constants = _constants(counts, statistics)
    scaled = planned.with_columns(
        constant=pl.col("experiment_id").replace_strict(constants, return_dtype=pl.Int64),
    )
    usable = scaled.filter(pl.col("share").is_not_null().all().over(_DAY) & (pl.col("n").sum().over(_DAY) > 0))
    found = _log_e(usable, pl.col("n") / pl.col("constant"), pl.col("share")) if not usable.is_empty() else None
    raw = _log_e(usable, pl.col("n"), pl.col("share")) if found is not None else None
    log_e = {} if found is None else {(e, d): value for e, d, value, _ in found.iter_rows()}
    unscaled = {} if raw is None else {(e, d): value for e, d, value, _ in raw.iter_rows()}
    for day, part in _by_day(scaled):
        key = (day["experiment_id"], day["as_of"])
        if key not in log_e:
            yield _row(day, "sample_ratio", reason="no_planned_share" if part["n"].sum() else "no_exposure")
            continue
        by_variant = part.group_by("variant_id", maintain_order=True).agg(
            pl.col("n").sum(), expected=(pl.col("share") * pl.col("total")).sum()
        )
        total = float(by_variant["n"].sum())
        constant = int(part["constant"][0])
        detail: dict[str, object] = {
            "planned": {name: expected / total for name, _, expected in by_variant.iter_rows()},
            "observed": {name: n / total for name, n, _ in by_variant.iter_rows()},
            "n": {name: n for name, n, _ in by_variant.iter_rows()},
            "is_registered": bool(part["is_registered"].all()),
            "epochs": part["stratum"].n_unique(),
        }
        if constant > 1:
            detail |= {"scaled_by": constant, "log_e_unscaled": unscaled[key]}
        yield _row(day, "sample_ratio", statistic=log_e[key], warn_at=_WARN_LOG_E, block_at=_BLOCK_LOG_E, detail=detail)


def _by_day(planned: pl.DataFrame) -> Iterable[tuple[dict[str, Any], pl.DataFrame]]:
    """The rows of each experiment and as_of; `total` is the readers of the epoch."""
    frame = planned.with_columns(total=pl.col("n").sum().over("stratum"))
    for part in frame.partition_by(_DAY, maintain_order=True):
        yield {name: part[name][0] for name in _DAY}, part


def _contamination(planned: pl.DataFrame) -> Iterable[dict[str, object]]:
    counted = planned.filter(
        pl.col("n_contaminated").is_not_null().all().over(_DAY) & pl.col("share").is_not_null().all().over(_DAY)
    )
    # A reader drawn twice, independently, starts in variant j and ends elsewhere with chance s_j (1 - s_j).
    by_variant = (
        {}
        if counted.is_empty()
        else {
            (e, d): (value, n)
            for e, d, value, n in _log_e(
                counted, pl.col("n_contaminated"), pl.col("share") * (1 - pl.col("share"))
            ).iter_rows()
        }
    )
    for day, part in _by_day(planned):
        readers = float(part["n"].sum())
        if part["n_contaminated"].null_count():
            yield _row(day, "contamination", reason="not_counted")
            yield _row(day, "contamination_by_variant", reason="not_counted")
            continue
        if not readers:
            yield _row(day, "contamination", reason="no_exposure")
            yield _row(day, "contamination_by_variant", reason="no_exposure")
            continue
        seen = dict(part.group_by("variant_id", maintain_order=True).agg(pl.col("n_contaminated").sum()).iter_rows())
        share = sum(seen.values()) / readers
        yield _row(
            day,
            "contamination",
            statistic=share,
            warn_at=_CONTAMINATED[0],
            block_at=_CONTAMINATED[1],
            detail={"share": share, "readers": sum(seen.values()), "n": readers},
        )
        found = by_variant.get((day["experiment_id"], day["as_of"]))
        if found is None:
            yield _row(day, "contamination_by_variant", reason="no_planned_share")
            continue
        # With unequal shares the expected split holds only for two draws a reader: such an alarm warns, and no more.
        is_even = part["share"].n_unique() == 1
        yield _row(
            day,
            "contamination_by_variant",
            statistic=found[0],
            warn_at=_WARN_LOG_E,
            block_at=_BLOCK_LOG_E if is_even else None,
            detail={"readers": seen},
        )


def _denominator(planned: pl.DataFrame) -> Iterable[dict[str, object]]:
    """Insertion-to-view by variant: does the wording change who counts as having seen it?"""
    control = planned.filter("is_control").select("stratum", na="n", va="n_viewed")
    pairs = planned.filter(~pl.col("is_control")).join(control, on="stratum")
    na, va, nb, vb = (pairs[name].cast(pl.Float64).to_numpy() for name in ("na", "va", "n", "n_viewed"))
    both = (na > 0) & (nb > 0)
    n = np.where(both, na + nb, 1.0)
    strata = pairs.with_columns(
        r=pl.Series(np.where(both, vb * na / n, 0.0)),
        s=pl.Series(np.where(both, va * nb / n, 0.0)),
        v=pl.Series(np.where(both, ((va + vb) * na * nb / n - va * vb) / n, 0.0)),
    )
    found = strata.group_by([*_DAY, "variant_id"], maintain_order=True).agg(
        pl.col("r", "s", "v", "n", "na").sum(),
        viewed=pl.col("n_viewed").sum(),
        viewed_control=pl.col("va").sum(),
        unknown=(pl.col("n_viewed").is_null() | pl.col("va").is_null()).any(),
    )
    r, s, v = (found[name].cast(pl.Float64).to_numpy() for name in ("r", "s", "v"))
    with np.errstate(divide="ignore", invalid="ignore"):
        theta, se = np.log(r / s), np.sqrt(v / (r * s))
    log_e = sequential.normal_mixture(theta, se, sequential.Priors.same(sequential.GUARDRAIL_PRIOR, found.height)).log_e
    for row, ratio, evidence in zip(found.iter_rows(named=True), theta, log_e, strict=True):
        name = row["variant_id"]
        if row["unknown"]:
            yield _row(row, "denominator", variant_id=name, reason="not_counted")
        elif not row["viewed"] and not row["viewed_control"]:
            yield _row(row, "denominator", variant_id=name, reason="no_views")
        elif min(row["viewed"], row["viewed_control"]) < _FEWEST_VIEWERS:
            yield _row(row, "denominator", variant_id=name, reason="too_few_readers")
        else:
            # Where every reader has a view, as when the view is the exposure, nothing can differ.
            known = math.isfinite(evidence)
            yield _row(
                row,
                "denominator",
                variant_id=name,
                statistic=float(evidence) if known else 0.0,
                warn_at=_WARN_LOG_E,
                block_at=_BLOCK_LOG_E,
                detail={
                    "share": row["viewed"] / row["n"],
                    "share_control": row["viewed_control"] / row["na"],
                    "lift": math.expm1(ratio),
                },
            )


def _primary(estimates: pl.DataFrame, primary: Mapping[str, str]) -> pl.DataFrame:
    """The rows of the registered primary metric."""
    return estimates.filter(
        pl.col("metric") == pl.col("experiment_id").replace_strict(primary, default=None, return_dtype=pl.String)
    )


def _basis_agreement(estimates: pl.DataFrame, primary: Mapping[str, str]) -> Iterable[dict[str, object]]:
    rows = _primary(estimates, primary).select(*_DAY, "basis", "variant_id", "metric", "lift", "log_e", "reason")
    exposed, viewed = rows.filter(pl.col("basis") == "exposed"), rows.filter(pl.col("basis") == "viewed")
    both = exposed.join(viewed, on=[*_DAY, "variant_id"], nulls_equal=True, how="left", suffix="_viewed")
    for row in both.iter_rows(named=True):
        common = {"variant_id": row["variant_id"], "metric": row["metric"]}
        if row["basis_viewed"] is None:
            yield _row(row, "basis_agreement", **common, reason="no_views")
        elif row["lift"] is None or row["lift_viewed"] is None:
            yield _row(row, "basis_agreement", **common, reason=row["reason"] or row["reason_viewed"])
        else:
            differ = row["lift"] * row["lift_viewed"] < 0
            strongest = max((e for e in (row["log_e"], row["log_e_viewed"]) if e is not None), default=0.0)
            yield _row(
                row,
                "basis_agreement",
                **common,
                statistic=strongest if differ else 0.0,
                block_at=_BASIS_LOG_E,
                detail={"exposed": row["lift"], "viewed": row["lift_viewed"], "signs_differ": differ},
            )


def _cap_agreement(estimates: pl.DataFrame) -> Iterable[dict[str, object]]:
    """Capped and uncapped lift of opposite sign: figures and evidence stand, but no rule may use the variant."""
    rows = estimates.filter(pl.col("basis") == "exposed").select(*_DAY, "variant_id", "metric", "lift", "reason")
    capped = rows.filter(pl.col("metric") == "value").drop("metric")
    uncapped = rows.filter(pl.col("metric") == "value_uncapped").drop("metric")
    for row in capped.join(
        uncapped, on=[*_DAY, "variant_id"], nulls_equal=True, how="left", suffix="_uncapped"
    ).iter_rows(named=True):
        common = {"variant_id": row["variant_id"], "metric": "value"}
        if row["lift"] is None or row["lift_uncapped"] is None:
            reason = row["reason"] or row["reason_uncapped"] or "not_counted"
            yield _row(row, "cap_agreement", **common, reason=reason)
        else:
            differ = row["lift"] * row["lift_uncapped"] < 0
            yield _row(
                row,
                "cap_agreement",
                **common,
                statistic=float(differ),
                warn_at=1.0,
                detail={"capped": row["lift"], "uncapped": row["lift_uncapped"], "signs_differ": differ},
            )


def _one_donor(
    sums: pl.DataFrame, estimates: pl.DataFrame, shares: pl.DataFrame, primary: Mapping[str, str]
) -> Iterable[dict[str, object]]:
    """Share of the largest value of one reader, and whether the lift turns without it.

    Blocks only where both hold: a lift near 0 turns without almost any gift, which says nothing against it.
    """
    money = sums.filter(pl.col("metric").is_in(["value", "value_uncapped"]))
    by_variant = (
        money.group_by([*_DAY, "metric", "variant_id"], maintain_order=True)
        .agg(
            pl.col("s1").sum(),
            top=pl.when(((pl.col("x") == 0) | pl.col("top").is_not_null()).all()).then(pl.col("top").max()),
        )
        .join(
            shares.select("experiment_id", "variant_id", "is_control", "position").unique(),
            on=["experiment_id", "variant_id"],
        )
        .sort("metric", "position")
    )
    lifts: dict[tuple[object, object, object], dict[str, float]] = {}
    for e, d, m, v, log_ratio in (
        estimates.filter(pl.col("basis") == "exposed").select(*_DAY, "metric", "variant_id", "log_ratio").iter_rows()
    ):
        if log_ratio is not None:
            lifts.setdefault((e, d, m), {})[v] = log_ratio
    for row in by_variant.iter_rows(named=True):
        common = {"variant_id": row["variant_id"], "metric": row["metric"]}
        if not row["s1"] or row["s1"] <= 0:
            yield _row(row, "one_donor", **common, reason="no_conversions_yet")
            continue
        if row["top"] is None:
            yield _row(row, "one_donor", **common, reason="not_counted")
            continue
        share = row["top"] / row["s1"]
        seen = lifts.get((row["experiment_id"], row["as_of"], row["metric"]), {})
        concerned = seen if row["is_control"] else {k: v for k, v in seen.items() if k == row["variant_id"]}
        # Taking a share q away from one side moves the log ratio by log(1 - q).
        move = math.log1p(-share) if share < 1 else -math.inf
        without = {name: ratio + (-move if row["is_control"] else move) for name, ratio in concerned.items()}
        turns = any(without[name] * concerned[name] < 0 for name in concerned)
        decides = row["metric"] == primary.get(row["experiment_id"])
        is_large = share >= _LARGEST_GIFT
        yield _row(
            row,
            "one_donor",
            **common,
            statistic=share,
            warn_at=_LARGEST_GIFT,
            status="block" if is_large and turns and decides else "warn" if is_large else "pass",
            detail={
                "share": share,
                "largest": row["top"],
                "total": row["s1"],
                "sign_turns": turns,
                "lift": {name: math.expm1(ratio) for name, ratio in concerned.items()},
                "lift_without": {name: math.expm1(ratio) for name, ratio in without.items() if math.isfinite(ratio)},
            },
        )


def _pooled_agreement(
    sums: pl.DataFrame, estimates: pl.DataFrame, primary: Mapping[str, str], metrics: Mapping[str, Metric]
) -> Iterable[dict[str, object]]:
    """The table pooled over epochs against the estimate that compares inside them.

    Warns only: our estimate is the one inside epochs (docs/adr/0009).
    """
    value = pl.when(pl.col("metric").is_in([m for m, facts in metrics.items() if facts.kind == "binary"]))
    over = pl.when(pl.col("metric").is_in([m for m, facts in metrics.items() if facts.kind == "ratio"]))
    pooled = (
        _primary(sums, primary)
        .group_by([*_DAY, "metric", "variant_id"])
        .agg(
            value.then(pl.col("x").cast(pl.Float64)).otherwise(pl.col("s1")).sum().alias("sum"),
            over.then(pl.col("d1")).otherwise(pl.col("n").cast(pl.Float64)).sum().alias("n"),
            epochs=pl.col("epoch").n_unique(),
        )
        .with_columns(mean=pl.col("sum") / pl.col("n"))
    )
    rows = (
        _primary(estimates, primary)
        .filter(pl.col("basis") == "exposed")
        .select(*_DAY, "metric", "variant_id", "control_id", "log_ratio", "se", "reason")
        .join(pooled, on=[*_DAY, "metric", "variant_id"], nulls_equal=True, how="left")
        .join(
            pooled.rename({"variant_id": "control_id"}),
            on=[*_DAY, "metric", "control_id"],
            nulls_equal=True,
            how="left",
            suffix="_control",
        )
    )
    for row in rows.iter_rows(named=True):
        common = {"variant_id": row["variant_id"], "metric": row["metric"]}
        if max(row["epochs"] or 0, row["epochs_control"] or 0) < 2:
            yield _row(row, "pooled_agreement", **common, reason="one_epoch")
        elif row["se"] is None or not row["mean"] or not row["mean_control"]:
            yield _row(row, "pooled_agreement", **common, reason=row["reason"] or "no_conversions_yet")
        else:
            crude = math.log(row["mean"] / row["mean_control"])
            yield _row(
                row,
                "pooled_agreement",
                **common,
                statistic=abs(crude - row["log_ratio"]) / row["se"],
                warn_at=_POOLED,
                detail={"pooled": math.expm1(crude), "within_epochs": math.expm1(row["log_ratio"])},
            )


def _novelty(sums: pl.DataFrame, days: pl.DataFrame, shares: pl.DataFrame) -> Iterable[dict[str, object]]:
    """Does the effect on conversion rise or fall from day to day? Warns; the verdict stands.

    Conversions of one day are the growth of the cumulative counts; given their number, the share that falls into a
    variant follows from its effect on that day alone, as in `sequential.conversion`.
    """
    daily = (
        sums.filter((pl.col("metric") == "conversion") & pl.col("as_of").is_not_null())
        .sort("as_of")
        .with_columns(
            gained=pl.col("x") - pl.col("x").shift(1, fill_value=0).over("experiment_id", "epoch", "variant_id")
        )
        .join(
            shares.select("experiment_id", "epoch", "variant_id", "share", "is_control"),
            on=["experiment_id", "epoch", "variant_id"],
        )
        .select("experiment_id", "as_of", "epoch", "variant_id", "gained", "share", "is_control")
    )
    control = daily.filter("is_control").select("experiment_id", "as_of", "epoch", a="gained", share_a="share")
    pairs = (
        daily.filter(~pl.col("is_control"))
        .join(control, on=["experiment_id", "as_of", "epoch"])
        .filter(
            (pl.col("gained") + pl.col("a") >= _FEWEST_CONVERSIONS_A_DAY) & (pl.col("gained") >= 0) & (pl.col("a") >= 0)
        )
        .with_columns(
            y=((pl.col("gained") + 0.5) / (pl.col("a") + 0.5)).log() - (pl.col("share") / pl.col("share_a")).log(),
            w=1 / (1 / (pl.col("gained") + 0.5) + 1 / (pl.col("a") + 0.5)),
        )
    )
    variants = days.join(
        shares.filter(~pl.col("is_control")).select("experiment_id", "variant_id", "position").unique(),
        on="experiment_id",
    ).sort("position", maintain_order=True)
    series = {
        (str(key[0]), str(key[1])): part
        for key, part in pairs.partition_by("experiment_id", "variant_id", as_dict=True).items()
    }
    for row in variants.iter_rows(named=True):
        common = {"variant_id": row["variant_id"], "metric": "conversion"}
        part = series.get((row["experiment_id"], row["variant_id"]))
        if row["as_of"] is None:
            yield _row(row, "novelty", **common, reason="no_dates")
            continue
        part = None if part is None else part.filter(pl.col("as_of") <= row["as_of"])
        if part is None or part["as_of"].n_unique() < _FEWEST_DAYS:
            yield _row(row, "novelty", **common, reason="too_few_days")
            continue
        time = (part["as_of"] - part["as_of"].min()).dt.total_days().cast(pl.Float64).to_numpy()
        slope, z, q, q_p = _trend(time, part["y"].to_numpy(), part["w"].to_numpy())
        yield _row(
            row,
            "novelty",
            **common,
            statistic=abs(z),
            warn_at=_NOVELTY_Z,
            detail={"change_per_day": math.expm1(slope), "z": z, "q": q, "q_p": q_p, "days": part["as_of"].n_unique()},
        )


def _trend(time: Array, y: Array, weight: Array) -> tuple[float, float, float, float]:
    """Weighted slope of y on time with its z, and Cochran's Q with its p."""
    centre = float(weight @ y / weight.sum())
    moved = time - weight @ time / weight.sum()
    spread = float(weight @ moved**2)
    q = float(weight @ (y - centre) ** 2)
    slope = float(weight @ (moved * y)) / spread if spread > 0 else 0.0
    return slope, slope * math.sqrt(spread), q, float(special.chdtrc(max(y.size - 1, 1), q))


def _maturity(planned: pl.DataFrame) -> Iterable[dict[str, object]]:
    for day, part in _by_day(planned):
        readers = float(part["n"].sum())
        if part["n_immature"].null_count():
            yield _row(day, "maturity", reason="not_counted")
        elif not readers:
            yield _row(day, "maturity", reason="no_exposure")
        else:
            share = float(part["n_immature"].sum()) / readers
            yield _row(day, "maturity", statistic=share, status="pass", detail={"share": share, "n": readers})


def blocked(checks: pl.DataFrame) -> Sequence[str]:
    """Return the names of the checks that block, in the order of the table, each once."""
    return checks.filter(pl.col("status") == "block")["check_name"].unique(maintain_order=True).to_list()
