"""Is a feed late or silent? Told apart from a publisher who asks nobody at the moment, and from a feed that is thin anyway."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import polars as pl

from analysis.registry import Experiment
from analysis.settings import Settings

#: A silence counts once it would be rarer than this for a feed of the same pace.
RARE = 0.001

#: Days over which the pace of a feed is taken.
PACE_DAYS = 28


#: Rows a day from which a feed is expected to have some every day; a Poisson day without any has a chance of 5 %.
DAILY_PACE = 3


@dataclass(frozen=True)
class Feed:
    """How far a feed reaches: the rows of one kind that one source brings.

    Attributes:
        source: Source of `askwell.toml`; empty for files in the contract's own columns.
        newest: Last day that has rows.
        days: Full days since that should have had rows and had none.
        pace: Mean rows a day over the `PACE_DAYS` before.
    """

    source: str
    kind: str
    newest: date
    days: int
    pace: float

    @property
    def name(self) -> str:
        """How the feed is called in a message."""
        return f"{self.kind} of {self.source}" if self.source else self.kind

    @property
    def is_silent(self) -> bool:
        """True where a silence this long would be rarer than `RARE` at the feed's own pace.

        Arrivals are taken as Poisson: k days without a row have probability exp(-k x pace). Rows that come in bursts make this
        too eager for feeds of a few rows a day, never too slow.
        """
        return self.days > 0 and math.exp(-self.pace * self.days) < RARE

    @property
    def is_stale(self) -> bool:
        """True where the last day is missing of a feed that has rows every day."""
        return self.days > 0 and self.pace >= DAILY_PACE


def feeds(
    days_of_sources: pl.DataFrame, experiments: Sequence[Experiment], settings: Settings, now: datetime
) -> tuple[Feed, ...]:
    """Return how far every feed reaches.

    A day counts once it is over and `alarms.late_after` has passed. Appeal events are expected only on days on which a
    registered test runs, so that a pause between tests is no gap.

    Args:
        days_of_sources: One row per `source`, `kind` and `day`, with `rows`; as `Warehouse.days_of_sources` returns it.
        experiments: The registry.
        settings: Zone and hour by which a day is due.
        now: An aware moment.
    """
    local = now.astimezone(settings.zone)
    due = local.date() - timedelta(days=1 if local.time() >= time.fromisoformat(settings.alarms.late_after) else 2)
    found = []
    over = days_of_sources.filter(pl.col("day") <= due)
    for (source, kind), feed in over.group_by("source", "kind", maintain_order=True):
        newest, first = max(feed["day"].to_list()), min(feed["day"].to_list())
        missing = [newest + timedelta(days=ahead) for ahead in range(1, (due - newest).days + 1)]
        if kind == "appeal_events":
            missing = [day for day in missing if any(test.starts <= day <= test.planned_end for test in experiments)]
        since = max(first, newest - timedelta(days=PACE_DAYS - 1))
        pace = float(feed.filter(pl.col("day") >= since)["rows"].sum()) / ((newest - since).days + 1)
        found.append(Feed(str(source), str(kind), newest, len(missing), pace))
    return tuple(found)


def silent_feeds(
    days_of_sources: pl.DataFrame, experiments: Sequence[Experiment], settings: Settings, now: datetime
) -> tuple[Feed, ...]:
    """Return the feeds that should have had rows and had none; arguments as of `feeds`."""
    return tuple(feed for feed in feeds(days_of_sources, experiments, settings, now) if feed.is_silent)
