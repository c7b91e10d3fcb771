"""Who reads, and when: the population, the visits of a day, and their pageviews.

Readers come by class (passers-by, occasional, regular, loyal), each with a heavy-tailed rate of its own inside the
class. Days differ by weekday and by news; hours follow the publisher's wall clock, also on the day that has 25.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.appeals import GROUPS, PLANS
from analysis.simulation.draws import Booleans, Floats, Integers, reader_uniform, stream
from analysis.simulation.gifts import CURRENCY_SHARES
from analysis.simulation.sizes import SimulationSize

TIME_ZONE = ZoneInfo("Europe/London")

#: Class of reader: share of the population, mean visits a day after the first, mean pages a visit, generosity.
CLASS_SHARES = (0.62, 0.25, 0.10, 0.03)
VISIT_RATES = (0.003, 0.025, 0.100, 0.420)
PAGES_PER_VISIT = (1.30, 1.7, 2.2, 2.8)
GENEROSITY = (0.85, 1.1, 1.35, 1.2)
PASSERBY, OCCASIONAL, REGULAR, LOYAL = range(4)

DEVICES = ("mobile", "desktop", "tablet", "app", "other")
DEVICE_SHARES = (0.55, 0.30, 0.06, 0.08, 0.01)
APP = DEVICES.index("app")

READER_TYPES = ("new", "returning", "subscriber")
SECTIONS = ("news", "politics", "local", "sport", "culture", "business", "science", "opinion")
SECTION_SHARES = (0.27, 0.15, 0.14, 0.14, 0.10, 0.08, 0.06, 0.06)

WEEKDAYS = (1.07, 1.10, 1.08, 1.05, 1.00, 0.82, 0.88)
HOURS = (14, 9, 6, 5, 7, 16, 38, 66, 78, 66, 58, 60, 74, 68, 56, 54, 58, 66, 72, 76, 82, 80, 58, 30)
#: Big stories: position in a full period and factor on the number of passers-by.
NEWS_PEAKS = ((11, 1.9), (24, 1.5), (25, 1.3), (38, 2.3), (39, 1.6))

ARTICLES_A_DAY = 60
#: One flagged and one unflagged robot for so many readers.
READERS_PER_ROBOT, READERS_PER_HIDDEN_ROBOT = 12_000, 200_000


@dataclass(frozen=True)
class Population:
    """All readers by number; arrays of shape `(n_readers,)`.

    Attributes:
        rate: Mean visits on an ordinary day once the reader has come.
        arrival: Day (number) of a passer-by's first visit; -1 for the others, who come by their rate alone.
        audience: Bit p is set where the reader can meet plan p of `PLANS`.
        is_anonymous: No identifier is ever sent.
    """

    rate: NDArray[np.float32]
    arrival: NDArray[np.int16]
    reader_class: NDArray[np.int8]
    device: NDArray[np.int8]
    currency: NDArray[np.int8]
    generosity: NDArray[np.float32]
    audience: NDArray[np.uint32]
    is_subscriber: Booleans
    is_anonymous: Booleans

    @property
    def n_readers(self) -> int:
        """Number of readers."""
        return self.rate.size


@dataclass(frozen=True)
class Pageviews:
    """The pageviews of a day, visit by visit in order of their pages.

    Attributes:
        visitor: Reader number of each visit `(n_visits,)`; first_page its first place in the arrays below.
        reader, at, article, section: `(n_pageviews,)`; `at` in microseconds UTC.
    """

    visitor: Integers
    first_page: Integers
    pages: Integers
    reader: Integers
    at: Integers
    article: Integers
    section: NDArray[np.int8]


def day_bounds(day: date) -> tuple[int, int]:
    """Start and end of a publisher's day in microseconds UTC."""
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=TIME_ZONE).timestamp()) * 1_000_000


def news_factors(size: SimulationSize) -> Floats:
    """How many passers-by come on each day, relative to an ordinary one; `(days,)`."""
    factors = np.array([WEEKDAYS[(size.first_day + timedelta(days=day)).weekday()] for day in range(size.days)])
    for position, factor in NEWS_PEAKS:
        day = size.number_at(position)
        if 0 <= day < size.days:
            factors[day] *= factor
    return factors


