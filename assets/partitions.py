"""The daily partitions: the publisher's days, from the first one that the settings name."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg

from analysis.errors import AskwellError
from analysis.settings import Publisher
from assets.resources import Workspace


def daily_partitions(workspace: Workspace) -> dg.DailyPartitionsDefinition:
    """Partitions by the publisher's day; without usable settings, those of the settings' defaults."""
    publisher = publisher_or_default(workspace)
    return dg.DailyPartitionsDefinition(publisher.first_day.isoformat(), timezone=publisher.time_zone)


def publisher_or_default(workspace: Workspace) -> Publisher:
    """The publisher as set, or one with every default, so that definitions load before anything is set up."""
    try:
        return workspace.settings().publisher
    except AskwellError:
        return Publisher(name="not set up yet")


def range_tags(first: date, last: date) -> dict[str, str]:
    """Run tags with which one run materialises every day from `first` to `last`."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def days_of(files: list[str], last: date, publisher: Publisher) -> tuple[date, date]:
    """First and last partition that a run over these landed files names.

    The delivery folder only guesses at the days inside: other days that a file touches are rebuilt all the same and
    reported with their own partition.
    """
    delivered = [day for day in (_delivery_day(file) for file in files) if day is not None]
    earliest = min(delivered, default=last) - timedelta(days=1)
    first = min(max(earliest, publisher.first_day), last)
    return first, last


def _delivery_day(name: str) -> date | None:
    steps = name.split("/")
    try:
        return date.fromisoformat(steps[1])
    except (ValueError, IndexError):
        return None
