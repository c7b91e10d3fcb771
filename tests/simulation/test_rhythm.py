"""The site behaves as a news site: days, hours, stories, and a few who read much while most read little."""

from __future__ import annotations

import polars as pl
import pytest

from analysis.simulation.readers import NEWS_PEAKS
from tests.simulation.conftest import STUDY, Simulated


@pytest.fixture(scope="module")
def views(study: Simulated) -> pl.DataFrame:
    return study.sound("pageviews").filter(pl.col("is_bot") == "false")


def test_weekends_are_quieter(views: pl.DataFrame) -> None:
    peaks = [STUDY.day(position) for position, _ in NEWS_PEAKS]
    days = views.group_by(day=pl.col("local").dt.date()).len().filter(~pl.col("day").is_in(peaks))
    weekend = pl.col("day").dt.weekday() >= 6
    assert days.filter(weekend)["len"].mean() < 0.9 * days.filter(~weekend)["len"].mean()


def test_news_brings_passers_by(views: pl.DataFrame) -> None:
    days = dict(views.group_by(day=pl.col("local").dt.date()).len().iter_rows())
    position, factor = max(NEWS_PEAKS, key=lambda peak: peak[1])
    assert factor > 2
    assert days[STUDY.day(position)] > 1.4 * sorted(days.values())[len(days) // 2]


def test_nights_are_quieter_than_evenings_by_the_wall_clock(views: pl.DataFrame) -> None:
    hours = dict(views.group_by(hour=pl.col("local").dt.hour()).len().iter_rows())
    assert set(hours) == set(range(24))
    assert hours[20] > 8 * hours[3]


def test_most_read_little_and_a_few_read_much(views: pl.DataFrame) -> None:
    pages = views.filter(pl.col("reader_id").is_not_null()).group_by("reader_id").len()["len"]
    assert pages.median() <= 2
    assert pages.quantile(0.99) >= 20
    top = pages.sort(descending=True).head(pages.len() // 100)
    assert top.sum() > 0.08 * pages.sum()


def test_new_readers_are_new_once(study: Simulated) -> None:
    events = study.sound("appeal_events").filter(pl.col("reader_type") == "new", pl.col("is_bot") == "false")
    spans = (
        events.filter(pl.col("reader_id").is_not_null())
        .group_by("reader_id")
        .agg(pl.col("at").max() - pl.col("at").min())
    )
    assert spans["at"].dt.total_hours().quantile(0.99) < 6


def test_several_appeals_stand_on_one_page(study: Simulated) -> None:
    shown = study.sound("appeal_events").filter(pl.col("event") == "inserted", pl.col("reader_id").is_not_null())
    tests = shown.group_by("reader_id", "article_id", pl.col("at").dt.truncate("1m")).agg(
        pl.col("experiment_id").n_unique()
    )
    assert (tests["experiment_id"] >= 2).mean() > 0.05


def test_flagged_robots_and_readers_without_id_are_there(study: Simulated) -> None:
    views = study.rows("pageviews")
    assert 0 < (views["is_bot"] == "true").mean() < 0.05
    assert 0.005 < views["reader_id"].null_count() / views.height < 0.05


def test_gifts_come_in_all_their_forms(study: Simulated) -> None:
    paid = study.rows("contributions")
    assert set(paid["currency"]) == {"GBP", "EUR", "USD", "JPY"}
    assert set(paid["status"]) == {"settled", "pending", "failed"}
    assert set(paid["product"]) == {"gift", "membership", "subscription"}
    assert set(paid["recurrence"]) == {"once", "monthly", "annual"}
    assert paid["renewal_of"].null_count() < paid.height
    assert paid["refund_of"].null_count() < paid.height
    assert 0.01 < paid["reader_id"].null_count() / paid.height < 0.15


def test_renewals_and_refunds_point_to_payments_of_the_same_reader(study: Simulated) -> None:
    paid = study.sound("contributions").filter(pl.col("status") == "settled")
    first = paid.select("contribution_id", pl.col("reader_id").alias("payer"), pl.col("at").alias("paid_at"))
    refunds = paid.filter(pl.col("refund_of").is_not_null()).join(
        first, left_on="refund_of", right_on="contribution_id", how="left"
    )
    renewals = paid.filter(pl.col("renewal_of").str.starts_with("pay-")).join(
        first, left_on="renewal_of", right_on="contribution_id", how="left"
    )
    for linked in (refunds, renewals):
        assert linked.height > 0
        assert linked["paid_at"].null_count() == 0
        assert (linked["at"] > linked["paid_at"]).all()
        assert linked["payer"].eq_missing(linked["reader_id"]).all()
