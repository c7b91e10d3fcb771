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


@dataclass(frozen=True)
class SilentFeed:
    """A feed without rows where there should be some.

    Attributes:
        source: Source of `askwell.toml`; empty for files in the contract's own columns.
        newest: Last day that has rows.
        days: Full days without any since.
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


def silent_feeds(
    days_of_sources: pl.DataFrame, experiments: Sequence[Experiment], settings: Settings, now: datetime
) -> tuple[SilentFeed, ...]:
    """Return the feeds that should have had rows and had none.

    A day counts once it is over and `alarms.late_after` has passed. Arrivals are taken as Poisson at the feed's own pace:
    k days without a row have probability exp(-k x pace), and below `RARE` the feed is silent. Rows that come in bursts
    make this too eager for feeds of a few rows a day, never too slow. Appeal events are expected only on days on which a
    registered test runs, so that a pause between tests is no alarm.

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
        if missing and math.exp(-pace * len(missing)) < RARE:
            found.append(SilentFeed(str(source), str(kind), newest, len(missing), pace))
    return tuple(found)
