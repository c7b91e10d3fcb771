"""Groups alike before the test: the joint test of what was known of readers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analysis.errors import TableError
from analysis.inference.balance import Balance, balance
from analysis.inference.results import NotEstimable, Reason
from analysis.table_balance import balance_checks
from analysis.tables import TableColumns

KARLAN_LIST = Path(__file__).parents[4] / "shared" / "data" / "karlan_list_2007.csv"


def drawn(readers: int, seed: int, groups: int = 2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    visits = random.lognormal(1.0, 1.0, readers)
    known = np.column_stack([visits, 0.5 * visits + random.normal(size=readers), random.integers(0, 2, readers)])
    return random.integers(0, groups, readers), known.astype(np.float64)


def found(group: np.ndarray, covariates: np.ndarray) -> Balance:
    result = balance(group, covariates)
    assert isinstance(result, Balance)
    return result


def test_joint_statistic_of_two_groups_is_that_of_the_regression_of_the_group_on_the_covariates() -> None:
    group, known = drawn(500, 1)
    design = np.column_stack([np.ones(500), known])
    left = group - design @ np.linalg.lstsq(design, group, rcond=None)[0]
    r_squared = 1 - (left**2).sum() / ((group - group.mean()) ** 2).sum()
    assert found(group, known).chi_square == pytest.approx(499 * r_squared, rel=1e-9)
    assert found(group, known).df == 3


@pytest.mark.parametrize("groups", [2, 4])
def test_a_random_draw_alarms_as_often_as_it_says(groups: int) -> None:
    p = np.array([found(*drawn(400, seed, groups)).p for seed in range(600)])
    for level in (0.05, 0.5):
        assert abs((p < level).mean() - level) < 3.3 * np.sqrt(level * (1 - level) / p.size)


def test_groups_that_differ_in_a_little_of_everything_are_found_together() -> None:
    group, known = drawn(4000, 2)
    known = known + 0.12 * group[:, None] * known.std(axis=0)
    assert found(group, known).p < 0.01


def test_another_unit_and_the_order_of_readers_change_nothing_and_a_repeated_column_counts_once() -> None:
    group, known = drawn(500, 3)
    order = np.random.default_rng(4).permutation(500)
    once = found(group, known)
    for again in (found(group, 100 * known + 7), found(group[order], known[order]), found(1 - group, known)):
        assert again.chi_square == pytest.approx(once.chi_square)
    twice = found(group, np.column_stack([known, 2 * known[:, 0]]))
    assert (twice.df, twice.chi_square) == (once.df, pytest.approx(once.chi_square))


def test_that_a_covariate_is_missing_is_compared_as_well() -> None:
    group, known = drawn(2000, 5)
    random = np.random.default_rng(6)
    alike, more_in_one = known.copy(), known.copy()
    alike[random.random(2000) < 0.2, 0] = np.nan
    more_in_one[random.random(2000) < np.where(group == 1, 0.3, 0.1), 0] = np.nan
    assert found(group, alike).df == 4
    assert found(group, alike).p > 0.01
    assert found(group, more_in_one).p < 1e-6
    assert found(group, more_in_one).missing[:, 0].sum() == np.isnan(more_in_one[:, 0]).sum()


@pytest.mark.parametrize(
    ("group", "known", "reason"),
    [
        (np.zeros(500, dtype=np.int64), np.ones((500, 1)), Reason.NO_EXPOSURE),
        (np.arange(30) % 2, np.ones((30, 2)), Reason.TOO_FEW_READERS),
        (np.arange(500) % 2, np.ones((500, 1)), Reason.NO_VARIATION),
        (np.arange(500) % 2, np.full((500, 1), np.nan), Reason.NO_VARIATION),
    ],
)
def test_what_cannot_be_compared_says_why(group: np.ndarray, known: np.ndarray, reason: Reason) -> None:
    assert balance(group, known) == NotEstimable(reason)


@pytest.mark.skipif(not KARLAN_LIST.exists(), reason="karlan_list_2007.csv is not on this machine")
def test_letters_of_karlan_and_list_are_balanced_together_and_one_by_one(tmp_path: Path) -> None:
    """Table 1 of Karlan & List 2007: treatment and control do not differ in what was known of donors before the letter."""
    names = ["mrm2", "hpa", "freq", "years", "dormant", "female", "couple"]
    letters = pl.read_csv(KARLAN_LIST).with_columns(
        pl.col(name).cast(pl.Float64).replace(-999.0, None) for name in names
    )
    table = tmp_path / "letters.csv"
    letters.select("treatment", "out_gavedum", *names).write_csv(table)
    row = balance_checks(table, TableColumns("treatment", "out_gavedum"), names).row(0, named=True)
    said = json.loads(row["detail"])
    assert row["status"] == "pass"
    # Seven columns, and that sex, couple and (of one letter) last gift and years are not known.
    assert (said["df"], round(said["p"], 2)) == (10, 0.45)
    assert round(said["columns"]["female"]["p"], 2) == 0.08
    assert min(one["p"] for one in said["columns"].values()) == said["columns"]["female"]["p"]
    assert said["columns"]["female"]["missing"] == {"0": 348, "1": 763}


def test_a_table_says_which_test_was_drawn_unevenly_and_refuses_what_is_no_number(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    lines = [
        f"{test},{variant},{int(random.random() < 0.1)},{random.normal(0.5 if (test, variant) == ('two', 'b') else 0):.3f}"
        for test in ("one", "two")
        for variant in "ab"
        for _ in range(400)
    ]
    table = tmp_path / "tests.csv"
    table.write_text("test,variant,gave,visits\n" + "\n".join(lines) + "\n")
    columns = TableColumns("variant", "gave", test="test")
    assert dict(balance_checks(table, columns, ["visits"]).select("test", "status").iter_rows()) == {
        "one": "pass", "two": "block"
    }  # fmt: skip
    with pytest.raises(TableError, match="no column vists"):
        balance_checks(table, columns, ["vists"])
    table.write_text("test,variant,gave,visits\none,a,1,many\none,b,0,2\n")
    with pytest.raises(TableError, match="Column visits holds a value that is no number"):
        balance_checks(table, columns, ["visits"])
