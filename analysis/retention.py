"""Rows that have been kept long enough: which they are, and taking them out.

What was computed from them stays: statistics, estimates and decisions of every edition. Because they could not be computed
again, an experiment that began before a boundary is left as it is (`outcomes.py`), and no boundary passes the first day of an
experiment whose numbers can still change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from analysis.cohorts import last_counted_day, visits_from
from analysis.registry import Experiment
from analysis.settings import Settings
from analysis.store import Warehouse

#: Tables that go with each setting of `[retention]`.
TABLES: dict[str, tuple[str, ...]] = {
    "pageviews_days": ("pageviews", "daily_visits", "daily_page_measures"),
    "appeal_events_days": ("appeal_events", "daily_exposures", "daily_strangers", "daily_appeal_measures"),
    "payments_days": ("contributions", "payment_details"),
    "identity_links_days": ("identity_links",),
}


def boundaries(settings: Settings, experiments: Sequence[Experiment], today: date) -> dict[str, date]:
    """First day that is kept, by table; a table without a limit is not named."""
    running = [
        visits_from(one)
        for one in experiments
        if last_counted_day(one, settings, date.max) >= today - timedelta(days=1)
    ]
    protected = min(running, default=today)
    found: dict[str, date] = {}
    for setting, tables in TABLES.items():
        days = getattr(settings.retention, setting)
        if days is not None:
            found |= dict.fromkeys(tables, min(today - timedelta(days=days), protected))
    return found


def expire(warehouse: Warehouse, experiments: Sequence[Experiment], now: datetime) -> dict[str, int]:
    """Take rows that were kept long enough out of the warehouse, physically; return rows by table.

    The caller holds the write lock, and publishes afterwards: the database reads the parts that went.
    """
    settings = warehouse.settings
    today = now.astimezone(settings.zone).date()
    gone: dict[str, int] = {}
    kept = boundaries(settings, experiments, today)
    for table, first_day in kept.items():
        rows = warehouse.expire(table, first_day)
        if rows:
            gone[table] = rows
    if "appeal_events" in kept:  # who was left out is told by experiment, and goes with the last of its events
        over = [one.id for one in experiments if one.planned_end < kept["appeal_events"]]
        rows = warehouse.expire_scopes("left_out_readers", over)
        if rows:
            gone["left_out_readers"] = rows
    if settings.retention.quarantine_days is not None:
        rows = warehouse.expire_quarantine(now - timedelta(days=settings.retention.quarantine_days))
        if rows:
            gone["quarantine"] = rows
    return gone
