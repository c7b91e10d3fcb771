"""A registered end: false alarms of daily looks, what closes a test, and a plan that was changed after a look."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.decisions import decide
from analysis.inference.estimates import describe_variants, estimate
from analysis.inference.group_sequential import information_needed, spending_bounds
from analysis.inference.planned_end import hold_to_first
from analysis.result_tables import CHECKS
from tests.analysis.inference.tables import no_guardrails, plan, row, split, statistics

START = date(2026, 3, 1)


def daily(seed: int, tests: int, days: int = 30, a_day: float = 20.0, lift: float = 0.0) -> pl.DataFrame:
    """Cumulative conversions of many two-variant tests, day by day; 20 a day and variant unless more is asked."""
    rng = np.random.default_rng(seed)
    rows = []
    for test in range(tests):
        gave = {v: rng.poisson(a_day * (1 + lift * (v == "b")), days).cumsum() for v in "ab"}
        rows += [
            row(v, 20_000 * (d + 1), int(gave[v][d]), as_of=START + timedelta(days=d), experiment_id=f"t{test}")
            for v in "ab"
            for d in range(days)
        ]
    return statistics(rows)


def registry(tests: int, **changes: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    registered = {"primary_metric": "conversion", "guarantee": "planned", "planned_end": START + timedelta(days=60)}
    return (
        pl.concat([plan(f"t{test}", **{**registered, **changes}) for test in range(tests)]),
        pl.concat([split(experiment=f"t{test}") for test in range(tests)]),
    )


def share_crossed(found: pl.DataFrame) -> float:
    crossed = found.group_by("experiment_id").agg((pl.col("planned_sign") != 0).any().alias("ever"))
    return float(crossed["ever"].mean())  # pyright: ignore[reportArgumentType]


def test_daily_looks_raise_the_false_alarms_that_were_registered() -> None:
    tests = 600
    plans, shares = registry(tests, planned_information=300.0)
    found = estimate(daily(1, tests), plans, shares)
    alarms = share_crossed(found)
    assert 0.025 < alarms < 0.08
    fixed = found.filter(pl.col("fixed_p") < 0.05)["experiment_id"].n_unique() / tests
    assert fixed > 0.2, "an ordinary test at every look must fail here, or this test sees nothing"


def test_a_registered_end_sees_what_it_was_planned_for() -> None:
    tests = 200
    effect = 0.2
    needed = float(information_needed(effect, 0.05)[0])
    plans, shares = registry(tests, smallest_effect=effect)
    # 1/se^2 is about half of the conversions of one variant.
    found = estimate(daily(2, tests, a_day=needed * (1 + 1 / (1 + effect)) / 30 * 1.02, lift=effect), plans, shares)
    assert 0.71 < share_crossed(found) < 0.89


def test_the_range_is_right_at_every_look() -> None:
    tests = 150
    plans, shares = registry(tests, planned_information=300.0)
    found = estimate(daily(3, tests, lift=0.15), plans, shares)
    missed = found.filter((pl.col("planned_low") > 0.15) | (pl.col("planned_high") < 0.15))
    assert missed["experiment_id"].n_unique() / tests < 0.09


def test_the_end_closes_the_test_and_what_it_said_stands() -> None:
    plans, shares = registry(1, planned_information=150.0)
    found = estimate(daily(4, 1), plans, shares).sort("as_of")
    (closed,) = found["planned_closed_at"].drop_nulls().unique().to_list()
    after = found.filter(pl.col("as_of") >= closed)
    assert after.height > 5
    assert after["planned_share"].unique().to_list() == [1.0]
    assert after["planned_low"].n_unique() == 1
    assert found.filter(pl.col("as_of") < closed)["planned_closed_at"].null_count() == found.height - after.height


def test_the_planned_end_closes_a_test_that_has_too_little() -> None:
    end = START + timedelta(days=14)
    plans, shares = registry(1, planned_information=4000.0, planned_end=end)
    found = estimate(daily(5, 1), plans, shares).sort("as_of")
    assert found["planned_closed_at"].drop_nulls().unique().to_list() == [end]
    assert found["planned_share"].drop_nulls().max() < 0.1  # pyright: ignore[reportOptionalOperand, reportOperatorIssue]
    # One look of all that is left, after hardly any error was spent: close to the bound of a fixed test.
    (bound,) = found.filter(pl.col("as_of") == end)["planned_bound"].to_list()
    assert bound == pytest.approx(1.96, abs=0.01)


def test_bounds_are_those_of_the_kernel() -> None:
    plans, shares = registry(1, planned_information=300.0)
    found = estimate(daily(6, 1), plans, shares).sort("as_of")
    looks = found["planned_share"].to_numpy()
    looks, first = np.unique(looks[np.isfinite(looks)], return_index=True)
    whole = looks[looks < 1]
    spent = 2 * (1 - np.array([_normal(2.2414 / np.sqrt(t)) for t in whole]))
    expected = spending_bounds(whole, spent)
    ours = found["planned_bound"].drop_nulls().to_numpy()[first][: whole.size]
    late = whole > 0.2
    assert ours[late] == pytest.approx(expected[late], rel=2e-3)


def _normal(z: float) -> float:
    from scipy import special

    return float(special.ndtr(z))


def test_several_variants_divide_the_error() -> None:
    rng = np.random.default_rng(7)
    tests, rows = 200, []
    for test in range(tests):
        gave = {v: rng.poisson(20.0, 25).cumsum() for v in "abcd"}
        rows += [
            row(v, 20_000 * (d + 1), int(gave[v][d]), as_of=START + timedelta(days=d), experiment_id=f"t{test}")
            for v in "abcd"
            for d in range(25)
        ]
    plans, _ = registry(tests, planned_information=250.0)
    shares = pl.concat([split(dict.fromkeys("abcd", 1.0), experiment=f"t{test}") for test in range(tests)])
    assert 0.005 < share_crossed(estimate(statistics(rows), plans, shares)) < 0.085


def test_without_a_registered_end_nothing_is_added() -> None:
    plans, shares = registry(2, guarantee="anytime")
    found = estimate(daily(8, 2), plans, shares)
    assert found.select(pl.col("^planned_.*$").null_count()).row(0) == (found.height,) * 6


def test_a_plan_changed_after_the_first_look_falls_back_to_the_anytime_range() -> None:
    first, shares = registry(1, planned_information=300.0)
    moved, _ = registry(1, planned_information=600.0)
    assert hold_to_first(first, first)["guarantee"].to_list() == ["planned"]
    held = hold_to_first(moved, first)
    assert held["guarantee"].to_list() == ["planned_changed"]
    late, _ = registry(1, guarantee="anytime")
    assert hold_to_first(first, late)["guarantee"].to_list() == ["planned_changed"]
    assert hold_to_first(late, late)["guarantee"].to_list() == ["anytime"]
    found = estimate(daily(9, 1), held, shares)
    assert found["planned_sign"].null_count() == found.height
    assert found["anytime_low"].drop_nulls().len() > 0


def test_the_verdict_takes_proof_from_the_bounds_and_ends_with_them() -> None:
    strong, shares = registry(1, planned_information=300.0, minimum_contributors=50)
    rows = daily(10, 1, lift=0.25)
    verdict = _decided(rows, strong, shares)
    found = estimate(rows, strong, shares)
    crossed = found.filter(pl.col("planned_sign") == 1)["as_of"].min()
    assert (verdict["verdict"], verdict["basis"], verdict["proven_at"]) == ("use_it", "proven", crossed)
    nothing = daily(11, 1)
    closed = _decided(nothing, registry(1, planned_information=100.0, loss_threshold=1e-6)[0], shares)
    assert closed["verdict"] == "cannot_tell"
    assert closed["reasons"][-1] == "registered_end_reached"


def _decided(rows: pl.DataFrame, plans: pl.DataFrame, shares: pl.DataFrame) -> dict[str, Any]:
    estimates = estimate(rows, plans, shares)
    described = describe_variants(rows.filter(pl.col("as_of") == pl.col("as_of").max()), plans, shares)
    return decide(estimates, described, CHECKS.frame(), plans, no_guardrails()).row(0, named=True)
