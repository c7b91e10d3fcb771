"""What to expect and what an error would cost: posteriors, chances to be best, expected losses.

A decision, not evidence: a variant may be worth showing without being proven. Arrays: one row a comparison, or one row an
experiment with one column a variant (not a number where it has fewer variants than the widest). Losses are per reader in
the unit of the metric unless a base is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays

#: Scale of the prior while fewer than 30 past tests are known.
DEFAULT_TAU = 0.10
#: A prior that allows nothing cannot be updated: an estimate of 0 is taken as this.
SMALLEST_TAU = 0.01
#: Below so many conversions in a variant the normal form is left for Beta posteriors.
FEWEST_CONVERSIONS = 20


@dataclass(frozen=True)
class Posterior:
    """Posterior of the log ratio of two variants, and what follows from it.

    Attributes:
        mean, sd: Of the log ratio.
        chance_better: Chance that b is above a.
        loss_b, loss_a: Expected loss of showing b, and of showing a, as a share of a's mean.
    """

    mean: Array
    sd: Array
    chance_better: Array
    loss_b: Array
    loss_a: Array


def shortfall(mean: Array, variance: Array) -> Array:
    """E[(1 - e^d)^+] of a normal d: what is lost, as a share of a, by showing b where a is better."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.sqrt(variance)
        return np.maximum(
            special.ndtr(-mean / sd) - np.exp(mean + variance / 2) * special.ndtr(-(mean + variance) / sd), 0.0
        )


