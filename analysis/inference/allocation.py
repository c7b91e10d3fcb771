"""Advice on shares for the next stage of a running test: more readers for what is likely best, never automatic.

A change of shares is a new allocation epoch, at most once a week; readers are compared inside epochs afterwards.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from analysis.inference.arrays import Array

#: Least share of a variant: without it the test could never learn that it erred.
FLOOR = 0.05
#: Chance to be the best below which a variant may be dropped.
HOPELESS = 0.01


def advised_shares(chance_best: ArrayLike, *, gentle: bool = False) -> Array:
    """Shares in proportion to the chance to be the best, or to its square root, with `FLOOR` for every variant.

    Args:
        chance_best: Shape (tests, variants); not a number where a variant is not there, or no chance is known.

    Returns:
        Shares that sum to 1 over the variants of a test; not numbers where any chance is not known.

    Source: Thompson 1933 (probability matching); measured in docs/methods/allocation.md.
    """
    chance = np.atleast_2d(np.asarray(chance_best, dtype=np.float64))
    there = np.isfinite(chance)
    weight = np.where(there, np.sqrt(np.maximum(chance, 0.0)) if gentle else np.maximum(chance, 0.0), 0.0)
    fixed = np.zeros_like(there)
    shares = np.full_like(weight, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Raising one to the floor takes from the others, so that another may fall below it: at most one more each time.
        for _ in range(weight.shape[1]):
            left = 1 - FLOOR * fixed.sum(axis=1, keepdims=True)
            free = np.where(fixed, 0.0, weight)
            shares = np.where(fixed, FLOOR, left * free / free.sum(axis=1, keepdims=True))
            fixed |= there & (shares < FLOOR)
    known = there.any(axis=1, keepdims=True) & (there.sum(axis=1, keepdims=True) * FLOOR < 1)
    return np.where(there & known, shares, np.nan)


def may_be_dropped(chance_best: ArrayLike) -> Array:
    """1 for a variant that is hardly ever the best, while another two are left; 0 otherwise."""
    chance = np.atleast_2d(np.asarray(chance_best, dtype=np.float64))
    hopeless = np.nan_to_num(chance, nan=1.0) < HOPELESS
    enough = (np.isfinite(chance) & ~hopeless).sum(axis=1, keepdims=True) >= 2
    return (hopeless & enough).astype(np.float64)
