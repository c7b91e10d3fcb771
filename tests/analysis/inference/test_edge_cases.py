"""What is said where a number cannot be known: a test for each edge, from sufficient statistics to what the tables hold.

Never 0, never (0, 0), never p = 1 in the place of something that is not known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from analysis.decisions import decide
from analysis.inference import bayesian
from analysis.inference.estimates import describe_variants, estimate
from analysis.inference.estimator import ESTIMATORS, Sums
from analysis.inference.means import welch
from analysis.inference.proportions import newcombe_difference, wilson
from analysis.inference.results import SMALLEST_P, LiftEstimate
from analysis.inference.segments import segment_effects
from analysis.table_results import TablePlan, table_results
from analysis.tables import TableColumns, tally
from analysis.trust import run_checks
from tests.analysis.inference.tables import counts, exposures, money, no_guardrails, plan, row, split, statistics

OF_THE_LIFT = ("log_ratio", "se", "lift", "shrunk_log_ratio")
OF_RANGES = ("anytime_low", "anytime_high", "fixed_low", "fixed_high", "fixed_p")


def compared(rows: list[dict[str, object]], **planned: Any) -> dict[str, Any]:
    return estimate(statistics(rows), plan(**planned), split()).row(0, named=True)


def absent(found: dict[str, Any], *names: str) -> bool:
    return all(found[name] is None for name in names)


def test_an_arm_without_readers_is_absent_with_its_reason() -> None:
    rows = statistics([row("a", 5000, 10)])
    found = estimate(rows, plan(), split()).row(0, named=True)
    assert (found["reason"], found["n"]) == ("no_exposure", 0)
    assert absent(found, *OF_THE_LIFT, *OF_RANGES, "log_e", "chance_better", "mean", "difference_per_1000")
    described = describe_variants(rows, plan(primary_metric="conversion"), split())
    assert dict(described.select("variant_id", "reason").iter_rows())["b"] == "no_exposure"
    # The other arm is the best of nothing, though it has few conversions and a posterior of its own.
    assert described["chance_best"].to_list() == [None, None]
    assert described["expected_loss_per_1000"].to_list() == [None, None]


def test_no_conversion_in_either_arm_shows_rates_with_their_limits_and_an_evidence_of_one() -> None:
    rows = [row("a", 5000, 0), row("b", 5000, 0)]
    found = compared(rows)
    assert (found["reason"], found["e_value"], found["mean"]) == ("no_conversions_yet", 1, 0)
    assert absent(found, *OF_THE_LIFT, *OF_RANGES, "chance_better")
    described = describe_variants(statistics(rows), plan(primary_metric="conversion"), split())
    low, high = wilson(0, 5000)
    assert described["rate_low"].to_list() == pytest.approx([low[0]] * 2)
    assert described["rate_high"].to_list() == pytest.approx([high[0]] * 2)
    assert described["reason"].to_list() == ["no_conversions_yet"] * 2


@pytest.mark.parametrize(
    ("xa", "xb", "reason", "there", "open_side"),
    [(0, 6, "no_conversion_in_control", "low", "high"), (6, 0, "no_conversion_in_variant", "high", "low")],
)
def test_no_conversion_in_one_arm_opens_one_side(xa: int, xb: int, reason: str, there: str, open_side: str) -> None:
    found = compared([row("a", 5000, xa), row("b", 5000, xb)])
    assert found["reason"] == reason
    assert not any(absent(found, f"{kind}_{there}") for kind in ("anytime", "fixed"))
    assert absent(found, f"anytime_{open_side}", f"fixed_{open_side}", *OF_THE_LIFT)
    assert found["difference_per_1000"] == pytest.approx((xb - xa) / 5)
    # At rare events the two Beta posteriors are gammas, and the share of one in their sum is Beta(1/2, 13/2).
    expected = stats.beta(0.5, 6.5).cdf(0.5)
    assert found["chance_better"] == pytest.approx(expected if xb else 1 - expected, abs=1e-4)


@pytest.mark.parametrize(
    "rows",
    [
        [money(v, 100, 100, s1, s1 * s1 / 100) for v, s1 in (("a", 30_000.0), ("b", 33_000.0))],
        [row(v, 500, 500) for v in "ab"],
        [row(v, 500, 500, metric="pageviews", s1=s1, s2=s1 * s1 / 500) for v, s1 in (("a", 1000.0), ("b", 1500.0))],
    ],
    ids=["all give the same", "all convert", "all read the same"],
)
def test_values_without_variation_show_the_lift_without_a_range(rows: list[dict[str, object]]) -> None:
    found = compared(rows)
    assert found["reason"] == "no_variation"
    assert found["lift"] == pytest.approx(found["mean"] / found["mean_control"] - 1)
    assert absent(found, "se", *OF_RANGES, "log_e", "chance_better")


def test_a_control_without_money_has_the_difference_of_welch_and_no_lift() -> None:
    found = compared([money("a", 10_000, 0, 0.0, 0.0), money("b", 10_000, 40, 90_000.0, 4e8)])
    assert found["reason"] == "control_mean_zero"
    assert absent(found, *OF_THE_LIFT, *OF_RANGES, "difference_low", "difference_high")
    expected = welch(10_000, 0.0, 0.0, 10_000, 90_000.0, 4e8)
    assert found["difference_per_1000"] == pytest.approx(9000)
    assert found["difference_fixed_low"] == pytest.approx(1000 * expected.low[0])
    assert found["difference_fixed_high"] == pytest.approx(1000 * expected.high[0])
    few = compared([money("a", 10_000, 0, 0.0, 0.0), money("b", 10_000, 24, 90_000.0, 4e8)])
    assert absent(few, "difference_fixed_low", "difference_fixed_high")


def test_a_control_without_conversions_has_the_difference_of_newcombe_and_no_lift() -> None:
    found = compared([row("a", 5000, 0), row("b", 5000, 6)])
    low, high = newcombe_difference(0, 5000, 6, 5000)
    assert found["difference_fixed_low"] == pytest.approx(1000 * low[0])
    assert found["difference_fixed_high"] == pytest.approx(1000 * high[0])
    assert absent(found, "lift", "difference_low", "difference_high")


def test_refunds_beyond_gifts_count_as_nothing_in_the_capped_value_and_are_shown_in_the_raw(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("variant,gave,amount\na,1,20\na,1,-30\nb,1,10\nb,0,0\n")
    sums = tally(table, TableColumns("variant", "gave", "amount")).sums
    of_a = sums.filter((pl.col("variant") == "a") & (pl.col("segment_kind") == "all"))
    assert dict(of_a.select("metric", "s1").iter_rows()) == {
        "conversion": 2, "value": 2000, "value_uncapped": -1000
    }  # fmt: skip
    raw = compared([money("a", 10_000, 40, -500.0, 4e8), money("b", 10_000, 40, 90_000.0, 4e8)])
    assert raw["reason"] == "negative_mean"
    assert absent(raw, *OF_THE_LIFT, *OF_RANGES)
    assert raw["difference_per_1000"] == pytest.approx(9050)


def test_fewer_than_25_donors_have_no_range_of_value_and_still_one_of_conversion() -> None:
    def of(xa: int) -> dict[str, dict[str, Any]]:
        rows = [money("a", 10_000, xa, 60_000.0, 4e8), money("b", 10_000, 40, 90_000.0, 4e8)]
        rows += [row("a", 10_000, xa), row("b", 10_000, 40)]
        found = estimate(statistics(rows), plan(), split())
        return {one["metric"]: one for one in found.iter_rows(named=True)}

    few, enough = of(24), of(25)
    assert few["value"]["reason"] == "too_few_gifts"
    assert few["value"]["lift"] == pytest.approx(0.5)
    assert few["value"]["n_effective"] == pytest.approx(90_000.0**2 / 4e8)
    assert absent(few["value"], "se", *OF_RANGES, "log_e", "chance_better")
    assert few["conversion"]["reason"] is None
    assert not absent(few["conversion"], "anytime_low")
    assert enough["value"]["reason"] is None
    assert not absent(enough["value"], "anytime_low")


def test_a_segment_with_a_single_arm_is_dropped_from_the_shrunk_ones_and_listed_with_its_reason() -> None:
    rows = [
        row(v, 10_000, 200 + 10 * place + 5 * (v == "b"), segment_kind="device", segment=f"d{place}")
        for place in range(4)
        for v in "ab"
    ]
    alone = row("a", 300, 9, segment_kind="device", segment="tv")
    both, with_alone = (
        segment_effects(estimate(statistics(given), plan(), split())) for given in (rows, [*rows, alone])
    )
    assert with_alone.filter(pl.col("segment") == "tv")["reason"].to_list() == ["no_exposure"]
    assert with_alone.filter(pl.col("segment") != "tv").equals(both)


def test_a_test_with_a_single_arm_is_left_out_and_counted(tmp_path: Path) -> None:
    table = tmp_path / "tests.csv"
    lines = [f"one,{v},{g}" for v in "ab" for g in (1, 0, 0, 0)] + ["two,a,1", "two,a,0"]
    table.write_text("test,variant,gave\n" + "\n".join(lines) + "\n")
    columns = TableColumns("variant", "gave", None, test="test")
    found = table_results(tally(table, columns), TablePlan(), name="t", now=datetime(2026, 3, 1, tzinfo=UTC))
    assert [result.test for result in found.tests] == ["one"]
    assert list(found.refused) == ["two"]


def test_an_experiment_with_a_single_arm_has_no_verdict_to_use_it() -> None:
    rows, alone = statistics([row("a", 50_000, 500)]), split({"a": 1.0})
    described = describe_variants(rows, plan(primary_metric="conversion"), alone)
    estimates = estimate(rows, plan(primary_metric="conversion"), alone)
    asked = exposures([counts("a", 50_000)])
    checks = run_checks(asked, rows, estimates, plan(primary_metric="conversion"), alone)
    found = decide(estimates, described, checks, plan(primary_metric="conversion"), no_guardrails())
    assert "loss_unknown" in found["reasons"][0]
    assert found["basis"].to_list() == [None]


def test_a_scale_estimated_as_zero_is_taken_as_one_percent() -> None:
    scales = pl.DataFrame({"experiment_id": "appeal", "metric": ["conversion"], "tau": [0.0], "tau_tests": [31]})
    found = estimate(statistics([row("a", 5000, 100), row("b", 5000, 150)]), plan(), split(), scales=scales)
    assert found["tau"].to_list() == [bayesian.SMALLEST_TAU] == [0.01]
    assert found["shrunk_log_ratio"][0] > 0


def test_evidence_that_overflows_keeps_its_logarithm_and_no_p_is_zero() -> None:
    found = compared([row("a", 10**9, 1000), row("b", 10**9, 4 * 10**8)])
    assert found["log_e"] > 1e8
    assert np.isfinite(found["e_value"])
    assert found["fixed_p"] == SMALLEST_P == 1e-300
    one = ESTIMATORS["score_ratio"](Sums.of_counts(10**9, 1000), Sums.of_counts(10**9, 4 * 10**8))
    assert isinstance(one, LiftEstimate)
    assert one.p == SMALLEST_P


def test_shares_that_nobody_registered_are_taken_as_equal_and_that_is_said() -> None:
    rows = statistics([row("a", 5000, 100), row("b", 5000, 150)])
    assumed = split(is_registered=False)
    estimates = estimate(rows, plan(primary_metric="conversion"), assumed)
    assert estimates["anytime_low"].null_count() == 0
    checks = run_checks(
        exposures([counts("a", 5000), counts("b", 5000)]), rows, estimates, plan(primary_metric="conversion"), assumed
    )
    detail = checks.filter(pl.col("check_name") == "sample_ratio")["detail"].str.json_decode(
        pl.Struct({"is_registered": pl.Boolean})
    )
    assert detail.to_list() == [{"is_registered": False}]
