"""`make calibration`: do the methods keep their promises where we use them? Seeded simulation, judged by bands.

Under daily looks: false alarms, coverage, power and width of conversion over the grid of conversion counts, and of money
over caps and counts of donors; and what a programme of tests earns by the rule that ends them. Beside the fixed test that
many read daily, and the confidence sequence in the form GrowthBook ships. Writes docs/methods/calibration.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis import planning
from analysis.inference import bayesian, group_sequential, means, multiplicity, proportions, sequential
from analysis.inference.arrays import Array
from analysis.simulation import gifts

DAYS = 30
ALPHA = 0.05
#: Weight of the days of a week in readers.
WEEK = (1.1, 1.15, 1.1, 1.1, 1.0, 0.75, 0.8)
RATE = 0.001
#: Readers at which the GrowthBook form is tightest: its default.
N_STAR = 5000
#: Standard errors of the band around a share or mean that was simulated: 99.9 %, for the page has some forty.
BAND_Z = 3.3
PAGE = Path("docs/methods/calibration.md")


@dataclass(frozen=True)
class Share:
    """A simulated share (or mean) and the half-width of its band."""

    value: float
    band: float

    @classmethod
    def of(cls, hits: ArrayLike) -> Share:
        """From one value a repetition; a share of 0 or 1 still has the band of half a hit."""
        values = np.asarray(hits, dtype=np.float64)
        spread = max(float(values.std()), np.sqrt(0.5 / values.size))
        return cls(float(values.mean()), float(BAND_Z * spread / np.sqrt(values.size)))

    @property
    def low(self) -> float:
        return self.value - self.band

    @property
    def high(self) -> float:
        return self.value + self.band


@dataclass(frozen=True)
class Row:
    """One method at one size.

    Attributes:
        size: Conversions (or donors) per variant at the end.
        alarms: Null tests in which no difference was excluded at any look.
        missed: Tests with a true +10 % in which the truth was excluded at some look.
        last: Null tests in which no difference was excluded on the last day.
        power: Tests found at any look, when the effect is that which a fixed test finds 80 % of the time.
        width: Median width on the last day over that of the fixed interval, both on the log scale.
    """

    what: str
    method: str
    size: int
    alarms: Share
    last: Share
    missed: Share
    power: Share
    width: float


@dataclass(frozen=True)
class Gain:
    """What a rule earns: percent of the control's value over the campaign, and the mean day on which the test ended."""

    spread: float
    rule: str
    gain: Share
    day: float


@dataclass(frozen=True)
class Planned:
    """A planned test: conversions (or donors) of the control at its end, and how often it found its smallest effect."""

    what: str
    size: float
    power: Share


@dataclass(frozen=True)
class Calibration:
    """All that was simulated."""

    seed: int
    repetitions: int
    rows: tuple[Row, ...]
    gains: tuple[Gain, ...]
    planned: tuple[Planned, ...] = ()


def _days() -> Array:
    """Shares of the test's readers by day."""
    weight = np.array([WEEK[day % 7] for day in range(DAYS)])
    return weight / weight.sum()


def _effect(size: float) -> float:
    """Log ratio that a fixed test finds in 80 of 100 when the control brings so many events."""
    return float((-special.ndtri(ALPHA / 2) + special.ndtri(0.8)) * np.sqrt(2 / size))


Limits = tuple[Array, Array]


def _conversion_limits(xa: Array, xb: Array, readers: Array, *, has_end: bool = True) -> dict[str, Limits]:
    """Limits of the log ratio (GrowthBook: of the lift, as logarithm) by method; arrays (repetitions, looks)."""
    shape = xa.shape
    n = np.broadcast_to(readers, shape)
    flat_a, flat_b, flat_n = xa.ravel(), xb.ravel(), n.ravel()
    priors = sequential.Priors.same(sequential.OUTCOME_PRIOR, flat_a.size)
    exact = sequential.conversion(flat_a, flat_b, 0.5, priors, ALPHA)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.log(flat_b / flat_a)
        se = np.sqrt(1 / flat_a + 1 / flat_b - 2 / flat_n)
    known = (flat_a > 0) & (flat_b > 0)
    mixture = sequential.normal_mixture(np.where(known, theta, 0.0), np.where(known, se, 1.0), priors, ALPHA)
    score = proportions.conditional_wilson(flat_a, flat_b, 0.5, ALPHA)
    bound = np.broadcast_to(_registered_end() if has_end else np.inf, shape).ravel()
    known_theta, half = np.where(known, theta, 0.0), bound * np.where(known, se, np.inf)
    growthbook = _growthbook(flat_a, flat_b, flat_n)

    def shaped(low: Array, high: Array, there: np.ndarray | bool = True) -> Limits:
        return (
            np.where(there, low, -np.inf).reshape(shape),
            np.where(there, high, np.inf).reshape(shape),
        )

    with np.errstate(divide="ignore"):
        return {
            "fixed": shaped(np.log(score[0]), np.log(score[1]), flat_a + flat_b > 0),
            "growthbook": shaped(*growthbook),
            "exact mixture": shaped(exact.low, exact.high),
            "normal mixture": shaped(mixture.low, mixture.high, known),
            "registered end": shaped(known_theta - half, known_theta + half, known),
        }


