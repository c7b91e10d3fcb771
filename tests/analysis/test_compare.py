"""Comparisons in SQL at any filter give the digits of the inference in Python, reasons included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from analysis.database import open_database
from analysis.inference.estimates import estimate
from analysis.registry import plans, shares
from analysis.result_tables import SUFFICIENT_STATISTICS
from tests.analysis.test_database import PER_EXPERIMENT, published
from tests.builders import TestPublisher, appeal_event, gift

DEVICES, READER_TYPES = ("mobile", "desktop", "tablet"), ("new", "returning", "subscriber")
FIRST, DAYS = date(2026, 10, 2), 12

THREE_VARIANTS_AND_TWO_EPOCHS = """
[[variants]]
id = "plain"
share = 2
appeal = { headline = "Give", button = "Give" }
[[allocation]]
starts_at = 2026-10-01T00:00:00
shares = { current = 1, thanks = 1, plain = 2 }
[[allocation]]
starts_at = 2026-10-08T00:00:00
shares = { current = 2, thanks = 5, plain = 1 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestPublisher:
    """1,600 readers of three variants over two allocation epochs; givers are many on mobile and none on tablets."""
    publisher = TestPublisher(tmp_path_factory.mktemp("compare") / "publisher")
    publisher.register(more='primary_metric = "value"\ncap = 40.0\n', tables=THREE_VARIANTS_AND_TWO_EPOCHS)
    draw = np.random.default_rng(8)
    asked, gifts = [], []
    for number in range(1600):
        day = FIRST + timedelta(days=int(draw.integers(DAYS)))
        weights = np.array((1, 1, 2) if day < date(2026, 10, 8) else (2, 5, 1))
        variant = str(draw.choice(("current", "thanks", "plain"), p=weights / weights.sum()))
        device, reader_type = str(draw.choice(DEVICES)), str(draw.choice(READER_TYPES))
        when = f"{day:%m-%d} {draw.integers(8, 20):02d}:{draw.integers(60):02d}"
        who = {"device": device, "reader_type": reader_type}
        asked.append(appeal_event(when, f"r{number}", variant, **who))
        if draw.random() < 0.7:
            asked.append(appeal_event(f"{when}:30", f"r{number}", variant, event="viewed", **who))
        if device != "tablet" and draw.random() < {"current": 0.25, "thanks": 0.4, "plain": 0.3}[variant]:
            gifts.append(
                gift(f"{day + timedelta(days=1):%m-%d} 07:00", f"r{number}", 100 + int(draw.integers(90)) ** 2)
            )
    publisher.land("appeal_events", [*asked, appeal_event("10-28 12:00", "last")])
    publisher.land("contributions", gifts)
    published(publisher)
    return publisher


@pytest.fixture(scope="module")
def database(made: TestPublisher) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(made.settings.folders.database) as connection:
        yield connection


@pytest.fixture(scope="module")
def readers(database: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """One row per reader with the allocation epoch, as an analyst would take it into Python."""
    return database.sql(
        "SELECT r.*, a.epoch FROM reader_outcomes AS r JOIN allocations AS a USING (experiment_id, variant_id) "
        "WHERE r.first_exposed_at >= a.starts_at AND r.first_exposed_at < a.ends_at"
    ).pl()


AMOUNTS = {
    "conversion": pl.col("is_converted").cast(pl.Int64),
    "value": pl.col("value_minor"),
    "value_uncapped": pl.col("value_uncapped_minor"),
}


def told_by_python(made: TestPublisher, kept: pl.DataFrame, metric: str, *, is_cut: bool) -> list[dict[str, object]]:
    amount = AMOUNTS[metric].cast(pl.Int64)
    sums = kept.group_by("experiment_id", "epoch", "variant_id").agg(
        pl.len().alias("n"),
        (amount > 0).sum().alias("x"),
        amount.sum().alias("s1"),
        (amount * amount).sum().alias("s2"),
    )
    cell = {"as_of": date(2026, 10, 28), "basis": "exposed", "segment_kind": "device" if is_cut else "all"}
    rows = [{**cell, "segment": "some", "metric": metric, **row} for row in sums.iter_rows(named=True)]
    statistics = SUFFICIENT_STATISTICS.frame().vstack(
        pl.DataFrame(rows, schema={name: SUFFICIENT_STATISTICS.schema[name] for name in rows[0]})
        .with_columns(pl.lit(None, SUFFICIENT_STATISTICS.schema[name]).alias(name) for name in SUFFICIENT_STATISTICS.schema if name not in rows[0])
        .select(list(SUFFICIENT_STATISTICS.schema))
    )  # fmt: skip
    experiments = made.experiments
    return (
        estimate(statistics, plans(experiments), shares(experiments, made.settings.zone)).sort("variant_id").to_dicts()
    )


SAME = {
    "n_control": "n_control", "n": "n", "x_control": "x_control", "x": "x", "mean_control": "mean_control", "mean": "mean",
    "lift": "lift", "low": "anytime_low", "high": "anytime_high", "e_value": "e_value", "reason": "reason",
}  # fmt: skip


def of_macro(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """What the macro says of each variant, by the names of the inference."""
    return [{"variant_id": row["variant_id"]} | {other: row[name] for name, other in SAME.items()} for row in found]


def expected(told: list[dict[str, object]]) -> list[dict[str, object]]:
    """What the inference says of each variant, numbers up to rounding."""
    return [
        {
            name: pytest.approx(row[name], rel=1e-8, abs=1e-12) if isinstance(row[name], float) else row[name]
            for name in ("variant_id", *SAME.values())
        }
        for row in told
    ]


def some_of(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=len(names), unique=True)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metric=st.sampled_from(sorted(AMOUNTS)),
    devices=some_of(DEVICES),
    reader_types=some_of(READER_TYPES),
    first=st.integers(0, DAYS - 1),
    length=st.integers(0, DAYS),
    weekdays=st.booleans(),
)
def test_at_any_filter_the_macros_give_the_digits_of_the_inference(
    made: TestPublisher,
    database: duckdb.DuckDBPyConnection,
    readers: pl.DataFrame,
    metric: str,
    devices: list[str],
    reader_types: list[str],
    first: int,
    length: int,
    weekdays: bool,
) -> None:
    start, end = FIRST + timedelta(days=first), FIRST + timedelta(days=first + length)
    keep = f"device IN {(*devices, '-')} AND reader_type IN {(*reader_types, '-')}"
    kept = readers.filter(
        pl.col("device").is_in(devices), pl.col("reader_type").is_in(reader_types), pl.col("first_day").is_between(start, end)
    )  # fmt: skip
    if weekdays:
        keep += " AND isodow(first_day) < 6"
        kept = kept.filter(pl.col("first_day").dt.weekday() < 6)
    assume(not kept.is_empty())
    told = told_by_python(made, kept, metric, is_cut=True)
    days = f"first_day BETWEEN DATE '{start}' AND DATE '{end}'"
    cuts = (
        f"compare('thanks', metric := '{metric}', from_day := DATE '{start}', to_day := DATE '{end}', keep := {keep})",
        f"compare_readers('thanks', metric := '{metric}', keep := {keep} AND {days})",
    )
    for cut in cuts:
        assert of_macro(database.sql(f"FROM {cut}").pl().to_dicts()) == expected(told)


@pytest.mark.parametrize("metric", [*AMOUNTS, "value_annualised"])
@pytest.mark.parametrize("basis", ["exposed", "viewed"])
def test_without_a_filter_it_is_the_row_of_the_report(
    database: duckdb.DuckDBPyConnection, metric: str, basis: str
) -> None:
    """Two variants beside the control share alpha in the registered metric; two epochs have unequal shares."""
    found = database.sql(f"FROM compare('thanks', metric := '{metric}', basis := '{basis}')").pl().to_dicts()
    told = database.sql(
        f"FROM estimates WHERE metric = '{metric}' AND basis = '{basis}' AND segment_kind = 'all' "
        "QUALIFY as_of = max(as_of) OVER () ORDER BY variant_id"
    ).pl()
    assert len(found) == 2
    assert of_macro(found) == expected(told.to_dicts())


def test_without_a_filter_it_is_what_python_says_of_all_readers(
    made: TestPublisher, database: duckdb.DuckDBPyConnection, readers: pl.DataFrame
) -> None:
    found = database.sql("FROM compare('thanks', metric := 'value')").pl().to_dicts()
    assert of_macro(found) == expected(told_by_python(made, readers, "value", is_cut=False))


def test_a_cut_without_readers_says_so_for_every_variant(database: duckdb.DuckDBPyConnection) -> None:
    found = database.sql("SELECT variant_id, n, lift, reason FROM compare('thanks', device := 'app')").fetchall()
    assert found == [("plain", 0, None, "no_exposure"), ("thanks", 0, None, "no_exposure")]


def test_the_cohorts_add_up_to_the_readers(database: duckdb.DuckDBPyConnection, readers: pl.DataFrame) -> None:
    sums = database.sql(
        "SELECT sum(readers)::INT, sum(contributors)::INT, sum(value_minor)::INT, sum(uncapped_minor)::INT, "
        "sum(value_minor_squared)::BIGINT FROM cohorts WHERE basis = 'exposed'"
    ).fetchall()
    value = readers["value_minor"]
    assert sums == [
        (readers.height, readers["is_converted"].sum(), value.sum(), readers["value_uncapped_minor"].sum(), (value * value).sum())
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("compare(NULL)", "There is no experiment NULL"),
        (
            "compare('thanks', metric := 'clicks')",
            "metric must be conversion, value, value_uncapped or value_annualised",
        ),
        ("compare_readers('thanks', metric := 'clicks')", "metric must be conversion, value or value_uncapped"),
        ("compare('thanks', basis := 'seen')", "basis must be exposed or viewed"),
        *((f"{macro}('no-such')", "There is no experiment 'no-such'") for macro in PER_EXPERIMENT),
        ("lift('thanks', metric := 'clicks')", "There is no metric 'clicks'"),
        ("conversion('thanks', by := 'country')", "by must be all, device or reader_type"),
        ("value_per_1000('thanks', rule := 'capped')", "rule must be cash, uncapped or annualised"),
        ("compare('thanks', keep := colour = 'red')", 'column "colour" not found'),
    ],
)
def test_a_wrong_argument_is_refused_with_what_is_allowed(
    database: duckdb.DuckDBPyConnection, asked: str, said: str
) -> None:
    with pytest.raises(duckdb.Error, match=said):
        database.sql(f"FROM {asked}").fetchall()
