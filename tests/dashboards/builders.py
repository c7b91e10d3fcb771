"""Readable results for the tests and the preview of the report: every verdict, with numbers that hang together.

Formulas are those of docs/methods, written out short: log ratio with a delta-method error, normal mixture range
(Robbins 1970) and its e-value, normal posterior. The pipeline's own results are tested where they are made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import NormalDist
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from analysis.experiment_result import Audience, Edition, ExperimentResult
from analysis.registry import Appeal, Experiment, Guardrail, Variant
from analysis.result_tables import (
    CHECKS,
    ESTIMATES,
    FUNNEL,
    LEDGER,
    QUARANTINE_REASONS,
    ROWS_PER_DAY,
    SPECIAL_READERS,
    STRANGERS,
    TIED_GIFTS,
    VARIANT_RESULTS,
)

TODAY = date(2026, 11, 9)
EDITION = Edition(number=41, as_of=TODAY, published_at=datetime(2026, 11, 10, 6, 4, tzinfo=UTC))
AUDIENCE = Audience(publisher="The Evening Ledger", locale="en-GB", currency="GBP", zone=ZoneInfo("Europe/London"))
PHI = NormalDist().cdf

CONTROL = Appeal(
    headline="We need your help this year",
    body=(
        "You have read 14 articles since September. Advertising no longer pays for reporting like this, and we will "
        "not put it behind a paywall. If everyone who reads this gave a little, we could plan for the year ahead. It "
        "takes less than a minute."
    ),
    highlight="Support the Ledger from £3.",
    button="Support the Ledger",
    amounts=(Decimal(3), Decimal(7), Decimal(15)),
)
BECAUSE = Appeal(
    headline="Because of you, we could report this",
    body=(
        "You have read 14 articles since September. Advertising no longer pays for reporting like this, and because "
        "of readers like you we do not put it behind a paywall. If everyone who reads this gave a little, we could "
        "plan for the year ahead. It takes less than a minute."
    ),
    highlight="Thank you for keeping it open to everyone, from £3.",
    button="Keep it open",
    amounts=(Decimal(3), Decimal(7), Decimal(15)),
)
TIME = Appeal(
    headline="Time is running out for this year",
    body=(
        "You have read 14 articles since September. Only nine days are left to reach our goal. Advertising no longer "
        "pays for reporting like this, and we will not put it behind a paywall. It takes less than a minute."
    ),
    highlight="Support the Ledger from £3.",
    button="Give before Friday",
    amounts=(Decimal(5), Decimal(10), Decimal(25)),
)


@dataclass(frozen=True)
class Arm:
    """What happened to the readers of one variant: totals at the end of the test so far. Money in pence."""

    n: int
    x: int
    gift: float = 2_640.0
    cv: float = 1.2
    pageviews: float = 6.2
    dismissed: float = 0.081


@dataclass(frozen=True)
class Story:
    """One experiment to be told: its plan, its totals and its verdict."""

    id: str
    name: str
    arms: Sequence[Arm]
    verdict: str
    variant_id: str | None = None
    basis: str | None = None
    days: int | None = 24
    surface: str = "donation"
    appeals: Sequence[Appeal] = (CONTROL, BECAUSE, TIME)
    names: Sequence[str] = ("Support us", "Because of you", "Time is running out")
    placement: str = "Below the article"
    smallest_effect: float | None = 0.1
    planned_days: int = 42
    has_spread: bool = True
    blocked: Sequence[dict[str, object]] = ()
    previous: dict[str, object] | None = None
    decision: dict[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unit: str = "reader"
    segments: bool = False
    daily_readers: float | None = None


#: Codes that the rule leaves with a verdict, as `decisions.py` writes them.
REASONS = {
    "fix_first": ["trust_blocked:sample_ratio"],
    "stop_harm": ["trust_passed", "guardrail_broken:pageviews"],
    "too_early": ["trust_passed", "guardrails_unharmed", "too_few_contributors"],
    "use_it": ["trust_passed", "guardrails_unharmed", "enough_data", "loss_below_threshold"],
    "no_difference": ["trust_passed", "guardrails_unharmed", "enough_data", "loss_above_threshold", "inside_smallest_effect"],
    "cannot_tell": ["trust_passed", "guardrails_unharmed", "enough_data", "loss_above_threshold", "not_inside_smallest_effect", "forecast_beyond_planned_end"],
    "keep_asking": ["trust_passed", "guardrails_unharmed", "enough_data", "loss_above_threshold", "not_inside_smallest_effect", "forecast_within_plan"],
}  # fmt: skip
IDS = ("current", "b", "c", "d", "e", "f", "g")
GUARDRAILS = (Guardrail(metric="pageviews", margin=0.01), Guardrail(metric="dismissed", margin=0.05))


def tell(story: Story, audience: Audience = AUDIENCE, edition: Edition = EDITION) -> ExperimentResult:
    """Return the result of a story as the pipeline would hand it over."""
    as_of = edition.as_of if story.days is not None else None
    edition = replace(edition, as_of=as_of)
    starts = (as_of or TODAY) - timedelta(days=(story.days or 30) - 1)
    experiment = Experiment(
        id=story.id,
        name=story.name,
        hypothesis="Thanking readers for what they made possible asks more kindly, and brings in more, than naming a need.",
        surface=story.surface,  # type: ignore[arg-type]
        owner="growth@ledger.example",
        starts=starts,
        planned_end=starts + timedelta(days=story.planned_days - 1),
        control=IDS[0],
        variants=tuple(
            Variant(id=IDS[index], name=story.names[index], share=1.0, appeal=story.appeals[index])
            for index in range(len(story.arms))
        ),
        placement=story.placement,
        smallest_effect=story.smallest_effect,
        guardrails=GUARDRAILS if story.days is not None else (),
        window_hours=168,
    )
    days = [as_of - timedelta(days=back) for back in range((story.days or 1) - 1, -1, -1)] if as_of else [None]
    noise = np.random.default_rng(len(story.id)).normal(0, 1, (len(days), len(story.arms))).cumsum(axis=0)
    estimates, variants = [], []
    for position, day in enumerate(days):
        progress = (position + 1) / len(days)
        wander = noise[position] - noise[-1] * progress
        arms = [
            replace(
                arm,
                n=round(arm.n * progress),
                x=max(0, round(arm.x * progress * (1 + 0.9 * wander[index] / max(arm.x, 1) ** 0.5)))
                if progress < 1
                else arm.x,
            )
            for index, arm in enumerate(story.arms)
        ]
        for metric in (
            "value",
            "conversion",
            "value_uncapped",
            "value_annualised",
            *(["conversion_once", "conversion_recurring"] if story.surface == "donation" else []),
            *(["pageviews", "dismissed"] if as_of else []),
        ):
            variants += [_variant_row(story, day, metric, index, arms) for index in range(len(arms))]
            estimates += [_estimate_row(story, day, metric, index, arms) for index in range(1, len(arms))]
    if as_of:
        estimates += [
            {**_estimate_row(story, days[-1], "value", index, story.arms), "basis": "viewed"}
            for index in range(1, len(story.arms))
        ]
    if story.segments:
        for segment, share in (("phone", 0.61), ("desktop", 0.34), ("tablet", 0.05)):
            arms = [replace(arm, n=round(arm.n * share), x=round(arm.x * share)) for arm in story.arms]
            estimates += [
                {**_estimate_row(story, days[-1], "value", index, arms), "segment_kind": "device", "segment": segment}
                for index in range(1, len(arms))
            ]
        estimates += [
            {**_estimate_row(story, days[-1], "value", index, story.arms), "basis": basis}
            for index in range(1, len(story.arms))
            for basis in ("with_crawlers", "without_already_giving")
        ]
    decision = {
        "experiment_id": story.id,
        "as_of": as_of,
        "verdict": story.verdict,
        "variant_id": story.variant_id,
        "basis": story.basis,
        "reasons": REASONS.get(story.verdict, ["trust_passed", "enough_data"]),
        "primary_metric": "value",
        "n_days": story.days,
        "smallest_contributors": min(arm.x for arm in story.arms),
        "best_variant_id": story.variant_id or "b",
        "expected_loss_per_1000": 41.0,
        "loss_threshold_per_1000": 29.0,
        "proven_at": None,
        "forecast_even": None,
        "forecast_sure": None,
        "forecast_reason": None if as_of else "no_dates",
        **story.decision,
    }
    daily = story.daily_readers or (sum(arm.n for arm in story.arms) / story.days if story.days else None)
    return ExperimentResult(
        experiment=experiment,
        edition=edition,
        audience=replace(audience, unit=story.unit),
        estimates=ESTIMATES.frame(estimates),
        variant_results=VARIANT_RESULTS.frame(variants),
        checks=CHECKS.frame(_checks(story, as_of)),
        funnel=FUNNEL.frame(_funnel(story, as_of)),
        decision=decision,
        previous_decision=story.previous,
        daily_readers=daily,
        cap_minor=30_000,
        window_hours=168 if as_of else None,
        counted_to=as_of,
        notes=story.notes,
        special_readers=SPECIAL_READERS.frame(_special_readers(story, as_of) if story.segments else []),
        tied_gifts=TIED_GIFTS.frame(_tied_gifts(story, as_of) if story.segments else []),
        strangers=STRANGERS.frame(_strangers(story, as_of) if story.segments else []),
    )


def _arms_of(story: Story, day: date | None) -> list[tuple[Arm, dict[str, object]]]:
    return [
        (arm, {"experiment_id": story.id, "as_of": day, "variant_id": IDS[index]})
        for index, arm in enumerate(story.arms)
    ]


def _special_readers(story: Story, day: date | None) -> list[dict[str, object]]:
    return [
        {**key, "mark": mark, "rule": rule, "is_counted": rule != "exclude", "readers": arm.n // part, "exposed": arm.n,
         "contributors": arm.x // part, "value_minor": arm.x // part * 900}
        for mark, rule, part in (("already_giving", "count", 20), ("crawlers", "exclude", 500))
        for arm, key in _arms_of(story, day)
    ]  # fmt: skip


def _tied_gifts(story: Story, day: date | None) -> list[dict[str, object]]:
    return [
        {
            **key,
            "route": route,
            "is_tied": route != "no_reader",
            "gifts": arm.x // part,
            "value_minor": arm.x // part * 900,
        }
        for route, part in (("field", 2), ("click", 4), ("reader", 5), ("no_reader", 20))
        for arm, key in _arms_of(story, day)
    ]


def _strangers(story: Story, day: date | None) -> list[dict[str, object]]:
    return [{**key, "exposures": arm.n // 90} for arm, key in _arms_of(story, day)]


def _moments(story: Story, metric: str, arm: Arm) -> tuple[float, float | None, int]:
    """Mean per reader, its standard error (None without spread) and the readers above 0."""
    if arm.n == 0:
        return 0.0, None, 0
    if metric == "dismissed" or metric.startswith("conversion"):
        share = {"conversion_once": 0.78, "conversion_recurring": 0.24}.get(metric, 1.0)
        rate = arm.dismissed if metric == "dismissed" else share * arm.x / arm.n
        return rate, math.sqrt(rate * (1 - rate) / arm.n), round(rate * arm.n)
    if metric == "pageviews":
        return arm.pageviews, arm.pageviews * 1.4 / math.sqrt(arm.n), arm.n
    gift = arm.gift * {"value": 1.0, "value_uncapped": 1.04, "value_annualised": 2.9}[metric]
    mean = arm.x * gift / arm.n
    if not story.has_spread:
        return mean, None, arm.x
    variance = arm.x * gift**2 * (1 + arm.cv**2) / arm.n - mean**2
    return mean, math.sqrt(variance / arm.n), arm.x


def _variant_row(story: Story, day: date | None, metric: str, index: int, arms: Sequence[Arm]) -> dict[str, object]:
    arm = arms[index]
    mean, se, x = _moments(story, metric, arm)
    return {
        **_cell(story, day, metric),
        "variant_id": IDS[index],
        "is_control": index == 0,
        "n": arm.n,
        "x": x,
        "mean": mean if arm.n else None,
        "se": se,
        "reason": None if arm.n else "no_exposure",
    }


def _cell(story: Story, day: date | None, metric: str) -> dict[str, object]:
    return {
        "experiment_id": story.id,
        "as_of": day,
        "basis": "exposed",
        "segment_kind": "all",
        "segment": "all",
        "metric": metric,
    }


def _estimate_row(story: Story, day: date | None, metric: str, index: int, arms: Sequence[Arm]) -> dict[str, object]:
    control, arm = arms[0], arms[index]
    row: dict[str, object] = {
        **_cell(story, day, metric),
        "variant_id": IDS[index],
        "control_id": IDS[0],
        "n_control": control.n,
        "n": arm.n,
        "x_control": _moments(story, metric, control)[2],
        "x": _moments(story, metric, arm)[2],
    }
    if not control.n or not arm.n:
        return {**row, "reason": "no_exposure"}
    (base, base_se, base_x), (mean, se, x) = _moments(story, metric, control), _moments(story, metric, arm)
    row |= {"mean_control": base, "mean": mean}
    if not base_x or not x:
        reason = "no_conversions_yet" if not base_x and not x else "no_conversion_in_variant"
        return {**row, "difference_per_1000": (mean - base) * 1_000 if base_x or x else None, "reason": reason}
    theta = math.log(mean / base)
    row |= {"log_ratio": theta, "lift": math.expm1(theta), "difference_per_1000": (mean - base) * 1_000}
    if base_se is None or se is None:
        return {**row, "reason": "no_spread"}
    if metric.startswith("value") and min(base_x, x) < 25:
        return {**row, "reason": "too_few_gifts"}
    variance = (base_se / base) ** 2 + (se / mean) ** 2
    deviation = math.sqrt(variance)
    prior = 0.02**2 if metric in ("pageviews", "dismissed") else 0.1**2
    half = math.sqrt(
        variance * (variance + prior) / prior * (math.log((variance + prior) / variance) + 2 * math.log(20))
    )
    log_e = 0.5 * math.log(variance / (variance + prior)) + theta**2 * prior / (2 * variance * (variance + prior))
    posterior = 1 / (1 / variance + 1 / prior)
    centre, sd = posterior * theta / variance, math.sqrt(posterior)
    low, high = math.expm1(theta - half), math.expm1(theta + half)
    loss_variant = (
        base * 1_000 * (PHI(-centre / sd) - math.exp(centre + posterior / 2) * PHI(-(centre + posterior) / sd))
    )
    loss_control = base * 1_000 * (math.exp(centre + posterior / 2) * PHI((centre + posterior) / sd) - PHI(centre / sd))
    return {
        **row,
        "se": deviation,
        "fixed_low": math.expm1(theta - 1.96 * deviation),
        "fixed_high": math.expm1(theta + 1.96 * deviation),
        "fixed_method": "log_t",
        "anytime_low": low,
        "anytime_high": high,
        "log_e": log_e,
        "e_value": math.exp(log_e) if log_e < 700 else None,
        "difference_low": low * base * 1_000,
        "difference_high": high * base * 1_000,
        "shrunk_log_ratio": centre,
        "shrunk_sd": sd,
        "tau": math.sqrt(prior),
        "chance_better": PHI(centre / sd),
        "loss_variant_per_1000": loss_variant,
        "loss_control_per_1000": loss_control,
    }


def _one_donor(story: Story, day: date | None) -> list[dict[str, object]]:
    """The largest giver of each wording, with the lifts that concern it: its own, and every one for the control's."""
    lifts = {
        str(row["variant_id"]): lift
        for index in range(1, len(story.arms))
        if isinstance(lift := (row := _estimate_row(story, day, "value", index, story.arms)).get("lift"), float)
    }
    rows = []
    for name in IDS[: len(story.arms)]:
        concerned = {other: lift for other, lift in lifts.items() if name in (other, IDS[0])}
        moved = {other: (1 + lift) * (1 / 0.988 if name == IDS[0] else 0.988) - 1 for other, lift in concerned.items()}
        detail = json.dumps({"share": 0.012, "lift": concerned, "lift_without": moved})
        rows.append({"check_name": "one_donor", "status": "pass", "variant_id": name, "statistic": 0.012, "warn_at": 0.1, "detail": detail})  # fmt: skip
    return rows


