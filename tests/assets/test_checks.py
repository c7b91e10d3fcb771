"""Every asset check is seen to pass and to fail."""

from __future__ import annotations

import re
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from assets import checks
from assets.definitions import EVERYTHING, build_defs
from assets.failures import first_failure
from assets.resources import Workspace
from tests.builders import NOW, TestPublisher, appeal_event, at, encoded, gift
from tests.services import ROOT

#: The morning after the last day of the data.
MORNING = datetime(2026, 10, 28, 9, tzinfo=UTC)


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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a publisher with one edition."""
    folder = tmp_path_factory.mktemp("checks")
    publisher = TestPublisher(folder / "publisher")
    publisher.register()
    events = [
        appeal_event(f"10-{2 + number % 26:02d} 12:00", f"r{number}", ("current", "thanks")[number % 2])
        for number in range(400)
    ]
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "last")])
    gifts = [gift(f"10-{3 + number % 25:02d} 12:00", f"r{number}", 900 + number) for number in range(0, 400, 3)]
    publisher.land("contributions", gifts)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(Workspace(publisher.folder / "askwell.toml", clock=lambda: NOW), instance).success
    return publisher.folder


@pytest.fixture
def landed(made: Path, tmp_path: Path) -> TestPublisher:
    """A copy of it, to be broken."""
    shutil.copytree(made, tmp_path / "publisher", symlinks=True)
    return TestPublisher(tmp_path / "publisher", _landed=2)


@pytest.fixture
def done(landed: TestPublisher) -> Workspace:
    return Workspace(landed.folder / "askwell.toml", clock=lambda: NOW)


def test_every_check_passes_on_an_edition_in_order(made: Path) -> None:
    """And each is seen to fail below; those of feeds look at the morning after the last day."""
    workspace = Workspace(made / "askwell.toml", clock=lambda: MORNING)
    answers = {check.check_key.name: check(workspace) for check in checks.CHECKS}
    assert {name: answer.description for name, answer in answers.items() if not answer.passed} == {}


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


def test_every_check_has_its_row_in_the_operators_document() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Checks")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| `\w+` \| (yes|no) \|", text, re.MULTILINE))
    blocking = {spec.name: spec.blocking for check in checks.CHECKS for spec in check.check_specs}
    assert {name: answer == "yes" for name, answer in rows.items()} == blocking


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


def test_a_feed_of_every_day_that_misses_one_is_stale_and_named_with_its_source(done: Workspace) -> None:
    day_after = Workspace(done.settings_file, clock=lambda: MORNING + timedelta(days=1))
    answer = checks.feeds_are_fresh(day_after)
    assert not answer.passed
    assert "contributions, last of 2026-10-27; " not in str(answer.description)
    assert "appeal_events, last of 2026-10-27" in str(answer.description)
    assert "| - | appeal\\_events | 2026-10-27 | 1 |" in str(answer.metadata["feeds"].value)
    change_catalogue(done, "UPDATE files SET source = 'shop' WHERE kind = 'appeal_events'")
    assert "appeal_events of shop" in str(checks.feeds_are_fresh(day_after).description)


def test_a_feed_that_went_silent_is_told_apart_from_a_test_that_is_over(done: Workspace) -> None:
    three_days = Workspace(done.settings_file, clock=lambda: MORNING + timedelta(days=3))
    answer = checks.no_feed_is_silent(three_days)
    assert not answer.passed
    assert "appeal_events" in str(answer.description)
    registry = done.settings().folders.experiments / "thanks.toml"
    registry.write_text(registry.read_text(encoding="utf-8").replace("2026-10-28", "2026-10-27"), encoding="utf-8")
    assert "appeal_events" not in str(checks.no_feed_is_silent(three_days).description), "nobody is asked any more"
    assert not checks.no_feed_is_silent(three_days).passed, "but gifts go on"


@pytest.mark.parametrize(
    ("column", "told"),
    [("occurred_at = NULL", "occurred_at"), ("event_key = 'twice'", "key twice"), ("day = NULL", "day")],
)
def test_a_stored_row_against_the_contract_is_seen_and_stops_the_run(
    done: Workspace, landed: TestPublisher, instance: dg.DagsterInstance, column: str, told: str
) -> None:
    landed.land("appeal_events", [appeal_event("10-05 12:00", f"new{number}") for number in range(3)])
    landed.ingest()
    part = landed.warehouse.parts("appeal_events", ["2026-10-05"])[-1]
    frame = pl.read_parquet(part.path)
    name, _, value = column.partition(" = ")
    wrong = pl.lit(frame[name][0] if value == "'twice'" else None, dtype=frame.schema[name])
    frame.with_columns(wrong.alias(name)).write_parquet(part.path)
    answer = checks.rows_meet_the_contract(done)
    assert not answer.passed
    assert re.search(rf"appeal_events: \d of \d+ rows, {told}", str(answer.description))
    assert not run(done, instance).success
    assert done.warehouse().editions()[-1].number == 1


def test_a_reader_who_logs_in_on_two_days_and_an_event_id_that_comes_again_on_another_are_in_order(
    done: Workspace, landed: TestPublisher
) -> None:
    days = ("10-05 12:00", "10-06 12:00")
    login = {"reader_id": "r1", "linked_id": "account:1", "linked_kind": "account"}
    landed.land("identity_links", [{**login, "occurred_at": at(day)} for day in days])
    landed.land("appeal_events", [appeal_event(day, "r1", "thanks", event_id="again") for day in days])
    landed.ingest()
    assert landed.warehouse.ledger()["accepted"].to_list()[-2:] == [2, 2]
    answer = checks.rows_meet_the_contract(done)
    assert answer.passed, answer.description


@pytest.mark.parametrize("times", [100, 0.01])
def test_a_file_with_pounds_for_pence_stops_the_run_until_it_is_mended_or_allowed(
    done: Workspace, landed: TestPublisher, instance: dg.DagsterInstance, times: float
) -> None:
    gifts = [gift("10-26 12:00", f"r{number}", int(1000 * times)) for number in range(12)]
    path = landed.land("contributions", gifts, "shop.ndjson")
    result = run(done, instance)
    assert not result.success
    said = first_failure(result.all_events)
    assert said.startswith("The check amounts_do_not_jump failed: Deliver the file again")
    assert "contributions/2026-10-02/shop.ndjson': 12 gifts" in said
    answer = checks.amounts_do_not_jump(done)
    assert "contributions/2026-10-02/shop.ndjson': 12 gifts" in str(answer.description)
    assert done.warehouse().editions()[-1].number == 1, "nothing was published"
    settings = done.settings_file.read_text(encoding="utf-8")
    done.settings_file.write_text(settings + "\n[money]\namount_jump = 0\n", encoding="utf-8")
    assert checks.amounts_do_not_jump(done).passed
    done.settings_file.write_text(settings, encoding="utf-8")
    path.write_bytes(encoded([{**one, "amount_minor": 1100} for one in gifts], path.name))
    assert run(done, instance).success


def test_other_kinds_of_payment_and_small_files_are_no_jump(done: Workspace, landed: TestPublisher) -> None:
    annual = [gift("10-26 12:00", f"r{number}", 100_000, recurrence="annual") for number in range(12)]
    few = [gift("10-26 12:00", f"r{number}", 100_000) for number in range(9)]
    landed.land("contributions", annual)
    landed.land("contributions", few)
    landed.ingest()
    assert checks.amounts_do_not_jump(done).passed


def test_gifts_of_strangers_are_seen(done: Workspace, landed: TestPublisher) -> None:
    landed.land("contributions", [gift("10-27 12:00", f"customer-{number}") for number in range(500)])
    landed.ingest()
    answer = checks.gifts_meet_readers(done)
    assert not answer.passed
    assert re.match(r"500 of 5\d\d gifts", str(answer.description))


def test_gifts_whose_ids_are_linked_are_no_strangers(done: Workspace, landed: TestPublisher) -> None:
    landed.land("contributions", [gift("10-27 12:00", f"customer-{number}") for number in range(500)])
    links = [
        {
            "reader_id": f"r{n}",
            "linked_id": f"customer-{n}",
            "linked_kind": "customer",
            "occurred_at": at("10-05 12:00"),
        }
        for n in range(500)
    ]
    landed.land("identity_links", links)
    landed.ingest()
    assert checks.gifts_meet_readers(done).passed


@pytest.mark.parametrize(
    ("check", "asks"),
    [
        (checks.split_is_as_planned, "sample_ratio"),
        (checks.readers_see_one_wording, "contamination"),
        (checks.wordings_are_seen_alike, "denominator"),
        (checks.gifts_are_tied_alike, "untied_gifts"),
    ],
)
@pytest.mark.parametrize("status", ["warn", "block"])
def test_a_trust_check_that_does_not_pass_is_an_asset_check_that_names_the_experiment(
    done: Workspace, check: dg.AssetChecksDefinition, asks: str, status: str
) -> None:
    (part,) = done.warehouse().parts("checks")
    held = pl.read_parquet(part.path)
    held.with_columns(
        pl.when(pl.col("check_name") == asks).then(pl.lit(status)).otherwise("status").alias("status")
    ).write_parquet(part.path)
    answer = check(done)
    assert not answer.passed
    assert f"thanks ({asks}" in str(answer.description)
    assert (answer.severity is dg.AssetCheckSeverity.ERROR) == (status == "block")


def test_days_count_once_fails_on_two_partials_of_a_day(done: Workspace) -> None:
    change_catalogue(
        done,
        "INSERT INTO parts (table_name, scope, path, rows, created_at) "
        "SELECT table_name, scope, path || '2', rows, created_at FROM parts WHERE table_name = 'daily_exposures' LIMIT 1",
    )
    assert not checks.days_count_once(done).passed


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


def test_a_page_that_tells_something_else_is_seen(done: Workspace) -> None:
    page = Path(done.settings().folders.site) / "experiments" / "thanks.html"
    page.write_text(page.read_text(encoding="utf-8").replace("Too early", "Use it"), encoding="utf-8")
    assert not checks.site_tells_the_verdicts(done).passed


def test_a_number_of_a_page_that_the_table_does_not_hold_is_seen_and_no_brief_is_mailed(
    done: Workspace, instance: dg.DagsterInstance
) -> None:
    page = Path(done.settings().folders.site) / "experiments" / "thanks.html"
    text = page.read_text(encoding="utf-8")
    changed = re.sub(
        r'(<section id="money".*?>)(\d)(\d*</)',
        lambda found: f"{found[1]}{9 - int(found[2])}{found[3]}",
        text,
        count=1,
        flags=re.DOTALL,
    )
    assert changed != text
    page.write_text(changed, encoding="utf-8")
    answer = checks.site_tells_the_numbers(done)
    assert not answer.passed
    assert "thanks/money" in str(answer.description)
    job = build_defs(done).resolve_job_def("publish")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success, "the page reads as it did for the site, which keeps it"
    assert result.asset_materializations_for_node("report_site")
    assert not result.asset_materializations_for_node("brief")


def test_a_table_that_says_another_number_than_the_page_is_seen(done: Workspace) -> None:
    with duckdb.connect(str(done.settings().folders.database)) as database:
        database.execute("UPDATE estimates SET n = n + 1").fetchall()
    assert "thanks/" in str(checks.site_tells_the_numbers(done).description)
