"""Several variants and many comparisons at once: closed e-values, e-BH, Dunnett, Holm, Benjamini-Hochberg."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis.inference.arrays import Array, as_arrays, root


def log_closed_e(log_e: ArrayLike) -> Array:
    """Logarithm of the closed e-value of each variant, by means of e-values.

    The closed e-value of variant i is the smallest mean e-value over all sets of variants that hold i; it suffices to
    ask the sets of i with the r smallest others. Declaring proven what reaches 1/alpha errs for any variant with chance
    alpha at most, at any time.

    Args:
        log_e: Shape (n, variants), or (variants,); not a number where a variant has no e-value (it then stands outside).

    Source: Vovk & Wang 2021, section 4.
    """
    values = np.asarray(log_e, dtype=np.float64)
    if values.ndim == 1:
        return log_closed_e(values[None, :])[0]
    out = np.full(values.shape, np.nan)
    width = values.shape[1]
    for i in range(width):
        others = np.sort(np.delete(values, i, axis=1), axis=1)  # missing ones sort to the end
        total = values[:, i]
        smallest = total.copy()
        for r in range(1, width):
            with np.errstate(invalid="ignore"):
                total = np.logaddexp(total, others[:, r - 1])
            smallest = np.fmin(smallest, total - np.log(r + 1))
        out[:, i] = smallest
    return out


def e_bh(e: ArrayLike, alpha: float = 0.05) -> list[int]:
    """Indices (from 0) that e-BH rejects: the k largest with e_(k) >= K / (alpha k) for the largest such k.

    The false discovery rate is at most alpha whatever the dependence. Source: Wang & Ramdas 2022.
    """
    (values,) = as_arrays(e)
    order = np.argsort(-values, kind="stable")
    ranks = np.arange(1, values.size + 1)
    passes = np.flatnonzero(values[order] >= values.size / (alpha * ranks))
    return sorted(int(i) for i in order[: passes[-1] + 1]) if passes.size else []


def benjamini_hochberg(p: ArrayLike) -> Array:
    """Adjusted p values (q values) that hold the false discovery rate (Benjamini & Hochberg 1995)."""
    (values,) = as_arrays(p)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * values.size / np.arange(1, values.size + 1)
    out = np.empty_like(values)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def holm(p: ArrayLike) -> Array:
    """Adjusted p values that hold the chance of any false rejection (Holm 1979)."""
    (values,) = as_arrays(p)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * (values.size - np.arange(values.size))
    out = np.empty_like(values)
    out[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return out


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
_WEIGHTS = _WEIGHTS / np.sqrt(2 * np.pi)


def dunnett_quantile(control_variance: float, variances: ArrayLike, alpha: float = 0.05) -> float:
    """Two-sided critical value of |z| for all variants against one control.

    Correlation comes from the shared control: l_j^2 = v0 / (v0 + v_j). Given the control's error u, comparisons are
    independent, so that one integral over u suffices.

    Args:
        control_variance: Variance of the control's estimate.
        variances: Variance of each variant's estimate.
        alpha: Chance of any false rejection.

    Source: Dunnett 1955.
    """
    (spread,) = as_arrays(variances)
    load = np.sqrt(control_variance / (control_variance + spread))[:, None]
    rest = np.sqrt(1 - load**2)

    def inside(c: float) -> float:
        shares = special.ndtr((c - load * _NODES) / rest) - special.ndtr((-c - load * _NODES) / rest)
        return float(_WEIGHTS @ np.prod(shares, axis=0))

    return root(lambda c: inside(c) - (1 - alpha), 0.5, 10.0)


def step_down_dunnett(z: ArrayLike, control_variance: float, variances: ArrayLike, alpha: float = 0.05) -> list[bool]:
    """Which of the comparisons with one control are rejected, largest |z| first, each against those not yet rejected.

    Stops at the first that is not rejected. Source: Marcus, Peritz & Gabriel 1976 (closure); Dunnett & Tamhane 1991.
    """
    values, spread = as_arrays(z, variances)
    order = np.argsort(-np.abs(values), kind="stable")
    rejected = [False] * values.size
    for rank, i in enumerate(order):
        if np.abs(values[i]) < dunnett_quantile(control_variance, spread[order[rank:]], alpha):
            break
        rejected[i] = True
    return rejected
