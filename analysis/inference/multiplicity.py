"""Several variants and many comparisons at once: closed e-values, e-BH, Dunnett, Holm, Benjamini-Hochberg."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
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
    with np.errstate(divide="ignore"):
        return np.flatnonzero(e_bh_rejects(np.log(values)[None, :], np.array([alpha]))[0]).tolist()


def e_bh_rejects(log_e: Array, alpha: Array) -> NDArray[np.bool_]:
    """`e_bh` for many lists at once: shape (lists, e-values) of logarithms, not a number where a list is shorter."""
    order = np.argsort(-log_e, axis=1, kind="stable")  # what is not a number comes last
    ranked = np.take_along_axis(log_e, order, axis=1)
    ranks = np.arange(1, log_e.shape[1] + 1)
    size = np.isfinite(log_e).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        passes = ranked >= np.log(size) - np.log(alpha[:, None] * ranks)
    kept = np.where(passes, ranks, 0).max(axis=1, initial=0)
    return np.argsort(order, axis=1, kind="stable") < kept[:, None]


def _ranked(p: ArrayLike) -> tuple[Array, NDArray[np.int64], Array]:
    """Values along the last axis in rising order, that order, and how many of them are known."""
    values = np.atleast_1d(np.asarray(p, dtype=np.float64))
    order = np.argsort(values, axis=-1, kind="stable")
    return np.take_along_axis(values, order, axis=-1), order, np.isfinite(values).sum(axis=-1, keepdims=True)


def _placed(ranked: Array, order: NDArray[np.int64]) -> Array:
    out = np.empty_like(ranked)
    np.put_along_axis(out, order, ranked, axis=-1)
    return out


def benjamini_hochberg(p: ArrayLike) -> Array:
    """Adjusted p values (q values) that hold the false discovery rate (Benjamini & Hochberg 1995).

    Lists stand along the last axis; not a number where one is shorter.
    """
    ranked, order, size = _ranked(p)
    scaled = ranked * size / np.arange(1, ranked.shape[-1] + 1)
    smallest = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    return _placed(np.where(np.isfinite(ranked), np.minimum(smallest, 1.0), np.nan), order)


def holm(p: ArrayLike) -> Array:
    """Adjusted p values that hold the chance of any false rejection (Holm 1979); lists as `benjamini_hochberg`."""
    ranked, order, size = _ranked(p)
    scaled = ranked * (size - np.arange(ranked.shape[-1]))
    return _placed(np.minimum(np.maximum.accumulate(scaled, axis=-1), 1.0), order)


#: Tests whose joint bounds are integrated at once: bounds the memory.
_CHUNK = 2048
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


def step_down_dunnett_p(z: Array, control_variance: Array, variances: Array) -> Array:
    """Adjusted p of `step_down_dunnett` for many tests at once: below alpha exactly where that rejects.

    Args:
        z, control_variance, variances: Shape (tests, variants); not a number where a test has fewer. The control's variance
            is the same for all variants of a test.

    Source: Dunnett & Tamhane 1991; Marcus, Peritz & Gabriel 1976 (closure).
    """
    if z.shape[0] > _CHUNK:
        parts = [slice(begin, begin + _CHUNK) for begin in range(0, z.shape[0], _CHUNK)]
        return np.concatenate([step_down_dunnett_p(z[i], control_variance[i], variances[i]) for i in parts])
    order = np.argsort(-np.abs(z), axis=1, kind="stable")
    size = np.abs(np.take_along_axis(z, order, axis=1))
    own, spread = (np.take_along_axis(values, order, axis=1) for values in (control_variance, variances))
    spread = np.where(np.isfinite(size), spread, np.nan)  # a variant that is not there takes no part
    with np.errstate(divide="ignore", invalid="ignore"):
        load = np.sqrt(own / (own + spread))[:, :, None]
        rest = np.sqrt(1 - load**2)
        p = np.full_like(size, np.nan)
        for rank in range(size.shape[1]):
            bound = size[:, rank, None, None]
            shift = load[:, rank:] * _NODES
            inside = special.ndtr((bound - shift) / rest[:, rank:]) - special.ndtr((-bound - shift) / rest[:, rank:])
            p[:, rank] = 1 - np.nanprod(inside, axis=1) @ _WEIGHTS
    p = np.where(np.isfinite(size), np.clip(np.maximum.accumulate(p, axis=1), 0.0, 1.0), np.nan)
    return _placed(p, order)


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
