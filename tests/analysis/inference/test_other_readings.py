"""The same comparison by other methods: each equals its kernel, corrections equal their one-list forms, and absences have reasons."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.inference import means, multiplicity, proportions
from analysis.inference.estimates import estimate
from analysis.inference.other_readings import CORRECTIONS, METHODS, other_readings, read, sides_of
from analysis.inference.results import DifferenceEstimate, LiftEstimate, NotEstimable, Reason
from analysis.result_tables import OTHER_READINGS
from tests.analysis.inference.tables import money, plan, row, split, statistics

A, B = (100_000, 300), (100_100, 372)
MONEY_A, MONEY_B = (100_000, 300, 9e5, 6e9), (100_100, 372, 1.2e6, 9e9)


def found(
    rows: list[dict[str, object]], *, shares: pl.DataFrame | None = None, **plans: Any
) -> dict[str, dict[str, Any]]:
    table, registered = statistics(rows), plan(**{"primary_metric": "conversion", **plans})
    share = split() if shares is None else shares
    told = other_readings(table, estimate(table, registered, share), registered, share)
    assert told.schema == pl.Schema(OTHER_READINGS.schema)
    return {
        f"{item['method']}{'' if item['variant_id'] == 'b' else item['variant_id']}": item
        for item in told.iter_rows(named=True)
    }


def test_every_method_for_rates_gives_what_its_kernel_gives() -> None:
    told = found([row("a", *A), row("b", *B)])
    assert set(told) == {name for name, method in METHODS.items() if "binary" in method.kinds}
    counts = (A[1], A[0], B[1], B[0])
    for name, limits in (
        ("score_ratio", proportions.score_ratio(*counts)),
        ("wilson_ratio", proportions.conditional_wilson(A[1], B[1], 0.5)),
        ("exact_conditional", proportions.conditional_exact(A[1], B[1], 0.5)),
    ):
        assert (told[name]["low"], told[name]["high"]) == pytest.approx([float(side[0]) - 1 for side in limits])
        assert told[name]["scale"] == "lift"
    for name, limits in (
        ("newcombe", proportions.newcombe_difference(*counts)),
        ("score_difference", proportions.score_difference(*counts)),
    ):
        assert (told[name]["low"], told[name]["high"]) == pytest.approx([float(side[0]) * 1000 for side in limits])
        assert told[name]["scale"] == "difference_per_1000"
    assert told["mid_p"]["p"] == pytest.approx(float(proportions.conditional_p(A[1], B[1], 0.5)[2][0]))
    assert all(item["is_different"] for item in told.values())


def test_every_method_for_money_gives_what_its_kernel_gives() -> None:
    rows = [row("a", *A), row("b", *B), money("a", *MONEY_A), money("b", *MONEY_B)]
    told = found(rows, primary_metric="value")
    sums = (MONEY_A[0], *MONEY_A[2:], MONEY_B[0], *MONEY_B[2:])
    low, high = means.fieller(*sums)
    assert (told["fieller"]["low"], told["fieller"]["high"]) == pytest.approx((float(low[0]) - 1, float(high[0]) - 1))
    welch = means.welch(*sums)
    assert (told["welch"]["low"], told["welch"]["high"], told["welch"]["p"]) == pytest.approx(
        (float(welch.low[0]) * 1000, float(welch.high[0]) * 1000, float(welch.p[0]))
    )
    # Fieller agrees with Welch about zero.
    assert told["fieller"]["is_different"] == told["welch"]["is_different"]
    assert told["log_t"]["estimate"] == pytest.approx(told["fieller"]["estimate"])


def test_several_variants_are_corrected_together() -> None:
    rows = [row(v, 100_000, x) for v, x in zip("abcd", (300, 372, 340, 310), strict=True)]
    told = found(rows, shares=split(dict.fromkeys("abcd", 1.0)))
    z, variances = [], []
    for x in (372, 340, 310):
        variances.append(1 / x - 1e-5)
        z.append(np.log(x / 300) / np.sqrt(1 / 300 - 1e-5 + variances[-1]))
    kernel = multiplicity.step_down_dunnett(z, 1 / 300 - 1e-5, variances)
    assert [told[name]["is_different"] for name in ("dunnett", "dunnettc", "dunnettd")] == kernel
    p = [told[f"score_ratio{v}"]["p"] for v in ("", "c", "d")]
    assert [told[f"holm{v}"]["p"] for v in ("", "c", "d")] == pytest.approx(multiplicity.holm(p))
    assert told["dunnett"]["p"] <= told["holm"]["p"]
    assert told["dunnett"]["holds_for"] == "all_variants"


def test_adjusted_p_of_dunnett_rejects_exactly_what_its_quantile_rejects() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(0, 2, (200, 4))
    z[50:100, 3] = np.nan
    variances = rng.uniform(0.5, 3, (200, 4))
    p = multiplicity.step_down_dunnett_p(z, np.ones((200, 4)), variances)
    for i in range(200):
        there = np.isfinite(z[i])
        assert (p[i, there] < 0.05).tolist() == multiplicity.step_down_dunnett(z[i, there], 1.0, variances[i, there])
    assert np.isnan(p[50:100, 3]).all()


def test_lists_of_different_lengths_are_corrected_each_as_alone() -> None:
    p = np.array([[0.01, 0.04, 0.03, np.nan], [0.2, 0.001, 0.03, 0.04]])
    for correction in (multiplicity.holm, multiplicity.benjamini_hochberg):
        together = correction(p)
        assert together[0, :3] == pytest.approx(correction(p[0, :3]))
        assert np.isnan(together[0, 3])
        assert together[1] == pytest.approx(correction(p[1]))
    log_e = np.log(np.array([[90.0, 35.0, 1.0, np.nan], [30.0, 45.0, 100.0, 0.1]]))
    rejected = multiplicity.e_bh_rejects(log_e, np.array([0.05, 0.05]))
    assert np.flatnonzero(rejected[0]).tolist() == multiplicity.e_bh([90.0, 35.0, 1.0])
    assert np.flatnonzero(rejected[1]).tolist() == multiplicity.e_bh([30.0, 45.0, 100.0, 0.1])


def test_further_metrics_are_corrected_over_all_of_them() -> None:
    rows = [
        row("a", *A), row("b", *B), money("a", *MONEY_A), money("b", *MONEY_B),
        *(row(v, 100_000, x, metric="conversion_once") for v, x in (("a", 200), ("b", 320))),
    ]  # fmt: skip
    table, registered = statistics(rows), plan(primary_metric="conversion")
    told = other_readings(table, estimate(table, registered, split()), registered, split())
    bh = told.filter(pl.col("method") == "benjamini_hochberg")
    assert set(bh["metric"]) == {"value", "conversion_once"}
    own = estimate(table, registered, split()).filter(pl.col("metric") != "conversion")["fixed_p"]
    assert bh["p"].to_numpy() == pytest.approx(multiplicity.benjamini_hochberg(own.to_numpy()))
    assert told.filter(pl.col("method") == "e_bh").filter("is_different")["metric"].to_list() == ["conversion_once"]
    assert set(told["method"]) <= {*METHODS, *CORRECTIONS}


def test_what_cannot_be_read_says_why() -> None:
    assert {item["reason"] for item in found([row("a", 0, 0), row("b", 5, 1)]).values()} == {"no_exposure"}
    assert {item["reason"] for item in found([row("a", 9, 0), row("b", 9, 0)]).values()} == {"no_conversions_yet"}
    epochs = [row(v, *n, epoch=e) for e in (0, 1) for v, n in (("a", A), ("b", B))]
    told = found(epochs, shares=split({"a": 1, "b": 1}, {"a": 1, "b": 3}))
    assert {item["reason"] for item in told.values()} == {"several_epochs"}
    assert all(item["low"] is None and item["is_different"] is None for item in told.values())
    few = found(
        [row("a", 100, 9), row("b", 100, 9), money("a", 100, 9, 9e3, 9e6), money("b", 100, 9, 9e3, 9e6)],
        primary_metric="value",
    )
    assert few["fieller"]["reason"] == "too_few_gifts"


def test_a_correction_tells_no_lift_that_may_be_one_readers_gift() -> None:
    one = [row("a", 100, 1), row("b", 100, 1), row("c", 100, 1), *(money(v, 100, 1, 9e3, 81e6) for v in "abc")]
    table, registered = statistics(one), plan(primary_metric="value")
    estimates = estimate(table, registered, split({"a": 1, "b": 1, "c": 1}))
    assert estimates.filter(pl.col("metric") == "value")["lift"].null_count() == 0
    told = other_readings(table, estimates, registered, split({"a": 1, "b": 1, "c": 1}))
    absent = told.filter(pl.col("metric") == "value", pl.col("reason").is_not_null())
    assert absent.height
    assert absent["estimate"].null_count() == absent.height


def test_a_notebook_reads_one_comparison_by_name() -> None:
    sides = sides_of((*A, A[1], A[1]), (*B, B[1], B[1]))
    ratio, difference = read("score_ratio", sides), read("newcombe", sides, level=0.9)
    assert isinstance(ratio, LiftEstimate)
    assert isinstance(difference, DifferenceEstimate)
    assert difference.difference == pytest.approx(B[1] / B[0] - A[1] / A[0])
    assert ratio.interval.low is not None
    assert read("welch", sides_of((0, 0, 0, 0), (*B, B[1], B[1]))) == NotEstimable(Reason.NO_EXPOSURE)
    with pytest.raises(KeyError):
        read("guess", sides)


def test_only_the_last_day_is_read() -> None:
    rows = [row(v, n * d, x * d, as_of=date(2026, 3, d)) for d in (1, 2) for v, (n, x) in (("a", A), ("b", B))]
    assert {item["as_of"] for item in found(rows).values()} == {date(2026, 3, 2)}
