"""`python -m bench.stages EVENTS STAGE`: do one stage, and print as one line of JSON what it took.

A process a stage, so that its memory is its own. Imports and the reading of settings are done before the clock starts.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import resource
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from analysis.contract import CONTRACT, Kind
from analysis.edition import draft, edition_table, publish, write_decisions, write_estimates, write_statistics
from analysis.ingestion import ingest
from analysis.outcomes import refresh_cohorts, refresh_daily_exposures, refresh_daily_measures, refresh_daily_visits
from analysis.result_tables import SUFFICIENT_STATISTICS
from analysis.store import read_parts
from bench import naive
from bench.workspace import Workspace

Facts = dict[str, Any]

#: Columns that the statistics need, by kind.
NEEDED: dict[Kind, tuple[str, ...]] = {
    "pageviews": ("reader_key", "is_bot"),
    "appeal_events": (
        "occurred_at",
        "reader_key",
        "experiment_id",
        "variant_id",
        "event",
        "device",
        "reader_type",
        "is_bot",
    ),
    "contributions": (
        "contribution_id",
        "occurred_at",
        "reader_key",
        "amount_minor",
        "currency",
        "status",
        "recurrence",
        "renewal_of",
        "refund_of",
        "reporting_minor",
    ),
}


def limit_landed(workspace: Workspace) -> Facts:
    """One scan of every column of the landed files, one cheap aggregate each: what ingesting cannot do without."""
    rows = 0
    with workspace.warehouse.compute() as connection:
        for kind in NEEDED:
            names = [column.name for column in CONTRACT[kind]]
            rows += _scan(connection, workspace.landed(kind), names)
    return {"rows": rows}


def limit_parts(workspace: Workspace) -> Facts:
    """One scan of the columns of the warehouse that the statistics need, one cheap aggregate each."""
    rows = 0
    with workspace.warehouse.compute() as connection:
        for kind, needed in NEEDED.items():
            parts = [part.path for part in workspace.warehouse.parts(kind)]
            rows += _scan(connection, parts, list(needed))
    return {"rows": rows}


def _scan(connection: duckdb.DuckDBPyConnection, files: list[Path], names: list[str]) -> int:
    source = "read_parquet([" + ", ".join(f"'{file}'" for file in files) + "], hive_partitioning = false)"
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    cheap = [f"sum(strlen({name}))" if types[name] == "VARCHAR" else f"max({name})" for name in names if name in types]
    return connection.execute(f"SELECT count(*), {', '.join(cheap)} FROM {source}").fetchall()[0][0]


def ingesting(workspace: Workspace) -> Facts:
    warehouse = workspace.warehouse
    with warehouse.writing():
        done = ingest(warehouse, workspace.experiments, now=workspace.now)
    return {"rows": done.received, "files": done.files}


def partials(workspace: Workspace) -> Facts:
    warehouse = workspace.warehouse
    with warehouse.writing():
        exposures = refresh_daily_exposures(warehouse, workspace.experiments)
        visits = refresh_daily_visits(warehouse)
        refresh_daily_measures(warehouse, workspace.experiments)
    return {"rows": sum(exposures.values()) + sum(visits.values())}


def cohorts(workspace: Workspace) -> Facts:
    warehouse, experiments = workspace.warehouse, workspace.experiments
    with warehouse.writing():
        refresh_cohorts(warehouse, experiments, draft(warehouse, experiments, workspace.now).as_of)
        statistics = write_statistics(warehouse, experiments, draft(warehouse, experiments, workspace.now))
    return {"rows": statistics.height}


def reporting(workspace: Workspace) -> Facts:
    from dashboards.edition import publish_site

    warehouse, experiments = workspace.warehouse, workspace.experiments
    with warehouse.writing():
        edition = draft(warehouse, experiments, workspace.now)
        estimates = write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
        site = publish_site(warehouse, experiments, edition)
    return {"rows": estimates.height, "pages": site.written, "site_bytes": site.bytes}


def whole_run(workspace: Workspace) -> Facts:
    """Every stage, as `askwell run` goes through them."""
    facts = ingesting(workspace)
    return facts | {"partial_rows": partials(workspace)["rows"]} | cohorts(workspace) | reporting(workspace)


def naive_sql(workspace: Workspace) -> Facts:
    warehouse, experiments = workspace.warehouse, workspace.experiments
    edition = draft(warehouse, experiments, workspace.now)
    with warehouse.compute() as connection:
        for kind in NEEDED:
            read_parts(connection, kind, warehouse.parts(kind))
        found = naive.count(connection, workspace, edition.as_of)
    statistics = edition_table(warehouse, edition, "sufficient_statistics", SUFFICIENT_STATISTICS.schema)
    assert_frame_equal(found, naive.counted_by_pipeline(statistics))
    return {"rows": found.height, "same_integers": True}


STAGES: dict[str, Callable[[Workspace], Facts]] = {
    "limit_landed": limit_landed,
    "limit_parts": limit_parts,
    "ingest": ingesting,
    "partials": partials,
    "cohorts": cohorts,
    "reporting": reporting,
    "nothing_new": whole_run,
    "one_new_day": whole_run,
    "naive": naive_sql,
}


@contextmanager
def _profiled(wanted: bool) -> Any:
    if not wanted:
        yield None
        return
    profile = cProfile.Profile()
    with profile:
        yield profile


def main(arguments: list[str]) -> int:
    events, name, *more = arguments
    workspace, stage = Workspace.of(int(events)), STAGES[name]
    pl.DataFrame({"warm": [1]}).lazy().select(pl.col("warm").sum()).collect()  # starts the thread pool
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with _profiled("--profile" in more) as profile:
        facts = stage(workspace)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    if profile is not None:
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
        sys.stderr.write(text.getvalue())
    print(json.dumps({"cpu_s": user + system, "user_s": user, "wall_s": wall, "peak_mb": _peak_mb()} | facts))
    return 0


def _peak_mb() -> float:
    """Largest resident set of this process; not `ru_maxrss`, which remembers the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
