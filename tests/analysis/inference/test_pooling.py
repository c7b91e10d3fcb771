"""Strata, random effects, shrinkage, covariates, ratios."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.inference import means, pooling, ratios, variance_reduction
from analysis.inference.proportions import katz_variance


def test_one_stratum_is_the_plain_ratio_with_the_katz_variance() -> None:
    log_rr, se = pooling.mantel_haenszel(100, 90_000, 14, 10_000)
    assert log_rr == pytest.approx(np.log(14 / 10_000 * 900))
    assert se**2 == pytest.approx(katz_variance(100, 90_000, 14, 10_000)[0])


def test_a_ramp_with_a_rising_base_rate_deceives_the_pooled_table_and_not_the_strata() -> None:
    strata = ([90, 100], [90_000, 50_000], [10, 100], [10_000, 50_000])
    log_rr, _ = pooling.mantel_haenszel(*strata)
    pooled = np.log((110 / 60_000) / (190 / 140_000))
    assert log_rr == pytest.approx(0, abs=1e-12)
    assert pooled > 0.3


def test_effects_without_spread_have_no_variance_between_them() -> None:
    for method in (pooling.dersimonian_laird, pooling.paule_mandel, pooling.reml):
        assert method([0.1, 0.1, 0.1, 0.1], [0.01, 0.02, 0.01, 0.03]).tau2 == 0
    q, p = pooling.cochran_q([0.1, 0.1, 0.1], [0.01, 0.01, 0.01])
    assert q == pytest.approx(0)
    assert p == pytest.approx(1)


def test_shrinkage_pulls_noisy_segments_harder_and_needs_four() -> None:
    found = pooling.shrink([0.2, 0.2, -0.1, 0.0], [0.001, 0.1, 0.01, 0.01], 0.005)
    assert abs(found.estimate[1] - found.centre) < abs(found.estimate[0] - found.centre)
    with pytest.raises(ValueError, match="4 are needed"):
        pooling.shrink([0.1, 0.2, 0.3], [0.01, 0.01, 0.01], 0.01)


def test_shrunk_segments_lie_nearer_to_the_truth() -> None:
    rng = np.random.default_rng(6)
    raw = shrunk = 0.0
    for _ in range(200):
        truth = rng.normal(0, 0.05, 12)
        y = truth + rng.normal(0, 0.14, 12)
        s2 = np.full(12, 0.14**2)
        found = pooling.shrink(y, s2, pooling.reml(y, s2).tau2)
        raw += float(((y - truth) ** 2).mean())
        shrunk += float(((found.estimate - truth) ** 2).mean())
    assert shrunk < 0.3 * raw


def _readers(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    before = rng.poisson(3, n)
    return np.stack([before + rng.poisson(2, n), before]).astype(float)


def _moments(rows: np.ndarray) -> variance_reduction.Moments:
    return variance_reduction.Moments.of_sums(rows.shape[1], rows.sum(axis=1), rows @ rows.T)


def test_covariate_takes_away_the_spread_that_it_explains() -> None:
    a, b = _readers(1, 4000), _readers(2, 4000)
    found = variance_reduction.adjust(_moments(a), _moments(b))
    plain = a[0].var(ddof=1) / 4000
    assert found.variance_a == pytest.approx(0.4 * plain, rel=0.1)
    assert found.coefficients[0] == pytest.approx(1, abs=0.05)


def test_moments_merge_in_any_grouping() -> None:
    rows = _readers(3, 900)
    whole = _moments(rows)
    parts = _moments(rows[:, :200]) + (_moments(rows[:, 200:500]) + _moments(rows[:, 500:]))
    assert parts.n == whole.n
    assert parts.mean == pytest.approx(whole.mean)
    assert parts.cross == pytest.approx(whole.cross)


def test_covariate_that_does_not_vary_is_refused() -> None:
    rows = np.stack([np.arange(10.0), np.ones(10)])
    with pytest.raises(ValueError, match="does not vary"):
        variance_reduction.adjust(_moments(rows), _moments(rows))


def test_classes_take_away_a_chance_imbalance_and_small_ones_are_merged() -> None:
    na, nb = [6000.0, 4000.0, 10.0], [5000.0, 5000.0, 12.0]
    s1a, s1b = [600.0, 4000.0, 5.0], [500.0, 5000.0, 6.0]
    found = variance_reduction.post_stratify(na, s1a, s1a, nb, s1b, s1b)
    assert found.difference == pytest.approx(0, abs=1e-3)
    crude = sum(s1b) / sum(nb) - sum(s1a) / sum(na)
    assert crude > 0.08


def test_views_as_denominator_widen_the_interval_that_views_as_rows_would_have() -> None:
    rng = np.random.default_rng(9)
    n = 20_000
    views = rng.geometric(0.2, n).astype(float)
    dismissed = rng.binomial(views.astype(int), rng.beta(0.3, 3, n)).astype(float)
    sums = (n, dismissed.sum(), views.sum(), (dismissed**2).sum(), (views**2).sum(), (dismissed * views).sum())
    ratio, variance = ratios.ratio_variance(*sums)
    as_rows = ratio[0] * (1 - ratio[0]) / views.sum()
    assert variance[0] > 1.5 * as_rows
    assert ratio[0] == pytest.approx(dismissed.sum() / views.sum())


def test_ratio_with_a_constant_denominator_is_the_mean() -> None:
    ratio, variance = ratios.ratio_variance(1000, 300.0, 1000.0, 900.0, 1000.0, 300.0)
    assert ratio[0] == pytest.approx(0.3)
    assert variance[0] == pytest.approx(means.variance(1000, 300.0, 900.0)[0] / 1000)
