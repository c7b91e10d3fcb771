"""One comparison at a time, for a notebook: estimators over sufficient statistics, behind one protocol, by name.

The pipeline compares all experiments at once in `estimates.py`; both call the same kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis.inference import means, proportions, sequential
from analysis.inference.arrays import Array
from analysis.inference.layout import FEWEST_CONTRIBUTORS
from analysis.inference.results import SMALLEST_P, Interval, LiftEstimate, NotEstimable, Reason


@dataclass(frozen=True)
class Sums:
    """Sufficient statistics of one variant in one epoch; merge with `+`.

    Attributes:
        n: Readers asked.
        x: Readers whose metric is above 0.
        s1: Sum of the metric over readers; x for conversion.
        s2: Sum of squares; None where it is not known.
    """

    n: float
    x: float
    s1: float
    s2: float | None

    @classmethod
    def of_counts(cls, n: float, x: float) -> Sums:
        """Statistics of a conversion: n readers, of whom x converted."""
        return cls(n, x, x, x)

    def __add__(self, other: Sums) -> Sums:
        """Statistics of the readers of both; readers must not overlap."""
        s2 = None if self.s2 is None or other.s2 is None else self.s2 + other.s2
        return Sums(self.n + other.n, self.x + other.x, self.s1 + other.s1, s2)


class Estimator(Protocol):
    """Compare a variant with the control."""

    def __call__(
        self, control: Sums, variant: Sums, *, level: float = 0.95, share: float | None = None
    ) -> LiftEstimate | NotEstimable:
        """Return the lift with an interval at `level`, or why there is none.

        Args:
            control, variant: Statistics of readers of one epoch.
            level: Coverage of the interval; of an anytime one over all looks together.
            share: Planned share of the variant among the two; only `exact_anytime` needs it.
        """
        ...


def _absent(control: Sums, variant: Sums, *, fewest: int, few: Reason) -> Reason | None:
    if control.n <= 0 or variant.n <= 0:
        return Reason.NO_EXPOSURE
    if control.s1 < 0 or variant.s1 < 0:
        return Reason.NEGATIVE_MEAN
    if control.s1 == 0 and variant.s1 == 0:
        return Reason.NO_CONVERSIONS_YET
    if control.s1 == 0:
        return Reason.CONTROL_MEAN_ZERO
    if variant.s1 == 0:
        return Reason.VARIANT_MEAN_ZERO
    if control.s2 is None or variant.s2 is None:
        return Reason.NO_SPREAD
    return few if min(control.x, variant.x) < fewest else None


def _alpha(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level = {level} must lie between 0 and 1")
    return 1 - level


def _lift_interval(low: Array, high: Array, level: float, kind: str) -> Interval:
    limits = [float(limit[0]) for limit in (low, high)]
    sides = [float(np.expm1(limit)) if np.isfinite(limit) else None for limit in limits]
    return Interval(sides[0], sides[1], level, kind)


def score_ratio(
    control: Sums, variant: Sums, *, level: float = 0.95, share: float | None = None
) -> LiftEstimate | NotEstimable:
    """Conversion at one registered look (Miettinen & Nurminen 1985)."""
    del share
    alpha = _alpha(level)
    if control.n <= 0 or variant.n <= 0:
        return NotEstimable(Reason.NO_EXPOSURE)
    if control.x + variant.x == 0:
        return NotEstimable(Reason.NO_CONVERSIONS_YET)
    low, high = proportions.score_ratio(control.x, control.n, variant.x, variant.n, alpha)
    with np.errstate(divide="ignore"):
        log_low, log_high = np.log(low), np.log(high)
    theta, se = _log_relative_risk(control, variant)
    return LiftEstimate(
        log_ratio=theta,
        se=se,
        interval=_lift_interval(log_low, log_high, level, "fixed"),
        method="score_ratio",
        p=max(float(proportions.score_p(control.x, control.n, variant.x, variant.n)[0]), SMALLEST_P),
    )


def _log_relative_risk(control: Sums, variant: Sums) -> tuple[float | None, float | None]:
    if not (control.x > 0 and variant.x > 0):
        return None, None
    theta = float(np.log(variant.x / variant.n) - np.log(control.x / control.n))
    return theta, float(np.sqrt(proportions.katz_variance(control.x, control.n, variant.x, variant.n)[0]))


def exact_anytime(
    control: Sums, variant: Sums, *, level: float = 0.95, share: float | None = None
) -> LiftEstimate | NotEstimable:
    """Conversion on any day, exact at any count (`sequential.conversion`)."""
    alpha = _alpha(level)
    if control.n <= 0 or variant.n <= 0:
        return NotEstimable(Reason.NO_EXPOSURE)
    if share is None:
        return NotEstimable(Reason.NO_PLANNED_SHARE)
    if control.x + variant.x == 0:
        return NotEstimable(Reason.NO_CONVERSIONS_YET)
    priors = sequential.Priors.same(sequential.OUTCOME_PRIOR, 1)
    found = sequential.conversion(control.x, variant.x, share, priors, alpha)
    theta, se = _log_relative_risk(control, variant)
    return LiftEstimate(
        theta, se, _lift_interval(found.low, found.high, level, "anytime"), "exact_anytime", log_e=float(found.log_e[0])
    )


def _of_means(
    control: Sums, variant: Sums, level: float, name: str, *, fewest: int = FEWEST_CONTRIBUTORS, few: Reason
) -> LiftEstimate | NotEstimable:
    alpha = _alpha(level)
    reason = _absent(control, variant, fewest=fewest, few=few)
    if reason is not None or control.s2 is None or variant.s2 is None:
        return NotEstimable(reason or Reason.NO_SPREAD)
    found = means.mean_ratio(control.n, control.s1, control.s2, variant.n, variant.s1, variant.s2)
    if not found.se[0] > 0:
        return NotEstimable(Reason.NO_VARIATION)
    theta, se = float(found.log_ratio[0]), float(found.se[0])
    if name == "normal_anytime":
        priors = sequential.Priors.same(sequential.OUTCOME_PRIOR, 1)
        evidence = sequential.normal_mixture(theta, se, priors, alpha)
        interval = _lift_interval(evidence.low, evidence.high, level, "anytime")
        return LiftEstimate(theta, se, interval, name, log_e=float(evidence.log_e[0]))
    low, high = found.interval(alpha) if name == "log_t" else found.normal_interval(alpha)
    df = found.df if name == "log_t" else np.array([np.inf])
    p = max(float(2 * means.t_cdf(df, -abs(theta) / se)[0]), SMALLEST_P)
    return LiftEstimate(theta, se, _lift_interval(low, high, level, "fixed"), name, p=p)


def log_t(
    control: Sums, variant: Sums, *, level: float = 0.95, share: float | None = None
) -> LiftEstimate | NotEstimable:
    """Money at one registered look: log ratio with a t quantile on the effective number of gifts."""
    del share
    return _of_means(control, variant, level, "log_t", few=Reason.TOO_FEW_GIFTS)


def log_normal(
    control: Sums, variant: Sums, *, level: float = 0.95, share: float | None = None
) -> LiftEstimate | NotEstimable:
    """Counts that most readers have, such as pageviews, at one registered look."""
    del share
    return _of_means(control, variant, level, "log_normal", few=Reason.TOO_FEW_READERS)


def normal_anytime(
    control: Sums, variant: Sums, *, level: float = 0.95, share: float | None = None
) -> LiftEstimate | NotEstimable:
    """Money on any day (`sequential.normal_mixture`)."""
    del share
    return _of_means(control, variant, level, "normal_anytime", few=Reason.TOO_FEW_GIFTS)


#: Every estimator by its name.
ESTIMATORS: Mapping[str, Estimator] = {
    "score_ratio": score_ratio,
    "exact_anytime": exact_anytime,
    "log_t": log_t,
    "log_normal": log_normal,
    "normal_anytime": normal_anytime,
}
