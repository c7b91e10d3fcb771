"""A reader who asked to be forgotten is nowhere in the warehouse, and stays away; nothing else changes."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analysis.checking import files_out_of_balance
from analysis.erasure import Receipt, forget_reader
from tests.analysis.test_identity import link
from tests.builders import TestPublisher, appeal_event, cell, gift, pageview

ROOT = Path(__file__).resolve().parents[2]


def key_of(publisher: TestPublisher, reader: str) -> int:
    """The stored key, computed here from its definition: the first 64 bits of SHA-256 over key and id, signed."""
    import hashlib

    digest = hashlib.sha256(publisher.settings.hash_key() + reader.encode()).hexdigest()[:16]
    return int(digest, 16) - 2**63


def forget(publisher: TestPublisher, reader: str, *, with_linked: bool = True) -> Receipt:
    warehouse = publisher.warehouse
    with warehouse.writing():
        return forget_reader(warehouse, reader, with_linked=with_linked)


def traces(folder: Path, reader: str, key: int) -> list[str]:
    """Files below the folder that hold the id or its key: in their bytes, or in a value of a Parquet or SQLite table."""
    needles = [
        reader.encode(),
        str(key).encode(),
        key.to_bytes(8, "little", signed=True),
        key.to_bytes(8, "big", signed=True),
    ]
    found = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if any(needle in content for needle in needles):
            found.append(path.name)
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
            if any(str(value) in (str(key), reader) for column in frame.columns for value in frame[column].to_list()):
                found.append(path.name)
    with sqlite3.connect(folder / "catalog.sqlite") as catalogue:
        for (table,) in catalogue.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in catalogue.execute(f"SELECT * FROM {table}"):
                if any(str(value) in (str(key), reader) for value in row):
                    found.append(table)
    return found


def filled(publisher: TestPublisher) -> TestPublisher:
    readers = ["forget-me", *(f"r{number}" for number in range(20))]
    publisher.land("appeal_events", [appeal_event("10-05 12:00", reader, "thanks") for reader in readers])
    publisher.land(
        "appeal_events", [appeal_event("10-27 12:00", "late"), appeal_event("10-06 12:00", "forget-me", "thanks")]
    )
    publisher.land("pageviews", [pageview("10-05 12:00", reader) for reader in readers])
    publisher.land(
        "contributions",
        [
            gift("10-05 13:00", "forget-me", 500, contribution_id="p1"),
            gift("10-06 13:00", None, 500, contribution_id="p2", refund_of="p1"),
            gift("10-05 13:00", "r1", 700, contribution_id="p3"),
        ],
    )
    publisher.land(
        "identity_links",
        [
            {
                "occurred_at": "2026-10-05T12:00:00Z",
                "reader_id": "forget-me",
                "linked_id": "account:9",
                "linked_kind": "account",
            }
        ],
    )
    return publisher


def test_no_byte_of_the_warehouse_names_the_forgotten_reader(publisher: TestPublisher) -> None:
    before = filled(publisher).statistics().statistics
    folder, key = publisher.settings.folders.warehouse, key_of(publisher, "forget-me")
    assert traces(folder, "forget-me", key), "the test must be able to find what it looks for"
    receipt = forget(publisher, "forget-me")
    assert traces(folder, "forget-me", key) == []
    assert traces(folder, "account:9", key_of(publisher, "account:9")) == []
    assert receipt.rows["contributions"] == 2  # the gift and its refund
    assert (receipt.rows["appeal_events"], receipt.rows["pageviews"], receipt.linked) == (2, 1, 1)
    assert len(receipt.files) == 5
    assert "forget-me" not in str(receipt)
    assert str(key) not in str(receipt)
    assert files_out_of_balance(publisher.warehouse).is_empty()
    after = publisher.statistics().statistics
    assert cell(before, "conversion", "thanks")["n"] == cell(after, "conversion", "thanks")["n"] + 1
    assert cell(before, "conversion", "thanks")["x"] == cell(after, "conversion", "thanks")["x"] + 1
    assert cell(after, "value", "thanks")["s1"] == 700
    assert traces(folder, "forget-me", key) == []


def test_results_are_those_of_a_publisher_who_never_met_the_reader(publisher: TestPublisher, tmp_path: Path) -> None:
    filled(publisher).statistics()
    forget(publisher, "forget-me")
    other = TestPublisher(tmp_path / "other")
    other.register()
    (tmp_path / "key").write_text("")
    others = [appeal_event("10-05 12:00", f"r{number}", "thanks") for number in range(20)]
    other.land("appeal_events", [*others, appeal_event("10-27 12:00", "late")])
    other.land("pageviews", [pageview("10-05 12:00", f"r{number}") for number in range(20)])
    other.land("contributions", [gift("10-05 13:00", "r1", 700)])
    assert publisher.statistics().statistics.sort(pl.all()).equals(other.statistics().statistics.sort(pl.all()))


def test_rows_of_a_forgotten_reader_that_come_later_are_refused(publisher: TestPublisher) -> None:
    filled(publisher).statistics()
    forget(publisher, "forget-me")
    publisher.land(
        "appeal_events", [appeal_event("10-08 12:00", "forget-me", "thanks"), appeal_event("10-08 12:00", "new")]
    )
    done = publisher.ingest()
    assert (done.accepted, done.quarantined) == (1, 1)
    assert traces(publisher.settings.folders.warehouse, "forget-me", key_of(publisher, "forget-me")) == []
    from analysis.ingestion import ingest
    from tests.builders import NOW

    warehouse = publisher.warehouse
    with warehouse.writing():  # a replay reads the landed files again, which still hold what was sent
        ingest(warehouse, publisher.experiments, now=NOW, again=lambda quarantined: quarantined > 0)
    assert traces(publisher.settings.folders.warehouse, "forget-me", key_of(publisher, "forget-me")) == []
    assert files_out_of_balance(publisher.warehouse).is_empty()


def test_only_the_id_itself_is_forgotten_where_that_is_asked(publisher: TestPublisher) -> None:
    filled(publisher).ingest()
    publisher.land("pageviews", [pageview("10-05 12:00", "account:9")])
    publisher.ingest()
    receipt = forget(publisher, "forget-me", with_linked=False)
    assert receipt.linked == 0
    assert traces(publisher.settings.folders.warehouse, "account:9", key_of(publisher, "account:9"))


def test_a_reader_nobody_knows_leaves_everything_and_is_refused_from_now_on(publisher: TestPublisher) -> None:
    filled(publisher).ingest()
    parts = [part.path for part in publisher.warehouse.all_parts()]
    assert forget(publisher, "nobody").rows == {}
    assert [part.path for part in publisher.warehouse.all_parts()] == parts


def test_the_published_database_no_longer_finds_the_reader(publisher: TestPublisher) -> None:
    from datetime import UTC, datetime

    from askwell.run import execute

    filled(publisher)
    clock = lambda: datetime(2026, 11, 1, 9, tzinfo=UTC)  # noqa: E731 - a clock
    nothing = lambda *_: None  # noqa: E731 - a reporter
    execute(publisher.folder / "askwell.toml", nothing, clock=clock)
    forget(publisher, "forget-me")
    execute(publisher.folder / "askwell.toml", nothing, clock=clock)
    key = key_of(publisher, "forget-me")
    with duckdb.connect(str(publisher.settings.folders.database), read_only=True) as database:
        for table in ("appeal_events", "pageviews", "contributions", "exposures", "reader_outcomes"):
            assert database.execute(f"SELECT count(*) FROM {table} WHERE reader_key = ?", [key]).fetchall() == [(0,)]
    assert traces(publisher.settings.folders.warehouse, "forget-me", key) == []


#: Forgets in a process of its own, and ends it as a kill would at the given step of the work: before a part is entered,
#: after it was, or after the file it replaces is gone.
KILLED = """
import os, sys
from pathlib import Path
from analysis.erasure import forget_reader
from analysis.store import Warehouse
from tests.builders import TestPublisher
steps = int(sys.argv[2])

