"""Declared metrics on hand-made rows: which row counts, for whom, on which day; and what a team may not declare."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from analysis.errors import RegistryError, SettingsError
from analysis.inference.estimates import estimate
from analysis.inference.ratios import compare_ratios, ratio_variance
from analysis.registry import catalogue, plans, shares
from analysis.result_tables import SUFFICIENT_STATISTICS
from analysis.settings import read_settings
from tests.builders import TestPublisher, appeal_event, cell, gift, pageview

LATER = "10-27 12:00"  # a reader who comes late, so that the days before are over


def registered(publisher: TestPublisher, metrics: str, **changes: Any) -> None:
    publisher.register(more=changes.get("more", ""), tables=changes.get("tables", "") + metrics)


def counted(publisher: TestPublisher, **rows: list[dict[str, Any]]) -> pl.DataFrame:
    rows["appeal_events"] = [*rows["appeal_events"], appeal_event(LATER, "closing")]
    for kind, landed in rows.items():
        publisher.land(kind, landed)
    return publisher.statistics().statistics


def sums(statistics: pl.DataFrame, metric: str, **where: Any) -> tuple[int, int | None, float | None, float | None]:
    row = cell(statistics, metric, "thanks", **where)
    return row["n"], row["x"], row["s1"], row["s2"]


def test_rows_count_from_the_day_of_first_exposure_to_the_last_day_of_the_window(publisher: TestPublisher) -> None:
    registered(
        publisher,
        """
[metrics.sport_pages]
direction = "more_is_better"
window_days = 3
numerator = { rows = "pageviews", section = "sport" }
""",
    )
    views = [
        pageview("10-04 12:00", "r", section="sport"),  # the day before
        pageview("10-05 08:00", "r", section="sport"),
        pageview("10-07 20:00", "r", section="sport"),
        pageview("10-08 12:00", "r", section="sport"),  # the window is over
        pageview("10-06 12:00", "r", section="world"),
    ]
    found = counted(publisher, appeal_events=[appeal_event("10-05 12:00", "r", "thanks")], pageviews=views)
    assert sums(found, "sport_pages") == (1, 1, 2.0, 4.0)
    by_day = found.filter(
        (pl.col("metric") == "sport_pages") & (pl.col("variant_id") == "thanks") & (pl.col("segment_kind") == "all")
    ).filter(pl.col("as_of").is_between(date(2026, 10, 4), date(2026, 10, 7)))
    assert by_day.sort("as_of")["s1"].to_list() == [0.0, 1.0, 1.0, 2.0]


def test_a_cap_holds_for_the_reader_not_for_the_row(publisher: TestPublisher) -> None:
    registered(
        publisher,
        """
