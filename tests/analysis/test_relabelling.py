"""A/A tests on past readers: what they count, and that the judge can fail."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from analysis.relabelling import AATests, FalseAlarms, aa_tests
from analysis.simulation import gifts


def readers(experiment: str, contributors: int, *, days: int = 21, seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    amounts, _ = gifts.draw(gifts.DONATION, contributors, random)
    first = date(2026, 10, 1)
    gave = pl.DataFrame(
        {
            "first_day": [first + timedelta(days=int(day)) for day in random.integers(0, days, contributors)],
            "is_converted": True,
            "value_minor": (amounts * 100).astype(np.int64),
        }
    )
    counted = gave.group_by("first_day", "is_converted", "value_minor").agg(readers=pl.len().cast(pl.Int64))
    nothing = pl.DataFrame(
        {
            "first_day": [first + timedelta(days=day) for day in range(days)],
            "is_converted": False,
            "value_minor": 0,
            "readers": 20_000,
        },
        schema_overrides={"value_minor": pl.Int64, "readers": pl.Int64},
    )
    return (
        pl.concat([counted, nothing.select(counted.columns)])
        .select(pl.lit(experiment).alias("experiment_id"), pl.all())
        .sort("first_day", "is_converted", "value_minor")
    )


def test_evidence_keeps_its_five_percent_and_an_ordinary_test_read_daily_does_not() -> None:
    found = aa_tests(pl.concat([readers("one", 400), readers("two", 900, seed=2)]), 300, np.random.default_rng(3))
    by_name = {(one.metric, one.method): one for one in found.results}
    assert found.is_kept
    for metric in ("conversion", "value"):
        daily, once, anytime = (by_name[metric, method] for method in ("daily_looks", "one_look", "anytime"))
        assert daily.low is not None
        assert daily.low > 0.10
        assert once.rate == pytest.approx(0.05, abs=0.03)  # 600 tests: three standard errors
        assert anytime.rate is not None
        assert anytime.rate < 0.03
        assert once.tests == 600


def test_a_past_test_with_too_few_contributors_is_named_and_left_out() -> None:
    found = aa_tests(pl.concat([readers("large", 300), readers("small", 20)]), 20, np.random.default_rng(1))
    assert found.experiments == ("large",)
    assert found.too_small == ("small",)


def test_the_judge_fails_a_method_that_alarms_too_often() -> None:
    broken = FalseAlarms("conversion", "anytime", 1000, 90, 0.09, 0.074, 0.109)
    assert not AATests(("one",), (), 1000, (broken,)).is_kept
    ordinary = FalseAlarms("conversion", "daily_looks", 1000, 290, 0.29, 0.26, 0.32)
    assert AATests(("one",), (), 1000, (ordinary,)).is_kept


def test_the_same_seed_finds_the_same() -> None:
    one, two = (aa_tests(readers("one", 300), 40, np.random.default_rng(5)) for _ in range(2))
    assert one == two