def _registered_end() -> Array:
    """Bounds of daily looks when the end is the information of the last day."""
    share = np.cumsum(_days())[None, :]
    return group_sequential.bounds_of_many(share, group_sequential.obrien_fleming_spending(share, ALPHA))[0]


def _growthbook(xa: Array, xb: Array, n: Array) -> Limits:
    """The asymptotic confidence sequence of the relative lift, as GrowthBook ships it; an arm without variance has none.

    Source: Waudby-Smith et al. 2024, tuned at `N_STAR` readers; formula as in tests/golden/comparators.py.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        pa, pb = xa / n, xb / n
        va, vb = pa * (1 - pa) / (n - 1), pb * (1 - pb) / (n - 1)
        lift = pb / pa - 1
        variance = vb / pa**2 + va * pb**2 / pa**4
        tuning = -2 * np.log(ALPHA) + np.log(1 - 2 * np.log(ALPHA))
        grown = 2 * n * tuning / N_STAR
        half = np.sqrt(variance * 2 * (grown + 1) / grown * np.log(np.sqrt(grown + 1) / ALPHA))
        low, high = np.log1p(np.maximum(lift - half, -1.0)), np.log1p(lift + half)
    return np.where(xa > 0, low, -np.inf), np.where(xa > 0, high, np.inf)


def _excluded(limits: Limits, truth: float) -> np.ndarray:
    return (limits[0] > truth) | (limits[1] < truth)


def _rows(what: str, size: int, found: Sequence[dict[str, Limits]], effects: Sequence[float]) -> list[Row]:
    """Rows of one size from limits under no effect, +10 %, and the effect of 80 % power."""
    null, ten, strong = found
    with np.errstate(invalid="ignore"):
        fixed_width = null["fixed"][1][:, -1] - null["fixed"][0][:, -1]
        return [
            Row(
                what,
                method,
                size,
                alarms=Share.of(_excluded(null[method], 0.0).any(axis=1)),
                last=Share.of(_excluded(null[method], 0.0)[:, -1]),
                missed=Share.of(_excluded(ten[method], effects[1]).any(axis=1)),
                power=Share.of(_excluded(strong[method], 0.0).any(axis=1)),
                width=float(np.median((null[method][1] - null[method][0])[:, -1] / fixed_width)),
            )
            for method in null
        ]


def conversion_rows(size: int, repetitions: int, random: np.random.Generator) -> list[Row]:
    """Conversion with `size` conversions a variant at the end, in tests of 30 daily looks."""
    days = _days()
    readers = np.round(np.cumsum(days) * size / RATE)
    effects = (0.0, float(np.log(1.1)), _effect(size))
    found = []
    for effect in effects:
        xa = np.cumsum(random.poisson(size * days, (repetitions, DAYS)), axis=1).astype(np.float64)
        xb = np.cumsum(random.poisson(size * np.exp(effect) * days, (repetitions, DAYS)), axis=1).astype(np.float64)
        found.append(_conversion_limits(xa, xb, readers))
    return _rows("conversion", size, found, effects)


def several_rows(variants: int, size: int, repetitions: int, random: np.random.Generator) -> list[Row]:
    """Several variants and one control: any of them, by closed evidence and by ranges that hold together.

    False alarms are those of any variant; the power is that of one variant with the effect, among others without.
    """
    days = _days()
    readers = np.round(np.cumsum(days) * size / RATE)
    effects = (0.0, float(np.log(1.1)), _effect(size))
    priors = sequential.Priors.same(sequential.OUTCOME_PRIOR, repetitions * DAYS)
    found, log_e = [], []
    for place, effect in enumerate(effects):
        rates = [size * np.exp(effect if place == 1 or arm == 0 else 0.0) for arm in range(variants)]
        xa, *xs = (
            np.cumsum(random.poisson(rate * days, (repetitions, DAYS)), axis=1).astype(np.float64)
            for rate in (size, *rates)
        )
        ranges = [sequential.conversion(xa.ravel(), xb.ravel(), 0.5, priors, ALPHA / variants) for xb in xs]
        alone = [sequential.conversion(xa.ravel(), xb.ravel(), 0.5, priors, ALPHA) for xb in xs]
        log_e.append(multiplicity.log_closed_e(np.stack([one.log_e for one in alone], axis=1)).reshape(*xa.shape, -1))
        found.append((xa, xs, np.stack([one.low for one in ranges], 1), np.stack([one.high for one in ranges], 1)))
    proven = [values >= -np.log(ALPHA) for values in log_e]
    missed = ((found[1][2] > effects[1]) | (found[1][3] < effects[1])).any(axis=1).reshape(repetitions, DAYS)
    xa, xs, low, high = found[0]
    fixed = _conversion_limits(xa[:, -1:], xs[0][:, -1:], readers[-1:], has_end=False)["fixed"]
    width = (high - low)[:, 0].reshape(repetitions, DAYS)[:, -1] / (fixed[1] - fixed[0])[:, 0]
    return [
        Row(
            f"{variants} variants",
            "exact mixture",
            size,
            alarms=Share.of(proven[0].any(axis=(1, 2))),
            last=Share.of(proven[0][:, -1].any(axis=1)),
            missed=Share.of(missed.any(axis=1)),
            power=Share.of(proven[2][:, :, 0].any(axis=1)),
            width=float(np.median(width)),
        )
    ]


def _money(
    size: int,
    effect: float,
    cap: float,
    repetitions: int,
    random: np.random.Generator,
    *,
    smallest_effect: float = np.nan,
) -> dict[str, Limits]:
    """Limits for money: `size` donors in the control; the effect is on who gives, so every cap has the same truth."""
    days = _days()
    readers = np.round(np.cumsum(days) * size / RATE)
    sums = []
    for rate in (size, size * np.exp(effect)):
        counts = random.poisson(rate * days, (repetitions, DAYS))
        amounts, recurrence = gifts.draw(gifts.DONATION, int(counts.sum()), random)
        yearly = np.minimum(amounts * np.where(recurrence == gifts.MONTHLY, 12.0, 1.0), cap)
        ends = np.cumsum(counts.ravel())
        parts = []
        for values in (yearly, yearly**2):
            total = np.concatenate([[0.0], np.cumsum(values)])[ends]
            by_day = np.diff(total, prepend=0.0).reshape(counts.shape)
            parts.append(np.cumsum(by_day, axis=1))
        sums.append((np.cumsum(counts, axis=1), *parts))
    (ka, s1a, s2a), (kb, s1b, s2b) = sums
    n = np.broadcast_to(readers, ka.shape)
    found = means.mean_ratio(*(part.ravel() for part in (n, s1a, s2a, n, s1b, s2b)))
    enough = ((ka >= 25) & (kb >= 25)).ravel()
    theta, se = np.where(enough, found.log_ratio, 0.0), np.where(enough, found.se, 1.0)
    priors = sequential.Priors.choose(np.zeros(theta.size, dtype=bool), np.full(theta.size, smallest_effect))
    mixture = sequential.normal_mixture(theta, se, priors, ALPHA)
    df = np.where(enough, found.df, 10.0)
    half = means.t_quantile(ALPHA, df) * se

    def shaped(low: Array, high: Array) -> Limits:
        return (
            np.where(enough, low, -np.inf).reshape(ka.shape),
            np.where(enough, high, np.inf).reshape(ka.shape),
        )

    return {"fixed": shaped(theta - half, theta + half), "normal mixture": shaped(mixture.low, mixture.high)}


def money_rows(size: int, cap: float, repetitions: int, random: np.random.Generator) -> list[Row]:
    """Money with `size` donors a variant at the end, capped at `cap` (infinite: raw)."""
    effects = (0.0, float(np.log(1.1)), _effect(size))
    found = [_money(size, effect, cap, repetitions, random) for effect in effects]
    return _rows("money, raw" if np.isinf(cap) else f"money, cap {cap:.0f}", size, found, effects)


#: Days of the campaign, the test included.
CAMPAIGN = 180


def programme(spread: float, se: float, repetitions: int, random: np.random.Generator) -> list[Gain]:
    """Return what each rule earns over tests whose true log ratios are N(0, spread^2), `se` after 30 days.

    Half the readers see the variant until the test ends, all see the chosen one until the campaign does.
    """
    truth = random.normal(0.0, spread, repetitions)
    information = np.arange(1, DAYS + 1) / (DAYS * se**2)
    steps = random.normal(0.0, np.sqrt(1 / (DAYS * se**2)), (repetitions, DAYS))
    score = np.cumsum(truth[:, None] / (DAYS * se**2) + steps, axis=1)
    theta, error = score / information, np.broadcast_to(1 / np.sqrt(information), score.shape)
    posterior = bayesian.two_variants(theta.ravel(), error.ravel(), spread)
    loss = np.minimum(posterior.loss_a, posterior.loss_b).reshape(score.shape)
    week = np.arange(1, DAYS + 1) >= 7
    priors = sequential.Priors.same(sequential.OUTCOME_PRIOR, theta.size)
    proven = sequential.normal_mixture(theta.ravel(), error.ravel(), priors).log_e.reshape(score.shape) >= -np.log(
        ALPHA
    )
    peeked = np.abs(theta / error) > -special.ndtri(ALPHA / 2)
    last = np.zeros(score.shape, dtype=bool)
    last[:, -1] = True

    def earned(stops: np.ndarray, *, needs_sign: bool) -> tuple[Share, float]:
        stopped = stops.any(axis=1)
        day = np.where(stopped, stops.argmax(axis=1), DAYS - 1)
        at_end = theta[np.arange(repetitions), day]
        # A rule that asks for proof keeps the control where there was none.
        variant = (at_end > 0) & (stopped if needs_sign else True)
        days = day + 1
        gain = np.expm1(truth) * (0.5 * days + np.where(variant, CAMPAIGN - days, 0)) / CAMPAIGN
        return Share.of(gain * 100), float(days.mean())

    significant = last & peeked
    rules = {
        "significance on the last day": (significant, True),
        "anytime proof": (proven, True),
        "fixed test read daily": (peeked, True),
        "better mean on the last day": (last, False),
        "expected loss, from day 7": ((loss <= 0.002) & week, False),
    }
    return [Gain(spread, rule, *earned(stops, needs_sign=sign)) for rule, (stops, sign) in rules.items()]


#: Lift that the plans of the table are made for, and the sample of an anytime test over that of one look.
PLANNED_EFFECT = 0.20


def planned_power(repetitions: int, random: np.random.Generator) -> list[Planned]:
    """How often a test finds its smallest effect by the planned day, when it is as large as `askwell plan` says."""
    factor = planning.anytime_factor(registered=True)
    tau = np.log1p(PLANNED_EFFECT)
    found = []
    for variants in (1, 3, 9):
        size = float(planning.conversions_needed(PLANNED_EFFECT, variants=variants)[0][0]) * factor
        xa, *xs = (
            np.cumsum(random.poisson(rate * _days(), (repetitions, DAYS)), axis=1).astype(np.float64)
            for rate in (size, size * (1 + PLANNED_EFFECT), *[size] * (variants - 1))
        )
        priors = sequential.Priors.choose(np.zeros(xa.size, dtype=bool), np.full(xa.size, PLANNED_EFFECT))
        log_e = np.stack([sequential.conversion(xa.ravel(), xb.ravel(), 0.5, priors, ALPHA).log_e for xb in xs], axis=1)
        proven = (multiplicity.log_closed_e(log_e)[:, 0] >= -np.log(ALPHA)).reshape(xa.shape)
        found.append(Planned(f"conversion, {variants} beside the control", size, Share.of(proven.any(axis=1))))
    tail = _tail(500.0, random)
    size = float(planning.conversions_needed(PLANNED_EFFECT)[0][0]) * factor * tail
    limits = _money(int(size), float(tau), 500.0, max(repetitions // 4, 100), random, smallest_effect=PLANNED_EFFECT)
    finds = _excluded(limits["normal mixture"], 0.0).any(axis=1)
    return [*found, Planned("value, cap 500, 1 beside the control", size, Share.of(finds))]


def _tail(cap: float, random: np.random.Generator) -> float:
    """1 + cv^2 of simulated gifts under a cap: what value costs over conversion."""
    amounts, recurrence = gifts.draw(gifts.DONATION, 400_000, random)
    yearly = np.minimum(amounts * np.where(recurrence == gifts.MONTHLY, 12.0, 1.0), cap)
    return float((yearly**2).mean() / yearly.mean() ** 2)


def calibrate(
    repetitions: int,
    seed: int = 1,
    *,
    sizes: Sequence[int] = (30, 100, 1000, 10_000),
    donors: Sequence[int] = (100, 1000),
    caps: Sequence[float] = (np.inf, 500.0, 100.0),
    several: Sequence[int] = (3, 9),
) -> Calibration:
    """Run every simulation; money takes a quarter of the repetitions, the programme ten times as many."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    for size in sizes:
        rows += conversion_rows(size, repetitions, random)
    for variants in several:
        rows += several_rows(variants, 1000, max(repetitions // 4, 100), random)
    for size in donors:
        for cap in caps:
            rows += money_rows(size, cap, max(repetitions // 4, 100), random)
    gains: list[Gain] = []
    for spread, se in ((0.05, 0.03), (0.10, 0.07)):
        gains += programme(spread, se, repetitions * 10, random)
    return Calibration(seed, repetitions, tuple(rows), tuple(gains), tuple(planned_power(repetitions, random)))


def failures(found: Calibration) -> list[str]:
    """Return every promise that was not kept, beyond what Monte Carlo error explains."""
    broken = []
    for row in found.rows:
        name = f"{row.what}, {row.size}, {row.method}"
        if row.method == "registered end" and row.size >= 100:
            # The bounds are exact for a normal score; what is left at a hundred conversions is allowed half a point.
            if row.alarms.low > ALPHA + 0.005:
                broken.append(f"{name}: {row.alarms.value:.3f} false alarms under daily looks")
            if row.power.high < 0.70:
                broken.append(f"{name}: power only {row.power.value:.3f}")
        if row.method in ("exact mixture", "normal mixture"):
            if row.alarms.low > ALPHA:
                broken.append(f"{name}: {row.alarms.value:.3f} false alarms under daily looks")
            if row.missed.low > ALPHA:
                broken.append(f"{name}: a true lift excluded in {row.missed.value:.3f}")
            if row.what == "conversion" and row.power.high < 0.25:
                broken.append(f"{name}: power only {row.power.value:.3f}")
        if row.method == "fixed":
            # The conditional score interval is approximate: one point either way is its own error, not chance.
            if row.last.low > ALPHA + 0.01 or row.last.high < ALPHA - 0.02:
                broken.append(f"{name}: {row.last.value:.3f} false alarms at one look")
            if row.size >= 1000 and row.alarms.high < 0.15:
                broken.append(f"{name}: daily looks at a fixed test do no harm, which cannot be")
    for plan in found.planned:
        # Plans promise 80 in 100; five less is what the factor, measured for one variant, may be off by for others.
        if plan.power.high < 0.75:
            broken.append(f"a plan for {plan.what} finds its effect in {plan.power.value:.3f}")
    for spread in {gain.spread for gain in found.gains}:
        by_rule = {gain.rule: gain for gain in found.gains if gain.spread == spread}
        loss = by_rule["expected loss, from day 7"]
        for rule in ("anytime proof", "significance on the last day"):
            if loss.gain.low < by_rule[rule].gain.high:
                broken.append(f"spread {spread}: the loss rule earns no more than {rule}")
    return broken


def _percent(share: Share) -> str:
    return f"{share.value * 100:.1f} ± {share.band * 100:.1f}"


def page(found: Calibration) -> str:
    """Return docs/methods/calibration.md."""
    lines = [
        "# Are the promises kept?",
        "",
        "A 95 % range should miss one time in twenty, and not more often because somebody looks every morning. This page shows that on",
        "simulated tests, beside an ordinary test that is read daily, and beside the confidence sequence in the form GrowthBook ships. The",
        "last table asks what matters in the end: which rule earns most.",
        "",
        f"Made by `make calibration` (seed {found.seed}; {found.repetitions:,} tests a row for conversion, {max(found.repetitions // 4, 100):,} for money,",
        f"{found.repetitions * 10:,} for the programme); do not edit. Bands are {BAND_Z} standard errors of the simulation. A short form runs with the tests and fails",
        "when a promise is broken beyond its band.",
        "",
        "## Under daily looks",
        "",
        "Thirty daily looks with a weekly rhythm, even split, one conversion in a thousand readers. *False alarms*: no effect, yet 0 excluded",
        "at some look. *Last day*: the same at the last look alone. *Truth missed*: a true +10 % excluded at some look. *Power*: found at some",
        "look, when the effect is that which a fixed test of conversion of this size finds 80 times in 100 (money pays the price of its tail). *Width*: on the last day, over the fixed range.",
        "Money: simulated gifts with pledges by the year and a Pareto tail; the effect is on who gives, so that caps do not change the truth.",
        "Nothing is claimed below 25 donors a variant. *Registered end*: Lan-DeMets bounds up to the last day, after which nothing more is said.",
        "*3 variants*, *9 variants*: any of them, by closed evidence and ranges that hold together; the power is that of one that differs. Percent.",
        "",
        "| | a variant has | method | false alarms | last day | truth missed | power | width |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in found.rows:
        width = f"{row.width:.2f}" if np.isfinite(row.width) else "open"
        lines.append(
            f"| {row.what} | {row.size:,} | {row.method} | {_percent(row.alarms)} | {_percent(row.last)} | {_percent(row.missed)} "
            f"| {_percent(row.power)} | {width} |"
        )
    lines += [
        "",
        "The fixed test keeps its promise at one look and breaks it when it is read daily; so its power under daily looks is no power. The",
        "GrowthBook form takes its variance from each variant as it is: while one has no conversion it has none, and small tests cry for",
        f"nothing. It is shown with its default tuning at {N_STAR:,} readers, which is far from the readers of a rare conversion.",
        "",
        "## What a rule earns",
        "",
        f"Tests of 30 days at most in a campaign of {CAMPAIGN} days; true log ratios are normal around 0. Half of the readers see the variant until",
        "the test ends, then all see what was chosen. Rules that ask for proof keep the control without it; the others choose the better mean.",
        "Gain in percent of the control's value over the whole campaign.",
        "",
        "| spread of true effects | rule | gain, % | ends on day |",
        "|---:|---|---:|---:|",
    ]
    lines += [
        f"| {gain.spread:.2f} | {gain.rule} | {gain.gain.value:.2f} ± {gain.gain.band:.2f} | {gain.day:.1f} |"
        for gain in found.gains
    ]
    lines += ["", "Proof is for learning, expected loss is for choosing: the report gives both, and says which it is."]
    lines += [
        "",
        "## What a plan promises",
        "",
        f"`askwell plan` says that 80 of 100 tests find a lift of {PLANNED_EFFECT:.0%} by the last day, looking daily, with {planning.anytime_factor(registered=True)} times the",
        "readers of one look and the smallest effect registered. With several variants one has the effect and the others have none.",
        "",
        "| plan | conversions or donors in the control | found, % |",
        "|---|---:|---:|",
        *(f"| {plan.what} | {plan.size:,.0f} | {_percent(plan.power)} |" for plan in found.planned),
    ]
    lines += [
        "",
        "## For the statistician",
        "",
        "Conversions a day are Poisson, which is the limit of rare events; the exact mixture is conditional on their sum and does not need it.",
        "Fixed: the score interval of the conditional binomial share (conversion), the log ratio with a t quantile on the effective number of",
        "gifts (money). The prior of the loss rule is the true spread, which a publisher learns only from thirty tests on. Sources: Robbins",
        "1970; Waudby-Smith & Ramdas 2020; Waudby-Smith et al. 2024; Lindon & Malek 2022; Wilson 1927; Kish 1965.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Simulate, write the page, and fail where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    found = calibrate(arguments.repetitions, arguments.seed)
    arguments.page.write_text(page(found), encoding="utf-8")
    broken = failures(found)
    for sentence in broken:
        sys.stdout.write(f"NOT KEPT: {sentence}\n")
    sys.stdout.write(
        f"{len(found.rows)} rows and {len(found.gains)} rules, {len(broken)} promises broken; {arguments.page}\n"
    )
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
