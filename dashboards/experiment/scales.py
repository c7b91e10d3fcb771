"""Scales and ticks that several sections share, so that the same difference looks the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dashboards.charts import Axis, axis_of
from dashboards.phrasing.voice import Voice
from dashboards.reading import Range, Reading
from dashboards.translations import marked

RANGE_WORDS = marked("The dot is our best estimate, the bar is the range we are 95% sure of, however often you look.")

_RANGE_WORDS_TO_THE_END = marked(
    "The dot is our best estimate, the bar is the range we are 95% sure of, at every look up to the registered end."
)


def has_registered_end(reading: Reading, metric: str) -> bool:
    """Whether the ranges of a metric are those of a registered end."""
    found = [reading.comparison(arm.id, metric) for arm in reading.others]
    return any(comparison is not None and comparison.has_registered_end for comparison in found)


def range_words(reading: Reading, metric: str, spoken: Voice) -> str:
    """Return what dot and bar mean under the guarantee of the metric."""
    return spoken.say(_RANGE_WORDS_TO_THE_END if has_registered_end(reading, metric) else RANGE_WORDS)


def range_note(reading: Reading, metric: str, spoken: Voice) -> str:
    """Return how sure a range of the metric is, as a column's note."""
    if has_registered_end(reading, metric):
        return spoken.say("95%, up to the registered end")
    return spoken.say("95%, however often you look")


def shown_metric(reading: Reading) -> str:
    """The metric that money figures are shown in: settled value where it is known, else the primary one."""
    return "value" if reading.has_money else reading.primary


def any_range(reading: Reading, metric: str) -> bool:
    """Whether any wording has a known range in this metric."""
    found = [reading.comparison(arm.id, metric) for arm in reading.others]
    return any(comparison is not None and comparison.difference_range.is_known for comparison in found)


def tick_money(spoken: Voice, minor: float, *, plus: bool = False) -> str:
    """Return money at a tick, in minor units; whole amounts without decimals."""
    is_whole = abs(minor / 10**spoken.exponent - round(minor / 10**spoken.exponent)) < 1e-6
    return spoken.money(minor, digits=0 if is_whole else spoken.exponent, plus=plus)


def clipped(ranges: Sequence[Range], centre: float = 0.0) -> list[float]:
    """Limits of the ranges, cut so that the widest does not flatten all others: at four times the narrowest."""
    sizes = [
        max(abs((side or 0.0) - centre) for side in (found.low, found.high) if side is not None)
        for found in ranges
        if found.is_known
    ]
    bound = 4 * min(sizes, default=0.0)
    return [
        max(centre - bound, min(centre + bound, side))
        for found in ranges
        for side in (found.low, found.high)
        if side is not None
    ]


def difference_axis(reading: Reading, spoken: Voice, metric: str) -> Axis:
    """Return the axis on which the differences of all wordings are drawn."""
    found = [comparison for arm in reading.others if (comparison := reading.comparison(arm.id, metric)) is not None]
    return axis_of(
        [
            *(comparison.difference for comparison in found),
            *clipped([comparison.difference_range for comparison in found]),
        ],
        difference_ticks(spoken, metric),
        most=4,
    )


def difference_ticks(spoken: Voice, metric: str) -> Callable[[float], str]:
    """Return how a tick of a difference is written."""
    if spoken.kind_of(metric) == "money":
        return lambda tick: tick_money(spoken, tick, plus=True)
    return lambda tick: spoken.difference(metric, tick)


def display_scale(spoken: Voice, metric: str) -> float:
    """Return the factor from a metric per reader to the unit in which it is drawn."""
    match spoken.kind_of(metric):
        case "money":
            return 1 / 10**spoken.exponent
        case "binary":
            return 100.0
        case _:
            return 1 / 1_000
