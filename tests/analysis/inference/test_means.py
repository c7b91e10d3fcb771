"""Means and money at one look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference import means

A = (120_000, 5210.0, 612_300.0)
B = (119_500, 6120.0, 702_150.0)


@given(st.floats(0.01, 1000))
def test_another_currency_leaves_the_lift_and_its_interval_alone(rate: float) -> None:
    here = means.mean_ratio(*A, *B)
    there = means.mean_ratio(A[0], A[1] * rate, A[2] * rate**2, B[0], B[1] * rate, B[2] * rate**2)
    assert there.log_ratio[0] == pytest.approx(here.log_ratio[0], rel=1e-9)
    assert there.se[0] == pytest.approx(here.se[0], rel=1e-9)
    assert there.interval()[0][0] == pytest.approx(here.interval()[0][0], rel=1e-9)


def test_swapped_variants_flip_the_sign_and_the_interval() -> None:
    here, back = means.mean_ratio(*A, *B), means.mean_ratio(*B, *A)
    assert back.log_ratio[0] == pytest.approx(-here.log_ratio[0])
    assert back.interval()[0][0] == pytest.approx(-here.interval()[1][0])


def test_a_heavy_tail_counts_as_fewer_gifts() -> None:
    even = means.effective_number(1000 * 30.0, 1000 * 900.0)[0]
    one_large = means.effective_number(1000 * 30.0 + 25_000, 1000 * 900.0 + 25_000.0**2)[0]
    assert even == pytest.approx(1000)
    assert one_large < 6


def test_short_form_of_the_variance_agrees_with_the_exact_one_when_most_values_are_zero() -> None:
    exact = means.log_mean_variance(*A)[0]
    short = 1 / means.effective_number(A[1], A[2])[0] - 1 / A[0]
    assert exact == pytest.approx(short, rel=2e-5)


def test_t_quantile_is_wider_than_normal_and_ends_in_it() -> None:
    assert means.t_quantile(0.05, 20)[0] > means.t_quantile(0.05, np.inf)[0] == pytest.approx(1.959964, abs=1e-6)
    assert means.t_cdf(np.inf, -1.959964)[0] == pytest.approx(0.025, abs=1e-7)


def test_fieller_and_log_t_agree_when_gifts_are_many() -> None:
    a, b = (10**6, 50_000.0, 5.0e6), (10**6, 53_000.0, 5.2e6)
    log_t = np.exp(np.concatenate(means.mean_ratio(*a, *b).interval()))
    fieller = np.concatenate(means.fieller(*a, *b))
    assert np.abs(log_t - fieller).max() < 0.02 * np.ptp(fieller)


def test_welch_p_and_fieller_decide_alike() -> None:
    low, high = means.fieller(*A, *B)
    assert (means.welch(*A, *B).p[0] < 0.05) == bool(low[0] > 1 or high[0] < 1)


def test_cap_lowers_the_sum_and_raises_the_number_of_effective_gifts() -> None:
    raw = means.cap_histogram([5, 20, 5000], [100, 50, 1], 10_000)
    capped = means.cap_histogram([5, 20, 5000], [100, 50, 1], 100)
    assert raw.value_kept == 1
    assert raw.share_clipped == 0
    assert capped.s1 == 100 * 5 + 50 * 20 + 100
    assert capped.effective > 10 * raw.effective
    assert capped.top_share == pytest.approx(5000 / 6500)


@pytest.mark.parametrize(("amounts", "cap"), [([5], 0), ([0], 10)])
def test_cap_refuses_what_has_no_meaning(amounts: list[float], cap: float) -> None:
    with pytest.raises(ValueError, match="must"):
        means.cap_histogram(amounts, [1], cap)
