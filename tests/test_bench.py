"""The made month: what every figure of docs/performance.md is measured on must be the same rows every time."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from analysis.ingestion import ingest
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse
from bench.month import Month


def written(folder: Path, month: Month) -> dict[str, pl.DataFrame]:
    month.write_registry(folder)
    month.write(folder / "landing", lambda day, days: None)
    return {
        kind: pl.read_parquet(str(folder / "landing" / kind / "**" / "*.parquet"))
        for kind in ("pageviews", "appeal_events", "contributions")
    }


def test_a_made_month_is_the_same_rows_every_time(tmp_path: Path) -> None:
    once, again = (written(tmp_path / name, Month(30_000, 3)) for name in ("once", "again"))
    assert all(frame.equals(again[kind]) for kind, frame in once.items())


def test_a_made_month_has_the_events_and_the_gifts_that_were_asked_for(tmp_path: Path) -> None:
    month = Month(100_000)
    found = written(tmp_path, month)
    assert abs(found["pageviews"].height + found["appeal_events"].height - month.events) < 0.02 * month.events
    asked = found["appeal_events"].filter(pl.col("event") == "inserted").height
    gifts = found["contributions"].filter(pl.col("refund_of").is_null()).height
    assert 0.001 < gifts / asked < 0.005
    settings = read_settings(tmp_path)
    warehouse = Warehouse(settings)
    experiments = read_registry(settings.folders.experiments, settings.metrics)
    assert len(experiments) == 12
    with warehouse.writing():
        done = ingest(warehouse, experiments)
    assert done.received == done.accepted == sum(frame.height for frame in found.values())
