"""The made month: what every figure of docs/performance.md is measured on must be the same rows every time."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from analysis.ingestion import ingest
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse
from bench.month import Month
from bench.short import RECORDS, Record, append, expected, read_records, regressions, trend


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
    experiments = read_registry(settings.folders.experiments, settings.shared)
    assert len(experiments) == 12
    with warehouse.writing():
        done = ingest(warehouse, experiments)
    assert done.received == done.accepted == sum(frame.height for frame in found.values())


RECORDED = [Record(f"2026-11-0{day}", "made up", {"ingest": ratio}) for day, ratio in ((1, 90.0), (2, 30.0), (3, 32.0))]


def test_a_ratio_within_twice_the_middle_of_its_records_is_no_regression() -> None:
    assert regressions(RECORDED, {"ingest": 63.0}) == []


def test_a_ratio_beyond_twice_the_middle_of_its_records_is_said_with_what_to_do() -> None:
    (sentence,) = regressions(RECORDED, {"ingest": 65.0})
    assert "ingest costs 65.0 x the scan; recorded were 32.0, and 64.0 are allowed" in sentence
    assert "--profile ingest" in sentence


def test_a_stage_that_was_never_recorded_is_shown_and_not_judged() -> None:
    assert regressions(RECORDED, {"new_stage": 1000.0}) == []
    assert "new_stage" in trend(RECORDED, {"new_stage": 1000.0}).columns[0]._cells


def test_a_record_is_read_back_as_it_was_added(tmp_path: Path) -> None:
    file = tmp_path / "ratios.csv"
    for record in (*RECORDED, Record("2026-11-04", 'another stage, "quoted"', {"partials": 7.25})):
        append(file, record)
    assert read_records(file) == [*RECORDED, Record("2026-11-04", 'another stage, "quoted"', {"partials": 7.25})]
    assert expected(read_records(file), "ingest") == 32.0


def test_the_records_that_ci_is_held_to_cover_what_it_measures() -> None:
    assert {"ingest", "partials", "cohorts", "reporting", "one_new_day"} <= read_records(RECORDS)[-1].ratios.keys()
