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
from scipy import special

from analysis.inference.arrays import Array, root
from analysis.inference.multiplicity import benjamini_hochberg
from analysis.wording.evidence import WordingEffects, regress, wording_effects
from analysis.wording.nesting import Flags, Nesting, Numbers

#: A trait is estimated where arms of so many tests have it, and where it varies inside so many.
FEWEST_TESTS_SEEN = 10
FEWEST_TESTS_VARYING = 5

#: Tests that varied a trait alone from which they are estimated by themselves: only these may claim a cause.
FEWEST_TESTS_ALONE = 5

#: q-value up to which something is found: of a trait in the earlier tests, and of one that was varied alone.
CLEAR_Q = 0.05

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
    """Found in earlier tests, and later tests alone say the opposite; or the tests that varied it alone do."""
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
    "alone_q": pl.Float64,
}


@dataclass(frozen=True)
class TraitEvidence:
    """Effects of all traits on one outcome.

    Attributes:
        table: One row a trait, columns of `TRAIT_EFFECT_SCHEMA`; lifts are for one unit of the trait.
        tests: Tests with two arms and more in a block.
        arms: Their arms.
        sigma2: Variance between arms of a block that the traits leave unexplained; None where nothing could be estimated.
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


@dataclass(frozen=True)
class Coded:
    """Arms that can speak of an outcome, as arrays: blocks of two arms and more, a block's arms together.

    Attributes:
        arms: The arms, in the order of `nesting`.
        nesting: Blocks and tests.
        traits: Names of the columns of `matrix`.
        matrix: Shape (arms, traits).
        outcome: `conversion` or `value`.
    """

    arms: pl.DataFrame
    nesting: Nesting
    traits: tuple[str, ...]
    matrix: Array
    outcome: str

    @classmethod
    def of(cls, arms: pl.DataFrame, traits: Sequence[str], outcome: str) -> Coded:
        """The arms whose traits and outcome are known.

        Raises:
            ValueError: another outcome.
        """
        usable = _usable(arms, traits, outcome)
        if "block_id" not in usable.columns:
            usable = usable.with_columns(block_id="test_id")
        block, test = (usable[name].rank("dense").to_numpy() for name in ("block_id", "test_id"))
        nesting = Nesting.of(block, test)
        rows = usable[nesting.rows] if usable.height else usable
        matrix = rows.select(pl.col(list(traits)).cast(pl.Float64)).to_numpy() if traits else np.zeros((rows.height, 0))
        return cls(rows, nesting, tuple(traits), matrix, outcome)

    def part(self, rows: Flags, columns: Sequence[int]) -> Coded:
        """Some of the arms, with some of the traits."""
        return Coded.of(self.arms.filter(pl.Series(rows)), [self.traits[column] for column in columns], self.outcome)

    def fit(self, columns: Sequence[int]) -> WordingEffects:
        """Effects of some of the traits on the outcome.

        Raises:
            ValueError: as `evidence.regress`.
        """
        block, test = self.nesting.block, self.nesting.test[self.nesting.block]
        features = self.matrix[:, list(columns)]
        if self.outcome == "conversion":
            counts = (self.arms["conversions"].to_numpy(), self.arms["readers"].to_numpy())
            return wording_effects(block, *counts, features, test=test)
        y, variance = outcome_of(self.arms, self.outcome)
        return replace(regress(y, variance, block, features, test=test), method="log_value")


def _usable(arms: pl.DataFrame, traits: Sequence[str], outcome: str) -> pl.DataFrame:
    if outcome not in ("conversion", "value"):
        raise ValueError(f"outcome = {outcome!r} must be conversion or value")
    usable = arms.drop_nulls([*traits, "readers"]).filter(pl.col("readers") > 0)
    if outcome == "value":
        return usable.drop_nulls(["value", "effective_gifts"]).filter(
            (pl.col("value") > 0) & (pl.col("effective_gifts") > 0)
        )
    # A block in which nobody gave says nothing of what makes people give, and its likelihood has no slope.
    block = "block_id" if "block_id" in usable.columns else "test_id"
    return usable.drop_nulls(["conversions"]).filter(pl.col("conversions").sum().over(block) > 0)


@dataclass(frozen=True)
class Estimable:
    """Which traits can be estimated.

    Attributes:
        reasons: For each trait why not; None where it can.
        seen: Tests that have it, shape (traits,).
        varying: Whether it varies in each test, shape (tests, traits).
    """

    reasons: tuple[Unknown | None, ...]
    seen: Numbers
    varying: Flags

    @classmethod
    def of(cls, coded: Coded, *, fewest_seen: int = FEWEST_TESTS_SEEN) -> Estimable:
        """By how many tests have and vary each trait, and what is left of it when all others are known."""
        nesting, matrix = coded.nesting, coded.matrix
        has = np.zeros((nesting.blocks, matrix.shape[1]), dtype=np.bool_)
        if nesting.blocks:
            has = np.logical_or.reduceat(matrix != 0, nesting.starts, axis=0)
        seen = nesting.any_by_test(has).sum(axis=0)
        varying = nesting.any_by_test(nesting.ranges(matrix) > 0)
        reasons: list[Unknown | None] = [
            Unknown.SEEN_TOO_SELDOM
            if seen[column] < fewest_seen
            else Unknown.VARIES_TOO_SELDOM
            if varying[:, column].sum() < FEWEST_TESTS_VARYING
            else None
            for column in range(matrix.shape[1])
        ]
        kept = [column for column, reason in enumerate(reasons) if reason is None]
        for column in _told_by_others(nesting.demeaned(matrix[:, kept])):
            reasons[kept[column]] = Unknown.SAME_AS_OTHERS
        left = reasons.count(None)
        if left and nesting.tests <= left:
            reasons = [Unknown.TOO_FEW_TESTS if reason is None else reason for reason in reasons]
        return cls(tuple(reasons), seen, varying)

    @property
    def columns(self) -> list[int]:
        """The traits that can."""
        return [column for column, reason in enumerate(self.reasons) if reason is None]


def _told_by_others(inner: Array) -> list[int]:
    """Columns of rows less their means that those before them tell, by pivots of the Cholesky factor."""
    gram = inner.T @ inner
    factors: list[Array] = []
    told = []
    for column in range(gram.shape[0]):
        rest = gram[column] - sum((factor[column] * factor for factor in factors), np.zeros(gram.shape[0]))
        if rest[column] <= _LEFT_ALONE * gram[column, column]:
            told.append(column)
        else:
            factors.append(rest / np.sqrt(rest[column]))
    return told


@dataclass(frozen=True)
class Learned:
    """Effects of the traits that could be estimated, shrunk; `columns` are their places among the traits."""

    columns: tuple[int, ...]
    found: WordingEffects
    shrunk: Array
    shrunk_se: Array


def learn(coded: Coded, estimable: Estimable | None = None) -> Learned | None:
    """Return the effects of all traits that can be estimated; None where none can."""
    columns = (estimable or Estimable.of(coded)).columns
    if not columns:
        return None
    found = coded.fit(columns)
    inner = coded.nesting.demeaned(coded.matrix[:, columns])
    shrunk, shrunk_se = shrink(found.coefficient, found.se_cluster, np.sqrt((inner**2).mean(axis=0)))
    return Learned(tuple(columns), found, shrunk, shrunk_se)


def trait_effects(
    arms: pl.DataFrame,
    traits: Sequence[str],
    *,
    outcome: str = "conversion",
    alpha: float = 0.05,
    slack: Mapping[str, float] | None = None,
) -> TraitEvidence:
    """Effects of traits inside blocks, over all tests.

    Args:
        arms: One row an arm: `test_id`, `block_id` (the arms that are compared; the test where there is no such column),
            `readers`, `conversions` (for `value` also `value`, `effective_gifts`), a Float64 column a trait, and `ended` (Date,
            may be null), by which earlier and later tests are told apart. Arms with a null in a trait are left out.
        traits: Columns to estimate.
        outcome: `conversion` or `value`.
        alpha: 1 less the level of the ranges.
        slack: How far arms of a block may differ in a trait while another one is said to vary alone; 0 where none is given.

    Raises:
        ValueError: another outcome, or no such column.
    """
    coded = Coded.of(arms, traits, outcome)
    nesting, matrix = coded.nesting, coded.matrix
    estimable = Estimable.of(coded)
    alone = _varied_alone(nesting, matrix, np.array([(slack or {}).get(name, 0.0) for name in traits]))
    rows = [
        {
            "trait": name,
            "status": Status.UNKNOWN if estimable.reasons[index] else Status.OPEN,
            "reason": estimable.reasons[index],
            "tests_seen": int(estimable.seen[index]),
            "tests_varying": int(estimable.varying[:, index].sum()),
            "tests_alone": int(nesting.any_by_test(alone[:, [index]]).sum()),
        }
        for index, name in enumerate(traits)
    ]
    learned = learn(coded, estimable)
    if learned is None:
        return TraitEvidence(_table(rows), nesting.tests, nesting.block.size, None, None)
    found = learned.found
    low, high = found.interval(alpha)
    pair_low, pair_high = found.interval_of_new_pair(alpha)
    q = np.atleast_1d(benjamini_hochberg(2 * special.stdtr(found.df, -np.abs(found.coefficient / found.se_cluster))))
    y, _ = outcome_of(coded.arms, outcome)
    better, worse = _directions(nesting, y, matrix[:, learned.columns])
    held = _held_later(coded, learned.columns)
    by_itself = _estimated_alone(coded, alone, learned.columns, alpha)
    for place, index in enumerate(learned.columns):
        rows[index] |= {
            "status": _against_alone(
                _status(float(q[place]), *held[place], float(found.coefficient[place])),
                float(found.coefficient[place]),
                by_itself.get(index),
            ),
            "tests_better": int(better[place]),
            "tests_worse": int(worse[place]),
            "lift": float(np.expm1(found.coefficient[place])),
            "low": float(low[place]),
            "high": float(high[place]),
            "q": float(q[place]),
            "shrunk_lift": float(np.expm1(learned.shrunk[place])),
            "pair_low": float(pair_low[place]),
            "pair_high": float(pair_high[place]),
            "coefficient": float(found.coefficient[place]),
            "se": float(found.se_cluster[place]),
            "shrunk_coefficient": float(learned.shrunk[place]),
            "shrunk_se": float(learned.shrunk_se[place]),
            **by_itself.get(index, {}),
        }
    for index, names in _together(coded, estimable.reasons).items():
        rows[index]["comes_with"] = ", ".join(names)
    return TraitEvidence(_table(rows), nesting.tests, nesting.block.size, found.sigma2, found.method)


def _varied_alone(nesting: Nesting, matrix: Array, slack: Array) -> Flags:
    """Whether each trait varies in a block while no other differs by more than its slack, shape (blocks, traits)."""
    ranges = nesting.ranges(matrix)
    against = ranges > slack + 1e-9
    return (ranges > 0) & (against.sum(axis=1)[:, None] - against == 0)


def _estimated_alone(coded: Coded, alone: Flags, columns: Sequence[int], alpha: float) -> dict[int, dict[str, float]]:
    """Effects of traits in the blocks that varied them alone, by column; without those whose tests are too few.

    q-values are over all traits that have such an effect (Benjamini & Hochberg 1995).
    """
    nesting, estimates, p = coded.nesting, dict[int, dict[str, float]](), list[float]()
    for column in columns:
        if np.unique(nesting.test[alone[:, column]]).size < FEWEST_TESTS_ALONE:
            continue
        found = coded.part(alone[nesting.block, column], [column]).fit([0])
        low, high = found.interval(alpha)
        estimates[column] = {
            "alone_lift": float(found.lift[0]),
            "alone_low": float(low[0]),
            "alone_high": float(high[0]),
        }
        p.append(float(2 * special.stdtr(found.df, -abs(found.coefficient[0] / found.se_cluster[0]))))
    q = np.atleast_1d(benjamini_hochberg(np.array(p))) if p else np.empty(0)
    return {
        column: estimate | {"alone_q": float(one)} for (column, estimate), one in zip(estimates.items(), q, strict=True)
    }


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


def _together(coded: Coded, reasons: Sequence[Unknown | None]) -> dict[int, list[str]]:
    """For each trait the others whose correlation with it inside blocks is strong; a minus for opposite ways."""
    shown = [index for index, reason in enumerate(reasons) if reason in (None, Unknown.SAME_AS_OTHERS)]
    inner = coded.nesting.demeaned(coded.matrix[:, shown])
    length = np.sqrt((inner**2).sum(axis=0))
    correlation = (inner.T @ inner) / np.outer(length, length)
    found: dict[int, list[str]] = {}
    for place, index in enumerate(shown):
        strong = [other for other in np.argsort(-np.abs(correlation[place])) if other != place]
        names = [
            f"{'-' if correlation[place, other] < 0 else ''}{coded.traits[shown[other]]}"
            for other in strong
            if abs(correlation[place, other]) >= TOGETHER
        ]
        if names:
            found[index] = names
    return found


def _directions(nesting: Nesting, y: Array, matrix: Array) -> tuple[Array, Array]:
    """Tests in which more of the trait went with more, and with less; a description, without weights."""
    inner = nesting.demeaned(matrix) * nesting.demeaned(y[:, None])
    slope = nesting.sums_by_test(nesting.sums(inner))
    return (slope > 1e-12).sum(axis=0), (slope < -1e-12).sum(axis=0)


def _held_later(coded: Coded, columns: Sequence[int]) -> list[tuple[float | None, float | None, float | None]]:
    """Per trait: z of the earlier half's effect with its q, and z of the later half's; None where not estimable."""
    nothing: list[tuple[float | None, float | None, float | None]] = [(None, None, None)] * len(columns)
    if "ended" not in coded.arms.columns or coded.arms["ended"].null_count() == coded.arms.height:
        return nothing
    is_early = earlier_tests(coded.arms).to_numpy()
    halves = []
    for half in (is_early, ~is_early):
        part = coded.part(half, columns)
        z = np.full(len(columns), np.nan)
        free = Estimable.of(part, fewest_seen=0).columns
        if free:
            found = part.fit(free)
            t = found.coefficient / found.se_cluster
            z[free] = -special.ndtri(special.stdtr(found.df, -np.abs(t))) * np.sign(t)
        halves.append(z)
    early, late = halves
    q = np.full(len(columns), np.nan)
    known = np.isfinite(early)
    if known.any():
        q[known] = benjamini_hochberg(2 * special.ndtr(-np.abs(early[known])))
    return [
        tuple(None if np.isnan(one) else float(one) for one in (early[i], q[i], late[i]))  # type: ignore[misc]
        for i in range(len(columns))
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
    if early is not None and early_q is not None and late is not None and early_q <= CLEAR_Q and abs(late) > 1.959964:
        return Status.CONFIRMED if early * late > 0 and late * coefficient > 0 else Status.CONTRADICTED
    return Status.LEANING if q <= 0.20 else Status.OPEN


def _against_alone(status: Status, coefficient: float, by_itself: Mapping[str, float] | None) -> Status:
    """The status, contradicted where the range of the tests that varied the trait alone is clear on the other side."""
    if by_itself is None or status is Status.OPEN:
        return status
    far_side = by_itself["alone_high"] if coefficient > 0 else -by_itself["alone_low"]
    return Status.CONTRADICTED if far_side < 0 else status


def _table(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(
        [{name: row.get(name) for name in TRAIT_EFFECT_SCHEMA} for row in rows], schema=TRAIT_EFFECT_SCHEMA
    )
