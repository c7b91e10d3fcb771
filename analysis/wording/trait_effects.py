"""What traits of wording did, over all tests: effects, how sure they are, and which of them cannot be told.

Rows are arms of past tests with their traits coded; the kernel stands in `evidence.py`. Traits are associations inside
tests: a trait that always came with another cannot be told from it, and that is said by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from analysis.inference.arrays import Array, root, sum_by
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.wording.evidence import WordingEffects, regress, wording_effects

#: A trait is estimated where arms of so many tests have it, and where it varies inside so many.
FEWEST_TESTS_SEEN = 10
FEWEST_TESTS_VARYING = 5

#: Tests that varied a trait alone from which they are estimated by themselves: only these may claim a cause.
FEWEST_TESTS_ALONE = 5

#: Correlation inside tests from which two traits are named together.
TOGETHER = 0.7

#: Share of a trait's own variation that must be left when all others are known; less cannot be told apart.
_LEFT_ALONE = 1e-6


class Unknown(StrEnum):
    """Why a trait has no effect."""

    SEEN_TOO_SELDOM = "seen_too_seldom"
    """Fewer than ten tests have a text with it."""
    VARIES_TOO_SELDOM = "varies_too_seldom"
    """In fewer than five tests do the texts differ in it."""
    SAME_AS_OTHERS = "same_as_others"
    """Inside tests it always came with other traits and cannot be told from them."""
    TOO_FEW_TESTS = "too_few_tests"
    """There are not more tests than traits."""


class Status(StrEnum):
    """What may be said of a trait's direction."""

    CONFIRMED = "confirmed"
    """Found in earlier tests (q <= 0.05), and later tests alone say the same."""
    LEANING = "leaning"
    """q <= 0.20 over all tests, not confirmed."""
    CONTRADICTED = "contradicted"
    """Found in earlier tests, and later tests alone say the opposite."""
    OPEN = "open"
    """Estimated, and nothing clear."""
    UNKNOWN = "unknown"
    """Not estimated; `reason` says why."""


TRAIT_EFFECT_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "trait": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "tests_seen": pl.Int64,
    "tests_varying": pl.Int64,
    "tests_alone": pl.Int64,
    "tests_better": pl.Int64,
    "tests_worse": pl.Int64,
    "lift": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "q": pl.Float64,
    "shrunk_lift": pl.Float64,
    "pair_low": pl.Float64,
    "pair_high": pl.Float64,
    "comes_with": pl.String,
    "coefficient": pl.Float64,
    "se": pl.Float64,
    "shrunk_coefficient": pl.Float64,
    "shrunk_se": pl.Float64,
    "alone_lift": pl.Float64,
    "alone_low": pl.Float64,
    "alone_high": pl.Float64,
}


@dataclass(frozen=True)
class TraitEvidence:
    """Effects of all traits on one outcome.

    Attributes:
        table: One row a trait, columns of `TRAIT_EFFECT_SCHEMA`; lifts are for one unit of the trait.
        tests: Tests with two arms and more.
        arms: Their arms.
        sigma2: Variance between arms of a test that the traits leave unexplained; None where nothing could be estimated.
        method: `log_rate`, `poisson` or `log_value`; None where nothing could be estimated.
    """

    table: pl.DataFrame
    tests: int
    arms: int
    sigma2: float | None
    method: str | None


def outcome_of(arms: pl.DataFrame, outcome: str) -> tuple[Array, Array]:
    """Log outcome of each arm and its sampling variance: `conversion`, or `value` per reader.

    Value needs `effective_gifts` (k = s1^2 / s2, Kish 1965); its variance is 1/k - 1/n.
    """
    n = arms["readers"].cast(pl.Float64).to_numpy()
    if outcome == "conversion":
        x = arms["conversions"].cast(pl.Float64).to_numpy()
        return np.log((x + 0.5) / (n + 0.5)), 1 / (x + 0.5) - 1 / (n + 0.5)
    value = arms["value"].cast(pl.Float64).to_numpy()
    return np.log(value / n), 1 / arms["effective_gifts"].cast(pl.Float64).to_numpy() - 1 / n


