"""The split of a lift over its steps: exact, and with the sign of each step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference.results import NotEstimable, Reason
from analysis.lift_split import split_lift

FACTORS = st.lists(st.tuples(st.floats(1e-4, 1e4), st.floats(1e-4, 1e4)), min_size=1, max_size=7)


@given(FACTORS)
def test_the_shares_add_up_to_the_lift_and_point_where_their_step_moved(pairs: list[tuple[float, float]]) -> None:
    control = {f"s{index}": pair[0] for index, pair in enumerate(pairs)}
    variant = {f"s{index}": pair[1] for index, pair in enumerate(pairs)}
    shares = split_lift(control, variant)
    assert not isinstance(shares, NotEstimable)
    lift = math.prod(variant.values()) / math.prod(control.values()) - 1
    assert math.isclose(
        sum(share.share for share in shares),
        lift,
        rel_tol=1e-8,
        abs_tol=1e-9 * sum(abs(s.share) for s in shares) + 1e-12,
    )
    assert all(share.share * share.ratio >= 0 for share in shares)


def test_a_known_split() -> None:
    # twice as many click, each gives half as much again: 3 times the value, log 2 to log 1.5 of the 200 percent more
    shares = split_lift({"clicked": 0.1, "gift": 10.0}, {"clicked": 0.2, "gift": 15.0})
    assert not isinstance(shares, NotEstimable)
    assert [round(share.share, 4) for share in shares] == [1.2619, 0.7381]


def test_steps_that_cancel_leave_nothing_over() -> None:
    shares = split_lift({"a": 0.5, "b": 2.0}, {"a": 1.0, "b": 1.0})
    assert not isinstance(shares, NotEstimable)
    assert sum(share.share for share in shares) == 0


def test_a_step_nobody_took_has_no_split() -> None:
    assert split_lift({"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 2.0}) == NotEstimable(Reason.STEP_WITHOUT_READERS)


def test_other_factors_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="factors differ"):
        split_lift({"a": 1.0}, {"b": 1.0})
