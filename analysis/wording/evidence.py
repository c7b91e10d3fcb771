"""What past tests say about wording: regression of conversion on features of the texts, inside tests.

The kernel only: how rows are chosen, features coded and results worded stands elsewhere. Only differences inside a test
speak; the same regression without test effects would credit a feature with everything that its tests had in common.
Wording is not assigned to tests by chance, so that what comes out is an association within tests, never a cause.

Arms are compared inside blocks; a test may have several (`nesting.py`). Clusters are tests, not blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays, sum_by
from analysis.wording.nesting import Nesting

#: Below so many conversions in the median arm the log form is biased, and the Poisson form is used.
FEWEST_CONVERSIONS = 20


@dataclass(frozen=True)
class WordingEffects:
    """Effects of features on the log conversion rate; arrays have one element a feature.

    Attributes:
        coefficient: Change of the log rate for one unit of the feature.
        se_model: Standard error if the model holds.
        se_cluster: Standard error robust to whatever tests have in common, with the factor G/(G - P).
        sigma2: Variance of the log rate between arms of a test that the features do not explain.
        df: Degrees of freedom of the t quantile, tests less features.
        tests: Tests with two arms and more in a block, the ones that speak.
        varying: Tests in which each feature varies.
        influence: What each test moves each coefficient by, shape (tests, features); squares add up to se_cluster^2;
            tests in the order of their labels.
        method: `log_rate` or `poisson`.
    """

    coefficient: Array
    se_model: Array
    se_cluster: Array
    sigma2: float
    df: int
    tests: int
    varying: NDArray[np.int64]
    influence: Array
    method: str

    @property
    def lift(self) -> Array:
        """Change of the conversion rate as a share."""
        return np.expm1(self.coefficient)

    def interval(self, alpha: float = 0.05) -> tuple[Array, Array]:
        """Limits of the lift of each feature by the clustered standard error and t quantile."""
        half = -special.stdtrit(self.df, alpha / 2) * self.se_cluster
        return np.expm1(self.coefficient - half), np.expm1(self.coefficient + half)

    def interval_of_new_pair(self, alpha: float = 0.05) -> tuple[Array, Array]:
        """Range of the lift for one new pair of arms: on average is not always."""
        half = -special.ndtri(alpha / 2) * np.sqrt(self.se_cluster**2 + 2 * self.sigma2)
        return np.expm1(self.coefficient - half), np.expm1(self.coefficient + half)


@dataclass(frozen=True)
class _Arms:
    """Features of the rows of a nesting, and in how many tests each varies."""

    nesting: Nesting
    features: Array
    varying: NDArray[np.int64]

    @classmethod
    def of(cls, block: ArrayLike, features: ArrayLike, test: ArrayLike | None) -> _Arms:
        nesting = Nesting.of(block, test)
        table = np.asarray(features, dtype=np.float64)
        rows = (table[:, None] if table.ndim == 1 else table)[nesting.rows]
        arms = cls(nesting, rows, nesting.any_by_test(nesting.ranges(rows) > 0).sum(axis=0))
        arms._check()
        return arms

    def _check(self) -> None:
        if self.nesting.tests <= self.features.shape[1]:
            raise ValueError(
                f"{self.nesting.tests} tests with two arms cannot tell {self.features.shape[1]} features apart"
            )
        still = np.flatnonzero(self.varying == 0)
        if still.size:
            raise ValueError(f"features {still.tolist()} vary in no test")


def regress(
    y: ArrayLike,
    variance: ArrayLike,
    block: ArrayLike,
    features: ArrayLike,
    *,
    test: ArrayLike | None = None,
    sigma2: float | None = None,
) -> WordingEffects:
    """Weighted regression with block effects of any log outcome, such as log value per reader.

    Weights 1 / (variance + sigma2); block effects go by weighted demeaning, which equals a multivariate meta-regression
    on contrasts with a shared control without choosing one. sigma2 is that at which the weighted residual sum of squares
    is rows - blocks - features.

    Args:
        y: Log outcome of each arm, shape (arms,).
        variance: Its sampling variance.
        block: Which arms are compared with each other; blocks of one arm are left out.
        features: Shape (arms, features).
        test: Test that each arm was drawn in, the cluster; each block is one where None.
        sigma2: Residual variance, where known; estimated where None.

    Raises:
        ValueError: fewer tests than features and one more, or a feature that varies in no test.

    Source: Paule & Mandel 1982 (sigma2); Liang & Zeger 1986 (clusters); Riley et al. 2017 (shared controls).
    """
    arms = _Arms.of(block, features, test)
    nesting = arms.nesting
    values, spread = (column[nesting.rows] for column in as_arrays(y, variance))
    left = values.size - nesting.blocks - arms.features.shape[1]

    def fit(extra: float) -> tuple[Array, Array, Array, Array]:
        weight = 1 / (spread + extra)
        inner = nesting.demeaned(arms.features, weight)
        outcome = nesting.demeaned(values[:, None], weight)[:, 0]
        weighted = weight[:, None] * inner
        bread = np.linalg.inv(inner.T @ weighted).astype(np.float64, copy=False)
        coefficient = bread @ (inner.T @ (weight * outcome))
        return coefficient, outcome - inner @ coefficient, bread, weighted

    if sigma2 is None:
        sigma2 = _unexplained(lambda extra: fit(extra)[1], spread, left)
    coefficient, residual, bread, weighted = fit(sigma2)
    return _effects(arms, coefficient, bread, weighted * residual[:, None], sigma2, "log_rate")


def _unexplained(residuals: Callable[[float], Array], spread: Array, left: int) -> float:
    """The variance at which the weighted residual sum of squares Q is its degrees of freedom; 0 where Q(0) is less.

    Newton steps on 1/Q, which is nearly straight and bends away from the root, so that steps from 0 do not pass it; the
    slope of Q is -sum w^2 r^2, as the coefficients are those that make Q least.
    """
    sigma2 = 0.0
    for _ in range(60 if left > 0 else 0):
        weight, square = 1 / (spread + sigma2), residuals(sigma2) ** 2
        q = float(weight @ square)
        step = q * (q / left - 1) / float(weight**2 @ square) if q > 0 else 0.0
        if sigma2 + step <= 0:
            return 0.0
        sigma2 += step
        if abs(step) <= 1e-12 * sigma2:
            break
    return sigma2


def _effects(arms: _Arms, coefficient: Array, bread: Array, score: Array, sigma2: float, method: str) -> WordingEffects:
    """Effects with what each row adds to the slope of the likelihood, shape (rows, features)."""
    nesting = arms.nesting
    df = nesting.tests - coefficient.size
    influence = nesting.sums_by_test(nesting.sums(score)) @ bread * np.sqrt(nesting.tests / df)
    return WordingEffects(
        coefficient=coefficient,
        se_model=np.sqrt(np.diag(bread)),
        se_cluster=np.sqrt((influence**2).sum(axis=0)),
        sigma2=sigma2,
        df=df,
        tests=nesting.tests,
        varying=arms.varying,
        influence=influence,
        method=method,
    )


def log_rate_effects(
    block: ArrayLike,
    conversions: ArrayLike,
    readers: ArrayLike,
    features: ArrayLike,
    *,
    test: ArrayLike | None = None,
    sigma2: float | None = None,
) -> WordingEffects:
    """Effects on the log conversion rate: y = log((x+1/2)/(n+1/2)), variance 1/(x+1/2) - 1/(n+1/2); see `regress`."""
    x, n = as_arrays(conversions, readers)
    y, variance = np.log((x + 0.5) / (n + 0.5)), 1 / (x + 0.5) - 1 / (n + 0.5)
    return regress(y, variance, block, features, test=test, sigma2=sigma2)


def poisson_effects(
    block: ArrayLike,
    conversions: ArrayLike,
    readers: ArrayLike,
    features: ArrayLike,
    *,
    test: ArrayLike | None = None,
) -> WordingEffects:
    """Effects on the log conversion rate where conversions are few: Poisson regression with block effects.

    Given the conversions of a block, they fall to its arms in proportion to n e^(b' features): a conditional multinomial,
    fitted by Newton steps. Without the half added conversions it has no bias at five an arm. sigma2 comes from how much
    further conversions lie from what is expected than the multinomial lets them, see `_overdispersion`.

    Args, Raises: As `regress`.

    Source: Cameron & Trivedi 2013, section 9.4 (fixed effects Poisson as conditional multinomial).
    """
    arms = _Arms.of(block, features, test)
    nesting = arms.nesting
    x, n = (column[nesting.rows] for column in as_arrays(conversions, readers))
    total = sum_by(nesting.block, x, nesting.blocks)[nesting.block]

    def shares(coefficient: Array) -> tuple[Array, Array]:
        """Rate of each arm, and its expected share in the conversions of its block."""
        rate = n * np.exp(arms.features @ coefficient)
        return rate, rate / sum_by(nesting.block, rate, nesting.blocks)[nesting.block]

    def slope(coefficient: Array) -> tuple[Array, Array]:
        """Inverse information, and the part of each arm in the slope of the likelihood."""
        rate, share = shares(coefficient)
        expected = total * share
        inner = nesting.demeaned(arms.features, rate)
        bread = np.linalg.inv(inner.T @ (expected[:, None] * inner)).astype(np.float64, copy=False)
        return bread, inner * (x - expected)[:, None]

    coefficient = np.zeros(arms.features.shape[1])
    for _ in range(50):
        bread, parts = slope(coefficient)
        step = bread @ parts.sum(axis=0)
        coefficient = coefficient + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-12:
            break
    bread, parts = slope(coefficient)
    sigma2 = _overdispersion(nesting, arms.features.shape[1], x, shares(coefficient)[1])
    return _effects(arms, coefficient, bread, parts, sigma2, "poisson")


def _overdispersion(nesting: Nesting, features: int, x: Array, share: Array) -> float:
    """Variance sigma2 of the log rates of arms, by the method of moments over blocks.

    With N conversions in a block and expected shares p, arms whose log rates differ by N(0, sigma2) have, to the first
    order, E[(x - N p)^2] = N p (1 - p) + N (N - 1) p^2 (1 - 2 p + sum p^2) sigma2. The fitted features take their degrees
    of freedom. Each block weighs by the inverse variance of its part, (1 + sigma2 N / arms)^2, so that one large block does
    not speak for all. Never below 0.

    Source: McCullagh & Nelder 1989, section 4.5 (overdispersed multinomial); Williams 1982 (weights).
    """

    def by_block(values: Array) -> Array:
        return sum_by(nesting.block, values, nesting.blocks)

    total, size = by_block(x), by_block(np.ones(x.size))
    left = x.size - nesting.blocks
    if left <= features:
        return 0.0
    n = total[nesting.block]
    squares = by_block(share**2)
    lost = left / (left - features)
    over = by_block(lost * (x - n * share) ** 2 - n * share * (1 - share))
    unit = total * (total - 1) * by_block(share**2 * (1 - 2 * share + squares[nesting.block]))
    sigma2 = 0.0
    for _ in range(20):
        weight = 1 / (1 + sigma2 * total / size) ** 2
        known = float(weight @ unit)
        if known <= 0:
            return 0.0
        sigma2 = max(0.0, float(weight @ over) / known)
    return sigma2


def wording_effects(
    block: ArrayLike,
    conversions: ArrayLike,
    readers: ArrayLike,
    features: ArrayLike,
    *,
    test: ArrayLike | None = None,
) -> WordingEffects:
    """Effects of features by the form that suits the counts: Poisson below 20 conversions in the median arm."""
    (x,) = as_arrays(conversions)
    few = np.median(x) < FEWEST_CONVERSIONS
    return (poisson_effects if few else log_rate_effects)(block, conversions, readers, features, test=test)
