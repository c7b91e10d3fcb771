"""The metrics: what one reader contributes to each, its unit, and which way is good.

A metric is a name with facts. Some are counted by statements of their own (`outcomes.py`, `sql/`); all others are
declared, in `declarations.py` by us or in configuration by a team. How a metric is compared stands in `inference/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.declarations import BUILT_IN, Declaration, Direction
from analysis.vocabulary import APPEAL_EVENTS, FUNNEL_STEPS, SIDE_EVENTS

__all__ = ["APPEAL_EVENTS", "COUNTED", "FUNNEL_STEPS", "METRICS", "SIDE_EVENTS", "Direction", "Kind", "Metric", "facts"]

Kind = Literal["binary", "money", "count", "ratio"]


@dataclass(frozen=True)
class Metric:
    """One number per reader.

    Attributes:
        name: Key in tables, settings and reports.
        kind: `binary` (0 or 1 a reader), `money` (minor units of the reporting currency), `count`, or `ratio` (a sum over
            readers divided by another; the reader stays the unit).
        direction: Which way is good for the newsroom.
        is_guardrail: True where only small real effects are expected, so that the narrow prior mixture of
            `inference.sequential.GUARDRAIL_PRIOR` is used.
        meaning: One sentence for the data dictionary and the glossary.
        is_money: True where the metric, or the numerator of a ratio, is in minor units of the reporting currency.
        is_matured_only: True where a reader counts only once the whole window has passed.
        is_description: True where who counts is itself an effect of the appeal: the ratio is shown, and nothing is said of
            its uncertainty.
        needs_retention: True where the monthly retention must be stated in the settings.
        label: Name that people read, where a team declared one.
    """

    name: str
    kind: Kind
    direction: Direction
    is_guardrail: bool
    meaning: str
    is_money: bool = False
    is_matured_only: bool = False
    is_description: bool = False
    needs_retention: bool = False
    label: str = ""


#: Metrics that have statements of their own. `METRICS` adds the declared ones.
COUNTED: dict[str, Metric] = {
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
            is_money=True,
        ),
        Metric(
            "value_uncapped",
            "money",
            "more_is_better",
            False,
            "As `value`, without the cap.",
            is_money=True,
        ),
        Metric(
            "value_annualised",
            "money",
            "more_is_better",
            False,
            "As `value_uncapped`, with a monthly contribution counted twelve times and no further payment of the same "
            "pledge counted: what the pledge is worth in a year if it holds.",
            is_money=True,
        ),
        Metric(
            "average_gift",
            "ratio",
            "more_is_better",
            False,
            "Settled value (capped) per contributor. A description: who gives is itself an effect of the appeal.",
            is_money=True,
            is_description=True,
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


def facts(name: str, declaration: Declaration) -> Metric:
    """What the inference and the reports need to know of a declared metric."""
    numerator = declaration.numerator
    if declaration.denominator is not None:
        kind: Kind = "ratio"
    elif numerator.sum == "readers":
        kind = "binary"
    else:
        kind = "money" if numerator.is_money else "count"
    return Metric(
        name,
        kind,
        declaration.direction,
        declaration.has_small_effects,
        declaration.meaning or f"Declared as {name} in the configuration.",
        is_money=numerator.is_money,
        is_matured_only=declaration.is_matured_only,
        needs_retention=any(measure.sum == "twelve_months" for measure in declaration.measures),
        label=declaration.label,
    )


#: Every metric that comes built in.
METRICS: dict[str, Metric] = {
    **COUNTED,
    **{name: facts(name, declaration) for name, declaration in BUILT_IN.items()},
}
