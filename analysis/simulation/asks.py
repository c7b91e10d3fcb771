"""What the appeals of a day do: who is asked and exposed, what readers do with it, and which gifts follow.

`Ledger` keeps, for each experiment, the variant and the first exposure of every reader, and adds up what each wording
would have brought from the same readers: the expectation of which the gifts are one draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from analysis.metrics import APPEAL_EVENTS
from analysis.registry import Experiment
from analysis.simulation import gifts
from analysis.simulation.appeals import PLANS, Plan
from analysis.simulation.draws import Booleans, Floats, Integers, reader_uniform, stream
from analysis.simulation.readers import TIME_ZONE, Pageviews, Population, day_bounds

_SECOND = 1_000_000
EVENT = {name: code for code, name in enumerate(APPEAL_EVENTS)}
NOT_YET = -1


@dataclass(frozen=True)
class Events:
    """Appeal events as parallel arrays; `visit` is the place of the visit in the day's pageviews."""

    plan: NDArray[np.int8]
    variant: NDArray[np.int8]
    event: NDArray[np.int8]
    visit: Integers
    page: Integers
    at: Integers

    @staticmethod
    def joined(parts: Sequence[Events]) -> Events:
        """All events of several experiments."""
        return Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in Events.__annotations__))


@dataclass(frozen=True)
class Gifts:
    """First payments that an appeal (or, with plan -1, nothing in particular) led to, as parallel arrays.

    `asked_at` and `at` are microseconds UTC of the exposure and of the payment.
    """

    plan: NDArray[np.int8]
    variant: NDArray[np.int8]
    reader: Integers
    asked_at: Integers
    at: Integers

    @property
    def is_at_once(self) -> Booleans:
        """True where the form was reached straight from the appeal."""
        return (self.plan >= 0) & (self.at - self.asked_at <= gifts.AT_ONCE_TO * _SECOND)

    @staticmethod
    def joined(parts: Sequence[Gifts]) -> Gifts:
        """All gifts of several experiments and days."""
        return Gifts(*(np.concatenate([getattr(part, name) for part in parts]) for name in Gifts.__annotations__))


