"""Static SVG of every chart: what paints first, what shows without script, on paper and in mail, and strips in tables.

Colours are classes (`arm-b` sets `--arm`), so that light, dark and print follow the style sheet. Each function returns
markup that is safe to place in a page: text from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from dashboards.charts import (
    Axis,
    DayBars,
    Evidence,
    EvidencePanel,
    Hero,
    HeroRow,
    PowerCurves,
    PowerLine,
    Split,
    StepRow,
    Steps,
    TraitForest,
)
from dashboards.reading import Range

STRIP_WIDTH, STRIP_HEIGHT = 270, 46


@dataclass(frozen=True)
class Frame:
    """Drawing area inside an SVG, in its own pixels."""

    left: float
    top: float
    width: float
    height: float

    def x(self, place: float) -> float:
        """Return the pixel of a place between 0 and 1 from the left."""
        return self.left + place * self.width

    def y(self, place: float) -> float:
        """Return the pixel of a place between 0 and 1 from the bottom."""
        return self.top + (1 - place) * self.height


def _svg(width: float, height: float, label: str, parts: Sequence[str], css: str = "") -> Markup:
    accessible = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(  # noqa: S704 - outside text is escaped in `_text` and here
        f'<svg class="chart {css}" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}" '
        f"{accessible}>{''.join(parts)}</svg>"
    )


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line class="{css}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'


def _uprights(places: Sequence[tuple[float, float, float]], css: str) -> list[str]:
    """Upright lines of one look as one element: (x, top, bottom) each."""
    return [f'<path class="{css}" d="{"".join(f"M{_n(x)} {_n(top)}V{_n(end)}" for x, top, end in places)}"/>'] * bool(
        places
    )


def _text(x: float, y: float, text: str, css: str = "", anchor: str = "start") -> str:
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{css}" x="{_n(x)}" y="{_n(y)}"{place}>{escape(text)}</text>'


def _vertical_grid(
    axis: Axis,
    frame: Frame,
    *,
    labels: bool = True,
    drop: float = 18,
    spans: Sequence[tuple[float, float]] = (),
) -> list[str]:
    """Grid lines over the whole frame, or only over `spans` of y where text stands between them."""
    within = spans or ((frame.top, frame.top + frame.height),)
    zeros = [tick for tick in axis.ticks if abs(tick) < 1e-12]
    parts = [
        line
        for ticks, css in ((sorted(set(axis.ticks) - set(zeros)), "grid"), (zeros, "zero"))
        for line in _uprights([(frame.x(axis.place(tick)), *span) for tick in ticks for span in within], css)
    ]
    if not labels:
        return parts
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        anchor = "start" if axis.place(tick) < 0.04 else "end" if axis.place(tick) > 0.96 else "middle"
        parts.append(_text(frame.x(axis.place(tick)), frame.top + frame.height + drop, label, "tick", anchor))
    return parts


def _range_bar(axis: Axis, frame: Frame, y: float, within: Range, value: float | None, size: float = 12) -> list[str]:
    """A range bar with its point; an open or cut side ends in an arrow."""
    parts: list[str] = []
    if within.is_known:
        low = axis.low if within.low is None else within.low
        high = axis.high if within.high is None else within.high
        x1, x2 = (frame.x(min(1.0, max(0.0, axis.place(side)))) for side in (low, high))
        parts.append(
            f'<rect class="band" x="{_n(x1)}" y="{_n(y - size / 2)}" width="{_n(max(x2 - x1, 1))}" height="{_n(size)}" rx="{_n(size / 2)}"/>'
        )
        parts.append(_line(x1, y, x2, y, "spine"))
        if within.low is None or axis.place(low) < -1e-9:
            parts.append(
                f'<path class="arrow" d="M{_n(x1 + 7)} {_n(y - 5)}L{_n(x1)} {_n(y)}L{_n(x1 + 7)} {_n(y + 5)}"/>'
            )
        if within.high is None or axis.place(high) > 1 + 1e-9:
            parts.append(
                f'<path class="arrow" d="M{_n(x2 - 7)} {_n(y - 5)}L{_n(x2)} {_n(y)}L{_n(x2 - 7)} {_n(y + 5)}"/>'
            )
    if value is not None and -1e-9 <= axis.place(value) <= 1 + 1e-9:
        parts.append(f'<circle class="dot" cx="{_n(frame.x(axis.place(value)))}" cy="{_n(y)}" r="6.5"/>')
    return parts


def hero(chart: Hero, width: float = 400) -> Markup:
    """Return range bars, one row of 62 px a wording: name left, value right, bar below, the control's value dashed."""
    row_height, top = 62.0, 8.0
    frame = Frame(8, top, width - 16, row_height * len(chart.rows) + 4)
    spans = [(top + index * row_height + 27, top + index * row_height + 55) for index in range(len(chart.rows))]
    parts = _vertical_grid(chart.axis, frame, spans=spans)
    if chart.reference is not None:
        x = frame.x(chart.axis.place(chart.reference))
        parts += [_line(x, start, x, end, "reference") for start, end in spans]
    for index, row in enumerate(chart.rows):
        parts += _hero_row(chart, frame, row, top + index * row_height)
    return _svg(width, top + frame.height + 28, chart.label, parts, "hero-chart")


