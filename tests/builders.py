"""Small readable data: a workspace in a folder, rows of the contract with defaults, and the pipeline up to a step."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from analysis.ingestion import Ingested, ingest
from analysis.outcomes import (
    last_event_day,
    refresh_cohorts,
    refresh_daily_exposures,
    refresh_daily_measures,
    refresh_daily_visits,
)
from analysis.registry import Experiment, read_registry
from analysis.settings import Settings, read_settings
from analysis.store import Warehouse
from analysis.sufficient import CohortStatistics, cohort_statistics

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)

SETTINGS = """
[publisher]
name = "The Test Courier"
time_zone = "{zone}"
reporting_currency = "GBP"
first_day = 2026-10-01
{more}
"""

EXPERIMENT = """
id = "{id}"
name = "Thanks or urgency"
hypothesis = "Thanking readers brings in more than urging them."
surface = "donation"
owner = "growth@example.org"
starts = {starts}
planned_end = {planned_end}
control = "current"
{more}
[[variants]]
id = "current"
share = 1
appeal = {{ headline = "We need your help", button = "Give" }}
[[variants]]
id = "thanks"
share = 1
appeal = {{ headline = "Thank you for reading", button = "Give" }}
{tables}
"""

_numbers = itertools.count(1)


def at(text: str) -> str:
    """`10-05 12:00` as an ISO moment of 2026 in UTC."""
    return f"2026-{text.replace(' ', 'T')}{':00' if text.count(':') == 1 else ''}Z"


def appeal_event(
    when: str, reader: object, variant: str = "current", event: str = "inserted", **changes: Any
) -> dict[str, Any]:
    """One appeal event of experiment `thanks`."""
    return {
        "event_id": f"e{next(_numbers)}",
        "occurred_at": at(when),
        "reader_id": reader,
        "experiment_id": "thanks",
        "variant_id": variant,
        "surface": "donation",
        "event": event,
        "device": "mobile",
        "reader_type": "new",
        **changes,
    }


def pageview(when: str, reader: object, **changes: Any) -> dict[str, Any]:
    """One pageview."""
    return {
        "event_id": f"p{next(_numbers)}",
        "occurred_at": at(when),
        "reader_id": reader,
        "article_id": "a1",
        **changes,
    }


def gift(when: str, reader: object, amount_minor: int = 1000, **changes: Any) -> dict[str, Any]:
    """One settled one-off gift in pounds."""
    return {
        "contribution_id": f"c{next(_numbers)}",
        "occurred_at": at(when),
        "reader_id": reader,
        "amount_minor": amount_minor,
        "currency": "GBP",
        "status": "settled",
        "product": "gift",
        "recurrence": "once",
        **changes,
    }


@dataclass
class TestPublisher:
    """A publisher in a temporary folder."""

    __test__ = False

    folder: Path
    zone: str = "Europe/London"
    settings_more: str = ""
    _landed: int = field(default=0)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_settings()
        (self.folder / "experiments").mkdir(exist_ok=True)

    def write_settings(self) -> None:
        (self.folder / "askwell.toml").write_text(
            SETTINGS.format(zone=self.zone, more=self.settings_more), encoding="utf-8"
        )

    def register(
        self,
        experiment_id: str = "thanks",
        *,
        starts: str = "2026-10-01",
        planned_end: str = "2026-10-28",
        more: str = "",
        tables: str = "",
    ) -> Path:
        path = self.folder / "experiments" / f"{experiment_id}.toml"
        path.write_text(
            EXPERIMENT.format(id=experiment_id, starts=starts, planned_end=planned_end, more=more, tables=tables),
            encoding="utf-8",
        )
        return path

    def rates(self, text: str) -> None:
        (self.folder / "fx.csv").write_text(text, encoding="utf-8")
        self.settings_more += '\n[money]\nrates_file = "fx.csv"\n'
        self.write_settings()

    def land(
        self, kind: str, rows: Sequence[dict[str, Any]] | bytes, name: str | None = None, day: str = "2026-10-02"
    ) -> Path:
        """Put a file into the landing folder, in the format its ending names."""
        self._landed += 1
        path = self.folder / "landing" / kind / day / (name or f"{self._landed}.ndjson")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows if isinstance(rows, bytes) else encoded(rows, path.name))
        return path

    @property
    def settings(self) -> Settings:
        return read_settings(self.folder)

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        return read_registry(self.settings.folders.experiments, self.settings.shared)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings)

    def ingest(self, now: datetime = NOW) -> Ingested:
        warehouse = self.warehouse
        with warehouse.writing():
            return ingest(warehouse, self.experiments, now=now)

    def statistics(self, now: datetime = NOW, as_of: date | None = None) -> CohortStatistics:
        """Ingest what is new and compute up to the cohort statistics."""
        self.ingest(now)
        warehouse, experiments = self.warehouse, self.experiments
        with warehouse.writing():
            refresh_daily_exposures(warehouse, experiments)
            refresh_daily_visits(warehouse)
            refresh_daily_measures(warehouse, experiments)
            day = as_of or last_event_day(warehouse, now)
            assert day is not None
            refresh_cohorts(warehouse, experiments, day)
        return cohort_statistics(warehouse, experiments, day)


def encoded(rows: Sequence[dict[str, Any]], name: str) -> bytes:
    """Rows as the bytes of a file whose name says the format."""
    if name.endswith(".parquet"):
        buffer = io.BytesIO()
        pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(buffer)
        return buffer.getvalue()
    if ".csv" in name:
        text = io.StringIO()
        columns = list(dict.fromkeys(column for row in rows for column in row))
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        raw = text.getvalue().encode()
    else:
        raw = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    return gzip.compress(raw) if name.endswith(".gz") else raw


def cell(statistics: pl.DataFrame, metric: str, variant: str, **where: Any) -> dict[str, Any]:
    """The newest row of a metric and variant: basis `exposed`, segment `all`, unless said otherwise."""
    wanted = {"basis": "exposed", "segment_kind": "all", "metric": metric, "variant_id": variant, **where}
    rows = statistics.filter(*[pl.col(name) == value for name, value in wanted.items()]).sort("as_of")
    assert rows.height, f"no row for {wanted}"
    return rows.row(-1, named=True)
