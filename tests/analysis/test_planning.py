"""Sizes of tests, the effects they can see, and when an answer comes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from analysis import planning
from analysis.inference import bayesian
from analysis.inference.arrays import Array

Loss = Callable[[Array, Array], Array]
SITE = {"rate": 0.001, "readers_a_day": 100_000.0}


@pytest.mark.parametrize(("effect", "conversions"), [(0.05, 6437), (0.10, 1650), (0.20, 433)])
def test_conversions_needed_at_eighty_percent_power(effect: float, conversions: int) -> None:
    control, variant = planning.conversions_needed(effect)
    assert round(control[0]) == conversions
    assert variant[0] == pytest.approx(control[0] * (1 + effect))


def test_power_that_was_asked_for_is_reached() -> None:
    rng = np.random.default_rng(3)
    control, variant = planning.conversions_needed(0.10)
    a, b = rng.poisson(control[0], 20_000), rng.poisson(variant[0], 20_000)
    z = np.log(b / a) / np.sqrt(1 / a + 1 / b)
    assert (z > 1.96).mean() == pytest.approx(0.80, abs=0.012)


def test_smallest_effect_and_days_are_inverse() -> None:
    size = planning.readers_needed(0.10, **SITE)
    assert size.days == pytest.approx(size.readers / 100_000)
    assert planning.smallest_effect(days=size.days, **SITE) == pytest.approx(0.10, rel=1e-6)
    assert planning.power_of(0.10, days=size.days, **SITE)[0] == pytest.approx(0.80, abs=1e-3)


def test_daily_looks_heavy_tails_and_more_variants_cost_readers() -> None:
    plain = planning.readers_needed(0.10, **SITE).readers
    daily = planning.readers_needed(0.10, **SITE, factor=planning.anytime_factor(registered=True)).readers
    tail = float(planning.heavy_tail_factor(300.0, 1000.0)[0])
    money = planning.readers_needed(0.10, **SITE, tail=tail).readers
    several = planning.readers_needed(0.10, **SITE, shares=(1.0, 1.0, 1.0)).readers
    uneven = planning.readers_needed(0.10, **SITE, shares=(0.9, 0.1)).readers
    assert daily == pytest.approx(1.7 * plain)
    assert money == pytest.approx(plain / 0.3)
    assert several > 1.5 * plain
    assert uneven > 2 * plain
    assert planning.anytime_factor(registered=False) > planning.anytime_factor(registered=True)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"readers_a_day": 0.0}, {"shares": (1.0,)}, {"shares": (1.0, 0.0)}])
def test_a_plan_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        planning.readers_needed(0.1, **{**SITE, **wrong})  # type: ignore[arg-type]


def test_power_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="power"):
        planning.conversions_needed(0.1, power=1.0)


def test_forecast_agrees_with_tests_that_go_on() -> None:
    """Draw the truth from today's posterior, let the test go on, and see when its loss falls below the threshold."""
    theta, se, days, threshold, tau = 0.02, 0.05, 10.0, 0.002, 0.10
    found = planning.forecast(theta, se, days, threshold, tau)
    rng = np.random.default_rng(5)
    now = bayesian.two_variants(theta, se, tau)
    truth = rng.normal(now.mean[0], now.sd[0], 4000)

    def done(day: float) -> float:
        more = se**2 * days / day
        new = rng.normal(truth, np.sqrt(more))
        both_se = se * np.sqrt(days / (days + day))
        both = (theta * days + new * day) / (days + day)
        later = bayesian.two_variants(both, both_se, tau)
        return float((np.minimum(later.loss_a, later.loss_b) <= threshold).mean())

    assert done(found.even[0]) == pytest.approx(0.5, abs=0.03)
    assert done(found.sure[0]) == pytest.approx(0.9, abs=0.03)


def test_forecast_comes_sooner_with_a_larger_lead_and_not_at_all_when_it_is_hopeless() -> None:
    found = planning.forecast([0.0, 0.05, 0.0], [0.03, 0.03, 2.0], 10.0, [0.002, 0.002, 1e-7])
    assert found.even[1] < found.even[0]
    assert np.isnan(found.sure[2])


def test_many_forecasts_at_once_are_those_of_each_alone() -> None:
    rng = np.random.default_rng(7)
    theta, se, days = rng.normal(0, 0.1, 600), 10 ** rng.uniform(-3, 0.3, 600), rng.integers(1, 60, 600).astype(float)
    threshold, tau = 10 ** rng.uniform(-4, -1, 600), 10 ** rng.uniform(-2.5, -0.3, 600)
    together = planning.forecast(theta, se, days, threshold, tau)
    for i in range(0, 600, 20):
        alone = planning.forecast(theta[i], se[i], days[i], threshold[i], tau[i])
        np.testing.assert_array_equal([*alone.even, *alone.sure], [together.even[i], together.sure[i]])


@pytest.mark.parametrize(("side", "loss"), [(-1, bayesian.shortfall), (1, bayesian.excess)])
def test_the_mean_at_which_a_loss_equals_its_bound_is_found_for_any_spread(side: int, loss: Loss) -> None:
    variance, bound = (grid.ravel() for grid in np.meshgrid(10.0 ** np.arange(-6, 1), 10.0 ** np.arange(-7, 0)))
    mean = planning.mean_at(variance, bound, side=side)
    np.testing.assert_allclose(loss(mean, variance), bound, rtol=1e-7)


def test_the_day_found_by_halving_is_the_first_of_all_days_that_reaches_the_level() -> None:
    rng = np.random.default_rng(11)
    theta, se, days = rng.normal(0, 0.1, 400), 10 ** rng.uniform(-3, -0.3, 400), rng.integers(1, 60, 400).astype(float)
    threshold, tau = 10 ** rng.uniform(-5, -1, 400), 10 ** rng.uniform(-2, -0.3, 400)
    found = planning.forecast(theta, se, days, threshold, tau)
    now = bayesian.two_variants(theta, se, tau)
    late = np.unique(np.round(np.geomspace(60, planning.LONGEST_FORECAST_DAYS, 120)))
    first = {0.5: np.full(400, np.nan), 0.9: np.full(400, np.nan)}
    for day in [*range(1, 60), *late]:
        later = 1 / (1 / tau**2 + 1 / se**2 * (1 + day / days))
        spread = np.sqrt(now.sd**2 - later)
        low, high = (planning.mean_at(later, threshold, side=side) for side in (1, -1))
        chance = special.ndtr((now.mean - high) / spread) + special.ndtr((low - now.mean) / spread)
        for level, reached in first.items():
            reached[np.isnan(reached) & (chance >= level)] = day
    assert 40 < (found.even == 1).sum() < 360
    np.testing.assert_array_equal(found.even, first[0.5])
    np.testing.assert_array_equal(found.sure, first[0.9])
