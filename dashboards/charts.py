"""What a chart shows, before anybody draws it: points, ranges, axes with their labels, and the words beside them.

Each chart is drawn twice from the same data here, as static SVG (`svg.py`) and as a live Plotly figure (`figures.py`), so
that the two cannot disagree. Numbers are in the unit that is printed (major money units, percent points as shares).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dashboards.reading import Range


@dataclass(frozen=True)
class Axis:
    """A linear axis: its limits, and at most six ticks with the labels to print."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def place(self, value: float) -> float:
        """Return where a value stands, 0 at the low end and 1 at the high end; not clipped."""
        return (value - self.low) / (self.high - self.low)


def axis_of(
    values: Iterable[float | None], say: Callable[[float], str], *, most: int = 5, zero: bool = True, pad: float = 0.04
) -> Axis:
    """Return an axis that holds every value (and zero), with round ticks labelled by `say`."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        low, high = low - 1.0, high + 1.0
    margin = (high - low) * pad
    low, high = low - margin, high + margin
    step = _round_step((high - low) / most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    ticks = tuple(index * step for index in range(first, last + 1))
    return Axis(low, high, ticks, tuple(say(tick) for tick in ticks))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)


@dataclass(frozen=True)
class HeroRow:
    """One wording: what it brings in, and the range of its difference placed at the control's value."""

    letter: str
    token: str
    name: str
    value: float | None
    text: str
    range: Range
    note: str = ""


@dataclass(frozen=True)
class Hero:
    """Range bars of all wordings on one axis; `reference` is the control's value."""

    rows: tuple[HeroRow, ...]
    axis: Axis
    reference: float | None
    label: str


@dataclass(frozen=True)
class EvidencePoint:
    """The comparison as it stood on one day: estimate and anytime range of all days up to it."""

    day: date
    difference: float | None
    range: Range
    hover: str


@dataclass(frozen=True)
class EvidencePanel:
    """The days of one variant against the control.

    Attributes:
        end: The last estimate, as text.
        mark: A day worth a dotted line, with its words; None where there is none.
    """

    letter: str
    token: str
    name: str
    points: tuple[EvidencePoint, ...]
    end: str
    mark: tuple[date, str] | None


@dataclass(frozen=True)
class Evidence:
    """Evidence over time, one panel a variant, with shared axes."""

    panels: tuple[EvidencePanel, ...]
    axis: Axis
    days: tuple[tuple[date, str], ...]
    first: date
    last: date
    label: str

    def place_day(self, day: date) -> float:
        """Return where a day stands, 0 at the first and 1 at the last."""
        span = (self.last - self.first).days or 1
        return (day - self.first).days / span


def clear_of_zero(points: Sequence[EvidencePoint]) -> tuple[date | None, tuple[date, date] | None]:
    """Return since when the range has stayed clear of zero, and the last spell that ended (its first day, day after)."""
    since: date | None = None
    spell: tuple[date, date] | None = None
    for point in points:
        if point.range.clears_zero:
            since = since or point.day
        elif since is not None:
            spell, since = (since, point.day), None
    return since, spell


def day_ticks(first: date, last: date, say: Callable[[date], str], most: int = 6) -> tuple[tuple[date, str], ...]:
    """Return at most `most` evenly spaced days, the last one included, with their labels."""
    span = (last - first).days
    step = max(1, math.ceil(span / max(1, most - 1)))
    days = [last - timedelta(days=back) for back in range(0, span + 1, step)]
    return tuple((day, say(day)) for day in reversed(days))


@dataclass(frozen=True)
class StepDot:
    """One variant at one step: change of the step's ratio against the control's, and the words beside it."""

    letter: str
    token: str
    name: str
    change: float
    text: str


@dataclass(frozen=True)
class StepRow:
    """A step of the funnel; `note` says of whom it is a share, or why nothing is drawn."""

    name: str
    note: str
    dots: tuple[StepDot, ...]


@dataclass(frozen=True)
class Steps:
    """Change of each step's ratio against the current wording."""

    rows: tuple[StepRow, ...]
    axis: Axis
    label: str


@dataclass(frozen=True)
class SplitRow:
    """What one step adds: where its bar begins and ends, as shares of the control's value, and the words beside it."""

    name: str
    start: float
    end: float
    text: str
    is_total: bool = False


@dataclass(frozen=True)
class Split:
    """Floating bars from the current wording to a variant, one a step, and the total."""

    rows: tuple[SplitRow, ...]
    token: str
    axis: Axis
    label: str


@dataclass(frozen=True)
class TraitRow:
    """What one trait of wording did: what to expect, what was seen, both ranges, and the words beside them."""

    name: str
    note: str
    value: float
    raw: float
    range: Range
    pair: Range
    text: str

    @property
    def token(self) -> str:
        """Colour only where the range leaves zero out."""
        return "arm-b" if self.range.clears_zero else "weak"


@dataclass(frozen=True)
class TraitForest:
    """Effects of traits on one axis of shares, the largest first."""

    rows: tuple[TraitRow, ...]
    axis: Axis
    label: str


@dataclass(frozen=True)
class DayBar:
    """Rows of one day by kind of handling; all None for a day that has not arrived."""

    day: date
    rows: int | None
    bots: int
    label: str


@dataclass(frozen=True)
class DayBars:
    """Rows per day of one kind of event."""

    kind: str
    bars: tuple[DayBar, ...]
    axis: Axis
    days: tuple[tuple[date, str], ...]
    label: str


@dataclass(frozen=True)
class PowerLine:
    """Power at each lift: its name, colour token, whether it is dashed, and (lift, power) from left to right."""

    name: str
    token: str
    is_dashed: bool
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class PowerCurves:
    """The power of a plan: two axes, a marked lift, and one line a comparison."""

    label: str
    title: str
    across: Axis
    across_name: str
    up: Axis
    mark: float
    lines: tuple[PowerLine, ...]