def _checks(story: Story, day: date | None) -> list[dict[str, object]]:
    total = sum(arm.n for arm in story.arms) or 1
    share = 1 / len(story.arms)
    split = {
        "planned": {IDS[index]: share for index in range(len(story.arms))},
        "observed": {IDS[index]: arm.n / total for index, arm in enumerate(story.arms)},
    }
    rows: list[dict[str, object]] = [
        {"check_name": "sample_ratio", "status": "pass", "statistic": -2.1, "warn_at": math.log(100), "block_at": math.log(1000), "detail": json.dumps(split)},
        {"check_name": "contamination", "status": "pass", "statistic": 0.0002, "warn_at": 0.001, "block_at": 0.01, "detail": json.dumps({"share": 0.0002})},
        {"check_name": "denominator", "status": "pass", "statistic": -1.1, "detail": "{}"},
        {"check_name": "basis_agreement", "status": "pass", "detail": "{}"},
        *_one_donor(story, day),
        {"check_name": "maturity", "status": "pass", "statistic": 0.21, "detail": json.dumps({"share": 0.21})},
        {"check_name": "before_the_test", "status": "not_applicable", "reason": "no_visits_before"},
    ]  # fmt: skip
    if day is None:
        rows = [
            rows[0],
            {"check_name": "contamination", "status": "not_applicable", "reason": "a table has one row per reader"},
        ]
    blocked = {str(row["check_name"]): row for row in story.blocked}
    rows = [{**row, **blocked.pop(str(row["check_name"]), {})} for row in rows] + list(blocked.values())
    return [{"experiment_id": story.id, "as_of": day, **row} for row in rows]


