"""Fixed-horizon comparison of two rates: score intervals, tests, and the closed forms they are checked against.

Every function takes arrays (or numbers) that broadcast against each other, one element a comparison, and returns arrays
of that shape. a is the control, b the variant; x counts readers who converted, n all readers asked. A limit that does
not exist is infinite here; `estimates.py` turns it into an absent one.

The Wald interval of the relative lift is missing on purpose: at rare events nearly all of its errors fall on one side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays, bisect, quantile

#: Halvings of a bracket on the log scale. A bracket of width 8 ends below 1e-13.
_HALVINGS = 46


def wilson(x: ArrayLike, n: ArrayLike, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
    """Lower and upper Wilson limit of a rate.

    Source: Wilson 1927; recommended for rare events by Brown, Cai & DasGupta 2001.
    """
    x, n, alpha = as_arrays(x, n, alpha)
    z = quantile(alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / n
        centre = p + z**2 / (2 * n)
        half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        low, high = (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
    return np.where(x <= 0, 0.0 * low, low), np.where(x >= n, 1.0 + 0.0 * high, high)


def katz_variance(xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike) -> Array:
    """Variance of the log relative risk, 1/xa - 1/na + 1/xb - 1/nb (Katz et al. 1978)."""
    xa, na, xb, nb = as_arrays(xa, na, xb, nb)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 / xa - 1 / na + 1 / xb - 1 / nb


def log_relative_risk(
    xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike, alpha: ArrayLike = 0.05
) -> tuple[Array, Array]:
    """Limits of the relative risk by the log interval of Katz et al. 1978; a check, not the reading."""
    xa, na, xb, nb, alpha = as_arrays(xa, na, xb, nb, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.log(xb / nb) - np.log(xa / na)
    half = quantile(alpha) * np.sqrt(katz_variance(xa, na, xb, nb))
    return np.exp(theta - half), np.exp(theta + half)


def score_statistic(xa: Array, na: Array, xb: Array, nb: Array, ratio: Array) -> Array:
    """Return z of the score test that the relative risk is `ratio`, with the N/(N-1) correction.

    (pb - R pa) / sqrt(V), V = N/(N-1) (p1 (1-p1)/nb + R^2 p0 (1-p0)/na), where p0 and p1 = R p0 are the rates of
    greatest likelihood under the hypothesis. 0 where both counts are 0.

    Source: Miettinen & Nurminen 1985, equations 8 and 10.
    """
    total = na + nb
    # p0 solves A p^2 + B p + C = 0. Of the two forms of the smaller root, this one does not cancel when events are rare.
    leading = total * ratio
    linear = nb * ratio + xb + na + xa * ratio
    constant = xa + xb
    p0 = 2 * constant / (linear + np.sqrt(np.maximum(linear**2 - 4 * leading * constant, 0.0)))
    p1 = np.minimum(ratio * p0, 1.0)
    variance = total / (total - 1) * (p1 * (1 - p1) / nb + ratio**2 * p0 * (1 - p0) / na)
    difference = xb / nb - ratio * (xa / na)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = difference / np.sqrt(variance)
    return np.where(difference == 0, 0.0, statistic)


def score_ratio(
    xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike, alpha: ArrayLike = 0.05
) -> tuple[Array, Array]:
    """Limits of the relative risk b/a: every ratio that the score test does not reject.

    0 and infinity stand for open sides: below when the variant has no conversion, above when the control has none.

    Source: Miettinen & Nurminen 1985. Solved by bisection on the logarithm of the ratio.
    """
    xa, na, xb, nb, alpha = as_arrays(xa, na, xb, nb, alpha)
    z = quantile(alpha)
    usable = (na > 0) & (nb > 0) & (na + nb > 1) & (xa + xb > 0)
    low = np.where(usable, 0.0, np.nan)
    high = np.where(usable, np.inf, np.nan)
    for side, limit, there in ((1.0, low, usable & (xb > 0)), (-1.0, high, usable & (xa > 0))):
        if not there.any():
            continue
        a, m, b, n, bound = xa[there], na[there], xb[there], nb[there], side * z[there]
        start = np.log((b + 0.5) / n) - np.log((a + 0.5) / m)

        def excess(delta: Array, a: Array = a, m: Array = m, b: Array = b, n: Array = n, bound: Array = bound) -> Array:
            return score_statistic(a, m, b, n, np.exp(delta)) - bound

        limit[there] = np.exp(bisect(excess, start, 0.5, halvings=_HALVINGS))
    return low, high


def score_p(xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike) -> Array:
    """Two-sided p of the score test of equal rates: below alpha exactly when `score_ratio` excludes 1."""
    xa, na, xb, nb = as_arrays(xa, na, xb, nb)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = score_statistic(xa, na, xb, nb, np.ones_like(xa))
    return 2 * special.ndtr(-np.abs(z))


def newcombe_difference(
    xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike, alpha: ArrayLike = 0.05
) -> tuple[Array, Array]:
    """Limits of the difference of rates b - a from two Wilson intervals (Newcombe 1998, method 10)."""
    xa, na, xb, nb, alpha = as_arrays(xa, na, xb, nb, alpha)
    pa, pb = xa / na, xb / nb
    low_a, high_a = wilson(xa, na, alpha)
    low_b, high_b = wilson(xb, nb, alpha)
    difference = pb - pa
    return (
        difference - np.sqrt((pb - low_b) ** 2 + (high_a - pa) ** 2),
        difference + np.sqrt((high_b - pb) ** 2 + (pa - low_a) ** 2),
    )


def _restricted_rate(xa: Array, na: Array, xb: Array, nb: Array, difference: Array) -> Array:
    """Rate of the control of greatest likelihood when the variant's exceeds it by `difference`: root of a cubic.

    Source: Miettinen & Nurminen 1985, appendix. The closed root loses half of its digits at rare events, where its
    arc cosine is taken near the end; two Newton steps on the cubic bring them back.
    """
    total, events = na + nb, xa + xb
    c3 = total
    c2 = (nb + 2 * na) * difference - total - events
    c1 = (na * difference - total - 2 * xa) * difference + events
    c0 = xa * difference * (1 - difference)
    q = c2**3 / (3 * c3) ** 3 - c1 * c2 / (6 * c3**2) + c0 / (2 * c3)
    p = np.copysign(np.sqrt(np.maximum(c2**2 / (3 * c3) ** 2 - c1 / (3 * c3), 0.0)), q)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(p == 0, 0.0, np.clip(q / p**3, -1.0, 1.0))
    smallest, largest = np.maximum(0.0, -difference), np.minimum(1.0, 1.0 - difference)
    rate = np.clip(2 * p * np.cos((np.pi + np.arccos(cosine)) / 3) - c2 / (3 * c3), smallest, largest)
    for _ in range(2):
        value = ((c3 * rate + c2) * rate + c1) * rate + c0
        slope = (3 * c3 * rate + 2 * c2) * rate + c1
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(slope == 0, 0.0, value / slope)
        rate = np.clip(rate - step, smallest, largest)
    return rate


def score_difference(
    xa: ArrayLike, na: ArrayLike, xb: ArrayLike, nb: ArrayLike, alpha: ArrayLike = 0.05
) -> tuple[Array, Array]:
    """Limits of the difference of rates b - a: every difference that the score test does not reject.

    Source: Miettinen & Nurminen 1985, with N/(N-1). Solved by bisection between the difference seen and its bound.
    """
    xa, na, xb, nb, alpha = as_arrays(xa, na, xb, nb, alpha)
    z = quantile(alpha)
    seen = xb / nb - xa / na
    total = na + nb

    def rejects(difference: Array) -> NDArray[np.bool_]:
        rate = _restricted_rate(xa, na, xb, nb, difference)
        other = rate + difference
        variance = total / (total - 1) * (other * (1 - other) / nb + rate * (1 - rate) / na)
        return (seen - difference) ** 2 > z**2 * variance

    limits = []
    for end in (-1.0, 1.0):
        inside, outside = seen.copy(), np.full_like(seen, end)
        for _ in range(60):
            middle = 0.5 * (inside + outside)
            out = rejects(middle)
            outside = np.where(out, middle, outside)
            inside = np.where(out, inside, middle)
        limits.append(0.5 * (inside + outside))
    return limits[0], limits[1]


def conditional_p(xa: ArrayLike, xb: ArrayLike, rho: ArrayLike) -> tuple[Array, Array, Array]:
    """Test the share of conversions that fell into b, given their total and the share `rho` planned for b.

    Returns:
        One-sided exact p for more in b, one-sided exact p for less, and the two-sided mid-p. 1 where there are none.

    Source: the conditional binomial test of two Poisson rates (Przyborowski & Wilenski 1940); mid-p: Lancaster 1961.
    """
    xa, xb, rho = as_arrays(xa, xb, rho)
    total = xa + xb
    greater = np.where(xb > 0, special.betainc(np.maximum(xb, 1e-9), xa + 1, rho), 1.0)
    less = np.where(xa > 0, special.betaincc(xb + 1, np.maximum(xa, 1e-9), rho), 1.0)
    point = np.exp(
        special.gammaln(total + 1)
        - special.gammaln(xa + 1)
        - special.gammaln(xb + 1)
        + special.xlogy(xb, rho)
        + special.xlog1py(xa, -rho)
    )
    middle = np.minimum(1.0, 2 * np.minimum(greater, less) - point)
    return greater, less, np.where(total > 0, middle, 1.0)


def _odds_as_relative_risk(share: Array, rho: Array) -> Array:
    with np.errstate(divide="ignore"):
        return share / (1 - share) * (1 - rho) / rho


def conditional_exact(xa: ArrayLike, xb: ArrayLike, rho: ArrayLike, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
    """Limits of the relative risk from the exact interval of a binomial share (Clopper & Pearson 1934).

    For the occasion that a guarantee is wanted at any count; it is wider than needed. Rare events only.
    """
    xa, xb, rho, alpha = as_arrays(xa, xb, rho, alpha)
    low = np.where(xb > 0, special.betaincinv(np.maximum(xb, 1e-9), xa + 1, alpha / 2), 0.0)
    high = np.where(xa > 0, special.betainccinv(xb + 1, np.maximum(xa, 1e-9), alpha / 2), 1.0)
    return _odds_as_relative_risk(low, rho), _odds_as_relative_risk(high, rho)


def conditional_wilson(xa: ArrayLike, xb: ArrayLike, rho: ArrayLike, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
    """Limits of the relative risk from the Wilson interval of the share of conversions in b.

    Below one percent of converting readers it agrees with `score_ratio` to a thousandth of its width: the check of it.
    """
    xa, xb, rho, alpha = as_arrays(xa, xb, rho, alpha)
    low, high = wilson(xb, xa + xb, alpha)
    return _odds_as_relative_risk(low, rho), _odds_as_relative_risk(high, rho)
