"""Before a daemon starts: runs that a stop of the machine left as started are declared dead, and no others."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from askwell.dagster_home import after_stop
from askwell.run import RUN_TAG, prepare_dagster_home
from tests.builders import TestPublisher


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def some_job() -> None:
    nothing()


def left_started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    run = instance.create_run_for_job(some_job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.fixture
def home(publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(publisher.folder / "home"))
    return prepare_dagster_home(publisher.folder)


def test_only_what_an_earlier_daemon_left_is_declared_dead(publisher: TestPublisher, home: Path) -> None:
    del home
    with dg.DagsterInstance.get() as instance:
        daemons, by_hand = left_started(instance, {}), left_started(instance, {RUN_TAG: "askwell run"})
        assert after_stop(publisher.folder) == 1
        assert status(instance, daemons) == dg.DagsterRunStatus.FAILURE
        assert status(instance, by_hand) == dg.DagsterRunStatus.STARTED
        assert after_stop(publisher.folder) == 0


def test_nothing_is_declared_dead_while_somebody_writes(publisher: TestPublisher, home: Path) -> None:
    del home
    with dg.DagsterInstance.get() as instance:
        run = left_started(instance, {})
        with publisher.warehouse.writing(holder="a run that lives"):
            assert after_stop(publisher.folder) == 0
        assert status(instance, run) == dg.DagsterRunStatus.STARTED


def test_settings_with_a_mistake_do_not_keep_the_daemon_from_starting(publisher: TestPublisher, home: Path) -> None:
    del home
    (publisher.folder / "askwell.toml").write_text("[publisher]\n", encoding="utf-8")
    assert after_stop(publisher.folder) == 0
