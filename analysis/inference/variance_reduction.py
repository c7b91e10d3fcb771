"""Less noise from what was known before exposure: one covariate, several, or classes.

For guardrails such as pageviews, where habits before the test explain half of the spread. For conversion at one in a
thousand it changes the variance by a few parts in ten thousand, so it is off there. A covariate must lie wholly before the
first exposure; heavy-tailed visits enter as log(1 + visits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.inference.arrays import Array, quantile, sum_by


@dataclass(frozen=True)
class Moments:
    """First and second moments of outcome y and covariates of one variant.

    Attributes:
        n: Readers.
        mean: Shape (1 + covariates,): the outcome first.
        cross: Centred sums of products over readers, shape (1 + covariates, 1 + covariates).
    """

    n: float
    mean: Array
    cross: Array

    @classmethod
    def of_sums(cls, n: float, sums: ArrayLike, products: ArrayLike) -> Moments:
        """From sums over readers and the matrix of sums of products."""
        mean = np.asarray(sums, dtype=np.float64) / n
        return cls(n, mean, np.asarray(products, dtype=np.float64) - n * np.outer(mean, mean))

    def __add__(self, other: Moments) -> Moments:
        """Moments of both groups of readers together."""
        n = self.n + other.n
        apart = other.mean - self.mean
        return Moments(
            n,
            self.mean + apart * other.n / n,
            self.cross + other.cross + np.outer(apart, apart) * self.n * other.n / n,
        )


@dataclass(frozen=True)
class Adjusted:
    """Means freed of the covariates' chance differences, with their variances; control and variant."""

    coefficients: Array
    mean_a: float
    mean_b: float
    variance_a: float
    variance_b: float

    @property
    def difference(self) -> float:
        """Adjusted mean of b less that of a."""
        return self.mean_b - self.mean_a

    def difference_interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Limits of the difference."""
        half = float(quantile(np.asarray(alpha))) * float(np.sqrt(self.variance_a + self.variance_b))
        return self.difference - half, self.difference + half

    @property
    def log_ratio(self) -> tuple[float, float]:
        """Log ratio of the adjusted means and its standard error: what `sequential.normal_mixture` takes."""
        se = np.sqrt(self.variance_a / self.mean_a**2 + self.variance_b / self.mean_b**2)
        return float(np.log(self.mean_b / self.mean_a)), float(se)

    def lift_interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """Limits of the lift, made on the log scale."""
        theta, se = self.log_ratio
        half = float(quantile(np.asarray(alpha))) * se
        return float(np.expm1(theta - half)), float(np.expm1(theta + half))


def adjust(a: Moments, b: Moments) -> Adjusted:
    """Adjust both means for the covariates, with coefficients from both variants together.

    q = Sxx^-1 Sxy of the pooled readers (the difference between variants included); mean_j - q (x_j - x_all);
    variance (vy - 2 q cxy + q' vx q) / n.

    Raises:
        ValueError: no covariate, or one that does not vary or repeats another.

    Source: Deng, Xu, Kohavi & Walker 2013; Lin 2013 has coefficients of its own per variant, which agree at our sizes.
    """
    pooled = a + b
    if pooled.mean.size < 2:
        raise ValueError("at least one covariate is needed")
    inner = pooled.cross[1:, 1:]
    if np.linalg.matrix_rank(inner) < inner.shape[0]:
        raise ValueError("a covariate does not vary, or repeats another")
    (q,), means, variances = adjust_many(*(_one(side) for side in (a, b)))
    (mean_a, mean_b), (variance_a, variance_b) = means[:, 0].tolist(), variances[:, 0].tolist()
    return Adjusted(q, mean_a, mean_b, variance_a, variance_b)


Side = tuple[Array, Array, Array]


def _one(side: Moments) -> Side:
    return np.array([side.n]), side.mean[None], side.cross[None]


def adjust_many(a: Side, b: Side) -> tuple[Array, Array, Array]:
    """`adjust` for many pairs at once; a covariate that does not vary, or repeats another, takes nothing away.

    Args:
        a, b: Readers, shape (pairs,), means, (pairs, 1 + covariates), and centred products, (pairs, 1 + covariates, 1 +
            covariates), of each side.

    Returns:
        Coefficients, shape (pairs, covariates); adjusted means of a and b and their variances, shape (2, pairs) each.
    """
    (na, mean_a, cross_a), (nb, mean_b, cross_b) = a, b
    with np.errstate(divide="ignore", invalid="ignore"):
        n = na + nb
        apart = mean_b - mean_a
        pooled = mean_a + apart * (nb / n)[:, None]
        cross = cross_a + cross_b + apart[:, :, None] * apart[:, None, :] * (na * nb / n)[:, None, None]
        q = (np.linalg.pinv(cross[:, 1:, 1:], rcond=1e-12, hermitian=True) @ cross[:, 1:, :1])[:, :, 0]
        weights = np.concatenate([np.ones((q.shape[0], 1)), -q], axis=1)
        means = [mean[:, 0] - (q * (mean - pooled)[:, 1:]).sum(axis=1) for mean in (mean_a, mean_b)]
        left = [np.einsum("pi,pij,pj->p", weights, side, weights) for side in (cross_a, cross_b)]
        variances = [spread / (readers - 1) / readers for spread, readers in zip(left, (na, nb), strict=True)]
    return q, np.stack(means), np.stack(variances)


#: Classes with fewer readers than this in either variant are put together.
FEWEST_READERS_OF_CLASS = 20


def post_stratify(
    na: ArrayLike, s1a: ArrayLike, s2a: ArrayLike, nb: ArrayLike, s1b: ArrayLike, s2b: ArrayLike
) -> Adjusted:
    """Adjust both means to the classes' shares among all readers; classes known before exposure, one element a class.

    Weight W = share of the class in both variants; variance = sum W^2 v/n. Small classes are merged into one.

    Source: Miratrix, Sekhon & Yu 2013.
    """
    columns = [np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (na, s1a, s2a, nb, s1b, s2b)]
    means, variances = post_stratify_many(np.zeros(columns[0].size, dtype=np.int64), 1, columns)
    (mean_a, mean_b), (variance_a, variance_b) = means[:, 0].tolist(), variances[:, 0].tolist()
    return Adjusted(np.zeros(0), mean_a, mean_b, variance_a, variance_b)


def post_stratify_many(pair: NDArray[np.int64], pairs: int, columns: Sequence[Array]) -> tuple[Array, Array]:
    """`post_stratify` for many pairs at once; what is still small after small classes are merged joins the largest class.

    Args:
        pair: Number of the pair of each class, below `pairs`.
        columns: na, s1a, s2a, nb, s1b, s2b, one element a class.

    Returns:
        Means of a and b and their variances, shape (2, pairs) each.
    """
    fewest = np.minimum(columns[0], columns[3])
    merged = np.where(fewest < FEWEST_READERS_OF_CLASS, fewest.size + pair, np.arange(fewest.size))
    size = fewest.size + pairs
    rest = np.minimum(*(sum_by(merged, readers, size) for readers in (columns[0], columns[3])))
    order = np.argsort(fewest, kind="stable")
    largest = np.zeros(pairs, dtype=np.int64)
    largest[pair[order]] = order  # the last one written is the largest
    is_lost = (merged >= fewest.size) & (rest[merged] < FEWEST_READERS_OF_CLASS)
    merged = np.where(is_lost, merged[largest[pair]], merged)
    n1, a1, a2, n2, b1, b2 = (sum_by(merged, values, size) for values in columns)
    owner = np.zeros(size, dtype=np.int64)
    owner[merged] = pair
    there = (n1 > 0) & (n2 > 0)
    weight = np.where(there, (n1 + n2) / sum_by(owner, np.where(there, n1 + n2, 0.0), pairs)[owner], 0.0)

    def one(n: Array, s1: Array, s2: Array) -> tuple[Array, Array]:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, spread = s1 / n, (s2 - s1 * s1 / n) / (n - 1) / n
        return (
            sum_by(owner, np.where(there, weight * mean, 0.0), pairs),
            sum_by(owner, np.where(there, weight**2 * spread, 0.0), pairs),
        )

    (mean_a, variance_a), (mean_b, variance_b) = one(n1, a1, a2), one(n2, b1, b2)
    return np.stack([mean_a, mean_b]), np.stack([variance_a, variance_b])