def populate(size: SimulationSize, seed: int) -> Population:
    """Return the readers of a publisher."""
    n = size.readers
    random = stream(seed, "population")
    reader_class = _choose(random.random(n, dtype=np.float32), CLASS_SHARES)
    spread = np.exp(0.6 * random.standard_normal(n, dtype=np.float32) - 0.18)
    # Shorter periods keep the visits of a full one: the readers come the more often.
    pace = 49.0 / size.days
    rate = np.minimum(np.array(VISIT_RATES, dtype=np.float32)[reader_class] * spread * pace, 2.5)
    factors = news_factors(size)
    arrival = _choose(random.random(n, dtype=np.float32), factors / factors.sum()).astype(np.int16)
    arrival[reader_class != PASSERBY] = -1
    generosity = np.array(GENEROSITY, dtype=np.float32)[reader_class] * np.exp(
        0.5 * random.standard_normal(n, dtype=np.float32) - 0.125
    )
    return Population(
        rate=rate.astype(np.float32),
        arrival=arrival,
        reader_class=reader_class,
        device=_choose(random.random(n, dtype=np.float32), DEVICE_SHARES),
        currency=_choose(random.random(n, dtype=np.float32), CURRENCY_SHARES),
        generosity=generosity.astype(np.float32),
        audience=_audience(n, seed),
        is_subscriber=(reader_class >= REGULAR) & (random.random(n, dtype=np.float32) < 0.12),
        is_anonymous=random.random(n, dtype=np.float32) < 0.02,
    )


def _choose(uniforms: NDArray[np.float32], shares: object) -> NDArray[np.int8]:
    bounds = np.cumsum(np.asarray(shares, dtype=np.float64))[:-1].astype(np.float32)
    return np.searchsorted(bounds, uniforms, side="right").astype(np.int8)


def _audience(n: int, seed: int, chunk: int = 1_000_000) -> NDArray[np.uint32]:
    bits = np.zeros(n, dtype=np.uint32)
    for start in range(0, n, chunk):
        numbers = np.arange(start, min(n, start + chunk))
        group = reader_uniform(numbers, seed, "group")
        for place, plan in enumerate(PLANS):
            low, high = GROUPS[plan.group]
            inside = (group >= low) & (group < high)
            if plan.audience < 1.0:
                inside &= reader_uniform(numbers, seed, f"audience {plan.id}") < plan.audience
            bits[start : start + numbers.size] |= inside.astype(np.uint32) << np.uint32(place)
    return bits


def visitors(
    population: Population, size: SimulationSize, day: int, factors: Floats, random: np.random.Generator
) -> Integers:
    """Return the numbers of the readers who come on a day, in order; one visit a reader and day."""
    weekday = WEEKDAYS[(size.first_day + timedelta(days=day)).weekday()]
    factor = weekday * (factors[day] / weekday) ** 0.4
    # 1 - exp(-x) below x / (1 + x / 2) by less than a percent for the rates that matter, and cheaper.
    chance = population.rate * np.float32(factor)
    comes = random.random(population.n_readers, dtype=np.float32) < chance / (1 + chance / 2)
    comes &= population.arrival < day
    return np.flatnonzero(comes | (population.arrival == day))


def pageviews(
    population: Population, size: SimulationSize, day: int, visitor: Integers, random: np.random.Generator
) -> Pageviews:
    """Return the pageviews of the visits that begin on a day; the last of them may lie after midnight."""
    n = visitor.size
    depth = np.array(PAGES_PER_VISIT)[population.reader_class[visitor]]
    pages = np.minimum(random.geometric(1.0 / depth), 60).astype(np.int64)
    start = times_of_day(size.first_day + timedelta(days=day), random.random(n), random.random(n))
    pace = 15e6 + random.exponential(85e6, n)
    first_page = np.cumsum(pages) - pages
    total = int(pages.sum())
    place = np.arange(total) - np.repeat(first_page, pages)
    at = np.repeat(start, pages) + (place * np.repeat(pace, pages) * (0.8 + 0.2 * random.random(total))).astype(
        np.int64
    )
    article, section = articles(day, total, random)
    return Pageviews(visitor, first_page, pages, np.repeat(visitor, pages), at, article, section)


def times_of_day(day: date, which_hour: Floats, within: Floats) -> Integers:
    """Return moments of a publisher's day in microseconds UTC, by the rhythm of its wall clock."""
    start, end = day_bounds(day)
    hours = round((end - start) / 3_600_000_000)
    opened = datetime.fromtimestamp(start / 1_000_000, tz=UTC)
    wall = [(opened + timedelta(hours=hour)).astimezone(TIME_ZONE).hour for hour in range(hours)]
    weights = np.array([HOURS[hour] for hour in wall], dtype=np.float64)
    bounds = np.cumsum(weights / weights.sum())[:-1]
    hour = np.searchsorted(bounds, which_hour, side="right")
    return start + ((hour + within) * 3.6e9).astype(np.int64)


def articles(day: int, n: int, random: np.random.Generator) -> tuple[Integers, NDArray[np.int8]]:
    """Return article ids and sections: a few articles of the day draw most readers, older ones the rest."""
    rank = (ARTICLES_A_DAY * random.random(n) ** 3).astype(np.int64)
    age = np.minimum(random.geometric(0.75, n) - 1, 30)
    article = (1_000 + day - age) * 100 + rank
    return article, _choose(
        ((article * 2_654_435_761 % 4_294_967_296) / 4_294_967_296).astype(np.float32), SECTION_SHARES
    )
