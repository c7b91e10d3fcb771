"""Fixed-horizon comparison of two means, and what heavy-tailed money needs: effective gifts, caps, t quantiles.

Arrays broadcast; one element a comparison. a is the control, b the variant. s1 and s2 are the sum and the sum of squares
of the metric over n readers, zeros included. No parametric model of gifts, on purpose: with a fixed total, a lognormal
model covered the truth in 59 % of simulations where this page's interval did in 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis.inference.arrays import Array, as_arrays, quantile


def variance(n: ArrayLike, s1: ArrayLike, s2: ArrayLike) -> Array:
    """Sample variance (n - 1) of readers' values."""
    n, s1, s2 = as_arrays(n, s1, s2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(s2 - s1 * s1 / n, 0.0) / (n - 1)


def effective_number(s1: ArrayLike, s2: ArrayLike) -> Array:
    """Effective number of gifts, s1^2 / s2: as many equal gifts would tell as much (Kish 1965)."""
    s1, s2 = as_arrays(s1, s2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return s1 * s1 / s2


def log_mean_variance(n: ArrayLike, s1: ArrayLike, s2: ArrayLike) -> Array:
    """Variance of the logarithm of a mean, v / (n m^2), by the delta method; about 1/k - 1/n when most values are 0."""
    n, s1, s2 = as_arrays(n, s1, s2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return variance(n, s1, s2) * n / (s1 * s1)


def effective_df(ka: ArrayLike, kb: ArrayLike) -> Array:
    """Degrees of freedom of the log ratio of two means with effective numbers of gifts ka and kb.

    (1/ka + 1/kb)^2 / ((1/ka)^2 / (ka-1) + (1/kb)^2 / (kb-1)): Welch 1947, with gifts in the place of readers, since the
    many zeros tell nothing of the spread.
    """
    ka, kb = as_arrays(ka, kb)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (1 / ka + 1 / kb) ** 2 / (1 / ka**2 / np.maximum(ka - 1, 1e-3) + 1 / kb**2 / np.maximum(kb - 1, 1e-3))


def t_quantile(alpha: ArrayLike, df: ArrayLike) -> Array:
    """Upper alpha/2 quantile of Student's t; infinite `df` is the normal."""
    alpha, df = as_arrays(alpha, df)
    flat = np.isinf(df)
    return np.where(flat, quantile(alpha), -special.stdtrit(np.where(flat, 1.0, df), alpha / 2))


def t_cdf(df: ArrayLike, t: ArrayLike) -> Array:
    """Distribution function of Student's t; infinite `df` is the normal."""
    df, t = as_arrays(df, t)
    return np.where(np.isinf(df), special.ndtr(t), special.stdtr(np.where(np.isinf(df), 1.0, df), t))


@dataclass(frozen=True)
class MeanRatio:
    """Log ratio of two means with its spread; every array has one element a comparison."""

    log_ratio: Array
    se: Array
    k_control: Array
    k: Array
    df: Array

    def interval(self, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
        """Limits of the log ratio with the t quantile on the effective numbers of gifts."""
        half = t_quantile(alpha, self.df) * self.se
        return self.log_ratio - half, self.log_ratio + half

    def normal_interval(self, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
        """Limits of the log ratio with the normal quantile: for counts that most readers have, such as pageviews."""
        half = quantile(np.asarray(alpha, dtype=np.float64)) * self.se
        return self.log_ratio - half, self.log_ratio + half

    def p(self) -> Array:
        """Two-sided p of equal means, with the same t."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * special.stdtr(self.df, -np.abs(self.log_ratio) / self.se)


def mean_ratio(
    na: ArrayLike, s1a: ArrayLike, s2a: ArrayLike, nb: ArrayLike, s1b: ArrayLike, s2b: ArrayLike
) -> MeanRatio:
    """Return log(mean b / mean a) and its spread; not a number where a mean is 0.

    se^2 = va / (na ma^2) + vb / (nb mb^2).
    """
    na, s1a, s2a, nb, s1b, s2b = as_arrays(na, s1a, s2a, nb, s1b, s2b)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(s1b / nb) - np.log(s1a / na)
        se = np.sqrt(log_mean_variance(na, s1a, s2a) + log_mean_variance(nb, s1b, s2b))
    ka, kb = effective_number(s1a, s2a), effective_number(s1b, s2b)
    return MeanRatio(log_ratio, se, ka, kb, effective_df(ka, kb))


@dataclass(frozen=True)
class MeanDifference:
    """Difference of two means b - a with Welch's interval and two-sided p."""

    difference: Array
    low: Array
    high: Array
    p: Array


def welch(
    na: ArrayLike,
    s1a: ArrayLike,
    s2a: ArrayLike,
    nb: ArrayLike,
    s1b: ArrayLike,
    s2b: ArrayLike,
    alpha: ArrayLike = 0.05,
) -> MeanDifference:
    """Return the difference of means b - a with unequal variances (Welch 1947)."""
    na, s1a, s2a, nb, s1b, s2b, alpha = as_arrays(na, s1a, s2a, nb, s1b, s2b, alpha)
    part_a, part_b = variance(na, s1a, s2a) / na, variance(nb, s1b, s2b) / nb
    difference = s1b / nb - s1a / na
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (part_a + part_b) ** 2 / (part_a**2 / (na - 1) + part_b**2 / (nb - 1))
        se = np.sqrt(part_a + part_b)
        half = t_quantile(alpha, df) * se
        p = 2 * special.stdtr(df, -np.abs(difference) / se)
    return MeanDifference(difference, difference - half, difference + half, p)


def fieller(
    na: ArrayLike,
    s1a: ArrayLike,
    s2a: ArrayLike,
    nb: ArrayLike,
    s1b: ArrayLike,
    s2b: ArrayLike,
    alpha: ArrayLike = 0.05,
) -> tuple[Array, Array]:
    """Limits of the ratio of means b/a; not numbers where the interval is unbounded.

    Every r with (mb - r ma)^2 <= z^2 (vb/nb + r^2 va/na). Unbounded when the control's mean is not clear of 0.

    Source: Fieller 1954.
    """
    na, s1a, s2a, nb, s1b, s2b, alpha = as_arrays(na, s1a, s2a, nb, s1b, s2b, alpha)
    z2 = quantile(alpha) ** 2
    ma, mb = s1a / na, s1b / nb
    va, vb = variance(na, s1a, s2a) / na, variance(nb, s1b, s2b) / nb
    leading = ma**2 - z2 * va
    root = np.sqrt(np.where(leading > 0, (ma * mb) ** 2 - leading * (mb**2 - z2 * vb), np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (ma * mb - root) / leading, (ma * mb + root) / leading


@dataclass(frozen=True)
class CappedGifts:
    """What a cap does to one side's gifts.

    Attributes:
        s1, s2: Sum and sum of squares of the capped values.
        effective: Effective number of gifts after the cap.
        share_clipped: Share of contributors above the cap.
        value_kept: Capped over uncapped value.
        top_share: Largest uncapped value over the uncapped sum.
    """

    s1: float
    s2: float
    effective: float
    share_clipped: float
    value_kept: float
    top_share: float


def cap_histogram(amounts: ArrayLike, counts: ArrayLike, cap: float) -> CappedGifts:
    """Return the sums of a histogram of readers' values (above 0) after winsorising at `cap`.

    Raises:
        ValueError: `cap` is not positive, or the histogram holds no value above 0.
    """
    values, weights = as_arrays(amounts, counts)
    if not cap > 0:
        raise ValueError(f"cap = {cap} must be positive")
    raw = float(values @ weights)
    if not raw > 0:
        raise ValueError(f"the histogram sums to {raw}; it must hold a value above 0")
    capped = np.minimum(values, cap)
    s1, s2 = float(capped @ weights), float((capped * capped) @ weights)
    return CappedGifts(
        s1=s1,
        s2=s2,
        effective=s1 * s1 / s2,
        share_clipped=float(weights[values > cap].sum() / weights.sum()),
        value_kept=s1 / raw,
        top_share=float(values[weights > 0].max() / raw),
    )