def trait_effects(
    arms: pl.DataFrame,
    traits: Sequence[str],
    *,
    outcome: str = "conversion",
    alpha: float = 0.05,
    slack: Mapping[str, float] | None = None,
) -> TraitEvidence:
    """Effects of traits inside tests, over all tests.

    Args:
        arms: One row an arm: `test_id`, `readers`, `conversions` (for `value` also `value`, `effective_gifts`), a Float64
            column a trait, and `ended` (Date, may be null), by which earlier and later tests are told apart. Arms with a
            null in a trait are left out.
        traits: Columns to estimate.
        outcome: `conversion` or `value`.
        alpha: 1 less the level of the ranges.
        slack: How far arms of a test may differ in a trait while another one is said to vary alone; 0 where none is given.

    Raises:
        ValueError: another outcome, or no such column.
    """
    if outcome not in ("conversion", "value"):
        raise ValueError(f"outcome = {outcome!r} must be conversion or value")
    usable = arms.drop_nulls([*traits, "readers"]).filter(pl.col("readers") > 0)
    if outcome == "value":
        usable = usable.drop_nulls(["value", "effective_gifts"]).filter(
            (pl.col("value") > 0) & (pl.col("effective_gifts") > 0)
        )
    else:
        # A test in which nobody gave says nothing of what makes people give, and its likelihood has no slope.
        usable = usable.drop_nulls(["conversions"]).filter(pl.col("conversions").sum().over("test_id") > 0)
    usable = usable.filter(pl.len().over("test_id") > 1)
    test = usable["test_id"].rank("dense").cast(pl.Int64).to_numpy() - 1 if usable.height else np.zeros(0, np.int64)
    tests = int(test.max()) + 1 if test.size else 0
    matrix = usable.select(pl.col(list(traits)).cast(pl.Float64)).to_numpy() if traits else np.zeros((test.size, 0))
    seen, varying, alone = _appearances(
        test, tests, matrix, np.array([(slack or {}).get(name, 0.0) for name in traits])
    )
    reasons = _reasons(test, tests, matrix, seen, varying)
    kept = [index for index, reason in enumerate(reasons) if reason is None]
    while kept and tests <= len(kept):
        reasons = [Unknown.TOO_FEW_TESTS if reason is None else reason for reason in reasons]
        kept = []
    rows = _rows(traits, reasons, seen, varying, alone)
    if not kept:
        return TraitEvidence(_table(rows), tests, test.size, None, None)
    found = _fit(usable, test, matrix[:, kept], outcome)
    y, _ = outcome_of(usable, outcome)
    shrunk, shrunk_se = shrink(found.coefficient, found.se_cluster, _spread(test, tests, matrix[:, kept]))
    low, high = found.interval(alpha)
    pair_low, pair_high = found.interval_of_new_pair(alpha)
    p = 2 * special.stdtr(found.df, -np.abs(found.coefficient / found.se_cluster))
    q = np.atleast_1d(benjamini_hochberg(p))
    better, worse = _directions(test, tests, y, matrix[:, kept])
    together = _together(test, tests, matrix, traits, reasons)
    held = _held_later(usable, test, matrix[:, kept], outcome)
    for place, index in enumerate(kept):
        rows[index] |= {
            "status": _status(float(q[place]), *held[place], float(found.coefficient[place])),
            "tests_better": int(better[place]),
            "tests_worse": int(worse[place]),
            "lift": float(np.expm1(found.coefficient[place])),
            "low": float(low[place]),
            "high": float(high[place]),
            "q": float(q[place]),
            "shrunk_lift": float(np.expm1(shrunk[place])),
            "pair_low": float(pair_low[place]),
            "pair_high": float(pair_high[place]),
            "coefficient": float(found.coefficient[place]),
            "se": float(found.se_cluster[place]),
            "shrunk_coefficient": float(shrunk[place]),
            "shrunk_se": float(shrunk_se[place]),
        }
    for index in kept:
        rows[index] |= _estimated_alone(usable, test, matrix[:, [index]], alone[:, index], outcome, alpha)
    for index, names in together.items():
        rows[index]["comes_with"] = ", ".join(names)
    method = "log_value" if outcome == "value" else found.method
    return TraitEvidence(_table(rows), tests, test.size, found.sigma2, method)


def _fit(arms: pl.DataFrame, test: NDArray[np.int64], matrix: Array, outcome: str) -> WordingEffects:
    if outcome == "conversion":
        return wording_effects(test, arms["conversions"].to_numpy(), arms["readers"].to_numpy(), matrix)
    y, variance = outcome_of(arms, outcome)
    return replace(regress(y, variance, test, matrix), method="log_value")


def _estimated_alone(
    arms: pl.DataFrame, test: NDArray[np.int64], column: Array, alone: NDArray[np.bool_], outcome: str, alpha: float
) -> dict[str, object]:
    """Effect of a trait in the tests that varied it alone; empty where they are too few."""
    if alone.sum() < FEWEST_TESTS_ALONE:
        return {}
    is_here = alone[test]
    found = _fit(arms.filter(pl.Series(is_here)), test[is_here], column[is_here], outcome)
    low, high = found.interval(alpha)
    return {"alone_lift": float(found.lift[0]), "alone_low": float(low[0]), "alone_high": float(high[0])}


