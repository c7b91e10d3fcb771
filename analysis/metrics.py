"""The metrics that come built in: what one reader contributes to each, its unit, and which way is good.

A metric here is a name with facts. How it is counted stands in `outcomes.py` and `sql/`; how it is compared in
`inference/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["binary", "money", "count"]
Direction = Literal["more_is_better", "less_is_better"]


@dataclass(frozen=True)
class Metric:
    """One number per reader.

    Attributes:
        name: Key in tables, settings and reports.
        kind: `binary` (0 or 1 a reader), `money` (minor units of the reporting currency), or `count`.
        direction: Which way is good for the newsroom.
        is_guardrail: True where only small real effects are expected, so that the narrow prior mixture of
            `inference.sequential.GUARDRAIL_PRIOR` is used.
        meaning: One sentence for the data dictionary and the glossary.
    """

    name: str
    kind: Kind
    direction: Direction
    is_guardrail: bool
    meaning: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "conversion",
            "binary",
            "more_is_better",
            False,
            "1 for a reader with at least one settled contribution inside the outcome window; a later refund does not "
            "take it back.",
        ),
        Metric(
            "value",
            "money",
            "more_is_better",
            False,
            "Settled contributions of a reader inside the outcome window, net of refunds within the refund period, "
            "capped per reader at the registered cap, never below 0.",
        ),
        Metric(
            "value_uncapped",
            "money",
            "more_is_better",
            False,
            "As `value`, without the cap.",
        ),
        Metric(
            "value_annualised",
            "money",
            "more_is_better",
            False,
            "As `value_uncapped`, with a monthly contribution counted twelve times and no further payment of the same "
            "pledge counted: what the pledge is worth in a year if it holds.",
        ),
        Metric(
            "pageviews",
            "count",
            "more_is_better",
            True,
            "Pageviews of a reader on the publisher's day of first exposure and the six days after it.",
        ),
        Metric(
            "dismissed",
            "binary",
            "less_is_better",
            True,
            "1 for a reader who dismissed an appeal of the experiment before the outcome window ended.",
        ),
    )
}

#: Steps of the funnel in the order in which a reader takes them; each is a binary count of readers.
FUNNEL_STEPS = ("eligible", "inserted", "viewed", "expanded", "clicked", "checkout_started", "contributed")

#: Events of an appeal that are recorded beside the funnel.
SIDE_EVENTS = ("dismissed", "blocked", "registered")

#: Every event an appeal can send (`contributed` comes from the contributions, not from the appeal).
APPEAL_EVENTS = (*FUNNEL_STEPS[:-1], *SIDE_EVENTS)

GUARDRAIL_METRICS = tuple(name for name, metric in METRICS.items() if metric.is_guardrail)
PRIMARY_METRICS = ("value", "conversion")
