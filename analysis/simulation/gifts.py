"""The law of the gifts: how much, in which currency, how often, and what becomes of the payment.

`Tariff` is the law of one wording. `draw` draws from it; `expected_value` integrates the same law, so that the truth
needs no simulation. The shape (spikes at usual amounts, a share of pledges, a Pareto tail) follows fundraising data:
cv^2 of the capped amounts is about 1.5, of the raw ones about 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.draws import Floats, Integers

CURRENCIES = ("GBP", "EUR", "USD", "JPY")
CURRENCY_SHARES = (0.74, 0.13, 0.10, 0.03)
#: Minor units in one major unit.
MINOR_UNITS = (100, 100, 100, 1)
#: A form that suggests 10 pounds suggests this many units of the currency.
SUGGESTED_UNITS = (1.0, 1.0, 1.0, 200.0)

ONCE, MONTHLY, ANNUAL = 0, 1, 2
RECURRENCES = ("once", "monthly", "annual")

#: Pareto tail of large gifts: P(amount > x) = (TAIL_FROM / x) ^ TAIL_INDEX, cut at TAIL_TO.
TAIL_FROM, TAIL_TO, TAIL_INDEX = 60.0, 25_000.0, 1.7

#: What becomes of a payment; the rest is settled at once.
FAILED_SHARE, STUCK_SHARE, PENDING_FIRST_SHARE = 0.03, 0.01, 0.06
SETTLED_SHARE = 1.0 - FAILED_SHARE - STUCK_SHARE
#: Settled payments that are paid back in full, and in half.
FULL_REFUND_SHARE, HALF_REFUND_SHARE = 0.020, 0.005
#: Payments whose form still knew the reader.
IDENTIFIED_SHARE = 0.96

#: A gift comes this soon after the appeal: at once (seconds, uniform), or later (mean seconds, exponential).
AT_ONCE_SHARE, AT_ONCE_FROM, AT_ONCE_TO, LATER_MEAN = 0.78, 60.0, 600.0, 30 * 3600.0

TRIAL_SECONDS = 14 * 86_400


@dataclass(frozen=True)
class Tariff:
    """What contributors of one wording pay, in units of a form in pounds.

    Attributes:
        once: Amounts and weights of single gifts; `monthly`, `annual` of pledges.
        monthly_share, annual_share: Contributors who pledge.
        tail_share: Single gifts from the Pareto tail.
        tilt: Weights of amounts are multiplied by amount ^ tilt: a form that suggests more.
        trial_renewal: Chance that a trial becomes a paid subscription; None where there is no trial.
    """

    product: str
    once: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    monthly: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    annual: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    monthly_share: float = 0.0
    annual_share: float = 0.0
    tail_share: float = 0.0
    tilt: float = 0.0
    trial_renewal: float | None = None
    trial_price: float = 1.0
    full_price: float = 10.0

    def spikes(self, recurrence: int) -> tuple[Floats, Floats]:
        """Amounts and their probabilities, tilted, for `ONCE`, `MONTHLY` or `ANNUAL`."""
        table = np.array((self.once, self.monthly, self.annual)[recurrence], dtype=np.float64)
        weights = table[:, 1] * table[:, 0] ** self.tilt
        return table[:, 0], weights / weights.sum()


DONATION = Tariff(
    "gift",
    once=((3, 3), (5, 17), (7, 2), (10, 28), (12, 2), (15, 5), (20, 19), (25, 13), (30, 2), (50, 11), (100, 5)),
    monthly=((3, 20), (5, 34), (7, 6), (8, 6), (10, 24), (15, 4), (20, 5), (25, 1)),
    annual=((30, 25), (50, 40), (75, 12), (100, 20), (150, 3)),
    monthly_share=0.17,
    annual_share=0.03,
    tail_share=0.03,
)
MEMBERSHIP = Tariff("membership", monthly=((7, 1),), annual=((70, 1),), monthly_share=0.72, annual_share=0.28)


def pareto(uniforms: Floats) -> Floats:
    """Return amounts of the tail, in whole fives, for uniforms in [0, 1)."""
    cut = 1.0 - (TAIL_FROM / TAIL_TO) ** TAIL_INDEX
    return np.maximum(np.round(TAIL_FROM * (1.0 - uniforms * cut) ** (-1.0 / TAIL_INDEX) / 5.0) * 5.0, TAIL_FROM)


def draw(tariff: Tariff, n: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.int8]]:
    """Return amounts in form units `(n,)` and recurrences `(n,)` of first payments."""
    if tariff.trial_renewal is not None:
        return np.full(n, tariff.trial_price), np.full(n, MONTHLY, dtype=np.int8)
    kind = random.random(n)
    recurrence = np.where(
        kind < tariff.monthly_share, MONTHLY, np.where(kind < tariff.monthly_share + tariff.annual_share, ANNUAL, ONCE)
    ).astype(np.int8)
    chosen, is_tail, tail = random.random(n), random.random(n), pareto(random.random(n))
    amounts = np.zeros(n)
    for code in (ONCE, MONTHLY, ANNUAL):
        spikes, probabilities = tariff.spikes(code)
        of_code = recurrence == code
        places = np.searchsorted(np.cumsum(probabilities), chosen[of_code], side="right")
        amounts[of_code] = spikes[np.minimum(places, spikes.size - 1)]
    return np.where((recurrence == ONCE) & (is_tail < tariff.tail_share), tail, amounts), recurrence


def expected_value(tariff: Tariff, rates: Mapping[str, float], cap: float) -> float:
    """Return the mean value of one settled first payment, net of refunds and capped, in pounds.

    The law of `draw` summed over its spikes, its currencies and 20,000 equal slices of the tail; a refund comes or not
    whatever the amount. For a trial this is the price of the trial alone.

    Args:
        tariff: The law.
        rates: Pounds for one unit of each currency.
        cap: In pounds.
    """
    if tariff.trial_renewal is not None:
        # Trials are not refunded.
        return _in_pounds(np.array([tariff.trial_price]), np.array([1.0]), rates, cap)
    once_share = 1.0 - tariff.monthly_share - tariff.annual_share
    slices = pareto((np.arange(20_000) + 0.5) / 20_000)
    parts = [
        (once_share * tariff.tail_share, slices, np.full(slices.size, 1.0 / slices.size)),
        (once_share * (1.0 - tariff.tail_share), *tariff.spikes(ONCE)),
        (tariff.monthly_share, *tariff.spikes(MONTHLY)),
        (tariff.annual_share, *tariff.spikes(ANNUAL)),
    ]
    kept = 1.0 - FULL_REFUND_SHARE - HALF_REFUND_SHARE
    return sum(
        share
        * (
            kept * _in_pounds(amounts, chances, rates, cap)
            + HALF_REFUND_SHARE * _in_pounds(amounts / 2, chances, rates, cap)
        )
        for share, amounts, chances in parts
    )


def _in_pounds(amounts: Floats, chances: Floats, rates: Mapping[str, float], cap: float) -> float:
    return sum(
        share * float(np.minimum(amounts * units * rates[currency], cap) @ chances)
        for currency, share, units in zip(CURRENCIES, CURRENCY_SHARES, SUGGESTED_UNITS, strict=True)
    )


def delays(n: int, random: np.random.Generator) -> Integers:
    """Return seconds from the appeal to the gift."""
    later, kind = random.exponential(LATER_MEAN, n), random.random(n)
    at_once = AT_ONCE_FROM + (AT_ONCE_TO - AT_ONCE_FROM) * random.random(n)
    return np.where(kind < AT_ONCE_SHARE, at_once, later).astype(np.int64)


def share_given_within(seconds: Floats) -> Floats:
    """Return the chance that a gift which comes at all comes within `seconds` of the appeal: the law of `delays`."""
    at_once = np.clip((seconds - AT_ONCE_FROM) / (AT_ONCE_TO - AT_ONCE_FROM), 0.0, 1.0)
    later = -np.expm1(-np.maximum(seconds, 0.0) / LATER_MEAN)
    return AT_ONCE_SHARE * at_once + (1.0 - AT_ONCE_SHARE) * later
