"""What Dagster costs: starting, a run, a partition, a year at once, beside the same work without it.

`python -m bench.orchestration [DAYS EVENTS]` makes a publisher of 365 days with 2,000 appeal events and 20 gifts a day.
Every line is a process of its own; figures are CPU seconds (user and system) and the largest memory it held.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FIRST = date(2026, 1, 1)
SETTINGS = '[publisher]\nname = "Year"\nfirst_day = 2026-01-01\n[machine]\nmemory_limit = "2 GB"\n'
EXPERIMENT = """
id = "{id}"
name = "Test {id}"
hypothesis = "It tells."
surface = "donation"
owner = "bench@example.org"
starts = {starts}
planned_end = {ends}
control = "a"
[[variants]]
id = "a"
share = 1
appeal = {{ headline = "Give" }}
[[variants]]
id = "b"
share = 1
appeal = {{ headline = "Please give" }}
"""


def make_publisher(folder: Path, days: int, events: int) -> None:
    """Land a file of appeal events and one of gifts a day; a test a month."""
    draw = np.random.default_rng(1)
    (folder / "experiments").mkdir(parents=True)
    (folder / "askwell.toml").write_text(SETTINGS, encoding="utf-8")
    for month in range(-(-days // 30)):
        starts = FIRST + timedelta(days=30 * month)
        text = EXPERIMENT.format(id=f"test-{month}", starts=starts, ends=starts + timedelta(days=29))
        (folder / "experiments" / f"test-{month}.toml").write_text(text, encoding="utf-8")
    for number in range(days):
        day = FIRST + timedelta(days=number)
        readers = draw.integers(0, 40 * events, size=events)
        moments = pl.Series([f"{day}T{12 + n % 8:02d}:{n % 60:02d}:00Z" for n in range(events)])
        shown = pl.DataFrame(
            {
                "event_id": [f"e{number}-{n}" for n in range(events)],
                "occurred_at": moments,
                "reader_id": [f"r{reader}" for reader in readers],
                "experiment_id": f"test-{number // 30}",
                "variant_id": np.where(readers % 2 == 0, "a", "b"),
                "surface": "donation",
                "event": "inserted",
            }
        )
        given = shown.head(max(events // 100, 1)).select(
            pl.col("event_id").str.replace("e", "c").alias("contribution_id"),
            pl.col("occurred_at").str.replace(":00Z", ":30Z"),
            "reader_id",
            amount_minor=1000,
            currency=pl.lit("GBP"),
            status=pl.lit("settled"),
            product=pl.lit("gift"),
            recurrence=pl.lit("once"),
        )
        for kind, frame in (("appeal_events", shown), ("contributions", given)):
            place = folder / "landing" / kind / day.isoformat()
            place.mkdir(parents=True)
            frame.write_parquet(place / "rows.parquet")


def now(days: int) -> datetime:
    """The morning after the last day."""
    return datetime.combine(FIRST + timedelta(days=days), datetime.min.time(), UTC) + timedelta(hours=9)


def bare(folder: Path, days: int) -> None:
    """The same computation by plain calls, without Dagster."""
    from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
    from analysis.ingestion import ingest
    from analysis.outcomes import (
        refresh_cohorts,
        refresh_daily_exposures,
        refresh_daily_measures,
        refresh_daily_visits,
    )
    from analysis.registry import read_registry
    from analysis.settings import read_settings
    from analysis.store import Warehouse
    from dashboards.edition import publish_site

    settings = read_settings(folder)
    warehouse, experiments, moment = Warehouse(settings), read_registry(settings.folders.experiments), now(days)
    with warehouse.writing():
        ingest(warehouse, experiments, now=moment)
        refresh_daily_exposures(warehouse, experiments)
        refresh_daily_visits(warehouse)
        refresh_daily_measures(warehouse, experiments)
        refresh_cohorts(warehouse, experiments, draft(warehouse, experiments, moment).as_of)
        edition = draft(warehouse, experiments, moment)
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
        publish_site(warehouse, experiments, edition)


def run(folder: Path, days: int, job: str, first: int, last: int) -> None:
    """One run of a job over the days from `first` to `last`, as Dagster's daemon starts it: in process, history in SQLite."""
    import dagster as dg

    from assets.definitions import build_defs
    from assets.partitions import range_tags
    from assets.resources import Workspace

    workspace = Workspace(folder / "askwell.toml", clock=lambda: now(days))
    made = build_defs(workspace).resolve_job_def(job)
    tags = range_tags(FIRST + timedelta(days=first), FIRST + timedelta(days=last))
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        if not made.execute_in_process(instance=instance, tags=tags, run_config=quiet).success:
            raise SystemExit("the run failed")


def runs_of_a_day(folder: Path, days: int) -> None:
    """A run for each day, one after the other, in one process."""
    for day in range(days):
        run(folder, days, "ingest", day, day)


STEPS = {
    "import dagster": lambda folder, days: __import__("dagster"),
    "code location": lambda folder, days: __import__("assets.definitions"),
    "year, bare": bare,
    "year, one run": lambda folder, days: run(folder, days, "everything", 0, days - 1),
    "year again, nothing new": lambda folder, days: run(folder, days, "everything", 0, days - 1),
    "30 days known, one run": lambda folder, days: run(folder, days, "ingest", 0, 29),
    "1 day known, one run": lambda folder, days: run(folder, days, "ingest", days - 1, days - 1),
    "30 days known, a run each": lambda folder, days: runs_of_a_day(folder, 30),
}

#: Steps that start from nothing computed.
ANEW = ("year, bare", "year, one run")


def main(days: int, events: int) -> None:
    """Measure every step and print it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "publisher"
        make_publisher(folder, days, events)
        environment = {**os.environ, "DAGSTER_HOME": f"{place}/home", "ASKWELL_HASH_KEY": "0123456789abcdef" * 2}
        environment["ASKWELL_SETTINGS"] = str(folder / "askwell.toml")
        Path(place, "home").mkdir()
        Path(place, "home", "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        for step in STEPS:
            if step in ANEW:
                for made in ("warehouse", ".site.builds"):
                    shutil.rmtree(folder / made, ignore_errors=True)
                (folder / "site").unlink(missing_ok=True)
            done = subprocess.run(
                [sys.executable, "-m", "bench.orchestration", "--step", step, str(folder), str(days)],
                env=environment, check=True, capture_output=True, text=True,
            )  # fmt: skip
            told = json.loads(done.stdout.splitlines()[-1])
            print(f"{step:<26} {told['cpu_s']:8.2f} CPU s {told['peak_mb']:7.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](Path(sys.argv[3]), int(sys.argv[4]))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}))
    else:
        main(*(int(argument) for argument in sys.argv[1:3] or ("365", "2000")))
