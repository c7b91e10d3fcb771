"""What must not matter to an estimate: the order of rows and days, a cell without readers, and in how many parts sums came."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analysis.inference.estimates import estimate
from tests.analysis.inference.tables import money, plan, row, split, statistics

GIVERS = st.tuples(st.integers(30, 3000), st.integers(30, 3000))
TODAY = date(2026, 3, 20)


def rows_of(days: list[tuple[int, int]]) -> list[dict[str, object]]:
    """Conversion and value of two variants on each day."""
    return [
        made(variant, 100_000, x, TODAY + timedelta(days=day))
        for day, givers in enumerate(days)
        for variant, x in zip("ab", givers, strict=True)
        for made in (
            lambda v, n, x, d: row(v, n, x, as_of=d),
            lambda v, n, x, d: money(v, n, x, 3000.0 * x, 1.8e7 * x, as_of=d),
        )
    ]


def found(rows: list[dict[str, object]]) -> pl.DataFrame:
    return estimate(statistics(rows), plan(), split({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0})).sort("as_of", "metric")


@settings(max_examples=20, deadline=None)
@given(st.lists(GIVERS, min_size=1, max_size=4), st.randoms())
def test_the_order_of_rows_and_days_changes_nothing(days: list[tuple[int, int]], random: object) -> None:
    rows = rows_of(days)
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert_frame_equal(found(mixed), found(rows), rel_tol=1e-9)


@settings(max_examples=20, deadline=None)
@given(GIVERS)
def test_an_epoch_without_readers_changes_nothing(givers: tuple[int, int]) -> None:
    rows = rows_of([givers])
    empty = [{**one, "epoch": 1, "n": 0, "x": 0, "s1": 0.0, "s2": 0.0, "top": None} for one in rows]
    assert_frame_equal(found([*rows, *empty]), found(rows), rel_tol=1e-9)


@settings(max_examples=20, deadline=None)
@given(GIVERS)
def test_a_day_says_the_same_alone_and_among_others(givers: tuple[int, int]) -> None:
    among = found(rows_of([givers, (500, 600)])).filter(pl.col("as_of") == TODAY)
    assert_frame_equal(among, found(rows_of([givers])), rel_tol=1e-9)
