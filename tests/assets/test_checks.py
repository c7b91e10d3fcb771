"""Every asset check is seen to pass and to fail."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets import checks
from assets.definitions import EVERYTHING, build_defs
from assets.resources import Workspace
from tests.builders import NOW, TestPublisher, appeal_event


def run(workspace: Workspace, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return (
        build_defs(workspace)
        .resolve_job_def(EVERYTHING)
        .execute_in_process(instance=instance, partition_key="2026-10-02", raise_on_error=False)
    )


def change_catalogue(workspace: Workspace, statement: str) -> None:
    connection = sqlite3.connect(workspace.settings().folders.warehouse / "catalog.sqlite")
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def done(workspace: Workspace, instance: dg.DagsterInstance) -> Workspace:
    assert run(workspace, instance).success
    return workspace


def test_nothing_is_lost_passes(done: Workspace) -> None:
    assert checks.nothing_is_lost(done).passed


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE files SET received = received + 1 WHERE file_id = 1",
        "UPDATE files SET accepted = accepted - 1, duplicate = duplicate + 1 WHERE file_id = 1",
        "UPDATE parts SET retired_at = '2026-10-01' WHERE part_id = (SELECT min(part_id) FROM parts WHERE file_id = 1)",
    ],
)
def test_nothing_is_lost_fails_where_a_row_is_missing(done: Workspace, statement: str) -> None:
    change_catalogue(done, statement)
    assert not checks.nothing_is_lost(done).passed


def test_a_lost_row_stops_everything_below(
    done: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    change_catalogue(done, "UPDATE files SET received = received + 1 WHERE file_id = 1")
    landed.land("appeal_events", [appeal_event("10-05 12:00", "new")])
    result = run(done, instance)
    assert not result.success
    assert not result.get_asset_materialization_events() or {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key
    } == {"validated_events"}


def test_the_newest_day_may_be_yesterday(done: Workspace) -> None:
    day_after = Workspace(done.settings_file, clock=lambda: NOW.replace(month=10, day=28))
    assert checks.newest_day_is_yesterday(day_after).passed


def test_a_feed_that_stopped_is_seen(done: Workspace) -> None:
    result = checks.newest_day_is_yesterday(Workspace(done.settings_file, clock=lambda: NOW + timedelta(days=3)))
    assert not result.passed
    assert "2026-10-27" in str(result.description)


def test_days_count_once_passes(done: Workspace) -> None:
    assert checks.days_count_once(done).passed


def test_days_count_once_fails_on_two_partials_of_a_day(done: Workspace) -> None:
    change_catalogue(
        done,
        "INSERT INTO parts (table_name, scope, path, rows, created_at) "
        "SELECT table_name, scope, path || '2', rows, created_at FROM parts WHERE table_name = 'daily_exposures' LIMIT 1",
    )
    assert not checks.days_count_once(done).passed


def test_no_experiment_to_fix_passes(done: Workspace) -> None:
    assert checks.no_experiment_to_fix(done).passed


def test_a_broken_split_is_named(publisher: TestPublisher, instance: dg.DagsterInstance) -> None:
    events = [
        appeal_event(f"10-{2 + number % 8:02d} 12:00", f"r{number}", "thanks" if number % 3 else "current")
        for number in range(3000)
    ]
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "last")])
    workspace = Workspace(publisher.folder / "askwell.toml", clock=lambda: NOW)
    assert run(workspace, instance).success, "the check warns; it does not stop the other experiments"
    result = checks.no_experiment_to_fix(workspace)
    assert not result.passed
    assert "thanks" in str(result.description)


def test_the_site_tells_the_verdicts(done: Workspace) -> None:
    assert checks.site_tells_the_verdicts(done).passed


def test_a_page_that_tells_something_else_is_seen(done: Workspace) -> None:
    page = Path(done.settings().folders.site) / "experiments" / "thanks.html"
    page.write_text(page.read_text(encoding="utf-8").replace("Too early", "Use it"), encoding="utf-8")
    assert not checks.site_tells_the_verdicts(done).passed
