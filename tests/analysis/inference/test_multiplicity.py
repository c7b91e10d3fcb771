"""Several variants and many comparisons."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference import multiplicity


@given(st.lists(st.floats(-5, 8), min_size=1, max_size=5))
def test_closed_evidence_is_the_smallest_mean_over_all_sets(log_e: list[float]) -> None:
    e = np.exp(log_e)
    others = range(len(e))
    expected = [
        min(
            np.mean([e[j] for j in chosen])
            for size in range(1, len(e) + 1)
            for chosen in combinations(others, size)
            if i in chosen
        )
        for i in others
    ]
    assert np.exp(multiplicity.log_closed_e(log_e)).tolist() == pytest.approx(expected)


def test_closed_evidence_of_one_variant_is_its_own_and_absent_ones_stand_outside() -> None:
    found = multiplicity.log_closed_e([[3.0, np.nan], [3.0, -4.0]])
    assert found[0, 0] == 3.0
    assert np.isnan(found[0, 1])
    assert found[1, 0] < 3.0


def test_e_bh_rejects_none_when_none_is_large() -> None:
    assert multiplicity.e_bh([1.0, 2.0, 0.5]) == []


def test_dunnett_lies_between_one_comparison_and_bonferroni() -> None:
    one = multiplicity.dunnett_quantile(1.0, [1.0])
    three = multiplicity.dunnett_quantile(1.0, [1.0, 1.0, 1.0])
    assert one == pytest.approx(1.959964, abs=1e-5)
    assert one < three < 2.394


def test_step_down_rejects_more_than_one_step_and_stops_at_the_first_that_fails() -> None:
    z, v = [3.0, 2.2, 0.5], [1.0, 1.0, 1.0]
    assert abs(z[1]) < multiplicity.dunnett_quantile(1.0, v)
    assert multiplicity.step_down_dunnett(z, 1.0, v) == [True, False, False]
    assert multiplicity.step_down_dunnett([3.0, 2.3, 0.5], 1.0, v) == [True, True, False]
    assert multiplicity.step_down_dunnett([2.0, 2.3, 0.5], 1.0, v) == [False, False, False]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_never_fall_below_their_own_and_holm_is_the_stricter(p: list[float]) -> None:
    q, h = multiplicity.benjamini_hochberg(p), multiplicity.holm(p)
    assert np.all(q >= np.array(p) - 1e-15)
    assert np.all(h >= q - 1e-12)
