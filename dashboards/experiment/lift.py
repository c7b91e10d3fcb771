"""Where the lift comes from: the exact split of the difference over the steps."""

from __future__ import annotations

from analysis.inference.results import NotEstimable
from analysis.lift_split import split_lift
from dashboards import figures, svg
from dashboards.blocks import Cell, Column, Picture, Section, Sentences, Table, TableRow
from dashboards.charts import Split, SplitRow, axis_of
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.names import step_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, reason_words, wording
from dashboards.reading import Reading
from dashboards.theme import Arm

#: Steps that a difference is split over, where both wordings have readers at them.
_SPLIT_CHAIN = ("blocked", "viewed", "clicked", "checkout_started")


def lift_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the section on where the lift comes from; None where money or the steps are not known."""
    arm, say = reading.challenger, spoken.say
    if reading.day is None or arm is None or not reading.has_money:
        return None
    heading = say("Where the difference comes from")
    control, variant = _factors(reading, reading.control), _factors(reading, arm)
    both = [step for step in control if step in variant]
    shares = split_lift({step: control[step] for step in both}, {step: variant[step] for step in both})
    if isinstance(shares, NotEstimable):
        return Section("split", heading, (Sentences((reason_words(shares.reason, spoken),)),))
    rows, reached = [], 0.0
    for share in shares:
        text = spoken.percent(share.share, plus=True, digits=1)
        rows.append(SplitRow(_factor_name(share.step, spoken), reached, reached + share.share, text))
        reached += share.share
    rows.append(SplitRow(say("Together"), 0.0, reached, spoken.percent(reached, plus=True, digits=1), is_total=True))
    axis = axis_of(
        [0.01, -0.01, *(side for row in rows for side in (row.start, row.end))],
        lambda tick: spoken.percent(tick, plus=True, digits=0 if abs(tick * 100 - round(tick * 100)) < 1e-9 else 1),
        most=4,
        pad=0.06,
    )
    label = say(
        "What each step adds to the difference of {wording}. {values}.",
        wording=wording(arm, spoken),
        values="; ".join(f"{row.name}: {row.text}" for row in rows),
    )
    chart = Split(tuple(rows), arm.token, axis, label)
    picture = Picture(
        "split-chart",
        wide=svg.split(chart, narrow=False),
        narrow=svg.split(chart, narrow=True),
        figure=figures.figure_json(figures.split(chart), figures.split_narrow(chart)),
        caption=say(
            "{wording} against the current wording, in percent of its settled value. The steps add up to the total exactly.",
            wording=capital(wording(arm, spoken)),
        ),
    )
    table = Table(
        say("What each step adds"),
        (
            Column(say("Step")),
            Column(say("The step itself"), say("change against the current wording"), "number"),
            Column(say("Adds"), say("percent of the current wording's settled value"), "number"),
        ),
        tuple(
            TableRow(
                Cell(row.name),
                (
                    Cell(spoken.percent(share.ratio, plus=True, digits=1) if share is not None else "—"),
                    Cell(row.text),
                ),
            )
            for row, share in zip(rows, (*shares, None), strict=True)
        ),
        summary=say("The numbers, step by step"),
    )
    return Section(
        id="split",
        heading=heading,
        lead=say("A description: it says where, not why, and carries no range."),
        blocks=(picture, table),
        queries=table_queries(
            reading,
            (say("Readers at each step"), "funnel", ""),
            (say("Every wording of this test"), "variant_results", "basis = 'exposed' AND segment_kind = 'all'"),
        ),
        data=(("step", "ratio", "share_of_control_value"), *((item.step, item.ratio, item.share) for item in shares)),
    )


def _factors(reading: Reading, arm: Arm) -> dict[str, float]:
    """Settled value per reader asked as a product: each step's share of the one before, and the value of a giver."""
    counts = {row["step"]: row["readers"] for row in reading.result.funnel.to_dicts() if row["variant_id"] == arm.id}
    asked, givers, mean = reading.readers(arm.id), reading.contributors(arm.id), reading.mean("value", arm.id)
    if not asked or not givers or mean is None:
        return {"contributed": 0.0}
    factors, before = {}, asked
    for step in _SPLIT_CHAIN:
        if counts.get(step):
            factors[step] = counts[step] / before
            before = counts[step]
    factors["contributed"] = givers / before
    factors["amount"] = mean * asked / givers
    return factors


def _factor_name(step: str, spoken: Voice) -> str:
    return spoken.words.amount if step == "amount" else step_name(step, spoken)