class Ledger:
    """State of one experiment over the days.

    Attributes:
        variant: Variant of each reader `(n_readers,)`, `NOT_YET` before the first appeal.
        first_at: Second of the first exposure, counted from `zero`.
        givers: For each variant, the expected number of settled, identified gifts inside the window, had all exposed
            readers been given it; `late_givers` only those early enough that a trial's renewal falls inside it too.
        pages: For each variant, expected pageviews of exposed readers on the day of first exposure and six more.
    """

    def __init__(
        self, plan: Plan, experiment: Experiment, population: Population, seed: int, zero: int, end: int
    ) -> None:
        self.plan, self.place = plan, PLANS.index(plan)
        self.starts, self.planned_end = experiment.starts, experiment.planned_end
        self.variant = np.full(population.n_readers, NOT_YET, dtype=np.int8)
        self.first_at = np.full(population.n_readers, NOT_YET, dtype=np.int32)
        self.givers = np.zeros(len(plan.wordings))
        self.late_givers = np.zeros(len(plan.wordings))
        self.pages = np.zeros(len(plan.wordings))
        self._population, self._seed, self._zero, self._end = population, seed, zero, end
        epochs = experiment.epochs(TIME_ZONE)
        self._epoch_starts = np.array([round(start.timestamp()) * _SECOND for start, _ in epochs[1:]], dtype=np.int64)
        self._bounds = np.array([np.cumsum([shares[w.id] for w in plan.wordings])[:-1] for _, shares in epochs])
        self._gift_factor = np.array([wording.gift_factor for wording in plan.wordings])
        self._stay = np.array([wording.stay_share for wording in plan.wordings])

    def is_running(self, day: date) -> bool:
        """True on days on which readers are asked."""
        return self.starts <= day <= self.planned_end

    @property
    def changes_reading(self) -> bool:
        """True where a wording changes how often readers come back."""
        return bool(np.any(self._stay < 1.0))

    def stays(self, visitor: Integers, day_start: int, random: np.random.Generator) -> Booleans:
        """True for the visitors of a day whom no earlier exposure keeps away."""
        first = self.first_at[visitor]
        came_before = (first != NOT_YET) & (first < (day_start - self._zero) // _SECOND)
        chance = np.where(came_before, self._stay[np.maximum(self.variant[visitor], 0)], 1.0)
        return random.random(visitor.size) < chance

    def ask(self, day: date, views: Pageviews, random: np.random.Generator) -> tuple[Events, Gifts]:
        """Return the events and gifts of the visits that begin on a day."""
        plan, people = self.plan, self._population
        reader = views.visitor
        meets = (people.audience[reader] >> np.uint32(self.place)) & np.uint32(1) == 1
        if plan.surface == "paywall":
            meets &= ~people.is_subscriber[reader]
        known = self.first_at[reader] != NOT_YET
        meets &= random.random(reader.size) < np.where(known, plan.again_chance, plan.first_chance)
        visit = np.flatnonzero(meets)
        page = self._page(views, visit, random)
        opened = views.at[page]
        in_time = opened < self._end - 60 * _SECOND
        visit, page, opened = visit[in_time], page[in_time], opened[in_time]
        variant, is_kept = self._draw_variants(reader[visit], opened)
        visit, page, opened, variant = visit[is_kept], page[is_kept], opened[is_kept], variant[is_kept]
        return self._happen(day, reader[visit], visit, page, opened, variant, random)

    def _page(self, views: Pageviews, visit: Integers, random: np.random.Generator) -> Integers:
        pages = views.pages[visit]
        match self.plan.page:
            case "first":
                place = np.zeros_like(pages)
            case "last":
                place = pages - 1
            case "any":
                place = (random.random(visit.size) * pages).astype(np.int64)
        return views.first_page[visit] + place

    def _draw_variants(self, reader: Integers, opened: Integers) -> tuple[NDArray[np.int8], Booleans]:
        """The variant that each asked reader keeps, and whether the reader's exposures reach us at all."""
        draw = reader_uniform(reader, self._seed, f"variant {self.plan.id}")
        epoch = np.searchsorted(self._epoch_starts, opened, side="right")
        fresh = (draw[:, None] >= self._bounds[epoch]).sum(axis=1).astype(np.int8)
        kept = self.variant[reader]
        variant = np.where(kept == NOT_YET, fresh, kept).astype(np.int8)
        lost = np.array([wording.lost_share for wording in self.plan.wordings])
        if not lost.any():
            return variant, np.ones(reader.size, dtype=np.bool_)
        return variant, reader_uniform(reader, self._seed, f"lost {self.plan.id}") >= lost[variant]

    def _happen(
        self,
        day: date,
        reader: Integers,
        visit: Integers,
        page: Integers,
        opened: Integers,
        variant: NDArray[np.int8],
        random: np.random.Generator,
    ) -> tuple[Events, Gifts]:
        plan, n = self.plan, reader.size
        is_named = ~self._population.is_anonymous[reader]
        self.variant[reader[is_named]] = variant[is_named]
        inserted = random.random(n) < 0.96
        viewed = inserted & (random.random(n) < 0.70)
        inserted_at = opened + 700_000 + (random.random(n) * 800_000).astype(np.int64)
        viewed_at = inserted_at + 500_000 + np.minimum(random.exponential(6e6, n), 25e6).astype(np.int64)
        exposed, exposed_at = (viewed, viewed_at) if plan.exposure == "viewed" else (inserted, inserted_at)
        is_later = self._expose(day, reader, exposed & is_named, exposed_at)
        chance = self._population.generosity[reader].astype(np.float64) * plan.gift_chance
        self._expect(reader, exposed & is_named, exposed_at, chance, variant, is_later)
        gives = exposed & (random.random(n) < chance * self._gift_factor[variant])
        gift_at = exposed_at + gifts.delays(n, random) * _SECOND
        at_once = gives & (gift_at - exposed_at <= gifts.AT_ONCE_TO * _SECOND)

        clicks = np.array([wording.click_factor for wording in plan.wordings])[variant] * plan.click_chance
        dismissals = np.array([wording.dismiss_factor for wording in plan.wordings])[variant] * plan.dismiss_chance
        viewed |= at_once
        expanded = viewed & (random.random(n) < 0.10)
        clicked = viewed & ((random.random(n) < clicks) | at_once)
        checkout = clicked & ((random.random(n) < 0.25) | at_once)
        dismissed = viewed & ~clicked & (random.random(n) < dismissals)
        clicked_at = viewed_at + 3_000_000 + (random.random(n) * 22e6).astype(np.int64)
        checkout_at = np.where(at_once, (clicked_at + gift_at) // 2, clicked_at + 8_000_000)
        dismissed_at = viewed_at + 1_000_000 + (random.random(n) * 14e6).astype(np.int64)
        steps = [
            ("inserted", inserted, inserted_at),
            ("viewed", viewed, viewed_at),
            ("expanded", expanded, viewed_at + 2_000_000),
            ("clicked", clicked, clicked_at),
            ("checkout_started", checkout, checkout_at),
            ("dismissed", dismissed, dismissed_at),
        ]
        if plan.logs_eligible:
            steps.insert(0, ("eligible", np.ones(n, dtype=np.bool_), opened + 300_000))
        if plan.surface == "paywall":
            steps.append(("blocked", inserted, inserted_at + 200_000))
            steps.append(("registered", viewed & (random.random(n) < 0.03), viewed_at + 45_000_000))
        shown = self._shown(reader, variant, is_later)
        events = Events.joined(
            [
                Events(
                    plan=np.full(int(mask.sum()), self.place, dtype=np.int8),
                    variant=shown[mask],
                    event=np.full(int(mask.sum()), EVENT[name], dtype=np.int8),
                    visit=visit[mask],
                    page=page[mask],
                    at=at[mask],
                )
                for name, mask, at in steps
            ]
        )
        return events, Gifts(
            plan=np.full(int(gives.sum()), self.place, dtype=np.int8),
            variant=shown[gives],
            reader=reader[gives],
            asked_at=exposed_at[gives],
            at=gift_at[gives],
        )

    def _expose(self, day: date, reader: Integers, exposed: Booleans, exposed_at: Integers) -> Booleans:
        """Record first exposures; True for asks of readers who were exposed on an earlier day."""
        before = self.first_at[reader]
        is_new = exposed & (before == NOT_YET)
        self.first_at[reader[is_new]] = (exposed_at[is_new] - self._zero) // _SECOND
        return (before != NOT_YET) & (before < (day_bounds(day)[0] - self._zero) // _SECOND)

    def _expect(
        self,
        reader: Integers,
        counts: Booleans,
        exposed_at: Integers,
        chance: Floats,
        variant: NDArray[np.int8],
        is_later: Booleans,
    ) -> None:
        """Add the gifts to expect from these exposures under each wording, inside the window and the period."""
        asked_at = (exposed_at[counts] - self._zero) / _SECOND
        first_at = self.first_at[reader[counts]]
        last = np.minimum(first_at + self.plan.window_hours * 3600, (self._end - self._zero) / _SECOND)
        within = gifts.share_given_within(last - asked_at)
        early = gifts.share_given_within(last - gifts.TRIAL_SECONDS - asked_at)
        weight = self.weights(variant[counts], is_later[counts])
        kept = gifts.SETTLED_SHARE * gifts.IDENTIFIED_SHARE * self._gift_factor
        self.givers += kept * ((chance[counts] * within) @ weight)
        self.late_givers += kept * ((chance[counts] * early) @ weight)

    def weights(self, variant: NDArray[np.int8], is_later: Booleans) -> Floats:
        """How often each visit would have taken place under each wording, `(n, variants)`.

        A visit after the first day of exposure took place with chance stay_share of the reader's own wording; under
        another one with that one's. The inverse of the former makes every sum over visits unbiased (Horvitz & Thompson
        1952).
        """
        ratio = self._stay[None, :] / self._stay[variant][:, None]
        return np.where(is_later[:, None], ratio, 1.0)

    def count_pages(self, day: date, views: Pageviews) -> None:
        """Add the pageviews of a day to what readers would have read under each wording."""
        start = (day_bounds(day)[0] - self._zero) // _SECOND
        first = self.first_at[views.visitor]
        # Seven publisher's days: a first exposure on the day six days ago or later. Weeks have 168 hours but once a year.
        inside = (first != NOT_YET) & (first >= start - 6 * 86_400)
        weight = self.weights(self.variant[views.visitor[inside]], first[inside] < start)
        self.pages += views.pages[inside] @ weight

    def _shown(self, reader: Integers, variant: NDArray[np.int8], is_later: Booleans) -> NDArray[np.int8]:
        """What was shown: the reader's variant, or by mistake the next one on later visits."""
        if not self.plan.contaminated_share:
            return variant
        mistaken = reader_uniform(reader, self._seed, f"mistaken {self.plan.id}") < self.plan.contaminated_share
        return np.where(mistaken & is_later, (variant + 1) % len(self.plan.wordings), variant).astype(np.int8)


def ledgers(
    experiments: Sequence[Experiment], population: Population, seed: int, zero: int, end: int
) -> tuple[Ledger, ...]:
    """The ledger of each plan, in order of `PLANS`."""
    registered = {experiment.id: experiment for experiment in experiments}
    return tuple(Ledger(plan, registered[plan.id], population, seed, zero, end) for plan in PLANS)


def unprompted_gifts(views: Pageviews, seed: int, day: int) -> Gifts:
    """Gifts of readers who found the form by themselves: two in a hundred thousand visits."""
    random = stream(seed, "unprompted", day)
    visit = np.flatnonzero(random.random(views.visitor.size) < 2e-5)
    at = views.at[views.first_page[visit]]
    nothing = np.full(visit.size, -1, dtype=np.int8)
    return Gifts(nothing, nothing, views.visitor[visit], at, at + 90 * _SECOND)
