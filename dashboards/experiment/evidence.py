"""How the evidence grew: the difference and its range from day to day, for as long as anybody looked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from dashboards import figures, svg
from dashboards.blocks import Cell, Column, Picture, Section, Sentences, Table, TableRow
from dashboards.charts import Evidence, EvidencePanel, EvidencePoint, axis_of, clear_of_zero, day_ticks
from dashboards.experiment.queries import table_queries
from dashboards.experiment.scales import difference_ticks, display_scale, has_registered_end, range_note
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import evidence_of, plain, wording
from dashboards.reading import Comparison, Range, Reading

#: Points of a line, and comparisons in the folded table of days: beyond them a page grows heavy and nobody reads on.
MOST_POINTS = 90
MOST_COMPARISONS = 60


def evidence_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the section on how the evidence grew; None where there is no range on any day."""
    metric = reading.primary
    if reading.day is None:
        return None
    scale, history = display_scale(spoken, metric), reading.history(metric)
    if len(history) < 2:
        only = spoken.say("There is only one day so far; a line needs two.")
        return Section("evidence", spoken.say("How the evidence grew"), (Sentences((only,)),))
    panels: list[EvidencePanel] = []
    shown, since = set(_thinned(list(history))), dict[str, date | None]()
    for arm in reading.others:
        found = [(day, comparisons[arm.id]) for day, comparisons in history.items() if arm.id in comparisons]
        points = tuple(_point(day, comparison, scale, spoken) for day, comparison in found)
        last = found[-1][1].difference if found else None
        end = "" if last is None else spoken.difference(metric, last)
        name = plain(arm.variant.label, 60)
        mark = _mark(points, spoken)
        since[arm.id] = _since(points)
        drawn = tuple(point for point in points if point.day in shown)
        panels.append(EvidencePanel(arm.letter, arm.token, name, drawn, end, mark))
    chart = _evidence_chart(panels, history, metric, scale, spoken)
    unit = spoken.unit_of(metric)
    caption = (
        spoken.say(
            "Difference from the current wording, {unit}. Line: the estimate of all days so far. Band: the range we are 95% sure of, at every look up to the registered end.",
            unit=unit,
        )
        if has_registered_end(reading, metric)
        else spoken.say(
            "Difference from the current wording, {unit}. Line: the estimate of all days so far. Band: the range we are 95% sure of, however often you look.",
            unit=unit,
        )
    )
    picture = Picture(
        id="evidence-chart",
        wide=svg.evidence(chart, narrow=False),
        narrow=svg.evidence(chart, narrow=True),
        figure=figures.figure_json(figures.evidence(chart), figures.evidence_narrow(chart)),
        caption=caption,
    )
    condition = f"basis = 'exposed' AND segment_kind = 'all' AND metric = '{metric}'"
    return Section(
        id="evidence",
        heading=_evidence_heading(reading, since, spoken),
        lead=_evidence_lead(reading, spoken),
        blocks=(picture, _evidence_table(reading, history, metric, spoken)),
        data=(
            ("as_of", "variant_id", "difference_per_1000", "low", "high", "log_e"),
            *(
                (
                    day.isoformat(),
                    name,
                    item.difference,
                    item.difference_range.low,
                    item.difference_range.high,
                    item.number("log_e"),
                )
                for day, found in history.items()
                for name, item in found.items()
            ),
        ),
        queries=table_queries(
            reading, (spoken.say("The comparison on every day so far"), "estimates", condition), every_day=True
        ),
    )


