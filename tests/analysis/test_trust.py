"""Each trust check seen to pass, to warn, to block and to say that it cannot be computed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis.inference.estimates import estimate
from analysis.result_tables import CHECKS, SPECIAL_READERS, TIED_GIFTS
from analysis.sufficient import DAILY_ARRIVAL_SCHEMA
from analysis.trust import CHECK_NAMES, blocked, run_checks
from bench.made_statistics import made
from tests.analysis.inference.tables import counts, exposures, money, plan, row, split, statistics

SOUND = [
    row("a", 50_000, 500),
    row("b", 50_100, 520),
    money("a", 50_000, 500, 1_500_000.0, 1.2e10, top=30_000.0),
    money("b", 50_100, 520, 1_600_000.0, 1.3e10, top=30_000.0),
]


def run(
    count_rows: list[dict[str, object]] | None = None,
    rows: list[dict[str, object]] | None = None,
    shares: pl.DataFrame | None = None,
    plans: pl.DataFrame | None = None,
    **more: Any,
) -> pl.DataFrame:
    frame = statistics(SOUND if rows is None else rows)
    share = split() if shares is None else shares
    registered = plan() if plans is None else plans
    found = [counts("a", 50_000), counts("b", 50_100)] if count_rows is None else count_rows
    return run_checks(exposures(found), frame, estimate(frame, registered, share), registered, share, **more)


def check(frame: pl.DataFrame, name: str, variant: str | None = None, metric: str | None = None) -> dict[str, Any]:
    chosen = frame.filter(pl.col("check_name") == name)
    if variant is not None:
        chosen = chosen.filter(pl.col("variant_id") == variant)
    if metric is not None:
        chosen = chosen.filter(pl.col("metric") == metric)
    found = chosen.row(0, named=True)
    return {**found, "detail": json.loads(found["detail"])}


def test_every_check_has_its_row_in_the_shape_of_the_table() -> None:
    found = run()
    assert found.schema == pl.Schema(CHECKS.schema)
    assert found["check_name"].unique(maintain_order=True).to_list() == list(CHECK_NAMES)
    assert set(found["status"]) <= {"pass", "not_applicable"}
    assert found.filter(pl.col("status") == "not_applicable")["reason"].null_count() == 0
    assert blocked(found) == []


def test_nothing_to_check_gives_no_rows() -> None:
    assert run([], rows=[]).is_empty()


@pytest.mark.parametrize(("b", "status"), [(50_100, "pass"), (51_150, "warn"), (51_500, "block")])
def test_sample_ratio(b: int, status: str) -> None:
    found = check(run([counts("a", 50_000), counts("b", b)]), "sample_ratio")
    assert found["status"] == status
    assert found["detail"]["planned"] == {"a": 0.5, "b": 0.5}
    assert found["detail"]["observed"]["b"] == pytest.approx(b / (50_000 + b))
    assert found["detail"]["is_registered"] is True


def _totals(a: int, b: int, *, s2: float | None = None, **changes: object) -> pl.DataFrame:
    changes = {"as_of": None, **changes}
    rows = [money("a", a, 828, 1.4e6, s2, **changes), money("b", b, 865, 1.5e6, s2, **changes)]
    return run([counts("a", a, **changes), counts("b", b, **changes)], rows=rows, shares=split(is_registered=False))


def test_sample_ratio_of_scaled_totals_is_asked_of_the_sample() -> None:
    """Impressions of a published banner test, recorded one in a hundred and scaled up."""
    found = check(_totals(1_082_000, 1_055_500), "sample_ratio")
    assert found["status"] == "pass"
    assert found["detail"]["scaled_by"] == 500
    assert found["detail"]["log_e_unscaled"] > 50
    assert found["detail"]["is_registered"] is False
    assert check(_totals(1_082_001, 1_055_500), "sample_ratio")["status"] == "block"


def test_readers_that_were_counted_one_by_one_are_never_taken_for_scaled() -> None:
    dated = check(_totals(1_082_000, 1_055_500, as_of=date(2026, 3, 20)), "sample_ratio")
    with_squares = check(_totals(1_082_000, 1_055_500, s2=9e9), "sample_ratio")
    for found in (dated, with_squares):
        assert found["status"] == "block"
        assert "scaled_by" not in found["detail"]


def test_sample_ratio_multiplies_over_epochs_and_sees_a_split_that_the_total_hides() -> None:
    shares = split({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    rows = [
        counts("a", 51_500, epoch=0),
        counts("b", 50_000, epoch=0),
        counts("a", 50_000, epoch=1),
        counts("b", 51_500, epoch=1),
    ]
    found = check(run(rows, rows=[], shares=shares), "sample_ratio")
    assert found["status"] == "block"
    assert found["detail"]["observed"] == {"a": 0.5, "b": 0.5}


def test_sample_ratio_counts_a_variant_that_nobody_saw_and_cannot_be_asked_without_shares() -> None:
    assert check(run([counts("a", 5_000)], rows=[]), "sample_ratio")["status"] == "block"
    strange = check(run([counts("a", 500, epoch=7), counts("b", 500, epoch=7)], rows=[]), "sample_ratio")
    assert (strange["status"], strange["reason"]) == ("not_applicable", "no_planned_share")
    nobody = check(run([counts("a", 0), counts("b", 0)], rows=[]), "sample_ratio")
    assert (nobody["status"], nobody["reason"]) == ("not_applicable", "no_exposure")


def _left_out(a: int, b: int, mark: str = "crawlers", *, is_counted: bool = False) -> pl.DataFrame:
    rule = "count" if is_counted else "exclude"
    common = {
        "mark": mark,
        "rule": rule,
        "is_counted": is_counted,
        "exposed": 51_000,
        "contributors": 0,
        "value_minor": 0,
    }
    day = counts("a", 1)
    return SPECIAL_READERS.frame(
        [
            {
                "experiment_id": day["experiment_id"],
                "as_of": day["as_of"],
                "variant_id": variant,
                "readers": n,
                **common,
            }
            for variant, n in (("a", a), ("b", b))
        ]
    )


@pytest.mark.parametrize(
    ("a", "b", "status"),
    [(500, 510, "pass"), (0, 0, "pass"), (500, 630, "warn"), (500, 700, "block"), (60, 0, "block")],
)
def test_readers_left_out_unevenly(a: int, b: int, status: str) -> None:
    found = check(run(special=_left_out(a, b)), "left_out_by_variant")
    assert (found["status"], found["detail"]["readers"]) == (status, {"a": a, "b": b})


def test_readers_who_count_or_met_two_wordings_are_not_asked_for_as_left_out() -> None:
    for special in (_left_out(40, 900, is_counted=True), _left_out(40, 900, "several_variants")):
        assert check(run(special=special), "left_out_by_variant")["status"] == "pass"
    assert check(run(), "left_out_by_variant")["reason"] == "not_counted"


def _tied(untied: int, control: int, gifts: int = 4000) -> pl.DataFrame:
    day = counts("a", 1)
    return TIED_GIFTS.frame(
        [
            {
                "experiment_id": day["experiment_id"],
                "as_of": day["as_of"],
                "variant_id": variant,
                "route": route,
                "is_tied": route == "field",
                "gifts": count,
                "value_minor": 0,
            }
            for variant, none in (("a", control), ("b", untied))
            for route, count in (("field", gifts - none), ("no_reader", none))
        ]
    )


@pytest.mark.parametrize(
    ("untied", "control", "status", "reason"),
    [
        (410, 400, "pass", None),
        (900, 400, "block", None),
        (400, 900, "block", None),
        (0, 0, "not_applicable", "no_untied_gifts"),
        (30, 10, "not_applicable", "few_untied_gifts"),
    ],
)
def test_gifts_that_nothing_ties(untied: int, control: int, status: str, reason: str | None) -> None:
    found = check(run(tied=_tied(untied, control)), "untied_gifts", "b")
    assert (found["status"], found["reason"]) == (status, reason)
    if reason is None:
        assert found["detail"]["share"] == untied / 4000
        assert found["detail"]["share_control"] == control / 4000


@pytest.mark.parametrize(("mixed", "status"), [(20, "pass"), (60, "warn"), (600, "block"), (None, "not_applicable")])
def test_contamination(mixed: int | None, status: str) -> None:
    found = run([counts("a", 50_000, n_contaminated=mixed), counts("b", 50_000, n_contaminated=mixed)])
    assert check(found, "contamination")["status"] == status
    assert check(found, "contamination_by_variant")["status"] == ("pass" if mixed else "not_applicable")


@pytest.mark.parametrize(("a", "b", "status"), [(4000, 4000, "pass"), (4000, 4500, "warn"), (4000, 4600, "block")])
def test_contamination_by_variant(a: int, b: int, status: str) -> None:
    found = run([counts("a", 10**6, n_contaminated=a), counts("b", 10**6, n_contaminated=b)])
    assert check(found, "contamination_by_variant")["status"] == status


def test_contamination_under_unequal_shares_falls_alike_on_both_variants_and_only_warns() -> None:
    """Two draws a reader: a then b is as likely as b then a, whatever the shares."""
    shares = split({"a": 9.0, "b": 1.0})
    alike = run([counts("a", 900_000, n_contaminated=4000), counts("b", 100_000, n_contaminated=4000)], shares=shares)
    assert check(alike, "contamination_by_variant")["status"] == "pass"
    apart = run([counts("a", 900_000, n_contaminated=4500), counts("b", 100_000, n_contaminated=3500)], shares=shares)
    assert check(apart, "contamination_by_variant")["status"] == "warn"


@pytest.mark.parametrize(("viewed", "status"), [(40_010, "pass"), (40_500, "warn"), (40_700, "block")])
def test_denominator(viewed: int, status: str) -> None:
    found = check(run([counts("a", 50_000, n_viewed=40_000), counts("b", 50_000, n_viewed=viewed)]), "denominator")
    assert found["status"] == status
    assert found["variant_id"] == "b"
    assert found["detail"]["share_control"] == 0.8
    assert found["detail"]["share"] == pytest.approx(viewed / 50_000)


@pytest.mark.parametrize(
    ("a", "b", "reason"), [(None, None, "not_counted"), (0, 0, "no_views"), (20, 5000, "too_few_readers")]
)
def test_denominator_says_why_it_cannot_be_asked(a: int | None, b: int | None, reason: str) -> None:
    found = check(run([counts("a", 50_000, n_viewed=a), counts("b", 50_000, n_viewed=b)]), "denominator")
    assert (found["status"], found["reason"]) == ("not_applicable", reason)


def test_denominator_passes_where_the_view_is_the_exposure_and_ignores_a_change_of_shares() -> None:
    assert check(run(), "denominator")["status"] == "pass"
    ramp = [
        counts("a", 90_000, n_viewed=45_000),
        counts("b", 10_000, n_viewed=5_000),
        counts("a", 50_000, n_viewed=40_000, epoch=1),
        counts("b", 50_000, n_viewed=40_000, epoch=1),
    ]
    found = check(run(ramp, rows=[], shares=split({"a": 9.0, "b": 1.0}, {"a": 1.0, "b": 1.0})), "denominator")
    assert found["status"] == "pass"
    assert found["detail"]["lift"] == pytest.approx(0, abs=1e-12)


def _two_bases(viewed_b: int) -> list[dict[str, object]]:
    return [
        row("a", 100_000, 1000),
        row("b", 100_000, 1250),
        row("a", 80_000, 1000, basis="viewed"),
        row("b", 110_000, viewed_b, basis="viewed"),
    ]


def test_bases_that_disagree_in_sign_block_once_either_is_strong() -> None:
    conversion = plan(primary_metric="conversion")
    strong = check(run(rows=_two_bases(1250), plans=conversion), "basis_agreement")
    assert strong["status"] == "block"
    assert strong["detail"]["exposed"] > 0 > strong["detail"]["viewed"]
    assert check(run(rows=_two_bases(1800), plans=conversion), "basis_agreement")["status"] == "pass"
    weak = [
        row("a", 1000, 50),
        row("b", 1000, 52),
        row("a", 800, 50, basis="viewed"),
        row("b", 900, 52, basis="viewed"),
    ]
    assert check(run(rows=weak, plans=conversion), "basis_agreement")["status"] == "pass"
    assert check(run(), "basis_agreement")["reason"] == "no_views"


def _capped(uncapped_b: float) -> list[dict[str, object]]:
    return [
        *SOUND,
        money("a", 50_000, 500, 1_800_000.0, 3e10, metric="value_uncapped"),
        money("b", 50_100, 520, uncapped_b, 3e10, metric="value_uncapped"),
    ]


def test_cap_that_turns_the_sign_warns() -> None:
    turned = check(run(rows=_capped(1_600_000.0)), "cap_agreement")
    assert turned["status"] == "warn"
    assert turned["detail"]["capped"] > 0 > turned["detail"]["uncapped"]
    assert check(run(rows=_capped(1_900_000.0)), "cap_agreement")["status"] == "pass"
    assert check(run(), "cap_agreement")["reason"] == "not_counted"


def _largest(top_b: float, s1_b: float = 1_600_000.0) -> list[dict[str, object]]:
    return [
        money("a", 50_000, 500, 1_500_000.0, 1.2e10, top=30_000.0),
        money("b", 50_000, 520, s1_b, 3e10, top=top_b),
    ]


def test_one_donor() -> None:
    assert check(run(rows=_largest(30_000.0)), "one_donor", "b")["status"] == "pass"
    large = check(run(rows=_largest(170_000.0, 1_900_000.0)), "one_donor", "b")
    assert large["status"] == "pass"
    warned = check(run(rows=_largest(200_000.0, 1_900_000.0)), "one_donor", "b")
    assert warned["status"] == "warn"
    assert warned["detail"]["lift_without"]["b"] > 0
    deciding = check(run(rows=_largest(200_000.0, 1_600_000.0)), "one_donor", "b")
    assert deciding["status"] == "block"
    assert deciding["detail"]["lift"]["b"] > 0 > deciding["detail"]["lift_without"]["b"]


def test_one_donor_of_the_control_counts_as_well_and_a_lift_near_zero_alone_does_not_block() -> None:
    turned = [
        money("a", 50_000, 500, 1_700_000.0, 3e10, top=200_000.0),
        money("b", 50_000, 520, 1_600_000.0, 1.2e10, top=30_000.0),
    ]
    assert check(run(rows=turned), "one_donor", "a")["status"] == "block"
    near_zero = _largest(30_000.0, 1_501_000.0)
    found = check(run(rows=near_zero), "one_donor", "b")
    assert found["status"] == "pass"
    assert found["detail"]["sign_turns"] is True


def test_one_donor_blocks_only_the_metric_that_decides() -> None:
    rows = [r | {"metric": "value_uncapped"} for r in _largest(200_000.0)]
    assert check(run(rows=[*SOUND, *rows]), "one_donor", "b", "value_uncapped")["status"] == "warn"
    assert (
        check(run(rows=_largest(200_000.0), plans=plan(primary_metric="conversion")), "one_donor", "b")["status"]
        == "warn"
    )


def test_one_donor_cannot_be_asked_of_totals() -> None:
    unknown = [money("a", 10, 5, 50.0, 600.0), money("b", 10, 0, 0.0, 0.0)]
    found = run(rows=unknown)
    assert check(found, "one_donor", "a")["reason"] == "not_counted"
    assert check(found, "one_donor", "b")["reason"] == "no_conversions_yet"


@pytest.mark.parametrize(("later", "status"), [(50, "pass"), (65, "warn"), (200, "warn")])
def test_pooled_agreement(later: int, status: str) -> None:
    ramp = [("a", 90_000, 90, 0), ("b", 10_000, 10, 0), ("a", 50_000, later, 1), ("b", 50_000, later, 1)]
    shares = split({"a": 9.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    rows = [row(v, n, x, epoch=e) for v, n, x, e in ramp]
    found = check(run(rows=rows, shares=shares, plans=plan(primary_metric="conversion")), "pooled_agreement")
    assert found["status"] == status
    assert found["detail"]["within_epochs"] == pytest.approx(0, abs=1e-12)
    assert (found["detail"]["pooled"] > 0.01) == (later > 50)


def test_pooled_agreement_needs_two_epochs_and_an_estimate() -> None:
    assert check(run(), "pooled_agreement")["reason"] == "one_epoch"
    few = [row(v, 100, 0, epoch=e) for v in ("a", "b") for e in (0, 1)]
    shares = split({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    found = check(run(rows=few, shares=shares, plans=plan(primary_metric="conversion")), "pooled_agreement")
    assert found["reason"] == "no_conversions_yet"


def _days(b_a_day: list[int]) -> list[dict[str, object]]:
    start = date(2026, 3, 1)
    grown = np.cumsum(b_a_day)
    last = date(2026, 3, 20)
    first = last - timedelta(days=len(b_a_day) - 1)
    assert first >= start
    return [
        r
        for d, x in enumerate(grown)
        for r in (
            row("a", 10_000 * (d + 1), 50 * (d + 1), as_of=first + timedelta(days=d)),
            row("b", 10_000 * (d + 1), int(x), as_of=first + timedelta(days=d)),
        )
    ]


def test_novelty() -> None:
    steady = check(run(rows=_days([55] * 14)), "novelty")
    assert steady["status"] == "pass"
    fading = check(run(rows=_days(list(range(110, 40, -5)))), "novelty")
    assert fading["status"] == "warn"
    assert fading["detail"]["change_per_day"] < 0
    assert check(run(rows=_days([55] * 3)), "novelty")["reason"] == "too_few_days"


def test_novelty_needs_dates() -> None:
    undated = [r | {"as_of": None} for r in SOUND]
    found = check(run([counts("a", 5, as_of=None), counts("b", 5, as_of=None)], rows=undated), "novelty")
    assert found["reason"] == "no_dates"


def test_maturity_is_shown_and_never_warns() -> None:
    found = check(run([counts("a", 50_000, n_immature=25_000), counts("b", 50_000, n_immature=20_000)]), "maturity")
    assert found["status"] == "pass"
    assert found["statistic"] == 0.45
    assert check(run([counts("a", 5, n_immature=None), counts("b", 5)], rows=[]), "maturity")["reason"] == "not_counted"


def test_experiments_are_checked_apart() -> None:
    other = [counts("a", 50_000, experiment_id="other"), counts("b", 51_500, experiment_id="other")]
    shares = pl.concat([split(), split(experiment="other")])
    found = run(
        [counts("a", 50_000), counts("b", 50_100), *other], shares=shares, plans=pl.concat([plan(), plan("other")])
    )
    status = dict(found.filter(pl.col("check_name") == "sample_ratio").select("experiment_id", "status").iter_rows())
    assert status == {"appeal": "pass", "other": "block"}


def test_many_experiments_at_once_are_checked_as_each_alone() -> None:
    given = made(30)
    estimates = estimate(given.statistics, given.plans, given.shares)
    together = run_checks(given.counts, given.statistics, estimates, given.plans, given.shares)
    for name in given.plans["experiment_id"]:
        one = [
            frame.filter(pl.col("experiment_id") == name)
            for frame in (given.counts, given.statistics, estimates, given.plans, given.shares)
        ]
        alone, among = run_checks(*one), together.filter(pl.col("experiment_id") == name)
        # A processor takes logarithms of many numbers by another way than of few: the last digit may differ.
        assert_frame_equal(alone.drop("detail"), among.drop("detail"), rel_tol=1e-9, abs_tol=1e-9)
        for text, other in zip(alone["detail"], among["detail"], strict=True):
            for key, value in json.loads(text).items():
                assert json.loads(other)[key] == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_an_arm_that_shares_no_epoch_with_the_control_has_no_denominator_to_compare() -> None:
    apart = [counts("a", 5_000), counts("b", 0), counts("a", 0, epoch=1), counts("b", 5_000, epoch=1)]
    shares = split({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    assert check(run(apart, rows=[], shares=shares), "denominator")["reason"] == "too_few_readers"


# -- every single day, and the time before ------------------------------------------------------------------------------


def by_day(*splits: tuple[int, int]) -> pl.DataFrame:
    """Readers of `a` and `b` on each day from 1 March on."""
    return pl.DataFrame(
        [
            ("appeal", 0, date(2026, 3, 1) + timedelta(days=day), variant, n)
            for day, pair in enumerate(splits)
            for variant, n in zip("ab", pair, strict=True)
        ],
        schema=DAILY_ARRIVAL_SCHEMA,
        orient="row",
    )


def test_days_that_even_out_over_the_test_are_found() -> None:
    sound = [(5000, 5000)] * 10
    assert check(run(arrivals=by_day(*sound)), "late_assignment")["status"] == "pass"
    broken = [*sound[:4], (5600, 4400), (4400, 5600), *sound[6:]]
    found = check(run(arrivals=by_day(*broken)), "late_assignment")
    assert found["status"] == "block"
    assert found["detail"]["day"] == "2026-03-05"
    assert found["detail"]["off"] == pytest.approx(0.06)
    evened = check(run([counts("a", 50_000), counts("b", 50_000)], arrivals=by_day(*broken)), "sample_ratio")
    assert evened["status"] == "pass", "the whole test says nothing"


def test_a_day_without_one_of_the_variants_is_found_though_it_has_no_row() -> None:
    lost = by_day(*[(3000, 3000)] * 8).filter((pl.col("variant_id") == "a") | (pl.col("first_day") != date(2026, 3, 8)))
    found = check(run(arrivals=lost), "late_assignment")
    assert (found["status"], found["detail"]["day"]) == ("block", "2026-03-08")


def test_late_assignment_raises_hardly_an_alarm_over_sixty_looks() -> None:
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(100):
        days = [(int(a), 2000 - int(a)) for a in rng.binomial(2000, 0.5, 60)]
        alarms += any(
            check(run(arrivals=by_day(*days[: look + 1])), "late_assignment")["status"] != "pass"
            for look in (5, 20, 59)
        )
    assert alarms <= 4


def test_without_days_late_assignment_is_not_asked() -> None:
    assert check(run(), "late_assignment")["reason"] == "no_dates"


def test_groups_that_gave_differently_before_the_test_block() -> None:
    def before(a: int, b: int) -> dict[str, Any]:
        rows = [
            counts("a", 50_000, n_split=50_000, n_gave_before=a),
            counts("b", 50_100, n_split=50_100, n_gave_before=b),
        ]
        return check(run(rows), "before_the_test", metric="gifts_before")

    assert before(1000, 1030)["status"] == "pass"
    found = before(1000, 1300)
    assert found["status"] == "block"
    assert found["detail"]["lift"] == pytest.approx(1300 / 50_100 / (1000 / 50_000) - 1)
    assert before(10, 30)["reason"] == "few_before"


def test_groups_that_read_differently_before_the_test_block() -> None:
    def before(a: float, b: float) -> dict[str, Any]:
        rows = [
            counts(name, 50_000, visits_before=int(mean * 50_000), visits_before_squared=int((mean**2 + 30) * 50_000))
            for name, mean in (("a", a), ("b", b))
        ]
        return check(run(rows), "before_the_test", metric="visits_before")

    assert before(4.0, 4.02)["status"] == "pass"
    assert before(4.0, 4.3)["status"] == "block"
    assert check(run(), "before_the_test", metric="visits_before")["reason"] == "not_registered"
    assert check(run(), "before_the_test", metric="gifts_before")["reason"] == "not_counted"


def test_an_effect_that_jumps_from_day_to_day_without_a_trend_is_told() -> None:
    rows, a, b = [], 0, 0
    for day in range(12):
        a, b = a + 100, b + (150 if day % 2 else 80)
        rows += [
            row(v, 10_000 * (day + 1), x, as_of=date(2026, 3, 9) + timedelta(days=day)) for v, x in (("a", a), ("b", b))
        ]
    found = check(run(rows=rows), "novelty")
    assert found["status"] == "warn"
    assert found["statistic"] < found["warn_at"]
    assert found["detail"]["q_p"] < 0.01
