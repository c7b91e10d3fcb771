"""A feed that went silent is told apart from a thin one, and from a publisher who tests nothing at the moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from analysis.freshness import silent_feeds
from tests.builders import TestPublisher

NEWEST = date(2026, 10, 20)


def feed(kind: str = "pageviews", rows: int = 1000, source: str = "", days: int = 30) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source": [source] * days,
            "kind": [kind] * days,
            "day": [NEWEST - timedelta(days=back) for back in range(days)],
            "rows": [rows] * days,
        },
        schema_overrides={"rows": pl.Int64},
    )


def silent(publisher: TestPublisher, frame: pl.DataFrame, moment: datetime) -> list[tuple[str, int]]:
    found = silent_feeds(frame, publisher.experiments, publisher.settings, moment)
    return [(one.name, one.days) for one in found]


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        (datetime(2026, 10, 21, 12, tzinfo=UTC), 0),
        (datetime(2026, 10, 22, 7, 59, tzinfo=UTC), 0),  # 08:59 in London: not due before 09:00
        (datetime(2026, 10, 22, 8, 0, tzinfo=UTC), 1),
        (datetime(2026, 10, 26, 8, 59, tzinfo=UTC), 4),  # summer time is over: 08:59 in London, the 25th is not due
        (datetime(2026, 10, 26, 9, 0, tzinfo=UTC), 5),
    ],
)
def test_a_day_is_due_at_the_hour_of_the_publisher(publisher: TestPublisher, moment: datetime, days: int) -> None:
    assert silent(publisher, feed(), moment) == ([("pageviews", days)] if days else [])


def test_a_thin_feed_may_be_silent_for_longer(publisher: TestPublisher) -> None:
    gifts = feed("contributions", rows=2)
    assert silent(publisher, gifts, datetime(2026, 10, 24, 12, tzinfo=UTC)) == []  # exp(-2 x 3) = 0.0025
    assert silent(publisher, gifts, datetime(2026, 10, 25, 12, tzinfo=UTC)) == [("contributions", 4)]


def test_each_source_is_a_feed_of_its_own(publisher: TestPublisher) -> None:
    both = pl.concat([feed(source="web"), feed(source="app").with_columns(pl.col("day") + timedelta(days=1))])
    assert silent(publisher, both, datetime(2026, 10, 22, 12, tzinfo=UTC)) == [("pageviews of web", 1)]


def test_no_appeal_is_expected_while_no_test_runs(publisher: TestPublisher) -> None:
    publisher.register(planned_end="2026-10-20")
    assert silent(publisher, feed("appeal_events"), datetime(2026, 10, 25, 12, tzinfo=UTC)) == []
    publisher.register(planned_end="2026-10-22")
    assert silent(publisher, feed("appeal_events"), datetime(2026, 10, 25, 12, tzinfo=UTC)) == [("appeal_events", 2)]


def test_the_warehouse_knows_the_days_of_its_sources(publisher: TestPublisher) -> None:
    from tests.builders import appeal_event, pageview

    publisher.register()
    publisher.land("pageviews", [pageview("10-05 12:00", "a"), pageview("10-06 12:00", "a")])
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "a")])
    publisher.ingest()
    rows = publisher.warehouse.days_of_sources().rows()
    assert ("", "pageviews", date(2026, 10, 6), 1) in rows
    assert len(rows) == 3