def _funnel(story: Story, day: date | None) -> list[dict[str, object]]:
    if day is None:
        return []
    rows = []
    for index, arm in enumerate(story.arms):
        shares = {
            "inserted": 1.0,
            "viewed": 0.642 - 0.002 * index,
            "clicked": 0.0213 * (1 + 0.04 * index),
            "checkout_started": 0.0123 * (1 + 0.05 * index),
        }
        if story.surface == "paywall":
            shares = {
                "inserted": 1.0,
                "blocked": 0.97,
                "viewed": 0.74,
                "clicked": 0.061 * (1 + 0.04 * index),
                "checkout_started": 0.0193,
            }
        steps = {
            "eligible": round(arm.n * 1.31),
            **{step: round(arm.n * share) for step, share in shares.items()},
            "contributed": arm.x,
            "dismissed": round(arm.n * arm.dismissed),
        }
        rows += [
            {"experiment_id": story.id, "as_of": day, "variant_id": IDS[index], "step": step, "readers": readers}
            for step, readers in steps.items()
        ]
    return rows  # fmt: skip


BLOCKED_SPLIT = {
    "check_name": "sample_ratio",
    "status": "block",
    "statistic": 41.2,
    "detail": json.dumps({"planned": {"current": 0.5, "b": 0.5}, "observed": {"current": 0.5062, "b": 0.4938}}),
}

