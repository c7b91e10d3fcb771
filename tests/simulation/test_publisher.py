"""What lands: the same bytes for the same seed, every format, and exactly the faults that the truth counts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analysis.contract import Kind
from analysis.ingestion import ingest
from analysis.landing import landed_files
from analysis.money import read_rates
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.simulation.publisher import simulate
from analysis.simulation.sizes import TINY
from analysis.simulation.truth import TRUTH_FILE, read_truth
from analysis.store import Warehouse
from tests.simulation.conftest import Simulated

#: Tables for which the simulated publisher has files.
KINDS: tuple[Kind, ...] = ("pageviews", "appeal_events", "contributions")

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def warehouse(tiny: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """What the pipeline makes of the tiny publisher's files."""
    folder = tmp_path_factory.mktemp("ingested") / "publisher"
    shutil.copytree(tiny.folder, folder)
    settings = read_settings(folder)
    warehouse = Warehouse(settings)
    with warehouse.writing():
        ingest(warehouse, read_registry(settings.folders.experiments), now=NOW)
    return warehouse


def test_the_same_seed_and_size_give_the_same_bytes(tiny: Simulated, tmp_path: Path) -> None:
    simulate(tmp_path, TINY)
    assert contents(tmp_path) == contents(tiny.folder)


def test_another_seed_gives_other_rows(tiny: Simulated, tmp_path: Path) -> None:
    simulate(tmp_path, TINY, seed=2)
    name = next(name for name in tiny.truth.files if name.startswith("landing/pageviews"))
    assert (tmp_path / name).read_bytes() != (tiny.folder / name).read_bytes()


def test_settings_registry_and_rates_are_valid(tiny: Simulated) -> None:
    settings = read_settings(tiny.folder)
    experiments = read_registry(settings.folders.experiments)
    assert settings.publisher.first_day == TINY.first_day
    assert len(experiments) == len(tiny.truth.experiments) >= 8
    assert {experiment.surface for experiment in experiments} == {"donation", "paywall", "membership"}
    assert read_rates(settings)["rate_source"].unique().to_list() == ["simulated, not a market rate"]


def test_one_appeal_holds_a_script_tag(tiny: Simulated) -> None:
    texts = [variant.appeal.body for test in read_registry(tiny.folder / "experiments") for variant in test.variants]
    assert sum("<script" in text for text in texts) == 1


