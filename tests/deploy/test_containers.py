"""The container files, as far as a machine without a container engine goes: linted, and every service's own line run for real.

Not tried here: building the image, and the network between containers. The lines run with PostgreSQL from Debian; only
host names, ports and paths are other ones.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from tests.builders import TestPublisher, appeal_event, gift
from tests.deploy.test_backup import do, lines
from tests.services import (
    BIN,
    ROOT,
    Service,
    at_port,
    eventually,
    free_port,
    postgres,
    programs_of_postgres,
    run_states,
)

FOLDER = ROOT / "deploy" / "container"
KEY = "0123456789abcdef" * 2

needs_postgres = pytest.mark.skipif(
    programs_of_postgres() is None, reason="PostgreSQL is not installed on this machine"
)


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def a_job() -> None:
    nothing()


def says(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_containerfile_is_linted(tmp_path: Path) -> None:
    assert says(BIN / "hadolint", FOLDER / "Containerfile") == (0, "")
    bad = tmp_path / "Containerfile"
    bad.write_text("FROM python\nRUN cd /srv && apt-get install nginx\n", encoding="utf-8")
    code, said = says(BIN / "hadolint", bad)
    assert code != 0
    assert "DL3006" in said


def test_everything_that_the_image_copies_is_there_and_sent_to_the_builder() -> None:
    lines = (FOLDER / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = [
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    ]
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in allowed, name


def test_the_compose_file_meets_its_schema(tmp_path: Path) -> None:
    check = (BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    assert says(*check, FOLDER / "compose.yaml")[0] == 0
    bad = tmp_path / "compose.yaml"
    bad.write_text("services: {code: {image: askwell, comand: [askwell]}}\n", encoding="utf-8")
    assert "comand" in says(*check, bad)[1]


def compose() -> dict[str, dict[str, object]]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_files_that_services_mount_are_there_or_told_to_the_reader() -> None:
    told = (FOLDER / "compose.yaml").read_text(encoding="utf-8").partition("name: askwell")[0]
    for name, service in compose().items():
        for volume in service.get("volumes", []):  # type: ignore[union-attr]
            source = str(volume).partition(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).exists() or source.split("/")[1] in told, (name, source)


def test_only_the_code_location_has_the_data_and_only_the_site_is_open() -> None:
    services = compose()
    assert [name for name, one in services.items() if "./data:/data" in one.get("volumes", [])] == ["code"]  # type: ignore[operator]
    ports = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert ports == {"webserver": ["127.0.0.1:3000:3000"], "site": ["8080:8080"]}


class Deployment:
    """The services of compose.yaml, by their own lines, on this machine."""

    def __init__(self, publisher: TestPublisher, folder: Path, postgres_port: int) -> None:
        self.folder, self.publisher = folder, publisher
        self.ports = {"4000": str(free_port()), "3000": str(free_port())}
        self.home = folder / "dagster"
        (self.home / "storage").mkdir(parents=True)
        shutil.copy(FOLDER / "dagster.yaml", self.home)
        workspace = (FOLDER / "workspace.yaml").read_text(encoding="utf-8")
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(
            workspace.replace("host: code", "host: 127.0.0.1").replace("4000", self.ports["4000"]), encoding="utf-8"
        )
        self.env = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "ASKWELL_SETTINGS": str(publisher.folder / "askwell.toml"),
            "ASKWELL_HASH_KEY": KEY,
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_POSTGRES_URL": f"postgresql+psycopg2://askwell@127.0.0.1:{postgres_port}/askwell",
        }
        self.running: list[Service] = []

    def line(self, service: str) -> list[str]:
        """The command of a service, with the ports and paths of this machine."""
        command = [str(part) for part in compose()[service]["command"]]  # type: ignore[union-attr]
        here = {"/srv/askwell/deploy/workspace.yaml": str(self.workspace), "0.0.0.0": "127.0.0.1", **self.ports}  # noqa: S104
        for there, instead in here.items():
            command = [part.replace(there, instead) for part in command]
        return command

    def start(self, service: str) -> Service:
        log = self.folder / f"{service}.log"
        started = Service(self.line(service), log, cwd=self.publisher.folder, env=self.env)
        self.running.append(started)
        return started

    def is_healthy(self, service: str) -> bool:
        check = [part.replace("4000", self.ports["4000"]) for part in compose()[service]["healthcheck"]["test"][1:]]  # type: ignore[index]
        done = subprocess.run(check, env=self.env, capture_output=True, check=False)
        return done.returncode == 0

    def page(self, path: str) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", int(self.ports["3000"]), timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        except OSError:
            return None
        finally:
            connection.close()


@pytest.fixture
def deployment(publisher: TestPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{number}") for number in range(40)])
    publisher.land("contributions", [gift("10-05 13:00", f"r{number}") for number in range(0, 40, 9)])
    with postgres() as port:
        made = Deployment(publisher, tmp_path, port)
        for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "ASKWELL_HASH_KEY"):
            monkeypatch.setenv(name, made.env[name])
        yield made
        for service in reversed(made.running):
            service.end()


@needs_postgres
@pytest.mark.slow
def test_the_services_work_together_by_their_own_lines_with_postgresql(deployment: Deployment) -> None:
    deployment.start("code")
    eventually(lambda: deployment.is_healthy("code"), 90, "the code location answers")
    deployment.start("webserver")
    deployment.start("daemon")
    with dg.DagsterInstance.get() as instance:
        assert "Postgres" in type(instance.run_storage).__name__
        eventually(lambda: ("ingest", "SUCCESS") in run_states(instance), 150, "a file that landed is taken in")
    assert eventually(lambda: deployment.page("/server_info"), 60, "the page answers")
    assert deployment.publisher.warehouse.ledger()["accepted"].to_list() == [40, 5]


@needs_postgres
def test_the_history_in_postgresql_comes_back_by_the_lines_of_the_document(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.get() as instance:
        for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
            instance.create_run_for_job(a_job, status=status)
        before = run_states(instance)
    programs = programs_of_postgres()
    assert programs is not None
    old = str(deployment.env["DAGSTER_POSTGRES_URL"]).replace("+psycopg2", "")
    new = f"{old.removesuffix('/askwell')}/anew"
    subprocess.run([programs / "createdb", *at_port(int(old.rpartition(":")[2].partition("/")[0])), "anew"], check=True)
    monkeypatch.setenv("DAGSTER_DATABASE", old)
    monkeypatch.setenv("NEW_DATABASE", new)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    do(lines("restores\nit into a new, empty database:"), deployment.folder)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", new.replace("postgresql:", "postgresql+psycopg2:"))
    with dg.DagsterInstance.get() as instance:
        assert run_states(instance) == before == [("a_job", "SUCCESS"), ("a_job", "FAILURE")]
