"""What runs by itself: the landing sensor over several ticks, and the daily schedule through to a new page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.definitions import EVERYTHING, INGEST, build_defs
from assets.resources import Workspace
from tests.builders import TestPublisher, appeal_event


def tick(workspace: Workspace, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    sensor = build_defs(workspace).get_repository_def().get_sensor_def("landing")
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"workspace": workspace})
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_the_sensor_sees_a_file_once(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    first = tick(workspace, instance, None)
    assert [request.tags["dagster/asset_partition_range_start"] for request in first.run_requests or []] == [
        "2026-10-01"
    ]
    second = tick(workspace, instance, first.cursor)
    assert not second.run_requests
    assert second.skip_reason


def test_the_sensor_sees_content_and_not_time(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    first = tick(workspace, instance, None)
    path = next(landed.folder.glob("landing/appeal_events/*/*"))
    path.write_bytes(path.read_bytes())  # touched: a new time, the same content
    second = tick(workspace, instance, first.cursor)
    assert not second.run_requests
    landed.land("appeal_events", [appeal_event("10-05 12:00", "new")], path.name)
    third = tick(workspace, instance, second.cursor)
    assert len(third.run_requests or []) == 1
    assert (third.run_requests or [])[0].run_key != (first.run_requests or [])[0].run_key


def test_the_sensor_run_ingests_what_landed(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    (request,) = tick(workspace, instance, None).run_requests or []
    result = build_defs(workspace).resolve_job_def(INGEST).execute_in_process(instance=instance, tags=request.tags)
    assert result.success
    assert workspace.warehouse().ledger().height == 2


def test_the_sensor_waits_for_settings(tmp_path, instance: dg.DagsterInstance) -> None:
    workspace = Workspace(tmp_path / "askwell.toml")
    sensor = build_defs(workspace).get_repository_def().get_sensor_def("landing")
    result = sensor(dg.build_sensor_context(instance=instance, resources={"workspace": workspace}))
    assert isinstance(result, dg.SkipReason)
    assert "does not exist" in str(result.skip_message)


def test_a_scheduled_tick_publishes_a_new_page(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    definitions = build_defs(workspace)
    schedule = definitions.get_repository_def().get_schedule_def("daily_report")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "Europe/London")
    job = definitions.resolve_job_def(EVERYTHING)
    index = landed.folder / "site" / "index.html"
    seen = []
    for day in (28, 29):
        landed.land("appeal_events", [appeal_event(f"10-{day - 1} 12:00", f"late{day}")])
        moment = datetime(2026, 10, day, 6, tzinfo=UTC)
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=moment, repository_def=definitions.get_repository_def()
        )
        (request,) = schedule.evaluate_tick(context).run_requests or []
        assert request.partition_key == f"2026-10-{day - 1}"
        result = job.execute_in_process(instance=instance, partition_key=request.partition_key, tags=request.tags)
        assert result.success
        seen.append(index.read_text(encoding="utf-8"))
    assert "27 Oct 2026" in seen[0]
    assert "28 Oct 2026" in seen[1]


def test_running_again_changes_nothing(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    job = build_defs(workspace).resolve_job_def(EVERYTHING)
    states = []
    for _ in range(2):
        assert job.execute_in_process(instance=instance, partition_key="2026-10-02").success
        site = landed.folder / "site"
        states.append(
            {
                "editions": [(edition.number, edition.published_at) for edition in workspace.warehouse().editions()],
                "pages": {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*.html")},
                "parts": [part.path.name for part in workspace.warehouse().parts("cohort_cells")],
            }
        )
    assert states[0] == states[1]


def test_the_sensor_asks_again_for_a_run_that_failed_and_waits_longer_each_time(
    workspace: Workspace, instance: dg.DagsterInstance
) -> None:
    first = tick(workspace, instance, None)
    (request,) = first.run_requests or []
    job = build_defs(workspace).resolve_job_def(INGEST)
    registry = workspace.settings().folders.experiments / "thanks.toml"
    registry.write_text("", encoding="utf-8")

    def fail(asked: dg.RunRequest) -> float:
        tags = {**asked.tags, "dagster/sensor_name": "landing", "dagster/run_key": str(asked.run_key)}
        done = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        assert not done.success
        record = instance.get_run_record_by_id(done.run_id)
        assert record is not None
        assert record.end_time is not None
        return record.end_time

    def asks(minutes_after: float, ended: float) -> list[dg.RunRequest]:
        moment = datetime.fromtimestamp(ended + 60 * minutes_after, UTC)
        return list(tick(replace(workspace, clock=lambda: moment), instance, first.cursor).run_requests or [])

    ended = fail(request)
    assert asks(9, ended) == []
    (second,) = asks(11, ended)
    assert second.run_key == f"{request.run_key}-again-2"
    assert second.tags["dagster/asset_partition_range_start"] == request.tags["dagster/asset_partition_range_start"]
    ended = fail(second)
    assert asks(19, ended) == []
    (third,) = asks(21, ended)
    assert third.run_key == f"{request.run_key}-again-3"
    ended = fail(dg.RunRequest(run_key=f"{request.run_key}-again-6", tags={**third.tags, "askwell/attempt": "6"}))
    assert asks(10_000, ended) == [], "after six attempts a person is asked"


def test_schedules_keep_the_publishers_hour_over_the_end_of_summer_time(workspace: Workspace) -> None:
    repository = build_defs(workspace).get_repository_def()
    hours = {}
    for name in ("daily_report", "weekly_retention"):
        schedule = repository.get_schedule_def(name)
        moments = schedule_execution_time_iterator(
            datetime(2026, 10, 23, tzinfo=UTC).timestamp(), schedule.cron_schedule, schedule.execution_timezone
        )
        hours[name] = [next(moments).astimezone(UTC).strftime("%d %H:%M") for _ in range(4)]
    assert hours["daily_report"] == ["23 05:00", "24 05:00", "25 06:00", "26 06:00"]
    assert hours["weekly_retention"] == ["25 04:30", "01 04:30", "08 04:30", "15 04:30"]


def test_schedules_keep_the_publishers_hour_over_the_start_of_summer_time_and_in_other_zones(
    workspace: Workspace, landed: TestPublisher
) -> None:
    landed.zone = "America/New_York"
    landed.write_settings()
    schedule = build_defs(workspace).get_repository_def().get_schedule_def("daily_report")
    moments = schedule_execution_time_iterator(
        datetime(2027, 3, 12, tzinfo=UTC).timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )
    found = [next(moments).astimezone(UTC).strftime("%d %H:%M") for _ in range(4)]
    assert found == ["12 11:00", "13 11:00", "14 10:00", "15 10:00"]


def test_late_rows_compute_again_what_they_touch_and_nothing_else(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    landed.register("other", starts="2026-10-20", planned_end="2026-10-28")
    landed.land(
        "appeal_events", [appeal_event(f"10-{20 + n % 5} 12:00", f"o{n}", experiment_id="other") for n in range(20)]
    )
    job = build_defs(workspace).resolve_job_def(EVERYTHING)

    def made() -> dict[str, set[str]]:
        assert job.execute_in_process(instance=instance, partition_key="2026-10-28").success
        tables = ("daily_exposures", "daily_visits", "cohort_cells")
        return {table: {part.path.name for part in workspace.warehouse().parts(table)} for table in tables}

    before = made()
    # Two days late, in a bundle of another day: of two days, and of one experiment.
    landed.land(
        "appeal_events", [appeal_event("10-04 12:00", "late"), appeal_event("10-06 12:00", "later")], day="2026-10-28"
    )
    after = made()
    assert len(before["daily_exposures"] - after["daily_exposures"]) == 2, "the two days"
    assert len(before["cohort_cells"] - after["cohort_cells"]) == 1, "the one experiment"
    assert len(before["cohort_cells"] & after["cohort_cells"]) >= 1
    assert made() == after, "and again nothing"


def test_files_of_many_days_are_one_run_whose_key_is_their_content(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    first = tick(workspace, instance, None)
    for day in range(3, 10):
        landed.land("appeal_events", [appeal_event(f"10-{day:02d} 12:00", f"n{day}")], day=f"2026-10-{day:02d}")
    second = tick(workspace, instance, first.cursor)
    (request,) = second.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2026-10-02"
    assert request.run_key == (tick(workspace, instance, first.cursor).run_requests or [])[0].run_key, (
        "asked twice, run once"
    )