def _hero_row(chart: Hero, frame: Frame, row: HeroRow, y: float) -> list[str]:
    return [
        f'<g class="{row.token}">',
        _text(frame.left, y + 20, f"{row.letter}  {_short(row.name, 26)}", "row-name halo"),
        _text(frame.left + frame.width, y + 20, row.text, "row-value halo", "end"),
        *_range_bar(chart.axis, frame, y + 41, row.range, row.value),
        *([_text(frame.left + frame.width, y + 45, row.note, "tick halo", "end")] if row.note else []),
        "</g>",
    ]


def strip(
    axis: Axis, token: str, value: float | None, within: Range, label: str, *, limit: float | None = None
) -> Markup:
    """Return a difference from the control as a small range bar for a table cell, on the axis of its column.

    `limit` draws a margin that must not be crossed as a dashed line.
    """
    frame = Frame(7, 6, STRIP_WIDTH - 14, STRIP_HEIGHT - 12)
    parts = _vertical_grid(axis, frame, labels=False)
    if limit is not None and 0 <= axis.place(limit) <= 1:
        x = frame.x(axis.place(limit))
        parts.append(_line(x, 2, x, STRIP_HEIGHT - 2, "limit"))
    body = _range_bar(axis, frame, STRIP_HEIGHT / 2, within, value)
    return _svg(STRIP_WIDTH, STRIP_HEIGHT, label, [*parts, f'<g class="{token}">', *body, "</g>"], "strip")


def strip_axis(axis: Axis, name: str = "") -> Markup:
    """Return the axis labels of a column of strips. With a `name`, `same_axis` shows them again on the same page."""
    frame = Frame(7, 0, STRIP_WIDTH - 14, 4)
    drawn = _vertical_grid(axis, frame, drop=14)
    if name:
        drawn = [f'<g id="{name}">', *drawn, "</g>"]
    return _svg(STRIP_WIDTH, 22, "", drawn, "strip")


def same_axis(name: str) -> Markup:
    """Return the labels that `strip_axis` drew under this name: under each strip of a phone they stand again."""
    return _svg(STRIP_WIDTH, 22, "", [f'<use href="#{name}"/>'], "strip")


def evidence(chart: Evidence, *, narrow: bool) -> Markup:
    """Return the evidence over time: a line for the estimate, a band for the anytime range, a panel a variant."""
    width = 380.0 if narrow else 960.0
    height = evidence_height(len(chart.panels), narrow=narrow)
    each = height / len(chart.panels)
    parts: list[str] = []
    for index, panel in enumerate(chart.panels):
        parts += _evidence_panel(chart, panel, index, width, each, narrow=narrow)
    return _svg(width, height, chart.label, parts, "narrow" if narrow else "wide")


