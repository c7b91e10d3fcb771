"""The statements of `analysis/sql` on hand-made rows: which gift counts, for whom, and on which day."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tests.builders import TestPublisher, appeal_event, cell, gift, pageview

LATER = "10-27 12:00"  # a reader who comes late, so that the days before are over


def landed(publisher: TestPublisher, events: list, gifts: list, views: list | None = None) -> pl.DataFrame:
    publisher.land("appeal_events", [*events, appeal_event(LATER, "closing")])
    if gifts:
        publisher.land("contributions", gifts)
    if views:
        publisher.land("pageviews", views)
    return publisher.statistics().statistics


def value(publisher: TestPublisher, events: list, gifts: list) -> tuple[int, float]:
    row = cell(landed(publisher, events, gifts), "value", "thanks")
    return row["x"], row["s1"]


def test_a_gift_inside_the_window_counts(publisher: TestPublisher) -> None:
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], [gift("10-06 12:00", "r")]) == (1, 1000)


def test_the_window_opens_with_the_exposure(publisher: TestPublisher) -> None:
    at_once = gift("10-05 12:00", "r", 700)
    before = gift("10-05 11:59:59", "r", 500)
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], [at_once, before]) == (1, 700)


def test_the_window_closes_after_seven_times_twenty_four_hours(publisher: TestPublisher) -> None:
    last_moment = gift("10-12 11:59:59", "r", 300)
    too_late = gift("10-12 12:00", "r", 900)
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], [last_moment, too_late]) == (1, 300)


def test_several_gifts_of_a_reader_are_one_reader(publisher: TestPublisher) -> None:
    gifts = [gift("10-06 12:00", "r", 300), gift("10-08 12:00", "r", 400)]
    row = cell(landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts), "value", "thanks")
    assert (row["x"], row["s1"], row["s2"], row["top"]) == (1, 700, 700**2, 700)


def test_the_first_exposure_decides_the_variant(publisher: TestPublisher) -> None:
    events = [appeal_event("10-05 12:00", "r", "thanks"), appeal_event("10-05 13:00", "r", "current")]
    statistics = landed(publisher, events, [gift("10-05 14:00", "r")])
    assert cell(statistics, "conversion", "thanks")["x"] == 1
    assert cell(statistics, "conversion", "current")["x"] == 0


def test_a_reader_of_two_variants_is_counted_as_contaminated(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "r", "thanks"),
            appeal_event("10-06 13:00", "r", "current"),
            appeal_event(LATER, "x"),
        ],
    )
    counts = publisher.statistics().exposure_counts
    assert dict(counts.select("variant_id", "n_contaminated").iter_rows()) == {"thanks": 1, "current": 0}


def test_the_day_is_the_publishers_day(publisher: TestPublisher) -> None:
    # 23:30 in UTC is half past midnight of the next day in London's summer time.
    publisher.land("appeal_events", [appeal_event("10-05 23:30", "r", "thanks"), appeal_event(LATER, "x")])
    history = publisher.statistics().statistics.filter(
        pl.col("metric") == "conversion",
        pl.col("variant_id") == "thanks",
        pl.col("segment_kind") == "all",
        pl.col("n") > 0,
    )
    assert history["as_of"].min() == date(2026, 10, 6)


def test_midnight_at_the_end_of_summer_time(publisher: TestPublisher) -> None:
    # On 25 October London leaves summer time: 23:30 UTC on the 24th is the 25th, 23:30 UTC on the 25th is the 25th.
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-24 23:30", "r1", "thanks"),
            appeal_event("10-25 23:30", "r2", "thanks"),
            appeal_event(LATER, "x"),
        ],
    )
    publisher.ingest()
    days = {part.scope: part.rows for part in publisher.warehouse.parts("appeal_events")}
    assert days["2026-10-25"] == 2


@pytest.mark.parametrize(
    ("zone", "when", "day"),
    [
        ("Asia/Tokyo", "10-05 14:59:59", 5),
        ("Asia/Tokyo", "10-05 15:00", 6),  # midnight there
        ("America/New_York", "10-06 03:59:59", 5),
        ("America/New_York", "10-06 04:00", 6),
    ],
)
def test_the_day_is_the_publishers_far_from_greenwich_on_both_bases(
    publisher: TestPublisher, zone: str, when: str, day: int
) -> None:
    publisher.zone = zone
    publisher.write_settings()
    publisher.land(
        "appeal_events",
        [
            appeal_event(when, "r", "thanks"),
            appeal_event(when, "r", "thanks", "viewed"),
            appeal_event(LATER, "x"),
        ],
    )
    publisher.statistics()
    (part,) = publisher.warehouse.parts("cohort_cells")
    cells = pl.read_parquet(part.path).filter(pl.col("variant_code") == 1)
    assert set(cells.select("basis", "first_day").rows()) == {
        ("exposed", date(2026, 10, day)),
        ("viewed", date(2026, 10, day)),
    }


def test_a_reader_of_two_variants_who_was_never_exposed_is_counted_under_the_first_registered(
    publisher: TestPublisher,
) -> None:
    events = [appeal_event("10-05 12:00", "r", variant, "eligible") for variant in ("thanks", "current")]
    publisher.land("appeal_events", [*events, appeal_event(LATER, "x")])
    publisher.statistics()
    (part,) = publisher.warehouse.parts("cohort_cells")
    cells = pl.read_parquet(part.path).filter(pl.col("first_day").is_null())
    assert cells.select("variant_code", "eligible", "n").rows() == [(0, 1, 0)]


def test_a_refund_takes_the_value_and_leaves_the_conversion(publisher: TestPublisher) -> None:
    gifts = [
        gift("10-06 12:00", "r", 2000, contribution_id="paid"),
        gift("10-09 12:00", "r", 2000, contribution_id="back", refund_of="paid"),
    ]
    statistics = landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts)
    assert cell(statistics, "conversion", "thanks")["x"] == 1
    assert (cell(statistics, "value", "thanks")["x"], cell(statistics, "value", "thanks")["s1"]) == (0, 0)


def test_a_refund_counts_from_its_own_day(publisher: TestPublisher) -> None:
    gifts = [
        gift("10-06 12:00", "r", 2000, contribution_id="paid"),
        gift("10-09 12:00", "r", 500, contribution_id="back", refund_of="paid"),
    ]
    statistics = landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts)
    by_day = {
        row["as_of"].day: row["s1"]
        for row in statistics.filter(
            pl.col("metric") == "value",
            pl.col("variant_id") == "thanks",
            pl.col("basis") == "exposed",
            pl.col("segment_kind") == "all",
        ).iter_rows(named=True)
    }
    assert (by_day[5], by_day[6], by_day[8], by_day[9]) == (0, 2000, 2000, 1500)


def test_a_refund_after_the_window_but_within_thirty_days_counts(publisher: TestPublisher) -> None:
    gifts = [
        gift("10-06 12:00", "r", 2000, contribution_id="paid"),
        gift("10-20 12:00", "r", 2000, contribution_id="back", refund_of="paid"),
    ]
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts) == (0, 0)


def test_a_refund_after_the_refund_period_does_not_count(publisher: TestPublisher) -> None:
    publisher.settings_more = "[outcomes]\nrefund_days = 10\n"
    publisher.write_settings()
    gifts = [
        gift("10-06 12:00", "r", 2000, contribution_id="paid"),
        gift("10-15 12:00", "r", 2000, contribution_id="back", refund_of="paid"),
    ]
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts) == (1, 2000)


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_only_settled_payments_count(publisher: TestPublisher, status: str) -> None:
    gifts = [gift("10-06 12:00", "r", status=status)]
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts) == (0, 0)


def test_a_pending_payment_that_settles_counts_once(publisher: TestPublisher) -> None:
    gifts = [
        gift("10-06 12:00", "r", contribution_id="g", status="pending"),
        gift("10-06 12:00", "r", contribution_id="g", status="settled"),
    ]
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts) == (1, 1000)


def test_the_cap_holds_per_reader(publisher: TestPublisher) -> None:
    gifts = [gift("10-06 12:00", "r", 29_000), gift("10-07 12:00", "r", 29_000)]
    statistics = landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts)
    assert cell(statistics, "value", "thanks")["s1"] == 30_000
    assert cell(statistics, "value_uncapped", "thanks")["s1"] == 58_000


def test_a_monthly_pledge_is_annualised_once(publisher: TestPublisher) -> None:
    gifts = [
        gift("10-06 12:00", "r", 500, contribution_id="first", recurrence="monthly"),
        gift("10-10 12:00", "r", 500, recurrence="monthly", renewal_of="first"),
    ]
    statistics = landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts)
    assert cell(statistics, "value_annualised", "thanks")["s1"] == 6000
    assert cell(statistics, "value", "thanks")["s1"] == 1000


def test_a_refund_goes_back_at_the_rate_of_the_gift(publisher: TestPublisher) -> None:
    publisher.rates("date,currency,rate,source\n2026-10-06,EUR,0.80,test\n2026-10-09,EUR,0.90,test\n")
    gifts = [
        gift("10-06 12:00", "r", 1000, contribution_id="paid", currency="EUR"),
        gift("10-09 12:00", "r", 500, contribution_id="back", currency="EUR", refund_of="paid"),
    ]
    assert value(publisher, [appeal_event("10-05 12:00", "r", "thanks")], gifts) == (1, 400)


def test_readers_without_an_id_are_not_one_big_reader(publisher: TestPublisher) -> None:
    events = [appeal_event("10-05 12:00", None, "thanks") for _ in range(5)]
    publisher.land("appeal_events", [*events, appeal_event("10-05 12:00", "r", "thanks"), appeal_event(LATER, "x")])
    publisher.land("contributions", [gift("10-05 13:00", None)])
    statistics = publisher.statistics().statistics
    assert (cell(statistics, "conversion", "thanks")["n"], cell(statistics, "conversion", "thanks")["x"]) == (1, 0)


def test_events_marked_as_bots_are_no_exposure(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "bot", "thanks", is_bot=True),
            appeal_event("10-05 12:00", "r", "thanks"),
            appeal_event(LATER, "x"),
        ],
    )
    assert cell(publisher.statistics().statistics, "conversion", "thanks")["n"] == 1


def test_readers_who_came_before_the_start_or_after_the_end_are_not_asked(publisher: TestPublisher) -> None:
    publisher.register(starts="2026-10-05", planned_end="2026-10-07")
    events = [appeal_event(f"10-0{day} 12:00", f"r{day}", "thanks") for day in (4, 5, 7, 8)]
    assert cell(landed(publisher, events, []), "conversion", "thanks")["n"] == 2


def test_the_viewed_basis_counts_from_the_first_view(publisher: TestPublisher) -> None:
    events = [
        appeal_event("10-05 12:00", "r", "thanks"),
        appeal_event("10-06 12:00", "r", "thanks", "viewed"),
        appeal_event("10-05 12:00", "unseen", "thanks"),
    ]
    statistics = landed(publisher, events, [gift("10-13 10:00", "r")])  # seven days from the view, eight from insertion
    assert cell(statistics, "conversion", "thanks", basis="exposed")["x"] == 0
    viewed = cell(statistics, "conversion", "thanks", basis="viewed")
    assert (viewed["n"], viewed["x"]) == (1, 1)


def test_exposure_can_be_registered_as_viewed(publisher: TestPublisher) -> None:
    publisher.register(more='exposure = "viewed"')
    events = [appeal_event("10-05 12:00", "r", "thanks"), appeal_event("10-05 12:01", "seen", "thanks", "viewed")]
    assert cell(landed(publisher, events, []), "conversion", "thanks")["n"] == 1


def test_the_funnel_counts_readers_step_by_step(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 11:59", "a", "thanks", "eligible"),
            appeal_event("10-05 11:59", "never-shown", "thanks", "eligible"),
            appeal_event("10-05 12:00", "a", "thanks"),
            appeal_event("10-06 12:00", "a", "thanks"),
            appeal_event("10-05 12:01", "a", "thanks", "clicked"),
            appeal_event("10-12 12:00", "a", "thanks", "dismissed"),  # the window is over
            appeal_event(LATER, "x"),
        ],
    )
    publisher.land("contributions", [gift("10-05 13:00", "a")])
    funnel = publisher.statistics().funnel.filter(pl.col("variant_id") == "thanks")
    steps = dict(funnel.select("step", "readers").iter_rows())
    assert (steps["eligible"], steps["inserted"], steps["clicked"], steps["contributed"], steps["dismissed"]) == (
        2,
        1,
        1,
        1,
        0,
    )


def test_epochs_divide_readers_by_their_first_exposure(publisher: TestPublisher) -> None:
    publisher.register(
        tables="""
