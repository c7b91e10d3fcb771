"""The regression of conversion on features of texts, inside tests."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analysis.wording import evidence

UPWORTHY = Path(__file__).parents[4] / "shared" / "data" / "upworthy_half.parquet"


def _simulated(
    tests: int, per_arm: float, effect: float, seed: int, *, spread: float = 0.0, shares: tuple[float, ...] = (1, 1, 1)
) -> tuple[np.ndarray, ...]:
    """Tests of three arms; `spread` is the standard deviation of what each arm has of its own, `shares` their sizes."""
    rng = np.random.default_rng(seed)
    test = np.repeat(np.arange(tests), 3)
    feature = rng.integers(0, 2, test.size).astype(float)
    level = np.repeat(rng.normal(0, 0.5, tests), 3)
    size = per_arm * np.tile(shares, tests)
    own = rng.normal(0, spread, test.size) if spread else 0.0
    x = rng.poisson(size * np.exp(level + own + effect * feature))
    n = size * 1000
    return test, x, n, feature


def test_effect_inside_tests_is_found_where_test_levels_differ() -> None:
    found = evidence.wording_effects(*_simulated(600, 60, 0.10, 1))
    assert found.method == "log_rate"
    assert found.coefficient[0] == pytest.approx(0.10, abs=3 * found.se_cluster[0])
    low, high = found.interval()
    assert low[0] < np.expm1(0.10) < high[0]


def test_few_conversions_take_the_poisson_form_which_has_no_bias() -> None:
    data = _simulated(4000, 5, 0.10, 2)
    found = evidence.wording_effects(*data)
    assert found.method == "poisson"
    assert found.coefficient[0] == pytest.approx(0.10, abs=3 * found.se_cluster[0])
    assert found.sigma2 < 0.01


def test_both_forms_agree_when_conversions_are_many() -> None:
    data = _simulated(300, 2000, 0.05, 3)
    log_rate, poisson = evidence.log_rate_effects(*data, sigma2=0.0), evidence.poisson_effects(*data)
    assert log_rate.coefficient[0] == pytest.approx(poisson.coefficient[0], abs=5e-4)
    assert log_rate.se_cluster[0] == pytest.approx(poisson.se_cluster[0], rel=0.02)


def test_range_for_one_new_pair_is_wider_than_that_of_the_mean() -> None:
    test, x, n, feature = _simulated(200, 500, 0.05, 4)
    noisy = np.random.default_rng(0).poisson(x * np.exp(np.random.default_rng(1).normal(0, 0.15, x.size)))
    found = evidence.wording_effects(test, noisy, n, feature)
    assert found.sigma2 == pytest.approx(0.15**2, rel=0.4)
    assert found.interval_of_new_pair()[1][0] > found.interval()[1][0]


@pytest.mark.parametrize(
    ("per_arm", "spread", "shares"), [(5, 0.25, (1, 1, 1)), (15, 0.15, (1, 1, 1)), (10, 0.27, (2.4, 0.6, 0.6))]
)
def test_few_conversions_leave_the_spread_between_arms_to_be_found(
    per_arm: float, spread: float, shares: tuple[float, ...]
) -> None:
    """Unequal arms too, where a moment of e^2 (1 - p) would find seven tenths of it."""
    found = [
        evidence.poisson_effects(*_simulated(400, per_arm, 0.10, seed, spread=spread, shares=shares))
        for seed in range(20)
    ]
    assert np.mean([one.sigma2 for one in found]) == pytest.approx(spread**2, rel=0.12)
    held = []
    for seed, one in enumerate(found):
        low, high = one.interval_of_new_pair()
        pairs = np.expm1(0.10 + np.random.default_rng(900 + seed).normal(0, spread * np.sqrt(2), 1_000))
        held.append(np.mean((pairs > low[0]) & (pairs < high[0])))
    assert np.mean(held) == pytest.approx(0.95, abs=0.025)


def test_one_large_test_does_not_speak_for_the_spread_of_all() -> None:
    test, x, n, feature = _simulated(400, 5, 0.10, 7, spread=0.25)
    alone = evidence.poisson_effects(test, x, n, feature).sigma2
    large = np.array([4_000, 12_000, 8_000])
    more = evidence.poisson_effects(
        np.append(test, [400] * 3), np.append(x, large), np.append(n, [8e6] * 3), np.append(feature, [0.0] * 3)
    )
    assert more.sigma2 == pytest.approx(alone, rel=0.25)


def test_two_tests_without_conversions_have_no_spread() -> None:
    found = evidence.poisson_effects([1, 1, 2, 2], [1, 0, 0, 1], [9, 9, 9, 9], [0.0, 1.0, 0.0, 1.0])
    assert found.sigma2 == 0


def test_tests_of_one_arm_say_nothing_and_a_feature_that_never_varies_is_refused() -> None:
    data = _simulated(50, 60, 0.1, 5)
    more = tuple(np.append(column, extra) for column, extra in zip(data, (999, 10, 1000.0, 1.0), strict=True))
    assert evidence.log_rate_effects(*more).coefficient == pytest.approx(evidence.log_rate_effects(*data).coefficient)
    with pytest.raises(ValueError, match="vary in no test"):
        evidence.log_rate_effects(data[0], data[1], data[2], np.repeat(np.arange(50.0), 3))
    with pytest.raises(ValueError, match="cannot tell"):
        evidence.log_rate_effects([1, 1], [5, 6], [100, 100], [0.0, 1.0])


@pytest.mark.skipif(not UPWORTHY.exists(), reason="the Upworthy archive is not on this machine")
def test_published_headline_tests_give_the_published_effects() -> None:
    """Upworthy Research Archive, Matias et al. 2021: question mark, any digit, words/10 at once; se with G/(G-1)."""
    rows = (
        pl.read_parquet(UPWORTHY)
        .filter(pl.col("impressions") > 100)
        .with_columns(
            block=pl.concat_str(
                pl.col("clickability_test_id").cast(pl.String),
                pl.lit("|"),
                pl.col("eyecatcher_id").cast(pl.String).fill_null(""),
            )
        )
        .group_by("block", "headline", maintain_order=True)
        .agg(pl.col("impressions", "clicks").sum())
        .filter(pl.len().over("block") >= 2)
    )
    features = np.array(
        [
            [float("?" in text), float(bool(re.search(r"\d", text))), len(re.findall(r"[a-z0-9']+", text.lower())) / 10]
            for text in rows["headline"]
        ]
    )
    assert (rows.height, rows["block"].n_unique()) == (5487, 1309)
    found = evidence.log_rate_effects(
        rows["block"].to_numpy(), rows["clicks"].to_numpy(), rows["impressions"].to_numpy(), features
    )
    other_factor = np.sqrt((found.tests - 3) / (found.tests - 1))
    assert found.coefficient.tolist() == pytest.approx([-0.1063, 0.0529, 0.1166], abs=5e-5)
    assert (found.se_cluster * other_factor).tolist() == pytest.approx([0.0155, 0.0206, 0.0200], abs=5e-5)
    assert found.sigma2 == pytest.approx(0.0734, abs=5e-5)