def dying(work):
    def step(*args, **more):
        global steps
        steps -= 1
        if steps < 0:
            os._exit(9)
        done = work(*args, **more)
        steps -= 1
        if steps < 0:
            os._exit(9)
        return done
    return step

Warehouse._enter = dying(Warehouse._enter)
Path.unlink = dying(Path.unlink)
warehouse = TestPublisher(Path(sys.argv[1])).warehouse
with warehouse.writing():
    forget_reader(warehouse, "forget-me")
"""


def test_a_call_that_is_killed_at_any_step_is_finished_by_the_same_call(tmp_path: Path) -> None:
    publisher = filled(TestPublisher(tmp_path / "publisher"))
    publisher.register()
    publisher.land(
        "identity_links",
        [link("account:9", "tablet"), link("tablet", "cus_1")],  # a chain over several files
    )
    publisher.land("pageviews", [pageview("10-07 12:00", who) for who in ("tablet", "account:9", "cus_1")])
    publisher.land("contributions", [gift("10-08 12:00", None, contribution_id="p9", refund_of="p1")], day="2026-10-09")
    publisher.statistics()
    names = ("forget-me", "account:9", "tablet", "cus_1")
    step, ended = 0, 9
    while ended:  # each try is a process of its own
        folder = tmp_path / str(step)
        shutil.copytree(publisher.folder, folder)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(step)], cwd=ROOT, check=False).returncode
        assert ended in (0, 9)
        tried = TestPublisher(folder)
        forget(tried, "forget-me")
        left = [
            found for name in names for found in traces(tried.settings.folders.warehouse, name, key_of(tried, name))
        ]
        assert left == [], step
        stored = [pl.read_parquet(part.path) for part in tried.warehouse.parts("contributions")]
        assert pl.concat(stored)["contribution_id"].to_list() == ["p3"], step
        assert files_out_of_balance(tried.warehouse).is_empty(), step
        shutil.rmtree(folder)
        step += 4
    assert step > 10


def test_nothing_that_askwell_keeps_beside_the_landed_files_names_the_reader(
    publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole folder after real runs: warehouse, databases of earlier editions, site, exports, Dagster's home, messages."""
    from typer.testing import CliRunner

    from askwell.cli import app

    monkeypatch.setenv("DAGSTER_HOME", str(publisher.folder / "dagster"))
    filled(publisher)
    settings = ["--settings", str(publisher.folder / "askwell.toml")]
    command = CliRunner()
    for line in (["run"], ["export", str(publisher.folder / "exported")], ["brief"], ["forget", "forget-me"], ["run"]):
        done = command.invoke(app, [*line, *settings])
        assert done.exit_code == 0, done.output
    key = key_of(publisher, "forget-me")
    needles = [b"forget-me", str(key).encode(), key.to_bytes(8, "little", signed=True), b"account:9"]
    found = [
        str(path.relative_to(publisher.folder))
        for path in publisher.folder.rglob("*")
        if path.is_file() and "landing" not in path.parts and any(needle in path.read_bytes() for needle in needles)
    ]
    assert found == []


