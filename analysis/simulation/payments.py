"""From the gifts that were decided to the rows of the payment provider: amounts, renewals, refunds, failures."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from analysis.contract import STATUSES
from analysis.simulation import gifts
from analysis.simulation.appeals import PLANS
from analysis.simulation.asks import Gifts
from analysis.simulation.draws import Booleans, Floats, Integers, stream
from analysis.simulation.gifts import DONATION, MONTHLY, Tariff
from analysis.simulation.readers import REGULAR, Population

_DAY = 86_400_000_000
_SETTLED, _PENDING, _FAILED = (STATUSES.index(name) for name in ("settled", "pending", "failed"))
NOBODY = -1
#: Readers who pledged before the first day, and whose payments go on.
OLD_PLEDGE_SHARE = 0.0004
PHASES = ("", "trial", "full")


@dataclass(frozen=True)
class Payments:
    """Rows of the payment provider as parallel arrays.

    Attributes:
        number: Of the payment; rows of one payment (pending, then settled) share it. Refunds have numbers of their own.
        root: Number of the first payment of a pledge, for a renewal; else -1. `undoes`: of the payment refunded.
        payer: Reader number, also where the form did not know it (`reader` is then `NOBODY`).
        amount: Minor units of the currency. `delay` in days between the event and its delivery.
        plan, variant: What led to the payment; `is_attributed` where the form passed it on.
    """

    number: Integers
    root: Integers
    undoes: Integers
    at: Integers
    asked_at: Integers
    payer: Integers
    reader: Integers
    amount: Integers
    currency: NDArray[np.int8]
    status: NDArray[np.int8]
    product: NDArray[np.int8]
    recurrence: NDArray[np.int8]
    phase: NDArray[np.int8]
    plan: NDArray[np.int8]
    variant: NDArray[np.int8]
    is_attributed: Booleans
    delay: NDArray[np.int8]

    def where(self, mask: Booleans | Integers, **changed: NDArray[np.generic] | int | bool) -> Payments:
        """The rows of a mask, with some columns replaced."""
        columns = {field.name: getattr(self, field.name)[mask] for field in fields(self)}
        for name, value in changed.items():
            columns[name] = np.broadcast_to(np.asarray(value, dtype=columns[name].dtype), columns[name].shape)
        return Payments(**columns)

    @staticmethod
    def joined(*parts: Payments) -> Payments:
        """All rows of several parts."""
        return Payments(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Payments)}
        )


def payments(found: Gifts, population: Population, seed: int, zero: int, end: int) -> Payments:
    """Return every row of the payment provider between `zero` and `end` (microseconds UTC), in order of time."""
    random = stream(seed, "payments")
    order = np.argsort(found.at, kind="stable")
    order = order[found.at[order] < end]
    first = _first_payments(found, order, population, random)
    number = int(first.number.max(initial=0)) + 1
    old = _old_pledges(population, random, zero, end, number)
    number = int(old.number.max(initial=number)) + 1
    renewals = _renewals(first, random, end, number)
    number += renewals.number.size
    paid = Payments.joined(first, old, renewals)
    refunds = _refunds(paid, random, end, number)
    everything = Payments.joined(_with_pending(paid, random), refunds)
    return everything.where(np.argsort(everything.at, kind="stable"))


def _first_payments(found: Gifts, order: Integers, population: Population, random: np.random.Generator) -> Payments:
    n = order.size
    plan, variant, payer = found.plan[order], found.variant[order], found.reader[order]
    amounts, recurrence = np.zeros(n), np.zeros(n, dtype=np.int8)
    product, phase = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int8)
    for place, wording, tariff in _tariffs():
        of_tariff = (plan == place) & (variant == wording)
        amounts[of_tariff], recurrence[of_tariff] = gifts.draw(tariff, int(of_tariff.sum()), random)
        product[of_tariff] = PRODUCTS.index(tariff.product)
        phase[of_tariff] = PHASES.index("trial") if tariff.trial_renewal is not None else 0
    currency = population.currency[payer]
    fate = random.random(n)
    status = np.where(
        fate < gifts.FAILED_SHARE,
        _FAILED,
        np.where(fate < gifts.FAILED_SHARE + gifts.STUCK_SHARE, _PENDING, _SETTLED),
    )
    is_known = (random.random(n) < gifts.IDENTIFIED_SHARE) & ~population.is_anonymous[payer]
    return Payments(
        number=np.arange(n),
        root=np.full(n, -1),
        undoes=np.full(n, -1),
        at=found.at[order],
        asked_at=found.asked_at[order],
        payer=payer,
        reader=np.where(is_known, payer, NOBODY),
        amount=_minor(amounts, currency),
        currency=currency,
        status=status.astype(np.int8),
        product=product,
        recurrence=recurrence,
        phase=phase,
        plan=plan,
        variant=variant,
        is_attributed=found.is_at_once[order] & (random.random(n) < 0.9),
        delay=np.zeros(n, dtype=np.int8),
    )


PRODUCTS = ("gift", "membership", "subscription")


def _tariffs() -> list[tuple[int, int, Tariff]]:
    own = [
        (place, wording, plan.tariff_of(wording))
        for place, plan in enumerate(PLANS)
        for wording in range(len(plan.wordings))
    ]
    return [(-1, -1, DONATION), *own]


def _minor(amounts: Floats, currency: NDArray[np.int8]) -> Integers:
    scale = np.array(gifts.SUGGESTED_UNITS) * np.array(gifts.MINOR_UNITS)
    return np.round(amounts * scale[currency]).astype(np.int64)


def _old_pledges(population: Population, random: np.random.Generator, zero: int, end: int, number: int) -> Payments:
    """Monthly payments of regular readers who pledged before the first day; their first payment is in no file."""
    regular = np.flatnonzero(population.reader_class >= REGULAR)
    n = round(OLD_PLEDGE_SHARE * population.n_readers)
    payer = np.sort(random.choice(regular, n, replace=False)) if n else np.zeros(0, dtype=np.int64)
    spikes, chances = DONATION.spikes(MONTHLY)
    currency = population.currency[payer]
    at = zero + (random.random(n) * 28 * _DAY).astype(np.int64)
    pledges = Payments(
        number=number + np.arange(n),
        root=-2 - np.arange(n),  # below -1: a pledge that our files do not hold
        undoes=np.full(n, -1),
        at=at,
        asked_at=at,
        payer=payer,
        reader=payer,
        amount=_minor(random.choice(spikes, n, p=chances), currency),
        currency=currency,
        status=np.full(n, _SETTLED, dtype=np.int8),
        product=np.zeros(n, dtype=np.int8),
        recurrence=np.full(n, MONTHLY, dtype=np.int8),
        phase=np.zeros(n, dtype=np.int8),
        plan=np.full(n, -1, dtype=np.int8),
        variant=np.full(n, -1, dtype=np.int8),
        is_attributed=np.zeros(n, dtype=np.bool_),
        delay=np.zeros(n, dtype=np.int8),
    )
    return pledges.where(at < end)


def _renewals(first: Payments, random: np.random.Generator, end: int, number: int) -> Payments:
    """Later payments of pledges: after 30 days, for a trial after its two weeks."""
    is_trial = first.phase == PHASES.index("trial")
    chance = np.full(first.number.size, 0.92)
    price = np.zeros(first.number.size)
    for place, wording, tariff in _tariffs():
        if tariff.trial_renewal is not None:
            of_tariff = (first.plan == place) & (first.variant == wording)
            chance[of_tariff], price[of_tariff] = tariff.trial_renewal, tariff.full_price
    at = first.at + np.where(is_trial, gifts.TRIAL_SECONDS * 1_000_000, 30 * _DAY)
    renews = (
        (first.status == _SETTLED)
        & (first.recurrence == MONTHLY)
        & (at < end)
        & (random.random(first.number.size) < chance)
    )
    amount = np.where(is_trial, _minor(price, first.currency), first.amount)
    phase = np.where(is_trial, PHASES.index("full"), 0)
    return first.where(
        renews,
        number=number + np.arange(int(renews.sum())),
        root=first.number[renews],
        at=at[renews],
        amount=amount[renews],
        phase=phase[renews],
        is_attributed=False,
    )


def _refunds(paid: Payments, random: np.random.Generator, end: int, number: int) -> Payments:
    n = paid.number.size
    fate = random.random(n)
    at = paid.at + ((0.05 + random.exponential(5.0, n)) * _DAY).astype(np.int64)
    eligible = (paid.status == _SETTLED) & (paid.phase == 0) & (paid.root == -1) & (at < end)
    refunded = eligible & (fate < gifts.FULL_REFUND_SHARE + gifts.HALF_REFUND_SHARE)
    amount = np.where(fate < gifts.FULL_REFUND_SHARE, paid.amount, paid.amount // 2)
    return paid.where(
        refunded,
        number=number + np.arange(int(refunded.sum())),
        undoes=paid.number[refunded],
        at=at[refunded],
        amount=amount[refunded],
        is_attributed=False,
    )


def _with_pending(paid: Payments, random: np.random.Generator) -> Payments:
    """Some payments are reported twice: pending at once, and settled two days later for the same moment."""
    first_pending = (
        (paid.status == _SETTLED)
        & (paid.root == -1)
        & (random.random(paid.number.size) < gifts.PENDING_FIRST_SHARE / gifts.SETTLED_SHARE)
    )
    pending = paid.where(first_pending, status=_PENDING)
    delay = np.where(first_pending, 2, paid.delay)
    return Payments.joined(paid.where(np.ones(paid.number.size, dtype=np.bool_), delay=delay), pending)
