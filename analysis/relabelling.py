"""A/A tests on the publisher's own readers: labels drawn anew, so that no difference is there to be found.

Every reader of a past test goes to one of two groups by the toss of a coin, and both groups are compared on every day as
the report would. What is then called a difference is a false alarm. The readers, their gifts and their weeks are real; only
the labels are not. Source: Fisher 1935, chapter III (randomisation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.inference import means, proportions, sequential
from analysis.inference.arrays import Array
from analysis.inference.layout import FEWEST_CONTRIBUTORS

ALPHA = 0.05
#: Fewest contributors of a past test: then both groups nearly always have enough for money.
FEWEST_OF_A_TEST = 4 * FEWEST_CONTRIBUTORS


@dataclass(frozen=True)
class FalseAlarms:
    """False alarms of one method on one metric.

    Attributes:
        tests: A/A tests in which the method spoke at all.
        alarms: Those in which it called a difference; `low` and `high` bound the rate (95 %, Wilson).
    """

    metric: str
    method: str
    tests: int
    alarms: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class AATests:
    """What A/A tests on past readers found.

    Attributes:
        experiments: Past tests whose readers were drawn from.
        too_small: Past tests with too few contributors.
        draws: Times that labels were drawn for each.
        results: For conversion and value: the fixed test on the last day, the same read daily, and anytime evidence.
    """

    experiments: tuple[str, ...]
    too_small: tuple[str, ...]
    draws: int
    results: tuple[FalseAlarms, ...]

    @property
    def is_kept(self) -> bool:
        """Whether anytime evidence kept its 5 %, as far as these tests can tell."""
        return all(one.low is None or one.low <= ALPHA for one in self.results if one.method == "anytime")


def aa_tests(
    readers: pl.DataFrame,
    draws: int,
    random: np.random.Generator,
    *,
    report: Callable[[str, int, int], None] = lambda _name, _done, _of: None,
) -> AATests:
    """Return the false alarms of A/A tests.

    Args:
        readers: One row per experiment, first_day, is_converted and value_minor, with `readers` counted.
        draws: Times that the labels of each experiment are drawn.
        random: Where the labels come from.
        report: Told the name of each experiment before it is drawn.
    """
    used, small = [], []
    alarms: dict[tuple[str, str], list[np.ndarray]] = {}
    tests = readers.partition_by("experiment_id", maintain_order=True)
    for number, part in enumerate(tests):
        name = str(part["experiment_id"][0])
        report(name, number, len(tests))
        if int(part.filter("is_converted")["readers"].sum()) < FEWEST_OF_A_TEST:
            small.append(name)
            continue
        used.append(name)
        for key, found in _alarms_of(part, draws, random).items():
            alarms.setdefault(key, []).append(found)
    return AATests(
        tuple(used),
        tuple(small),
        draws,
        tuple(_rate(metric, method, np.concatenate(found)) for (metric, method), found in alarms.items()),
    )


def _rate(metric: str, method: str, found: np.ndarray) -> FalseAlarms:
    spoke = found[~np.isnan(found)]
    if not spoke.size:
        return FalseAlarms(metric, method, 0, 0, None, None, None)
    low, high = proportions.wilson(spoke.sum(), spoke.size)
    return FalseAlarms(
        metric, method, int(spoke.size), int(spoke.sum()), float(spoke.mean()), float(low[0]), float(high[0])
    )


def _alarms_of(part: pl.DataFrame, draws: int, random: np.random.Generator) -> dict[tuple[str, str], np.ndarray]:
    """For each method, one element a draw: 1 for a false alarm, 0 for none, not a number where nothing was said."""
    days = part["first_day"].rank("dense").cast(pl.Int64).to_numpy() - 1
    count = part["readers"].cast(pl.Int64).to_numpy()
    value = part["value_minor"].cast(pl.Float64).to_numpy()
    converted = part["is_converted"].cast(pl.Float64).to_numpy()
    looks = int(days.max()) + 1
    into_b = random.binomial(count, 0.5, (draws, count.size)).astype(np.float64)

    def daily(weights: Array) -> tuple[Array, Array]:
        """Sum of a weight over the readers of either group up to each look: shape (draws, looks)."""
        in_b, in_both = np.zeros((draws, looks)), np.zeros(looks)
        np.add.at(in_both, days, count * weights)
        for day in range(looks):
            at = days == day
            in_b[:, day] = into_b[:, at] @ weights[at]
        in_b = np.cumsum(in_b, axis=1)
        return np.cumsum(in_both) - in_b, in_b

    na, nb = daily(np.ones(count.size))
    xa, xb = daily(converted)
    s1a, s1b = daily(value)
    s2a, s2b = daily(value**2)
    shape = na.shape
    priors = sequential.Priors.same(sequential.OUTCOME_PRIOR, na.size)
    bound = -np.log(ALPHA)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = sequential.conversion(xa.ravel(), xb.ravel(), 0.5, priors).log_e.reshape(shape)
        score = proportions.score_p(xa.ravel(), na.ravel(), xb.ravel(), nb.ravel()).reshape(shape)
        money = means.mean_ratio(*(sums.ravel() for sums in (na, s1a, s2a, nb, s1b, s2b)))
        mixture = sequential.normal_mixture(money.log_ratio, money.se, priors).log_e.reshape(shape)
        t_p = money.p().reshape(shape)
    enough = (xa >= FEWEST_CONTRIBUTORS) & (xb >= FEWEST_CONTRIBUTORS)
    return {
        ("conversion", "one_look"): _judged(score < ALPHA, np.isfinite(score), last=True),
        ("conversion", "daily_looks"): _judged(score < ALPHA, np.isfinite(score)),
        ("conversion", "anytime"): _judged(exact >= bound, np.isfinite(exact)),
        ("value", "one_look"): _judged(t_p < ALPHA, enough & np.isfinite(t_p), last=True),
        ("value", "daily_looks"): _judged(t_p < ALPHA, enough & np.isfinite(t_p)),
        ("value", "anytime"): _judged(mixture >= bound, enough & np.isfinite(mixture)),
    }


def _judged(alarm: np.ndarray, spoke: np.ndarray, *, last: bool = False) -> np.ndarray:
    if last:
        return np.where(spoke[:, -1], alarm[:, -1], np.nan)
    return np.where(spoke.any(axis=1), (alarm & spoke).any(axis=1), np.nan)