def shrink(coefficient: Array, se: Array, unit: Array) -> tuple[Array, Array]:
    """Coefficients pulled towards 0 by how much traits differ at all, and their posterior standard deviations.

    Normal-normal over standardised traits: coefficient times the trait's spread inside tests (`unit`) is N(0, tau^2),
    tau by Paule-Mandel with the mean held at 0. Shape of all (traits,).

    Source: Efron & Morris 1973; Paule & Mandel 1982.
    """
    scale = np.where(unit > 0, unit, 1.0)
    b, s2 = coefficient * scale, (se * scale) ** 2

    def excess(tau2: float) -> float:
        return float((b**2 / (s2 + tau2)).sum()) - b.size

    tau2 = root(excess, 0.0, float((b**2).sum()) + float(s2.max())) if excess(0.0) > 0 else 0.0
    # A prior that allows nothing cannot be updated (statistics of the appeal tests, edge cases: 0.01).
    tau2 = max(tau2, 0.01**2)
    keep = tau2 / (tau2 + s2)
    return keep * b / scale, np.sqrt(keep * s2) / scale


def _appearances(
    test: NDArray[np.int64], tests: int, matrix: Array, slack: Array
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Tests that have each trait; whether it varies in each test, and whether it alone does (tests, traits)."""
    columns = matrix.shape[1]
    seen: NDArray[np.int64] = np.zeros(columns, dtype=np.int64)
    varying: NDArray[np.bool_] = np.zeros((tests, columns), dtype=np.bool_)
    against: NDArray[np.bool_] = np.zeros((tests, columns), dtype=np.bool_)
    for column in range(columns):
        high, low = np.full(tests, -np.inf), np.full(tests, np.inf)
        np.maximum.at(high, test, matrix[:, column])
        np.minimum.at(low, test, matrix[:, column])
        varying[:, column] = high > low
        against[:, column] = high - low > slack[column] + 1e-9
        seen[column] = int(((high > 0) | (low < 0)).sum())
    others = against.sum(axis=1)[:, None] - against
    return seen, varying, varying & (others == 0)


def _demeaned(test: NDArray[np.int64], tests: int, matrix: Array) -> Array:
    size = np.maximum(np.bincount(test, minlength=tests), 1)
    means = np.stack([sum_by(test, column, tests) / size for column in matrix.T], axis=1)
    return matrix - means[test]


def _spread(test: NDArray[np.int64], tests: int, matrix: Array) -> Array:
    inner = _demeaned(test, tests, matrix)
    return np.sqrt((inner**2).sum(axis=0) / max(test.size - tests, 1))


def _reasons(
    test: NDArray[np.int64], tests: int, matrix: Array, seen: NDArray[np.int64], varying: NDArray[np.bool_]
) -> list[Unknown | None]:
    reasons: list[Unknown | None] = []
    for column in range(matrix.shape[1]):
        if seen[column] < FEWEST_TESTS_SEEN:
            reasons.append(Unknown.SEEN_TOO_SELDOM)
        elif varying[:, column].sum() < FEWEST_TESTS_VARYING:
            reasons.append(Unknown.VARIES_TOO_SELDOM)
        else:
            reasons.append(None)
    # Left to right, as Cholesky goes: a trait that those before it explain inside tests is not told from them.
    inner = _demeaned(test, tests, matrix)
    gram = inner.T @ inner
    factors: list[Array] = []
    for column, reason in enumerate(reasons):
        if reason is not None:
            continue
        rest = gram[column] - sum((factor[column] * factor for factor in factors), np.zeros(gram.shape[0]))
        if rest[column] <= _LEFT_ALONE * gram[column, column]:
            reasons[column] = Unknown.SAME_AS_OTHERS
        else:
            factors.append(rest / np.sqrt(rest[column]))
    return reasons


def _together(
    test: NDArray[np.int64], tests: int, matrix: Array, traits: Sequence[str], reasons: Sequence[Unknown | None]
) -> dict[int, list[str]]:
    """For each trait the others whose correlation with it inside tests is strong; a minus for opposite ways."""
    shown = [index for index, reason in enumerate(reasons) if reason in (None, Unknown.SAME_AS_OTHERS)]
    inner = _demeaned(test, tests, matrix[:, shown])
    length = np.sqrt((inner**2).sum(axis=0))
    correlation = (inner.T @ inner) / np.outer(length, length)
    found: dict[int, list[str]] = {}
    for place, index in enumerate(shown):
        strong = [other for other in np.argsort(-np.abs(correlation[place])) if other != place]
        names = [
            f"{'-' if correlation[place, other] < 0 else ''}{traits[shown[other]]}"
            for other in strong
            if abs(correlation[place, other]) >= TOGETHER
        ]
        if names:
            found[index] = names
    return found


def _directions(test: NDArray[np.int64], tests: int, y: Array, matrix: Array) -> tuple[Array, Array]:
    """Tests in which more of the trait went with more, and with less; a description, without weights."""
    inner_y = _demeaned(test, tests, y[:, None])[:, 0]
    inner = _demeaned(test, tests, matrix)
    slope = np.stack([sum_by(test, column * inner_y, tests) for column in inner.T], axis=1)
    return (slope > 1e-12).sum(axis=0), (slope < -1e-12).sum(axis=0)


def _held_later(
    arms: pl.DataFrame, test: NDArray[np.int64], matrix: Array, outcome: str
) -> list[tuple[float | None, float | None, float | None]]:
    """Per trait: z of the earlier half's effect with its q, and z of the later half's; None where not estimable."""
    columns = matrix.shape[1]
    nothing: list[tuple[float | None, float | None, float | None]] = [(None, None, None)] * columns
    if "ended" not in arms.columns or arms["ended"].null_count() == arms.height:
        return nothing
    is_early = earlier_tests(arms).to_numpy()
    halves = []
    for half in (is_early, ~is_early):
        rows, numbers = matrix[half], np.unique(test[half], return_inverse=True)[1]
        count = int(numbers.max()) + 1 if numbers.size else 0
        _, varying, _ = _appearances(numbers, count, rows, np.zeros(columns))
        usable = np.flatnonzero(varying.sum(axis=0) >= FEWEST_TESTS_VARYING)
        z = np.full(columns, np.nan)
        if usable.size and count > usable.size + 1:
            free = [
                int(usable[place])
                for place, reason in enumerate(
                    _reasons(
                        numbers,
                        count,
                        rows[:, usable],
                        np.full(usable.size, FEWEST_TESTS_SEEN, dtype=np.int64),
                        varying[:, usable],
                    )
                )
                if reason is None
            ]
            found = _fit(arms.filter(pl.Series(half)), numbers, rows[:, free], outcome)
            t = found.coefficient / found.se_cluster
            z[free] = -special.ndtri(special.stdtr(found.df, -np.abs(t))) * np.sign(t)
        halves.append(z)
    early, late = halves
    q = np.full(columns, np.nan)
    known = np.isfinite(early)
    if known.any():
        q[known] = benjamini_hochberg(2 * special.ndtr(-np.abs(early[known])))
    return [
        tuple(None if np.isnan(one) else float(one) for one in (early[i], q[i], late[i]))  # type: ignore[misc]
        for i in range(columns)
    ]


def earlier_tests(arms: pl.DataFrame, share: float = 0.5) -> pl.Series:
    """True for arms of the earlier tests: those up to the day by which `share` of the dated tests had ended.

    Tests without a day count as earlier: they may teach, they do not judge.
    """
    ended = arms.group_by("test_id").agg(pl.col("ended").max())["ended"].drop_nulls().sort()
    if ended.is_empty():
        return pl.Series("is_early", [True] * arms.height)
    day = ended[max(int(len(ended) * share) - 1, 0)]
    of_test = pl.col("ended").max().over("test_id")
    return arms.select(is_early=of_test.is_null() | (of_test <= day)).to_series()


def _status(q: float, early: float | None, early_q: float | None, late: float | None, coefficient: float) -> Status:
    if early is not None and early_q is not None and late is not None and early_q <= 0.05 and abs(late) > 1.959964:
        return Status.CONFIRMED if early * late > 0 and late * coefficient > 0 else Status.CONTRADICTED
    return Status.LEANING if q <= 0.20 else Status.OPEN


def _rows(
    traits: Sequence[str],
    reasons: Sequence[Unknown | None],
    seen: NDArray[np.int64],
    varying: NDArray[np.bool_],
    alone: NDArray[np.bool_],
) -> list[dict[str, object]]:
    return [
        {
            "trait": name,
            "status": Status.UNKNOWN if reasons[index] else Status.OPEN,
            "reason": reasons[index],
            "tests_seen": int(seen[index]),
            "tests_varying": int(varying[:, index].sum()),
            "tests_alone": int(alone[:, index].sum()),
        }
        for index, name in enumerate(traits)
    ]


def _table(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(
        [{name: row.get(name) for name in TRAIT_EFFECT_SCHEMA} for row in rows], schema=TRAIT_EFFECT_SCHEMA
    )
