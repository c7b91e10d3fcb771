"""`askwell demo`: a simulated publisher, the whole pipeline on it, and the verdicts in the words of their pages."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import typer

from analysis.edition import draft, results
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse
from askwell.run import execute, progress_bar

#: Tests with the most money at stake that the terminal tells of.
TOLD = 3


def run_demo(folder: Path, seed: int) -> None:
    """Make the demo where it is not there yet, run the pipeline, and tell the most important verdicts."""
    from analysis.simulation.publisher import simulate
    from analysis.simulation.sizes import DEMO
    from dashboards.phrasing import verdict_words
    from dashboards.reading import money_at_stake

    started = time.monotonic()
    with progress_bar() as reporter:
        made = folder / f".made-with-seed-{seed}"
        if not made.exists():
            simulate(
                folder,
                DEMO,
                seed=seed,
                progress=lambda name, share: reporter("Simulating a publisher", name, round(share * 100), 100),
            )
            made.touch()
        simulated = time.monotonic()
        settings = read_settings(folder)
        published = execute(settings.file, reporter, clock=lambda: _morning_after(folder))
    ended = time.monotonic()

    warehouse, experiments = Warehouse(settings), read_registry(settings.folders.experiments)
    edition = draft(warehouse, experiments, _morning_after(folder))
    found = results(warehouse, experiments, edition)
    most = sorted(found, key=lambda result: money_at_stake(result) or 0.0, reverse=True)[:TOLD]
    for result in most:
        words = verdict_words(result)
        typer.echo(f"\n{words.badge}: {words.headline}\n  {words.money_line}\n  {words.advice}")
    typer.echo(f"\nReport site: {_shown(str(published['site']))}\nDatabase:    {_shown(str(published['database']))}")
    typer.echo(f"Simulated in {simulated - started:.0f} s, computed and published in {ended - simulated:.0f} s.")


def _morning_after(folder: Path) -> datetime:
    """Six in the morning after the simulated publisher's last day: the demo is the same on any day."""
    import json

    settings = read_settings(folder)
    last = datetime.fromisoformat(json.loads((folder / "truth.json").read_text(encoding="utf-8"))["last_day"])
    return (last + timedelta(days=1, hours=6)).replace(tzinfo=settings.zone)


def _shown(path: str) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
