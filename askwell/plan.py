"""`askwell plan`: can this test ever give an answer, how long does it take, and what would help?"""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import asdict
from pathlib import Path

import typer

from analysis.errors import AskwellError
from analysis.settings import read_settings
from analysis.sizing import (
    LONGEST_DAYS,
    Advice,
    Answer,
    Design,
    Ground,
    Guarantee,
    Help,
    TestPlan,
    make_plan,
    own_history,
)
from dashboards.power_curve import SUFFIXES, name_of, picture


class PictureError(AskwellError):
    """The picture cannot be written."""


def run_plan(
    settings_file: Path,
    design: Design,
    *,
    surface: str | None,
    rate: float | None,
    readers_a_day: float | None,
    tail: float | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Print the plan; write its picture where a file is named.

    Raises:
        PictureError: the file has another suffix, or cannot be written.
        PlanError: a number is missing or out of bounds.
        NothingToReport: numbers are to come from past tests, and none was published.
    """
    if file is not None and file.suffix.lower() not in SUFFIXES:
        raise PictureError(f"{file} must end in {' or '.join(SUFFIXES)}.")
    if rate is not None and readers_a_day is not None:
        ground = Ground(rate, readers_a_day, tail)
    else:
        database = read_settings(settings_file).folders.database
        ground = own_history(database, surface, rate=rate, readers_a_day=readers_a_day, tail=tail)
    plan = make_plan(ground, design)
    if file is not None:
        try:
            file.write_bytes(picture(plan, file.suffix.lower()))
        except OSError as problem:
            raise PictureError(f"{file} cannot be written ({problem.strerror or problem}).") from None
    typer.echo(json.dumps(asdict(plan), allow_nan=False) if as_json else _words(plan, file))


def _words(plan: TestPlan, file: Path | None) -> str:
    ground, design = plan.ground, plan.design
    lines = [_ground(ground), _asked(design), ""]
    lines.append(f"{'':24}{'readers':>14}{'days':>8}{'sees, in time':>15}{'power':>8}")
    lines += [
        f"{name_of(a.metric, a.guarantee).capitalize():24}{_count(a.readers):>14}{_count(a.days):>8}"
        f"{_lift(a.smallest_effect):>15}{a.power:>8.0%}"
        for a in plan.answers
    ]
    lines.append("")
    if ground.tail is None:
        lines.append("Money is not planned for: give --tail, or let past tests bring 25 gifts.")
    lines += [_answered(answer, design) for answer in plan.answers]
    if any(answer.guarantee is Guarantee.ANYTIME for answer in plan.answers):
        lines.append(
            "Daily looks: days are the most that the test needs. When the lift is just the one asked for, it ends on average "
            "after 1.07 times the days of one look, and sooner when it is larger."
        )
    lines.append(
        f'Registered end: daily looks that end with the plan. Register guarantee = "planned" and smallest_effect = '
        f"{design.effect:g}; nothing valid can be said after the end, nor once the plan has changed."
    )
    if file is not None:
        lines.append(f"Power curve: {file}")
    return "\n".join(line if "  " in line else textwrap.fill(line, 100, subsequent_indent="  ") for line in lines)


def _ground(ground: Ground) -> str:
    source = f" (from {len(ground.experiments)} past test(s))" if ground.experiments else ""
    tail = "" if ground.tail is None else f"; {ground.tail:.1f} contributors make one effective gift"
    per = f"{ground.rate * 1000:.3g} in 1,000 readers give, {_count(ground.readers_a_day)} new readers a day{tail}"
    return f"Stands on: {per}{source}."


def _asked(design: Design) -> str:
    others = len(design.shares) - 1
    return (
        f"Asked: {_lift(design.effect)} for {others} variant{'s' if others > 1 else ''} against the current wording, power "
        f"{design.power:.0%}, at most {design.days:.0f} days."
    )


def _answered(answer: Answer, design: Design) -> str:
    name = name_of(answer.metric, answer.guarantee).capitalize()
    if answer.answers:
        return f"{name}: answers in {_count(answer.days)} days."
    help_ = "; ".join(_advised(advice) for advice in answer.advice)
    if answer.days > LONGEST_DAYS:
        return f"{name}: can never answer, it would take {answer.days / 365:.0f} years. What would help: {help_}."
    return f"{name}: cannot answer in {design.days:.0f} days. What would help: {help_}."


def _advised(advice: Advice) -> str:
    days = "" if advice.days is None else f"{_count(advice.days)} days"
    match advice.change:
        case Help.FEWER_VARIANTS:
            return f"one variant against the current wording, shared evenly ({days})"
        case Help.CONTROL_SHARE:
            return f"give the current wording the square root of the number of variants as its share of one ({days})"
        case Help.CONVERSION_FIRST:
            return f"decide by who gives ({days})"
        case Help.REGISTERED_END:
            return f'look daily up to a registered end, guarantee = "planned" ({days})'
        case Help.ONE_LOOK:
            return f"look once, on the last day ({days})"
        case Help.LARGER_CONTRAST:
            return f"a bolder change, worth {_lift(advice.effect or 0.0)} or more"
        case Help.EARLIER_STEP:
            return f"count an earlier step that {(advice.rate or 0.0):.2%} of readers take or more, such as a click"
        case Help.LONGER:
            return f"run {days}"


def _count(number: float) -> str:
    """A size, rounded up; three digits are more than a plan knows."""
    if number < 100:
        return f"{math.ceil(number - 1e-9):,}"
    unit = 10 ** (math.floor(math.log10(number)) - 2)
    return f"{math.ceil(number / unit - 1e-9) * unit:,}"


def _lift(lift: float) -> str:
    return f"+{lift:.1%}".replace(".0%", "%")
