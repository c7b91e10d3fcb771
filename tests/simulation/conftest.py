"""Simulated publishers that several tests look at, each made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from analysis.contract import CONTRACT, Kind
from analysis.landing import BAD_LINES, landed_files, read_rows
from analysis.simulation.publisher import simulate
from analysis.simulation.sizes import TINY, SimulationSize
from analysis.simulation.truth import Truth

#: Enough readers for shares and rates, clean Parquet, one file a week.
STUDY = SimulationSize("study", readers=80_000, days=42, days_per_delivery=7, is_mixed=False)


@dataclass(frozen=True)
class Simulated:
    folder: Path
    truth: Truth

    def rows(self, kind: Kind) -> pl.DataFrame:
        """Every row of a kind as text, with `file`; lines that are no rows are null but for `_is_unreadable`."""
        frames = []
        for file in landed_files(self.folder / "landing")[0]:
            if file.kind != kind:
                continue
            try:
                rows = read_rows(file).collect()
            except BAD_LINES:
                rows = read_rows(file, carefully=True).collect()
            text = [_text(column.name, rows.schema[column.name]) for column in CONTRACT[kind]]
            frames.append(rows.select(*text, "_is_unreadable", pl.lit(file.name).alias("file")))
        return pl.concat(frames)

    def sound(self, kind: Kind) -> pl.DataFrame:
        """Rows of a clean publisher with typed times: `at` in UTC and `local` in the publisher's time."""
        at = pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_zone="UTC")
        return (
            self.rows(kind)
            .with_columns(at.alias("at"))
            .with_columns(local=pl.col("at").dt.convert_time_zone("Europe/London"))
        )


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    return pl.col(name).cast(pl.String)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder = tmp_path_factory.mktemp("tiny")
    return Simulated(folder, simulate(folder, TINY))


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder = tmp_path_factory.mktemp("study")
    return Simulated(folder, simulate(folder, STUDY))