def test_every_format_lands_and_no_file_is_strange(tiny: Simulated) -> None:
    files, strange = landed_files(tiny.folder / "landing")
    assert strange == []
    endings = {"".join(file.path.suffixes) for file in files}
    assert endings == {".parquet", ".csv", ".csv.gz", ".ndjson", ".ndjson.gz"}
    assert not list(tiny.folder.rglob("*.part"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_counts_every_row_received(tiny: Simulated, kind: Kind) -> None:
    assert tiny.rows(kind).height == tiny.truth.planted.received[kind]


def test_exactly_the_planted_rows_are_set_aside(tiny: Simulated, warehouse: Warehouse) -> None:
    refused: dict[str, dict[str, int]] = {}
    for kind, reason, rows in (
        warehouse.quarantine_reasons().group_by("kind", "reason").agg(pl.col("rows").sum()).iter_rows()
    ):
        refused.setdefault(kind, {})[reason] = rows
    assert refused == tiny.truth.planted.quarantined


def test_exactly_the_planted_rows_are_duplicates(tiny: Simulated, warehouse: Warehouse) -> None:
    found = warehouse.ledger().group_by("kind").agg(pl.col("duplicate").sum())
    assert dict(found.iter_rows()) == tiny.truth.planted.duplicates


def test_a_file_is_delivered_twice_under_another_name(tiny: Simulated) -> None:
    by_content: dict[bytes, list[str]] = {}
    for name, content in contents(tiny.folder / "landing" / "pageviews").items():
        by_content.setdefault(content, []).append(name)
    twice = [names for names in by_content.values() if len(names) > 1]
    assert len(twice) == 1
    assert {name.split("/")[1] for name in twice[0]} == {"pageviews.parquet", "resent.parquet"}


def delivered_and_own_day(rows: pl.DataFrame) -> pl.DataFrame:
    """`delivered` and `day` (publisher's) of Parquet rows."""
    at = pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_zone="UTC")
    return rows.select(
        pl.col("file").str.split("/").list.get(1).str.to_date().alias("delivered"),
        at.dt.convert_time_zone("Europe/London").dt.date().alias("day"),
    )


def test_late_rows_land_two_days_after_their_day(tiny: Simulated) -> None:
    rows = tiny.rows("appeal_events").filter(pl.col("file").str.contains("late-"))
    days = delivered_and_own_day(rows)
    assert rows.height == tiny.truth.planted.late["appeal_events"] > 0
    # A visit over midnight has its last rows on the next day.
    assert set((days["delivered"] - days["day"]).dt.total_days()) <= {1, 2}


def test_visits_go_on_after_midnight_and_stay_in_their_delivery(tiny: Simulated) -> None:
    rows = tiny.rows("pageviews").filter(pl.col("file").str.ends_with("/pageviews.parquet"))
    days = delivered_and_own_day(rows)
    after = days.filter(pl.col("day") == pl.col("delivered") + timedelta(days=1))
    assert 0 < after.height < rows.height / 50


def test_the_day_that_ends_summer_time_has_its_extra_hour(study: Simulated) -> None:
    views = study.sound("pageviews").filter(pl.col("local").dt.date() == datetime(2026, 10, 25, tzinfo=UTC).date())
    one_o_clock = views.filter(pl.col("local").dt.hour() == 1)
    assert sorted(one_o_clock["at"].dt.hour().unique().to_list()) == [0, 1]
    assert views["at"].max() - views["at"].min() > timedelta(hours=24)


def test_no_event_lies_after_the_last_day(study: Simulated) -> None:
    for kind in KINDS:
        assert study.sound(kind)["local"].dt.date().max() == datetime.fromisoformat(study.truth.last_day).date()


def test_ids_exceed_what_a_double_holds_and_some_are_not_ascii(tiny: Simulated) -> None:
    readers = tiny.rows("pageviews")["reader_id"].drop_nulls().unique()
    numbers = readers.filter(readers.str.contains(r"^\d+$")).cast(pl.Int64)
    assert (numbers > 2**53).all()
    assert readers.str.contains(r"[^\x00-\x7f]").any()
    web = next(path for path in (tiny.folder / "landing").rglob("web.parquet"))
    assert pl.read_parquet_schema(web)["reader_id"] == pl.Int64


def test_readers_have_one_id_in_all_kinds(study: Simulated) -> None:
    seen = set(study.rows("pageviews")["reader_id"].drop_nulls())
    assert set(study.rows("appeal_events")["reader_id"].drop_nulls()) <= seen
    led_to = study.rows("contributions").filter(pl.col("experiment_id").is_not_null())
    assert set(led_to["reader_id"].drop_nulls()) <= seen


def test_a_second_simulation_replaces_the_first_and_nothing_else(tmp_path: Path) -> None:
    first = simulate(tmp_path, TINY)
    notes = tmp_path / "landing" / "pageviews" / "notes.txt"
    notes.write_text("mine", encoding="utf-8")
    clean = simulate(tmp_path, TINY.__class__("other", readers=2_000, days=7, is_mixed=False))
    assert notes.read_text(encoding="utf-8") == "mine"
    left = set(contents(tmp_path)) - {notes.relative_to(tmp_path).as_posix()}
    assert left == {*clean.files, TRUTH_FILE}
    assert set(first.files) - left


def test_a_truth_that_lists_files_elsewhere_removes_none_of_them(tmp_path: Path) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("mine", encoding="utf-8")
    folder = tmp_path / "publisher"
    simulate(folder, TINY)
    truth = (folder / TRUTH_FILE).read_text(encoding="utf-8")
    (folder / TRUTH_FILE).write_text(truth.replace('"fx_rates.csv"', '"../precious.txt"'), encoding="utf-8")
    simulate(folder, TINY)
    assert outside.exists()


def test_progress_grows_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    simulate(tmp_path, TINY, progress=lambda what, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


def test_the_truth_is_read_back_as_it_was(tiny: Simulated) -> None:
    assert read_truth(tiny.folder) == tiny.truth
