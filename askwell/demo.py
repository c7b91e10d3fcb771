"""`askwell demo`: a simulated publisher, the whole pipeline on it, and the verdicts in the words of their pages."""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

import typer

from analysis.edition import draft, results
from analysis.errors import AskwellError
from analysis.registry import read_registry
from analysis.settings import SETTINGS_FILE, read_settings
from analysis.store import Warehouse
from askwell.run import execute, progress_bar


class NotADemo(AskwellError):
    """The folder given for the demo is not one that a demo may fill."""


#: Tests with the most money at stake that the terminal tells of.
TOLD = 3


def run_demo(folder: Path, seed: int, size_name: str) -> None:
    """Make the demo where it is not there yet, run the pipeline, and tell the most important verdicts."""
    from analysis.simulation.publisher import simulate
    from analysis.simulation.sizes import SIZES
    from dashboards.phrasing.verdicts import verdict_words
    from dashboards.reading import money_at_stake

    if size_name not in SIZES:
        raise typer.BadParameter(f"{size_name!r} is none of {', '.join(SIZES)}", param_hint="--size")
    started = time.monotonic()
    with progress_bar() as reporter:
        made = folder / f".simulated-{size_name}-{seed}"
        if not made.exists():
            _clear(folder)
            simulate(
                folder,
                SIZES[size_name],
                seed=seed,
                progress=lambda name, share: reporter("Simulating a publisher", name, round(share * 100), 100),
            )
            made.touch()
        simulated = time.monotonic()
        settings = read_settings(folder)
        published = execute(settings.file, reporter, clock=lambda: _morning_after(folder))
    ended = time.monotonic()

    warehouse, experiments = Warehouse(settings), read_registry(settings.folders.experiments, settings.shared)
    edition = draft(warehouse, experiments, _morning_after(folder))
    found = results(warehouse, experiments, edition)
    most = sorted(found, key=lambda result: money_at_stake(result) or 0.0, reverse=True)[:TOLD]
    for result in most:
        words = verdict_words(result)
        typer.echo(f"\n{words.badge}: {words.headline}\n  {words.money_line}\n  {words.advice}")
    typer.echo(f"\nReport site: {_shown(str(published['site']))}\nDatabase:    {_shown(str(published['database']))}")
    typer.echo(f"Simulated in {simulated - started:.0f} s, computed and published in {ended - simulated:.0f} s.")


def _clear(folder: Path) -> None:
    """Remove what an earlier demo computed in the folder, and nothing that a demo did not make.

    Raises:
        NotADemo: the folder is somebody's own workspace.
    """
    markers = list(folder.glob(".simulated-*"))
    if (folder / SETTINGS_FILE).exists() and not markers and not (folder / "truth.json").exists():
        raise NotADemo(f"{folder} holds an {SETTINGS_FILE} that no demo made; choose another --folder.")
    if not markers:
        return
    for name in ("warehouse", ".site.builds"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("askwell.duckdb", "site"):
        (folder / name).unlink(missing_ok=True)
    for marker in markers:
        marker.unlink()


def _morning_after(folder: Path) -> datetime:
    """Six in the morning after the simulated publisher's last day: the demo is the same on any day."""
    settings = read_settings(folder)
    last = datetime.fromisoformat(json.loads((folder / "truth.json").read_text(encoding="utf-8"))["last_day"])
    return (last + timedelta(days=1, hours=6)).replace(tzinfo=settings.zone)


def _shown(path: str) -> str:
    """A path as short as it can be said from here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
