"""Counting only the readers whom a change concerns: in whatever order rows arrive, the counts are those of counting everybody."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analysis import duckdb_engine, recounting
from analysis.cohorts import COHORT_TABLES
from analysis.duckdb_engine import AFFECTING, DuckDBEngine
from analysis.recounting import Recount
from tests.builders import TestPublisher, appeal_event, gift, pageview

#: Runs of the daily job: days up to which each counts. The test has ended by the last but one, its refunds by the last.
RUNS = [date(2026, 10, day) for day in (6, 11, 25)]
READERS = ["r1", "r2", "r3", "r4"]

OUTCOMES = """
[outcomes]
window_hours = 72
refund_days = 6
[metrics.paid_at_all]
direction = "more_is_better"
numerator = { rows = "contributions", sum = "readers" }
[metrics.pages]
direction = "more_is_better"
window_days = 2
numerator = { rows = "pageviews" }
"""
METRICS = 'secondary_metrics = ["paid_at_all", "pages"]\ncovariates = ["visits_before"]'

moments = st.builds("10-{:02} {:02}:{:02}".format, st.integers(1, 16), st.integers(0, 23), st.integers(0, 59))
readers = st.sampled_from(READERS)
appeals = st.builds(
    lambda when, reader, variant, event, experiment: (
        "appeal_events",
        appeal_event(when, reader, variant, event, experiment_id=experiment),
    ),
    moments,
    readers,
    st.sampled_from(["current", "current", "thanks"]),
    st.sampled_from(["inserted", "inserted", "viewed", "clicked"]),
    st.sampled_from(["thanks", "thanks", "later"]),
)
visits = st.builds(lambda when, reader: ("pageviews", pageview(when, reader)), moments, readers)
gifts = st.builds(
    lambda when, reader, amount, number: ("contributions", gift(when, reader, amount, contribution_id=f"g{number}")),
    moments,
    st.sampled_from([*READERS, None]),
    st.sampled_from([300, 500, 2000]),
    st.integers(1, 4),
)
refunds = st.builds(
    lambda when, reader, amount, number: (
        "contributions",
        gift(when, reader, amount, contribution_id=f"back{number}", refund_of=f"g{number}"),
    ),
    moments,
    st.sampled_from([None, "r1"]),
    st.sampled_from([100, 300]),
    st.integers(1, 4),
)
failures = st.builds(
    lambda when, number: ("contributions", gift(when, None, 0, contribution_id=number, status="failed", version=2)),
    moments,
    st.sampled_from(["g1", "g2", "back1"]),
)
rows = st.one_of(appeals, appeals, visits, gifts, refunds, failures)
arrivals = st.lists(st.tuples(st.integers(0, len(RUNS) - 1), rows), min_size=4, max_size=30)


def of_two_tests(folder: Path) -> TestPublisher:
    made = TestPublisher(folder, settings_more=OUTCOMES)
    made.register(planned_end="2026-10-12", more=f'{METRICS}\nguardrails = [{{ metric = "pageviews", margin = 0.05 }}]')
    made.register("later", starts="2026-10-05", planned_end="2026-10-12", more='exposure = "viewed"')
    return made


def land(to: TestPublisher, arrived: Sequence[tuple[str, dict[str, Any]]]) -> None:
    for kind in dict.fromkeys(kind for kind, _ in arrived):
        to.land(kind, [row for other, row in arrived if other == kind])


def counted(of: TestPublisher) -> dict[tuple[str, str], pl.DataFrame]:
    warehouse = of.warehouse
    return {
        (table, part.scope): pl.read_parquet(part.path) for table in COHORT_TABLES for part in warehouse.parts(table)
    }


SOMEBODY = ("appeal_events", appeal_event("10-01 09:00", "first", "thanks"))


@pytest.fixture
def counted_some(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Recount]]:
    """The experiments that were to be counted by some of their readers alone, pass by pass, however few rows that spares."""
    groups: list[Sequence[Recount]] = []
    whole = DuckDBEngine.recount

    def counted_too(engine: DuckDBEngine, group: Sequence[Recount]) -> Any:
        groups.append(group)
        return whole(engine, group)

    monkeypatch.setattr(DuckDBEngine, "recount", counted_too)
    monkeypatch.setattr(recounting, "_WORTH", -(2**63))
    return groups


@pytest.fixture
def always_some(counted_some: list[Sequence[Recount]], monkeypatch: pytest.MonkeyPatch) -> list[Sequence[Recount]]:
    """The same, where that is done wherever it is possible, however many rows changed."""
    monkeypatch.setenv("ASKWELL_HASH_KEY", "the same for every publisher of the test")
    monkeypatch.setattr(recounting, "_SHARE", 1e9)
    return counted_some


#: Gifts come a run after those who gave were asked; then a refund and a failure of them that name nobody, and a late page.
MONEY_LATER = [
    (0, ("appeal_events", appeal_event("10-02 12:00", "r1", "thanks"))),
    (0, ("appeal_events", appeal_event("10-02 12:00", "r2", "current"))),
    (1, ("contributions", gift("10-03 12:00", "r1", 2000, contribution_id="g1"))),
    (1, ("contributions", gift("10-03 13:00", "r2", 500, contribution_id="g2"))),
    (2, ("contributions", gift("10-05 12:00", None, 300, contribution_id="back1", refund_of="g1"))),
    (2, ("contributions", gift("10-06 12:00", None, 0, contribution_id="g2", status="failed", version=2))),
    (2, ("pageviews", pageview("10-03 09:00", "r2"))),
]


@pytest.mark.slow
@example(MONEY_LATER)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals)
def test_rows_in_any_order_are_counted_as_if_all_had_come_at_once(
    always_some: list[Sequence[Recount]], arrived: list[tuple[int, tuple[str, dict[str, Any]]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        daily, at_once = of_two_tests(Path(folder) / "daily"), of_two_tests(Path(folder) / "at_once")
        land(daily, [SOMEBODY])
        for number, day in enumerate(RUNS):
            land(daily, [row for run, row in arrived if run == number])
            daily.statistics(as_of=day)
        land(at_once, [SOMEBODY, *[row for _, row in arrived]])
        at_once.statistics(as_of=RUNS[-1])
        found, expected = counted(daily), counted(at_once)
        assert found.keys() == expected.keys()
        for key, frame in expected.items():
            assert_frame_equal(found[key], frame)
    assert always_some


@pytest.mark.parametrize("most_at_once", [2_000_000, 1])
def test_a_late_row_touches_the_cohort_of_its_reader_and_no_other(
    publisher: TestPublisher,
    counted_some: list[Sequence[Recount]],
    monkeypatch: pytest.MonkeyPatch,
    most_at_once: int,
) -> None:
    monkeypatch.setattr(
        duckdb_engine, "READERS_PER_RANGE", most_at_once
    )  # 1: too many are affected, so all are counted
    publisher.register()
    days = range(1, 15)
    land(publisher, [("appeal_events", appeal_event(f"10-{day:02} 12:00", f"r{day}", "thanks")) for day in days])
    land(publisher, [("pageviews", pageview("10-04 12:00", "r4"))])
    publisher.statistics(as_of=RUNS[-1])
    before = counted(publisher)["cohort_cells", "thanks"]
    assert counted_some == []
    land(publisher, [("appeal_events", appeal_event("10-04 22:00", "late", "current"))])
    publisher.statistics(as_of=RUNS[-1])
    after = counted(publisher)["cohort_cells", "thanks"]
    ((recount,),) = counted_some
    assert {relation for relation in AFFECTING if recount.changed(relation)} == {"daily_exposures"}
    added = after.join(before, on=after.columns, how="anti", nulls_equal=True)
    assert added["first_day"].to_list() == [date(2026, 10, 4)]
    assert after.height == before.height + 1


def test_a_small_test_is_counted_whole_since_that_is_less_work(
    publisher: TestPublisher, counted_some: list[Sequence[Recount]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounting, "_WORTH", 14)
    publisher.register()
    days = range(1, 15)
    land(publisher, [("appeal_events", appeal_event(f"10-{day:02} 12:00", f"r{day}", "thanks")) for day in days])
    publisher.statistics(as_of=RUNS[-1])
    land(publisher, [("appeal_events", appeal_event("10-04 22:00", "late", "current"))])
    publisher.statistics(as_of=RUNS[-1])
    assert counted_some == []
    monkeypatch.setattr(recounting, "_WORTH", 10)
    land(publisher, [("appeal_events", appeal_event("10-05 22:00", "later", "current"))])
    publisher.statistics(as_of=RUNS[-1])
    assert len(counted_some) == 1


def test_a_failure_after_the_last_counted_day_is_not_seen_through_a_longer_test(tmp_path: Path) -> None:
    """A test that is over reads no row after its last counted day, also where one that runs is counted with it."""

    def cells(folder: Path, *, others: bool) -> dict[tuple[str, str], pl.DataFrame]:
        made = TestPublisher(folder, settings_more=OUTCOMES)
        made.register("thanks", planned_end="2026-10-12")
        if others:
            made.register("later", planned_end="2026-11-30")
        land(made, [("appeal_events", appeal_event("10-02 12:00", "r1", "thanks"))])
        land(made, [("appeal_events", appeal_event("10-02 12:00", "r1", "thanks", experiment_id="later"))])
        land(made, [("contributions", gift("10-03 12:00", "r1", 2000, contribution_id="g1"))])
        failed = gift("10-24 12:00", None, 0, contribution_id="g1", status="failed", version=2)
        land(made, [("contributions", failed)])
        made.statistics(as_of=date(2026, 10, 25))
        return {key: frame for key, frame in counted(made).items() if key[1] == "thanks"}

    alone, together = cells(tmp_path / "alone", others=False), cells(tmp_path / "together", others=True)
    assert alone["outcome_changes", "thanks"].height
    for key, frame in alone.items():
        assert_frame_equal(together[key], frame)