def evidence_height(panels: int, *, narrow: bool) -> float:
    """Height in pixels of the evidence chart, the same for both of its drawings so that the page does not jump."""
    if panels == 1:
        return 290.0 if narrow else 340.0
    return float(panels * (200 if panels > 3 else 250 if narrow else 270))


#: Margins of an evidence panel in pixels (left, right, top, bottom), the same in both drawings.
EVIDENCE_MARGINS = {False: (64.0, 118.0, 40.0, 32.0), True: (54.0, 24.0, 44.0, 30.0)}


def _evidence_panel(
    chart: Evidence, panel: EvidencePanel, index: int, width: float, height: float, *, narrow: bool
) -> list[str]:
    left, right, top, bottom = EVIDENCE_MARGINS[narrow]
    offset = index * height
    frame = Frame(left, offset + top, width - left - right, height - top - bottom)
    clip = f"evidence-{'n' if narrow else 'w'}{index}"
    parts = [
        f'<clipPath id="{clip}"><rect x="{_n(frame.left)}" y="{_n(frame.top)}" width="{_n(frame.width + 8)}" height="{_n(frame.height)}"/></clipPath>'
    ]
    for tick, label in zip(chart.axis.ticks, chart.axis.labels, strict=True):
        y = frame.y(chart.axis.place(tick))
        parts.append(_line(frame.left, y, frame.left + frame.width, y, "zero" if abs(tick) < 1e-12 else "grid"))
        parts.append(_text(frame.left - 8, y + 4.5, label, "tick", "end"))
    days = chart.days if not narrow else chart.days[::-1][::2][::-1]
    for position, (day, label) in enumerate(days):
        x = frame.x(chart.place_day(day))
        anchor = "end" if position == len(days) - 1 and len(days) > 1 else "start" if x < frame.left + 20 else "middle"
        parts.append(_text(x, frame.top + frame.height + 20, label, "tick", anchor))
    title = f"{panel.letter}  {_short(panel.name, 26 if narrow else 60)}"
    parts.append(f'<g class="{panel.token}">')
    parts.append(_text(frame.left, offset + 18, title, "row-name"))
    parts.append(f'<g clip-path="url(#{clip})">')
    for run in _runs(panel):
        upper = [
            (frame.x(chart.place_day(p.day)), frame.y(chart.axis.place(_or(p.range.high, chart.axis.high))))
            for p in run
        ]
        lower = [
            (frame.x(chart.place_day(p.day)), frame.y(chart.axis.place(_or(p.range.low, chart.axis.low)))) for p in run
        ]
        outline = "L".join(f"{_n(_clip(x))} {_n(_clip(y))}" for x, y in (*upper, *reversed(lower)))
        parts.append(f'<path class="cloud" d="M{outline}Z"/>')
    known = [point for point in panel.points if point.difference is not None]
    line = "L".join(
        f"{_n(frame.x(chart.place_day(point.day)))} {_n(_clip(frame.y(chart.axis.place(point.difference or 0.0))))}"
        for point in known
    )
    if len(known) > 1:
        parts.append(f'<path class="line" d="M{line}"/>')
    parts.append("</g>")
    if panel.mark is not None:
        parts += _mark(chart, frame, panel.mark, narrow=narrow)
    if known:
        x = frame.x(chart.place_day(known[-1].day))
        y = min(frame.top + frame.height, max(frame.top, frame.y(chart.axis.place(known[-1].difference or 0.0))))
        parts.append(f'<circle class="dot" cx="{_n(x)}" cy="{_n(y)}" r="5"/>')
        if narrow:
            parts.append(_text(frame.left + frame.width, offset + 18, panel.end, "row-value", "end"))
        else:
            parts.append(_text(x + 12, y + 5, panel.end, "row-value"))
    parts.append("</g>")
    return parts


