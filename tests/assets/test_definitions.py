"""The code location: it loads with nothing there, and its graph is the one that the docs show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import EVERYTHING, build_defs
from assets.resources import Workspace
from tests.builders import NOW, TestPublisher, pageview
from tests.test_architecture import ROOT

GRAPH = {
    "validated_events": set(),
    "daily_exposures": {"validated_events"},
    "daily_visits": {"validated_events"},
    "sufficient_statistics": {"daily_exposures", "daily_visits"},
    "estimates": {"sufficient_statistics"},
    "decisions": {"estimates"},
    "wording_evidence": {"estimates"},
    "analyst_database": {"decisions", "wording_evidence"},
    "report_site": {"analyst_database"},
    "brief": {"report_site"},
}

BLOCKING = {
    "nothing_is_lost",
    "rows_meet_the_contract",
    "amounts_do_not_jump",
    "days_count_once",
    "site_tells_the_verdicts",
    "site_tells_the_numbers",
}


def test_the_graph_is_as_documented(tmp_path: Path) -> None:
    repository = build_defs(Workspace(tmp_path / "askwell.toml")).get_repository_def()
    graph = repository.asset_graph
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }
    assert found == GRAPH


def test_every_asset_says_what_it_is_and_whose(tmp_path: Path) -> None:
    graph = build_defs(Workspace(tmp_path / "askwell.toml")).get_repository_def().asset_graph
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, key
        assert node.owners == ["team:growth-data"], key
        assert node.kinds, key
        assert any("column" in name for name in node.metadata) or node.group_name == "publish", key


def test_partitions_are_the_publishers_days(workspace: Workspace) -> None:
    graph = build_defs(workspace).get_repository_def().asset_graph
    partitions = graph.get(dg.AssetKey("daily_exposures")).partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    assert partitions.timezone == "Europe/London"
    assert partitions.get_partition_keys(current_time=NOW)[0] == "2026-10-01"
    assert partitions.get_partition_keys(current_time=NOW)[-1] == "2026-10-31"


def test_a_backfill_of_thirty_days_is_one_run(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    job = build_defs(workspace).resolve_job_def(EVERYTHING)
    result = job.execute_in_process(
        instance=instance,
        tags={"dagster/asset_partition_range_start": "2026-10-01", "dagster/asset_partition_range_end": "2026-10-30"},
    )
    assert result.success
    assert len(instance.get_runs()) == 1
    assert len(instance.get_materialized_partitions(dg.AssetKey("daily_exposures"))) == 30
    assert (workspace.settings().folders.site / "index.html").exists()


def test_each_day_shows_its_own_rows(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    build_defs(workspace).resolve_job_def(EVERYTHING).execute_in_process(
        instance=instance,
        tags={"dagster/asset_partition_range_start": "2026-10-01", "dagster/asset_partition_range_end": "2026-10-10"},
    )
    key = dg.AssetKey("validated_events")

    def rows(day: str) -> object:
        found = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[day]), limit=1).records
        return [
            record.asset_materialization.metadata["dagster/row_count"].value
            for record in found
            if record.asset_materialization
        ]

    assert rows("2026-10-02") == [25]
    assert rows("2026-10-27") == [1], "a day that the run did not name is reported all the same"


#: What a person finds on the page of each asset, and a word that the table or preview says.
SHOWN = {
    "validated_events": (
        {"dagster/row_count", "appeal_events", "of this run: files"},
        "appeal\\_events/2026-10-02/1.ndjson",
    ),
    "daily_exposures": ({"dagster/row_count"}, ""),
    "daily_visits": ({"dagster/row_count"}, ""),
    "sufficient_statistics": ({"dagster/row_count", "as_of", "days", "edition"}, "| thanks | 2026-10-27 | current |"),
    "estimates": ({"dagster/row_count", "as_of", "days", "experiments"}, "| thanks | value | thanks |"),
    "decisions": ({"dagster/row_count", "as_of", "experiments"}, "| too\\_early |"),
    "wording_evidence": ({"dagster/row_count", "surfaces"}, "| donation | conversion | 1 |"),
    "analyst_database": ({"edition", "as_of", "bytes", "path"}, "| decisions | 1 |"),
    "report_site": (
        {"edition", "as_of", "experiments", "path", "site"},
        "[Thanks or urgency](https://reports.example/exp",
    ),
    "brief": ({"due", "subject", "sent", "path"}, "Thanks or urgency"),
}


def test_dagsters_page_shows_rows_days_figures_a_preview_and_links(
    workspace: Workspace, landed: TestPublisher, instance: dg.DagsterInstance
) -> None:
    landed.settings_more = '[brief]\nevery = "day"\nsite_url = "https://reports.example"\n'
    landed.write_settings()
    landed.land("pageviews", [pageview("10-05 12:00", f"r{number}") for number in range(20)])
    job = build_defs(workspace).resolve_job_def(EVERYTHING)
    result = job.execute_in_process(instance=instance, partition_key="2026-10-05")
    assert set(SHOWN) == set(GRAPH)
    for asset, (keys, said) in SHOWN.items():
        event = next(
            event for event in result.asset_materializations_for_node(asset) if event.partition in (None, "2026-10-05")
        )
        assert keys <= event.metadata.keys(), (asset, event.metadata.keys())
        text = "".join(str(one.value) for one in event.metadata.values() if isinstance(one, dg.MarkdownMetadataValue))
        assert said in text, (asset, text)
    (site,) = result.asset_materializations_for_node("report_site")
    assert "Too early" in str(site.metadata["preview"].value)
    assert isinstance(site.metadata["site"], dg.UrlMetadataValue)


@pytest.mark.parametrize(
    "asset",
    [
        "validated_events",
        "daily_exposures",
        "sufficient_statistics",
        "estimates",
        "decisions",
        "wording_evidence",
        "analyst_database",
        "report_site",
    ],
)
def test_an_asset_without_settings_fails_with_one_sentence(
    tmp_path: Path, instance: dg.DagsterInstance, asset: str
) -> None:
    definitions = build_defs(Workspace(tmp_path / "askwell.toml", clock=lambda: NOW))
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(asset)],
        partition_key="2026-10-01"
        if "statistics" not in asset and asset in ("validated_events", "daily_exposures")
        else None,
        raise_on_error=False,
    )
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert [failure.user_failure_data.description for failure in failures if failure.user_failure_data] == [
        f"{tmp_path / 'askwell.toml'} cannot be used:\n  file: does not exist"
    ]


def test_an_asset_with_nothing_landed_says_what_to_do(publisher: TestPublisher, instance: dg.DagsterInstance) -> None:
    workspace = Workspace(publisher.folder / "askwell.toml", clock=lambda: NOW)
    result = (
        build_defs(workspace)
        .resolve_job_def(EVERYTHING)
        .execute_in_process(instance=instance, partition_key="2026-10-02", raise_on_error=False)
    )
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert "No event has been accepted yet" in str(failure.user_failure_data.description)


@pytest.mark.slow
def test_dagster_validates_the_workspace_file(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path),
        "ASKWELL_SETTINGS": str(tmp_path / "none.toml"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    dagster = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [dagster, "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location askwell" in done.stdout + done.stderr
