"""Posteriors, chances to be best, expected losses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from analysis.inference import bayesian


def test_losses_are_the_integrals_they_stand_for() -> None:
    found = bayesian.two_variants(0.05, 0.03, 0.1)
    m, s = found.mean[0], found.sd[0]
    lost_b = integrate.quad(lambda d: max(1 - np.exp(d), 0) * stats.norm.pdf(d, m, s), m - 9 * s, m + 9 * s, points=[0])
    lost_a = integrate.quad(lambda d: max(np.exp(d) - 1, 0) * stats.norm.pdf(d, m, s), m - 9 * s, m + 9 * s, points=[0])
    assert found.loss_b[0] == pytest.approx(lost_b[0], rel=1e-6)
    assert found.loss_a[0] == pytest.approx(lost_a[0], rel=1e-6)


def test_a_scale_of_zero_is_taken_as_one_percent() -> None:
    assert bayesian.two_variants(0.05, 0.03, 0.0).mean[0] == bayesian.two_variants(0.05, 0.03, 0.01).mean[0]


def test_two_variants_agree_in_both_forms() -> None:
    joint = bayesian.several_variants([-6.9, -6.8], [0.001, 0.002], 0.1)
    chance, loss = bayesian.best_of(joint)
    pair = bayesian.two_variants(0.1, np.sqrt(0.003), 0.1)
    assert chance[0, 1] == pytest.approx(pair.chance_better[0], rel=1e-12)
    assert loss[0].tolist() == pytest.approx([pair.loss_a[0], pair.loss_b[0]], rel=1e-9)


def test_integration_over_several_variants_agrees_with_the_closed_form_of_two() -> None:
    """A third variant that is hopeless changes nothing."""
    pair = bayesian.VariantPosterior(
        np.zeros(1), np.array([[0.0, 0.04]]), np.array([[0.001, 0.002]]), np.full((1, 2), 0.02)
    )
    three = bayesian.VariantPosterior(
        np.zeros(1), np.array([[0.0, 0.04, -3.0]]), np.array([[0.001, 0.002, 0.001]]), np.full((1, 3), 0.02)
    )
    (chance2, loss2), (chance3, loss3) = bayesian.best_of(pair), bayesian.best_of(three)
    assert chance3[0, :2] == pytest.approx(chance2[0], abs=1e-9)
    assert chance3[0, 2] == pytest.approx(0, abs=1e-12)
    assert loss3[0, :2] == pytest.approx(loss2[0], abs=1e-9)


@pytest.mark.parametrize("less_is_better", [False, True])
def test_several_variants_agree_with_draws(less_is_better: bool) -> None:
    joint = bayesian.several_variants([-6.9, -6.84, -6.95, -6.78], [0.0009, 0.0011, 0.001, 0.0025], 0.1)
    chance, loss = bayesian.best_of(joint, less_is_better)
    draws = np.random.default_rng(2).standard_normal((400_000, 5))
    log_mean = joint.mean[0] + np.sqrt(joint.own[0]) * draws[:, :4] + joint.shared[0] * draws[:, 4:]
    ratio = np.exp(log_mean - log_mean[:, :1])
    sign = -1 if less_is_better else 1
    winner = (sign * ratio).argmax(axis=1)
    assert chance[0] == pytest.approx(np.bincount(winner, minlength=4) / draws.shape[0], abs=0.004)
    assert loss[0] == pytest.approx(((sign * ratio).max(axis=1)[:, None] - sign * ratio).mean(axis=0), abs=4e-4)
    assert chance.sum() == pytest.approx(1, abs=1e-6)


def test_missing_variants_stand_outside() -> None:
    joint = bayesian.several_variants([[-6.9, np.nan, -6.8]], [[0.001, np.nan, 0.002]], 0.1)
    chance, loss = bayesian.best_of(joint)
    pair, _ = bayesian.best_of(bayesian.several_variants([-6.9, -6.8], [0.001, 0.002], 0.1))
    assert np.isnan(chance[0, 1])
    assert np.isnan(loss[0, 1])
    assert chance[0, [0, 2]] == pytest.approx(pair[0])


def test_a_variant_far_better_known_than_the_others_does_not_break_the_integral() -> None:
    chance, _ = bayesian.best_of(bayesian.several_variants([0.0, 0.05, 0.02], [1e-12, 0.04, 0.02], 0.1))
    assert chance.sum() == pytest.approx(1, abs=1e-3)


def test_three_rates_with_few_conversions_agree_with_draws() -> None:
    x, n = np.array([[3, 8, 5]]), np.array([[10_000, 10_000, 9_000]])
    chance, loss = bayesian.best_rate(x, n)
    draws = np.random.default_rng(4).beta(x[0] + 0.5, n[0] - x[0] + 0.5, (400_000, 3))
    assert chance[0] == pytest.approx(np.bincount(draws.argmax(axis=1)) / 400_000, abs=0.004)
    assert loss[0] == pytest.approx((draws.max(axis=1)[:, None] - draws).mean(axis=0), rel=0.02)


def test_the_lowest_rate_is_the_best_where_less_is_better() -> None:
    high, _ = bayesian.best_rate([[3, 8]], [[10_000, 10_000]])
    low, _ = bayesian.best_rate([[3, 8]], [[10_000, 10_000]], less_is_better=True)
    assert low[0] == pytest.approx(high[0, ::-1], abs=1e-9)


def test_beta_and_normal_posterior_agree_when_conversions_are_many() -> None:
    chance, _ = bayesian.best_rate([[1000, 1060]], [[10**6, 10**6]])
    flat = bayesian.two_variants(np.log(1.06), np.sqrt(1 / 1000 + 1 / 1060), 10.0)
    assert chance[0, 1] == pytest.approx(flat.chance_better[0], abs=2e-3)