def _thinned(days: Sequence[date]) -> Sequence[date]:
    """At most `MOST_POINTS` days, evenly spaced back from the last one: more cannot be told apart."""
    step = -(-len(days) // MOST_POINTS)
    return [day for back, day in enumerate(reversed(days)) if back % step == 0]


def _evidence_chart(
    panels: Sequence[EvidencePanel], days: Collection[date], metric: str, scale: float, spoken: Voice
) -> Evidence:
    first, last = min(days), max(days)
    say = difference_ticks(spoken, metric)
    said = "; ".join(f"{panel.name} {panel.points[-1].hover}" for panel in panels if panel.points)
    return Evidence(
        panels=tuple(panels),
        axis=axis_of(_evidence_limits(panels), lambda tick: say(tick / scale), pad=0.02),
        days=day_ticks(first, last, spoken.short_day),
        first=first,
        last=last,
        label=spoken.say(
            "Difference from the current wording, {unit}, day by day: {values}.",
            unit=spoken.unit_of(metric),
            values=said,
        ),
    )


def _point(day: date, comparison: Comparison, scale: float, spoken: Voice) -> EvidencePoint:
    difference, within, metric = comparison.difference, comparison.difference_range, comparison.metric
    value = spoken.say("not known") if difference is None else spoken.difference(metric, difference)
    if within.is_known:
        value += f" ({spoken.difference_range(metric, within)})"
    readers = (comparison.number("n") or 0) + (comparison.number("n_control") or 0)
    return EvidencePoint(
        day,
        None if difference is None else difference * scale,
        Range(None if within.low is None else within.low * scale, None if within.high is None else within.high * scale),
        f"{spoken.day(day)}: {value}, {spoken.prose_count(readers)} {spoken.words.readers}",
    )


def _evidence_limits(panels: Sequence[EvidencePanel]) -> list[float]:
    """Limits of the y axis: the last range times three, so that the first days do not squeeze the rest."""
    limits: list[float] = []
    for panel in panels:
        known = [point for point in panel.points if point.range.low is not None and point.range.high is not None]
        if not known:
            limits += [point.difference for point in panel.points if point.difference is not None]
            continue
        low, high = known[-1].range.low or 0.0, known[-1].range.high or 0.0
        centre, half = (low + high) / 2, 1.5 * (high - low)
        reach = [side for point in known for side in (point.range.low or 0.0, point.range.high or 0.0)]
        limits += [max(min(reach), centre - half), min(max(reach), centre + half)]
    return limits


def _mark(points: Sequence[EvidencePoint], spoken: Voice) -> tuple[date, str] | None:
    since, spell = clear_of_zero(points)
    if since is not None:
        return (since, spoken.say("clear of zero from here")) if since != points[0].day else None
    if spell is not None:
        words = spoken.say(
            "cleared zero {day}, fell back {back}", day=spoken.short_day(spell[0]), back=spoken.short_day(spell[1])
        )
        return spell[0], words
    return None


def _since(points: Sequence[EvidencePoint]) -> date | None:
    """Since when the range has stayed above zero, on every day up to the last; None where it has not, or only today."""
    since, _ = clear_of_zero(points)
    if not points or since is None or since == points[-1].day or (points[-1].range.low or 0.0) <= 0:
        return None
    return since


def _evidence_heading(reading: Reading, since: Mapping[str, date | None], spoken: Voice) -> str:
    """Say since when the range has stayed above zero, where it has; else stay neutral."""
    arm = reading.challenger
    day = None if arm is None else since.get(arm.id)
    if arm is None or day is None or reading.result.decision.get("verdict") == "fix_first":
        return spoken.say("How the evidence grew")
    return spoken.say(
        "{wording} has stayed above zero since {day}", wording=wording(arm, spoken), day=spoken.short_day(day)
    )


def _evidence_lead(reading: Reading, spoken: Voice) -> str:
    said = []
    for arm in reading.others:
        comparison = reading.comparison(arm.id)
        if comparison is not None and comparison.e_value is not None:
            said.append(f"{wording(arm, spoken)}: {evidence_of(comparison, spoken)}")
    proven = reading.result.decision.get("proven_at")
    text = spoken.say("Evidence of a difference today. {strengths}.", strengths="; ".join(said)) if said else ""
    if isinstance(proven, date):
        text += " " + spoken.say("First proven on {day}.", day=spoken.day(proven))
    return text.strip()


def _evidence_table(
    reading: Reading, history: Mapping[date, Mapping[str, Comparison]], metric: str, spoken: Voice
) -> Table:
    columns, say = [Column(spoken.say("Day"))], spoken.say
    for arm in reading.others:
        columns += [
            Column(say("Difference"), spoken.unit_of(metric), "number", letter=arm.letter, token=arm.token),
            Column(say("Range"), range_note(reading, metric, spoken), "number", letter=arm.letter, token=arm.token),
            Column(say("Evidence"), "", letter=arm.letter, token=arm.token),
        ]
    rows = []
    most = max(7, MOST_COMPARISONS // max(1, len(reading.others)))
    for day in sorted(history, reverse=True)[:most]:
        cells: list[Cell] = []
        for arm in reading.others:
            comparison = history[day].get(arm.id)
            if comparison is None or comparison.difference is None:
                cells += [Cell(say("not known")), Cell("—"), Cell("—")]
                continue
            within = comparison.difference_range
            cells.append(Cell(spoken.difference(metric, comparison.difference)))
            cells.append(Cell(spoken.difference_range(metric, within) if within.is_known else say("no range")))
            cells.append(Cell(evidence_of(comparison, spoken)))
        rows.append(TableRow(Cell(spoken.day(day)), tuple(cells)))
    return Table(
        say("The comparison as it stood on each day"),
        tuple(columns),
        tuple(rows),
        summary=say("The numbers, day by day")
        if len(history) <= most
        else say("The numbers of the last {number} days", number=spoken.count(most)),
    )
