"""The comparison with covariates against the same reader by reader, and what it gains and must not claim."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.inference.adjusted import adjusted_estimates
from analysis.inference.estimates import estimate
from analysis.result_tables import ADJUSTED_ESTIMATES
from analysis.sufficient import CLASS_SCHEMA
from tests.analysis.inference.tables import plan, row, split, statistics

TODAY = date(2026, 3, 20)
DEVICES = np.array(["mobile", "desktop", "tablet"])


def readers(seed: int, n: int, lift: float = 0.0, experiment: str = "appeal") -> pl.DataFrame:
    """Readers of two variants one by one: earlier visits and device explain much of the pageviews."""
    rng = np.random.default_rng(seed)
    visits = np.minimum(rng.negative_binomial(0.7, 0.1, n), 255)
    device = rng.integers(0, 3, n)
    variant = rng.integers(0, 2, n)
    pageviews = rng.poisson((0.4 + 1.2 * np.log1p(visits) + 0.3 * device) * (1 + lift * variant))
    return pl.DataFrame(
        {
            "experiment_id": experiment,
            "epoch": 0,
            "variant_id": np.array(["a", "b"])[variant],
            "device": DEVICES[device],
            "visits_before": visits,
            "y": pageviews,
        }
    )


def classes(people: pl.DataFrame, metric: str = "pageviews", **absent: Any) -> pl.DataFrame:
    """The readers as the warehouse would hand them over: counted by class."""
    people = people.with_columns(pl.lit(value).alias(name) for name, value in absent.items())
    keys = ["experiment_id", "epoch", "variant_id", "device", "visits_before"]
    return (
        people.group_by(keys)
        .agg(n=pl.len(), x=(pl.col("y") > 0).sum(), s1=pl.col("y").sum(), s2=(pl.col("y").cast(pl.Int64) ** 2).sum())
        .with_columns(as_of=pl.lit(TODAY), metric=pl.lit(metric), reader_type=pl.lit(None, pl.String))
        .select(pl.col(name).cast(dtype) for name, dtype in CLASS_SCHEMA.items())
    )


def found(people: pl.DataFrame, **absent: Any) -> dict[str, dict[str, Any]]:
    table = adjusted_estimates(classes(people, **absent), plan(), split())
    assert table.schema == pl.Schema(ADJUSTED_ESTIMATES.schema)
    return {item["method"]: item for item in table.iter_rows(named=True)}


def by_hand(people: pl.DataFrame, *covariates: np.ndarray) -> tuple[float, float]:
    """Log ratio and its error by least squares over single readers."""
    x = np.stack(covariates, axis=1).astype(float)
    y, b = people["y"].to_numpy().astype(float), (people["variant_id"] == "b").to_numpy()
    centred = x - x.mean(axis=0)
    q = np.linalg.lstsq(centred, y - y.mean(), rcond=None)[0]
    left = y - centred @ q
    means = [left[side].mean() for side in (~b, b)]
    spreads = [left[side].var(ddof=1) / side.sum() / mean**2 for side, mean in zip((~b, b), means, strict=True)]
    return float(np.log(means[1] / means[0])), float(np.sqrt(sum(spreads)))


def test_moments_of_classes_give_what_single_readers_give() -> None:
    people = readers(1, 6000)
    visits = np.log1p(people["visits_before"].to_numpy())
    ours = found(people)
    assert (ours["one_covariate"]["log_ratio"], ours["one_covariate"]["se"]) == pytest.approx(by_hand(people, visits))
    devices = [(people["device"] == name).to_numpy() for name in DEVICES]
    assert (ours["covariates"]["log_ratio"], ours["covariates"]["se"]) == pytest.approx(
        by_hand(people, visits, *devices), rel=1e-6
    )


def test_half_of_the_noise_goes_and_more_with_more_covariates() -> None:
    ours = found(readers(2, 20_000))
    one, several, strata = (ours[name]["variance_kept"] for name in ("one_covariate", "covariates", "post_stratified"))
    assert several < one < 0.75
    assert strata == pytest.approx(several, abs=0.08)


def test_a_chance_imbalance_before_the_test_is_taken_off() -> None:
    people = readers(3, 20_000)
    # Busy readers of the control are lost: a plain comparison sees an effect that is none.
    uneven = people.filter((pl.col("variant_id") == "b") | (pl.col("visits_before") < 15))
    y, is_b = uneven["y"].to_numpy(), (uneven["variant_id"] == "b").to_numpy()
    plain = np.log(y[is_b].mean() / y[~is_b].mean())
    ours = found(uneven)
    assert plain > 0.1
    assert abs(ours["one_covariate"]["log_ratio"]) < 0.05


def test_false_alarms_and_power_with_and_without_covariates() -> None:
    seen = {"plain": 0, "covariates": 0}
    missed = 0
    for seed in range(60):
        people = readers(100 + seed, 4000, lift=0.06)
        rows = [
            row(
                name,
                part.height,
                int((part["y"] > 0).sum()),
                metric="pageviews",
                s1=part["y"].sum(),
                s2=(part["y"] ** 2).sum(),
            )
            for (name,), part in sorted(people.partition_by("variant_id", as_dict=True).items())
        ]
        plain = estimate(statistics(rows), plan(), split()).row(0, named=True)
        ours = found(people)["covariates"]
        seen["plain"] += plain["anytime_low"] > 0
        seen["covariates"] += ours["anytime_low"] > 0
        missed += not ours["anytime_low"] <= 0.06 <= ours["anytime_high"]
    assert missed <= 4
    assert seen["covariates"] > seen["plain"]


def test_what_is_not_registered_has_no_row_and_few_readers_a_reason() -> None:
    only_device = found(readers(4, 4000), visits_before=None)
    assert set(only_device) == {"covariates", "post_stratified"}
    few = found(readers(5, 30))
    assert few["covariates"]["reason"] == "too_few_readers"
    assert few["covariates"]["lift"] is None
    assert adjusted_estimates(classes(readers(6, 10)).clear(), plan(), split()).is_empty()


def test_epochs_are_adjusted_each_by_itself() -> None:
    first, second = readers(7, 8000), readers(8, 8000).with_columns(epoch=pl.lit(1))
    half = np.random.default_rng(9).random(second.height) < 0.5
    second = second.with_columns(y=pl.col("y") * 3).filter((pl.col("variant_id") == "a") | pl.Series(half))
    ours = adjusted_estimates(classes(pl.concat([first, second])), plan(), split({"a": 1, "b": 1}, {"a": 3, "b": 2}))
    for item in ours.iter_rows(named=True):
        assert abs(item["log_ratio"]) < 3.5 * item["se"], (
            "pooled over the epochs the tripled rate would look like an effect"
        )
