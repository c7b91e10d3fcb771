"""Were groups alike before the test? What was known of readers beforehand, compared one by one and all together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.inference.arrays import Array
from analysis.inference.results import NotEstimable, Reason

#: Readers for each covariate below which the joint test's distribution is not trusted.
FEWEST_READERS_A_COVARIATE = 20
#: Share of the largest eigenvalue below which a direction is one that other covariates already span.
_COLLINEAR = 1e-9


@dataclass(frozen=True)
class Balance:
    """Comparison of groups in what was known beforehand.

    Attributes:
        means: Mean of each covariate in each group, shape (groups, covariates), of the readers for whom it is known.
        missing: Readers of each group for whom a covariate is not known, same shape.
        p_each: p of each covariate by itself; not a number where it does not vary.
        chi_square, df, p: The joint test of all of them.
    """

    means: Array
    missing: NDArray[np.int64]
    p_each: Array
    chi_square: float
    df: int
    p: float


def balance(group: NDArray[np.int64], covariates: Array) -> Balance | NotEstimable:
    """Compare groups in all covariates at once.

    d^2 = sum over groups of n_j (m_j - m)' S^-1 (m_j - m), with the covariance S over all readers: under a random draw
    its mean is P (J - 1), and it is nearly chi-square with as many degrees of freedom. For two groups it is (N - 1) R^2 of
    the regression of the group on the covariates. A reader for whom a covariate is not known takes its mean, and *not known*
    becomes a covariate of its own; what others span counts once.

    Args:
        group: Number of each reader's group, from 0.
        covariates: One row a reader, one column a covariate known before the test; not a number where it is missing.

    Returns:
        The comparison, or why there is none: fewer than two groups (`no_exposure`), fewer than 20 readers for each
        covariate (`too_few_readers`), no covariate that varies (`no_variation`).

    Source: Hansen & Bowers 2008, equation 9, unstratified.
    """
    n = np.asarray(np.bincount(group), dtype=np.float64)
    if n.size < 2 or (n == 0).any():
        return NotEstimable(Reason.NO_EXPOSURE)
    known = np.isfinite(covariates)
    if group.size < FEWEST_READERS_A_COVARIATE * covariates.shape[1]:
        return NotEstimable(Reason.TOO_FEW_READERS)
    count = _by_group(group, known.astype(np.float64), n.size)
    total = _by_group(group, np.where(known, covariates, 0.0), n.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = total / count
        overall = total.sum(axis=0) / count.sum(axis=0)
    filled = np.where(known, covariates, np.where(np.isfinite(overall), overall, 0.0))
    is_partly_known = known.any(axis=0) & ~known.all(axis=0)
    joint, df = _distance(group, n, np.column_stack([filled, ~known[:, is_partly_known]]).astype(np.float64))
    if not df:
        return NotEstimable(Reason.NO_VARIATION)
    p_each = np.full(covariates.shape[1], np.nan)
    for column in range(covariates.shape[1]):
        there = known[:, column]
        sizes = np.bincount(group[there], minlength=n.size).astype(np.float64)
        if (sizes > 0).all():
            one, freedom = _distance(group[there], sizes, covariates[there, column : column + 1])
            p_each[column] = special.chdtrc(freedom, one) if freedom else np.nan
    missing = (n[:, None] - count).astype(np.int64)
    return Balance(means, missing, p_each, joint, df, float(special.chdtrc(df, joint)))


def _by_group(group: NDArray[np.int64], values: Array, groups: int) -> Array:
    sums = [np.bincount(group, weights=column, minlength=groups) for column in values.T]
    return np.stack(sums, axis=1).astype(np.float64)


def _distance(group: NDArray[np.int64], n: Array, values: Array) -> tuple[float, int]:
    """d^2 and its degrees of freedom, 0 where nothing varies."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0, ddof=1)
    scaled = centred[:, spread > 0] / spread[spread > 0]
    if not scaled.shape[1]:
        return 0.0, 0
    size, direction = np.linalg.eigh(scaled.T @ scaled / (len(group) - 1))
    used = size > _COLLINEAR * size[-1]
    apart = _by_group(group, scaled, n.size) / n[:, None] @ direction[:, used]
    distance = (n[:, None] * apart**2 / size[used]).sum()
    return float(distance), int(used.sum()) * (n.size - 1)
