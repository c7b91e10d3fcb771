"""The brief of the daily run, against a real mail server: it comes once, says what it could not do, and is a command too."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from askwell.brief import run_brief
from askwell.run import execute
from assets.definitions import EVERYTHING, build_defs
from assets.resources import Workspace
from tests.analysis.test_delivery import Postbox
from tests.builders import NOW

controller = pytest.importorskip("aiosmtpd.controller")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def postbox(port: int) -> Iterator[Postbox]:
    box = Postbox()
    server = controller.Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box
    server.stop()


@pytest.fixture
def told(workspace: Workspace, port: int) -> Workspace:
    """The workspace with a growth lead who gets a brief every day."""
    with workspace.settings_file.open("a", encoding="utf-8") as file:
        file.write(f'\n[delivery]\nmail_to = ["lead@ledger.example"]\nsmtp_host = "127.0.0.1"\nsmtp_port = {port}\n')
        file.write('\n[brief]\nevery = "day"\nsite_url = "https://reports.ledger.example"\n')
    return workspace


def run(workspace: Workspace, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_defs(workspace).resolve_job_def(EVERYTHING)
    return job.execute_in_process(instance=instance, partition_key="2026-10-02", raise_on_error=False)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node("brief")
    return {key: value.value for key, value in event.metadata.items()}


def test_the_daily_run_sends_one_brief_a_day_and_the_command_none_again(
    told: Workspace, postbox: Postbox, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(told, instance)
    assert first.success
    assert metadata(first)["sent"] == 1
    assert not metadata(run(told, instance))["due"]
    tomorrow = replace(told, clock=lambda: NOW + timedelta(days=1))
    assert metadata(run(tomorrow, instance))["sent"] == 0  # nothing new was published, so there is no new brief
    run_brief(told.settings_file, send=True, again=False, as_json=False)
    assert "lead@ledger.example: already sent" in capsys.readouterr().out
    (message,) = postbox.messages
    assert message["Subject"].startswith("Appeals: ")
    assert "https://reports.ledger.example/experiments/" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_mail_server_that_is_away_fails_the_step_after_the_site_is_there(
    told: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.delivery.WAITS", ())
    result = run(told, instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "lead@ledger.example: Connection refused" in str(failure.event_specific_data)
    folders = told.settings().folders
    assert (folders.site / "index.html").is_file()
    assert list((Path(told.settings().delivery.folder)).glob("brief-1.*"))


def test_a_mail_server_that_is_away_is_a_warning_of_the_command_and_the_next_run_tries_again(
    told: Workspace, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analysis.delivery.WAITS", ())
    box = Postbox()
    assert execute(told.settings_file, lambda *_: None, clock=lambda: NOW)["edition"] == 1
    assert "The brief did not reach everybody: lead@ledger.example: Connection refused" in capsys.readouterr().err
    server = controller.Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    execute(told.settings_file, lambda *_: None, clock=lambda: NOW)
    server.stop()
    briefs = [message for message in box.messages if message["Subject"].startswith("Appeals: ")]
    assert [message["To"] for message in briefs] == ["lead@ledger.example"], "beside it the alarm of the failed step"
    assert "did not reach" not in capsys.readouterr().err
