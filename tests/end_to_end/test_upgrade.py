"""A warehouse of Askwell 0.1 under this one: the same results as from its landed files, and no way back by accident.

`warehouse-0.1.tar.xz` was written by the code of commit ce1f192 (0.1): 400 readers, two wordings, 80 gifts, one refused row.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analysis import migrations
from analysis.checking import files_out_of_balance
from analysis.errors import WarehouseError
from askwell.run import execute
from tests.builders import NOW, TestPublisher, gift
from tests.end_to_end.test_recovery import TABLES

ARCHIVE = Path(__file__).with_name("warehouse-0.1.tar.xz")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a publisher who has run Askwell 0.1."""
    monkeypatch.setenv("ASKWELL_HASH_KEY", "0123456789abcdef" * 2)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "publisher", filter="data")
    return tmp_path / "publisher"


def run(folder: Path) -> None:
    execute(folder / "askwell.toml", lambda *_: None, clock=lambda: NOW)


def told(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(folder / "askwell.duckdb"), read_only=True) as database:
        found = {table: database.sql(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in TABLES}
        columns = "contribution_id, reader_key, amount_minor, status, occurred_at"
        found["contributions"] = database.sql(f"SELECT {columns} FROM contributions ORDER BY ALL").fetchall()
        return found


def version(folder: Path) -> int | None:
    connection = sqlite3.connect(folder / "warehouse" / "catalog.sqlite")
    try:
        return migrations.version_of(connection)
    finally:
        connection.close()


def unpacked(folder: Path) -> TestPublisher:
    """The folder as the tests' publisher, its own settings kept."""
    settings = (folder / "askwell.toml").read_bytes()
    publisher = TestPublisher(folder)
    (folder / "askwell.toml").write_bytes(settings)
    return publisher


def test_an_upgraded_warehouse_tells_what_its_landed_files_tell(old: Path, tmp_path: Path) -> None:
    publisher = unpacked(old)
    assert version(old) == 1
    before = pl.concat(pl.read_parquet(part.path) for part in publisher.warehouse.parts("sufficient_statistics"))
    assert publisher.warehouse.ledger().height == 3, "a look reads the old catalogue as if it were a new one"
    assert version(old) == 1, "and changes nothing"
    anew = tmp_path / "anew"
    shutil.copytree(old, anew, ignore=shutil.ignore_patterns("warehouse"))
    for folder in (old, anew):
        run(folder)
    assert version(old) == migrations.SCHEMA_VERSION
    assert told(old) == told(anew)
    after = pl.read_parquet(publisher.warehouse.parts("sufficient_statistics", ["2"])[0].path)
    keys = ["basis", "segment_kind", "segment", "metric", "epoch", "variant_id", "as_of"]
    both = before.join(after, on=keys, suffix="_now")
    assert both.height > 200
    counted = both.filter(pl.col("metric").is_in(["conversion", "value"]))
    assert counted.height > 50
    assert counted.select("n", "x", "s1").equals(counted.select(n="n_now", x="x_now", s1="s1_now"))
    assert files_out_of_balance(publisher.warehouse).is_empty()


def test_files_that_come_after_the_upgrade_join_the_old_ones(old: Path) -> None:
    publisher = unpacked(old)
    publisher.land("contributions", [gift("10-05 15:00", "r3", 700), gift("10-05 16:00", "r3", 50)], "late.ndjson")
    run(old)
    ledger = publisher.warehouse.ledger()
    assert ledger["accepted"].to_list() == [704, 80, 400, 2]
    assert len(told(old)["contributions"]) == 82


def test_a_step_that_fails_leaves_the_old_version_whole(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = unpacked(old)

    def half(catalogue: sqlite3.Connection) -> None:
        catalogue.execute("ALTER TABLE files ADD COLUMN source TEXT")
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setitem(migrations._STEPS, 1, half)
        with pytest.raises(sqlite3.OperationalError), publisher.warehouse.writing():
            pass
    assert version(old) == 1
    with publisher.warehouse.writing():
        pass
    assert version(old) == migrations.SCHEMA_VERSION


def test_a_newer_warehouse_is_refused_for_writing_and_for_reading(old: Path) -> None:
    connection = sqlite3.connect(old / "warehouse" / "catalog.sqlite")
    with connection:
        connection.execute("UPDATE warehouse SET schema_version = 99")
    connection.close()
    warehouse = unpacked(old).warehouse
    with pytest.raises(WarehouseError, match="has version 99, and this Askwell knows versions up to 3"):
        warehouse.ledger()
    with pytest.raises(WarehouseError, match="has version 99"), warehouse.writing():
        pass
