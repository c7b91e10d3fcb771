"""`askwell doctor`: is everything in place that a run needs, and did the last one do its work? One line each, with its remedy.

It looks and changes nothing; only `--test-alarm` sends a message.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import typer

from analysis.errors import AskwellError, WarehouseError
from analysis.settings import Settings, read_settings
from askwell.history import HistoryUnusable

#: Seconds without a sign of life after which the daemon counts as stopped; it gives one every 30.
HEARTBEAT_SECONDS = 300

#: Room that a run needs besides a second copy of what it publishes, in bytes.
SPARE_BYTES = 1 << 30

State = Literal["ok", "note", "wrong"]


class SomethingIsWrong(AskwellError):
    """At least one line of the doctor is wrong; the lines were printed."""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    subject: str
    state: State
    found: str
    remedy: str = ""


def run_doctor(settings_file: Path, *, as_json: bool, test_alarm: bool) -> None:
    """Print a line for everything looked at; with `test_alarm`, send an alarm that says it is a test.

    Raises:
        SomethingIsWrong: a line is wrong, or the test did not reach everybody.
    """
    now = datetime.now(UTC)
    findings = list(examine(settings_file, now))
    if test_alarm:
        findings.append(_test_alarm(read_settings(settings_file), now))
    wrong = [finding for finding in findings if finding.state == "wrong"]
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "findings": [asdict(finding) for finding in findings]}))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            typer.echo(f"{finding.state:<5}  {finding.subject:<{width}}  {finding.found}")
            if finding.remedy:
                typer.echo(f"{'':<{width + 9}}{finding.remedy}")
    if wrong:
        raise SomethingIsWrong(f"{len(wrong)} of {len(findings)} things are wrong.")


def examine(settings_file: Path, now: datetime) -> Iterator[Finding]:
    """Yield a finding for each thing a run needs, those first that the others depend on."""
    yield _environment()
    try:
        settings = read_settings(settings_file)
    except AskwellError as problem:
        yield Finding("settings", "wrong", str(problem), "Mend the file; docs/configuration.md lists every key.")
        return
    yield Finding("settings", "ok", str(settings.file))
    for subject, look in (
        ("experiments", _experiments),
        ("hash key", _hash_key),
        ("folders", _folders),
        ("disk", _disk),
        ("engine", _engine),
        ("warehouse", _warehouse),
        ("writer", _writer),
        ("database", _database),
        ("site", _site),
        ("last edition", lambda settings: _edition(settings, now)),
        ("feeds", lambda settings: _feeds(settings, now)),
        ("last runs", _runs),
        ("daemon", lambda settings: _daemon(settings, now)),
        ("messages", _messages),
    ):
        yield _looking(subject, look, settings)


def _looking(subject: str, look: Callable[[Settings], Finding], settings: Settings) -> Finding:
    """A look that meets an error of ours, or of the disk, is itself the finding."""
    try:
        return look(settings)
    except (sqlite3.Error, WarehouseError):
        return Finding(subject, "wrong", "Cannot be told, because the warehouse cannot be read.", "See “warehouse”.")
    except HistoryUnusable as problem:
        return Finding(subject, "wrong", str(problem))
    except AskwellError as problem:
        return Finding(subject, "wrong", str(problem), "Mend what it names; docs/configuration.md lists every key.")
    except OSError as problem:
        told = f"{problem.filename or subject}: {problem.strerror}"
        return Finding(subject, "wrong", told, f"Give it to the user of the run ({_user()}), or mend the disk.")


def _environment() -> Finding:
    from packaging.requirements import Requirement

    missing = []
    try:
        declared = importlib.metadata.requires("askwell") or []
    except importlib.metadata.PackageNotFoundError:
        return Finding("environment", "wrong", "Askwell is not installed here.", "Run: make .venv/.installed")
    for line in declared:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{requirement.name} is not there")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement.name} is {version}, and must be {requirement.specifier}")
    here = f"Python {sys.version.split()[0]}, Askwell {importlib.metadata.version('askwell')}"
    if missing:
        return Finding("environment", "wrong", f"{here}; {'; '.join(missing)}", "Run: make .venv/.installed")
    return Finding("environment", "ok", here)


def _experiments(settings: Settings) -> Finding:
    from analysis.registry import read_registry

    experiments = read_registry(settings.folders.experiments, settings.shared)
    if not experiments:
        return Finding(
            "experiments",
            "note",
            f"None in {settings.folders.experiments}.",
            "Copy experiments/example.toml.txt there.",
        )
    return Finding("experiments", "ok", f"{len(experiments)} registered")


def _hash_key(settings: Settings) -> Finding:
    path = settings.identity.hash_key_file
    if not os.environ.get(settings.identity.hash_key_env) and not path.exists():
        if settings.folders.warehouse.joinpath("catalog.sqlite").exists():
            return Finding(
                "hash key",
                "wrong",
                f"{path} is gone, and the warehouse was filled under it.",
                "Restore it from the backup.",
            )
        return Finding("hash key", "note", "Not there yet; the first run makes it.", f"Then keep a copy of {path}.")
    settings.hash_key()
    where = settings.identity.hash_key_env if os.environ.get(settings.identity.hash_key_env) else str(path)
    return Finding("hash key", "ok", where)


def _folders(settings: Settings) -> Finding:
    folders = settings.folders
    problems = []
    if not folders.landing.is_dir():
        problems.append(f"{folders.landing} does not exist")
    elif not os.access(folders.landing, os.R_OK | os.X_OK):
        problems.append(f"{folders.landing} cannot be read")
    written = (folders.warehouse, folders.site.parent, folders.database.parent, settings.delivery.folder)
    for folder in dict.fromkeys(_existing(folder) for folder in written):
        if not os.access(folder, os.W_OK | os.X_OK):
            problems.append(f"{folder} cannot be written")
    if problems:
        return Finding(
            "folders",
            "wrong",
            "; ".join(problems),
            f"Make it, or give it to the user of the run: chown {_user()} FOLDER",
        )
    return Finding("folders", "ok", "landing can be read; warehouse, site, database and messages can be written")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return folder if folder.exists() or folder == folder.parent else _existing(folder.parent)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _disk(settings: Settings) -> Finding:
    folders = settings.folders
    published = folders.database.stat().st_size if folders.database.exists() else 0
    needed = SPARE_BYTES + 2 * published
    tight = []
    for folder in dict.fromkeys(_existing(place) for place in (folders.warehouse, folders.database.parent)):
        free = shutil.disk_usage(folder).free
        if free < needed:
            tight.append(f"{folder}: {free / 1e9:.1f} GB free, a run wants {needed / 1e9:.1f} GB")
    if tight:
        return Finding(
            "disk",
            "wrong",
            "; ".join(tight),
            "Make room, or set [retention]; a full disk stops a run and loses nothing.",
        )
    free = shutil.disk_usage(_existing(folders.warehouse)).free
    return Finding("disk", "ok", f"{free / 1e9:.1f} GB free")


def _engine(settings: Settings) -> Finding:
    if settings.machine.engine == "duckdb":
        return Finding("engine", "ok", "DuckDB, in the process of the run")
    from analysis.spark_engine import require_cluster

    return Finding("engine", "ok", require_cluster(settings))


def _warehouse(settings: Settings) -> Finding:
    from analysis.store import Warehouse

    warehouse = Warehouse(settings)
    if not warehouse.exists():
        return Finding("warehouse", "note", "Nothing has been ingested yet.", "Run: askwell run")
    problems = warehouse.problems()
    if problems:
        return Finding(
            "warehouse",
            "wrong",
            "; ".join(problems[:3]) + (f"; {len(problems) - 3} more" if len(problems) > 3 else ""),
            "Restore the warehouse folder from the backup, or ingest the landing folder into a new one.",
        )
    return Finding("warehouse", "ok", f"{warehouse.folder}: every part in force is there")


def _writer(settings: Settings) -> Finding:
    from analysis.store import Warehouse

    holder = Warehouse(settings).holder()
    return Finding("writer", "ok", "No process is writing." if holder is None else f"At work: {holder}")


def _database(settings: Settings) -> Finding:
    import duckdb

    from analysis.database import open_database
    from analysis.store import Warehouse

    editions = Warehouse(settings).editions()
    path = settings.folders.database
    if not editions:
        return Finding("database", "note", "Nothing has been published yet.", "Run: askwell run")
    again = "Run: askwell run --publish-only"
    if not path.exists():
        return Finding("database", "wrong", f"{path} is not there.", again)
    try:
        with open_database(path) as connection:
            row = connection.sql("SELECT max(edition) FROM editions WHERE is_current").fetchall()
    except (AskwellError, duckdb.Error) as problem:
        return Finding("database", "wrong", str(problem).splitlines()[0], again)
    if row[0][0] is not None and row[0][0] != editions[-1].number:
        return Finding("database", "wrong", f"It shows edition {row[0][0]}, the last is {editions[-1].number}.", again)
    return Finding("database", "ok", f"{path}, edition {editions[-1].number}")


def _site(settings: Settings) -> Finding:
    from analysis.store import Warehouse

    index = settings.folders.site / "index.html"
    if index.exists():
        return Finding("site", "ok", str(index))
    if not Warehouse(settings).editions():
        return Finding("site", "note", "Nothing has been published yet.", "Run: askwell run")
    return Finding("site", "wrong", f"{index} is not there.", "Run: askwell run --publish-only")


def _edition(settings: Settings, now: datetime) -> Finding:
    from analysis.store import Warehouse

    editions = Warehouse(settings).editions()
    if not editions or editions[-1].as_of is None:
        return Finding("last edition", "note", "None yet.", "Run: askwell run")
    last = editions[-1]
    yesterday = now.astimezone(settings.zone).date() - timedelta(days=1)
    told = f"edition {last.number}, counted to {last.as_of}, made {last.published_at:%Y-%m-%d %H:%M} UTC"
    behind = (yesterday - editions[-1].as_of).days
    if behind > 1:
        return Finding(
            "last edition", "wrong", f"{told}: {behind} days behind yesterday", "See “feeds” and “last runs” below."
        )
    return Finding("last edition", "ok", told)


def _feeds(settings: Settings, now: datetime) -> Finding:
    from analysis.freshness import silent_feeds
    from analysis.registry import read_registry
    from analysis.store import Warehouse

    days = Warehouse(settings).days_of_sources()
    silent = silent_feeds(days, read_registry(settings.folders.experiments, settings.shared), settings, now)
    if silent:
        return Finding(
            "feeds",
            "wrong",
            "; ".join(f"no {feed.name} since {feed.newest}" for feed in silent),
            "Look at the export; `askwell check` says what the landing folder would bring.",
        )
    if days.is_empty():
        return Finding(
            "feeds", "note", "No rows yet.", f"Put files under {settings.folders.landing}, then: askwell check"
        )
    return Finding("feeds", "ok", f"{days.select('source', 'kind').n_unique()} feeds, none is silent")


def _dagster_home(settings: Settings) -> Path | None:
    """Dagster's home where one has been made; looking does not make one."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.file.parent / ".dagster").absolute()
    if not (home / "dagster.yaml").exists():
        return None
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    return home


