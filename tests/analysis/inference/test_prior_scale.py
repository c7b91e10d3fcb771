"""The scale of the prior is recovered from past tests, and from past tests only."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from analysis.inference.estimates import describe_variants, estimate
from analysis.inference.prior_scale import FEWEST_PAST_TESTS, MOST_PAST_TESTS, learned_scales, with_scale
from tests.analysis.inference.tables import money, plan, row, split, statistics

START = date(2026, 3, 1)
READERS = 100_000


def past(tests: int, tau: float, rng: np.random.Generator, conversions: float = 1_000.0) -> list[dict[str, object]]:
    """Two variants a test, `conversions` expected in each, true log ratios of standard deviation `tau`."""
    level = rng.normal(0, 0.3, tests)[:, None]
    rate = conversions / READERS * np.exp(level + rng.normal(0, tau / np.sqrt(2), (tests, 2)))
    x = rng.binomial(READERS, rate)
    return [
        row(variant, READERS, int(x[test, side]), experiment_id=f"past{test}", as_of=START - timedelta(days=5))
        for test in range(tests)
        for side, variant in enumerate("ab")
    ]


def plans(tests: int, ended: date = START - timedelta(days=1)) -> pl.DataFrame:
    old = [plan(f"past{test}", starts=ended - timedelta(days=20), planned_end=ended) for test in range(tests)]
    return pl.concat([*old, plan(starts=START, planned_end=START + timedelta(days=40))])


def shares(tests: int, *others: str) -> pl.DataFrame:
    names = [*(f"past{test}" for test in range(tests)), "appeal", *others]
    return pl.concat(split(experiment=name) for name in names)


NEW = [row("a", READERS, 500), row("b", READERS, 540)]


def learned(
    rows: list[dict[str, object]], tests: int, surface: str = "article_end", **dates: date
) -> tuple[float | None, int]:
    surfaces = {**{f"past{test}": surface for test in range(tests)}, "appeal": "article_end"}
    found = learned_scales(statistics([*rows, *NEW]), plans(tests, **dates), shares(tests), surfaces)
    told = found.filter(pl.col("experiment_id") == "appeal", pl.col("metric") == "conversion").row(0, named=True)
    return told["tau"], told["tau_tests"]


@pytest.mark.parametrize(("tests", "low", "high"), [(30, 0.040, 0.057), (100, 0.046, 0.054)])
def test_scale_is_recovered(tests: int, low: float, high: float) -> None:
    """True 0.05: the middle half of 100 programmes of tests."""
    rng = np.random.default_rng(3)
    found = [learned(past(tests, 0.05, rng), tests)[0] for _ in range(100)]
    quarter, middle, three = np.quantile(np.array(found, dtype=float), [0.25, 0.5, 0.75])
    assert (quarter, three) == (pytest.approx(low, abs=0.003), pytest.approx(high, abs=0.003))
    assert middle == pytest.approx(0.05, abs=0.003)


def test_below_thirty_past_tests_the_scale_is_the_usual_one_and_the_number_says_so() -> None:
    tests = FEWEST_PAST_TESTS - 1
    rows = past(tests, 0.3, np.random.default_rng(4))
    assert learned(rows, tests) == (None, tests)
    surfaces = dict.fromkeys([*(f"past{test}" for test in range(tests)), "appeal"], "article_end")
    scales = learned_scales(statistics([*rows, *NEW]), plans(tests), shares(tests), surfaces)
    found = estimate(statistics(NEW), plan(), split(), scales=scales)
    assert found.select("tau", "tau_tests").row(0) == (0.10, tests)


def test_a_test_that_ran_on_or_stood_elsewhere_teaches_nothing() -> None:
    rows = past(40, 0.3, np.random.default_rng(5))
    assert learned(rows, 40)[1] == 40
    assert learned(rows, 40, ended=START) == (None, 0)
    assert learned(rows, 40, surface="newsletter") == (None, 0)


def test_what_comes_later_does_not_move_the_scale_of_a_running_test() -> None:
    rows = past(40, 0.1, np.random.default_rng(6))
    later = [row(v, READERS, 10 * x, experiment_id="later") for v, x in (("a", 30), ("b", 90))]
    surfaces = dict.fromkeys([*(f"past{test}" for test in range(40)), "appeal", "later"], "article_end")
    both = pl.concat(
        [plans(40), plan("later", starts=START + timedelta(days=1), planned_end=START + timedelta(days=9))]
    )
    found = learned_scales(statistics([*rows, *NEW, *later]), both, shares(40, "later"), surfaces)
    assert found.filter(pl.col("experiment_id") == "appeal")["tau"].item() == learned(rows, 40)[0]
    assert found.filter(pl.col("experiment_id") == "later")["tau_tests"].item() == 40


def test_tests_that_start_in_one_month_share_the_scale_of_those_that_ended_before_it() -> None:
    rows = past(80, 0.1, np.random.default_rng(9))
    surfaces = dict.fromkeys([*(f"past{test}" for test in range(80)), "appeal", "mid"], "article_end")
    last_month, this_month = plans(40), plans(80, ended=START + timedelta(days=2)).slice(40, 40)
    mid = plan("mid", starts=START + timedelta(days=20), planned_end=START + timedelta(days=40))
    found = learned_scales(
        statistics([*rows, *NEW, *(one | {"experiment_id": "mid"} for one in NEW)]),
        pl.concat([last_month, this_month, mid]),
        shares(80, "mid"),
        surfaces,
    ).filter(pl.col("experiment_id").is_in(["appeal", "mid"]))
    assert found["tau_tests"].to_list() == [40, 40]
    assert found["tau"].to_list() == [learned(rows[:80], 40)[0]] * 2


def test_past_tests_whose_readers_were_not_split_as_planned_teach_nothing() -> None:
    rows = past(40, 0.1, np.random.default_rng(10))
    for one in rows[:10:2]:
        one["n"] = READERS + 5_000
    assert learned(rows, 40)[1] == 35


def test_only_the_latest_past_tests_are_read_and_equal_wordings_give_the_smallest_scale() -> None:
    tests = MOST_PAST_TESTS + 10
    tau, found = learned(past(tests, 0.0, np.random.default_rng(7)), tests)
    assert found == MOST_PAST_TESTS
    assert tau is not None
    assert tau < 0.02
    zero = pl.DataFrame({"experiment_id": ["appeal"], "metric": ["conversion"], "tau": [0.0], "tau_tests": [50]})
    assert with_scale(zero.select("experiment_id", "metric"), zero)["tau"].item() == 0.01


def test_money_learns_from_variants_with_enough_gifts() -> None:
    rng = np.random.default_rng(8)
    rows = []
    for test in range(60):
        for variant in "ab":
            gifts = np.round(rng.lognormal(7, 1, 400) * np.exp(rng.normal(0, 0.2)))
            name = {"experiment_id": f"past{test}", "as_of": START - timedelta(days=5)}
            rows.append(money(variant, READERS, 400, float(gifts.sum()), float((gifts**2).sum()), **name))
        few = {"experiment_id": f"past{test + 60}", "as_of": START - timedelta(days=5)}
        rows += [money(variant, READERS, 5, 5e4, 9e8, **few) for variant in "ab"]
    surfaces = dict.fromkeys([*(f"past{test}" for test in range(120)), "appeal"], "article_end")
    new = [money("a", READERS, 500, 5e5, 1e9), money("b", READERS, 540, 6e5, 1e9)]
    found = learned_scales(statistics([*rows, *new]), plans(120), shares(120), surfaces)
    told = found.filter(pl.col("experiment_id") == "appeal").row(0, named=True)
    assert told["tau_tests"] == 60
    assert told["tau"] == pytest.approx(0.2 * np.sqrt(2), rel=0.25)


def test_the_chance_to_be_the_best_uses_the_same_scale() -> None:
    narrow, wide = (
        pl.DataFrame({"experiment_id": ["appeal"], "metric": ["conversion"], "tau": [tau], "tau_tests": [50]})
        for tau in (0.01, 0.5)
    )
    told = [
        describe_variants(statistics(NEW), plan(primary_metric="conversion"), split(), scales=scales)["chance_best"][1]
        for scales in (narrow, wide)
    ]
    assert 0.5 < told[0] < told[1]