def excess(mean: Array, variance: Array) -> Array:
    """E[(e^d - 1)^+] of a normal d: what is lost, as a share of a, by showing a where b is better."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.sqrt(variance)
        return np.maximum(
            np.exp(mean + variance / 2) * special.ndtr((mean + variance) / sd) - special.ndtr(mean / sd), 0.0
        )


def two_variants(theta: ArrayLike, se: ArrayLike, tau: ArrayLike = DEFAULT_TAU) -> Posterior:
    """Posterior of a log ratio with prior N(0, tau^2), and expected losses in closed form.

    v = 1/(1/se^2 + 1/tau^2), mean = v theta / se^2; losses are the prices of two options on a lognormal (Margrabe 1978).
    """
    theta, se, tau = as_arrays(theta, se, tau)
    tau = np.maximum(tau, SMALLEST_TAU)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = 1 / (1 / se**2 + 1 / tau**2)
        mean = variance * theta / se**2
        better = special.ndtr(mean / np.sqrt(variance))
    return Posterior(mean, np.sqrt(variance), better, shortfall(mean, variance), excess(mean, variance))


@dataclass(frozen=True)
class VariantPosterior:
    """Joint posterior of the log means of several variants: normal with covariance diag(own) + shared shared'.

    Attributes:
        centre: Weighted mean that the variants are shrunk towards, shape (n,).
        mean: Shape (n, variants); not a number where a variant is missing.
        own: Variance of its own, (1 - B_j) v_j.
        shared: Loading on the uncertainty of the centre, B_j / sqrt(sum w).
    """

    centre: Array
    mean: Array
    own: Array
    shared: Array

    @property
    def sd(self) -> Array:
        """Posterior standard deviation of each log mean."""
        return np.sqrt(self.own + self.shared**2)


def several_variants(log_mean: ArrayLike, variance: ArrayLike, tau: ArrayLike = DEFAULT_TAU) -> VariantPosterior:
    """Posterior of the log means of variants that are exchangeable around a free centre.

    Each true log mean is N(centre, tau^2 / 2), so that the difference of two has the prior N(0, tau^2) of
    `two_variants`; with two variants both say the same. w_j = 1/(v_j + tau^2/2), B_j = v_j w_j.

    Source: Efron & Morris 1973; Morris 1983 (with the scale known and a flat prior of the centre).
    """
    values = np.atleast_2d(np.asarray(log_mean, dtype=np.float64))
    spread = np.atleast_2d(np.asarray(variance, dtype=np.float64))
    (scale,) = as_arrays(tau)
    scale = np.maximum(np.broadcast_to(scale, values.shape[:1]), SMALLEST_TAU)
    weight = 1 / (spread + (scale**2 / 2)[:, None])
    total = np.nansum(weight, axis=1)
    centre = np.nansum(weight * values, axis=1) / total
    shrink = spread * weight
    return VariantPosterior(
        centre=centre,
        mean=(1 - shrink) * values + shrink * centre[:, None],
        own=(1 - shrink) * spread,
        shared=shrink / np.sqrt(total)[:, None],
    )


def best_of(posterior: VariantPosterior, less_is_better: ArrayLike = False) -> tuple[Array, Array]:
    """Chance of each variant to be the best, and its expected loss against the best as a share of the first's mean.

    Two variants are solved in closed form, more by integration rather than by draws: a rerun says the same, and
    neighbouring days differ by data alone.

    Args:
        posterior: Column 0 is the control.
        less_is_better: One per row, or one for all.

    Returns:
        Both of shape (n, variants), not a number where a variant is missing.
    """
    n, width = posterior.mean.shape
    turned = np.broadcast_to(np.asarray(less_is_better, dtype=bool), (n,))
    there = np.isfinite(posterior.mean) & np.isfinite(posterior.own)
    chance = np.full((n, width), np.nan)
    loss = np.full((n, width), np.nan)
    count = there.sum(axis=1)
    usable = there[:, 0]
    for number in np.unique(count[usable & (count >= 2)]):
        rows = np.flatnonzero(usable & (count == number))
        columns = np.argsort(~there[rows], axis=1, kind="stable")[:, :number]
        mean = np.take_along_axis(posterior.mean[rows], columns, axis=1)
        own = np.take_along_axis(posterior.own[rows], columns, axis=1)
        shared = np.take_along_axis(posterior.shared[rows], columns, axis=1)
        sign = np.where(turned[rows], -1.0, 1.0)
        if number == 2:
            difference = mean[:, 1] - mean[:, 0]
            variance = own.sum(axis=1) + (shared[:, 1] - shared[:, 0]) ** 2
            better = special.ndtr(sign * difference / np.sqrt(variance))
            best = np.stack([1 - better, better], axis=1)
            up, down = excess(difference, variance), shortfall(difference, variance)
            lost = np.where(turned[rows, None], np.stack([down, up], axis=1), np.stack([up, down], axis=1))
        else:
            best, lost = _best_by_quadrature(mean, own, shared, sign)
        chance[rows[:, None], columns] = best
        loss[rows[:, None], columns] = lost
    return chance, loss


#: Nodes over the uncertainty that the variants share, and their weights for a standard normal.
_SHARED, _SHARED_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_SHARED_WEIGHTS = _SHARED_WEIGHTS / _SHARED_WEIGHTS.sum()
#: Numbers held at once in the integration of several variants; a few megabytes.
_AT_ONCE = 400_000
_MOST_POINTS = 1024


def _best_by_quadrature(mean: Array, own: Array, shared: Array, sign: Array) -> tuple[Array, Array]:
    """Chance to be the best, and loss as a share of the first's mean, for three variants and more.

    Given the shared part, variants are independent: the chance is an integral of a density times distribution functions.
    Losses are relative to the first's own random mean; weighting by its inverse only shifts normals (Girsanov), so the
    same integral serves with shifted means.
    """
    rows, number = mean.shape
    best, lost = np.empty((rows, number)), np.empty((rows, number))
    sd = np.sqrt(own)
    # The trapezoid needs a point per narrowest standard deviation; rows that need alike many are done together.
    reach = 8 * sd + 5 * np.abs(shared)
    low, high = (mean - reach).min(axis=1), (mean + reach).max(axis=1) + (sd**2 + shared**2).max(axis=1)
    # A posterior a thousand times narrower than the widest is widened to what the grid can hold: that moves chances by
    # less than a thousandth.
    sd = np.maximum(sd, (high - low)[:, None] / (0.8 * _MOST_POINTS))
    points = np.clip(np.ceil((high - low) / (0.8 * sd.min(axis=1))), 32, _MOST_POINTS).astype(np.int64)
    order = np.argsort(points, kind="stable")
    begin = 0
    while begin < rows:
        needed = int(points[order[begin]])
        size = max(1, _AT_ONCE // (needed * number * _SHARED.size))
        part = order[begin : begin + size]
        needed = int(points[part].max())
        begin += part.size
        t = low[part, None] + (high - low)[part, None] * np.linspace(0.0, 1.0, needed)
        step = (high - low)[part] / (needed - 1)
        centre, loading, scale = mean[part], shared[part], sd[part]
        turned = sign[part] < 0
        location = centre[:, None, :] + loading[:, None, :] * _SHARED[:, None]
        best[part] = _chances(t, location, scale, turned) * step[:, None]
        tilted = location - loading[:, None, :] * loading[:, None, :1]
        tilted[:, :, 0] -= scale[:, None, 0] ** 2
        factor = np.exp(0.5 * (scale[:, 0] ** 2 + loading[:, 0] ** 2) - centre[:, 0])
        lost[part] = _losses(t, tilted, scale, turned) * (step * factor)[:, None]
    return best, lost


def _distribution(t: Array, location: Array, scale: Array) -> tuple[Array, Array]:
    """Standardised positions and distribution functions, shape (rows, nodes, variants, points)."""
    z = (t[:, None, None, :] - location[..., None]) / scale[:, None, :, None]
    return z, special.ndtr(z)


def _chances(t: Array, location: Array, scale: Array, turned: NDArray[np.bool_]) -> Array:
    z, below = _distribution(t, location, scale)
    beaten = np.where(turned[:, None, None, None], 1 - below, below)
    density = np.exp(-0.5 * z * z) / (scale[:, None, :, None] * np.sqrt(2 * np.pi))
    number = location.shape[2]
    out = [
        (density[:, :, j] * np.prod(np.delete(beaten, j, axis=2), axis=2)).sum(axis=2) @ _SHARED_WEIGHTS
        for j in range(number)
    ]
    return np.stack(out, axis=1)


def _losses(t: Array, location: Array, scale: Array, turned: NDArray[np.bool_]) -> Array:
    _, below = _distribution(t, location, scale)
    beaten = np.where(turned[:, None, None, None], 1 - below, below)
    number = location.shape[2]
    level = np.exp(t)[:, None, :]
    out = [
        (level * beaten[:, :, j] * (1 - np.prod(np.delete(beaten, j, axis=2), axis=2))).sum(axis=2) @ _SHARED_WEIGHTS
        for j in range(number)
    ]
    return np.stack(out, axis=1)


def best_rate(
    x: ArrayLike, n: ArrayLike, *, prior_a: float = 0.5, prior_b: float = 0.5, less_is_better: ArrayLike = False
) -> tuple[Array, Array]:
    """Chance of each variant's rate to be the best, and its expected loss against the best, per reader.

    Beta(x + a, n - x + b) posteriors, integrated on the log odds: chance = integral of f_j prod F_k, loss = integral of
    F_j (1 - prod F_k), which does not cancel. For few conversions, where the normal form of the log mean fails.

    Args:
        x, n: Converted readers and all readers, shape (rows, variants); not a number where a variant is missing.
        prior_a, prior_b: Beta prior; 1/2 and 1/2 is Jeffreys'.
        less_is_better: The best is the lowest rate; one per row, or one for all.

    Returns:
        Both of shape (rows, variants).
    """
    hits = np.atleast_2d(np.asarray(x, dtype=np.float64)) + prior_a
    misses = np.atleast_2d(np.asarray(n, dtype=np.float64)) - np.atleast_2d(np.asarray(x, dtype=np.float64)) + prior_b
    rows, width = hits.shape
    there = np.isfinite(hits) & np.isfinite(misses)
    mean = special.digamma(hits) - special.digamma(misses)
    sd = np.sqrt(special.polygamma(1, hits) + special.polygamma(1, misses))
    narrow = np.nanmin(np.where(there, sd, np.nan), axis=1)
    middle = np.take_along_axis(mean, np.nanargmin(np.where(there, sd, np.inf), axis=1)[:, None], axis=1)[:, 0]
    # Points lie dense around the narrowest posterior and thin out towards the tails, which fall like e^(hits t).
    reach_down = middle - np.nanmin(np.where(there, mean - np.maximum(12 * sd, 40 / hits), np.nan), axis=1)
    reach_up = np.nanmax(np.where(there, mean + np.maximum(12 * sd, 40 / misses), np.nan), axis=1) - middle
    points = 160
    width_in_sd = 2.0 * narrow
    u = np.linspace(0.0, 1.0, points)
    begin, end = -np.arcsinh(reach_down / width_in_sd), np.arcsinh(reach_up / width_in_sd)
    position = begin[:, None] + (end - begin)[:, None] * u
    t = middle[:, None] + width_in_sd[:, None] * np.sinh(position)
    weight = width_in_sd[:, None] * np.cosh(position) * ((end - begin) / (points - 1))[:, None]
    rate, rest = special.expit(t), special.expit(-t)
    below = np.ones((rows, width, points))
    above = np.zeros((rows, width, points))
    density = np.zeros((rows, width, points))
    for j in range(width):
        k = there[:, j]
        a, b = hits[k, j, None], misses[k, j, None]
        below[k, j] = special.betainc(a, b, rate[k])
        above[k, j] = 1 - below[k, j]
        # Density of the log odds: a factor rate * rest more than that of the rate.
        density[k, j] = np.exp(a * special.log_expit(t[k]) + b * special.log_expit(-t[k]) - special.betaln(a, b))
    turned = np.broadcast_to(np.asarray(less_is_better, dtype=bool), (rows,))
    if turned.any():
        swap = (turned[:, None] & there)[:, :, None]
        below, above = np.where(swap, above, below), np.where(swap, below, above)
    chance = np.full((rows, width), np.nan)
    loss = np.full((rows, width), np.nan)
    for j in range(width):
        others = [k for k in range(width) if k != j]
        all_below = np.prod(below[:, others], axis=1)
        # 1 - prod(1 - above), without losing what is small.
        some_above = -np.expm1(np.sum(np.log1p(-np.minimum(above[:, others], 1 - 1e-16)), axis=1))
        k = there[:, j]
        chance[k, j] = (density[:, j] * all_below * weight).sum(axis=1)[k]
        loss[k, j] = (below[:, j] * some_above * rate * rest * weight).sum(axis=1)[k]
    return chance, loss