def _mark(chart: Evidence, frame: Frame, mark: tuple[object, str], *, narrow: bool) -> list[str]:
    day, words = mark
    x = frame.x(chart.place_day(day))  # type: ignore[arg-type]
    is_late = x > frame.left + frame.width * (0.35 if narrow else 0.7)
    return [
        _line(x, frame.top - 4, x, frame.top + frame.height, "mark"),
        _text(x + (-6 if is_late else 6), frame.top + 6, words, "tick halo", "end" if is_late else "start"),
    ]


def _runs(panel: EvidencePanel) -> list[list]:
    """Stretches of neighbouring days whose range is known: nothing is drawn across a day without one."""
    runs: list[list] = [[]]
    for point in panel.points:
        if point.range.is_known:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _clip(pixel: float) -> float:
    return max(-4_000.0, min(4_000.0, pixel))


STEP_HEIGHT = {False: 46.0, True: 66.0}
#: Variants whose change stands as a number beside the funnel's name on a phone; the table has all.
MOST_BESIDE = 2


def steps_height(rows: int, *, narrow: bool) -> float:
    """Height in pixels of the funnel chart."""
    return rows * STEP_HEIGHT[narrow] + 40


#: Margins of the funnel chart in pixels (left, right, top, bottom), the same in both drawings.
STEP_MARGINS = {False: (270.0, 190.0, 8.0, 32.0), True: (10.0, 10.0, 8.0, 32.0)}


def step_offset(position: int, dots: int) -> float:
    """Pixels between the middle of a funnel row and one of its dots: side by side, and all inside the row."""
    return (position - (dots - 1) / 2) * min(12.0, 32.0 / max(1, dots - 1))


def steps(chart: Steps, *, narrow: bool) -> Markup:
    """Return how each step's ratio differs from the current wording's: a dot a variant on one axis of percent."""
    width = 380.0 if narrow else 960.0
    height = steps_height(len(chart.rows), narrow=narrow)
    left, right, top, bottom = STEP_MARGINS[narrow]
    frame = Frame(left, top, width - left - right, height - top - bottom)
    spans = [
        (top + index * STEP_HEIGHT[narrow] + 28, top + (index + 1) * STEP_HEIGHT[narrow])
        for index in range(len(chart.rows))
    ]
    parts = _vertical_grid(chart.axis, frame, spans=spans if narrow else ())
    for index, row in enumerate(chart.rows):
        parts += _step_row(chart, frame, row, top + index * STEP_HEIGHT[narrow], width, narrow=narrow)
    return _svg(width, height, chart.label, parts, "narrow" if narrow else "wide")


def _step_row(chart: Steps, frame: Frame, row: StepRow, y: float, width: float, *, narrow: bool) -> list[str]:
    middle = y + (46 if narrow else STEP_HEIGHT[narrow] / 2)
    if narrow:
        parts = [_text(frame.left, y + 20, row.name, "row-name plain halo")]
        for place, dot in enumerate(reversed(row.dots[:MOST_BESIDE])):
            words = f"{dot.letter} {dot.text}"
            parts.append(
                f'<g class="{dot.token}">{_text(width - 10 - place * 72, y + 20, words, "row-value small", "end")}</g>'
            )
        if not row.dots:
            parts.append(_text(frame.left, y + 40, row.note, "tick halo"))
    else:
        parts = [_text(10, middle - 2, row.name, "row-name plain"), _text(10, middle + 15, row.note, "tick")]
    parts.append(_line(frame.left, middle, frame.left + frame.width, middle, "thread"))
    for position, dot in enumerate(row.dots):
        offset = step_offset(position, len(row.dots))
        x0, x1 = frame.x(chart.axis.place(0.0)), frame.x(min(1.0, max(0.0, chart.axis.place(dot.change))))
        parts.append(f'<g class="{dot.token}">')
        parts.append(_line(x0, middle + offset, x1, middle + offset, "spine"))
        parts.append(f'<circle class="dot" cx="{_n(x1)}" cy="{_n(middle + offset)}" r="6"/>')
        if not narrow and len(row.dots) <= 3:
            parts.append(
                _text(
                    frame.left + frame.width + 16,
                    middle + 4.5 + offset * 1.25,
                    f"{dot.letter}  {dot.text}",
                    "row-value small",
                )
            )
        parts.append("</g>")
    return parts


