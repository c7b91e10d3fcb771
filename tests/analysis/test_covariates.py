"""What was known of readers before they were asked, counted on the real pipeline, and the comparison told with it."""

from __future__ import annotations

import polars as pl
import pytest

from analysis.retention import boundaries
from tests.analysis.test_outcomes import landed
from tests.builders import TestPublisher, appeal_event, gift, pageview

VISITS = 'covariates = ["visits_before", "device"]'


def classes(publisher: TestPublisher, metric: str = "pageviews") -> list[tuple]:
    found = publisher.statistics().classes.filter(pl.col("metric") == metric)
    return found.select("variant_id", "device", "reader_type", "visits_before", "n", "x", "s1", "s2").rows()


def test_visits_before_are_those_of_twenty_eight_days_without_the_day_itself(publisher: TestPublisher) -> None:
    publisher.register(starts="2026-10-30", planned_end="2026-11-20", more=VISITS)
    views = [
        pageview(when, "r")
        for when in (
            "10-02 12:00",
            "10-03 12:00",
            "10-30 12:00",
            "10-31 08:00",
            "10-31 13:00",
            "11-06 12:00",
            "11-07 12:00",
        )
    ]
    publisher.land("appeal_events", [appeal_event("10-31 12:00", "r", "thanks")])
    publisher.land("appeal_events", [appeal_event("10-31 12:00", "s", "thanks"), appeal_event("11-09 12:00", "t")])
    publisher.land("pageviews", views)
    counted = publisher.statistics(now=_now("11-10"))
    rows = counted.classes.filter(pl.col("metric") == "pageviews").select(
        "variant_id", "device", "visits_before", "n", "s1", "s2"
    )
    assert rows.rows() == [
        ("current", "mobile", 0, 1, 0, 0),
        ("thanks", "mobile", 0, 1, 0, 0),
        ("thanks", "mobile", 2, 1, 3, 9),
    ]
    counts = counted.exposure_counts.filter(pl.col("variant_id") == "thanks").row(0, named=True)
    assert (counts["visits_before"], counts["visits_before_squared"]) == (2, 4)


def _now(day: str):
    from datetime import UTC, datetime

    return datetime.fromisoformat(f"2026-{day}T09:00:00").replace(tzinfo=UTC)


def test_visits_are_kept_as_an_integer_class_of_255_at_most(publisher: TestPublisher) -> None:
    publisher.register(more=VISITS)
    views = [pageview(f"10-04 {12 + n // 60:02d}:{n % 60:02d}", "r") for n in range(300)]
    landed(publisher, [appeal_event("10-05 12:00", "r", "thanks")], [], views)
    assert ("thanks", "mobile", None, 255, 1, 0, 0.0, 0.0) in classes(publisher)


def test_money_is_told_by_class_only_where_a_class_is_registered(publisher: TestPublisher) -> None:
    events = [
        appeal_event("10-05 12:00", "r", "thanks", device="desktop", reader_type="returning"),
        appeal_event("10-05 12:00", "s", "thanks", device="mobile"),
    ]
    landed(publisher, events, [gift("10-06 12:00", "r", 700)])
    assert classes(publisher, "value") == []
    publisher.register(more='covariates = ["device"]')
    assert ("thanks", "desktop", None, None, 1, 1, 700.0, 490000.0) in classes(publisher, "value")
    assert classes(publisher, "pageviews") == []


def test_a_late_file_of_days_before_the_test_makes_it_count_anew(publisher: TestPublisher) -> None:
    publisher.register(starts="2026-10-10", planned_end="2026-10-28", more=VISITS)
    landed(publisher, [appeal_event("10-12 12:00", "r", "thanks")], [], [pageview("10-12 11:00", "r")])
    assert ("thanks", "mobile", None, 0, 1, 1, 1.0, 1.0) in classes(publisher)
    publisher.land("pageviews", [pageview("10-05 12:00", "r")])
    assert ("thanks", "mobile", None, 1, 1, 1, 1.0, 1.0) in classes(publisher)


def test_retention_keeps_the_days_before_a_running_test(publisher: TestPublisher) -> None:
    publisher.settings_more = "\n[retention]\npageviews_days = 30\n"
    publisher.write_settings()
    publisher.register(starts="2026-10-10", planned_end="2026-12-28", more=VISITS)
    kept = boundaries(publisher.settings, publisher.experiments, _now("12-20").date())
    assert kept["pageviews"].isoformat() == "2026-09-12"


def test_who_gave_before_is_counted_whether_or_not_they_are_left_out(publisher: TestPublisher) -> None:
    events = [appeal_event("10-05 12:00", name, "thanks") for name in ("r", "s")]
    publisher.settings_more = '\n[readers]\nalready_giving = "exclude"\n'
    publisher.write_settings()
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "closing")])
    publisher.land("contributions", [gift("10-04 12:00", "r")])
    counts = publisher.statistics().exposure_counts.filter(pl.col("variant_id") == "thanks").row(0, named=True)
    assert (counts["n"], counts["n_split"], counts["n_gave_before"], counts["visits_before"]) == (1, 2, 1, None)


@pytest.mark.parametrize("text", ['["visits"]', '["device", "device"]'])
def test_a_covariate_that_cannot_be_is_refused_in_a_sentence(publisher: TestPublisher, text: str) -> None:
    from analysis.errors import RegistryError

    publisher.register(more=f"covariates = {text}")
    with pytest.raises(RegistryError, match="covariates"):
        _ = publisher.experiments
