"""How large a simulated publisher is: presets for the demo, for tests, for the study of the truth and for benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

#: Last publisher's day of the presets but `TINY`: fixed, so that the same seed gives the same bytes on any day.
LAST_DAY = date(2026, 11, 8)

#: Rows of pageviews and appeal events for one reader of a full period; measured on `DEMO`.
EVENTS_PER_READER = 10.3

#: Days of a full period; the experiments' starts and ends are laid out on it and shrink with shorter ones.
FULL_PERIOD = 49


@dataclass(frozen=True)
class SimulationSize:
    """How much is simulated.

    Attributes:
        readers: People who might come; about nine in ten do within a full period.
        days: Publisher's days, ending at `last_day`.
        days_per_delivery: Event days in one delivery; 1 is a file a day.
        is_mixed: Files of several formats, split days, late rows, repeated and broken ones; else clean Parquet only.
    """

    name: str
    readers: int
    days: int = FULL_PERIOD
    days_per_delivery: int = 1
    is_mixed: bool = True
    last_day: date = LAST_DAY

    @property
    def first_day(self) -> date:
        """First publisher's day with events."""
        return self.last_day - timedelta(days=self.days - 1)

    def day_number(self, number: int) -> date:
        """Publisher's day by its number in this period, from 0."""
        return self.first_day + timedelta(days=number)

    def day(self, position: int) -> date:
        """Publisher's day at `position` of a full period, which may lie beyond its end; shrunk to this period."""
        return self.day_number(self.number_at(position))

    def number_at(self, position: int) -> int:
        """Number of the day at `position` of a full period, shrunk to this period."""
        return round(position * self.days / FULL_PERIOD)


DEMO = SimulationSize("demo", readers=620_000)
TINY = SimulationSize("tiny", readers=5_000, days=14, last_day=date(2026, 10, 31))
TRUTH = SimulationSize("truth", readers=240_000, days=42, days_per_delivery=7, is_mixed=False)

#: The presets by name.
SIZES = {size.name: size for size in (DEMO, TINY, TRUTH)}


def bench(n_events: int) -> SimulationSize:
    """Return a size of about `n_events` rows of pageviews and appeal events together, over a full period.

    Raises:
        ValueError: `n_events` is below 10,000.
    """
    if n_events < 10_000:
        raise ValueError(f"n_events = {n_events} must be at least 10000")
    return SimulationSize(f"bench-{n_events}", readers=round(n_events / EVENTS_PER_READER), is_mixed=False)