PROVEN = Story(
    id="because-of-you",
    name="Thanks before need",
    arms=(Arm(399_107, 2_362), Arm(398_764, 2_893), Arm(399_512, 2_401)),
    verdict="use_it",
    variant_id="b",
    basis="proven",
    previous={"verdict": "keep_asking", "variant_id": None, "basis": None, "as_of": TODAY - timedelta(days=1)},
    decision={"proven_at": date(2026, 10, 23)},
    notes=("41 readers were seen in two wordings; they count in the one they saw first.",),
    segments=True,
)
BEST_BET = Story(
    id="open-to-everyone",
    name="Open to everyone",
    arms=(Arm(212_400, 1_102), Arm(212_911, 1_215)),
    names=("Support us", "Open to everyone"),
    verdict="use_it",
    variant_id="b",
    basis="best_bet",
    previous={"verdict": "use_it", "variant_id": "b", "basis": "best_bet", "as_of": TODAY - timedelta(days=1)},
)
CONTROL_STAYS = Story(
    id="nine-days-left",
    name="Nine days left",
    arms=(Arm(301_200, 2_105), Arm(300_871, 1_690), Arm(301_440, 1_801)),
    verdict="use_it",
    variant_id="current",
    basis="proven",
    days=42,
    planned_days=35,
)
STOP = Story(
    id="full-page",
    name="Full page before the article",
    arms=(Arm(640_000, 3_300), Arm(639_200, 3_710, pageviews=5.93, dismissed=0.134)),
    names=("Below the article", "Full page first"),
    verdict="stop_harm",
    variant_id="b",
    placement="Before the article",
    days=12,
)
TOO_EARLY = Story(
    id="morning-mail",
    name="Words in the morning mail",
    arms=(Arm(9_120, 44), Arm(9_033, 41)),
    names=("Support us", "Your morning"),
    verdict="too_early",
    days=5,
    placement="Newsletter",
)
KEEP_ASKING = Story(
    id="price-of-a-coffee",
    name="The price of a coffee",
    arms=(Arm(151_000, 801), Arm(150_780, 836)),
    names=("Support us", "The price of a coffee"),
    verdict="keep_asking",
    days=13,
    decision={"forecast_even": date(2026, 11, 21), "forecast_sure": date(2026, 12, 12)},
)
NO_DIFFERENCE = Story(
    id="button-words",
    name="Words on the button",
    arms=(Arm(2_100_000, 14_020, cv=0.9), Arm(2_098_410, 14_061, cv=0.9)),
    names=("Support the Ledger", "Give now"),
    verdict="no_difference",
    variant_id="b",
    days=42,
    planned_days=30,
    appeals=(CONTROL, CONTROL.model_copy(update={"button": "Give now"})),
)
CANNOT_TELL = Story(
    id="culture-pages",
    name="An appeal for the culture pages",
    arms=(Arm(41_000, 160), Arm(40_700, 171)),
    names=("Support us", "For the critics"),
    verdict="cannot_tell",
    days=38,
    decision={"forecast_even": TODAY + timedelta(days=280)},
)
FIX_FIRST = Story(
    id="election-week",
    name="Election week",
    arms=(Arm(506_200, 2_910), Arm(493_800, 3_340)),
    names=("Support us", "Election"),
    verdict="fix_first",
    days=9,
    blocked=(BLOCKED_SPLIT,),
)
PAYWALL = Story(
    id="trial-offer",
    name="Trial offer on the paywall",
    arms=(Arm(120_400, 1_322, gift=1_890.0), Arm(120_113, 1_361, gift=1_710.0)),
    names=("Plain price", "First month £1"),
    verdict="keep_asking",
    surface="paywall",
    placement="Article paywall",
    appeals=(
        Appeal(headline="Subscribe to read on", body="Full access for £9 a month. Cancel at any time.", button="Subscribe"),
        Appeal(headline="Read on for £1", body="Full access for £1 in the first month, then £9 a month. Cancel at any time.", button="Start for £1"),
    ),
    decision={"forecast_even": date(2026, 12, 1), "forecast_sure": None},
)  # fmt: skip
FIVE = Story(
    id="five-openings",
    name="Five ways to begin",
    arms=(Arm(88_000, 520), Arm(88_210, 533), Arm(87_930, 561), Arm(88_020, 497), Arm(87_800, 540), Arm(88_140, 551)),
    names=("Support us", "Thanks", "Time", "Independence", "Open", "Numbers"),
    appeals=(CONTROL, BECAUSE, TIME, BECAUSE, TIME, CONTROL.model_copy(update={"headline": "14 articles"})),
    verdict="keep_asking",
    days=18,
    decision={"best_variant_id": "c", "forecast_even": date(2026, 12, 2), "forecast_sure": date(2027, 1, 14)},
)
HOSTILE_NAME = "<script>alert('x')</script>\"'&\u202egnp.exe {{7*7}} 👩‍👩‍👧 <b>bold</b>"
HOSTILE_APPEAL = Appeal(
    headline="</h3><script>document.title='owned'</script> & <img src=x onerror=alert(1)>",
    body="\u202eesrever eht morf "
    + "wort " * 5_000
    + "<style>body{display:none}</style> {{ 7*7 }} {% raw %}"
    + "X" * 400,
    highlight="מבחן בעברית & العربية",
    button="<a href='javascript:alert(1)'>Give</a>",
    image="https://evil.example/pixel.gif?<x>",
)
HOSTILE = Story(
    id="hostile",
    name=HOSTILE_NAME,
    arms=(Arm(151_000, 801), Arm(150_780, 836)),
    names=("Support us", HOSTILE_NAME),
    appeals=(CONTROL, HOSTILE_APPEAL),
    verdict="keep_asking",
    placement=HOSTILE_NAME,
    notes=(HOSTILE_NAME,),
    blocked=(
        {
            "check_name": "<i>odd</i>",
            "status": "warn",
            "detail": json.dumps({"sentence": HOSTILE_NAME}),
            "variant_id": "b",
        },
    ),
)
WITHOUT_DATES = Story(
    id="karlan-list-2007",
    name="karlan_list_2007.csv",
    arms=(Arm(16_687, 298, gift=4_554.0, cv=1.0), Arm(33_396, 736, gift=4_387.0, cv=0.95)),
    names=("0", "1"),
    appeals=(Appeal(headline="0"), Appeal(headline="1")),
    verdict="keep_asking",
    days=None,
    placement="",
    smallest_effect=None,
    notes=("The texts of the wordings are not in the table.", "No smallest effect was registered, so “no difference” was not asked."),
)  # fmt: skip
WITHOUT_SPREAD = Story(
    id="totals",
    name="wmf_2011_0826",
    arms=(Arm(2_410_000, 1_204), Arm(2_398_000, 1_296)),
    names=("banner A", "banner B"),
    appeals=(Appeal(headline="banner A"), Appeal(headline="banner B")),
    verdict="keep_asking",
    days=None,
    placement="",
    has_spread=False,
    unit="view",
    notes=("Impressions were counted, not readers: one reader may stand behind many.",),
)
NOTHING_YET = Story(
    id="nothing-yet",
    name="Just begun",
    arms=(Arm(41_200, 0), Arm(0, 0)),
    names=("Support us", "Later"),
    verdict="too_early",
    days=1,
)
STORIES = (
    PROVEN, BEST_BET, CONTROL_STAYS, STOP, TOO_EARLY, KEEP_ASKING, NO_DIFFERENCE, CANNOT_TELL, FIX_FIRST, PAYWALL, FIVE,
    HOSTILE, NOTHING_YET,
)  # fmt: skip
UNDATED = (WITHOUT_DATES, WITHOUT_SPREAD)


