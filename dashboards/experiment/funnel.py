"""How far readers got: every step and its share of the one before."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards import figures, svg
from dashboards.blocks import Block, Cell, Column, Picture, Section, Sentences, Table, TableRow
from dashboards.charts import StepDot, StepRow, Steps, axis_of
from dashboards.experiment.queries import FEWEST_DRAWN, table_queries
from dashboards.phrasing.names import step_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain
from dashboards.reading import Reading

#: Steps of which each is a share of the one before; the others are a share of the nearest of these before them.
_CHAIN = ("eligible", "inserted", "viewed", "clicked", "checkout_started", "contributed")

#: A paywall blocks once it is in the page; whether it came into view is counted of those whom it blocked.
_PAYWALL_CHAIN = ("eligible", "inserted", "blocked", "viewed", "clicked", "checkout_started", "contributed")
_ORDER = (
    "eligible",
    "inserted",
    "blocked",
    "viewed",
    "expanded",
    "dismissed",
    "clicked",
    "registered",
    "checkout_started",
    "contributed",
)


def funnel_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the section on the steps; None where no step was counted."""
    frame = reading.result.funnel
    if reading.day is None:
        return None
    counts = {(row["step"], row["variant_id"]): row["readers"] for row in frame.to_dicts()}
    present = [step for step in _ORDER if any(counts.get((step, arm.id)) for arm in reading.arms)]
    if not present:
        none = spoken.say("No events have arrived for this test yet.")
        return Section("funnel", spoken.say("Step by step"), (Sentences((none,)),))
    chain = _PAYWALL_CHAIN if spoken.surface == "paywall" else _CHAIN
    base_of: dict[str, str | None] = {}
    last: str | None = None
    for step in present:
        base_of[step] = last
        if step in chain:
            last = step
    rows = [_funnel_row(reading, spoken, counts, step, base_of[step]) for step in present]
    chart = _steps(reading, spoken, counts, [step for step in present if base_of[step]], base_of)
    blocks: list[Block] = []
    if chart is not None:
        blocks.append(
            Picture(
                "funnel-chart",
                wide=svg.steps(chart, narrow=False),
                narrow=svg.steps(chart, narrow=True),
                figure=figures.figure_json(figures.steps(chart), figures.steps_narrow(chart)),
                caption=spoken.say(
                    "Share of readers who go on from one step to the next, against the current wording (the line at zero)."
                ),
            )
        )
    columns = [Column(spoken.say("Step"))]
    for arm in reading.arms:
        columns.append(Column(plain(arm.variant.label, 24), "", "number", letter=arm.letter, token=arm.token))
    blocks.append(
        Table(
            spoken.say("Readers at each step under each wording, and their share of the step before"),
            tuple(columns),
            tuple(rows),
            is_compact=True,
        )
    )
    return Section(
        id="funnel",
        heading=spoken.say("Step by step"),
        lead=spoken.say(
            "Readers, not views, within the outcome window. Steps describe; they carry no range here and decide nothing. More clicks with no more money is common."
        ),
        blocks=tuple(blocks),
        queries=table_queries(reading, (spoken.say("Readers at each step"), "funnel", "")),
        data=(
            ("step", "variant_id", "readers"),
            *((step, arm.id, counts.get((step, arm.id))) for step in present for arm in reading.arms),
        ),
    )


def _funnel_row(
    reading: Reading, spoken: Voice, counts: dict[tuple[str, str], int], step: str, base: str | None
) -> TableRow:
    cells = []
    for arm in reading.arms:
        readers = counts.get((step, arm.id))
        if readers is None:
            cells.append(Cell(spoken.say("none sent")))
            continue
        of = counts.get((base, arm.id)) if base else None
        cells.append(Cell(spoken.count(readers), spoken.percent(readers / of) if of else ""))
    return TableRow(Cell(step_name(step, spoken)), tuple(cells))


def _steps(
    reading: Reading,
    spoken: Voice,
    counts: dict[tuple[str, str], int],
    steps: Sequence[str],
    base_of: dict[str, str | None],
) -> Steps | None:
    rows = []
    for step in steps:
        base = base_of[step] or ""
        at, of = counts.get((step, reading.control.id)), counts.get((base, reading.control.id))
        dots, few = [], not at or not of or at < FEWEST_DRAWN
        for arm in reading.others:
            readers, before = counts.get((step, arm.id)), counts.get((base, arm.id))
            if few or not readers or not before or readers < FEWEST_DRAWN or not at or not of:
                continue
            change = (readers / before) / (at / of) - 1
            text = f"{spoken.percent(change, plus=True)}"
            dots.append(StepDot(arm.letter, arm.token, plain(arm.variant.label, 40), change, text))
        note = (
            spoken.say("of those: {step}", step=spoken.inside(step_name(base, spoken)))
            if dots
            else spoken.say("too few to draw (under {number})", number=spoken.count(FEWEST_DRAWN))
        )
        rows.append(StepRow(step_name(step, spoken), note, tuple(dots)))
    changes = [dot.change for row in rows for dot in row.dots]
    if not changes:
        return None
    axis = axis_of(
        [*changes, 0.02, -0.02],
        lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
        most=4,
        pad=0.08,
    )
    said = "; ".join(
        f"{row.name}: " + ", ".join(f"{dot.name} {dot.text}" for dot in row.dots) for row in rows if row.dots
    )
    label = spoken.say("Change of each step's ratio against the current wording. {values}.", values=said)
    return Steps(tuple(rows), axis, label)