def _runs(settings: Settings) -> Finding:
    if _dagster_home(settings) is None:
        return Finding("last runs", "note", "None yet.", "Run: askwell run")
    from askwell.history import history
    from assets.alarms import failed_runs

    with history() as instance:
        failed = failed_runs(instance)
    if failed:
        return Finding("last runs", "wrong", " ".join(cause.happened for cause in failed), failed[0].remedy)
    return Finding("last runs", "ok", "The last run of each job succeeded.")


def _daemon(settings: Settings, now: datetime) -> Finding:
    home = _dagster_home(settings)
    cron = "No daemon has run here; `askwell run` by cron does the same work."
    if home is None:
        return Finding("daemon", "note", cron)
    from askwell.history import history

    with history() as instance:
        beats = instance.get_daemon_heartbeats()
    if not beats:
        return Finding("daemon", "note", cron)
    newest = max(beat.timestamp for beat in beats.values())
    age = now.timestamp() - newest
    errors = [error.message.strip().splitlines()[0] for beat in beats.values() for error in beat.errors or []]
    if age > HEARTBEAT_SECONDS:
        when = datetime.fromtimestamp(newest, UTC)
        return Finding(
            "daemon",
            "wrong",
            f"Stopped: the last sign of life is of {when:%Y-%m-%d %H:%M} UTC.",
            "Start it (systemctl start askwell-daemon, or dagster dev), and read its log.",
        )
    if errors:
        return Finding("daemon", "wrong", errors[0][:200], "Read the daemon's log; docs/runbook.md.")
    return Finding("daemon", "ok", f"A sign of life {max(age, 0):.0f} s ago")


def _messages(settings: Settings) -> Finding:
    people = (*(settings.alarms.mail_to or settings.delivery.mail_to), *settings.delivery.channel_urls())
    if not people:
        return Finding(
            "messages",
            "note",
            f"Nobody hears of alarms; they stand in {settings.delivery.folder} only.",
            "Set delivery.mail_to in askwell.toml, then try: askwell doctor --test-alarm",
        )
    return Finding("messages", "ok", f"Alarms go to {len(people)}; try it with --test-alarm")


def _test_alarm(settings: Settings, now: datetime) -> Finding:
    from analysis.alarms import tell_test
    from analysis.delivery import complaints

    receipts = tell_test(settings, now)
    said = complaints(receipts)
    if said:
        return Finding("test alarm", "wrong", " ".join(said), "Mend [delivery] in askwell.toml, and try again.")
    if not receipts:
        return Finding("test alarm", "note", f"Written to {settings.delivery.folder}; nobody is named to get it.")
    return Finding("test alarm", "ok", f"Sent to {len(receipts)}")
