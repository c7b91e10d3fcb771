"""Today's numbers of one experiment, looked up by metric and variant.

No arithmetic beyond unit and traffic: what is estimated stands in the result tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from analysis.experiment_result import ExperimentResult
from analysis.inference.multiplicity import log_closed_e
from dashboards.theme import Arm, arms

Row = Mapping[str, Any]

#: Days of a month: what "a month at present traffic" means.
DAYS_PER_MONTH = 365.25 / 12

#: e-value from which a difference is proven at 5 % however often one looks (Ville 1939).
PROVEN = 20.0

#: Half-width of a central 95 % range of a normal posterior, in standard deviations.
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Range:
    """A range with at most one open side; `low` and `high` in the unit of what it is a range of."""

    low: float | None
    high: float | None

    @property
    def is_known(self) -> bool:
        """False where neither side is known."""
        return self.low is not None or self.high is not None

    @property
    def clears_zero(self) -> bool:
        """True where the whole range lies on one side of zero."""
        return (self.low is not None and self.low > 0) or (self.high is not None and self.high < 0)

    def shifted(self, by: float) -> Range:
        """Return the range moved by `by`."""
        return Range(None if self.low is None else self.low + by, None if self.high is None else self.high + by)


@dataclass(frozen=True)
class Worth:
    """What a wording for everyone, instead of the control, is expected to mean in a month, in minor units."""

    expected: float
    range: Range


@dataclass(frozen=True)
class Comparison:
    """One variant against the control in one metric on one day, counted from the registered exposure.

    Attributes:
        log_closed: Logarithm of the closed e-value: several variants compared at once need more before one is proven.
        bound: Logarithm of the e-value from which a difference is proven, 1 / alpha.
    """

    arm: Arm
    metric: str
    row: Row
    log_closed: float | None = None
    bound: float = math.log(20)

    def number(self, column: str) -> float | None:
        """Return a numeric column of `estimates`; None where it is absent."""
        value = self.row.get(column)
        return None if value is None else float(value)

    @property
    def difference(self) -> float | None:
        """Difference per 1,000 readers, in the metric's unit."""
        return self.number("difference_per_1000")

    @property
    def difference_range(self) -> Range:
        """Range of the difference per 1,000 readers under the registered guarantee."""
        base = self.number("mean_control")
        if not self.has_registered_end or base is None:
            return Range(self.number("difference_low"), self.number("difference_high"))
        low, high = self.lift_range.low, self.lift_range.high
        return Range(None if low is None else low * base * 1_000, None if high is None else high * base * 1_000)

    @property
    def difference_at_one_look(self) -> Range:
        """Range of the difference per 1,000 readers for one registered look, which needs no lift."""
        return Range(self.number("difference_fixed_low"), self.number("difference_fixed_high"))

    @property
    def lift_range(self) -> Range:
        """Range of the lift under the registered guarantee: anytime-valid, or that of a registered end."""
        kind = "planned" if self.has_registered_end else "anytime"
        return Range(self.number(f"{kind}_low"), self.number(f"{kind}_high"))

    @property
    def has_registered_end(self) -> bool:
        """True where the comparison is judged by bounds up to a registered end."""
        return self.row.get("planned_sign") is not None

    @property
    def e_value(self) -> float | None:
        """Closed e-value against no difference, infinite where it would overflow; None where it is absent."""
        if self.log_closed is None:
            return None
        return math.exp(self.log_closed) if self.log_closed < 700 else math.inf

    @property
    def is_proven(self) -> bool:
        """True where the closed e-value has reached 1 / alpha, or with a registered end where a look went beyond its bound."""
        if self.has_registered_end:
            return (self.number("planned_sign") or 0.0) * (self.number("log_ratio") or 0.0) > 0
        return self.log_closed is not None and self.log_closed >= self.bound

    @property
    def reason(self) -> str | None:
        """Why a number of this comparison is absent."""
        reason = self.row.get("reason")
        return None if reason is None else str(reason)


