"""Looks before a registered end: error is spent as information grows, and nothing valid is said after it.

Information is 1/se^2 of the log ratio; t is its share of what was planned. Between looks the score B(t) = z sqrt(t) moves
by independent normal steps, so that the bound of each look follows from the density of the score between earlier bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays

#: Bounds of |z| are looked for up to here; what lies beyond is no bound but a closed door.
_WIDEST = 37.0
#: How much more information than one look a test of daily looks needs for the same power (80 %, five looks to daily).
INFLATION = 1.055
#: Points of the density for many tests at once, and the tests that are carried together.
_POINTS, _CHUNK = 161, 64


def obrien_fleming_spending(t: ArrayLike, alpha: ArrayLike) -> Array:
    """Error spent by one side up to information t, 2 (1 - Phi(z(1 - alpha/4) / sqrt(t))) (Lan & DeMets 1983)."""
    t, alpha = as_arrays(t, alpha)
    return 2 * special.ndtr(special.ndtri(alpha / 4) / np.sqrt(t))


def power_spending(t: ArrayLike, alpha: float, phi: float) -> Array:
    """Error spent by one side up to information t, alpha/2 t^phi (Kim & DeMets 1987)."""
    (t,) = as_arrays(t)
    return alpha / 2 * t**phi


def information_needed(effect: ArrayLike, alpha: ArrayLike, variants: ArrayLike = 1, power: float = 0.8) -> Array:
    """Information 1/se^2 at the end with which a lift is seen with the given power, looking daily.

    ((z(1 - alpha/(2 K)) + z(power)) / log(1 + effect))^2 of one look, times `INFLATION`.
    """
    effect, alpha, variants = as_arrays(effect, alpha, variants)
    quantiles = special.ndtri(power) - special.ndtri(alpha / (2 * variants))
    return INFLATION * (quantiles / np.log1p(effect)) ** 2


def spending_bounds(t: ArrayLike, spent: ArrayLike, *, points: int = 801) -> Array:
    """Bounds of |z| of one test at looks with information `t`, when each side spends `spent` in all up to that look.

    Args:
        t: Shares of the planned information, rising, above 0.
        spent: Error of one side spent up to each look, rising (`obrien_fleming_spending`, `power_spending`).
        points: Grid points of the density.

    Returns:
        Bounds, one a look.

    Raises:
        ValueError: `t` or `spent` does not rise.

    Source: Armitage, McPherson & Rowe 1969 (recursion); Lan & DeMets 1983 (spending).
    """
    (looks,) = as_arrays(t)
    (total,) = as_arrays(spent)
    if np.any(np.diff(looks, prepend=0.0) <= 0) or np.any(np.diff(total, prepend=0.0) < 0):
        raise ValueError("t must rise from above 0 and spent must not fall")
    return bounds_of_many(looks[None, :], total[None, :], points=points)[0]


def bounds_of_many(t: Array, spent: Array, *, points: int = _POINTS) -> Array:
    """`spending_bounds` of many tests at once.

    Args:
        t, spent: Shape (tests, looks); the looks of a test stand first and rise, the rest is not a number.

    Returns:
        Bounds of the same shape; infinite where a look has nothing to spend, not a number where there is no look.
    """
    parts = [_carried(t[i : i + _CHUNK], spent[i : i + _CHUNK], points) for i in range(0, t.shape[0], _CHUNK)]
    return np.concatenate(parts) if parts else np.full_like(t, np.nan)


def _carried(t: Array, spent: Array, points: int) -> Array:
    """Carry the density of the score from look to look on a grid between the last bounds, one row a test."""
    tests = t.shape[0]
    bounds = np.full_like(t, np.nan)
    grid, mass = np.zeros((tests, 1)), np.ones((tests, 1))
    before, done = np.zeros(tests), np.zeros(tests)
    for look in range(t.shape[1]):
        rows = np.flatnonzero(np.isfinite(t[:, look]))
        if rows.size == 0:
            break
        now = t[rows, look]
        sd, scale = np.sqrt(now - before[rows])[:, None], np.sqrt(now)
        bound = _bound(grid[rows], mass[rows], sd, scale, spent[rows, look] - done[rows])
        bounds[rows, look] = bound
        nodes = np.linspace(-1.0, 1.0, points) * (np.minimum(bound, _WIDEST) * scale)[:, None]
        density = _density(nodes, grid[rows], mass[rows], sd)
        wider, heavier = np.zeros((tests, points)), np.zeros((tests, points))
        wider[rows], heavier[rows] = nodes, density * _simpson(nodes)
        grid, mass = wider, heavier
        before[rows], done[rows] = now, spent[rows, look]
    return bounds


def _bound(grid: Array, mass: Array, sd: Array, scale: Array, target: Array) -> Array:
    """The bound at which a look spends its target, by halving; infinite where it has nothing to spend."""
    low, high = np.zeros_like(target), np.full_like(target, _WIDEST)
    for _ in range(60):
        middle = 0.5 * (low + high)
        passes = (mass * special.ndtr((grid - (middle * scale)[:, None]) / sd)).sum(axis=1)
        above = passes > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(target > 0, high, np.inf)


def _density(nodes: Array, grid: Array, mass: Array, sd: Array) -> Array:
    steps = (nodes[:, :, None] - grid[:, None, :]) / sd[:, :, None]
    return (np.exp(-0.5 * steps**2) @ mass[:, :, None])[:, :, 0] / (sd * np.sqrt(2 * np.pi))


def _simpson(nodes: Array) -> Array:
    weights = np.full(nodes.shape[1], 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return weights * (nodes[:, 1:2] - nodes[:, :1]) / 3


def looks_of(information: Array, planned: Array, is_last: NDArray[np.bool_]) -> Array:
    """Which days of each test are looks, as shares of the planned information; not a number where a day is none.

    A day on which information has hardly grown spends nothing and is no look. The first day with all the information
    planned, or the registered last day (`is_last`), closes the test: no day after it is a look.

    Args:
        information: Shape (tests, days), 1/se^2; not a number where it is not known.
        planned: Shape (tests,).
        is_last: Shape (tests, days), from the registered last day on.
    """
    t = information / planned[:, None]
    looks = np.full_like(t, np.nan)
    reached, closed = np.zeros(t.shape[0]), np.zeros(t.shape[0], dtype=bool)
    for day in range(t.shape[1]):
        closes = (t[:, day] >= 1) | is_last[:, day]
        with np.errstate(invalid="ignore"):
            grown = t[:, day] >= reached + np.where(closes, 1e-9, SMALLEST_STEP)
        is_look = grown & ~closed
        looks[is_look, day] = t[is_look, day]
        reached = np.where(is_look, t[:, day], reached)
        closed |= closes & np.isfinite(t[:, day])
    return looks


#: Growth of t below which a day is no look: the grid could not carry a shorter step.
SMALLEST_STEP = 1 / 600
