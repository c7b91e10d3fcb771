"""Cohort statistics: sums that agree with each other, whatever the order in which rows arrive."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analysis.sufficient import CohortStatistics
from tests.builders import TestPublisher, appeal_event, cell, gift

SUMS = ["n", "x", "s1", "s2"]
LATER = "10-28 12:00"


def of_variant(frame: pl.DataFrame, variant: str = "thanks") -> dict[str, Any]:
    return frame.filter(pl.col("variant_id") == variant).row(0, named=True)


def counts(publisher: TestPublisher, *events: dict[str, Any], as_of: date | None = None) -> dict[str, Any]:
    publisher.land("appeal_events", [*events, appeal_event(LATER, "x")])
    return of_variant(publisher.statistics(as_of=as_of).exposure_counts)


def inserted_and_viewed(viewed_at: str) -> list[dict[str, Any]]:
    return [appeal_event("10-05 12:00", "r", "thanks"), appeal_event(viewed_at, "r", "thanks", "viewed")]


@pytest.mark.parametrize(("viewed_at", "seen"), [("10-05 12:00:02", 1), ("10-05 12:29:59", 1), ("10-05 12:30", 0)])
def test_a_view_counts_as_seen_within_half_an_hour_of_the_exposure(
    publisher: TestPublisher, viewed_at: str, seen: int
) -> None:
    assert counts(publisher, *inserted_and_viewed(viewed_at))["n_viewed"] == seen


def test_a_reader_who_comes_back_and_views_then_is_on_the_viewed_basis_but_did_not_see_it_at_once(
    publisher: TestPublisher,
) -> None:
    # A wording that keeps readers from coming back must not look like one that is seen less.
    publisher.land("appeal_events", [*inserted_and_viewed("10-07 12:00"), appeal_event(LATER, "x")])
    found = publisher.statistics()
    assert of_variant(found.exposure_counts)["n_viewed"] == 0
    assert cell(found.statistics, "conversion", "thanks", basis="viewed")["n"] == 1


def test_readers_are_immature_until_their_window_has_passed(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "thanks"), appeal_event(LATER, "x")])
    immature = {
        day: of_variant(publisher.statistics(as_of=date(2026, 10, day)).exposure_counts)["n_immature"]
        for day in (5, 11, 12)
    }
    assert immature == {5: 1, 11: 1, 12: 0}


def test_daily_readers_are_those_of_the_last_seven_days(publisher: TestPublisher) -> None:
    old = [appeal_event("10-05 12:00", f"old{n}", "thanks") for n in range(70)]
    new = [appeal_event(f"10-{day} 12:00", f"{day}-{n}", "thanks") for day in range(12, 19) for n in range(day - 10)]
    publisher.land("appeal_events", [*old, *new])
    found = publisher.statistics(as_of=date(2026, 10, 18)).daily_readers
    assert found.row(0) == ("thanks", sum(range(2, 9)) / 7)


def test_the_funnel_says_nobody_contributed_rather_than_nothing(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "thanks"), appeal_event(LATER, "x")])
    funnel = publisher.statistics().funnel.filter(pl.col("step") == "contributed")
    assert dict(funnel.select("variant_id", "readers").iter_rows()) == {"current": 0, "thanks": 0}


def test_every_day_since_the_start_has_a_row_for_every_variant(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "thanks"), appeal_event("10-08 12:00", "x")])
    history = publisher.statistics(as_of=date(2026, 10, 8)).statistics.filter(
        pl.col("metric") == "value", pl.col("basis") == "exposed", pl.col("segment_kind") == "all"
    )
    by_variant = {name: frame.sort("as_of")["n"].to_list() for (name,), frame in history.group_by("variant_id")}
    assert by_variant == {"thanks": [0] * 4 + [1] * 4, "current": [0] * 7 + [1]}


@dataclass(frozen=True)
class Landed:
    """Rows of a small publisher."""

    events: tuple[dict[str, Any], ...]
    gifts: tuple[dict[str, Any], ...]


@st.composite
def rows(draw: st.DrawFn) -> Landed:
    readers = st.integers(0, 6)
    moment = st.tuples(st.integers(1, 20), st.integers(0, 23), st.integers(0, 59))
    events = draw(
        st.lists(
            st.tuples(
                moment,
                readers,
                st.sampled_from(("current", "thanks")),
                st.sampled_from(("inserted", "inserted", "viewed", "dismissed")),
                st.sampled_from(("mobile", "desktop", None)),
                st.sampled_from(("new", "returning", None)),
            ),
            min_size=1,
            max_size=25,
        )
    )
    gifts = draw(st.lists(st.tuples(moment, readers, st.integers(0, 60_000), st.booleans()), max_size=15))
    return Landed(
        tuple(
            appeal_event(clock(when), reader, variant, event, device=device, reader_type=kind)
            for when, reader, variant, event, device, kind in events
        ),
        tuple(
            gift(clock(when), reader, amount, recurrence="monthly" if is_monthly else "once")
            for when, reader, amount, is_monthly in gifts
        ),
    )


def clock(moment: tuple[int, int, int]) -> str:
    return f"10-{moment[0]:02} {moment[1]:02}:{moment[2]:02}"


def computed(landed: Landed, n_files: int, *, is_reversed: bool = False) -> CohortStatistics:
    """Cohort statistics of rows that arrive in some files, in their order or against it."""
    with tempfile.TemporaryDirectory() as folder:
        publisher = TestPublisher(Path(folder) / "publisher")
        publisher.register()
        for kind, values in (("appeal_events", landed.events), ("contributions", landed.gifts)):
            ordered = values[::-1] if is_reversed else values
            for number in range(n_files):
                if ordered[number::n_files]:
                    publisher.land(kind, ordered[number::n_files])
        return publisher.statistics(as_of=date(2026, 10, 20))


FEW = settings(max_examples=12, deadline=None)


@FEW
@given(rows(), st.integers(2, 4))
def test_the_order_and_the_files_of_the_rows_do_not_matter(landed: Landed, n_files: int) -> None:
    once, again = computed(landed, 1), computed(landed, n_files, is_reversed=True)
    order = ["as_of", "basis", "segment_kind", "segment", "metric", "epoch", "variant_id"]
    assert_frame_equal(once.statistics.sort(order), again.statistics.sort(order))
    assert_frame_equal(once.exposure_counts, again.exposure_counts)
    assert_frame_equal(once.funnel, again.funnel)


@FEW
@given(rows())
def test_segments_add_up_to_all_readers_and_days_never_lose_one(landed: Landed) -> None:
    found = computed(landed, 1).statistics.filter(
        pl.col("basis") == "exposed", pl.col("metric").is_in(["conversion", "value", "value_annualised"])
    )
    last = found.filter(pl.col("as_of") == pl.col("as_of").max())
    keys = ["variant_id", "metric"]
    whole = last.filter(pl.col("segment_kind") == "all", pl.col("n") > 0).select(*keys, *SUMS).sort(keys)
    for kind in ("device", "reader_type"):
        parts = last.filter(pl.col("segment_kind") == kind).group_by(keys).agg(pl.col(SUMS).sum())
        assert_frame_equal(whole, parts.select(*keys, *SUMS).sort(keys), check_dtypes=False)
    history = found.filter(pl.col("segment_kind") == "all").sort("as_of")
    for _, days in history.group_by(keys):
        assert days["n"].is_sorted()
        assert days["x"].is_sorted()  # without refunds, who has given has given


@FEW
@given(rows())
def test_sums_of_one_reader_bound_each_other(landed: Landed) -> None:
    found = computed(landed, 1).statistics.filter(pl.col("metric").is_in(["conversion", "value"]))
    for row in found.iter_rows(named=True):
        assert 0 <= row["x"] <= row["n"]
        assert row["s1"] ** 2 <= row["x"] * row["s2"]  # Cauchy and Schwarz, over readers above 0
        if row["metric"] == "conversion":
            assert row["x"] == row["s1"] == row["s2"]
        elif row["top"] is not None:
            assert row["top"] <= 30_000
