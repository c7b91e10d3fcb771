"""Metrics as declared data: what is counted of a reader's rows, in which window, and which way is good.

Ours (`BUILT_IN`) and a team's own (`[metrics.NAME]` in `askwell.toml` or in an experiment's file) are the same
declaration and run through the same statements (`sql/measure_changes.sql`). A declaration chooses among columns of the
contract, values and aggregates; no text of it ever becomes SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from analysis.configuration import Section
from analysis.vocabulary import APPEAL_EVENTS, DEVICES, PRODUCTS, READER_TYPES, RECURRENCES

Direction = Literal["more_is_better", "less_is_better"]
Source = Literal["pageviews", "appeal_events", "contributions"]
Sum = Literal["rows", "readers", "ad_revenue", "cash", "annualised", "twelve_months"]

MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]

_SUMS: dict[Source, tuple[str, ...]] = {
    "pageviews": ("rows", "readers", "ad_revenue"),
    "appeal_events": ("rows", "readers"),
    "contributions": ("rows", "readers", "cash", "annualised", "twelve_months"),
}
_FILTERS: dict[Source, tuple[str, ...]] = {
    "pageviews": ("section", "device", "has_article"),
    "appeal_events": ("event", "section", "device", "reader_type"),
    "contributions": ("product", "recurrence", "price_phase", "is_trial", "is_renewal", "is_cancellation"),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "event": APPEAL_EVENTS,
    "device": DEVICES,
    "reader_type": READER_TYPES,
    "product": PRODUCTS,
    "recurrence": RECURRENCES,
}
_MONEY = ("ad_revenue", "cash", "annualised", "twelve_months")


class Measure(Section):
    """A number per reader: rows of one kind that pass every filter, added up.

    Attributes:
        rows: Kind of event file.
        sum: `rows` (how many), `readers` (1 where the number of rows lies between `at_least` and `at_most`, else 0),
            `ad_revenue`, `cash` (settled, net of refunds), `annualised` (a monthly pledge twelve times at its first
            payment), `twelve_months` (the same under the stated monthly retention).
        is_cancellation: True counts reports that a pledge was ended; otherwise settled payments are counted.
    """

    rows: Source
    sum: Sum = "rows"
    at_least: Annotated[int, Field(ge=1)] = 1
    at_most: Annotated[int, Field(ge=1)] | None = None
    event: Texts = ()
    section: Texts = ()
    device: Texts = ()
    reader_type: Texts = ()
    product: Texts = ()
    recurrence: Texts = ()
    price_phase: Texts = ()
    has_article: bool | None = None
    is_trial: bool | None = None
    is_renewal: bool | None = None
    is_cancellation: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sum not in _SUMS[self.rows]:
            raise ValueError(f"sum = {self.sum!r} cannot be had of {self.rows}; allowed: {', '.join(_SUMS[self.rows])}")
        for name in {name for names in _FILTERS.values() for name in names} - set(_FILTERS[self.rows]):
            if name in self.model_fields_set:
                raise ValueError(f"{name} is no filter of {self.rows}; allowed: {', '.join(_FILTERS[self.rows])}")
        for name, allowed in _CHOICES.items():
            strange = [value for value in getattr(self, name) if value not in allowed]
            if strange:
                raise ValueError(f"{name} = {strange[0]!r} is not known; allowed: {', '.join(allowed)}")
        if self.rows == "appeal_events" and not self.event:
            raise ValueError(f"event is missing; name at least one of {', '.join(APPEAL_EVENTS)}")
        if self.sum != "readers" and {"at_least", "at_most"} & self.model_fields_set:
            raise ValueError('at_least and at_most belong to sum = "readers"')
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most = {self.at_most} lies below at_least = {self.at_least}")
        if self.is_cancellation and self.sum not in ("rows", "readers"):
            raise ValueError('a cancellation is no payment: sum must be "rows" or "readers"')
        return self

    @property
    def is_money(self) -> bool:
        """Whether the sum is an amount of the reporting currency."""
        return self.sum in _MONEY

    @property
    def is_plain_visit(self) -> bool:
        """Whether the pageviews that are kept by day anyway answer it."""
        filters = (self.section, self.device, self.has_article)
        return self.rows == "pageviews" and self.sum != "ad_revenue" and filters == ((), (), None)


class Declaration(Section):
    """One metric: a measure per reader, or the sum of one over the sum of another.

    Attributes:
        window_days: Length of the window; the experiment's outcome window where absent. Contributions count to the
            second from the first exposure; all else by publisher's days, the first of which is the day of first exposure.
        starts_after_days: Days after the first exposure at which the window opens.
        cap: Largest amount that one reader adds to the numerator (money: major units of the reporting currency).
        is_matured_only: Readers count only once their whole window has passed.
        has_small_effects: Only small real effects are expected: the narrow prior mixture of guardrails is used.
        among_denominator: Of a ratio: the numerator counts only readers whose denominator is above 0.
    """

    label: str = ""
    meaning: str = ""
    direction: Direction
    numerator: Measure
    denominator: Measure | None = None
    window_days: Annotated[int, Field(ge=1, le=366)] | None = None
    starts_after_days: Annotated[int, Field(ge=0, le=366)] = 0
    cap: Annotated[Decimal, Field(gt=0)] | None = None
    is_matured_only: bool = False
    has_small_effects: bool = False
    among_denominator: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.cap is not None and self.numerator.sum == "readers":
            raise ValueError('cap says nothing of a numerator with sum = "readers", which is 0 or 1')
        if self.cap is not None and not self.numerator.is_money and self.cap != int(self.cap):
            raise ValueError(f"cap = {self.cap} must be a whole number where rows are counted")
        if self.among_denominator and self.denominator is None:
            raise ValueError("among_denominator needs a denominator")
        return self

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Numerator, and denominator where there is one."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)


_PAGES = Measure(rows="pageviews")
_STARTS = Measure(rows="contributions", sum="readers", product=("subscription",), is_renewal=False)

#: Declared metrics that come built in. Which of them an experiment computes: `registry.Experiment.measured`.
BUILT_IN: Mapping[str, Declaration] = {
    "conversion_once": Declaration(
        meaning="1 for a reader with at least one settled one-off contribution inside the outcome window.",
        direction="more_is_better",
        numerator=Measure(rows="contributions", sum="readers", recurrence=("once",)),
    ),
    "conversion_recurring": Declaration(
        meaning="1 for a reader with at least one settled monthly or annual contribution inside the outcome window.",
        direction="more_is_better",
        numerator=Measure(rows="contributions", sum="readers", recurrence=("monthly", "annual")),
    ),
    "value_12_months": Declaration(
        meaning="As `value_annualised`, with the months of a pledge counted under the monthly retention that the settings "
        "state. Only readers whose outcome window has passed.",
        direction="more_is_better",
        numerator=Measure(rows="contributions", sum="twelve_months"),
        is_matured_only=True,
    ),
    "value_per_view": Declaration(
        meaning="Settled value inside the outcome window, uncapped, per pageview on the days of the window.",
        direction="more_is_better",
        numerator=Measure(rows="contributions", sum="cash"),
        denominator=_PAGES,
    ),
    "bounce": Declaration(
        meaning="1 for a reader who opened exactly one page on the publisher's day of first exposure.",
        direction="less_is_better",
        numerator=Measure(rows="pageviews", sum="readers", at_most=1),
        window_days=1,
        has_small_effects=True,
    ),
    "return_7_days": Declaration(
        meaning="1 for a reader who opened a page on one of the seven publisher's days after the day of first exposure. "
        "Only readers whose seven days have passed.",
        direction="more_is_better",
        numerator=Measure(rows="pageviews", sum="readers"),
        window_days=7,
        starts_after_days=1,
        is_matured_only=True,
        has_small_effects=True,
    ),
    "ad_revenue": Declaration(
        meaning="Advertising revenue of a reader's pageviews on the publisher's day of first exposure and the six days "
        "after it.",
        direction="more_is_better",
        numerator=Measure(rows="pageviews", sum="ad_revenue"),
        window_days=7,
        has_small_effects=True,
    ),
    "subscription_starts": Declaration(
        meaning="1 for a reader who started a subscription within 30 days of first exposure, a trial included.",
        direction="more_is_better",
        numerator=_STARTS,
        window_days=30,
    ),
    "trial_to_paid": Declaration(
        meaning="Readers who made a payment that is no trial, per reader who started a trial, both within 30 days of "
        "first exposure.",
        direction="more_is_better",
        numerator=Measure(rows="contributions", sum="readers", product=("subscription",), is_trial=False),
        denominator=Measure(rows="contributions", sum="readers", product=("subscription",), is_trial=True),
        among_denominator=True,
        window_days=30,
    ),
    "subscription_value": Declaration(
        meaning="Settled subscription payments of a reader within 30 days of first exposure, renewals included, net of "
        "refunds, uncapped.",
        direction="more_is_better",
        numerator=Measure(rows="contributions", sum="cash", product=("subscription",)),
        window_days=30,
    ),
    "cancelled_30_days": Declaration(
        meaning="Readers who ended a subscription, per reader who started one, both within 30 days of first exposure.",
        direction="less_is_better",
        numerator=Measure(rows="contributions", sum="readers", product=("subscription",), is_cancellation=True),
        denominator=_STARTS,
        among_denominator=True,
        window_days=30,
    ),
    "articles_per_blocked": Declaration(
        meaning="Pageviews on the day of first exposure and the six days after it, per reader whom the paywall blocked on "
        "those days.",
        direction="more_is_better",
        numerator=_PAGES,
        denominator=Measure(rows="appeal_events", sum="readers", event=("blocked",)),
        among_denominator=True,
        window_days=7,
        has_small_effects=True,
    ),
}

#: Metrics of an experiment by the surface of its appeal, without being asked for: they cost only rows of contributions.
BY_SURFACE: Mapping[str, tuple[str, ...]] = {
    "donation": ("conversion_once", "conversion_recurring"),
    "membership": ("conversion_once", "conversion_recurring"),
    "registration": (),
    "paywall": ("subscription_starts", "trial_to_paid", "subscription_value", "cancelled_30_days"),
}
