"""Fixed-horizon intervals and tests of rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.inference import proportions

counts = st.tuples(
    st.integers(0, 400), st.integers(500, 400_000), st.integers(0, 400), st.integers(500, 400_000)
).filter(lambda c: c[0] + c[2] > 0)


@given(counts)
def test_swapped_variants_turn_the_score_interval_over(c: tuple[int, int, int, int]) -> None:
    xa, na, xb, nb = c
    low, high = proportions.score_ratio(xa, na, xb, nb)
    back_low, back_high = proportions.score_ratio(xb, nb, xa, na)
    with np.errstate(divide="ignore"):
        assert 1 / back_high[0] == pytest.approx(low[0], rel=1e-9)
        assert 1 / back_low[0] == pytest.approx(high[0], rel=1e-9)


@given(counts)
def test_a_higher_level_contains_the_lower(c: tuple[int, int, int, int]) -> None:
    narrow_low, narrow_high = proportions.score_ratio(*c, 0.10)
    wide_low, wide_high = proportions.score_ratio(*c, 0.05)
    assert wide_low[0] <= narrow_low[0] * (1 + 1e-12)
    assert wide_high[0] >= narrow_high[0] * (1 - 1e-12)


@given(counts)
def test_p_is_below_alpha_exactly_when_the_interval_excludes_no_difference(c: tuple[int, int, int, int]) -> None:
    low, high = proportions.score_ratio(*c, 0.05)
    p = proportions.score_p(*c)[0]
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == bool(low[0] > 1 or high[0] < 1)


def test_many_rows_at_once_equal_each_row_alone() -> None:
    rng = np.random.default_rng(5)
    na, nb = rng.integers(1000, 10**6, 200), rng.integers(1000, 10**6, 200)
    xa, xb = rng.binomial(na, 0.001), rng.binomial(nb, 0.002)
    low, high = proportions.score_ratio(xa, na, xb, nb)
    for k in range(0, 200, 20):
        one = proportions.score_ratio(xa[k], na[k], xb[k], nb[k])
        assert one[0][0] == pytest.approx(low[k], rel=1e-10, nan_ok=True)
        assert one[1][0] == pytest.approx(high[k], rel=1e-10, nan_ok=True)


@pytest.mark.parametrize(
    ("xa", "na", "xb", "nb"), [(30, 30_000, 44, 30_000), (90, 90_000, 17, 10_000), (900, 10**6, 1100, 10**6)]
)
def test_wilson_route_agrees_with_the_score_ratio_at_rare_events(xa: int, na: int, xb: int, nb: int) -> None:
    score = np.log(np.concatenate(proportions.score_ratio(xa, na, xb, nb)))
    wilson = np.log(np.concatenate(proportions.conditional_wilson(xa, xb, nb / (na + nb))))
    assert np.abs(score - wilson).max() < 0.002 * np.ptp(score)


def test_score_difference_and_newcombe_agree_when_counts_are_large() -> None:
    score = np.concatenate(proportions.score_difference(2000, 10**5, 2200, 10**5))
    newcombe = np.concatenate(proportions.newcombe_difference(2000, 10**5, 2200, 10**5))
    assert np.abs(score - newcombe).max() < 0.005 * np.ptp(score)


def test_no_conversion_on_one_side_leaves_one_side_open() -> None:
    low, high = proportions.score_ratio([0, 5], 5000, [5, 0], 5000)
    assert np.isinf(high[0])
    assert low[0] > 1
    assert low[1] == 0
    assert high[1] < 1


def test_no_conversion_at_all_has_no_interval() -> None:
    low, high = proportions.score_ratio(0, 5000, 0, 5000)
    assert np.isnan(low[0])
    assert np.isnan(high[0])


def test_clopper_pearson_contains_wilson_and_mid_p_lies_below_the_exact_p() -> None:
    exact = proportions.conditional_exact(40, 60, 0.5)
    wilson = proportions.conditional_wilson(40, 60, 0.5)
    assert exact[0][0] < wilson[0][0] < wilson[1][0] < exact[1][0]
    greater, less, middle = proportions.conditional_p(40, 60, 0.5)
    assert middle[0] < 2 * min(greater[0], less[0])
    assert greater[0] == pytest.approx(stats.binomtest(60, 100, 0.5, alternative="greater").pvalue, rel=1e-10)


def test_score_ratio_covers_the_truth_as_often_as_it_says() -> None:
    """Enumeration at 30,000 readers a side and 30 expected conversions: 0.951 as published for this design."""
    k = np.arange(0, 75)
    xa, xb = (grid.ravel() for grid in np.meshgrid(k, k))
    keep = xa + xb > 0
    xa, xb = xa[keep], xb[keep]
    low, high = proportions.score_ratio(xa, 30_000, xb, 30_000)
    chance = stats.binom.pmf(xa, 30_000, 0.001) * stats.binom.pmf(xb, 30_000, 0.001)
    covered = chance[(low <= 1) & (high >= 1)].sum()
    assert covered == pytest.approx(0.951, abs=0.001)
