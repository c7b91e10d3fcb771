"""Evidence that may be read on any day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from analysis.inference import group_sequential, means, proportions, sequential
from analysis.inference.sequential import GUARDRAIL_PRIOR, OUTCOME_PRIOR, Mixture, Priors

PRIOR = Priors.same(OUTCOME_PRIOR, 1)


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0.02, 0.98))
@settings(max_examples=60)
def test_swapped_variants_flip_the_interval_and_keep_the_evidence(xa: int, xb: int, rho: float) -> None:
    here, back = sequential.conversion(xa, xb, rho, PRIOR), sequential.conversion(xb, xa, 1 - rho, PRIOR)
    assert back.low[0] == pytest.approx(-here.high[0], abs=1e-9)
    assert back.high[0] == pytest.approx(-here.low[0], abs=1e-9)
    assert back.log_e[0] == pytest.approx(here.log_e[0], abs=1e-8)


@given(st.integers(0, 2000), st.integers(0, 2000), st.floats(0.05, 0.95))
@settings(max_examples=60)
def test_evidence_reaches_twenty_exactly_when_the_interval_excludes_no_difference(xa: int, xb: int, rho: float) -> None:
    found = sequential.conversion(xa, xb, rho, PRIOR, 0.05)
    if abs(found.log_e[0] - np.log(20)) > 1e-6:
        assert (found.log_e[0] >= np.log(20)) == bool(found.low[0] > 0 or found.high[0] < 0)


@given(st.floats(-1, 1), st.floats(0.001, 0.5))
def test_normal_mixture_excludes_zero_exactly_when_evidence_reaches_twenty(theta: float, se: float) -> None:
    found = sequential.normal_mixture(theta, se, PRIOR, 0.05)
    if abs(found.log_e[0] - np.log(20)) > 1e-6:
        assert (found.log_e[0] >= np.log(20)) == bool(found.low[0] > 0 or found.high[0] < 0)


def test_a_higher_level_contains_the_lower() -> None:
    wide, narrow = (sequential.conversion(80, 120, 0.5, PRIOR, alpha) for alpha in (0.01, 0.05))
    assert wide.low[0] < narrow.low[0] < narrow.high[0] < wide.high[0]


def test_exact_mixture_agrees_with_the_normal_one_when_conversions_are_many() -> None:
    xa, xb = 20_000, 20_900
    exact = sequential.conversion(xa, xb, 0.5, PRIOR)
    normal = sequential.normal_mixture(np.log(xb / xa), np.sqrt(1 / xa + 1 / xb), PRIOR)
    assert exact.low[0] == pytest.approx(normal.low[0], abs=2e-4)
    assert exact.log_e[0] == pytest.approx(normal.log_e[0], abs=0.02)


def test_one_epoch_in_the_form_for_many_agrees_with_the_form_for_one() -> None:
    one = sequential.conversion(410, 460, 0.5, PRIOR)
    many = sequential.conversion_epochs([[410, 0]], [[460, 0]], [[0.5, 0.2]], PRIOR)
    assert many.low[0] == pytest.approx(one.low[0], abs=2e-3)
    assert many.log_e[0] == pytest.approx(one.log_e[0], abs=0.02)


def test_epochs_merge_when_their_shares_are_equal() -> None:
    split = sequential.conversion_epochs([[100, 310]], [[150, 310]], [[0.5, 0.5]], PRIOR)
    whole = sequential.conversion_epochs([[410]], [[460]], [[0.5]], PRIOR)
    assert split.low[0] == pytest.approx(whole.low[0], abs=1e-9)
    assert split.log_e[0] == pytest.approx(whole.log_e[0], abs=1e-9)


def test_epoch_evidence_equals_the_integral_it_stands_for() -> None:
    strata = [(100, 14, 0.1), (210, 225, 0.5)]

    def log_likelihood(delta: float) -> float:
        p = [rho * np.exp(delta) / (1 - rho + rho * np.exp(delta)) for _, _, rho in strata]
        return sum(xb * np.log(q) + xa * np.log1p(-q) for (xa, xb, _), q in zip(strata, p, strict=True))

    def integrand(t: float) -> float:
        prior = sum(
            w * stats.norm.pdf(t, 0, tau) for tau, w in zip(OUTCOME_PRIOR.taus, OUTCOME_PRIOR.weights, strict=True)
        )
        return float(prior * np.exp(log_likelihood(t) - log_likelihood(0.0)))

    expected = integrate.quad(integrand, -2, 2, limit=400, epsabs=1e-13, points=[0.0])[0]
    xa, xb, rho = (np.array([column]) for column in zip(*strata, strict=True))
    assert np.exp(sequential.conversion_epochs(xa, xb, rho, PRIOR).log_e[0]) == pytest.approx(expected, rel=1e-8)


def test_mean_of_the_evidence_without_an_effect_is_one() -> None:
    """An e-value is a fair bet: averaged over what may happen under no difference it pays 1."""
    total, rho = 300, 0.25
    xb = np.arange(total + 1)
    found = sequential.conversion(total - xb, xb, rho, Priors.same(OUTCOME_PRIOR, total + 1))
    assert (np.exp(found.log_e) * stats.binom.pmf(xb, total, rho)).sum() == pytest.approx(1, abs=1e-9)


def test_evidence_holds_at_rates_that_are_not_rare() -> None:
    """Assignment is drawn reader by reader, so that converted readers fall into b by its share at any rate."""
    rng = np.random.default_rng(11)
    runs, looks, per_look = 2000, 20, 60
    in_b = rng.random((runs, looks, per_look)) < 0.5
    converted = rng.random((runs, looks, per_look)) < 0.3
    xb = (in_b & converted).sum(axis=2).cumsum(axis=1).ravel()
    xa = (~in_b & converted).sum(axis=2).cumsum(axis=1).ravel()
    log_e = sequential.conversion(xa, xb, 0.5, Priors.same(GUARDRAIL_PRIOR, xa.size)).log_e.reshape(runs, looks)
    assert (log_e.max(axis=1) >= np.log(20)).mean() < 0.05


def test_no_conversion_on_a_side_opens_that_side_and_none_at_all_says_nothing() -> None:
    found = sequential.conversion([0, 6, 0], [6, 0, 0], 0.5, Priors.same(OUTCOME_PRIOR, 3))
    assert np.isinf(found.high[0])
    assert found.low[0] > -1
    assert np.isneginf(found.low[1])
    assert found.high[1] < 1
    assert np.isneginf(found.low[2])
    assert np.isposinf(found.high[2])
    assert found.log_e[2] == 0


def test_evidence_never_overflows() -> None:
    found = sequential.conversion(1000, 2_000_000, 0.5, PRIOR)
    assert np.isfinite(found.log_e[0])
    assert sequential.anytime_p(found.log_e)[0] > 0


def test_registered_effect_puts_all_weight_on_one_scale() -> None:
    priors = Priors.choose(np.array([False, False, True]), np.array([0.1, np.nan, 0.1]))
    registered = Priors.same(sequential.registered_prior(0.1), 1)
    direct = sequential.normal_mixture(0.08, 0.025, registered).low[0]
    assert sequential.normal_mixture(0.08, 0.025, priors.of(np.array([0]))).low[0] == pytest.approx(direct)
    assert priors.taus[1].tolist() == list(OUTCOME_PRIOR.taus)
    assert priors.taus[2].tolist() == list(GUARDRAIL_PRIOR.taus)


@pytest.mark.parametrize(("taus", "weights"), [((0.1,), (0.5, 0.5)), ((0.1, 0.2), (0.5, 0.6)), ((-0.1,), (1.0,))])
def test_a_mixture_that_is_no_prior_is_refused(taus: tuple[float, ...], weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="taus"):
        Mixture(taus, weights)


def test_invariant_form_gives_the_same_verdict_and_a_wider_interval() -> None:
    tau = Priors.same(Mixture((0.1,), (1.0,)), 1)
    for theta in (0.02, 0.1, 0.2):
        ours = sequential.normal_mixture(theta, 0.03, tau)
        low, high = sequential.invariant_mixture(theta, 0.03, 0.1)
        assert (ours.low[0] > 0) == (low[0] > 0)
    ours = sequential.normal_mixture(0.0, 0.03, tau)
    low, high = sequential.invariant_mixture(0.0, 0.03, 0.1)
    assert ours.high[0] - ours.low[0] < high[0] - low[0]


def test_spending_bounds_fall_and_hold_their_error() -> None:
    t = np.array([0.25, 0.5, 0.75, 1.0])
    bounds = group_sequential.spending_bounds(t, group_sequential.obrien_fleming_spending(t, 0.05))
    assert np.all(np.diff(bounds) < 0)
    rng = np.random.default_rng(3)
    walk = rng.standard_normal((200_000, 4)).cumsum(axis=1) * 0.5
    crossed = (np.abs(walk) / np.sqrt(t) > bounds).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.0025)


def test_spending_needs_rising_information() -> None:
    with pytest.raises(ValueError, match="rise"):
        group_sequential.spending_bounds([0.5, 0.4], [0.01, 0.02])


# -- false alarms under daily looks ------------------------------------------------------------------------------------

RUNS, DAYS = 1500, 30


def test_daily_looks_at_conversion_raise_few_false_alarms_where_a_fixed_test_raises_many() -> None:
    """Null tests, 300 conversions a side by day 30, weekly rhythm. The band allows for 1,500 runs."""
    rng = np.random.default_rng(20)
    rhythm = 10 * np.tile([1.3, 1.1, 1.0, 1.0, 0.9, 0.8, 0.9], 5)[:DAYS]
    xa, xb = (rng.poisson(rhythm, (RUNS, DAYS)).cumsum(axis=1).ravel() for _ in range(2))
    n = np.tile(1000 * rhythm.cumsum(), (RUNS, 1)).ravel()
    log_e = sequential.conversion(xa, xb, 0.5, Priors.same(OUTCOME_PRIOR, xa.size)).log_e
    anytime = (log_e.reshape(RUNS, DAYS).max(axis=1) >= np.log(20)).mean()
    fixed = (proportions.score_p(xa, n, xb, n).reshape(RUNS, DAYS).min(axis=1) < 0.05).mean()
    assert anytime < 0.02
    assert 0.2 < fixed < 0.32


def test_daily_looks_at_money_raise_few_false_alarms_where_a_fixed_test_raises_many() -> None:
    """The same with gifts of a heavy tail, capped at 300; below 25 donors a side nothing is said."""
    rng = np.random.default_rng(21)
    gifts_a_day = 10

    def sums() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = rng.poisson(gifts_a_day, (RUNS, DAYS))
        gifts = np.minimum(np.round(10 * (rng.pareto(1.7, (RUNS, DAYS, x.max())) + 1)), 300.0)
        gifts *= np.arange(x.max()) < x[..., None]
        return x.cumsum(axis=1), gifts.sum(axis=2).cumsum(axis=1), (gifts**2).sum(axis=2).cumsum(axis=1)

    (xa, s1a, s2a), (xb, s1b, s2b) = sums(), sums()
    n = np.tile(10_000.0 * np.arange(1, DAYS + 1), (RUNS, 1))
    found = means.mean_ratio(*(v.ravel() for v in (n, s1a, s2a, n, s1b, s2b)))
    shown = ((xa >= 25) & (xb >= 25)).ravel()
    log_e = sequential.normal_mixture(found.log_ratio, found.se, Priors.same(OUTCOME_PRIOR, shown.size)).log_e
    anytime = (np.where(shown, log_e, -np.inf).reshape(RUNS, DAYS).max(axis=1) >= np.log(20)).mean()
    fixed = (np.where(shown, found.p(), 1).reshape(RUNS, DAYS).min(axis=1) < 0.05).mean()
    assert anytime < 0.02
    assert 0.15 < fixed < 0.32


def test_real_effect_is_found_as_often_as_measured() -> None:
    """1,000 conversions a side and the effect that a fixed test finds four times in five: found in about half."""
    rng = np.random.default_rng(22)
    effect = np.exp(2.802 * np.sqrt(2 / 1000))
    xa = rng.poisson(1000 / DAYS, (RUNS, DAYS)).cumsum(axis=1).ravel()
    xb = rng.poisson(1000 / DAYS * effect, (RUNS, DAYS)).cumsum(axis=1).ravel()
    log_e = sequential.conversion(xa, xb, 0.5, Priors.same(OUTCOME_PRIOR, xa.size)).log_e
    power = (log_e.reshape(RUNS, DAYS).max(axis=1) >= np.log(20)).mean()
    assert 0.42 < power < 0.54
