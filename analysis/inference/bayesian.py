"""What to expect and what an error would cost: posteriors, chances to be best, expected losses.

A decision, not evidence: a variant may be worth showing without being proven. Arrays: one row a comparison, or one row an
experiment with one column a variant (not a number where it has fewer variants than the widest). Losses are per reader in
the unit of the metric unless a base is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.stats import qmc

from analysis.inference.arrays import Array, as_arrays

#: Scale of the prior while fewer than 30 past tests are known.
DEFAULT_TAU = 0.10
#: A prior that allows nothing cannot be updated: an estimate of 0 is taken as this.
SMALLEST_TAU = 0.01
#: Below so many conversions in a variant the normal form is left for Beta posteriors.
FEWEST_CONVERSIONS = 20
#: Draws for three variants and more.
DRAWS = 16_384
_SEED = 20_240_229


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


def _draws(variants: int) -> Array:
    """Standard normal draws (DRAWS, variants + 1), the same in every run: a scrambled Sobol sequence."""
    uniform = qmc.Sobol(variants + 1, rng=_SEED).random(DRAWS)
    return special.ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))


def best_of(posterior: VariantPosterior, less_is_better: ArrayLike = False) -> tuple[Array, Array]:
    """Chance of each variant to be the best, and its expected loss against the best as a share of the first's mean.

    Two variants are solved in closed form. More are drawn: 16,384 points of one Sobol sequence for all rows, so that a
    rerun says the same and neighbouring days differ by data alone.

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
            best, lost = _best_by_draws(mean, own, shared, sign)
        chance[rows[:, None], columns] = best
        loss[rows[:, None], columns] = lost
    return chance, loss


def _best_by_draws(mean: Array, own: Array, shared: Array, sign: Array) -> tuple[Array, Array]:
    rows, number = mean.shape
    draws = _draws(number).T
    best = np.empty((rows, number))
    lost = np.empty((rows, number))
    # Relative to the control, so that the loss is a share of its mean; the centre's uncertainty mostly cancels.
    shift = mean - mean[:, :1]
    load = shared - shared[:, :1]
    scale = np.sqrt(own)
    batch = 8  # eight rows of draws fit the processor's cache
    for begin in range(0, rows, batch):
        part = slice(begin, begin + batch)
        noise = scale[part, :, None] * draws[:number]
        log_ratio = noise - noise[:, :1] + shift[part, :, None] + load[part, :, None] * draws[number]
        ratio = np.exp(log_ratio)
        turned = sign[part, None, None] * ratio
        first = turned.argmax(axis=1)
        best[part] = np.stack([(first == j).mean(axis=1) for j in range(number)], axis=1)
        lost[part] = (turned.max(axis=1, keepdims=True) - turned).mean(axis=2)
    return best, lost


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
    points = 384
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
