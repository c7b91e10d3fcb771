"""Does a trait work differently by placement, section or device? Its effect in each group, and a test that they are equal.

Each group is estimated by itself; a test whose readers stand in several groups moves all of them, and the comparison
counts that. Own tests know the device of their readers; the placement is that of the test, own or imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from analysis.inference.arrays import Array
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.wording.nesting import Numbers
from analysis.wording.trait_effects import Coded, Estimable

#: Groups of a kind that are looked at: those with most tests.
MOST_GROUPS = 6

#: Kinds of groups that are asked about, in the order of pages.
KINDS = ("placement", "section", "device", "reader_type")

#: Why nothing is said of a kind.
NOT_COUNTED, ONE_GROUP, TOO_FEW = "not_counted", "one_group", "too_few_tests"

INTERACTION_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "kind": pl.String,
    "level": pl.String,
    "trait": pl.String,
    "tests_varying": pl.Int64,
    "lift": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "reason": pl.String,
}


def interactions(arms: pl.DataFrame, segments: pl.DataFrame, traits: Sequence[str]) -> pl.DataFrame:
    """Return the effect of each trait on conversion in each group that allows it.

    Args:
        arms: As for `trait_effects`, with `placement` and `arm_id`.
        segments: Schema `past.SEGMENTS_SCHEMA`.
        traits: Columns of `arms`.

    Returns:
        One row a kind, group and trait that at least two groups can tell, schema `INTERACTION_SCHEMA`; a kind of which
        nothing can be told has one row with its reason.
    """
    frames = [pl.DataFrame(schema=INTERACTION_SCHEMA)]
    for kind in KINDS:
        grouped = _grouped(arms, segments, kind)
        if grouped.is_empty():
            frames.append(_nothing(kind, NOT_COUNTED))
            continue
        counted = grouped.group_by("level").agg(tests=pl.col("test_id").n_unique())
        levels = counted.sort(["tests", "level"], descending=[True, False])["level"].head(MOST_GROUPS).to_list()
        frames.append(_of_kind(kind, grouped, levels, traits) if len(levels) > 1 else _nothing(kind, ONE_GROUP))
    return pl.concat(frames)


def _nothing(kind: str, reason: str) -> pl.DataFrame:
    return pl.DataFrame([{"kind": kind, "reason": reason}], schema=INTERACTION_SCHEMA)


def _grouped(arms: pl.DataFrame, segments: pl.DataFrame, kind: str) -> pl.DataFrame:
    if kind == "placement":
        return arms.drop_nulls("placement").with_columns(level="placement")
    of_kind = segments.filter((pl.col("kind") == kind) & (pl.col("level") != "unknown"))
    return arms.drop("readers", "conversions").join(of_kind, on=["test_id", "arm_id"])


@dataclass(frozen=True)
class _Told:
    """What one group tells of one trait; `influence` has one element a test, `tests` are their numbers over all groups."""

    coefficient: float
    low: float
    high: float
    df: int
    tests_varying: int
    influence: Array
    tests: Numbers


def _of_kind(kind: str, grouped: pl.DataFrame, levels: Sequence[str], traits: Sequence[str]) -> pl.DataFrame:
    numbered = grouped.with_columns(test_number=pl.col("test_id").rank("dense").cast(pl.Int64))
    found = {level: _of_group(numbered.filter(level=level), traits) for level in levels}
    asked = {
        trait: told
        for trait in traits
        if len(told := {level: of_level[trait] for level, of_level in found.items() if trait in of_level}) > 1
    }
    if not asked:
        return _nothing(kind, TOO_FEW)
    p = [_p_of_equality(list(told.values())) for told in asked.values()]
    q = np.atleast_1d(benjamini_hochberg(np.array(p)))
    rows = [
        {
            "kind": kind,
            "level": level,
            "trait": trait,
            "tests_varying": one.tests_varying,
            "lift": float(np.expm1(one.coefficient)),
            "low": one.low,
            "high": one.high,
            "p": p[place],
            "q": float(q[place]),
        }
        for place, (trait, told) in enumerate(asked.items())
        for level, one in told.items()
    ]
    return pl.DataFrame(rows, schema=INTERACTION_SCHEMA)


def _of_group(arms: pl.DataFrame, traits: Sequence[str]) -> dict[str, _Told]:
    coded = Coded.of(arms, traits, "conversion")
    columns = Estimable.of(coded).columns
    if not columns:
        return {}
    effects, nesting = coded.fit(columns), coded.nesting
    tests = np.zeros(nesting.tests, dtype=np.int64)
    tests[nesting.test[nesting.block]] = coded.arms["test_number"].to_numpy()
    low, high = effects.interval()
    return {
        traits[column]: _Told(
            float(effects.coefficient[place]),
            float(low[place]),
            float(high[place]),
            effects.df,
            int(effects.varying[place]),
            effects.influence[:, place],
            tests,
        )
        for place, column in enumerate(columns)
    }


def _p_of_equality(groups: Sequence[_Told]) -> float:
    """P of the Wald test that a trait's effects are equal in all groups, clustered by test over groups.

    Source: Wald 1943; Liang & Zeger 1986 (the covariance of two groups is the sum over tests of the products of what the
    test moves each by).
    """
    tests = np.unique(np.concatenate([one.tests for one in groups]))
    moved = np.zeros((tests.size, len(groups)))
    for column, one in enumerate(groups):
        moved[np.searchsorted(tests, one.tests), column] = one.influence
    contrast = np.eye(len(groups))[1:] - np.eye(len(groups))[0]
    difference = contrast @ np.array([one.coefficient for one in groups])
    covariance = contrast @ (moved.T @ moved) @ contrast.T
    wald = float(difference @ np.linalg.pinv(covariance) @ difference) / difference.size
    return float(special.fdtrc(difference.size, min(one.df for one in groups), wald))
