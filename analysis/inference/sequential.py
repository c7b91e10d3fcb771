"""Evidence that may be read on any day: e-values and the intervals that hold however often one looks.

Arrays broadcast; one element a comparison; a is the control, b the variant. All intervals are of the log ratio; an open
side is infinite here. The e-value against "no difference" is given as its logarithm, which never overflows.

Nothing here looks at the past: day d's statement depends on the cumulative counts of day d only, so a rerun says the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference.arrays import Array, as_arrays, leave, log_sum_exp


@dataclass(frozen=True)
class Mixture:
    """Prior of the log ratio: a mixture of normals around 0. Says where evidence is looked for, not what is believed.

    Attributes:
        taus: Standard deviations.
        weights: Their weights, summing to 1.
    """

    taus: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.taus) != len(self.weights) or not self.taus:
            raise ValueError(f"taus and weights need one length, not {len(self.taus)} and {len(self.weights)}")
        if min(self.taus) <= 0 or min(self.weights) <= 0 or abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError("taus and weights must be positive, and the weights sum to 1")


#: For outcomes such as conversion and value, whose real effects run from a few percent to a half.
OUTCOME_PRIOR = Mixture((0.05, 0.15, 0.45), (0.4, 0.4, 0.2))
#: For guardrails such as pageviews and dismissals, whose real effects are small.
GUARDRAIL_PRIOR = Mixture((0.005, 0.02, 0.08), (0.4, 0.4, 0.2))


def registered_prior(smallest_effect: float) -> Mixture:
    """Prior for an experiment with a registered smallest effect that matters: all weight at its logarithm."""
    if not smallest_effect > 0:
        raise ValueError(f"smallest_effect = {smallest_effect} must be above 0")
    return Mixture((float(np.log1p(smallest_effect)),), (1.0,))


@dataclass(frozen=True)
class Priors:
    """One mixture a comparison: `taus` and `weights` of shape (n, components). Unused components have weight 0."""

    taus: Array
    weights: Array

    @classmethod
    def same(cls, mixture: Mixture, n: int) -> Priors:
        """Give every one of n comparisons the same mixture."""
        return cls(np.tile(mixture.taus, (n, 1)), np.tile(mixture.weights, (n, 1)))

    @classmethod
    def choose(cls, is_guardrail: NDArray[np.bool_], smallest_effect: Array) -> Priors:
        """Guardrails take `GUARDRAIL_PRIOR`; outcomes one tau at the registered smallest effect, else `OUTCOME_PRIOR`."""
        guard = np.asarray(is_guardrail, dtype=bool)
        registered = ~guard & np.isfinite(smallest_effect)
        taus = np.where(guard[:, None], GUARDRAIL_PRIOR.taus, OUTCOME_PRIOR.taus)
        weights = np.where(guard[:, None], GUARDRAIL_PRIOR.weights, OUTCOME_PRIOR.weights)
        single = np.log1p(np.where(registered, smallest_effect, 1.0))
        return cls(
            np.where(registered[:, None], single[:, None], taus),
            np.where(registered[:, None], np.array([1.0, 0.0, 0.0]), weights),
        )

    def of(self, rows: NDArray[np.int64]) -> Priors:
        """The priors of some of the comparisons."""
        return Priors(self.taus[rows], self.weights[rows])


@dataclass(frozen=True)
class Anytime:
    """Evidence of each comparison: logarithm of the e-value against no difference, and limits of the log ratio."""

    log_e: Array
    low: Array
    high: Array


def anytime_p(log_e: ArrayLike) -> Array:
    """Return min(1, 1/E), never below 1e-300. Over the days of a test, take the smallest."""
    return np.exp(-np.clip(np.asarray(log_e, dtype=np.float64), 0.0, 690.0))


def normal_mixture(theta: ArrayLike, se: ArrayLike, priors: Priors, alpha: ArrayLike = 0.05) -> Anytime:
    """Evidence from an estimate of a log ratio and its standard error.

    With m = sum_j w_j (1 + tau_j^2/se^2)^(-1/2) exp(-theta^2 / (2 (se^2 + tau_j^2))) the half-width is
    se sqrt(2 log(1/alpha) - 2 log m) and the e-value m exp(theta^2 / (2 se^2)): the ratio of prior to posterior density,
    which needs no tuning to be valid and is narrow where effects are small.

    Source: Robbins 1970; Waudby-Smith & Ramdas 2020 (prior-posterior ratio); for estimates that are only
    asymptotically normal: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024.
    """
    theta, se, alpha = as_arrays(theta, se, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (se * se)[:, None]
        spread = variance + priors.taus**2
        log_parts = 0.5 * np.log(variance / spread) - 0.5 * theta[:, None] ** 2 / spread
        log_m = log_sum_exp(log_parts, priors.weights)
        half = se * np.sqrt(2 * np.log(1 / alpha) - 2 * log_m)
        log_e = log_m + 0.5 * (theta / se) ** 2
    return Anytime(log_e, theta - half, theta + half)


def invariant_mixture(theta: ArrayLike, se: ArrayLike, tau: float, alpha: ArrayLike = 0.05) -> tuple[Array, Array]:
    """Limits by the location-invariant form: same verdicts as `normal_mixture` with one tau, wider near 0.

    theta +- se sqrt((1 + se^2/tau^2) (2 log(1/alpha) + log(1 + tau^2/se^2))).

    Source: Robbins 1970; Johari, Koomen, Pekelis & Walsh 2017.
    """
    theta, se, alpha = as_arrays(theta, se, alpha)
    ratio = (se / tau) ** 2
    half = se * np.sqrt((1 + ratio) * (2 * np.log(1 / alpha) + np.log1p(1 / ratio)))
    return theta - half, theta + half


def _log_share(delta: Array, rho: Array) -> tuple[Array, Array]:
    """Logarithms of p and 1 - p, the shares of conversions that fall into b and a when the log ratio is delta."""
    logit = delta + np.log(rho) - np.log1p(-rho)
    log_q = -np.logaddexp(0.0, logit)
    return logit + log_q, log_q


def _limits(xa: Array, xb: Array, rho: Array, log_evidence: Array, log_e: Array, alpha: Array) -> tuple[Array, Array]:
    """Solve log evidence - l(delta) = log(1/alpha) on both sides of the most likely delta, where l is concave.

    xa, xb, rho have shape (n, epochs); an epoch without conversions adds nothing.
    """
    bound = log_evidence - np.log(1 / alpha)
    total_a, total_b = xa.sum(axis=1), xb.sum(axis=1)
    low = np.full_like(log_e, -np.inf)
    high = np.full_like(log_e, np.inf)
    for limit, sign, there in ((low, -1.0, total_b > 0), (high, 1.0, total_a > 0)):
        if not there.any():
            continue
        a, b, share, target = xa[there], xb[there], rho[there], bound[there]
        top = _most_likely(a, b, share)

        def excess(
            move: Array,
            a: Array = a,
            b: Array = b,
            share: Array = share,
            target: Array = target,
            top: Array = top,
            sign: float = sign,
        ) -> Array:
            # Positive while the evidence against top + sign * move is still below 1/alpha; falls as one moves away.
            log_p, log_q = _log_share((top + sign * move)[:, None], share)
            return (b * log_p + a * log_q).sum(axis=1) - target

        # Half-width squared is about 2 (log(1/alpha) + a little) / information; this start is near and mostly outside.
        start = np.minimum(4.0 / np.sqrt(np.minimum(total_a, total_b)[there] + 0.25), 4.0)
        limit[there] = top + sign * leave(excess, start, halvings=44)
    return low, high


def _most_likely(xa: Array, xb: Array, rho: Array) -> Array:
    """A finite log ratio of nearly greatest likelihood: half a conversion is added on a side that has none."""
    a, b = xa.sum(axis=1), xb.sum(axis=1)
    empty = (a <= 0) | (b <= 0)
    a, b = np.where(empty, a + 0.5, a), np.where(empty, b + 0.5, b)
    weights = xa + xb
    with np.errstate(divide="ignore", invalid="ignore"):
        planned = (weights * (np.log(rho) - np.log1p(-rho))).sum(axis=1) / weights.sum(axis=1)
    delta = np.log(b) - np.log(a) - np.where(np.isfinite(planned), planned, 0.0)
    if xa.shape[1] > 1:
        # Epochs differ in their planned share: Newton steps to the root of the score, safe because l is concave.
        for _ in range(30):
            logit = delta[:, None] + np.log(rho) - np.log1p(-rho)
            p = special.expit(logit)
            score = np.where(empty, 0.0, (xb - weights * p).sum(axis=1))
            information = (weights * p * (1 - p)).sum(axis=1)
            step = np.clip(score / np.maximum(information, 1e-12), -1.0, 1.0)
            delta = delta + step
            if np.all(np.abs(step) < 1e-12):
                break
    return delta


def conversion(xa: ArrayLike, xb: ArrayLike, rho: ArrayLike, priors: Priors, alpha: ArrayLike = 0.05) -> Anytime:
    """Evidence on the log relative risk from two counts of converted readers, exact at any count.

    Given that a reader converted, that reader was in b with probability p = rho e^delta / (1 - rho + rho e^delta),
    where rho is the share planned for b among a and b and delta the log relative risk: whatever the conversion rate does
    over days and however high it is, because assignment is drawn reader by reader. The e-value of delta is the ratio of
    the beta-binomial mixture (a_j = k_j rho, b_j = k_j (1 - rho), k_j = 1/(rho (1-rho) tau_j^2)) to the binomial
    likelihood at p. What a high rate costs is width, by 1/sqrt(1 - rate), never validity.

    Args:
        xa, xb: Converted readers of control and variant.
        rho: Planned share of the variant among the two. One epoch only; `conversion_epochs` for several.
        priors: One mixture a comparison.
        alpha: Error allowed over all looks together.

    Returns:
        Open sides are infinite: below without conversions in b, above without conversions in a.

    Source: Robbins 1970 (mixture); Lindon & Malek 2022 (counts); Waudby-Smith & Ramdas 2020.
    """
    xa, xb, rho, alpha = as_arrays(xa, xb, rho, alpha)
    weight = 1 / ((rho * (1 - rho))[:, None] * priors.taus**2)
    in_b, in_a = weight * rho[:, None], weight * (1 - rho[:, None])
    log_evidence = log_sum_exp(
        special.betaln(in_b + xb[:, None], in_a + xa[:, None]) - special.betaln(in_b, in_a), priors.weights
    )
    log_p, log_q = _log_share(np.zeros_like(xa), rho)
    log_e = log_evidence - xb * log_p - xa * log_q
    low, high = _limits(xa[:, None], xb[:, None], rho[:, None], log_evidence, log_e, alpha)
    return Anytime(log_e, low, high)


#: Points of the grid on which the prior is integrated, over 12 posterior standard deviations each way.
_GRID = np.linspace(-12.0, 12.0, 241)


def conversion_epochs(xa: ArrayLike, xb: ArrayLike, rho: ArrayLike, priors: Priors, alpha: ArrayLike = 0.05) -> Anytime:
    """Evidence on the log relative risk over allocation epochs with different planned shares, exact at any count.

    E(delta) = integral of exp(l(t) - l(delta)) prior(t) dt with l the sum over epochs of the binomial log-likelihoods of
    `conversion`, prior the normal mixture. Valid also where the shares of an epoch were chosen after looking at earlier
    ones, since they were set before the epoch.

    Args:
        xa, xb, rho: Shape (n, epochs). An epoch that a comparison did not have holds 0, 0 and any share.
        priors: One mixture a comparison.
        alpha: Shape (n,).
    """
    xa, xb, rho = np.broadcast_arrays(*(np.atleast_2d(np.asarray(v, dtype=np.float64)) for v in (xa, xb, rho)))
    (alpha,) = as_arrays(alpha)
    alpha = np.broadcast_to(alpha, xa.shape[:1])
    offset = np.log(rho) - np.log1p(-rho)
    weights = xa + xb
    components = []
    for tau in priors.taus.T:
        # Newton steps to the peak of likelihood times prior component: finite also where one side has no conversion.
        peak = np.zeros(xa.shape[0])
        for _ in range(60):
            p = special.expit(peak[:, None] + offset)
            slope = (xb - weights * p).sum(axis=1) - peak / tau**2
            curvature = (weights * p * (1 - p)).sum(axis=1) + 1 / tau**2
            step = np.clip(slope / curvature, -1.0, 1.0)
            peak = peak + step
            if np.all(np.abs(step) < 1e-12):
                break
        p = special.expit(peak[:, None] + offset)
        sd = 1 / np.sqrt((weights * p * (1 - p)).sum(axis=1) + 1 / tau**2)
        grid = peak[:, None] + sd[:, None] * _GRID
        log_p, log_q = _log_share(grid[:, :, None], rho[:, None, :])
        likelihood = (xb[:, None, :] * log_p + xa[:, None, :] * log_q).sum(axis=2)
        prior = -0.5 * (grid / tau[:, None]) ** 2 - np.log(tau * np.sqrt(2 * np.pi))[:, None]
        # The rectangle rule is exact to rounding here: the integrand is analytic and 0 at both ends.
        components.append(log_sum_exp(likelihood + prior) + np.log(sd * (_GRID[1] - _GRID[0])))
    log_evidence = log_sum_exp(np.stack(components, axis=1), priors.weights)
    log_p, log_q = _log_share(np.zeros_like(xa), rho)
    log_e = log_evidence - (xb * log_p + xa * log_q).sum(axis=1)
    low, high = _limits(xa, xb, rho, log_evidence, log_e, alpha)
    return Anytime(log_e, low, high)
