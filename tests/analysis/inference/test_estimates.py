"""From sufficient statistics to estimates: the frames that the pipeline and `askwell analyze` call."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.inference import multiplicity, sequential
from analysis.inference.estimates import describe_variants, estimate
from analysis.inference.estimator import ESTIMATORS, Sums
from analysis.inference.results import LiftEstimate, NotEstimable
from analysis.result_tables import ESTIMATES, VARIANT_RESULTS
from tests.analysis.inference.tables import money, plan, row, split, statistics

KARLAN_LIST = statistics(
    [
        row("a", 16_687, 298),
        row("b", 33_396, 736),
        money("a", 16_687, 298, 1_357_100, 11_265_770_000),
        money("b", 33_396, 736, 3_228_970, 27_141_446_900),
    ]
)
TWO_THIRDS = split({"a": 1.0, "b": 2.0})


def one(frame: pl.DataFrame, **where: Any) -> dict[str, Any]:
    """The only row with these values."""
    return frame.filter(*(pl.col(name) == value for name, value in where.items())).row(0, named=True)


def test_worked_example_of_a_matching_gift_letter() -> None:
    """Karlan & List 2007: gifts 298 of 16,687 and 736 of 33,396; dollars 13,571.00 and 32,289.70."""
    found = estimate(KARLAN_LIST, plan(), TWO_THIRDS)
    gave = one(found, metric="conversion")
    assert gave["lift"] == pytest.approx(0.234, abs=5e-4)
    assert (gave["fixed_low"], gave["fixed_high"]) == pytest.approx((0.080, 0.410), abs=5e-4)
    assert (gave["anytime_low"], gave["anytime_high"]) == pytest.approx((-0.006, 0.545), abs=5e-4)
    assert gave["e_value"] == pytest.approx(14.9, abs=0.05)
    assert gave["fixed_method"] == "score_ratio"
    value = one(found, metric="value")
    assert value["lift"] == pytest.approx(0.189, abs=5e-4)
    assert (value["fixed_low"], value["fixed_high"]) == pytest.approx((-0.010, 0.427), abs=5e-4)
    assert (value["anytime_low"], value["anytime_high"]) == pytest.approx((-0.096, 0.563), abs=5e-4)
    assert value["e_value"] == pytest.approx(1.47, abs=5e-3)
    assert value["shrunk_log_ratio"] == pytest.approx(0.093, abs=5e-4)
    assert value["chance_better"] == pytest.approx(0.914, abs=5e-4)
    assert value["loss_variant_per_1000"] / 100 == pytest.approx(2.1, abs=0.05)
    assert value["loss_control_per_1000"] / 100 == pytest.approx(83.3, abs=0.05)
    assert value["mean_control"] * 10 == pytest.approx(813.3, abs=0.05)
    assert value["fixed_method"] == "log_t"


def test_tables_have_their_shape_and_order() -> None:
    found = estimate(KARLAN_LIST, plan(), TWO_THIRDS)
    assert found.schema == pl.Schema(ESTIMATES.schema)
    assert found["metric"].to_list() == ["conversion", "value"]
    described = describe_variants(KARLAN_LIST, plan(), TWO_THIRDS)
    assert described.schema == pl.Schema(VARIANT_RESULTS.schema)
    assert described["variant_id"].to_list() == ["a", "b", "a", "b"]


def test_money_difference_is_the_lift_of_the_control() -> None:
    value = one(estimate(KARLAN_LIST, plan(), TWO_THIRDS), metric="value")
    base = value["mean_control"] * 1000
    assert value["difference_per_1000"] == pytest.approx(value["lift"] * base)
    assert value["difference_low"] == pytest.approx(value["anytime_low"] * base)
    assert value["difference_high"] == pytest.approx(value["anytime_high"] * base)


def test_another_currency_leaves_lift_evidence_and_interval_alone() -> None:
    other = KARLAN_LIST.with_columns(
        pl.when(pl.col("metric") == "value").then(pl.col("s1") * 0.5).otherwise("s1").alias("s1"),
        pl.when(pl.col("metric") == "value").then(pl.col("s2") * 0.25).otherwise("s2").alias("s2"),
    )
    here, there = (one(estimate(s, plan(), TWO_THIRDS), metric="value") for s in (KARLAN_LIST, other))
    for name in ("lift", "fixed_low", "anytime_high", "log_e", "chance_better"):
        assert there[name] == pytest.approx(here[name], rel=1e-12)
    assert there["difference_low"] == pytest.approx(here["difference_low"] / 2)


def test_swapped_variants_flip_the_sign_and_keep_the_evidence() -> None:
    turned = split({"b": 2.0, "a": 1.0}, control="b")
    here, back = estimate(KARLAN_LIST, plan(), TWO_THIRDS), estimate(KARLAN_LIST, plan(), turned)
    assert back["log_ratio"].to_list() == pytest.approx([-v for v in here["log_ratio"]])
    assert back["log_e"].to_list() == pytest.approx(here["log_e"].to_list(), abs=1e-8)
    assert np.log1p(back["anytime_low"].to_numpy()) == pytest.approx(
        -np.log1p(here["anytime_high"].to_numpy()), abs=1e-8
    )
    assert np.log1p(back["fixed_low"].to_numpy()) == pytest.approx(-np.log1p(here["fixed_high"].to_numpy()), abs=1e-8)


def test_readers_of_two_parts_with_equal_epochs_add_up_to_the_whole() -> None:
    """The same shares twice: inside epochs the estimate is the pooled one where rates are alike."""
    parts = statistics(
        [
            row("a", 10_000, 100, epoch=0),
            row("b", 10_000, 120, epoch=0),
            row("a", 10_000, 100, epoch=1),
            row("b", 10_000, 120, epoch=1),
        ]
    )
    whole = statistics([row("a", 20_000, 200), row("b", 20_000, 240)])
    shares = split({"a": 1, "b": 1}, {"a": 1, "b": 1})
    two, together = one(estimate(parts, plan(), shares)), one(estimate(whole, plan(), split()))
    assert two["lift"] == pytest.approx(together["lift"])
    assert two["se"] == pytest.approx(together["se"])
    assert two["mean"] == pytest.approx(together["mean"])
    assert two["anytime_low"] == pytest.approx(together["anytime_low"], abs=2e-3)
    assert two["fixed_method"] == "mantel_haenszel"


def test_a_ramp_with_a_rising_base_rate_does_not_deceive() -> None:
    ramp = [("a", 90_000, 90, 0), ("b", 10_000, 10, 0), ("a", 50_000, 100, 1), ("b", 50_000, 100, 1)]
    rows = [row(v, n, x, epoch=e) for v, n, x, e in ramp]
    rows += [money(v, n, x, 3000.0 * x, 1.8e7 * x, epoch=e) for v, n, x, e in ramp]
    found = estimate(statistics(rows), plan(), split({"a": 9, "b": 1}, {"a": 1, "b": 1}))
    assert found["lift"].to_list() == pytest.approx([0, 0], abs=1e-12)
    assert found["difference_per_1000"].to_list() == pytest.approx([0, 0], abs=1e-6)
    described = describe_variants(statistics(rows), plan(), split({"a": 9, "b": 1}, {"a": 1, "b": 1}))
    for metric in ("conversion", "value"):
        a, b = (one(described, metric=metric, variant_id=v)["mean"] for v in ("a", "b"))
        assert a == pytest.approx(b)


def test_many_comparisons_at_once_equal_each_alone() -> None:
    """Vectorised and scalar, over metrics, days, epochs and numbers of variants."""
    rng = np.random.default_rng(8)
    rows, plans, shares = [], [], []
    for k in range(6):
        name = f"test-{k}"
        variants = ["a", "b", "c"][: 2 + k % 2]
        epochs = 1 + k % 3
        plans.append(plan(name, smallest_effect=0.1 if k == 3 else None))
        shares.append(split(*[dict.fromkeys(variants, 1.0)] * epochs, experiment=name))
        for day in range(3):
            for epoch in range(epochs):
                for variant in variants:
                    n = int(rng.integers(20_000, 90_000)) * (day + 1)
                    x = int(rng.binomial(n, 0.0005))
                    common = {"experiment_id": name, "epoch": epoch, "as_of": date(2026, 3, 1) + timedelta(days=day)}
                    rows.append(row(variant, n, x, **common))
                    rows.append(money(variant, n, x, 3000.0 * x, 2.5e7 * x * rng.uniform(0.8, 1.2), **common))
                    rows.append(row(variant, n, n // 9, metric="dismissed", **common))
                    rows.append(
                        row(
                            variant, n, n, metric="pageviews", s1=4.0 * n + rng.normal(0, n**0.5), s2=30.0 * n, **common
                        )
                    )
    frame, plan_frame, share_frame = statistics(rows), pl.concat(plans), pl.concat(shares)
    together = estimate(frame, plan_frame, share_frame)
    alone = pl.concat(
        estimate(part, plan_frame, share_frame)
        for part in frame.partition_by("experiment_id", "as_of", "metric", maintain_order=True)
    )
    keys = ["experiment_id", "as_of", "metric", "variant_id"]
    a, b = together.sort(keys), alone.sort(keys)
    assert a.height == b.height == (6 + 3) * 3 * 4
    assert a.drop_nulls("lift").height == a.height
    for name, dtype in ESTIMATES.schema.items():
        if dtype == pl.Float64:
            assert a[name].is_null().to_list() == b[name].is_null().to_list(), name
            x, y = (frame[name].drop_nulls().to_list() for frame in (a, b))
            assert x == pytest.approx(y, rel=1e-9, abs=1e-12), name
        else:
            assert a[name].to_list() == b[name].to_list(), name


def test_notebook_and_pipeline_say_the_same() -> None:
    found = estimate(KARLAN_LIST, plan(), TWO_THIRDS)
    gave, value = one(found, metric="conversion"), one(found, metric="value")
    a, b = Sums.of_counts(16_687, 298), Sums.of_counts(33_396, 736)
    ma, mb = Sums(16_687, 298, 1_357_100, 11_265_770_000), Sums(33_396, 736, 3_228_970, 27_141_446_900)
    for name, control, variant, low, high, line in (
        ("score_ratio", a, b, "fixed_low", "fixed_high", gave),
        ("exact_anytime", a, b, "anytime_low", "anytime_high", gave),
        ("log_t", ma, mb, "fixed_low", "fixed_high", value),
        ("normal_anytime", ma, mb, "anytime_low", "anytime_high", value),
    ):
        single = ESTIMATORS[name](control, variant, level=0.95, share=2 / 3)
        assert isinstance(single, LiftEstimate)
        assert (single.interval.low, single.interval.high) == pytest.approx((line[low], line[high]), rel=1e-9)
        assert single.lift == pytest.approx(line["lift"])


def test_statistics_of_a_variant_merge_in_any_order() -> None:
    parts = [Sums(10, 1, 5.0, 25.0), Sums(20, 3, 30.0, 400.0), Sums(5, 0, 0.0, 0.0)]
    assert parts[0] + (parts[1] + parts[2]) == (parts[2] + parts[0]) + parts[1]
    assert (parts[0] + Sums(1, 1, 1.0, None)).s2 is None


# -- several variants, priors, levels ----------------------------------------------------------------------------------


def test_intervals_of_the_primary_metric_hold_for_all_variants_together() -> None:
    rows = [row("a", 10_000, 200), row("b", 10_000, 230), row("c", 10_000, 210)]
    shares = split({"a": 1.0, "b": 1.0, "c": 1.0})
    primary = estimate(statistics(rows), plan(primary_metric="conversion"), shares)
    secondary = estimate(statistics(rows), plan(primary_metric="value"), shares)
    halved = estimate(statistics(rows), plan(primary_metric="value", alpha=0.025), shares)
    assert primary["anytime_low"].to_list() == pytest.approx(halved["anytime_low"].to_list())
    assert primary["anytime_low"][0] < secondary["anytime_low"][0]
    assert primary["log_e"].to_list() == secondary["log_e"].to_list()
    assert primary["fixed_low"].to_list() == secondary["fixed_low"].to_list()


def test_segments_are_compared_one_by_one_at_full_alpha() -> None:
    rows = [
        row(v, 10_000, x, segment_kind=k, segment=s)
        for k, s in (("all", "all"), ("device", "mobile"))
        for v, x in (("a", 200), ("b", 230), ("c", 210))
    ]
    found = estimate(statistics(rows), plan(primary_metric="conversion"), split({"a": 1.0, "b": 1.0, "c": 1.0}))
    overall, mobile = (one(found, segment=s, variant_id="b") for s in ("all", "mobile"))
    assert mobile["anytime_low"] > overall["anytime_low"]


def test_registered_smallest_effect_sets_the_prior_of_outcomes_and_not_of_guardrails() -> None:
    rows = [row("a", 10_000, 200), row("b", 10_000, 230)]
    rows += [row(v, 10_000, x, metric="dismissed") for v, x in (("a", 900), ("b", 950))]
    plain, registered = (estimate(statistics(rows), plan(smallest_effect=effect), split()) for effect in (None, 0.1))
    assert plain["log_e"][0] != registered["log_e"][0]
    assert plain["log_e"][1] == registered["log_e"][1]
    priors = sequential.Priors.same(sequential.registered_prior(0.1), 1)
    assert registered["log_e"][0] == pytest.approx(sequential.conversion(200, 230, 0.5, priors).log_e[0])


def test_planned_shares_decide_and_not_the_counts() -> None:
    rows = statistics([row("a", 10_000, 200), row("b", 10_000, 230)])
    even, uneven = estimate(rows, plan(), split()), estimate(rows, plan(), split({"a": 2.0, "b": 1.0}))
    assert even["log_e"][0] < uneven["log_e"][0]
    assert even["fixed_low"][0] == uneven["fixed_low"][0]


def test_scale_of_the_prior_is_taken_by_metric_and_never_as_zero() -> None:
    learned = pl.DataFrame(
        {"experiment_id": "appeal", "metric": ["value", "conversion"], "tau": [0.0, 0.2], "tau_tests": [31, 40]}
    )
    found = estimate(KARLAN_LIST, plan(), TWO_THIRDS, scales=learned)
    assert found["tau_tests"].to_list() == [40, 31]
    assert found["tau"].to_list() == [0.2, 0.01]
    assert abs(found["shrunk_log_ratio"][1]) < 0.01


def test_more_dismissals_make_a_variant_worse() -> None:
    rows = [row("a", 10_000, 900, metric="dismissed"), row("b", 10_000, 1000, metric="dismissed")]
    found = one(estimate(statistics(rows), plan(), split()))
    assert found["lift"] > 0
    assert found["chance_better"] < 0.05
    assert found["loss_variant_per_1000"] > found["loss_control_per_1000"]


def test_pageviews_take_the_narrow_prior_and_the_normal_quantile() -> None:
    rows = [
        row(v, 50_000, 50_000, metric="pageviews", s1=s1, s2=1.5e6) for v, s1 in (("a", 200_000.0), ("b", 199_000.0))
    ]
    found = one(estimate(statistics(rows), plan(), split()))
    assert found["fixed_method"] == "log_normal"
    priors = sequential.Priors.same(sequential.GUARDRAIL_PRIOR, 1)
    expected = sequential.normal_mixture(found["log_ratio"], found["se"], priors)
    assert found["log_e"] == pytest.approx(expected.log_e[0])
    assert found["n_effective"] is None


def test_closed_evidence_needs_the_company_to_agree() -> None:
    rows = [row("a", 100_000, 1000), row("b", 100_000, 1200), row("c", 100_000, 1000)]
    found = estimate(statistics(rows), plan(primary_metric="conversion"), split({"a": 1.0, "b": 1.0, "c": 1.0}))
    closed = multiplicity.log_closed_e(found["log_e"].to_numpy())
    assert closed[0] < found["log_e"][0]


# -- edge cases --------------------------------------------------------------------------------------------------------


def test_totals_without_squares_show_the_lift_without_a_range() -> None:
    rows = statistics([money("a", 10_000, 300, 60_000.0, None), money("b", 10_000, 300, 90_000.0, None)])
    found = one(estimate(rows, plan(), split()))
    assert found["reason"] == "no_spread"
    assert found["lift"] == pytest.approx(0.5)
    assert found["n_effective"] is None
    assert all(found[name] is None for name in ("se", "anytime_low", "log_e", "chance_better"))
    described = describe_variants(rows, plan(), split())
    assert described["reason"].to_list() == ["no_spread", "no_spread"]
    assert described["mean"].to_list() == [6.0, 9.0]
    assert described["chance_best"].to_list() == [None, None]


def test_epoch_without_a_planned_share_withholds_only_what_needs_it() -> None:
    rows = [row("a", 10_000, 200, epoch=3), row("b", 10_000, 230, epoch=3)]
    found = one(estimate(statistics(rows), plan(), split()))
    assert found["reason"] == "no_planned_share"
    assert found["anytime_low"] is None
    assert found["log_e"] is None
    assert found["fixed_low"] is not None
    assert found["lift"] == pytest.approx(0.15)


def test_a_table_without_dates_is_estimated_as_well() -> None:
    undated = KARLAN_LIST.with_columns(as_of=pl.lit(None, pl.Date))
    found = estimate(undated, plan(), TWO_THIRDS)
    assert found["as_of"].null_count() == 2
    assert found["lift"].to_list() == pytest.approx(estimate(KARLAN_LIST, plan(), TWO_THIRDS)["lift"].to_list())


def test_nothing_in_gives_nothing_out() -> None:
    assert estimate(statistics([]), plan(), split()).is_empty()
    assert describe_variants(statistics([]), plan(), split()).is_empty()


@pytest.mark.parametrize(
    ("rows", "plans", "shares", "said"),
    [
        ([row("a", 10, 1)], plan("other"), split(), "no plan is registered for appeal"),
        ([row("a", 10, 1)], plan(), split(experiment="other"), "no share is registered for appeal"),
        ([row("z", 10, 1)], plan(), split(), "not registered: appeal/z"),
        ([row("a", 10, 1, metric="karma")], plan(), split(), "unknown metric karma"),
        ([row("a", 10, 1)], plan(), split(control="none"), "exactly one control"),
    ],
)
def test_statistics_that_the_registry_does_not_know_are_refused_not_dropped(
    rows: list[dict[str, object]], plans: pl.DataFrame, shares: pl.DataFrame, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        estimate(statistics(rows), plans, shares)


@pytest.mark.parametrize(
    ("name", "control", "variant", "reason"),
    [
        ("score_ratio", Sums.of_counts(0, 0), Sums.of_counts(10, 1), "no_exposure"),
        ("score_ratio", Sums.of_counts(10, 0), Sums.of_counts(10, 0), "no_conversions_yet"),
        ("exact_anytime", Sums.of_counts(10, 1), Sums.of_counts(10, 1), "no_planned_share"),
        ("log_t", Sums(100, 30, 9.0, None), Sums(100, 30, 9.0, 9.0), "no_spread"),
        ("log_t", Sums(100, 24, 9.0, 9.0), Sums(100, 30, 9.0, 9.0), "too_few_gifts"),
        ("log_normal", Sums(100, 24, 9.0, 9.0), Sums(100, 30, 9.0, 9.0), "too_few_readers"),
        ("normal_anytime", Sums(100, 0, 0.0, 0.0), Sums(100, 30, 9.0, 9.0), "control_mean_zero"),
        ("normal_anytime", Sums(100, 100, 100.0, 100.0), Sums(100, 100, 100.0, 100.0), "no_variation"),
    ],
)
def test_estimators_say_why_they_cannot(name: str, control: Sums, variant: Sums, reason: str) -> None:
    found = ESTIMATORS[name](control, variant)
    assert isinstance(found, NotEstimable)
    assert found.reason == reason


# -- variants by themselves --------------------------------------------------------------------------------------------


def test_chance_to_be_best_stands_only_where_it_decides() -> None:
    segment = KARLAN_LIST.with_columns(segment_kind=pl.lit("device"), segment=pl.lit("mobile"))
    viewed = KARLAN_LIST.with_columns(basis=pl.lit("viewed"))
    found = describe_variants(pl.concat([KARLAN_LIST, segment, viewed]), plan(), TWO_THIRDS)
    shown = found.filter(pl.col("chance_best").is_not_null())
    assert shown.select("basis", "segment", "metric").unique().rows() == [("exposed", "all", "value")]
    assert shown["chance_best"].to_list() == pytest.approx([0.086, 0.914], abs=5e-4)


def test_few_conversions_are_judged_by_beta_posteriors() -> None:
    found = describe_variants(
        statistics([row("a", 10_000, 3), row("b", 10_000, 8)]), plan(primary_metric="conversion"), split()
    )
    assert found["chance_best"].to_list() == pytest.approx([0.064, 0.936], abs=5e-4)
    assert one(estimate(statistics([row("a", 10_000, 3), row("b", 10_000, 8)]), plan(), split()))[
        "chance_better"
    ] == pytest.approx(0.936, abs=5e-4)


def test_variant_without_readers_stands_outside_and_the_others_are_compared() -> None:
    rows = [row("a", 10_000, 200), row("b", 10_000, 230)]
    found = describe_variants(
        statistics(rows), plan(primary_metric="conversion"), split({"a": 1.0, "b": 1.0, "c": 1.0})
    )
    two = describe_variants(statistics(rows), plan(primary_metric="conversion"), split())
    assert found["reason"].to_list() == [None, None, "no_exposure"]
    assert found["chance_best"].to_list()[:2] == pytest.approx(two["chance_best"].to_list())
    assert found["chance_best"][2] is None
