"""A plan before a test starts: its sizes, its price of looking and of the tail, and what it advises."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import planning
from analysis.errors import NothingToReport
from analysis.sizing import Design, Ground, Guarantee, Help, PlanError, TestPlan, make_plan, own_history

GROUND = Ground(rate=0.001, readers_a_day=100_000, tail=3.3)


def answer(plan: TestPlan, metric: str, guarantee: Guarantee):
    return next(a for a in plan.answers if (a.metric, a.guarantee) == (metric, guarantee))


def test_ten_percent_at_one_in_a_thousand_takes_the_conversions_of_the_measured_table() -> None:
    found = answer(make_plan(GROUND, Design()), "conversion", Guarantee.FIXED)
    assert found.conversions_control == pytest.approx(1650, abs=1)
    assert found.readers == pytest.approx(2 * 1650 / 0.001, rel=1e-3)
    assert found.answers


def test_money_costs_the_tail_and_daily_looks_cost_their_factor() -> None:
    plan = make_plan(GROUND, Design())
    base = answer(plan, "conversion", Guarantee.FIXED).readers
    assert answer(plan, "value", Guarantee.FIXED).readers == pytest.approx(3.3 * base)
    assert answer(plan, "conversion", Guarantee.ANYTIME).readers == pytest.approx(
        planning.ANYTIME_FACTOR_REGISTERED * base
    )


def test_the_smallest_effect_of_the_days_needed_is_the_effect_asked_for() -> None:
    first = answer(make_plan(GROUND, Design()), "value", Guarantee.ANYTIME)
    again = answer(make_plan(GROUND, Design(days=first.days)), "value", Guarantee.ANYTIME)
    assert again.smallest_effect == pytest.approx(0.10, rel=1e-6)
    assert again.power == pytest.approx(0.8, abs=0.001)


def test_a_test_that_cannot_answer_says_what_would_help_and_the_help_is_true() -> None:
    ground = Ground(rate=0.0005, readers_a_day=20_000, tail=3.3)
    design = Design(shares=(1, 1, 1, 1), days=28)
    found = answer(make_plan(ground, design), "value", Guarantee.ANYTIME)
    assert not found.answers
    advice = {one.change: one for one in found.advice}
    assert Help.LONGER not in advice  # years are no advice
    bolder = advice[Help.LARGER_CONTRAST].effect
    assert bolder is not None
    assert answer(
        make_plan(ground, Design(shares=design.shares, days=28, effect=bolder * 1.001)), "value", Guarantee.ANYTIME
    ).answers
    two = answer(make_plan(ground, Design(days=28)), "value", Guarantee.ANYTIME)
    assert advice[Help.FEWER_VARIANTS].days == pytest.approx(two.days)
    step = advice[Help.EARLIER_STEP].rate
    assert step is not None
    click = answer(make_plan(Ground(step * 1.001, 20_000, None), design), "conversion", Guarantee.ANYTIME)
    assert click.answers


def test_without_a_tail_money_is_not_planned_for() -> None:
    assert {a.metric for a in make_plan(Ground(0.001, 1000, None), Design()).answers} == {"conversion"}


def test_power_rises_along_every_curve_and_passes_through_the_answer() -> None:
    plan = make_plan(GROUND, Design())
    for curve in plan.curves:
        assert list(curve.power) == sorted(curve.power)
        assert curve.power[0] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Ground(0.0, 1000, None), "--rate"),
        (lambda: Ground(0.001, 0, None), "--readers-a-day"),
        (lambda: Ground(0.001, float("nan"), None), "--readers-a-day"),
        (lambda: Ground(0.001, 1000, 0.5), "--tail"),
        (lambda: Design(effect=0), "--effect"),
        (lambda: Design(days=0), "--days"),
        (lambda: Design(shares=(1.0,)), "--shares"),
        (lambda: Design(shares=(1.0, float("inf"))), "--shares"),
    ],
)
def test_a_number_out_of_bounds_is_named(make, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        make()


def test_own_history_needs_an_edition(tmp_path: Path) -> None:
    with pytest.raises(NothingToReport):
        own_history(tmp_path / "askwell.duckdb")


def test_with_many_variants_a_larger_control_by_the_square_root_shortens_the_test() -> None:
    ground = Ground(rate=0.001, readers_a_day=20_000, tail=None)
    found = answer(make_plan(ground, Design(shares=(1,) * 10, days=28)), "conversion", Guarantee.FIXED)
    advised = next(one for one in found.advice if one.change is Help.CONTROL_SHARE)
    assert advised.days is not None
    assert advised.days < 0.9 * found.days
    again = make_plan(ground, Design(shares=(3, *(1,) * 9), days=28))
    assert answer(again, "conversion", Guarantee.FIXED).days == pytest.approx(advised.days)
    assert Help.CONTROL_SHARE not in [one.change for one in answer(again, "conversion", Guarantee.FIXED).advice]


def test_a_registered_end_costs_hardly_more_than_one_look() -> None:
    plan = make_plan(GROUND, Design())
    base = answer(plan, "conversion", Guarantee.FIXED).readers
    assert answer(plan, "conversion", Guarantee.PLANNED).readers == pytest.approx(1.055 * base)
    assert {curve.guarantee for curve in plan.curves} == {Guarantee.FIXED, Guarantee.ANYTIME}
    short = answer(make_plan(GROUND, Design(days=20)), "conversion", Guarantee.ANYTIME)
    assert Help.REGISTERED_END in [one.change for one in short.advice]
