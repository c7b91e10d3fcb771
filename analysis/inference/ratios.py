"""Metrics that are themselves a ratio per variant: value per view, dismissals per view, revenue per 1,000 views.

The reader stays the unit: views are a denominator with its own spread, never rows. Average gift (value over contributors)
has this form too, but who gives is an effect of the appeal: show it as a description.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis.inference.arrays import Array, as_arrays, quantile


def ratio_variance(
    n: ArrayLike, y1: ArrayLike, d1: ArrayLike, y2: ArrayLike, d2: ArrayLike, yd: ArrayLike
) -> tuple[Array, Array]:
    """Ratio sum(y)/sum(d) of one variant and its variance by the delta method.

    var(r) = (vy - 2 r cyd + r^2 vd) / (n mean_d^2), all moments over readers.

    Args:
        n: Readers.
        y1, d1: Sums of numerator and denominator over readers.
        y2, d2, yd: Sums of squares and of products.

    Source: Deng, Knoblich & Lu 2018, equation 4.
    """
    n, y1, d1, y2, d2, yd = as_arrays(n, y1, d1, y2, d2, yd)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = y1 / d1
        vy, vd = (y2 - y1 * y1 / n) / (n - 1), (d2 - d1 * d1 / n) / (n - 1)
        cyd = (yd - y1 * d1 / n) / (n - 1)
        return r, np.maximum(vy - 2 * r * cyd + r * r * vd, 0.0) * n / (d1 * d1)


@dataclass(frozen=True)
class RatioComparison:
    """Two ratios: each array has one element a comparison; `se` is that of the log ratio."""

    ratio_a: Array
    ratio_b: Array
    difference: Array
    difference_se: Array
    log_ratio: Array
    se: Array

    def difference_interval(self, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
        """Limits of the difference b - a."""
        half = quantile(np.asarray(alpha, dtype=np.float64)) * self.difference_se
        return self.difference - half, self.difference + half

    def lift_interval(self, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
        """Limits of the lift, made on the log scale."""
        half = quantile(np.asarray(alpha, dtype=np.float64)) * self.se
        return np.expm1(self.log_ratio - half), np.expm1(self.log_ratio + half)

    def p(self) -> Array:
        """Two-sided p of equal ratios, from the difference."""
        return 2 * special.ndtr(-np.abs(self.difference) / self.difference_se)


def compare_ratios(a: tuple[Array, Array], b: tuple[Array, Array]) -> RatioComparison:
    """Compare two variants, each given as what `ratio_variance` returns for it."""
    (ra, va), (rb, vb) = a, b
    with np.errstate(divide="ignore", invalid="ignore"):
        return RatioComparison(ra, rb, rb - ra, np.sqrt(va + vb), np.log(rb / ra), np.sqrt(va / ra**2 + vb / rb**2))
