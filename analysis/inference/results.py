"""What an estimator returns for one comparison: an estimate with its interval, or the reason why there is none.

The frame-level functions of `estimates.py` carry the same reasons as codes in a column; sentences for people are made in
`dashboards/phrasing/`, not here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

#: Smallest p that is reported: below it lies what a float cannot tell from 0, and no p is 0.
SMALLEST_P = 1e-300


class Reason(StrEnum):
    """Why a number is absent. The code stands in the `reason` column of the result tables."""

    NO_EXPOSURE = "no_exposure"
    """Nobody was asked in the variant or in the control."""
    NO_CONVERSIONS_YET = "no_conversions_yet"
    """Readers were asked, and the metric is 0 for all of them on both sides."""
    NO_CONVERSION_IN_CONTROL = "no_conversion_in_control"
    """A ratio has no finite value: the control has none. One side of the intervals is open."""
    NO_CONVERSION_IN_VARIANT = "no_conversion_in_variant"
    """The ratio is 0 and has no logarithm: the variant has none. One side of the intervals is open."""
    CONTROL_MEAN_ZERO = "control_mean_zero"
    """The control's mean is 0, so there is no lift over it."""
    VARIANT_MEAN_ZERO = "variant_mean_zero"
    """The variant's mean is 0, so the lift has no logarithm."""
    TOO_FEW_GIFTS = "too_few_gifts"
    """Fewer than 25 contributors on one side: the lift is shown, a range of money is not."""
    TOO_FEW_READERS = "too_few_readers"
    """Fewer than 25 readers on one side have any of the metric."""
    NO_VARIATION = "no_variation"
    """All readers of one side have the same value: the lift is shown, without an interval."""
    NO_SPREAD = "no_spread"
    """Totals came without sums of squares, so nothing is known of the spread."""
    NO_PLANNED_SHARE = "no_planned_share"
    """The share of readers planned for the variant is not known, and the method needs it."""
    STEP_WITHOUT_READERS = "step_without_readers"
    """A step that nobody took has no logarithm, so a difference cannot be split over the steps."""
    NOT_SENT = "not_sent"
    """What the metric counts was not sent on every day of the experiment, or not at all."""
    NO_RETENTION = "no_retention"
    """The monthly retention under which a pledge is counted is not stated in the settings."""
    NOT_MATURED = "not_matured"
    """No reader's whole window has passed on one side, and the metric waits for that."""
    DESCRIPTION = "description"
    """Who counts is itself an effect of the appeal: the number is shown as a description, without a range."""
    SEVERAL_EPOCHS = "several_epochs"
    """The method knows one split of readers, and the planned shares changed."""
    NEGATIVE_MEAN = "negative_mean"
    """Money paid back exceeds money given: a ratio says nothing."""


@dataclass(frozen=True)
class NotEstimable:
    """A number that cannot be known, and why. Stands where the estimate would."""

    reason: Reason


@dataclass(frozen=True)
class Interval:
    """A range for one quantity.

    Attributes:
        low, high: Limits in the unit of the quantity; None for an open side.
        level: Nominal coverage, such as 0.95.
        kind: `fixed` (one look, confidence interval), `anytime` (confidence sequence) or `posterior` (credible interval).
    """

    low: float | None
    high: float | None
    level: float
    kind: str

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level = {self.level} must lie between 0 and 1")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low = {self.low} lies above high = {self.high}")

    def __contains__(self, value: float) -> bool:
        """Return whether `value` lies inside; an open side holds everything on it."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class LiftEstimate:
    """One variant against the control.

    Attributes:
        log_ratio: Logarithm of the ratio of means, variant over control; None where one of them is 0.
        se: Standard error of `log_ratio`; None where there is none.
        interval: Range of the lift (0.05 is five percent).
        method: Name in `estimator.ESTIMATORS`.
        p: Two-sided p of no difference; only of fixed-horizon methods.
        log_e: Logarithm of the e-value against no difference; only of anytime methods.
    """

    log_ratio: float | None
    se: float | None
    interval: Interval
    method: str
    p: float | None = None
    log_e: float | None = None

    @property
    def lift(self) -> float | None:
        """Ratio of means minus 1."""
        return None if self.log_ratio is None else math.expm1(self.log_ratio)


@dataclass(frozen=True)
class DifferenceEstimate:
    """Difference of means, variant less control, per reader, with its interval in the same unit."""

    difference: float
    interval: Interval
    method: str
    p: float | None = None
