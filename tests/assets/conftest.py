"""A real Dagster instance in a temporary folder, and a workspace for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.resources import Workspace
from tests.builders import NOW, TestPublisher, appeal_event, gift


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster-home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as made:
        yield made


@pytest.fixture
def landed(publisher: TestPublisher) -> TestPublisher:
    """A publisher with 200 readers, half of them in each variant, and some gifts."""
    events = [
        appeal_event(f"10-{2 + number % 8:02d} 12:00", f"r{number}", ("current", "thanks")[number % 2])
        for number in range(200)
    ]
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "last")])
    publisher.land(
        "contributions", [gift(f"10-{3 + number % 8:02d} 12:00", f"r{number}") for number in range(0, 200, 9)]
    )
    return publisher


@pytest.fixture
def workspace(landed: TestPublisher) -> Workspace:
    return Workspace(landed.folder / "askwell.toml", clock=lambda: NOW)