[metrics.few_pages]
direction = "more_is_better"
cap = 3
numerator = { rows = "pageviews", has_article = true }
""",
    )
    views = [pageview(f"10-0{day} 12:00", "r") for day in (5, 6, 7, 8)]
    found = counted(publisher, appeal_events=[appeal_event("10-05 12:00", "r", "thanks")], pageviews=views)
    assert sums(found, "few_pages") == (1, 1, 3.0, 9.0)


def test_a_metric_that_waits_counts_only_readers_whose_window_has_passed(publisher: TestPublisher) -> None:
    registered(publisher, "", more='secondary_metrics = ["return_7_days"]')
    events = [appeal_event("10-05 12:00", "early", "thanks"), appeal_event("10-22 12:00", "late", "thanks")]
    views = [pageview("10-12 12:00", "early"), pageview("10-23 12:00", "late"), pageview(LATER, "closing")]
    found = counted(publisher, appeal_events=events, pageviews=views)
    assert sums(found, "return_7_days") == (1, 1, 1.0, 1.0), "the late reader's seven days last to the 29th"
    before = cell(found, "return_7_days", "thanks", as_of=date(2026, 10, 11))
    assert (before["n"], before["x"]) == (0, 0)
    assert cell(found, "return_7_days", "thanks", as_of=date(2026, 10, 12))["n"] == 1


def test_one_page_on_the_first_day_is_a_bounce_and_two_are_none(publisher: TestPublisher) -> None:
    registered(publisher, "", more='secondary_metrics = ["bounce"]')
    events = [appeal_event("10-05 12:00", reader, "thanks") for reader in ("one", "two", "none")]
    views = [
        pageview("10-05 12:00", "one"),
        pageview("10-06 12:00", "one"),
        *(pageview("10-05 12:00", "two") for _ in range(2)),
    ]
    assert sums(counted(publisher, appeal_events=events, pageviews=views), "bounce") == (3, 1, 1.0, 1.0)


def test_advertising_revenue_is_summed_in_millionths_and_shown_in_minor_units(publisher: TestPublisher) -> None:
    registered(publisher, "", more='secondary_metrics = ["ad_revenue"]')
    views = [
        pageview("10-05 12:00", "r", ad_revenue_micros=12_500),
        pageview("10-06 12:00", "r", ad_revenue_micros=7_500),
        pageview(LATER, "closing", ad_revenue_micros=1),
    ]
    found = counted(publisher, appeal_events=[appeal_event("10-05 12:00", "r", "thanks")], pageviews=views)
    assert sums(found, "ad_revenue") == (1, 1, pytest.approx(2.0), pytest.approx(4.0))


@pytest.mark.parametrize("missing", ["one day", "all days"])
def test_what_was_not_sent_is_absent_with_the_reason_and_never_zero(publisher: TestPublisher, missing: str) -> None:
    registered(publisher, "", more='secondary_metrics = ["ad_revenue"]')
    sent: dict[str, Any] = {} if missing == "all days" else {"ad_revenue_micros": 12_500}
    views = [pageview("10-05 12:00", "r", **sent), pageview("10-06 12:00", "r")]
    found = counted(publisher, appeal_events=[appeal_event("10-05 12:00", "r", "thanks")], pageviews=views)
    assert sums(found, "ad_revenue") == (1, None, None, None)
    assert reason(publisher, found, "ad_revenue") == "not_sent"


def reason(publisher: TestPublisher, statistics: pl.DataFrame, metric: str) -> str | None:
    experiments = publisher.experiments
    estimates = estimate(
        statistics, plans(experiments), shares(experiments, publisher.settings.zone), metrics=catalogue(experiments)
    )
    rows = estimates.filter((pl.col("metric") == metric) & (pl.col("segment_kind") == "all")).sort("as_of")
    assert rows["lift"][-1] is None
    assert rows["anytime_low"][-1] is None
    return rows["reason"][-1]


def test_a_conversion_is_told_apart_by_how_often_it_repeats(publisher: TestPublisher) -> None:
    publisher.register()
    events = [appeal_event("10-05 12:00", reader, "thanks") for reader in ("a", "b", "c")]
    gifts = [
        gift("10-06 12:00", "a", recurrence="monthly", contribution_id="m1"),
        gift("10-07 12:00", "a"),
        gift("10-08 12:00", "b"),
        gift("10-13 12:00", "c"),  # too late
        gift("10-09 12:00", "b", status="pending"),
    ]
    found = counted(publisher, appeal_events=events, contributions=gifts)
    assert sums(found, "conversion_once")[:2] == (3, 2)
    assert sums(found, "conversion_recurring")[:2] == (3, 1)
    assert sums(found, "conversion")[:2] == (3, 2)


def test_value_per_view_takes_the_statements_of_value_and_of_pageviews(publisher: TestPublisher) -> None:
    registered(
        publisher,
        '\n[[guardrails]]\nmetric = "pageviews"\nmargin = 0.02\n',
        more='secondary_metrics = ["value_per_view"]\ncap = "none"',
    )
    events = [appeal_event("10-05 12:00", reader, "thanks") for reader in ("a", "b")]
    gifts = [
        gift("10-06 12:00", "a", 1000, contribution_id="paid"),
        gift("10-07 12:00", "b", 250),
        gift("10-08 12:00", "a", 400, contribution_id="back", refund_of="paid"),
        gift("11-04 12:00", "a", 100, contribution_id="late", refund_of="paid"),  # past the refund period
    ]
    views = [pageview(f"10-0{day} 12:00", reader) for reader, days in (("a", (5, 6, 7)), ("b", (5,))) for day in days]
    found = counted(publisher, appeal_events=events, contributions=gifts, pageviews=views)
    row = cell(found, "value_per_view", "thanks")
    assert (row["s1"], row["d1"], row["d2"], row["sd"]) == (850.0, 4.0, 10.0, 600.0 * 3 + 250.0)
    assert row["s1"] == cell(found, "value_uncapped", "thanks")["s1"]
    assert row["d1"] == cell(found, "pageviews", "thanks")["s1"]


def test_average_gift_is_value_over_contributors(publisher: TestPublisher) -> None:
    publisher.register()
    events = [appeal_event("10-05 12:00", reader, "thanks") for reader in ("a", "b", "c")]
    found = counted(
        publisher, appeal_events=events, contributions=[gift("10-06 12:00", "a", 300), gift("10-07 12:00", "b", 500)]
    )
    row = cell(found, "average_gift", "thanks")
    assert (row["s1"], row["d1"]) == (800.0, 2.0)


def test_twelve_months_stand_under_the_stated_retention(publisher: TestPublisher) -> None:
    publisher.settings_more = "\n[outcomes]\nmonthly_retention = 0.9\n"
    publisher.write_settings()
    registered(publisher, "", more='secondary_metrics = ["value_12_months"]')
    gifts = [
        gift("10-06 12:00", "r", 1000, recurrence="monthly", contribution_id="first"),
        gift("10-07 12:00", "r", 1000, recurrence="monthly", renewal_of="first"),
        gift("10-08 12:00", "r", 300),
    ]
    found = counted(publisher, appeal_events=[appeal_event("10-05 12:00", "r", "thanks")], contributions=gifts)
    months = (1 - 0.9**12) / (1 - 0.9)
    assert sums(found, "value_12_months")[2] == round(1000 * months) + 300


def test_without_a_stated_retention_twelve_months_are_absent(publisher: TestPublisher) -> None:
    registered(publisher, "", more='secondary_metrics = ["value_12_months"]')
    found = counted(
        publisher,
        appeal_events=[appeal_event("10-05 12:00", "r", "thanks")],
        contributions=[gift("10-06 12:00", "r", 1000, recurrence="monthly")],
    )
    assert sums(found, "value_12_months")[1:] == (None, None, None)
    assert reason(publisher, found, "value_12_months") == "no_retention"


def subscription(when: str, reader: str, amount: int, **changes: Any) -> dict[str, Any]:
    return gift(when, reader, amount, product="subscription", recurrence="monthly", **changes)


def test_a_paywall_is_counted_in_starts_trials_paid_and_ended_subscriptions(publisher: TestPublisher) -> None:
    file = publisher.register()
    file.write_text(file.read_text().replace('surface = "donation"', 'surface = "paywall"'))
    events = [
        appeal_event(when, reader, "thanks", event, surface="paywall")
        for reader in ("paid", "left", "direct", "none")
        for when, event in (("10-02 12:00", "inserted"), ("10-02 12:01", "blocked"))
    ]
    gifts = [
        subscription("10-02 12:10", "paid", 0, is_trial=True, contribution_id="t1"),
        subscription("10-16 12:10", "paid", 900, renewal_of="t1"),
        subscription("10-03 12:10", "left", 0, is_trial=True, contribution_id="t2"),
        subscription("10-10 12:10", "left", 0, status="cancelled", contribution_id="t2"),
        subscription("10-04 12:10", "direct", 1200, contribution_id="d1"),
        gift("10-04 12:10", "none", 500),
    ]
    found = counted(publisher, appeal_events=events, contributions=gifts)
    assert sums(found, "subscription_starts")[:2] == (4, 3)
    assert sums(found, "subscription_value") == (4, 2, 2100.0, 900.0**2 + 1200.0**2)
    trial = cell(found, "trial_to_paid", "thanks")
    assert (trial["s1"], trial["d1"]) == (1.0, 2.0), "who never had a trial is in neither part"
    ended = cell(found, "cancelled_30_days", "thanks")
    assert (ended["s1"], ended["d1"]) == (1.0, 3.0)


def test_articles_count_only_for_blocked_readers(publisher: TestPublisher) -> None:
    registered(publisher, "", more='secondary_metrics = ["articles_per_blocked"]')
    events = [
        appeal_event("10-05 12:00", "blocked", "thanks"),
        appeal_event("10-05 12:01", "blocked", "thanks", "blocked"),
        appeal_event("10-05 12:00", "free", "thanks"),
    ]
    views = [pageview(f"10-0{day} 12:00", reader) for reader in ("blocked", "free") for day in (5, 6)]
    row = cell(counted(publisher, appeal_events=events, pageviews=views), "articles_per_blocked", "thanks")
    assert (row["n"], row["s1"], row["d1"], row["sd"]) == (2, 2.0, 1.0, 2.0)


def test_a_metric_that_decides_is_counted_on_both_bases_and_by_segment(publisher: TestPublisher) -> None:
    registered(
        publisher,
        """
