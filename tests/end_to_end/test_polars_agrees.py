"""Counted twice, found the same: Polars from the accepted events, DuckDB's cohort tables, and the analysts' view.

The publisher is a simulated one with its late, repeated and broken rows, and a generous month on top: thousands of
payments around the readers' first exposures, so that both window edges, caps, currencies, refunds and states all occur.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis.cohorts import last_counted_day
from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from analysis.ingestion import ingest
from analysis.landing import landed_files, read_rows
from analysis.money import to_minor
from analysis.outcomes import (
    refresh_cohorts,
    refresh_daily_exposures,
    refresh_daily_measures,
    refresh_daily_visits,
)
from analysis.registry import Experiment, read_registry
from analysis.settings import Settings, read_settings
from analysis.simulation.publisher import simulate
from analysis.simulation.sizes import TINY
from analysis.store import Warehouse
from analysis.sufficient import cohort_statistics
from tests.builders import encoded

#: Short enough that refunds fall on both sides of it within two weeks.
REFUND_DAYS = 6
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEYS = ["experiment_id", "variant_id", "first_day", "metric"]
SUMS = ["n", "x", "s1", "s2"]


@dataclass(frozen=True)
class Published:
    settings: Settings
    experiments: tuple[Experiment, ...]
    warehouse: Warehouse
    as_of: date

    def counted_to(self, experiment: Experiment) -> date:
        return last_counted_day(experiment, self.settings, self.as_of)

    def cap_minor(self, experiment: Experiment) -> int:
        cap = self.settings.cap(experiment)
        assert cap is not None
        return to_minor(cap, self.settings.publisher.reporting_currency)

    def scan(self, table: str) -> pl.LazyFrame:
        return pl.scan_parquet([part.path for part in self.warehouse.parts(table)])

    @property
    def started(self) -> list[Experiment]:
        return [experiment for experiment in self.experiments if experiment.starts <= self.as_of]


#: Metrics with statements of their own, declared a second time as data.
TWIN_OF = {
    "paid_at_all": "conversion",
    "cash_paid": "value_uncapped",
    "year_paid": "value_annualised",
    "pages": "pageviews",
}
TWINS = """
[metrics.paid_at_all]
direction = "more_is_better"
numerator = { rows = "contributions", sum = "readers" }
[metrics.cash_paid]
direction = "more_is_better"
numerator = { rows = "contributions", sum = "cash" }
[metrics.year_paid]
direction = "more_is_better"
numerator = { rows = "contributions", sum = "annualised" }
[metrics.pages]
direction = "more_is_better"
window_days = 7
numerator = { rows = "pageviews" }
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("publisher")
    simulate(folder, TINY)
    with (folder / "askwell.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[outcomes]\nrefund_days = {REFUND_DAYS}\n{TWINS}")
    for registered in (folder / "experiments").glob("*.toml"):
        text = registered.read_text(encoding="utf-8")
        registered.write_text(f"secondary_metrics = {sorted(TWIN_OF)}\n{text}", encoding="utf-8")
    end_early(folder / "experiments" / "open-to-everyone.toml")
    settings = read_settings(folder)
    experiments, warehouse = read_registry(settings.folders.experiments, settings.shared), Warehouse(settings)
    land_a_generous_month(settings.folders.landing)
    with warehouse.writing():
        ingest(warehouse, experiments, now=NOW)
        refresh_daily_exposures(warehouse, experiments)
        refresh_daily_visits(warehouse)
        refresh_daily_measures(warehouse, experiments)
        refresh_cohorts(warehouse, experiments, draft(warehouse, experiments, NOW).as_of)
        edition = draft(warehouse, experiments, NOW)
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
    return Published(settings, experiments, warehouse, edition.as_of)


def end_early(registry_file: Path) -> None:
    """Let readers be asked for days after the planned end: they do not count."""
    text, changed = re.subn(
        r"(?m)^planned_end = .*$", "planned_end = 2026-10-27", registry_file.read_text(encoding="utf-8")
    )
    assert changed == 1
    registry_file.write_text(text, encoding="utf-8")


