"""A registered end is held to what the first edition found, on the real pipeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from analysis.edition import edition_table, last_edition
from analysis.result_tables import ESTIMATES
from tests.analysis.test_database import published
from tests.builders import TestPublisher, appeal_event, gift

MORNING = datetime(2026, 10, 6, 9, tzinfo=UTC)


def signs(publisher: TestPublisher, now: datetime) -> pl.Series:
    published(publisher, now)
    warehouse = publisher.warehouse
    found = edition_table(warehouse, last_edition(warehouse), ESTIMATES.name, ESTIMATES.schema)
    return found.filter((pl.col("metric") == "conversion") & (pl.col("segment_kind") == "all"))["planned_sign"]


def events(day: str, readers: range) -> list[dict[str, object]]:
    return [appeal_event(f"{day} 12:00", f"r{number}", ("current", "thanks")[number % 2]) for number in readers]


def test_a_plan_that_changes_after_the_first_edition_loses_its_registered_end(publisher: TestPublisher) -> None:
    planned = 'primary_metric = "conversion"\nguarantee = "planned"\nplanned_information = '
    publisher.register(more=planned + "40.0")
    publisher.land("appeal_events", events("10-05", range(60)))
    publisher.land("contributions", [gift("10-05 13:00", f"r{number}") for number in range(20)])
    first = signs(publisher, MORNING)
    assert first.len() >= 1
    assert first.null_count() == 0
    publisher.land("appeal_events", events("10-06", range(100, 130)))
    again = signs(publisher, MORNING + timedelta(days=1))
    assert again.null_count() == 0, "the same plan stands"
    publisher.register(more=planned + "80.0")
    assert signs(publisher, MORNING + timedelta(days=1)).null_count() == again.len()
    publisher.register(more=planned + "40.0")
    assert signs(publisher, MORNING + timedelta(days=1)).null_count() == 0, "put back, it counts again"