def _rows_on_axis(
    axis: Axis,
    rows: int,
    each: float,
    size: tuple[float, float],
    margins: tuple[float, float, float, float],
    *,
    narrow: bool,
) -> tuple[Frame, list[str]]:
    """Where rows of one height are drawn on a shared axis, and its grid; narrow, the grid leaves room for names above bars."""
    left, right, top, bottom = margins
    frame = Frame(left, top, size[0] - left - right, size[1] - top - bottom)
    spans = [(top + index * each + 26, top + (index + 1) * each) for index in range(rows)]
    return frame, _vertical_grid(axis, frame, spans=spans if narrow else ())


SPLIT_HEIGHT = {False: 40.0, True: 56.0}

#: Margins of the split chart in pixels (left, right, top, bottom), the same in both drawings.
SPLIT_MARGINS = {False: (270.0, 110.0, 8.0, 32.0), True: (10.0, 10.0, 8.0, 32.0)}


def split_height(rows: int, *, narrow: bool) -> float:
    """Height in pixels of the split chart."""
    return rows * SPLIT_HEIGHT[narrow] + 40


def split(chart: Split, *, narrow: bool) -> Markup:
    """Return what each step adds to a difference: floating bars that add up to the total, the total in full colour."""
    width, each, top = (380.0 if narrow else 960.0), SPLIT_HEIGHT[narrow], SPLIT_MARGINS[narrow][2]
    height = split_height(len(chart.rows), narrow=narrow)
    frame, parts = _rows_on_axis(
        chart.axis, len(chart.rows), each, (width, height), SPLIT_MARGINS[narrow], narrow=narrow
    )
    for index, row in enumerate(chart.rows):
        y = top + index * each
        middle = y + (40 if narrow else each / 2)
        x1, x2 = sorted(frame.x(chart.axis.place(side)) for side in (row.start, row.end))
        token = chart.token if row.is_total else "weak"
        parts.append(f'<g class="{token}">')
        parts.append(
            f'<rect class="step" x="{_n(x1)}" y="{_n(middle - 8)}" width="{_n(max(x2 - x1, 1.5))}" height="16" rx="2"/>'
        )
        if index + 1 < len(chart.rows) and not narrow:
            x = frame.x(chart.axis.place(row.end))
            parts.append(_line(x, middle + 8, x, middle + each - 8, "thread"))
        parts.append("</g>")
        name_y = y + 20 if narrow else middle + 5
        parts.append(_text(10, name_y, row.name, "row-name plain halo"))
        parts.append(f'<g class="{token}">{_text(width - 10, name_y, row.text, "row-value small halo", "end")}</g>')
    return _svg(width, height, chart.label, parts, "narrow" if narrow else "wide")


TRAIT_HEIGHT = {False: 38.0, True: 60.0}

#: Margins of the traits chart in pixels (left, right, top, bottom), the same in both drawings.
TRAIT_MARGINS = {False: (200.0, 220.0, 8.0, 32.0), True: (10.0, 10.0, 8.0, 32.0)}


def trait_height(rows: int, *, narrow: bool) -> float:
    """Height in pixels of the traits chart."""
    return rows * TRAIT_HEIGHT[narrow] + 40


