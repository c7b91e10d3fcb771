"""Were readers split as planned? The sample ratio test that may be read every day, and the classical one beside it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays

#: Concentration of the Dirichlet prior around the planned shares: splits that are off by about one percent.
CONCENTRATION = 10_000.0
#: Log e-value at which a split counts as broken: under the plan less than one test in a thousand ever reaches it.
BLOCK_LOG_E = math.log(1000)


def log_e_terms(counts: ArrayLike, shares: ArrayLike, *, concentration: float = CONCENTRATION) -> Array:
    """Part of each variant in the log e-value; sum them within an epoch and add `log_e_total` of its readers.

    lgamma(k s + n) - lgamma(k s) - n log s. For tables with one row a variant, where epochs have different widths.
    """
    n, s = as_arrays(counts, shares)
    with np.errstate(divide="ignore", invalid="ignore"):
        return special.gammaln(concentration * s + n) - special.gammaln(concentration * s) - special.xlogy(n, s)


def log_e_total(total: ArrayLike, *, concentration: float = CONCENTRATION) -> Array:
    """Part of the total of an epoch in the log e-value: lgamma(k) - lgamma(k + n)."""
    (n,) = as_arrays(total)
    return special.gammaln(concentration) - special.gammaln(concentration + n)


def log_e_value(counts: ArrayLike, shares: ArrayLike, *, concentration: float = CONCENTRATION) -> float:
    """Logarithm of the e-value against "split as planned" of one epoch; over epochs, add them.

    Ratio of the Dirichlet(k * share)-multinomial to the multinomial at the planned shares. Under the plan it exceeds c at
    any look with chance 1/c at most, however often one looks.

    Args:
        counts: Readers of each variant.
        shares: Planned shares; scaled to sum to 1.
        concentration: k; larger looks for smaller deviations.

    Raises:
        ValueError: a share is not positive, or the lengths differ.

    Source: Lindon & Malek 2022.
    """
    n = np.asarray(counts, dtype=np.float64)
    s = np.asarray(shares, dtype=np.float64)
    if n.shape != s.shape:
        raise ValueError(f"counts and shares need one length, not {n.size} and {s.size}")
    if np.any(s <= 0):
        raise ValueError(f"shares = {s.tolist()} must be positive")
    s = s / s.sum()
    return float(
        log_e_terms(n, s, concentration=concentration).sum() + log_e_total(n.sum(), concentration=concentration)[0]
    )


def chi_square(counts: ArrayLike, shares: ArrayLike) -> tuple[float, float]:
    """Chi-square statistic and p of the fixed-sample test; looked at daily at 0.05 it alarms in a third of sound tests."""
    n = np.asarray(counts, dtype=np.float64)
    s = np.asarray(shares, dtype=np.float64)
    expected = n.sum() * s / s.sum()
    statistic = float(((n - expected) ** 2 / expected).sum())
    return statistic, float(special.chdtrc(n.size - 1, statistic))


def scaling_constant(counts: ArrayLike) -> NDArray[np.int64]:
    """Constant by which sampled counts were multiplied; 1 where nothing says that they were. Shape [..., counts] -> [...].

    Some trackers record one view in c and report c times as many. All counts are then multiples of c. The greatest
    common divisor of the positive counts is taken for such a constant when it is 10 or more and either a multiple of ten
    or so large that chance would bring it about less than once in a hundred (that J random counts have a greatest
    common divisor of g or more has chance of about g^(1-J) / (J-1)). One count alone says nothing. The largest count
    must hold the constant a hundred times at least: of 10,000 and 5,000 one would otherwise be left with 2 and 1, and no
    split could ever be found broken.
    """
    n = np.asarray(counts, dtype=np.float64)
    # Nothing is left out of a greatest common divisor by a 0.
    known = np.where(np.isfinite(n) & (n > 0), n, 0.0)
    number = (known > 0).sum(axis=-1)
    is_whole = (known == np.floor(known)).all(axis=-1)
    divisor = np.gcd.reduce(np.floor(known).astype(np.int64), axis=-1)
    by_chance = np.maximum(divisor, 1.0) ** (1.0 - number) / np.maximum(number - 1, 1)
    is_large = (divisor >= 10) & (known.max(axis=-1, initial=0.0) >= 100 * divisor)
    is_constant = (number >= 2) & is_whole & is_large & ((divisor % 10 == 0) | (by_chance <= 0.01))
    return np.where(is_constant, divisor, 1)
