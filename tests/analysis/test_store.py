"""The store: one writer, whole states, whatever is killed when; and analysts who read all the while."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analysis.checking import files_out_of_balance
from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from analysis.errors import WarehouseError
from tests.builders import NOW, TestPublisher, appeal_event, cell, gift, pageview
from tests.test_architecture import ROOT

INGEST = textwrap.dedent("""
    import sys
    from datetime import datetime, UTC
    from pathlib import Path
    from analysis.ingestion import ingest
    from analysis.registry import read_registry
    from analysis.settings import read_settings
    from analysis.store import Warehouse
    settings = read_settings(Path(sys.argv[1]))
    warehouse = Warehouse(settings)
    print("ready", flush=True)
    with warehouse.writing():
        ingest(warehouse, read_registry(settings.folders.experiments), now=datetime(2026, 11, 1, tzinfo=UTC))
""")


def land_many(publisher: TestPublisher, files: int = 30) -> int:
    for number in range(files):
        rows = [pageview(f"10-{2 + number % 20:02d} 12:00", f"r{number}-{index}") for index in range(200)]
        publisher.land("pageviews", rows, f"{number}.ndjson")
    return files * 200


def test_a_killed_ingest_leaves_a_whole_state_and_the_next_one_finishes_it(publisher: TestPublisher) -> None:
    total = land_many(publisher)
    for wait in (0.05, 0.15, 0.3, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-c", INGEST, str(publisher.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert files_out_of_balance(publisher.warehouse).is_empty()
    publisher.ingest()
    assert publisher.warehouse.rows_per_day()["rows"].sum() == total
    named = {part.path for part in publisher.warehouse.parts("pageviews")}
    on_disk = set(publisher.settings.folders.warehouse.glob("pageviews/*/*"))
    assert on_disk == named, "left-overs of killed writers are swept"


def test_a_catalogue_whose_first_transaction_never_ended_is_an_empty_one(publisher: TestPublisher) -> None:
    publisher.settings.folders.warehouse.mkdir()
    (publisher.settings.folders.warehouse / "catalog.sqlite").touch()
    assert publisher.warehouse.ledger().is_empty()
    assert publisher.ingest().files == 0


def test_a_second_writer_waits_and_then_names_the_first(publisher: TestPublisher) -> None:
    holder = publisher.warehouse
    code = (
        "import sys; from pathlib import Path; from analysis.settings import read_settings; from analysis.store import Warehouse\n"
        "with Warehouse(read_settings(Path(sys.argv[1]))).writing(wait_seconds=0.3): pass"
    )
    with holder.writing(holder="the nightly run"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(publisher.folder)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode != 0
    assert f"the nightly run, process {os.getpid()}" in done.stderr


def test_a_part_that_was_replaced_stays_readable_for_the_grace_period(publisher: TestPublisher) -> None:
    warehouse = publisher.warehouse
    with warehouse.writing():
        first = warehouse.write_frame(pl.DataFrame({"a": [1]}), "things", "x")
        warehouse.replace([first])
        warehouse.replace([warehouse.write_frame(pl.DataFrame({"a": [2]}), "things", "x")])
    with warehouse.writing():
        assert first.path.exists()
    import sqlite3

    long_ago = (datetime.now(UTC) - timedelta(days=8)).isoformat(timespec="seconds")
    connection = sqlite3.connect(warehouse.folder / "catalog.sqlite")
    with connection:
        connection.execute("UPDATE parts SET retired_at = ? WHERE retired_at IS NOT NULL", (long_ago,))
    connection.close()
    with warehouse.writing():
        assert not first.path.exists()
    assert [pl.read_parquet(part.path)["a"].to_list() for part in warehouse.parts("things")] == [[2]]


def test_a_warehouse_of_another_version_is_refused_by_name(publisher: TestPublisher) -> None:
    import sqlite3

    warehouse = publisher.warehouse
    with warehouse.writing():
        pass
    connection = sqlite3.connect(warehouse.folder / "catalog.sqlite")
    with connection:
        connection.execute("UPDATE warehouse SET schema_version = 99")
    connection.close()
    with pytest.raises(WarehouseError, match="has version 99"), warehouse.writing():
        pass


@pytest.mark.parametrize("scope", ["../up", "a/b", "", ".hidden"])
def test_a_scope_cannot_leave_its_folder(publisher: TestPublisher, scope: str) -> None:
    warehouse = publisher.warehouse
    with warehouse.writing(), pytest.raises(ValueError, match="scope"):
        warehouse.write_frame(pl.DataFrame({"a": [1]}), "things", scope)


def published(publisher: TestPublisher) -> Path:
    publisher.statistics()
    warehouse, experiments = publisher.warehouse, publisher.experiments
    with warehouse.writing():
        edition = draft(warehouse, experiments, NOW)
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
    return publisher.settings.folders.database


@pytest.fixture
def edition(publisher: TestPublisher) -> Path:
    events = [
        appeal_event(f"10-{2 + number % 8:02d} 12:00", f"r{number}", ("current", "thanks")[number % 2])
        for number in range(60)
    ]
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "last")])
    publisher.land(
        "contributions",
        [
            *[
                gift(f"10-{3 + number % 8:02d} 12:00", f"r{number}", 100 * number + 40_000 * (number == 9))
                for number in range(0, 60, 3)
            ],
            gift("10-20 12:00", "r3", 100, refund_of="refunded"),
            gift("10-06 12:00", "r3", 500, contribution_id="refunded"),
        ],
    )
    return published(publisher)


def test_the_database_reads_from_any_folder(edition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(str(edition), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM appeal_events").fetchall() == [(61,)]
        assert connection.sql("SELECT verdict FROM decisions").fetchall() == [("too_early",)]


def test_reader_outcomes_add_up_to_the_statistics(edition: Path, publisher: TestPublisher) -> None:
    statistics = publisher.statistics().statistics
    with duckdb.connect(str(edition), read_only=True) as connection:
        rows = connection.sql(
            "SELECT variant_id, count(*), count(CASE WHEN is_converted THEN 1 END), sum(value_minor)::BIGINT, "
            "sum(value_minor::HUGEINT * value_minor)::BIGINT, sum(value_uncapped_minor)::BIGINT "
            "FROM reader_outcomes GROUP BY ALL"
        ).fetchall()
    assert len(rows) == 2
    for variant, n, converted, s1, s2, uncapped in rows:
        conversion, value = cell(statistics, "conversion", variant), cell(statistics, "value", variant)
        assert (n, converted) == (conversion["n"], conversion["x"])
        assert (s1, s2) == (value["s1"], value["s2"])
        assert uncapped == cell(statistics, "value_uncapped", variant)["s1"]


def test_every_table_and_column_says_what_it_means(edition: Path) -> None:
    with duckdb.connect(str(edition), read_only=True) as connection:
        silent = connection.sql(
            "SELECT DISTINCT table_name FROM data_dictionary WHERE table_meaning IS NULL"
        ).fetchall()
        undescribed = connection.sql(
            "SELECT table_name, column_name FROM data_dictionary WHERE column_meaning IS NULL AND table_name IN "
            "('estimates', 'decisions', 'checks', 'ledger', 'contributions', 'appeal_events', 'pageviews')"
        ).fetchall()
    assert silent == []
    assert undescribed == []


def test_nothing_new_makes_no_new_edition(edition: Path, publisher: TestPublisher) -> None:
    published(publisher)
    assert [entry.number for entry in publisher.warehouse.editions()] == [1]
    publisher.land("appeal_events", [appeal_event("10-26 12:00", "more")])
    published(publisher)
    assert [entry.number for entry in publisher.warehouse.editions()] == [1, 2]
    assert publisher.warehouse.editions()[-1].as_of == date(2026, 10, 27)


def test_the_file_is_in_the_storage_format_that_older_clients_read(edition: Path) -> None:
    # The storage version stands behind the magic bytes: 64 to 68 is what DuckDB 1.5 reads, 69 is 2.0's own.
    header = edition.read_bytes()[8:20]
    assert header[:4] == b"DUCK"
    assert 64 <= int.from_bytes(header[4:12], "little") <= 68
