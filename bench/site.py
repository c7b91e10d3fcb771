"""`python -m bench.site [EXPERIMENTS] [SETTINGS]`: the report site of many experiments, first, again, and after a day.

The experiments are those of a published edition (`make demo` makes one), copied under other ids; all but the first
forty lie further back, three weeks a round, so that they are finished. Every copy has the whole history, segments
and texts of its original. CPU seconds are user and system time of this process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from analysis.edition import audience_of, last_edition, results, stamp_of
from analysis.experiment_result import Edition, ExperimentResult
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse
from dashboards.health import HealthTables
from dashboards.site import SiteSummary, build_site

#: Copies that still run; the rest are finished.
_RUNNING = 40
_ROUND = timedelta(days=21)


@dataclass(frozen=True)
class Built:
    """One build of the site as measured."""

    words: str
    cpu_s: float
    wall_s: float
    summary: SiteSummary


def copies(originals: Sequence[ExperimentResult], number: int) -> list[ExperimentResult]:
    """`number` results made from a few, under ids of their own; the first forty as they are, the others further back."""
    made = []
    for place in range(number):
        round_, one = divmod(place, len(originals))
        back = _ROUND * max(0, round_ - _RUNNING // len(originals) + 1)
        made.append(_moved(originals[one], f"{originals[one].experiment.id}-{round_}", back))
    return made


def _moved(result: ExperimentResult, id_: str, back: timedelta) -> ExperimentResult:
    def frame(given: pl.DataFrame) -> pl.DataFrame:
        days = [name for name, kind in given.schema.items() if kind == pl.Date]
        return given.with_columns(pl.lit(id_).alias("experiment_id"), *(pl.col(day) - back for day in days))

    def decision(given: dict[str, object] | None) -> dict[str, object] | None:
        moved = {name: value - back if isinstance(value, date) else value for name, value in (given or {}).items()}
        return {**moved, "experiment_id": id_} if moved else None

    experiment = result.experiment
    end = experiment.planned_end - back
    if back and result.edition.as_of is not None:
        end = min(end, result.edition.as_of - back + _ROUND / 2)
    moved = {"id": id_, "starts": experiment.starts - back, "planned_end": end}
    return replace(
        result,
        experiment=experiment.model_copy(update=moved),
        **{name: frame(value) for name, value in vars(result).items() if isinstance(value, pl.DataFrame)},
        decision=decision(result.decision) or {},
        previous_decision=decision(result.previous_decision),
        counted_to=None if result.counted_to is None else result.counted_to - back,
    )


def measured(number: int, settings_file: Path) -> tuple[list[Built], int]:
    """Three builds of one site, and bytes of the front page."""
    settings = read_settings(settings_file)
    warehouse, experiments = Warehouse(settings), read_registry(settings.folders.experiments, settings.shared)
    edition = last_edition(warehouse)
    told = copies(results(warehouse, experiments, edition), number)
    health = HealthTables(warehouse.ledger(), warehouse.quarantine_reasons(), warehouse.rows_per_day())
    audience, stamp = audience_of(settings, experiments), stamp_of(edition)
    tomorrow = Edition(stamp.number + 1, edition.as_of + timedelta(days=1), stamp.published_at + timedelta(days=1))
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"

        def build(words: str, given: Sequence[ExperimentResult], at: Edition) -> Built:
            cpu, wall = time.process_time(), time.perf_counter()
            summary = build_site(given, health, at, audience, site)
            return Built(words, time.process_time() - cpu, time.perf_counter() - wall, summary)

        built = [
            build("first", told, stamp),
            build("nothing new", told, stamp),
            build(f"a day later, {_RUNNING} of them changed", _a_day_later(told, tomorrow), tomorrow),
        ]
        return built, (site / "index.html").stat().st_size


def _a_day_later(told: Sequence[ExperimentResult], edition: Edition) -> list[ExperimentResult]:
    """The running ones with another day's traffic."""
    running = [replace(one, edition=edition, daily_readers=(one.daily_readers or 0) + 1) for one in told[:_RUNNING]]
    return running + [replace(one, edition=edition) for one in told[_RUNNING:]]


def main(number: int, settings_file: Path) -> None:
    built, index_bytes = measured(number, settings_file)
    shown = Table("build", "cpu s", "wall s", "files written", "kept", "MB")
    for one in built:
        shown.add_row(
            one.words,
            f"{one.cpu_s:.1f}",
            f"{one.wall_s:.1f}",
            f"{one.summary.written:,}",
            f"{one.summary.kept:,}",
            f"{one.summary.bytes / 1e6:.0f}",
        )
    console = Console(width=120)
    console.print(f"{number:,} experiments; index.html has {index_bytes:,} bytes")
    console.print(shown)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 500, Path(sys.argv[2] if len(sys.argv) > 2 else "demo/askwell.toml")
    )
