"""`python -m bench.stages MONTH STAGE`: do one stage, and print as one line of JSON what it took.

A process a stage, so that its memory is its own. Imports and the reading of settings are done before the clock starts.
MONTH is the made month and the memory limit as JSON.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from analysis.cohorts import COHORT_TABLES
from analysis.contract import CONTRACT, Kind
from analysis.edition import draft, edition_table, publish, write_decisions, write_estimates, write_statistics
from analysis.ingestion import ingest
from analysis.outcomes import (
    refresh_cohorts,
    refresh_daily_exposures,
    refresh_daily_measures,
    refresh_daily_visits,
)
from analysis.result_tables import SUFFICIENT_STATISTICS
from bench.alternatives import ALTERNATIVES, counted_by_pipeline
from bench.month import Month
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

#: A limit costs so little that it is repeated within a stage: at a few milliseconds a clock would be read, not a scan.
_LEAST_SCANNED = 30_000_000


def limit_landed(workspace: Workspace) -> Facts:
    """One scan of every column of the landed files, one cheap aggregate each: what ingesting cannot do without."""
    files = {kind: workspace.landed(kind) for kind in NEEDED}
    return _scanned(workspace, files, {kind: [column.name for column in CONTRACT[kind]] for kind in NEEDED})


def limit_parts(workspace: Workspace) -> Facts:
    """One scan of the columns of the warehouse that the statistics need, one cheap aggregate each."""
    return _scanned(workspace, _parts(workspace, *NEEDED), {kind: list(needed) for kind, needed in NEEDED.items()})


def limit_partials(workspace: Workspace) -> Facts:
    """One scan of the daily partials, which the statistics are counted from."""
    files = _parts(workspace, "daily_exposures", "daily_visits")
    return _scanned(workspace, files, {kind: [] for kind in files})


def _parts(workspace: Workspace, *tables: str) -> dict[str, list[Path]]:
    return {table: [part.path for part in workspace.warehouse.parts(table)] for table in tables}


def _scanned(workspace: Workspace, files: dict[Any, list[Path]], names: dict[Any, list[str]]) -> Facts:
    with workspace.warehouse.compute() as connection:
        times = max(1, _LEAST_SCANNED // max(1, workspace.month.events))
        for _ in range(times):
            rows = sum(_scan(connection, files[kind], names[kind]) for kind in files)
    return {"rows": rows, "times": times}


def _scan(connection: duckdb.DuckDBPyConnection, files: list[Path], names: list[str]) -> int:
    """Rows of the files; every column named, or every column where none is, goes through one cheap aggregate."""
    source = _source(files)
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    cheap = [
        f"sum(strlen({name}))" if types[name] == "VARCHAR" else f"max({name})"
        for name in names or types
        if name in types
    ]
    return connection.execute(f"SELECT count(*), {', '.join(cheap)} FROM {source}").fetchall()[0][0]


def _source(files: list[Path]) -> str:
    return "read_parquet([" + ", ".join(f"'{file}'" for file in files) + "], hive_partitioning = false)"


def write_parts(workspace: Workspace) -> Facts:
    """One write of all accepted rows as they are, a file a kind: what ingesting cannot do without, beside its scan."""
    return _written(workspace, *NEEDED)


def write_result(workspace: Workspace) -> Facts:
    """One write of the result: every cohort table and the sufficient statistics."""
    return _written(workspace, *COHORT_TABLES, "sufficient_statistics")


def _written(workspace: Workspace, *tables: str) -> Facts:
    rows, target = 0, workspace.folder / "written.parquet"
    with workspace.warehouse.compute() as connection:
        for files in _parts(workspace, *tables).values():
            if files:
                (added,) = connection.execute(
                    f"COPY (FROM {_source(files)}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
                ).fetchall()[0]
                rows += added
    size = target.stat().st_size
    target.unlink()
    return {"rows": rows, "bytes": size}


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
    return {"rows": sum(exposures.values()) + sum(visits.values()), "exposures": sum(exposures.values())}


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


def _alternative(name: str) -> Callable[[Workspace], Facts]:
    """The tool's own counting, held to the pipeline's integers."""

    def count(workspace: Workspace) -> Facts:
        warehouse, experiments = workspace.warehouse, workspace.experiments
        edition = draft(warehouse, experiments, workspace.now)
        found = ALTERNATIVES[name](workspace, edition.as_of)
        statistics = edition_table(warehouse, edition, "sufficient_statistics", SUFFICIENT_STATISTICS.schema)
        assert_frame_equal(found, counted_by_pipeline(statistics).select(found.columns), check_dtypes=False)
        return {"rows": found.height, "same_integers": True}

    return count


STAGES: dict[str, Callable[[Workspace], Facts]] = {
    "limit_landed": limit_landed,
    "limit_parts": limit_parts,
    "limit_partials": limit_partials,
    "write_parts": write_parts,
    "write_result": write_result,
    "ingest": ingesting,
    "partials": partials,
    "cohorts": cohorts,
    "reporting": reporting,
    "nothing_new": whole_run,
    "one_new_day": whole_run,
    **{name: _alternative(name) for name in ALTERNATIVES},
}


@contextmanager
def _profiled(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    profile = cProfile.Profile()
    with profile:
        yield
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
    sys.stderr.write(text.getvalue())


def main(arguments: list[str]) -> int:
    given, name, *more = arguments
    options = json.loads(given)
    workspace, stage = Workspace(Month(**options["month"]), options["memory_limit"]), STAGES[name]
    pl.DataFrame({"warm": [1]}).lazy().select(pl.col("warm").sum()).collect()  # starts the thread pool
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with _profiled("--profile" in more):
        facts = stage(workspace)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    times = facts.get("times", 1)
    print(json.dumps({"cpu_s": cpu / times, "wall_s": wall / times, "peak_mb": _peak_mb()} | facts))
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