[metrics.signed_up]
direction = "more_is_better"
numerator = { rows = "appeal_events", sum = "readers", event = ["registered"] }
""",
        more='primary_metric = "signed_up"',
    )
    events = [
        appeal_event("10-05 12:00", "r", "thanks"),
        appeal_event("10-05 12:01", "r", "thanks", "viewed"),
        appeal_event("10-06 12:00", "r", "thanks", "registered"),
        appeal_event("10-05 12:00", "unseen", "thanks", device="desktop"),
    ]
    found = counted(publisher, appeal_events=events)
    assert sums(found, "signed_up")[:2] == (2, 1)
    assert sums(found, "signed_up", basis="viewed")[:2] == (1, 1)
    assert sums(found, "signed_up", segment_kind="device", segment="desktop")[:2] == (1, 0)


def test_the_lift_of_a_ratio_is_that_of_the_delta_method(publisher: TestPublisher) -> None:
    registered(publisher, "", more='secondary_metrics = ["value_per_view"]')
    columns = ("n", "x", "s1", "s2", "d1", "d2", "sd")
    numbers = {"current": (900, 40, 5e4, 9e7, 4000.0, 3e4, 3e5), "thanks": (1000, 50, 6e4, 9.5e7, 4100.0, 3.1e4, 3.2e5)}
    common = {
        "experiment_id": "thanks",
        "as_of": date(2026, 10, 20),
        "basis": "exposed",
        "segment_kind": "all",
        "segment": "all",
        "metric": "value_per_view",
        "epoch": 0,
        "top": None,
    }
    statistics = SUFFICIENT_STATISTICS.frame(
        [{**common, "variant_id": variant, **dict(zip(columns, row, strict=True))} for variant, row in numbers.items()]
    )
    experiments = publisher.experiments
    (row,) = estimate(statistics, plans(experiments), shares(experiments, publisher.settings.zone)).to_dicts()
    sides = [dict(zip(columns, numbers[variant], strict=True)) for variant in ("current", "thanks")]
    a, b = (ratio_variance(*(one[name] for name in ("n", "s1", "d1", "s2", "d2", "sd"))) for one in sides)
    expected = compare_ratios(a, b)
    assert row["log_ratio"] == pytest.approx(float(expected.log_ratio[0]))
    assert row["se"] == pytest.approx(float(expected.se[0]))
    low, high = expected.lift_interval()
    assert (row["fixed_low"], row["fixed_high"]) == (pytest.approx(float(low[0])), pytest.approx(float(high[0])))
    assert row["anytime_low"] < row["fixed_low"]
    assert row["e_value"] > 0


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ('[metrics.x]\ndirection = "up"\nnumerator = { rows = "pageviews" }', "metrics.x.direction = 'up'"),
        ('[metrics.x]\ndirection = "more_is_better"', "metrics.x.numerator: is missing"),
        (
            '[metrics.x]\ndirection = "more_is_better"\nnumerator = { rows = "pageviews", event = "viewed" }',
            "event is no filter of pageviews; allowed: section, device, has_article",
        ),
        (
            '[metrics.x]\ndirection = "more_is_better"\nnumerator = { rows = "pageviews", sum = "cash" }',
            "sum = 'cash' cannot be had of pageviews; allowed: rows, readers, ad_revenue",
        ),
        (
            '[metrics.x]\ndirection = "more_is_better"\nnumerator = { rows = "appeal_events", event = "seen" }',
            "event = 'seen' is not known; allowed: eligible, inserted",
        ),
        (
            '[metrics.value]\ndirection = "more_is_better"\nnumerator = { rows = "pageviews" }',
            "metrics.value is the name of a metric that exists already",
        ),
        (
            '[metrics."x;drop"]\ndirection = "more_is_better"\nnumerator = { rows = "pageviews" }',
            "should match pattern",
        ),
    ],
)
def test_a_mistake_in_a_declaration_names_key_value_and_what_is_allowed(
    publisher: TestPublisher, metrics: str, said: str
) -> None:
    registered(publisher, f"\n{metrics}\n")
    with pytest.raises(RegistryError) as problem:
        _ = publisher.experiments
    assert said in str(problem.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('primary_metric = "clicks"', "primary_metric = 'clicks' is not known here; allowed: value, conversion"),
        ('secondary_metrics = ["clicks"]', "secondary_metrics = 'clicks' is not known here; allowed: conversion_once"),
    ],
)
def test_a_metric_that_nobody_declared_is_refused(publisher: TestPublisher, more: str, said: str) -> None:
    publisher.register(more=more)
    with pytest.raises(RegistryError) as problem:
        _ = publisher.experiments
    assert said in str(problem.value)


def test_a_metric_of_the_settings_serves_every_experiment_that_names_it(publisher: TestPublisher) -> None:
    publisher.settings_more = '\n[metrics.read_on]\ndirection = "more_is_better"\nnumerator = { rows = "pageviews", sum = "readers", at_least = 2 }\n'
    publisher.write_settings()
    publisher.register("one", more='secondary_metrics = ["read_on"]')
    publisher.register("two")
    named = [experiment.id for experiment in publisher.experiments if "read_on" in experiment.measured]
    assert named == ["one"]


def test_the_settings_refuse_the_name_of_a_built_in_metric(publisher: TestPublisher) -> None:
    publisher.settings_more = '\n[metrics.bounce]\ndirection = "more_is_better"\nnumerator = { rows = "pageviews" }\n'
    publisher.write_settings()
    with pytest.raises(SettingsError, match="bounce is the name of a metric that comes built in"):
        read_settings(publisher.folder)


def test_text_of_a_declaration_is_compared_and_never_run(publisher: TestPublisher) -> None:
    registered(
        publisher,
        """
[metrics.odd]
direction = "more_is_better"
numerator = { rows = "pageviews", section = "'); DROP TABLE pageviews; --" }
""",
    )
    views = [
        pageview("10-05 12:00", "r", section="'); DROP TABLE pageviews; --"),
        pageview("10-05 12:00", "r", section="x"),
    ]
    found = counted(publisher, appeal_events=[appeal_event("10-05 12:00", "r", "thanks")], pageviews=views)
    assert sums(found, "odd")[:3] == (1, 1, 1.0)
