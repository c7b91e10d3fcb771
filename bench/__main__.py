"""`python -m bench [--events N] [--json] [--profile STAGE]`: measure every stage and print them beside the limit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measuring import STEPS, Row, measure_all
from bench.month import Month
from bench.workspace import Workspace

#: Above it pandas is not asked: it holds every needed column in memory at once.
_MOST_FOR_PANDAS = 10_000_000


def machine() -> dict[str, Any]:
    """What was measured on, as far as it matters; the load says how far to trust seconds of wall time."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) / 1024**2
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "load_1_min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "polars", "tea-tasting", "pandas")},
    }


def table(rows: list[Row]) -> Table:
    """CPU seconds are user and system time of the stage; the ratio is to the CPU seconds of its limit."""
    shown = Table("stage", "rows", "CPU s", "x limit", "wall s", "peak MB", "runs")
    for row in rows:
        shown.add_row(
            row.words,
            f"{row.facts['rows']:,}" if row.facts else "",
            f"{row.cpu_s:.2f}",
            "" if row.ratio is None else f"{row.ratio:.1f}",
            f"{row.wall_s:.2f}",
            f"{row.peak_mb:,.0f}",
            str(row.runs or ""),
        )
    return shown


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed and memory of the pipeline at size.")
    parser.add_argument(
        "--events", type=int, default=10_000_000, help="pageviews and appeal events (default %(default)s)"
    )
    parser.add_argument("--memory", default="400MB", help="what DuckDB may take (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="of each stage, ingest but once (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--profile", metavar="STAGE", choices=[step.stage for step in STEPS], help="show where it spends"
    )
    chosen = parser.parse_args(arguments)
    before = machine()
    steps = [step for step in STEPS if step.stage != "pandas" or chosen.events <= _MOST_FOR_PANDAS]
    rows = measure_all(Workspace(Month(chosen.events), chosen.memory), steps, chosen.runs, chosen.profile)
    if chosen.json:
        print(json.dumps({"events": chosen.events, "machine": before, "stages": [vars(row) for row in rows]}, indent=1))
        return 0
    print(", ".join(f"{name} {value}" for name, value in before.items()))
    Console(width=140).print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
