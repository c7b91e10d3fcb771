"""Steps of a bench in their order, each in processes of its own, and their ratios to the limit of the same run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.workspace import Workspace

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Scan of the columns needed, which every ratio but those of ingesting is to.
SCAN = "limit_parts"
#: Scan of all landed columns: the ratio of what reads the landed files.
LANDED = "limit_landed"


@dataclass(frozen=True)
class Row:
    """A stage as measured: medians over its repetitions, and the ratio of its CPU seconds to those of its limit."""

    stage: str
    words: str
    runs: int
    cpu_s: float
    wall_s: float
    peak_mb: float
    facts: dict[str, Any]
    limit: str | None
    ratio: float | None = None


@dataclass(frozen=True)
class Step:
    """What to measure, and from which kept state of the warehouse.

    Attributes:
        state: None where the stage changes nothing and takes the warehouse as the step before has left it.
        once: Whether it is too long to be repeated.
    """

    stage: str
    words: str
    limit: str | None
    state: str | None = None
    once: bool = False


STEPS = (
    Step("limit_landed", "limit: scan of all landed columns", None),
    Step("ingest", "landed files to accepted parts", LANDED, "empty", once=True),
    Step("write_parts", "limit: write of the accepted parts", LANDED),
    Step("limit_parts", "limit: scan of the columns needed", None),
    Step("partials", "parts to daily partials", SCAN, "ingest"),
    Step("limit_partials", "limit: scan of the daily partials", SCAN),
    Step("cohorts", "daily partials to sufficient statistics", SCAN, "partials"),
    Step("write_result", "limit: write of the result", SCAN),
    Step("reporting", "estimates, decisions, database, site", SCAN, "cohorts"),
    Step("nothing_new", "a whole run with nothing new", SCAN, "reporting"),
    Step("plain_sql", "instead: DuckDB, a query an experiment", SCAN),
    Step("tea_tasting", "instead: tea-tasting over DuckDB", SCAN),
    Step("polars", "instead: Polars, a query an experiment", SCAN),
    Step("pandas", "instead: pandas", SCAN, once=True),
    Step("one_new_day", "a whole run after one new day", SCAN, "reporting"),
)


def measure(workspace: Workspace, step: Step, runs: int, *, profile: bool = False) -> Row:
    """Run a step `runs` times."""
    month = dict(vars(workspace.month))
    given = json.dumps({"month": month, "memory_limit": workspace.memory_limit})
    found: list[dict[str, Any]] = []
    for _ in range(runs):
        if step.state is not None:
            workspace.restore(step.state)
        command = [sys.executable, "-m", "bench.stages", given, step.stage, *(["--profile"] if profile else [])]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
        found.append(json.loads(done.stdout))
    middle = {name: statistics.median(run[name] for run in found) for name in ("cpu_s", "wall_s", "peak_mb")}
    facts = {name: value for name, value in found[-1].items() if name not in middle}
    return Row(step.stage, step.words, runs, **middle, facts=facts, limit=step.limit)


def measure_all(workspace: Workspace, steps: Sequence[Step], runs: int, profile: str | None = None) -> list[Row]:
    """Measure every step in order; the states that later steps start from are kept on the way. The last day lands last."""
    workspace.make(lambda day, days: say(f"making day {day + 1} of {days}"))
    workspace.lay_out(workspace.month.days - 2)
    with workspace.warehouse.writing():
        workspace.keep("empty")
    kept = {step.state for step in steps}
    rows: list[Row] = []
    for number, step in enumerate(steps, start=1):
        say(f"{number} of {len(steps)}: {step.words}")
        if step.stage == "one_new_day":
            workspace.land(workspace.month.days - 1)
        rows.append(measure(workspace, step, 1 if step.once else runs, profile=profile == step.stage))
        if step.stage in kept:
            workspace.keep(step.stage)
    return with_ratios([*rows, *_sums(rows)])


def _sums(rows: Sequence[Row]) -> list[Row]:
    """What several stages cost together."""
    sums = (
        ("events_to_statistics", "parts to sufficient statistics", ("partials", "cohorts"), SCAN),
        ("all", "landed files to site, from nothing", ("ingest", "partials", "cohorts", "reporting"), LANDED),
    )
    found = []
    for stage, words, together, limit in sums:
        of = [row for row in rows if row.stage in together]
        seconds = {name: sum(getattr(row, name) for row in of) for name in ("cpu_s", "wall_s")}
        found.append(Row(stage, words, 0, **seconds, peak_mb=max(row.peak_mb for row in of), facts={}, limit=limit))
    return found


def with_ratios(rows: Sequence[Row]) -> list[Row]:
    """The same rows with the ratio of each to its limit."""
    limits = {row.stage: row.cpu_s for row in rows}
    return [row if row.limit is None else Row(**(vars(row) | {"ratio": row.cpu_s / limits[row.limit]})) for row in rows]


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{text}\n")
