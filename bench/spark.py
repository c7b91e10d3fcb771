"""`python -m bench.spark FOLDER [WORKERS] [EXPERIMENTS]`: count a workspace's experiments on DuckDB and on a Spark cluster.

The workspace has run before: its daily partials are there. Nothing is written to it. The integers of both are compared. One
line of JSON for each engine: rows of partials that were merged, CPU seconds (of Spark those of daemons, executors and driver),
wall seconds, and what starting the cluster's session took.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from analysis.cohorts import INPUT_TABLES, Common, Count, Engine
from analysis.duckdb_engine import DuckDBEngine
from analysis.outcomes import event_days
from analysis.registry import read_registry
from analysis.settings import Machine, employee_ids, read_settings
from analysis.spark_engine import spark_engine
from analysis.store import Warehouse
from bench.cluster import Cluster, driver_cpu_seconds

Tables = dict[str, pl.DataFrame]


def measure(folder: Path, workers: int, experiments: int) -> list[dict[str, Any]]:
    """Facts of both engines; fails where they do not find the same integers."""
    settings = read_settings(folder)
    warehouse = Warehouse(settings)
    common = Common(settings, warehouse.parts("persons"), employee_ids(settings))
    parts = {table: warehouse.parts(table) for table in INPUT_TABLES}
    as_of = max(event_days(warehouse, "appeal_events"))
    registered = read_registry(settings.folders.experiments, settings.shared)[:experiments]
    counts = [Count.of(experiment, common, as_of, parts) for experiment in registered]
    expected, facts = _on_duckdb(common, counts)
    found, more = _on_spark(common, counts, workers)
    for one, other in zip(found, expected, strict=True):
        for name, frame in one.items():
            assert_frame_equal(other[name], frame)
    return [facts, more]


def _on_duckdb(common: Common, counts: Sequence[Count]) -> tuple[list[Tables], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as spill:
        connection = duckdb.connect(config={"memory_limit": "2GB", "temp_directory": spill})
        connection.execute("SET TimeZone = 'UTC'")
        rows = _rows(connection, counts)
        found, facts = _timed(DuckDBEngine(connection, common), counts, time.process_time)
        connection.close()
    return found, {"engine": "duckdb", "experiments": len(counts), "partial_rows": rows, **facts}


def _rows(connection: duckdb.DuckDBPyConnection, counts: Sequence[Count]) -> int:
    rows = 0
    for count in counts:
        files = [str(part.path) for part in count.parts["daily_exposures"]]
        (own,) = connection.execute(
            "SELECT count(*) FROM read_parquet($files) WHERE experiment_id = $id",
            {"files": files, "id": count.experiment.id},
        ).fetchall()[0]
        rows += own
    return rows


def _on_spark(common: Common, counts: Sequence[Count], workers: int) -> tuple[list[Tables], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), workers=workers, memory="3G")
        machine = Machine(
            engine="spark",
            spark_master=cluster.url,
            spark={
                "spark.driver.host": "127.0.0.1",
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.executor.memory": "2g",
                "spark.sql.shuffle.partitions": "16",
            },
        )
        try:
            started = time.monotonic()
            with spark_engine(replace(common, settings=replace(common.settings, machine=machine))) as engine:
                start = {
                    "start_s": round(time.monotonic() - started, 1),
                    "start_cpu_s": round(cluster.cpu_seconds() + driver_cpu_seconds(), 1),
                }
                found, facts = _timed(engine, counts, lambda: cluster.cpu_seconds() + driver_cpu_seconds())
        finally:
            cluster.stop()
    return found, {"engine": "spark", "workers": workers, **start, **facts}


def _timed(engine: Engine, counts: Sequence[Count], cpu: Callable[[], float]) -> tuple[list[Tables], dict[str, Any]]:
    """The tables of each experiment by itself, whatever the engine counts together."""
    before, started = cpu(), time.monotonic()
    found: list[Tables] = []
    for batch in engine.batches(counts):
        tables = engine.count(batch)
        for code in range(len(batch)):
            found.append(
                {
                    name: frame.filter(pl.col("experiment_code") == code).drop("experiment_code")
                    for name, frame in tables.items()
                }
            )
    return found, {"cpu_s": round(cpu() - before, 1), "wall_s": round(time.monotonic() - started, 1)}


if __name__ == "__main__":
    workspace, *numbers = sys.argv[1:]
    workers, experiments = [*map(int, numbers), *(2, 1000)[len(numbers) :]]
    for line in measure(Path(workspace), workers, experiments):
        print(json.dumps(line))
