"""The daemon for real: a run that hangs is noticed, everything killed at once is finished after the next start.

The daemon is started by the lines of its systemd unit. A run hangs because somebody else holds the warehouse.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from analysis.checking import files_out_of_balance
from askwell.run import prepare_dagster_home
from assets.alarms import failed_runs
from tests.builders import TestPublisher, appeal_event, gift
from tests.services import ROOT, Service, eventually, run_states

UNIT = ROOT / "deploy" / "systemd" / "askwell-daemon.service"

pytestmark = pytest.mark.slow


def lines_of(unit: Path, name: str) -> list[str]:
    """Start lines of a unit, with this checkout in the place of /srv/askwell."""
    found = re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.replace("/srv/askwell", str(ROOT)) for line in found]


class Daemon:
    """The daemon of a publisher, started as the unit starts it."""

    def __init__(self, publisher: TestPublisher) -> None:
        self.publisher = publisher
        self.home = publisher.folder / ".dagster"
        self.env = {
            **os.environ,
            "ASKWELL_SETTINGS": str(publisher.folder / "askwell.toml"),
            "DAGSTER_HOME": str(self.home),
            "ASKWELL_HASH_KEY": "0123456789abcdef" * 2,
        }
        self.service: Service | None = None
        self.orphans: Service | None = None

    def start(self) -> None:
        for line in lines_of(UNIT, "ExecStartPre"):
            subprocess.run(line.split(), cwd=ROOT, env=self.env, check=True, capture_output=True)
        (line,) = lines_of(UNIT, "ExecStart")
        self.service = Service(line.split(), self.publisher.folder / "daemon.log", cwd=ROOT, env=self.env)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.service is not None:
            self.service.end(how)
            self.service = None

    def kill_alone(self) -> None:
        """End the daemon itself; what it started lives on until the test ends."""
        assert self.service is not None
        self.service.process.kill()
        self.service.process.wait(10)
        self.orphans, self.service = self.service, None


@pytest.fixture
def daemon(publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{number}") for number in range(40)])
    publisher.land("contributions", [gift("10-05 13:00", f"r{number}") for number in range(0, 40, 9)])
    made = Daemon(publisher)
    monkeypatch.setenv("DAGSTER_HOME", str(made.home))
    monkeypatch.setenv("ASKWELL_HASH_KEY", made.env["ASKWELL_HASH_KEY"])
    yield made
    made.kill()
    if made.orphans is not None:
        made.orphans.end(signal.SIGKILL)


def impatient(daemon: Daemon, **settings: int) -> None:
    """Dagster's settings with shorter times than those of a server."""
    file = prepare_dagster_home(daemon.publisher.folder) / "dagster.yaml"
    text = file.read_text(encoding="utf-8")
    for name, seconds in settings.items():
        text = re.sub(rf"{name}: \d+", f"{name}: {seconds}", text)
    file.write_text(text, encoding="utf-8")


def test_a_run_that_hangs_is_ended_and_what_dies_with_the_machine_is_finished(daemon: Daemon) -> None:
    impatient(daemon, poll_interval_seconds=2, max_runtime_seconds=20, max_retries=2)
    warehouse = daemon.publisher.warehouse
    with dg.DagsterInstance.get() as instance:
        with warehouse.writing(holder="a test that lets go of nothing"):
            daemon.start()
            eventually(lambda: ("ingest", "FAILURE") in run_states(instance), 120, "the run that hangs is ended")
            (cause,) = failed_runs(instance)
            assert "20 seconds" in cause.happened, cause.happened
            eventually(lambda: run_states(instance)[-1:] == [("ingest", "STARTED")], 120, "and asked for again")
            daemon.kill()  # the daemon, its code server and the run, at once and without a word
        assert run_states(instance)[-1] == ("ingest", "STARTED"), "nobody was there to say that it is over"
        assert warehouse.holder() is None, "no lock outlives its process"
        daemon.start()
        eventually(
            lambda: run_states(instance)[-1:] == [("ingest", "SUCCESS")], 120, "the next start finishes the work"
        )
        daemon.kill(signal.SIGTERM)
        assert [status for _, status in run_states(instance)] == ["FAILURE", "FAILURE", "SUCCESS"]
    assert warehouse.ledger()["accepted"].to_list() == [40, 5]
    assert files_out_of_balance(warehouse).is_empty()
    assert len(warehouse.parts("daily_exposures")) == 1


def test_a_daemon_killed_alone_leaves_a_run_that_is_neither_lost_nor_done_twice(daemon: Daemon) -> None:
    """As where no systemd takes its children away: in containers, or on a console."""
    impatient(daemon, poll_interval_seconds=2)
    warehouse = daemon.publisher.warehouse
    with dg.DagsterInstance.get() as instance:
        with warehouse.writing(holder="a test that lets go in a moment"):
            daemon.start()
            eventually(lambda: run_states(instance) == [("ingest", "STARTED")], 120, "a run has begun, and waits")
            daemon.kill_alone()
            daemon.start()
            assert run_states(instance) == [("ingest", "STARTED")], "a run that may be alive is not declared dead"
        eventually(lambda: ("ingest", "SUCCESS") in run_states(instance), 120, "the work is done")
    assert warehouse.ledger()["accepted"].to_list() == [40, 5]
    assert files_out_of_balance(warehouse).is_empty()
    assert len(warehouse.parts("daily_exposures")) == 1
