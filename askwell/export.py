"""`askwell export`: a folder that may be shared: an edition's results without reader rows, small cells left out."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Literal

import polars as pl
import typer

from analysis.database import open_database
from analysis.errors import AskwellError
from analysis.extract import COMPLEMENT, LARGEST_SHARE, ONE_GIFT, SMALL_CELL, SMALLEST_CELL, extract
from analysis.settings import read_settings

Format = Literal["csv", "parquet", "json"]

_README = f"""What was tested and what came out, without any row of a reader. Amounts are in minor units (publisher.reporting_currency).

Left out, with the rule in the column "reason":
  {SMALL_CELL}: fewer than {SMALLEST_CELL} readers, or fewer than {SMALLEST_CELL} missing to all of a group
  {ONE_GIFT}: one reader gave more than {LARGEST_SHARE:.0%} of the money
  {COMPLEMENT}: a group that would tell an absent one, or a small sum of several, by subtraction

Earlier days, uncapped values and other value rules are not in it, because their differences tell of single gifts. Two
extracts of a running test can be subtracted from each other: share one at its end, or weeks apart.
Words of appeals and names of experiments are shared as they were registered: read them before you pass them on.
"""


class ExportError(AskwellError):
    """The extract cannot be written where it was asked for."""


def run_export(folder: Path, settings_file: Path, *, kind: Format, as_json: bool) -> None:
    """Write the extract of the newest edition into a new folder, whole or not at all.

    Raises:
        ExportError: the folder exists already, or cannot be written.
    """
    settings = read_settings(settings_file)
    if folder.exists():
        raise ExportError(f"{folder} exists already: name a folder that does not.")
    with open_database(settings.folders.database) as database:
        tables = extract(database)
    building = folder.with_name(f"{folder.name}.building")
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        for name, frame in tables.items():
            _write(frame, building / f"{name}.{kind}", kind)
        (building / "README.txt").write_text(_README, encoding="utf-8")
        os.rename(building, folder)
    except OSError as problem:
        raise ExportError(f"{folder} cannot be written ({problem.strerror or problem}).") from None
    hidden = int(tables["results"]["reason"].is_in([SMALL_CELL, ONE_GIFT, COMPLEMENT]).sum())
    answer = {
        "folder": str(folder),
        "edition": tables["edition"]["edition"][0],
        "rows": {name: frame.height for name, frame in tables.items()},
        "results_left_out": hidden,
    }
    if as_json:
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"Edition {answer['edition']} written to {folder}: {len(tables)} tables, no row of a reader.")
    typer.echo(f"{hidden} of {tables['results'].height} results left out as too small; README.txt has the rule.")


def _write(frame: pl.DataFrame, path: Path, kind: Format) -> None:
    match kind:
        case "csv":
            frame.write_csv(path)
        case "parquet":
            frame.write_parquet(path)
        case "json":
            frame.write_json(path)