def trait_forest(chart: TraitForest, *, narrow: bool) -> Markup:
    """Return effects of traits: bar the range, dot what to expect, ring what was seen, thin line one new pair of texts."""
    width, each, top = (380.0 if narrow else 960.0), TRAIT_HEIGHT[narrow], TRAIT_MARGINS[narrow][2]
    height = trait_height(len(chart.rows), narrow=narrow)
    frame, parts = _rows_on_axis(
        chart.axis, len(chart.rows), each, (width, height), TRAIT_MARGINS[narrow], narrow=narrow
    )
    for index, row in enumerate(chart.rows):
        y = top + index * each
        middle = y + (42 if narrow else each / 2)
        x1, x2 = (
            frame.x(min(1.0, max(0.0, chart.axis.place(side))))
            for side in (_side(row.pair.low, chart.axis.low), _side(row.pair.high, chart.axis.high))
        )
        parts.append(f'<g class="{row.token}">')
        parts.append(_line(x1, middle, x2, middle, "pair"))
        parts += _range_bar(chart.axis, frame, middle, row.range, row.value)
        if 0 <= chart.axis.place(row.raw) <= 1:
            parts.append(
                f'<circle class="ring" cx="{_n(frame.x(chart.axis.place(row.raw)))}" cy="{_n(middle)}" r="4.5"/>'
            )
        if narrow:
            parts.append(_text(width - 10, y + 20, row.text, "row-value small halo", "end"))
        else:
            parts.append(_text(frame.left + frame.width + 16, middle + 5, row.text, "row-value small"))
        parts.append("</g>")
        parts.append(_text(10, y + 20 if narrow else middle + 5, row.name, "row-name plain halo"))
        if narrow:
            parts.append(_text(width - 70, y + 20, row.note, "tick halo", "end"))
        else:
            parts.append(_text(frame.left + frame.width + 76, middle + 5, row.note, "tick"))
    return _svg(width, height, chart.label, parts, "narrow" if narrow else "wide")


def _side(value: float | None, open_at: float) -> float:
    return open_at if value is None else value


DAY_BARS_HEIGHT = 190.0


def day_bars(chart: DayBars, *, narrow: bool) -> Markup:
    """Return accepted rows per event day; a day that has not arrived is an outlined empty bar with its date."""
    width = 380.0 if narrow else 960.0
    left, right, top, bottom = (54.0, 6.0, 12.0, 30.0) if narrow else (64.0, 10.0, 12.0, 30.0)
    frame = Frame(left, top, width - left - right, DAY_BARS_HEIGHT - top - bottom)
    parts: list[str] = []
    for tick, label in zip(chart.axis.ticks, chart.axis.labels, strict=True):
        y = frame.y(chart.axis.place(tick))
        parts.append(_line(frame.left, y, frame.left + frame.width, y, "zero" if tick == 0 else "grid"))
        parts.append(_text(frame.left - 8, y + 4.5, label, "tick", "end"))
    each = frame.width / max(1, len(chart.bars))
    labels = dict(chart.days if not narrow else chart.days[::-1][::2][::-1])
    floor = frame.y(chart.axis.place(0.0))
    for index, bar in enumerate(chart.bars):
        x, size = frame.left + index * each + each * 0.12, each * 0.76
        if bar.rows is None:
            parts.append(
                f'<rect class="gap" x="{_n(x)}" y="{_n(frame.top + 18)}" width="{_n(size)}" height="{_n(floor - frame.top - 18)}"/>'
            )
            anchor = "start" if index < 2 else "end" if index > len(chart.bars) - 3 else "middle"
            parts.append(_text(x + size / 2, frame.top + 10, bar.label, "tick note halo", anchor))
            continue
        y = frame.y(chart.axis.place(bar.rows))
        parts.append(
            f'<rect class="bar" x="{_n(x)}" y="{_n(y)}" width="{_n(size)}" height="{_n(max(0.0, floor - y))}"/>'
        )
        if bar.bots:
            tip = frame.y(chart.axis.place(bar.bots))
            parts.append(
                f'<rect class="bar weak" x="{_n(x)}" y="{_n(tip)}" width="{_n(size)}" height="{_n(max(0.0, floor - tip))}"/>'
            )
    for index, bar in enumerate(chart.bars):
        if bar.day in labels:
            anchor = "end" if index == len(chart.bars) - 1 else "start" if index == 0 else "middle"
            parts.append(_text(frame.left + (index + 0.5) * each, floor + 20, labels[bar.day], "tick", anchor))
    return _svg(width, DAY_BARS_HEIGHT, chart.label, parts, "narrow" if narrow else "wide")


