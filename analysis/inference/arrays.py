"""Numerics that every kernel shares: arrays that broadcast, sums of exponentials, and roots found for all rows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

Array = NDArray[np.float64]


def as_arrays(*values: ArrayLike) -> tuple[Array, ...]:
    """Return the values as float arrays of one shape, at least one-dimensional."""
    return tuple(np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in values)))


def quantile(alpha: Array) -> Array:
    """Return z(1 - alpha/2), from the upper tail so that a tiny alpha keeps its digits."""
    return -special.ndtri(alpha / 2)


def sum_by(index: NDArray[np.int64], values: Array, count: int) -> Array:
    """Return the sum of `values` for every index from 0 to count - 1; 0 for one that does not occur."""
    return np.bincount(index, weights=values, minlength=count).astype(np.float64, copy=False)


def log_sum_exp(values: Array, weights: Array | float = 1.0) -> Array:
    """Return log sum w e^v over the last axis, without overflow."""
    top = values.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return top[..., 0] + np.log((weights * np.exp(values - top)).sum(axis=-1))


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a scalar function between two points of opposite sign (Brent 1973)."""
    return cast("float", optimize.brentq(function, low, high, xtol=1e-15, rtol=np.float64(1e-14)))


def bisect(function: Callable[[Array], Array], start: Array, width: float, *, halvings: int) -> Array:
    """Return the root of a decreasing function for every row.

    Args:
        function: Maps positions to values, row by row; decreasing in each row.
        start: First guess, shape (n,).
        width: First width of the bracket; doubled until the root lies inside (at most 2^60 times as wide).
        halvings: Halvings of the bracket.

    Returns:
        Roots, shape (n,). A row without a root ends at the end of its widest bracket.
    """
    low, high = start - width, start + width
    low = _reach(function, low, width, -1.0)
    high = _reach(function, high, width, 1.0)
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        above = function(middle) > 0
        low = np.where(above, middle, low)
        high = np.where(above, high, middle)
    return 0.5 * (low + high)


def _reach(function: Callable[[Array], Array], end: Array, width: float, direction: float) -> Array:
    """Move the end of a bracket away, in doubling steps, until the function has the sign it needs there."""
    step = width
    for _ in range(60):
        short = direction * function(end) > 0
        if not short.any():
            break
        step *= 2
        end = np.where(short, end + direction * step, end)
    return end


def leave(function: Callable[[Array], Array], width: Array, *, halvings: int) -> Array:
    """Return how far each row may move from 0 before a function that starts above 0 falls to 0.

    Args:
        function: Maps moves (0 and more) to values; above 0 at 0 and falling from its peak, row by row.
        width: First guess of the move, shape (n,), above 0; doubled until the value is below 0.
        halvings: Halvings of the bracket.
    """
    far = width.copy()
    for _ in range(60):
        still = function(far) > 0
        if not still.any():
            break
        far = np.where(still, 2 * far, far)
    near = np.zeros_like(far)
    for _ in range(halvings):
        middle = 0.5 * (near + far)
        inside = function(middle) > 0
        near = np.where(inside, middle, near)
        far = np.where(inside, far, middle)
    return 0.5 * (near + far)