def ledger(days: int = 30, until: date = TODAY) -> pl.DataFrame:
    """A ledger of `days` delivery folders with one unreadable and one superseded file among them."""
    rows: list[dict[str, object]] = []
    for back in range(days - 1, -1, -1):
        day = until - timedelta(days=back)
        for kind, received in (("pageviews", 412_000), ("appeal_events", 96_000), ("contributions", 310)):
            count = received - (back % 7) * received // 40
            rows.append(
                {
                    "file_id": len(rows) + 1,
                    "kind": kind,
                    "path": f"{kind}/{day}/part-0.ndjson.gz",
                    "content_hash": f"{len(rows):064x}",
                    "bytes": count * 61,
                    "received": count,
                    "accepted": count - count // 900 - count // 4_000,
                    "duplicate": count // 900,
                    "quarantined": count // 4_000,
                    "status": "ingested",
                    "ingested_at": datetime.combine(day + timedelta(days=1), datetime.min.time())
                    + timedelta(hours=5, minutes=3),
                    "run_id": "run",
                }
            )
    rows[4] |= {"status": "unreadable", "received": None, "accepted": None, "duplicate": None, "quarantined": None,
                "message": "the gzip stream ends early <script>alert(1)</script>"}  # fmt: skip
    return LEDGER.frame(rows)


