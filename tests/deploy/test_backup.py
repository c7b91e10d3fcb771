"""The lines of docs/operations.md, "Backup", run as they stand: everything is lost, and everything is there again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from askwell.doctor import examine
from askwell.run import execute
from tests.builders import NOW, TestPublisher, appeal_event, gift
from tests.end_to_end.test_recovery import result
from tests.services import BIN, ROOT, run_states


def lines(after: str, text: str | None = None) -> list[str]:
    """The block of commands that follows a sentence of the section on backups."""
    text = text or (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("## Backup")[2].partition("\n## ")[0]
    found = re.search(r"\n\n((?:    .*\n)+)", section.partition(after)[2])
    assert found is not None, after
    return [line.strip() for line in found[1].splitlines()]


def do(commands: list[str], folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)


def run(folder: Path) -> None:
    execute(folder / "askwell.toml", lambda *_: None, clock=lambda: NOW)


@pytest.mark.slow
def test_what_was_lost_comes_back_and_goes_on(
    publisher: TestPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASKWELL_HASH_KEY", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = publisher.folder
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{number}") for number in range(60)])
    publisher.land("contributions", [gift("10-05 13:00", f"r{number}") for number in range(0, 60, 9)])
    run(folder)
    before = result(folder)
    do(lines("with the daemon stopped:"), folder)
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("backup.tar.gz", "askwell.key.copy"):
        shutil.move(folder / name, kept)
    shutil.move(folder / "landing", kept)
    shutil.rmtree(folder)
    folder.mkdir()
    for file in kept.glob("*.*"):
        shutil.copy(file, folder)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    do(lines("To restore"), folder)
    assert result(folder) == before
    monkeypatch.setenv("DAGSTER_HOME", str(folder / ".dagster"))
    with dg.DagsterInstance.get() as instance:
        assert run_states(instance) == [("everything", "SUCCESS"), ("publish", "SUCCESS")]
    shutil.move(kept / "landing", folder)
    publisher.land("contributions", [gift("10-05 14:00", "r1", 700)])
    run(folder)
    outcomes = {row[0]: row for row in contributors(folder)}
    assert outcomes["current"][1] == 8, "the reader of yesterday is the reader of today: the key is the same"
    wrong = {one.subject for one in examine(folder / "askwell.toml", NOW) if one.state == "wrong"}
    assert wrong <= {"last edition", "feeds"}, "the data of this publisher are old"


def contributors(folder: Path) -> list[tuple[str, int]]:
    import duckdb

    with duckdb.connect(str(folder / "askwell.duckdb"), read_only=True) as database:
        return database.sql(
            "SELECT variant_id, x FROM variant_results WHERE metric = 'conversion' AND basis = 'exposed' AND "
            "segment_kind = 'all' ORDER BY as_of"
        ).fetchall()
