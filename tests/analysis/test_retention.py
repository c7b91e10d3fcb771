"""Rows leave when they have been kept long enough, and what was computed from them stays."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from analysis.checking import files_out_of_balance
from analysis.retention import expire
from tests.analysis.test_erasure import key_of, traces
from tests.builders import TestPublisher, appeal_event, gift, pageview

LATER = datetime(2027, 3, 1, 9, tzinfo=UTC)


def filled(publisher: TestPublisher) -> TestPublisher:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "old", "thanks"), appeal_event("10-27 12:00", "x")])
    publisher.land("pageviews", [pageview("10-05 12:00", "old")])
    publisher.land("contributions", [gift("10-05 13:00", "old", 500), gift("10-05 13:00", "old", 500, status="maybe")])
    return publisher


def keep(publisher: TestPublisher, days: int) -> None:
    publisher.settings_more += f"""
[retention]
pageviews_days = {days}
appeal_events_days = {days}
payments_days = {days}
quarantine_days = {days}
"""
    publisher.write_settings()


def taken(publisher: TestPublisher, now: datetime) -> dict[str, int]:
    warehouse = publisher.warehouse
    with warehouse.writing():
        return expire(warehouse, publisher.experiments, now)


def test_no_byte_of_the_warehouse_names_a_reader_whose_rows_were_kept_long_enough(publisher: TestPublisher) -> None:
    before = filled(publisher).statistics().statistics
    folder, key = publisher.settings.folders.warehouse, key_of(publisher, "old")
    assert traces(folder, "old", key)
    keep(publisher, 60)
    gone = taken(publisher, LATER)
    assert gone == {
        "pageviews": 1, "daily_visits": 1, "appeal_events": 2, "daily_exposures": 2, "contributions": 1, "quarantine": 1,
    }  # fmt: skip
    assert traces(folder, "old", key) == []
    assert files_out_of_balance(publisher.warehouse).is_empty()
    assert taken(publisher, LATER) == {}
    after = publisher.statistics(as_of=before["as_of"].max()).statistics  # type: ignore[arg-type]
    assert before.sort(pl.all()).equals(after.sort(pl.all()))


def test_who_was_left_out_of_an_experiment_goes_with_its_events(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "robot", "thanks", is_bot=True)])
    filled(publisher).statistics()
    assert traces(publisher.settings.folders.warehouse, "robot", key_of(publisher, "robot"))
    keep(publisher, 60)
    assert taken(publisher, LATER)["left_out_readers"] == 1
    assert traces(publisher.settings.folders.warehouse, "robot", key_of(publisher, "robot")) == []


def test_days_that_can_still_change_an_experiment_stay(publisher: TestPublisher) -> None:
    publisher.register(planned_end="2027-02-27")
    filled(publisher).statistics()
    keep(publisher, 60)
    assert set(taken(publisher, LATER)) == {"quarantine"}


def test_without_a_number_of_days_everything_stays(publisher: TestPublisher) -> None:
    filled(publisher).statistics()
    assert taken(publisher, LATER) == {}


def test_the_job_takes_rows_out(publisher: TestPublisher) -> None:
    from assets.definitions import build_defs
    from assets.resources import Workspace

    filled(publisher).statistics()
    keep(publisher, 60)
    definitions = build_defs(Workspace(publisher.folder / "askwell.toml", clock=lambda: LATER))
    assert definitions.resolve_job_def("retention").execute_in_process().success
    assert publisher.warehouse.parts("pageviews") == []
