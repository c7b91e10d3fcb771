"""`python -m bench [--events N] [--json] [--profile STAGE]`: measure every stage and print them beside the limit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.workspace import Workspace

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass(frozen=True)
class Row:
    """A stage as measured: medians over its repetitions."""

    stage: str
    words: str
    limit: str | None
    repeats: int
    cpu_s: float
    wall_s: float
    peak_mb: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What to measure, from which kept state of the warehouse, and how often."""

    stage: str
    words: str
    limit: str | None
    state: str | None
    repeats: int


#: Cheap stages three times, the long one once.
STEPS = (
    Step("limit_landed", "limit: scan of all landed columns", None, None, 3),
    Step("ingest", "landed files -> accepted parts", "limit_landed", "empty", 1),
    Step("limit_parts", "limit: scan of the columns needed", None, None, 3),
    Step("partials", "parts -> daily partials", "limit_parts", "ingest", 3),
    Step("cohorts", "partials -> sufficient statistics", "limit_parts", "partials", 3),
    Step("reporting", "estimates, decisions, database, site", "limit_parts", "cohorts", 3),
    Step("naive", "plain SQL over the events, an experiment a query", "limit_parts", None, 3),
    Step("nothing_new", "a whole run with nothing new", "limit_landed", "reporting", 3),
    Step("one_new_day", "a whole run after one new day", "limit_landed", "reporting", 3),
)


def measure(workspace: Workspace, events: int, step: Step, profile: bool) -> Row:
    """Run a step in processes of its own."""
    runs: list[dict[str, Any]] = []
    for _ in range(step.repeats):
        if step.state is not None:
            workspace.restore(step.state)
        command = [sys.executable, "-m", "bench.stages", str(events), step.stage]
        done = subprocess.run(
            [*command, *(["--profile"] if profile else [])], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
        )
        runs.append(json.loads(done.stdout))
    middle = {name: statistics.median(run[name] for run in runs) for name in ("cpu_s", "wall_s", "peak_mb")}
    facts = {name: value for name, value in runs[-1].items() if name not in (*middle, "user_s")}
    return Row(step.stage, step.words, step.limit, step.repeats, **middle, facts=facts)


def machine() -> dict[str, Any]:
    """What was measured on, as far as it matters; the load says how far to trust seconds of wall time."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) / 1024**2
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "load_1_min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "polars")},
    }


def run(events: int, profile: str | None) -> list[Row]:
    """Measure every step in order; the states that later steps start from are kept on the way."""
    workspace = Workspace.of(events)
    workspace.simulate(lambda what, share: _say(f"simulating {what}, {share:.0%}"))
    workspace.lay_out()
    with workspace.warehouse.writing():
        workspace.keep("empty")
    rows = []
    for number, step in enumerate(STEPS, start=1):
        _say(f"{number} of {len(STEPS)}: {step.words}")
        if step.stage == "one_new_day":
            workspace.land_last_day()
        rows.append(measure(workspace, events, step, profile == step.stage))
        workspace.keep(step.stage)
    return rows


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def table(rows: list[Row]) -> Table:
    """CPU seconds are user and system time of the stage; the ratio is to the CPU seconds of its limit."""
    limits = {row.stage: row.cpu_s for row in rows}
    shown = Table("stage", "rows", "cpu s", "x limit", "wall s", "peak MB", "runs")
    for row in rows:
        ratio = "" if row.limit is None else f"{row.cpu_s / limits[row.limit]:.1f}"
        shown.add_row(
            row.words,
            f"{row.facts['rows']:,}",
            f"{row.cpu_s:.2f}",
            ratio,
            f"{row.wall_s:.2f}",
            f"{row.peak_mb:,.0f}",
            str(row.repeats),
        )
    first = [row for row in rows if row.stage in ("ingest", "partials", "cohorts", "reporting")]
    total = sum(row.cpu_s for row in first)
    shown.add_section()
    shown.add_row(
        "landed files -> site, from nothing",
        "",
        f"{total:.2f}",
        f"{total / limits['limit_landed']:.1f}",
        f"{sum(row.wall_s for row in first):.2f}",
        f"{max(row.peak_mb for row in first):,.0f}",
        "",
    )
    return shown


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed and memory of the pipeline at size.")
    parser.add_argument(
        "--events", type=int, default=10_000_000, help="pageviews and appeal events (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--profile", metavar="STAGE", choices=[step.stage for step in STEPS], help="show where it spends"
    )
    chosen = parser.parse_args(arguments)
    before = machine()
    rows = run(chosen.events, chosen.profile)
    if chosen.json:
        print(json.dumps({"events": chosen.events, "machine": before, "stages": [vars(row) for row in rows]}, indent=1))
        return 0
    print(", ".join(f"{name} {value}" for name, value in before.items()))
    Console(width=140).print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
