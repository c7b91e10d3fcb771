"""The extract: nothing in it tells of one reader, not even by subtraction."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from analysis.database import open_database
from analysis.extract import COMPLEMENT, ONE_GIFT, SMALL_CELL, extract, hide_small_cells
from tests.analysis.test_database import land_readers, published
from tests.builders import TestPublisher, appeal_event, gift


def results(*rows: dict[str, object]) -> pl.DataFrame:
    whole = {
        "experiment_id": "e", "segment_kind": "all", "segment": "all", "metric": "conversion", "variant_id": "v",
        "n": 1000, "x": 100, "mean": 0.1, "se": 0.01, "rate_low": 0.08, "rate_high": 0.12, "reason": None, "top": 1.0, "s1": 100.0,
    }  # fmt: skip
    return pl.DataFrame([{**whole, **row} for row in rows], schema_overrides={"reason": pl.String})


def reasons(*rows: dict[str, object]) -> list[str | None]:
    return hide_small_cells(results(*rows))["reason"].to_list()


@pytest.mark.parametrize(
    ("n", "x", "told"),
    [(1000, 4, SMALL_CELL), (1000, 1, SMALL_CELL), (1000, 5, None), (1000, 0, None), (4, 0, SMALL_CELL), (100, 97, SMALL_CELL), (100, 100, None)],
)  # fmt: skip
def test_a_small_cell_is_absent_with_all_its_figures(n: int, x: int, told: str | None) -> None:
    hidden = hide_small_cells(results({"n": n, "x": x})).row(0, named=True)
    assert hidden["reason"] == told
    assert all(
        (hidden[name] is None) == (told is not None) for name in ("n", "x", "mean", "se", "rate_low", "rate_high")
    )


def test_a_cell_is_small_for_conversion_and_value_alike() -> None:
    assert reasons({"x": 5}, {"x": 4, "metric": "value"}) == [SMALL_CELL, SMALL_CELL]


def test_money_that_one_reader_gave_is_absent() -> None:
    assert reasons({}, {"metric": "value", "top": 501.0, "s1": 1000.0}) == [None, ONE_GIFT]
    assert reasons({"metric": "value", "top": 499.0, "s1": 1000.0}) == [None]


def test_an_absent_group_cannot_be_had_by_subtraction() -> None:
    cut = {"segment_kind": "device"}
    told = reasons(
        {},
        {**cut, "segment": "mobile", "n": 700, "x": 60},
        {**cut, "segment": "desktop", "n": 200, "x": 37},
        {**cut, "segment": "tablet", "n": 100, "x": 3},
    )
    assert told == [None, None, COMPLEMENT, SMALL_CELL]
    two = reasons({}, {**cut, "segment": "a", "x": 3}, {**cut, "segment": "b", "x": 4}, {**cut, "segment": "c"})
    assert two == [None, SMALL_CELL, SMALL_CELL, None], "two absent groups hide each other"


def test_absent_groups_are_not_small_together() -> None:
    cut = {"segment_kind": "device"}
    few = [{**cut, "segment": "a", "x": 1}, {**cut, "segment": "b", "x": 2}]
    told = reasons({}, *few, {**cut, "segment": "c", "n": 500, "x": 40}, {**cut, "segment": "d", "n": 800, "x": 57})
    assert told == [None, SMALL_CELL, SMALL_CELL, COMPLEMENT, None]


def test_a_complement_is_absent_for_conversion_and_value_alike() -> None:
    cells = [
        {"segment": "a", "n": 100, "x": 3},
        {"segment": "b", "n": 200, "x": 37},
        {"segment": "c", "n": 700, "x": 60},
    ]
    conversion = [{"segment_kind": "device", **cell} for cell in cells]
    value = [{**cell, "metric": "value", "top": 99.0 if cell["segment"] == "c" else 1.0} for cell in conversion]
    assert reasons(*conversion, *value) == [SMALL_CELL, COMPLEMENT, None, SMALL_CELL, COMPLEMENT, ONE_GIFT]


def test_no_figure_of_the_extract_names_a_reader_or_a_single_gift(publisher: TestPublisher, tmp_path: Path) -> None:
    land_readers(publisher)
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"t{number}", device="tablet") for number in range(9)])
    publisher.land("contributions", [gift("10-05 12:30", "t3", 987_654)])
    published(publisher)
    with open_database(publisher.settings.folders.database) as database:
        tables = extract(database)
        keys = {str(key) for (key,) in database.sql("SELECT reader_key FROM readers").fetchall()}
    assert {
        "results",
        "comparisons",
        "funnel",
        "decisions",
        "checks",
        "variants",
        "experiments",
        "publisher",
        "edition",
    } == set(tables)
    text = "\n".join(frame.write_csv() if not frame.is_empty() else "" for frame in tables.values())
    assert not any(key in text for key in keys)
    assert "987654" not in text
    shown = tables["results"].filter(pl.col("segment") == "tablet")
    assert shown.height > 0
    assert set(shown.filter(pl.col("metric") == "value")["reason"]) == {SMALL_CELL}
    told = tables["comparisons"].filter(pl.col("segment") == "tablet")
    assert told["lift"].null_count() == told.height
    counts = tables["results"].filter(pl.col("metric") == "conversion")["x"].drop_nulls()
    assert counts.filter((counts > 0) & (counts < 5)).is_empty()
    whole = tables["results"].filter((pl.col("metric") == "conversion") & (pl.col("segment_kind") == "all"))
    assert whole["as_of"].n_unique() == 1, "no earlier day to subtract"


@pytest.mark.slow
def test_the_command_writes_a_whole_folder_or_none(publisher: TestPublisher, tmp_path: Path) -> None:
    land_readers(publisher)
    published(publisher)
    askwell = Path(sys.executable).with_name("askwell")

    def export(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [askwell, "export", tmp_path / "shared", "--settings", publisher.folder, *more],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    answer = json.loads(export("--format", "parquet", "--json").stdout)
    assert answer["rows"]["decisions"] == 1
    assert pl.read_parquet(tmp_path / "shared" / "results.parquet").height == answer["rows"]["results"]
    assert "fewer than 5 readers" in (tmp_path / "shared" / "README.txt").read_text()
    again = export()
    assert again.returncode == 1
    assert "exists already" in again.stderr