[[allocation]]
starts_at = 2026-10-01T00:00:00
shares = { current = 9, thanks = 1 }
[[allocation]]
starts_at = 2026-10-06T09:00:00
shares = { current = 1, thanks = 1 }
"""
    )
    events = [
        appeal_event("10-06 07:59", "early", "thanks"),  # 08:59 in London
        appeal_event("10-06 08:00", "late", "thanks"),
    ]
    publisher.land("appeal_events", [*events, appeal_event(LATER, "x")])
    publisher.land("contributions", [gift("10-07 12:00", "early")])
    statistics = publisher.statistics().statistics
    assert cell(statistics, "conversion", "thanks", epoch=0)["x"] == 1
    assert (
        cell(statistics, "conversion", "thanks", epoch=1)["n"],
        cell(statistics, "conversion", "thanks", epoch=1)["x"],
    ) == (1, 0)


def test_pageviews_count_from_the_day_of_exposure_for_seven_days(publisher: TestPublisher) -> None:
    publisher.register(tables='[[guardrails]]\nmetric = "pageviews"\nmargin = 0.02\n')
    views = [
        pageview(when, "r") for when in ("10-04 12:00", "10-05 08:00", "10-05 13:00", "10-11 12:00", "10-12 12:00")
    ]
    statistics = landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], [], views)
    row = cell(statistics, "pageviews", "thanks")
    assert (row["n"], row["x"], row["s1"], row["s2"]) == (1, 1, 3, 9)


def test_device_and_reader_type_are_those_of_the_first_exposure(publisher: TestPublisher) -> None:
    events = [
        appeal_event("10-05 12:00", "r", "thanks", device="desktop", reader_type="subscriber"),
        appeal_event("10-06 12:00", "r", "thanks", device="mobile", reader_type="new"),
        appeal_event("10-06 12:00", "s", "thanks", device=None, reader_type=None),
    ]
    statistics = landed(publisher, events, [])
    assert cell(statistics, "conversion", "thanks", segment_kind="device", segment="desktop")["n"] == 1
    assert cell(statistics, "conversion", "thanks", segment_kind="reader_type", segment="subscriber")["n"] == 1
    assert cell(statistics, "conversion", "thanks", segment_kind="device", segment="unknown")["n"] == 1


def test_an_experiment_that_nobody_saw_has_no_statistics(publisher: TestPublisher) -> None:
    publisher.register("unseen")
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "thanks")])
    assert set(publisher.statistics().statistics["experiment_id"]) == {"thanks"}


def test_more_key_ranges_give_the_same_integers(publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [appeal_event("10-05 12:00", f"r{number}", ("current", "thanks")[number % 2]) for number in range(40)]
    gifts = [gift("10-06 12:00", f"r{number}", 100 * number) for number in range(0, 40, 3)]
    once = landed(publisher, events, gifts)
    monkeypatch.setattr("analysis.duckdb_engine.READERS_PER_RANGE", 7)
    monkeypatch.setattr("analysis.outcomes.DEFINITIONS", 99)  # nothing counts as computed already
    again = publisher.statistics().statistics
    order = ["as_of", "basis", "segment_kind", "segment", "metric", "epoch", "variant_id"]
    assert once.sort(order).equals(again.sort(order))


def test_a_finished_experiment_is_not_computed_again(publisher: TestPublisher) -> None:
    from analysis.outcomes import refresh_cohorts

    publisher.register(starts="2026-09-01", planned_end="2026-09-05")
    publisher.land("appeal_events", [appeal_event("09-02 12:00", "r", "thanks"), appeal_event("10-20 12:00", "x")])
    publisher.statistics()
    publisher.land("appeal_events", [appeal_event("10-25 12:00", "y")])
    publisher.ingest()
    warehouse = publisher.warehouse
    with warehouse.writing():
        assert refresh_cohorts(warehouse, publisher.experiments, date(2026, 10, 25)) == []