POWER_WIDTH, POWER_HEIGHT = 760.0, 420.0
_POWER_FRAME = Frame(64.0, 44.0, 500.0, 310.0)


def power_curves(chart: PowerCurves) -> Markup:
    """Return the power of a plan by the size of the lift: one line a comparison, named at its end."""
    frame = _POWER_FRAME
    floor = frame.top + frame.height
    parts = [_text(frame.left, 24, chart.title, "row-name plain")]
    for tick, label in zip(chart.up.ticks, chart.up.labels, strict=True):
        y = frame.y(chart.up.place(tick))
        parts.append(_line(frame.left, y, frame.left + frame.width, y, "zero" if tick == 0 else "grid"))
        parts.append(_text(frame.left - 8, y + 4.5, label, "tick", "end"))
    parts += _vertical_grid(chart.across, frame, drop=20)
    parts.append(_text(frame.left + frame.width / 2, POWER_HEIGHT - 14, chart.across_name, "tick", "middle"))
    mark = frame.x(chart.across.place(chart.mark))
    parts.append(_line(mark, frame.top, mark, floor, "mark"))
    taken: list[float] = []
    for drawn in sorted(chart.lines, key=lambda one: -one.points[-1][1]):
        # A name stands beside the end of its line, moved down until it clears the ones above.
        y = frame.y(chart.up.place(drawn.points[-1][1])) + 5
        while any(abs(y - other) < 20 for other in taken):
            y += 1
        taken.append(y)
        parts += _power_line(chart, frame, drawn, y)
    return _svg(POWER_WIDTH, POWER_HEIGHT, chart.label, parts)


def _power_line(chart: PowerCurves, frame: Frame, drawn: PowerLine, name_at: float) -> list[str]:
    path = "L".join(
        f"{_n(frame.x(chart.across.place(effect)))} {_n(frame.y(chart.up.place(power)))}"
        for effect, power in drawn.points
    )
    dashes = ' stroke-dasharray="7 5"' if drawn.is_dashed else ""
    return [
        f'<g class="{drawn.token}"><path class="line" d="M{path}"{dashes}/>',
        _text(frame.left + frame.width + 12, name_at, drawn.name, "row-value small"),
        "</g>",
    ]


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


_ICONS = {
    "tick": "M3.5 8.5l3 3 6-7",
    "equals": "M3.5 6h9M3.5 10h9",
    "clock": "M8 4v4.2l2.8 1.8M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13",
    "question": "M5.6 6.1a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.6M8 12.4v.4",
    "hand": "M4.5 8.5V4.2M4.5 7V3.4a.9.9 0 0 1 1.8 0V7V2.6a.9.9 0 0 1 1.8 0V7V3.2a.9.9 0 0 1 1.8 0V8V5.4a.9.9 0 0 1 1.8 0v4.1a4.3 4.3 0 0 1-4.3 4.3c-2 0-2.9-1-3.7-2.6L2.600 9.300a.9.9 0 0 1 1.500-.9",
    "exclamation": "M8 3v6M8 12.2v.4",
    "dash": "M4 8h8",
}


def icon(name: str) -> Markup:
    """Return an icon of 16 px in the colour of the text; hidden from screen readers, since words stand beside it."""
    return Markup(  # noqa: S704 - paths of this module
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">'
        f'<path d="{_ICONS[name]}"/></svg>'
    )
