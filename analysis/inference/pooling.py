"""Putting strata, tests and segments together: Mantel-Haenszel, random effects, shrinkage.

Arrays of one dimension, one element a stratum, test or segment. Frame-level use over many comparisons at once is in
`estimates.py` (epochs) and `segments.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays, root, sum_by


def mantel_haenszel(xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike) -> tuple[float, float]:
    """Log relative risk over strata and its standard error.

    log(R/S) with R = sum xb na/n and S = sum xa nb/n; the variance is that of Greenland & Robins 1985. A stratum never
    has to be dropped for having no conversion, so that what is kept does not depend on the outcome.

    Source: Mantel & Haenszel 1959; Greenland & Robins 1985, equation 13.
    """
    xa, na, xb, nb = as_arrays(xa, na, xb, nb)
    n = na + nb
    r, s = (xb * na / n).sum(), (xa * nb / n).sum()
    variance = (((xa + xb) * na * nb / n - xa * xb) / n).sum() / (r * s)
    return float(np.log(r / s)), float(np.sqrt(variance))


@dataclass(frozen=True)
class RandomEffects:
    """Mean of effects that vary: `tau2` is their variance, `mean` and `se` their centre and its standard error."""

    tau2: float
    mean: float
    se: float


def _pooled(y: Array, s2: Array, tau2: float) -> RandomEffects:
    weight = 1 / (s2 + tau2)
    return RandomEffects(tau2, float((weight @ y) / weight.sum()), float(1 / np.sqrt(weight.sum())))


def cochran_q(y: ArrayLike, s2: ArrayLike) -> tuple[float, float]:
    """Cochran's Q against "all effects are equal", and its p. Source: Cochran 1954."""
    y, s2 = as_arrays(y, s2)
    centre = _pooled(y, s2, 0.0).mean
    q = float(((y - centre) ** 2 / s2).sum())
    return q, float(special.chdtrc(y.size - 1, q))


def dersimonian_laird(y: ArrayLike, s2: ArrayLike) -> RandomEffects:
    """Random effects with the moment estimate of DerSimonian & Laird 1986."""
    y, s2 = as_arrays(y, s2)
    weight = 1 / s2
    q, _ = cochran_q(y, s2)
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    return _pooled(y, s2, max(0.0, (q - (y.size - 1)) / float(scale)))


def paule_mandel(y: ArrayLike, s2: ArrayLike) -> RandomEffects:
    """Random effects with the variance at which the weighted residual sum of squares equals its expectation.

    Source: Paule & Mandel 1982.
    """
    y, s2 = as_arrays(y, s2)

    def excess(tau2: float) -> float:
        weight = 1 / (s2 + tau2)
        centre = (weight @ y) / weight.sum()
        return float(weight @ (y - centre) ** 2) - (y.size - 1)

    return _pooled(y, s2, _root_from_zero(excess, float(np.var(y)) + float(s2.max())))


def spread_between_arms(y: Array, variance: Array, test: NDArray[np.int64]) -> float:
    """Variance between true outcomes of arms of one test: Paule-Mandel with test effects, without traits.

    Args:
        y, variance: Log outcome of each arm and the variance of its noise.
        test: Number of each arm's test, from 0 without gaps.

    Source: Paule & Mandel 1982.
    """
    tests = int(test.max()) + 1
    left = y.size - tests

    def excess(extra: float) -> float:
        weight = 1 / (variance + extra)
        centre = sum_by(test, weight * y, tests) / sum_by(test, weight, tests)
        return float((weight * (y - centre[test]) ** 2).sum()) - left

    return _root_from_zero(excess, float(np.var(y)) + float(variance.max())) if left > 0 else 0.0


def reml(y: ArrayLike, s2: ArrayLike) -> RandomEffects:
    """Random effects with the variance of greatest restricted likelihood, found as a root of its slope.

    Iterative packages stop up to a thousandth short of it. Source: Harville 1977; Viechtbauer 2005.
    """
    y, s2 = as_arrays(y, s2)

    def slope(tau2: float) -> float:
        weight = 1 / (s2 + tau2)
        total = weight.sum()
        centre = (weight @ y) / total
        return float(weight**2 @ (y - centre) ** 2 - total + (weight @ weight) / total)

    return _pooled(y, s2, _root_from_zero(slope, float(np.var(y)) + float(s2.max())))


def _root_from_zero(function: Callable[[float], float], width: float) -> float:
    """Root of a function that falls from 0 on; 0 where it is negative there already."""
    if function(0.0) <= 0:
        return 0.0
    while function(width) > 0:
        width *= 2
    return root(function, 0.0, width)


@dataclass(frozen=True)
class Shrunk:
    """Segments pulled towards their common mean; one element a segment."""

    centre: float
    centre_se: float
    estimate: Array
    se: Array


def shrink(y: ArrayLike, s2: ArrayLike, tau2: float) -> Shrunk:
    """Shrink effects towards their weighted mean, with intervals that know that centre and scale were estimated.

    B = s^2/(s^2 + tau^2) is corrected to B' = B (S-3)/(S-1); variance = (1-B') s^2 + B'^2 / sum w
    + 2/(S-3) B'^2 (mean(s^2+tau^2)/(s^2+tau^2)) (y - centre)^2.

    Raises:
        ValueError: fewer than 4 segments; show them as they are.

    Source: Morris 1983, equations 1.16 to 1.18, with unequal variances.
    """
    y, s2 = as_arrays(y, s2)
    segments = y.size
    if segments < 4:
        raise ValueError(f"{segments} segments are too few to shrink; 4 are needed")
    spread = s2 + tau2
    weight = 1 / spread
    centre = float((weight @ y) / weight.sum())
    factor = s2 / spread * (segments - 3) / (segments - 1)
    variance = (
        (1 - factor) * s2
        + factor**2 / weight.sum()
        + 2 / (segments - 3) * factor**2 * (spread.mean() / spread) * (y - centre) ** 2
    )
    return Shrunk(centre, float(1 / np.sqrt(weight.sum())), (1 - factor) * y + factor * centre, np.sqrt(variance))
