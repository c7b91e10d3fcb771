"""Were readers split as planned?"""

from __future__ import annotations

import numpy as np
import pytest

from analysis import srm


def test_a_plan_that_held_gives_no_alarm_and_a_broken_one_does() -> None:
    assert srm.log_e_value([50_100, 49_900], [1, 1]) < 0
    assert srm.log_e_value([51_000, 49_000], [1, 1]) > np.log(1000)


def test_daily_looks_raise_few_alarms_where_chi_square_raises_many() -> None:
    rng = np.random.default_rng(1)
    runs, days = 400, 60
    b = rng.binomial(2000, 0.5, (runs, days)).cumsum(axis=1)
    n = 2000 * np.arange(1, days + 1)
    log_e = np.array(
        [[srm.log_e_value([n[d] - b[r, d], b[r, d]], [1, 1]) for d in range(0, days, 3)] for r in range(runs)]
    )
    chi = (np.abs(2 * b - n) / np.sqrt(n) > 1.96).any(axis=1).mean()
    assert (log_e.max(axis=1) >= np.log(100)).mean() <= 0.01
    assert chi > 0.25


def test_a_shift_of_one_percent_is_found_within_days() -> None:
    b = round(200_000 * 0.505)
    assert srm.log_e_value([200_000 - b, b], [0.5, 0.5]) > np.log(100)


def test_evidence_of_parts_adds_up_to_the_whole() -> None:
    terms = srm.log_e_terms([30, 70], [0.4, 0.6]).sum() + srm.log_e_total(100)[0]
    assert terms == pytest.approx(srm.log_e_value([30, 70], [2, 3]))


def test_no_reader_says_nothing() -> None:
    assert srm.log_e_value([0, 0], [1, 1]) == pytest.approx(0)


@pytest.mark.parametrize(("counts", "shares"), [([1, 2], [1, 1, 1]), ([1, 2], [1, 0])])
def test_shares_that_are_no_plan_are_refused(counts: list[int], shares: list[float]) -> None:
    with pytest.raises(ValueError, match="shares"):
        srm.log_e_value(counts, shares)


@pytest.mark.parametrize(
    ("counts", "constant"),
    [
        ([1_082_000, 1_055_500], 500),
        ([20_300, 19_700], 100),
        ([1_230, 1_010], 10),
        ([10_000, 5_000], 1),  # round, and two to one: no sample scaled up
        ([200, 300], 1),
        ([16_687, 33_396], 1),
        ([1_616, 1_648], 1),  # 16 in two counts is no rarity
        ([1_616, 1_648, 1_632], 16),  # in three it is
        ([1000], 1),
        ([0, 1000], 1),
        ([10.5, 20.5], 1),
        ([], 1),
    ],
)
def test_counts_that_were_scaled_up_are_recognised(counts: list[float], constant: int) -> None:
    assert srm.scaling_constant(counts) == constant
