"""The alarms sensor over real runs: a failed run, a verdict that is held back, and a job that recovered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from analysis.edition import draft, results, write_decisions, write_estimates, write_statistics
from analysis.experiment_result import ExperimentResult
from assets.alarms import failed_runs, raise_alarms
from assets.definitions import EVERYTHING, INGEST, build_defs
from assets.resources import Workspace
from dashboards.alarms import verdict_causes
from tests.builders import NOW, TestPublisher, appeal_event, gift


def run(workspace: Workspace, instance: dg.DagsterInstance, job: str = EVERYTHING) -> bool:
    made = build_defs(workspace).resolve_job_def(job)
    return made.execute_in_process(instance=instance, partition_key="2026-10-02", raise_on_error=False).success


def messages(workspace: Workspace) -> list[str]:
    folder: Path = workspace.settings().delivery.folder
    return [file.read_text(encoding="utf-8") for file in sorted(folder.glob("alarm-*.txt"))]


def test_a_failed_run_is_a_cause_until_the_next_one_succeeds(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    registry = workspace.settings().folders.experiments / "thanks.toml"
    whole = registry.read_text(encoding="utf-8")
    registry.write_text(whole.replace("planned_end", "planned_ende"), encoding="utf-8")
    assert not run(workspace, instance)
    assert not run(workspace, instance)
    (cause,) = failed_runs(instance)
    assert "planned_ende" in cause.happened
    registry.write_text(whole, encoding="utf-8")
    raise_alarms(workspace, instance)
    raise_alarms(workspace, instance)
    (text,) = [text for text in messages(workspace) if "The run everything failed" in text]
    assert "planned_ende" in text
    assert "askwell doctor" in text
    assert run(workspace, instance)
    assert failed_runs(instance) == []


def test_two_jobs_are_two_causes(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    (workspace.settings().folders.experiments / "thanks.toml").write_text("", encoding="utf-8")
    assert not run(workspace, instance)
    assert not run(workspace, instance, INGEST)
    assert {cause.key.split("/")[1] for cause in failed_runs(instance)} == {EVERYTHING, INGEST}


def test_a_trust_check_that_blocks_is_told_in_the_words_of_the_page(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    landed.land("appeal_events", [appeal_event("10-06 12:00", f"more{number}", "thanks") for number in range(900)])
    assert run(workspace, instance)
    raise_alarms(workspace, instance)
    raise_alarms(workspace, instance)
    (text,) = messages(workspace)
    assert "Thanks or urgency: readers were not split as planned" in text
    assert "docs/methods/trust-checks.md" in text


def test_a_silent_feed_is_told(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    assert run(workspace, instance)
    later = Workspace(workspace.settings_file, clock=lambda: NOW + timedelta(days=1))
    raise_alarms(later, instance)
    assert any("No contributions since 2026-10-10" in text for text in messages(workspace))


def test_the_sensor_says_what_it_did(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    sensor = build_defs(workspace).get_repository_def().get_sensor_def("alarms")
    with dg.build_sensor_context(instance=instance, resources={"workspace": workspace}) as context:
        result = sensor(context)
    assert isinstance(result, dg.SkipReason)
    assert "Nothing new needs a person" in str(result.skip_message)


def test_the_sensor_says_what_keeps_it_from_looking(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    sensor = build_defs(Workspace(tmp_path / "askwell.toml")).get_repository_def().get_sensor_def("alarms")
    with dg.build_sensor_context(
        instance=instance, resources={"workspace": Workspace(tmp_path / "askwell.toml")}
    ) as context:
        result = sensor(context)
    assert "does not exist" in str(result.skip_message)  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> ExperimentResult:
    """The result of a test that is too early to decide."""
    publisher = TestPublisher(tmp_path_factory.mktemp("alarms") / "publisher")
    publisher.register()
    days = [f"10-{2 + number % 8:02d} 12:00" for number in range(200)]
    events = [appeal_event(day, f"r{number}", ("current", "thanks")[number % 2]) for number, day in enumerate(days)]
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "last")])
    publisher.land("contributions", [gift(day, f"r{n}") for n, day in enumerate(days) if n % 9 == 0])
    publisher.statistics()
    warehouse, experiments = publisher.warehouse, publisher.experiments
    edition = draft(warehouse, experiments, NOW)
    with warehouse.writing():
        for step in (write_statistics, write_estimates, write_decisions):
            step(warehouse, experiments, edition)
    (result,) = results(warehouse, experiments, edition)
    return result


def test_a_test_that_is_too_early_is_no_cause(told: ExperimentResult) -> None:
    assert verdict_causes([told]) == []


@pytest.mark.parametrize("verdict", ["use_it", "stop_harm", "no_difference", "cannot_tell"])
def test_a_verdict_that_somebody_acts_on_is_a_cause(told: ExperimentResult, verdict: str) -> None:
    decided = {**told.decision, "verdict": verdict, "variant_id": "thanks", "basis": "proven", "reasons": []}
    (cause,) = verdict_causes([replace(told, decision=decided)], "https://reports.example")
    assert (cause.kind, cause.subject.startswith("Thanks or urgency: ")) == ("verdict", True)
    assert "https://reports.example/experiments/thanks.html" in cause.remedy
