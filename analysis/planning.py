"""Planning on the log scale: readers and days for an effect, the smallest effect that can be seen, and the forecast.

Arrays broadcast. Rates are per reader, effects are lifts (0.10 is ten percent). Nothing here looks at a result except
`forecast`, which asks when the present one may become an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.inference import bayesian
from analysis.inference.arrays import Array, as_arrays

#: Largest sample of an anytime test over that of a fixed one with the same power (80 %): with the prior at the registered
#: smallest effect, and with the default mixture. Measured by simulation; see docs/methods/planning.md.
ANYTIME_FACTOR_REGISTERED = 1.7
ANYTIME_FACTOR_DEFAULT = 1.8
#: Last day that a forecast names; a date further away says nothing to a person.
LONGEST_FORECAST_DAYS = 3650


def _quantiles(alpha: float, power: float, variants: int) -> float:
    if not (0 < alpha < 1 and 0 < power < 1 and variants >= 1):
        raise ValueError(
            f"alpha = {alpha} and power = {power} must lie between 0 and 1, variants = {variants} be 1 or more"
        )
    return float(-special.ndtri(alpha / (2 * variants)) + special.ndtri(power))


def conversions_needed(
    effect: ArrayLike, *, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0, variants: int = 1
) -> tuple[Array, Array]:
    """Conversions needed in the control and in a variant to see a lift with the given power, at one registered look.

    m_a = (1 + 1/((1 + effect) q)) (z(1 - alpha/2) + z(power))^2 / log(1 + effect)^2: the variance of a log ratio of two
    counts is 1/m_a + 1/m_b. Measured power at 5, 10 and 20 %: 0.80.

    Args:
        effect: Lift to be seen, above -1 and not 0.
        ratio: Readers of the variant for one of the control.
        variants: Variants compared with the one control; the error is divided among them.
    """
    (lift,) = as_arrays(effect)
    needed = (1 + 1 / ((1 + lift) * ratio)) * (_quantiles(alpha, power, variants) / np.log1p(lift)) ** 2
    return needed, needed * ratio * (1 + lift)


def anytime_factor(*, registered: bool) -> float:
    """How many times the fixed sample an anytime test may need at most; on average it stops near the fixed one."""
    return ANYTIME_FACTOR_REGISTERED if registered else ANYTIME_FACTOR_DEFAULT


def heavy_tail_factor(effective: ArrayLike, contributors: ArrayLike) -> Array:
    """How many times the conversions a comparison of money needs: contributors over effective gifts, 1 + cv^2.

    About 6 for raw gifts, 3.3 with a cap at 500 and 2.6 at 250 in simulated giving; take it from the own gift history.
    """
    k, donors = as_arrays(effective, contributors)
    return donors / k


@dataclass(frozen=True)
class Plan:
    """Size of a test.

    Attributes:
        readers: Readers asked in all variants together.
        days: The same in days of the given traffic.
        conversions_control: Contributors in the control.
    """

    readers: float
    days: float
    conversions_control: float


def readers_needed(
    effect: float,
    *,
    rate: float,
    readers_a_day: float,
    shares: tuple[float, ...] = (0.5, 0.5),
    alpha: float = 0.05,
    power: float = 0.8,
    tail: float = 1.0,
    factor: float = 1.0,
) -> Plan:
    """Return the size of a test that sees a lift of `effect` for the variant with the smallest share.

    Args:
        effect: Lift to be seen.
        rate: Conversion rate of the control.
        readers_a_day: Readers asked a day, all variants together.
        shares: Planned weights, the control first.
        tail: 1 for conversion; `heavy_tail_factor` for money.
        factor: 1 for one registered look; `anytime_factor` for daily looks.

    Raises:
        ValueError: a rate, share or traffic is not positive, or there are fewer than two shares.
    """
    if not (0 < rate < 1 and readers_a_day > 0 and len(shares) >= 2 and min(shares) > 0):
        raise ValueError(
            f"rate = {rate} must lie between 0 and 1, readers_a_day = {readers_a_day} and shares = {shares} be positive"
        )
    variants = len(shares) - 1
    control, _ = conversions_needed(
        effect, alpha=alpha, power=power, ratio=min(shares[1:]) / shares[0], variants=variants
    )
    needed = float(control[0]) * tail * factor
    readers = needed / rate / (shares[0] / sum(shares))
    return Plan(readers, readers / readers_a_day, needed)


def smallest_effect(
    *,
    rate: float,
    readers_a_day: float,
    days: float,
    shares: tuple[float, ...] = (0.5, 0.5),
    alpha: float = 0.05,
    power: float = 0.8,
    tail: float = 1.0,
    factor: float = 1.0,
) -> float:
    """Return the smallest lift above 0 that a test of this length sees with the given power; arguments as `readers_needed`."""
    low, high = 1e-6, 1e3
    for _ in range(100):
        middle = float(np.sqrt(low * high))
        size = readers_needed(
            middle,
            rate=rate,
            readers_a_day=readers_a_day,
            shares=shares,
            alpha=alpha,
            power=power,
            tail=tail,
            factor=factor,
        )
        low, high = (middle, high) if size.days > days else (low, middle)
    return high


def power_of(
    effect: ArrayLike,
    *,
    rate: float,
    readers_a_day: float,
    days: float,
    shares: tuple[float, ...] = (0.5, 0.5),
    alpha: float = 0.05,
    tail: float = 1.0,
    factor: float = 1.0,
) -> Array:
    """Return the power at each lift: the curve of `askwell plan`; arguments as `readers_needed`."""
    (lift,) = as_arrays(effect)
    control = rate * readers_a_day * days * shares[0] / sum(shares) / tail / factor
    variance = (1 + 1 / ((1 + lift) * min(shares[1:]) / shares[0])) / control
    bound = -special.ndtri(alpha / (2 * (len(shares) - 1)))
    z = np.abs(np.log1p(lift)) / np.sqrt(variance)
    return special.ndtr(z - bound) + special.ndtr(-z - bound)


@dataclass(frozen=True)
class Forecast:
    """Days from now by which an answer is as likely as not, and almost sure (90 %); not a number beyond ten years."""

    even: Array
    sure: Array


def forecast(
    theta: ArrayLike,
    se: ArrayLike,
    days: ArrayLike,
    threshold: ArrayLike,
    tau: ArrayLike = bayesian.DEFAULT_TAU,
) -> Forecast:
    """Return when the expected loss is likely to fall below its threshold, at the present daily rate.

    After d more days the estimate has variance se^2 days / (days + d), the posterior v_d, and its mean is drawn from
    N(m, v - v_d). The test is done when showing the better of the two costs no more than the threshold: beyond the mean
    at which the loss of the variant, or that of the control, equals it. Guardrails and caps are not foreseen.

    Args:
        theta, se: Log ratio of the two leading variants and its standard error.
        days: Days that brought the present information, above 0.
        threshold: Loss as a share of the control's mean.
        tau: Scale of the prior.

    Source: preposterior analysis of Raiffa & Schlaifer 1961, chapter 5.
    """
    theta, se, days, threshold, tau = as_arrays(theta, se, days, threshold, tau)
    tau = np.maximum(tau, bayesian.SMALLEST_TAU)
    far = np.unique(np.round(np.geomspace(60, LONGEST_FORECAST_DAYS, 120)))
    grid = np.concatenate([np.arange(1.0, 60.0), far])
    now = bayesian.two_variants(theta, se, tau)

    def chance(day: Array) -> Array:
        later = 1 / (1 / tau**2 + 1 / se**2 * (1 + day / days))
        spread = np.sqrt(np.maximum(now.sd**2 - later, 1e-300))
        below = special.ndtr((now.mean - mean_at(later, threshold, side=-1)) / spread)
        return below + special.ndtr((mean_at(later, threshold, side=1) - now.mean) / spread)

    at_once = chance(np.full(theta.size, grid[0]))
    return Forecast(*(_first_day(grid, chance, level, at_once >= level) for level in (0.5, 0.9)))


def _first_day(
    grid: Array, chance: Callable[[Array], Array], level: float, is_reached_at_once: NDArray[np.bool_]
) -> Array:
    """The first day of the grid on which a chance reaches a level, by halving; not a number where none does.

    Where the first day does not reach the level, the chance crosses it once: it may first fall, from a lead that more data
    can take away, and then rises for good.
    """
    before, reached = np.zeros(is_reached_at_once.size, dtype=np.int64), np.full(is_reached_at_once.size, grid.size)
    while (reached - before > 1).any():
        middle = np.minimum((before + reached) // 2, grid.size - 1)
        is_reached = chance(grid[middle]) >= level
        before, reached = np.where(is_reached, before, middle), np.where(is_reached, middle, reached)
    day = np.append(grid, np.nan)[reached]
    return np.where(is_reached_at_once, grid[0], day)


def mean_at(variance: Array, bound: Array, *, side: int) -> Array:
    """The posterior mean at which an expected loss equals its bound: side -1 is `bayesian.shortfall`, 1 `bayesian.excess`.

    Newton on the logarithm of the loss, which is concave in the mean, so that steps come from one side; a step that leaves
    the bracket is halved instead.
    """
    sd = np.sqrt(variance)
    low, high = np.full_like(variance, -8.0), np.full_like(variance, 8.0)
    mean = np.zeros_like(variance)
    for _ in range(60):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = np.exp(mean + variance / 2) * special.ndtr(side * (mean + variance) / sd)
            loss = side * (slope - special.ndtr(side * mean / sd))
            step = np.log(loss / bound) * loss / (side * slope)
        above = (loss > bound) == (side < 0)
        low, high = np.where(above, mean, low), np.where(above, high, mean)
        moved = mean - step
        inside = (moved >= low) & (moved <= high)
        moved = np.where(inside, moved, 0.5 * (low + high))
        is_done = np.abs(moved - mean).max(initial=0.0) < 1e-13
        mean = moved
        if is_done:
            break
    return mean