@dataclass(frozen=True)
class Reading:
    """The rows of the last as_of day, basis `exposed`, segment `all`, by metric and variant."""

    result: ExperimentResult

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """The variants with letters and colours, the control first."""
        return arms(self.result.experiment)

    @property
    def control(self) -> Arm:
        """The control."""
        return self.arms[0]

    @property
    def others(self) -> tuple[Arm, ...]:
        """Every variant but the control."""
        return self.arms[1:]

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return self.result.experiment.primary_metric

    @cached_property
    def arm_by_id(self) -> Mapping[str, Arm]:
        """The variants by id."""
        return {arm.id: arm for arm in self.arms}

    @cached_property
    def day(self) -> date | None:
        """Last day counted for this experiment: before the edition's once a test is over; None without dates."""
        as_of = self.result.edition.as_of
        if as_of is None:
            return None
        days = [frame["as_of"].max() for frame in (self.result.estimates, self.result.variant_results)]
        known = [day for day in (*days, self.result.decision.get("as_of")) if isinstance(day, date)]
        return max(known, default=self.result.counted_to or as_of)

    @cached_property
    def comparisons(self) -> Mapping[tuple[str, str], Comparison]:
        """Today's comparisons by (metric, variant id)."""
        rows = _today(self.result.estimates, self.result.edition.as_of)
        found: dict[tuple[str, str], Comparison] = {}
        for metric in dict.fromkeys(row["metric"] for row in rows):
            found |= {
                (metric, item.arm.id): item for item in self.compared([row for row in rows if row["metric"] == metric])
            }
        return found

    def compared(self, rows: Sequence[Row]) -> tuple[Comparison, ...]:
        """Return the comparisons of one metric, day and group, with their closed e-values."""
        known = [row for row in rows if row["variant_id"] in self.arm_by_id]
        closed = (
            log_closed_e([[math.nan if row["log_e"] is None else row["log_e"] for row in known]])[0] if known else ()
        )
        bound = -math.log(self.result.experiment.alpha)
        return tuple(
            Comparison(
                self.arm_by_id[row["variant_id"]],
                row["metric"],
                row,
                None if math.isnan(value) else float(value),
                bound,
            )
            for row, value in zip(known, closed, strict=True)
        )

    @cached_property
    def variant_rows(self) -> Mapping[tuple[str, str], Row]:
        """Today's rows of `variant_results` by (metric, variant id)."""
        rows = _today(self.result.variant_results, self.result.edition.as_of)
        return {(row["metric"], row["variant_id"]): row for row in rows}

    def comparison(self, variant_id: str | None, metric: str | None = None) -> Comparison | None:
        """Return today's comparison in `metric` (the primary one by default); None where there is none."""
        return None if variant_id is None else self.comparisons.get((metric or self.primary, variant_id))

    def readers(self, variant_id: str) -> int | None:
        """Readers asked in a variant; None where no metric has a row for it."""
        for metric in (self.primary, "conversion", "value"):
            row = self.variant_rows.get((metric, variant_id))
            if row is not None:
                return row["n"]
        return None

    @property
    def all_readers(self) -> int:
        """Readers asked over all variants."""
        return sum(self.readers(arm.id) or 0 for arm in self.arms)

    def contributors(self, variant_id: str) -> int | None:
        """Readers of a variant with a settled contribution; None where that is not known."""
        row = self.variant_rows.get(("conversion", variant_id))
        return None if row is None else row["x"]

    def mean(self, metric: str, variant_id: str) -> float | None:
        """Mean of a metric per reader; None where it is absent."""
        row = self.variant_rows.get((metric, variant_id))
        return None if row is None else row["mean"]

    def average_gift(self, variant_id: str) -> float | None:
        """Settled value per contributor in minor units (a description, never compared); None without contributors."""
        value, contributors = self.variant_rows.get(("value", variant_id)), self.contributors(variant_id)
        if value is None or value["mean"] is None or not contributors:
            return None
        return value["mean"] * value["n"] / contributors

    @property
    def has_money(self) -> bool:
        """True where settled value is known at all."""
        return any(metric == "value" and row["mean"] is not None for (metric, _), row in self.variant_rows.items())

    @cached_property
    def challenger(self) -> Arm | None:
        """The variant that the page compares with the control: the verdict's, else the best, else the one ahead."""
        decision = self.result.decision
        for key in ("variant_id", "best_variant_id"):
            named = self.arm_by_id.get(str(decision.get(key)))
            if named is not None and not named.is_control:
                return named
        ranked = [arm for arm in self.others if self.mean(self.primary, arm.id) is not None]
        return max(ranked, key=lambda arm: self.mean(self.primary, arm.id) or 0.0, default=None) or (
            self.others[0] if self.others else None
        )

    def worth(self, variant_id: str | None) -> Worth | None:
        """Return what a variant is expected to mean in a month at present traffic; None where that is not known.

        expected = control's mean x (exp(m + v/2) - 1) x readers a month, m and v the posterior mean and variance of
        the log ratio: the mean of a lognormal, so that it equals the loss of keeping the control less the loss of
        showing the variant. The range is that of the posterior, for the months ahead, and is never proof.
        """
        comparison, daily = self.comparison(variant_id, "value"), self.result.daily_readers
        if comparison is None or daily is None:
            return None
        base, centre, sd = (comparison.number(key) for key in ("mean_control", "shrunk_log_ratio", "shrunk_sd"))
        if base is None or centre is None or sd is None:
            return None
        monthly = base * daily * DAYS_PER_MONTH
        low, high = (math.expm1(centre + side * NORMAL_95 * sd) * monthly for side in (-1, 1))
        return Worth(math.expm1(centre + sd * sd / 2) * monthly, Range(low, high))

    def history(self, metric: str) -> Mapping[date, Mapping[str, Comparison]]:
        """Return the comparisons in a metric by day and variant id, earliest day first; empty without dates."""
        frame = self.result.estimates
        if self.result.edition.as_of is None or frame.is_empty():
            return {}
        rows = _whole(frame).filter((pl.col("metric") == metric) & pl.col("as_of").is_not_null()).sort("as_of")
        by_day: dict[date, list[Row]] = {}
        for row in rows.to_dicts():
            by_day.setdefault(row["as_of"], []).append(row)
        return {day: {item.arm.id: item for item in self.compared(found)} for day, found in by_day.items()}


def money_at_stake(result: ExperimentResult) -> float | None:
    """Return what the choice of wording is expected to mean in a month, in minor units, at least 0.

    The largest expected difference, either way, between showing a wording to everyone and keeping the control. None
    where money or traffic is not known.
    """
    reading = Reading(result)
    worths = [worth for arm in reading.others if (worth := reading.worth(arm.id)) is not None]
    return max((abs(worth.expected) for worth in worths), default=None)


def _whole(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter((pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all"))


def _today(frame: pl.DataFrame, as_of: object) -> list[dict[str, Any]]:
    whole = _whole(frame)
    if as_of is not None:
        whole = whole.filter(pl.col("as_of") == pl.col("as_of").max())
    return whole.to_dicts()