def told(publisher: TestPublisher, amounts: set[float]) -> list[str]:
    """Places of the warehouse and the database where one of the amounts stands, or follows from a mean over readers."""
    frames = {str(path): pl.read_parquet(path) for path in publisher.settings.folders.warehouse.rglob("*.parquet")}
    for file in [publisher.settings.folders.database, *publisher.settings.folders.warehouse.rglob("*.duckdb")]:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{file}' AS edition (READ_ONLY)")
            tables = connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'edition'"
            ).fetchall()
            for (table,) in tables:
                frames[f"{file.name}: {table}"] = connection.sql(f"FROM edition.{table}").pl()
    found = []
    for place, frame in frames.items():
        if frame.is_empty():
            continue
        sums = [
            (pl.col(mean) * pl.col(n)).alias(f"{mean} x {n}")
            for mean, n in (("mean", "n"), ("mean_control", "n_control"))
            if {mean, n} <= set(frame.columns)
        ]
        derived = frame.with_columns(sums)
        for column, dtype in derived.schema.items():
            if dtype.is_numeric():
                values = derived[column].drop_nulls().cast(pl.Float64)
                hit = any(((values - amount).abs() < 1e-6 * amount).any() for amount in amounts)
            else:
                hit = any(str(int(amount)) in str(value) for value in derived[column].to_list() for amount in amounts)
            if hit:
                found.append(f"{place}: {column}")
    return found


def test_no_edition_tells_the_gift_of_the_forgotten_reader(publisher: TestPublisher) -> None:
    """987,654 is the largest gift, the only one of its device, and the first of its variant."""
    from datetime import UTC, datetime

    import pytest

    from analysis.database import edition_file
    from analysis.errors import WarehouseError
    from askwell.run import execute

    def run() -> None:
        execute(publisher.folder / "askwell.toml", lambda *_: None, clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))

    publisher.register()
    readers = [f"r{number}" for number in range(40)]
    publisher.land(
        "appeal_events",
        [appeal_event("10-05 12:00", reader, ("current", "thanks")[n % 2]) for n, reader in enumerate(readers)]
        + [
            appeal_event("10-05 12:00", "forget-me", "thanks", device="tablet"),
            appeal_event("10-05 12:00", "r", "thanks", device="tablet"),
        ],
    )
    publisher.land("pageviews", [pageview("10-27 12:00", "r1")])
    back = gift("10-05 14:00", "forget-me", 123_321, refund_of="forgotten")
    publisher.land(
        "contributions", [gift("10-05 13:00", "forget-me", 987_654 + 123_321, contribution_id="forgotten"), back]
    )
    run()
    publisher.land("contributions", [gift("10-06 11:00", reader, 500 + 7 * n) for n, reader in enumerate(readers[:30])])
    run()
    secret = {987_654.0, 987_654.0**2, 123_321.0}
    before = told(publisher, secret)
    for place in (
        "sufficient_statistics",
        "variant_results",
        "estimates",
        "checks",
        "outcome_changes",
        "arrivals",
        "1.duckdb",
    ):
        assert any(place in one for one in before), f"the test must be able to find it in {place}: {before}"
    kept = publisher.warehouse.parts("decisions")
    forget(publisher, "forget-me")
    run()
    assert told(publisher, secret) == []
    assert [entry.number for entry in publisher.warehouse.editions()] == [1, 2, 3]
    assert [part.path for part in publisher.warehouse.parts("decisions")][:2] == [part.path for part in kept]
    with pytest.raises(WarehouseError, match="until a reader is erased"):
        edition_file(publisher.warehouse, 2)
    with duckdb.connect(str(publisher.settings.folders.database), read_only=True) as database:
        counts = database.execute(
            "SELECT edition, n, x, s1 FROM sufficient_statistics_by_edition WHERE metric = 'value_uncapped' AND variant_id = 'thanks' "
            "AND segment_kind = 'all' AND basis = 'exposed' QUALIFY as_of = max(as_of) OVER (PARTITION BY edition) ORDER BY 1"
        ).fetchall()
    assert [row[:3] for row in counts] == [(1, 22, 1), (2, 22, 16), (3, 21, 15)], "counts stay in every edition"
    assert counts[0][3] is None
    assert counts[1][3] > 987_654, "a sum over several givers stays"