def land_a_generous_month(landing: Path) -> None:
    """Payments of readers who were asked: exactly at the exposure, at the last and after the last microsecond, between."""
    window = timedelta(hours=168)
    events = pl.concat(
        [
            read_rows(file)
            .filter(pl.col("event") == "inserted", pl.col("reader_id").is_not_null())
            .select("reader_id", "occurred_at")
            .collect()
            for file in landed_files(landing)[0]
            if file.kind == "appeal_events" and file.format == "parquet"
        ]
    )
    first = events.group_by("reader_id").agg(pl.col("occurred_at").min()).sort("reader_id")
    draw = random.Random(20)  # noqa: S311 - the same payments on every run
    rows = []
    for reader, asked in first.sample(1_500, seed=3).iter_rows():
        for _ in range(draw.choice((1, 1, 2, 4))):
            delay = draw.choice(
                (
                    timedelta(0),
                    timedelta(microseconds=-1),
                    window - timedelta(microseconds=1),
                    window,
                    timedelta(days=draw.uniform(-2, 9)),
                    timedelta(days=draw.uniform(0, 5)),
                )
            )
            paid_at = asked.replace(tzinfo=UTC) + delay
            rows.append(payment(draw, f"g{len(rows)}", paid_at, reader))
            gift = rows[-1]
            for _ in range(draw.choice((0, 0, 0, 1, 2))):
                rows.append(
                    payment(draw, f"g{len(rows)}", paid_at + timedelta(days=draw.uniform(0, 10)), reader)
                    | {"refund_of": gift["contribution_id"]}
                    | draw.choice(
                        (
                            {"amount_minor": gift["amount_minor"], "currency": gift["currency"]},
                            {"amount_minor": gift["amount_minor"] // 2, "currency": gift["currency"]},
                            {"amount_minor": 100},
                        )
                    )
                )
    path = landing / "contributions" / "2026-10-31" / "generous.ndjson"
    path.write_bytes(encoded([row for row in rows if str(row["occurred_at"]) < f"{NOW:%Y-%m-%dT%H}"], path.name))


def payment(draw: random.Random, number: str, paid_at: datetime, reader: str) -> dict[str, Any]:
    return {
        "contribution_id": number,
        "occurred_at": f"{paid_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "reader_id": reader,
        "amount_minor": draw.choice((0, 100, 500, 1000, 2501, 29_999, 30_000, 45_001)),
        "currency": draw.choice(("GBP", "GBP", "EUR", "USD", "JPY")),
        "status": draw.choice(("settled", "settled", "settled", "settled", "pending", "failed")),
        "product": "gift",
        "recurrence": draw.choice(("once", "once", "monthly")),
    }


def first_exposures(published: Published) -> pl.LazyFrame:
    """One row per experiment and exposed reader: moment, day and variant of the first exposure; by Polars, from events."""
    registered = pl.LazyFrame(
        [
            (experiment.id, variant.id, code, experiment.exposure)
            for experiment in published.started
            for code, variant in enumerate(experiment.variants)
        ],
        schema=["experiment_id", "variant_id", "code", "event"],
        orient="row",
    )
    limits = pl.LazyFrame(
        [(one.id, one.starts, one.planned_end, published.counted_to(one)) for one in published.started],
        schema=["experiment_id", "starts", "planned_end", "counted_to"],
        orient="row",
    )
    exposures = (
        published.scan("appeal_events")
        .filter(pl.col("reader_key").is_not_null(), pl.col("is_bot").ne_missing(other=True))
        .join(registered, on=["experiment_id", "variant_id", "event"])
        .join(limits, on="experiment_id")
        .filter(pl.col("day").is_between("starts", "counted_to"))
    )
    reader = ["experiment_id", "reader_key"]
    first = exposures.group_by(reader).agg(pl.col("occurred_at").min(), pl.col("day").min().alias("first_day"))
    return (
        exposures.join(first, on=[*reader, "occurred_at"])
        .group_by(*reader, "occurred_at", "first_day", "planned_end", "counted_to")
        .agg(pl.col("code").min())  # two exposures in one microsecond: the variant registered first
        .filter(pl.col("first_day") <= pl.col("planned_end"))
        .join(registered.drop("event"), on=["experiment_id", "code"])
    )


def counted_by_polars(published: Published) -> pl.DataFrame:
    facts = pl.LazyFrame(
        [(one.id, published.settings.window_hours(one), published.cap_minor(one)) for one in published.started],
        schema=["experiment_id", "window_hours", "cap_minor"],
        orient="row",
    )
    readers = first_exposures(published).join(facts, on="experiment_id")
    settled = published.scan("contributions").filter(pl.col("status") == "settled")
    gifts = settled.filter(pl.col("refund_of").is_null()).select(
        "reader_key",
        "contribution_id",
        "amount_minor",
        "currency",
        "reporting_minor",
        paid_at="occurred_at",
        paid="day",
    )
    refunds = settled.filter(pl.col("refund_of").is_not_null()).select(
        contribution_id="refund_of",
        back_at="occurred_at",
        back_day="day",
        back_amount="amount_minor",
        back_currency="currency",
        back_reporting="reporting_minor",
    )
    inside = (
        readers.join(gifts, on="reader_key")
        .filter(
            pl.col("paid_at") >= pl.col("occurred_at"),
            pl.col("paid_at") < pl.col("occurred_at") + pl.duration(hours="window_hours"),
            pl.col("paid") <= pl.col("counted_to"),
        )
        .select("experiment_id", "reader_key", "contribution_id", "amount_minor", "currency", "reporting_minor")
    )
    same = (pl.col("back_currency") == pl.col("currency")) & (pl.col("amount_minor") > 0)
    share = pl.col("back_amount").cast(pl.Float64) * pl.col("reporting_minor") / pl.col("amount_minor")
    back = (
        readers.join(inside, on=["experiment_id", "reader_key"])
        .join(refunds, on="contribution_id")
        .filter(
            pl.col("back_at") < pl.col("occurred_at") + pl.duration(days=REFUND_DAYS),
            pl.col("back_day") <= pl.col("counted_to"),
        )
        .group_by("experiment_id", "reader_key", "contribution_id")
        .agg(
            pl.when(same)
            .then(share.round(0, mode="half_away_from_zero").cast(pl.Int64))
            .otherwise("back_reporting")
            .sum()
            .alias("back"),
            pl.col("reporting_minor").first(),
        )
        # Refunds and disputes together take back no more than was paid.
        .with_columns(pl.min_horizontal("back", "reporting_minor").alias("back"))
        .group_by("experiment_id", "reader_key")
        .agg(pl.col("back").sum())
    )
    paid = inside.group_by("experiment_id", "reader_key").agg(pl.col("reporting_minor").sum().alias("given"))
    outcomes = (
        readers.join(paid, on=["experiment_id", "reader_key"], how="left")
        .join(back, on=["experiment_id", "reader_key"], how="left")
        .with_columns(
            pl.min_horizontal(
                (pl.col("given").fill_null(0) - pl.col("back").fill_null(0)).clip(lower_bound=0), "cap_minor"
            ).alias("value"),
            pl.col("given").is_not_null().cast(pl.Int64).alias("conversion"),
        )
    )
    long = outcomes.unpivot(["conversion", "value"], index=KEYS[:3], variable_name="metric", value_name="amount")
    amount = pl.col("amount")
    return integers(
        long.group_by(KEYS)
        .agg(
            pl.len().alias("n"),
            (amount > 0).sum().alias("x"),
            amount.sum().alias("s1"),
            amount.pow(2).sum().alias("s2"),
        )
        .collect(engine="streaming")
    )


def counted_by_cohort_tables(published: Published) -> pl.DataFrame:
    frames = []
    for experiment in published.started:
        variants = dict(enumerate(variant.id for variant in experiment.variants))
        named = pl.col("variant_code").cast(pl.Int64).replace_strict(variants, return_dtype=pl.String)
        cells, changes = (
            pl.concat([pl.read_parquet(part.path) for part in published.warehouse.parts(table, [experiment.id])])
            .filter(pl.col("basis") == "exposed", pl.col("marks") & published.settings.readers.left_out == 0)
            .with_columns(named.alias("variant_id"))
            for table in ("cohort_cells", "outcome_changes")
        )
        held = changes.filter(pl.col("metric") == "value").select(
            "variant_id",
            "first_day",
            "readers",
            amount=pl.min_horizontal(pl.col("value_minor").clip(lower_bound=0), published.cap_minor(experiment)),
        )
        amounts = pl.concat(
            [
                held.with_columns(metric=pl.lit("value")),
                held.with_columns(metric=pl.lit("conversion"), amount=pl.lit(1)),
            ],
            how="vertical_relaxed",
        )
        sums = amounts.group_by("variant_id", "first_day", "metric").agg(
            pl.col("readers").filter(pl.col("amount") > 0).sum().alias("x"),
            (pl.col("readers") * pl.col("amount")).sum().alias("s1"),
            (pl.col("readers") * pl.col("amount") * pl.col("amount")).sum().alias("s2"),
        )
        frames.append(
            cells.group_by("variant_id", "first_day")
            .agg(pl.col("n").sum())
            .filter(pl.col("n") > 0)
            .join(pl.DataFrame({"metric": ["conversion", "value"]}), how="cross")
            .join(sums, on=["variant_id", "first_day", "metric"], how="left")
            .with_columns(pl.lit(experiment.id).alias("experiment_id"), pl.col("x", "s1", "s2").fill_null(0))
        )
    return integers(pl.concat([integers(frame) for frame in frames]))


def counted_by_view(published: Published) -> pl.DataFrame:
    with duckdb.connect(str(published.settings.folders.database), read_only=True) as connection:
        return integers(
            connection.sql(
                """
                SELECT experiment_id, variant_id, first_day, 'conversion' AS metric,
                    count(*) AS n, count_if(is_converted) AS x, count_if(is_converted) AS s1, count_if(is_converted) AS s2
                FROM reader_outcomes GROUP BY ALL
                UNION ALL
                SELECT experiment_id, variant_id, first_day, 'value' AS metric,
                    count(*) AS n, count_if(value_minor > 0) AS x, sum(value_minor) AS s1, sum(value_minor * value_minor) AS s2
                FROM reader_outcomes GROUP BY ALL
                """
            ).pl()
        )


def integers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(*KEYS, pl.col(SUMS).cast(pl.Int64)).sort(KEYS)


def test_polars_finds_the_integers_of_the_cohort_tables(published: Published) -> None:
    assert_frame_equal(counted_by_polars(published), counted_by_cohort_tables(published))


def test_the_view_of_the_analysts_adds_up_to_the_same_integers(published: Published) -> None:
    assert_frame_equal(counted_by_view(published), counted_by_cohort_tables(published))


def test_the_published_statistics_are_the_sums_over_days_of_first_exposure(published: Published) -> None:
    by_day = counted_by_polars(published).group_by("experiment_id", "variant_id", "metric").agg(pl.col(SUMS).sum())
    with duckdb.connect(str(published.settings.folders.database), read_only=True) as connection:
        stated = connection.sql(
            """
            SELECT experiment_id, variant_id, metric, sum(n) AS n, sum(x) AS x, sum(s1) AS s1, sum(s2) AS s2
            FROM (
                SELECT * FROM sufficient_statistics
                WHERE basis = 'exposed' AND segment_kind = 'all' AND metric IN ('conversion', 'value')
                QUALIFY as_of = max(as_of) OVER (PARTITION BY experiment_id)
            )
            GROUP BY ALL
            """
        ).pl()
    order = ["experiment_id", "variant_id", "metric"]
    assert_frame_equal(
        by_day.select(*order, pl.col(SUMS).cast(pl.Int64)).sort(order),
        stated.select(*order, pl.col(SUMS).cast(pl.Int64)).sort(order),
    )


@pytest.mark.parametrize("twin", sorted(TWIN_OF))
def test_a_declared_metric_has_the_sums_of_the_statement_written_for_it(published: Published, twin: str) -> None:
    keys = ["experiment_id", "as_of", "basis", "segment_kind", "segment", "epoch", "variant_id"]
    with duckdb.connect(str(published.settings.folders.database), read_only=True) as connection:
        found = connection.sql("FROM sufficient_statistics").pl()
    declared, written = (
        found.filter((pl.col("metric") == name) & (pl.col("basis") == "exposed")).select(*keys, "n", "x", "s1", "s2")
        for name in (twin, TWIN_OF[twin])
    )
    both = declared.join(written, on=keys, suffix="_written")
    assert both.height == (written.height if twin != "pages" else written.join(declared, on=keys).height) > 0
    assert both["s1"].sum() > 0
    assert both.filter(
        pl.any_horizontal(pl.col(name) != pl.col(f"{name}_written") for name in ("n", "x", "s1", "s2"))
    ).is_empty()


def total(counts: pl.DataFrame, metric: str, columns: Sequence[str]) -> tuple[int, ...]:
    return counts.filter(pl.col("metric") == metric).select(pl.col(columns).sum()).row(0)


def test_the_comparison_is_one_of_many_payments_refunds_and_caps(published: Published) -> None:
    counts = counted_by_polars(published)
    readers, converted = total(counts, "conversion", ["n", "x"])
    _, paid = total(counts, "value", ["n", "x"])
    assert readers > 10_000
    assert converted > 1_000
    assert converted > paid  # some gave and got all of it back
    contributions = published.scan("contributions").collect()
    assert set(contributions["status"].unique()) == {"settled", "pending", "failed"}
    assert contributions["refund_of"].count() > 300
    assert contributions["currency"].n_unique() == 4


def test_statistics_do_not_depend_on_how_many_experiments_are_added_up_at_once(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = cohort_statistics(published.warehouse, published.experiments, published.as_of)
    monkeypatch.setattr("analysis.sufficient._ROWS_AT_ONCE", 1)
    apart = cohort_statistics(published.warehouse, published.experiments, published.as_of)
    for table in fields(together):
        found, expected = getattr(apart, table.name), getattr(together, table.name)
        assert_frame_equal(found, expected, check_row_order=False)
        assert found.height > 0 or table.name in ("strangers", "classes")
