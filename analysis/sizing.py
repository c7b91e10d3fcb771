"""The plan of a test before it starts: how long, for what effect, and what would help where it can never answer.

Stands on numbers that somebody gives or on the publisher's own past tests; the formulas are those of `planning`.
Words are not made here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from analysis import planning
from analysis.database import open_database
from analysis.errors import AskwellError
from analysis.inference.group_sequential import INFLATION
from analysis.queries import query

#: Fewest gifts in past controls from which a rate, and a tail of gifts, is taken.
FEWEST_GIFTS = 25
#: A test of more days is not run: wording, readers and season change under it.
LONGEST_DAYS = 730.0
#: A step that so many times as many readers take is worth naming.
_CLEARLY_MORE = 1.5
#: Points of the power curve.
_CURVE_POINTS = 61


class PlanError(AskwellError):
    """The request cannot be planned for: a number is missing or out of bounds."""


class Guarantee(StrEnum):
    """How often one may look."""

    FIXED = "fixed"
    PLANNED = "planned"
    ANYTIME = "anytime"


@dataclass(frozen=True)
class Ground:
    """What a plan stands on.

    Attributes:
        rate: Contributors per reader of the current wording.
        readers_a_day: Readers that one test is shown to for the first time on a day, all variants together.
        tail: Contributors for one effective gift (Kish 1965), 1 where all gifts are equal; None where it is not known.
        experiments: Past tests that this was taken from; empty where the numbers were given.
    """

    rate: float
    readers_a_day: float
    tail: float | None
    experiments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise PlanError(f"--rate {self.rate:g} must lie between 0 and 1: contributors per reader, such as 0.001.")
        if not (self.readers_a_day > 0 and math.isfinite(self.readers_a_day)):
            raise PlanError(f"--readers-a-day {self.readers_a_day:g} must be above 0.")
        if self.tail is not None and not (self.tail >= 1 and math.isfinite(self.tail)):
            raise PlanError(
                f"--tail {self.tail:g} must be 1 or more: contributors for one effective gift, such as 3.3."
            )


def own_history(
    database: Path,
    surface: str | None = None,
    *,
    rate: float | None = None,
    readers_a_day: float | None = None,
    tail: float | None = None,
) -> Ground:
    """Return traffic, rate and tail of the publisher's own past tests; a number that is given takes the place of its own.

    Rate and tail are those of all controls together. Traffic is the median over tests of new readers a day: what one
    test gets where several run beside each other.

    Raises:
        NothingToReport: nothing was published yet.
        PlanError: no past test on the surface, or too few gifts to take a rate from.
    """
    with open_database(database) as connection:
        rows = connection.execute(query("own_history"), {"surface": surface}).fetchall()
        names = [column[0] for column in connection.description or ()]
    tests = [dict(zip(names, row, strict=True)) for row in rows]
    if not tests:
        where = "" if surface is None else f" on the surface {surface!r}"
        raise PlanError(f"No past test{where} to take numbers from: give --rate and --readers-a-day.")
    gifts = sum(test["contributors_control"] or 0 for test in tests)
    readers = sum(test["readers_control"] or 0 for test in tests)
    if rate is None and gifts < FEWEST_GIFTS:
        raise PlanError(
            f"Past controls have {gifts:.0f} contributor(s), {FEWEST_GIFTS} are needed to take a rate from: give --rate."
        )
    usable = [test for test in tests if test["squares_control"] and test["value_control"]]
    givers = sum(test["givers_control"] for test in usable)
    if tail is None and givers >= FEWEST_GIFTS:
        # Per test: reporting money over tests of different caps is not one distribution.
        effective = sum(test["value_control"] ** 2 / test["squares_control"] for test in usable)
        tail = max(givers / effective, 1.0)
    return Ground(
        gifts / readers if rate is None else rate,
        float(np.median([test["readers"] / test["days"] for test in tests]))
        if readers_a_day is None
        else readers_a_day,
        tail,
        tuple(str(test["experiment_id"]) for test in tests),
    )


@dataclass(frozen=True)
class Design:
    """What is to be planned.

    Attributes:
        effect: Smallest lift that matters.
        days: Days that the test may run, at most.
        shares: Planned weights, the control first.
        alpha, power: Error allowed, and chance to see the effect where it is there.
    """

    effect: float = 0.10
    days: float = 56.0
    shares: tuple[float, ...] = (1.0, 1.0)
    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.effect < 10:
            raise PlanError(f"--effect {self.effect:g} must lie above 0 and below 10: 0.1 is ten percent more.")
        if not self.days >= 1:
            raise PlanError(f"--days {self.days:g} must be 1 or more.")
        if len(self.shares) < 2 or not all(share > 0 and math.isfinite(share) for share in self.shares):
            raise PlanError("--shares needs two positive numbers or more, the control first, such as 1,1.")
        if not (0 < self.alpha < 0.5 and 0 < self.power < 1):
            raise PlanError(f"alpha {self.alpha:g} must lie between 0 and 0.5, power {self.power:g} between 0 and 1.")


class Help(StrEnum):
    """What would let a test answer in its time."""

    FEWER_VARIANTS = "fewer_variants"
    CONTROL_SHARE = "control_share"
    LONGER = "longer"
    LARGER_CONTRAST = "larger_contrast"
    EARLIER_STEP = "earlier_step"
    CONVERSION_FIRST = "conversion_first"
    REGISTERED_END = "registered_end"
    ONE_LOOK = "one_look"


@dataclass(frozen=True)
class Advice:
    """One change and what it needs: days for a change of design, a lift for a contrast, a rate for a step."""

    change: Help
    days: float | None = None
    effect: float | None = None
    rate: float | None = None


@dataclass(frozen=True)
class Answer:
    """The plan for one metric under one guarantee.

    Attributes:
        readers, days: Size of the test that sees the effect with the power asked; `conversions_control` what it brings.
        smallest_effect: Lift that a test of the days allowed sees with the power asked.
        power: Chance that a test of the days allowed sees the effect.
        answers: Whether the effect can be seen in the days allowed.
        advice: What would help where it cannot.
    """

    metric: str
    guarantee: Guarantee
    readers: float
    days: float
    conversions_control: float
    smallest_effect: float
    power: float
    answers: bool
    advice: tuple[Advice, ...]


@dataclass(frozen=True)
class Curve:
    """Power at each lift after the days allowed, for one metric under one guarantee."""

    metric: str
    guarantee: Guarantee
    effects: tuple[float, ...]
    power: tuple[float, ...]


@dataclass(frozen=True)
class TestPlan:
    """A plan: what it stands on, what was asked, and the answers (metric by metric, fixed before anytime)."""

    __test__ = False

    ground: Ground
    design: Design
    answers: tuple[Answer, ...]
    curves: tuple[Curve, ...]


def make_plan(ground: Ground, design: Design) -> TestPlan:
    """Return the plan of a test for conversion, and for value where the tail of gifts is known."""
    metrics = ("conversion",) if ground.tail is None else ("conversion", "value")
    answers = [_answer(ground, design, metric, guarantee) for metric in metrics for guarantee in Guarantee]
    largest = min(max(2.5 * design.effect, 1.6 * max(answer.smallest_effect for answer in answers)), 10.0)
    effects = np.linspace(0.0, largest, _CURVE_POINTS)
    curves = tuple(
        Curve(
            metric,
            guarantee,
            tuple(effects.tolist()),
            tuple(_power(ground, design, metric, guarantee, effects)),
        )
        for metric in metrics
        for guarantee in (
            Guarantee.FIXED,
            Guarantee.ANYTIME,
        )  # a registered end lies too near to one look to be told apart
    )
    return TestPlan(ground, design, tuple(answers), curves)


def _factors(ground: Ground, metric: str, guarantee: Guarantee) -> tuple[float, float]:
    """Price of the tail of gifts and of daily looks, as factors on the sample."""
    tail = (ground.tail or 1.0) if metric == "value" else 1.0
    match guarantee:
        case Guarantee.FIXED:
            return tail, 1.0
        case Guarantee.PLANNED:
            return tail, INFLATION
        case Guarantee.ANYTIME:
            return tail, planning.anytime_factor(registered=True)


def _size(ground: Ground, design: Design, metric: str, guarantee: Guarantee) -> planning.Plan:
    tail, factor = _factors(ground, metric, guarantee)
    return planning.readers_needed(
        design.effect,
        rate=ground.rate,
        readers_a_day=ground.readers_a_day,
        shares=design.shares,
        alpha=design.alpha,
        power=design.power,
        tail=tail,
        factor=factor,
    )


def _smallest(ground: Ground, design: Design, metric: str, guarantee: Guarantee) -> float:
    tail, factor = _factors(ground, metric, guarantee)
    return planning.smallest_effect(
        rate=ground.rate,
        readers_a_day=ground.readers_a_day,
        days=design.days,
        shares=design.shares,
        alpha=design.alpha,
        power=design.power,
        tail=tail,
        factor=factor,
    )


def _power(
    ground: Ground, design: Design, metric: str, guarantee: Guarantee, effects: Sequence[float] | np.ndarray
) -> list[float]:
    tail, factor = _factors(ground, metric, guarantee)
    return planning.power_of(
        effects,
        rate=ground.rate,
        readers_a_day=ground.readers_a_day,
        days=design.days,
        shares=design.shares,
        alpha=design.alpha,
        tail=tail,
        factor=factor,
    ).tolist()


def _answer(ground: Ground, design: Design, metric: str, guarantee: Guarantee) -> Answer:
    size = _size(ground, design, metric, guarantee)
    answers = size.days <= design.days
    smallest = _smallest(ground, design, metric, guarantee)
    advice = () if answers else tuple(_advice(ground, design, metric, guarantee, size, smallest))
    (power,) = _power(ground, design, metric, guarantee, [design.effect])
    return Answer(
        metric, guarantee, size.readers, size.days, size.conversions_control, smallest, power, answers, advice
    )


def _advice(
    ground: Ground, design: Design, metric: str, guarantee: Guarantee, size: planning.Plan, smallest: float
) -> list[Advice]:
    """Changes in order of their cost to the newsroom; a change that would not shorten the test is left out."""
    found = []
    if len(design.shares) > 2 or min(design.shares) < max(design.shares):
        two = replace(design, shares=(1.0, 1.0))
        found.append(Advice(Help.FEWER_VARIANTS, days=_size(ground, two, metric, guarantee).days))
        # Many against one: the variance of a difference is least with sqrt(K) times as many readers in the control (Dunnett 1955).
        many = len(design.shares) - 1
        rooted = replace(design, shares=(math.sqrt(many), *(1.0,) * many))
        if many > 1:
            found.append(Advice(Help.CONTROL_SHARE, days=_size(ground, rooted, metric, guarantee).days))
    if metric == "value":
        found.append(Advice(Help.CONVERSION_FIRST, days=_size(ground, design, "conversion", guarantee).days))
    if guarantee is Guarantee.ANYTIME:
        found.append(Advice(Help.REGISTERED_END, days=_size(ground, design, metric, Guarantee.PLANNED).days))
    if guarantee is not Guarantee.FIXED:
        found.append(Advice(Help.ONE_LOOK, days=_size(ground, design, metric, Guarantee.FIXED).days))
    found = [advice for advice in found if advice.days is not None and advice.days < size.days * 0.999]
    found.append(Advice(Help.LARGER_CONTRAST, effect=smallest))
    # Counted as conversion, whatever is planned: at the step the reader either goes on or does not.
    by_count = _size(ground, design, "conversion", guarantee)
    needed = by_count.days / design.days * ground.rate
    if _CLEARLY_MORE * ground.rate < needed < 0.5:
        found.append(Advice(Help.EARLIER_STEP, rate=needed))
    if size.days <= LONGEST_DAYS:
        found.append(Advice(Help.LONGER, days=size.days))
    return found