def quarantine_reasons() -> pl.DataFrame:
    """What was set aside, with a hostile example."""
    return QUARANTINE_REASONS.frame(
        [
            {"file_id": 1, "kind": "pageviews", "reason": "wrong_type", "column_name": "occurred_at", "rows": 2_104, "example": "31/31/2026"},
            {"file_id": 3, "kind": "contributions", "reason": "unknown_currency", "column_name": "currency", "rows": 3, "example": "<script>alert(1)</script>"},
            {"file_id": 2, "kind": "appeal_events", "reason": "unknown_variant", "column_name": "variant_id", "rows": 611, "example": HOSTILE_NAME},
        ]
    )  # fmt: skip


def rows_per_day(days: int = 30, until: date = TODAY, missing: Sequence[int] = (6,)) -> pl.DataFrame:
    """Accepted rows by event day; days counted back from `until` in `missing` have no row."""
    return ROWS_PER_DAY.frame(
        [
            {
                "kind": kind,
                "day": until - timedelta(days=back),
                "rows": round(
                    base
                    * (1 + 0.16 * math.sin(back * 0.9))
                    * (0.8 if (until - timedelta(days=back)).weekday() > 4 else 1)
                ),
                "without_reader": base // 50,
                "bots": base // 20,
            }
            for back in range(days - 1, -1, -1)
            if back not in missing
            for kind, base in (("pageviews", 400_000), ("appeal_events", 92_000), ("contributions", 300))
        ]
    )
