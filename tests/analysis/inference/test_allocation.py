"""Shares advised for a next stage: they follow the chance to be the best, keep a floor, and pay what the page says."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.inference import bayesian
from analysis.inference.allocation import FLOOR, advised_shares, may_be_dropped


def test_shares_follow_the_chance_and_keep_a_floor() -> None:
    (shares,) = advised_shares([[0.80, 0.15, 0.04, 0.01]])
    assert shares.sum() == pytest.approx(1)
    assert shares[2:] == pytest.approx([FLOOR, FLOOR])
    assert shares[0] / shares[1] == pytest.approx(0.80 / 0.15)
    (gentle,) = advised_shares([[0.80, 0.15, 0.04, 0.01]], gentle=True)
    assert gentle.sum() == pytest.approx(1)
    assert gentle[0] < shares[0]


def test_raising_one_to_the_floor_may_bring_another_below_it() -> None:
    (shares,) = advised_shares([[0.8485, 0.051, 0.0505, 0.05, 0.0]])
    assert shares.sum() == pytest.approx(1)
    assert shares.min() == pytest.approx(FLOOR)
    assert (shares >= FLOOR - 1e-12).all()


def test_without_a_chance_nothing_is_advised_and_absent_variants_get_nothing() -> None:
    shares = advised_shares([[0.6, 0.4, np.nan], [np.nan, np.nan, np.nan]])
    assert shares[0, :2] == pytest.approx([0.6, 0.4])
    assert np.isnan(shares[0, 2])
    assert np.isnan(shares[1]).all()


def test_a_hopeless_variant_may_go_while_two_are_left() -> None:
    assert may_be_dropped([[0.7, 0.295, 0.005]]).tolist() == [[0, 0, 1]]
    assert may_be_dropped([[0.995, 0.005, np.nan]]).tolist() == [[0, 0, 0]]


def test_advice_brings_in_a_little_more_during_the_test() -> None:
    """Thirty days, five wordings, weekly changes: more conversions than equal shares, and the pick is about as good."""
    rng, tests, arms = np.random.default_rng(1), 400, 5
    rate = 0.001 * np.exp(rng.normal(0, 0.07, (tests, arms)))
    gained: dict[str, float] = {}
    picked: dict[str, float] = {}
    for name in ("equal", "advised"):
        x, n = np.zeros((tests, arms)), np.zeros((tests, arms))
        shares = np.full((tests, arms), 1 / arms)
        for _ in range(4):
            n_week = 1_500_000 * shares
            x, n = x + rng.poisson(rate * n_week), n + n_week
            if name == "advised":
                joint = bayesian.several_variants(np.log(x / n), 1 / x, np.full(tests, 0.1))
                shares = advised_shares(bayesian.best_of(joint)[0])
        gained[name] = float((rate * n).sum() / n.sum() / rate.mean() - 1)
        picked[name] = float((rate[np.arange(tests), np.argmax(x / n, axis=1)] / rate.mean(axis=1)).mean() - 1)
    assert gained["advised"] > gained["equal"] + 0.01
    assert picked["advised"] == pytest.approx(picked["equal"], abs=0.02)
