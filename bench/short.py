"""`python -m bench.short [--record WHY]`: the ratios of a small month beside those recorded before, in under a minute.

Ratios, not seconds: what a stage costs against the scan of the same run carries over to other machines. `ratios.csv` holds
what was recorded, oldest first, by whoever changed the cost on purpose. Fails where a stage costs more than `GROSS` times
the middle of its last records: noise of a shared machine stays below it, a lost order of magnitude does not.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measuring import STEPS, measure_all
from bench.month import Month
from bench.workspace import Workspace

RECORDS = Path(__file__).parent / "ratios.csv"

_MONTH = Month(1_000_000, days=10, days_of_test=5)
_MEMORY = "600MB"

#: What is left to `python -m bench`, because it is long or does not change with this code.
_LEFT_OUT = {"write_parts", "write_result", "limit_partials", "tea_tasting", "polars", "pandas"}

#: How many times the recorded ratio is a regression beyond doubt, and of how many last records the middle is taken.
GROSS, _RECENT = 2.0, 5


@dataclass(frozen=True)
class Record:
    """Ratios by stage as they were on a day, and why they were recorded."""

    day: str
    why: str
    ratios: dict[str, float]


def read_records(file: Path) -> list[Record]:
    """Records, oldest first."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [
            Record(line.pop("day"), line.pop("why"), {stage: float(ratio) for stage, ratio in line.items() if ratio})
            for line in csv.DictReader(lines)
        ]


def expected(records: Sequence[Record], stage: str) -> float | None:
    """The middle of a stage's last recorded ratios; None where it was never recorded."""
    found = [record.ratios[stage] for record in records if stage in record.ratios][-_RECENT:]
    return statistics.median(found) if found else None


def regressions(records: Sequence[Record], ratios: Mapping[str, float]) -> list[str]:
    """A sentence for each stage that costs grossly more than recorded."""
    found = []
    for stage, ratio in ratios.items():
        usual = expected(records, stage)
        if usual is not None and ratio > GROSS * usual:
            found.append(
                f"{stage} costs {ratio:.1f} x the scan; recorded were {usual:.1f}, and {GROSS * usual:.1f} are allowed. "
                f"`python -m bench --profile {stage}` shows where; a cost that is meant is recorded with `make "
                "bench-short RECORD=why`."
            )
    return found


def trend(records: Sequence[Record], ratios: Mapping[str, float]) -> Table:
    """Each stage's ratio to its scan: recorded ones, oldest first, and now."""
    recent = records[-_RECENT:]
    shown = Table("CPU time / scan", *[record.day for record in recent], "now", "now / recorded")
    for stage, ratio in ratios.items():
        usual = expected(records, stage)
        before = [f"{record.ratios[stage]:.1f}" if stage in record.ratios else "" for record in recent]
        shown.add_row(stage, *before, f"{ratio:.1f}", "" if usual is None else f"{ratio / usual:.2f}")
    return shown


def measured() -> dict[str, float]:
    """Ratios of a small month's stages."""
    steps = [step for step in STEPS if step.stage not in _LEFT_OUT]
    rows = measure_all(Workspace(_MONTH, _MEMORY), steps, 1)
    return {row.stage: round(row.ratio, 2) for row in rows if row.ratio is not None}


def append(file: Path, record: Record) -> None:
    """Add a record at the end."""
    records = [*read_records(file), record] if file.exists() else [record]
    stages = list(dict.fromkeys(stage for one in records for stage in one.ratios))
    with file.open("w", encoding="utf-8", newline="") as lines:
        written = csv.DictWriter(lines, ["day", "why", *stages], lineterminator="\n")
        written.writeheader()
        written.writerows({"day": one.day, "why": one.why, **one.ratios} for one in records)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.short", description="Ratios of a small month, and their trend."
    )
    parser.add_argument("--record", metavar="WHY", help="add this run's ratios to bench/ratios.csv, with the reason")
    chosen = parser.parse_args(arguments)
    records, ratios = read_records(RECORDS), measured()
    Console(width=120).print(trend(records, ratios))
    if chosen.record:
        append(RECORDS, Record(datetime.now(UTC).date().isoformat(), chosen.record, ratios))
        return 0
    found = regressions(records, ratios)
    for sentence in found:
        print(sentence)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
