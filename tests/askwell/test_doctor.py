"""The doctor, on a workspace in order and with each thing broken in turn; it changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from askwell.cli import app
from askwell.doctor import SomethingIsWrong, examine
from askwell.history import HistoryUnusable
from askwell.run import execute
from tests.builders import NOW, TestPublisher, appeal_event, gift
from tests.services import BIN

#: The morning after the last day of the data.
MORNING = datetime(2026, 10, 29, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a publisher with one edition, whose site is a page."""
    publisher = TestPublisher(tmp_path_factory.mktemp("doctor") / "publisher")
    publisher.register()
    days = [f"10-{day:02d} 12:00" for day in range(2, 29)]
    publisher.land("appeal_events", [appeal_event(day, f"r{n}") for day in days for n in range(3)])
    publisher.land("contributions", [gift(day, "r1") for day in days])
    publisher.statistics()
    warehouse, experiments = publisher.warehouse, publisher.experiments
    edition = draft(warehouse, experiments, NOW)
    with warehouse.writing():
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
    (publisher.folder / "site").mkdir()
    (publisher.folder / "site" / "index.html").write_text("<p>", encoding="utf-8")
    return publisher.folder


@pytest.fixture
def working(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestPublisher:
    """A copy of it, to be broken."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    shutil.copytree(made, tmp_path / "publisher", dirs_exist_ok=True)
    return TestPublisher(tmp_path / "publisher")


def looks(publisher: TestPublisher, now: datetime = MORNING) -> dict[str, tuple[str, str]]:
    return {one.subject: (one.state, one.found) for one in examine(publisher.folder / "askwell.toml", now)}


def test_a_workspace_in_order_is_well(working: TestPublisher) -> None:
    before = {path: path.stat().st_mtime_ns for path in working.folder.rglob("*")}
    found = looks(working)
    assert [(subject, told) for subject, (state, told) in found.items() if state == "wrong"] == []
    assert found["last edition"][1].startswith("edition 1, counted to 2026-10-28")
    assert found["daemon"][0] == "note"
    after = {path: path.stat().st_mtime_ns for path in working.folder.rglob("*") if path.suffix != ".sqlite"}
    assert {path: before[path] for path in after} == after, "the doctor looks and changes nothing"


def test_a_fresh_folder_has_notes_and_nothing_wrong(publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (publisher.folder / "landing").mkdir()
    found = looks(publisher)
    assert {state for state, _ in found.values()} == {"ok", "note"}
    assert not (publisher.folder / "askwell.key").exists()
    assert not (publisher.folder / "warehouse").exists()
    assert not (publisher.folder / ".dagster").exists()


def settings_with_a_mistake(made: TestPublisher) -> None:
    made.settings_more = "[retention]\ngrace_days = 0"
    made.write_settings()


def key_readable_by_others(made: TestPublisher) -> None:
    (made.folder / "askwell.key").chmod(0o644)


def key_that_is_gone(made: TestPublisher) -> None:
    (made.folder / "askwell.key").unlink()


def part_that_is_gone(made: TestPublisher) -> None:
    made.warehouse.parts("appeal_events")[0].path.unlink()


def catalogue_that_is_none(made: TestPublisher) -> None:
    (made.folder / "warehouse" / "catalog.sqlite").write_bytes(b"not a database" * 1000)


def catalogue_of_a_later_askwell(made: TestPublisher) -> None:
    with sqlite3.connect(made.folder / "warehouse" / "catalog.sqlite") as catalogue:
        catalogue.execute("UPDATE warehouse SET schema_version = 99")


def database_that_is_none(made: TestPublisher) -> None:
    (made.folder / "askwell.duckdb").write_bytes(b"nothing" * 5000)


def database_that_is_gone(made: TestPublisher) -> None:
    (made.folder / "askwell.duckdb").unlink()


def site_that_is_gone(made: TestPublisher) -> None:
    (made.folder / "site" / "index.html").unlink()


def landing_that_is_gone(made: TestPublisher) -> None:
    (made.folder / "landing").rename(made.folder / "elsewhere")


def registry_with_a_mistake(made: TestPublisher) -> None:
    (made.folder / "experiments" / "thanks.toml").write_text("id = 3", encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "subject", "told"),
    [
        (settings_with_a_mistake, "settings", "grace_days"),
        (registry_with_a_mistake, "experiments", "thanks.toml"),
        (key_readable_by_others, "hash key", "chmod 600"),
        (key_that_is_gone, "hash key", "is gone"),
        (landing_that_is_gone, "folders", "does not exist"),
        (part_that_is_gone, "warehouse", "is gone or empty"),
        (catalogue_that_is_none, "warehouse", "cannot be read"),
        (catalogue_of_a_later_askwell, "warehouse", "version 99"),
        (database_that_is_none, "database", "cannot be opened"),
        (database_that_is_gone, "database", "is not there"),
        (site_that_is_gone, "site", "is not there"),
    ],
)
def test_what_is_broken_is_named_with_its_remedy(
    working: TestPublisher, harm: Callable[[TestPublisher], None], subject: str, told: str
) -> None:
    harm(working)
    found = {one.subject: one for one in examine(working.folder / "askwell.toml", MORNING)}
    assert found[subject].state == "wrong"
    assert told in found[subject].found
    assert found[subject].remedy or "run:" in found[subject].found or subject == "experiments"


def test_days_without_an_edition_and_silent_feeds_are_wrong(working: TestPublisher) -> None:
    found = looks(working, MORNING + timedelta(days=5))
    assert found["last edition"][0] == "wrong"
    assert "5 days behind yesterday" in found["last edition"][1]
    assert found["feeds"][0] == "ok", "one gift a day, and a test that is over: no silence is rare enough"
    assert looks(working, MORNING + timedelta(days=12))["feeds"] == ("wrong", "no contributions since 2026-10-28")


def test_a_disk_that_is_nearly_full_is_wrong(working: TestPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("askwell.doctor.SPARE_BYTES", 1 << 60)
    assert looks(working)["disk"][0] == "wrong"


def test_who_is_writing_is_said(working: TestPublisher) -> None:
    with working.warehouse.writing(holder="askwell run"):
        assert looks(working)["writer"][1].startswith("At work: askwell run, process ")
    assert looks(working)["writer"][1] == "No process is writing."


@pytest.mark.parametrize(("age", "state"), [(60, "ok"), (3600, "wrong")])
def test_a_daemon_without_a_sign_of_life_is_wrong(
    working: TestPublisher, monkeypatch: pytest.MonkeyPatch, age: int, state: str
) -> None:
    from dagster._daemon.types import DaemonHeartbeat

    home = working.folder / ".dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(MORNING.timestamp() - age, "SENSOR", "one", []))
    assert looks(working)["daemon"][0] == state


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("storage: {postgres: {postgres_url: 'postgresql+psycopg2://askwell@127.0.0.1:1/askwell'}}", "refused"),
        ("storage: {postgres: {postgres_url: 'postgresql+asyncpg://askwell@127.0.0.1:1/askwell'}}", "asyncpg"),
        ("storrage: {}", "storrage"),
    ],
    ids=["PostgreSQL is down", "its driver is missing", "a mistake in dagster.yaml"],
)
def test_a_history_that_cannot_be_opened_is_a_sentence_of_doctor_and_run(
    working: TestPublisher, monkeypatch: pytest.MonkeyPatch, storage: str, said: str
) -> None:
    pytest.importorskip("dagster_postgres")
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0)
    home = working.folder / ".dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(storage, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    found = looks(working)
    for subject in ("last runs", "daemon"):
        assert found[subject][0] == "wrong"
        assert said in found[subject][1], found[subject]
    with pytest.raises(HistoryUnusable, match=said):
        execute(working.folder / "askwell.toml", lambda *_: None)


def test_a_folder_that_the_machine_refuses_is_a_sentence_of_run(working: TestPublisher) -> None:
    """Nobody can make a folder in /sys, root neither."""
    done = subprocess.run(
        [BIN / "askwell", "run", "-s", working.folder / "askwell.toml"],
        env={**os.environ, "DAGSTER_HOME": "/sys/askwell"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "/sys/askwell: " in done.stderr, done.stderr
    assert "askwell doctor" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_prints_a_line_each_and_leaves_with_one_where_something_is_wrong(working: TestPublisher) -> None:
    settings = str(working.folder / "askwell.toml")
    done = CliRunner().invoke(app, ["doctor", "-s", settings, "--json"])
    found = json.loads(done.stdout)
    assert not found["ok"], "the edition of this publisher is long behind"
    assert isinstance(done.exception, SomethingIsWrong)
    told = CliRunner().invoke(app, ["doctor", "-s", settings, "--test-alarm"]).stdout
    assert "test alarm" in told
    assert len(told.splitlines()) <= 30, "one screen"
    (message,) = list(Path(working.settings.delivery.folder).glob("alarm-test-*.txt"))
    assert "This is a test" in message.read_text(encoding="utf-8")
