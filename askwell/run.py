"""`askwell run`: the assets of the code location in one process, without a daemon, with a bar that moves.

History lands in DAGSTER_HOME like that of every other run, so the Dagster UI shows it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from analysis.delivery import complaints
from analysis.errors import AskwellError, NothingToReport
from analysis.ingestion import ingest
from analysis.settings import read_settings
from analysis.sources.mapping import files_to_read, source_mappings
from analysis.store import Warehouse
from askwell.history import history

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from assets.resources import Reporter


#: Tag of the runs that this command starts; only those may it declare dead.
RUN_TAG = "askwell/started_by"

_DAGSTER_SETTINGS = """\
# Written by askwell where it was missing; yours from now on.
telemetry: {enabled: false}
nux: {enabled: false}
run_monitoring: {enabled: true, poll_interval_seconds: 60, max_runtime_seconds: 7200, free_slots_after_run_end_seconds: 60}
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
concurrency: {runs: {max_concurrent_runs: 1}}
"""


class RunFailed(AskwellError):
    """A step of the pipeline failed; the message is its own."""


def run_pipeline(settings_file: Path, *, publish_only: bool, as_json: bool) -> None:
    """Run everything, or only the publishing, and say what came out."""
    with progress_bar(visible=not as_json) as reporter:
        result = execute(settings_file, reporter, publish_only=publish_only)
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(f"Edition {result['edition']}, counted to {result['as_of']}.")
    typer.echo(f"Site: {result['site']}\nDatabase: {result['database']}")


def replay_quarantine(settings_file: Path) -> None:
    """Ingest files with rows set aside again; the next `askwell run` computes what that changed."""
    from analysis.registry import read_registry

    settings = read_settings(settings_file)
    warehouse = Warehouse(settings)
    with progress_bar() as reporter, warehouse.writing(holder="askwell replay"):
        done = ingest(
            warehouse,
            read_registry(settings.folders.experiments, settings.shared),
            again=lambda quarantined: quarantined > 0,
            progress=lambda name, number, total: reporter("Reading landed files again", name, number, total),
        )
    typer.echo(f"{done.files} files read: {done.accepted} rows accepted, {done.quarantined} still set aside.")
    typer.echo("Run `askwell run` to count what changed.")


def execute(
    settings_file: Path,
    reporter: Reporter,
    *,
    publish_only: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, object]:
    """Run the pipeline in this process; return edition, as_of and paths.

    Raises:
        RunFailed: a step failed, with the step's own sentence.
        HistoryUnusable: the history of runs cannot be read or written.
    """
    settings = read_settings(settings_file)
    prepare_dagster_home(settings.file.parent)

    from assets.alarms import raise_alarms
    from assets.definitions import EVERYTHING, PUBLISH, build_defs
    from assets.failures import first_failure
    from assets.partitions import days_of, range_tags
    from assets.resources import Workspace

    workspace = Workspace(settings.file, clock=clock, reporter=reporter)
    definitions = build_defs(workspace)
    warehouse = Warehouse(settings)
    last = workspace.clock().astimezone(settings.zone).date() - timedelta(days=1)
    known = warehouse.landed()
    fresh = [
        file.name
        for file in files_to_read(settings, source_mappings(settings))[0]
        if (file.kind, file.name) not in known
    ]
    first, last = days_of(fresh, last, settings.publisher)
    job = PUBLISH if publish_only else EVERYTHING
    with warehouse.running(), history() as instance:
        fail_dead_runs(instance)
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            tags={RUN_TAG: "askwell run", **({} if publish_only else range_tags(first, last))},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        for said in complaints(raise_alarms(workspace, instance)):
            typer.echo(f"An alarm did not reach {said}", err=True)
        if not result.success:
            failed = {event.step_key for event in result.all_events if event.is_step_failure}
            if failed != {"brief"}:  # the site stands, and the next run tries the brief again
                raise RunFailed(first_failure(result.all_events))
            typer.echo(first_failure(result.all_events), err=True)
    edition = Warehouse(settings).editions()
    if not edition:
        raise NothingToReport("Nothing was published.")
    return {
        "edition": edition[-1].number,
        "as_of": str(edition[-1].as_of),
        "site": str(settings.folders.site / "index.html"),
        "database": str(settings.folders.database),
    }


def fail_dead_runs(instance: DagsterInstance, *, of_daemon: bool = False) -> int:
    """Declare runs dead that a stop of the machine left as started; return how many.

    Those of this command, whose caller holds the run lock, so that none of them can be alive; or, with `of_daemon`, all
    others, whose caller knows that no daemon runs.
    """
    import dagster as dg

    left = [
        record.dagster_run
        for record in instance.get_run_records(
            filters=dg.RunsFilter(
                statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
            )
        )
        if (RUN_TAG not in record.dagster_run.tags) == of_daemon
    ]
    for run in left:
        instance.report_run_failed(run, message="Left over from a stop of the process or machine.")
    return len(left)


def prepare_dagster_home(folder: Path) -> Path:
    """Return Dagster's home: DAGSTER_HOME where it is set, else `.dagster/` in `folder`, made with our settings."""
    home = Path(os.environ.get("DAGSTER_HOME") or folder / ".dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        configuration.write_text(_DAGSTER_SETTINGS, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    return home


@contextmanager
def progress_bar(*, visible: bool = True) -> Iterator[Reporter]:
    """Yield a reporter that moves one bar a stage, on the error stream, so that the answer can be piped."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[item]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not visible) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, item: str, done: int, total: int) -> None:
            if stage not in tasks:
                if total == 0:
                    return
                tasks[stage] = bars.add_task(stage, total=total, item="")
            shown = printable(item)[-40:] if done < total else ""
            bars.update(tasks[stage], completed=done, total=max(total, 1), item=shown)

        yield report


def printable(text: str) -> str:
    """Text from outside as one line that cannot move the cursor or carry markup."""
    return "".join(character if character.isprintable() and character not in "[]" else "?" for character in text)
