"""`python -m bench.month FOLDER [--events N]`: a made month at the scale of a publisher, ready for `askwell run`.

The same rows on every machine with one version of DuckDB, from `range()` and `hash()`. Only shapes and rates are real here
(heavy-tailed visits, overlapping tests, rare gifts, refunds); wordings have no effect. The simulation under
`analysis/simulation` is the one with a truth to find; it would take an hour for a hundred million rows.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

_SQL = Path(__file__).parent / "sql"
_FIRST_DAY = date(2026, 9, 1)

#: Of a hundred events, pages without an ask; each of the other asks makes 1.6 events (seen, clicked, dismissed).
_VIEWS_PER_EVENT = 0.456
_ASKS_PER_EVENT = 0.34

#: Asks in ten thousand that end in a payment.
_GIFTS = 30

_SETTINGS = """[publisher]
name = "The Made Month"
time_zone = "UTC"
reporting_currency = "GBP"
first_day = {first_day}

[machine]
memory_limit = "{memory_limit}"
{more}"""

_EXPERIMENT = """id = "{id}"
name = "Made test {id}"
hypothesis = "There is nothing to find."
surface = "donation"
owner = "bench@example.org"
starts = {starts}
planned_end = {planned_end}
control = "v0"
{guardrail}
{variants}"""

_VARIANT = """[[variants]]
id = "v{number}"
share = 1
appeal = {{ headline = "Wording {number}" }}
"""


@dataclass(frozen=True)
class Month:
    """What is made: events, and how many tests share them.

    Attributes:
        events: Pageviews and appeal events together, about.
        days_of_test: Days that a test runs; 0 for tests that are always on.
    """

    events: int
    experiments: int = 12
    days: int = 30
    days_of_test: int = 9

    @property
    def name(self) -> str:
        """Name of its folder: all that it is made from."""
        return f"month-{self.events}-{self.experiments}-{self.days}-{self.days_of_test}"

    @property
    def readers(self) -> int:
        """People who might come."""
        return self.events // 5

    @property
    def last_day(self) -> date:
        """The last day with events."""
        return self.day(self.days - 1)

    def day(self, number: int) -> date:
        """A day by its number, from 0."""
        return _FIRST_DAY + timedelta(days=number)

    def running(self, day: int) -> list[int]:
        """Numbers of the tests that run on a day."""
        return [number for number in range(self.experiments) if self._starts(number) <= day <= self._ends(number)]

    def _starts(self, number: int) -> int:
        last_start = self.days - self.days_of_test + 1 if self.days_of_test else 0
        return number * last_start // max(1, self.experiments - 1) if last_start else 0

    def _ends(self, number: int) -> int:
        return min(self.days - 1, self._starts(number) + self.days_of_test - 1) if self.days_of_test else self.days - 1

    def write_registry(self, folder: Path, memory_limit: str = "4GB", more: str = "") -> None:
        """Write `askwell.toml` and a file for every test."""
        (folder / "experiments").mkdir(parents=True, exist_ok=True)
        (folder / "askwell.toml").write_text(
            _SETTINGS.format(first_day=_FIRST_DAY, memory_limit=memory_limit, more=more), encoding="utf-8"
        )
        for number in range(self.experiments):
            (folder / "experiments" / f"made-{number:04}.toml").write_text(
                _EXPERIMENT.format(
                    id=f"made-{number:04}",
                    starts=self.day(self._starts(number)),
                    planned_end=self.day(self._ends(number)),
                    guardrail='guardrails = [{ metric = "pageviews", margin = 0.05 }]' if number % 4 == 0 else "",
                    variants="".join(_VARIANT.format(number=variant) for variant in range(_variants(number))),
                ),
                encoding="utf-8",
            )

    def write(self, landing: Path, progress: Callable[[int, int], None], memory_limit: str = "4GB") -> None:
        """Write the landed files of every day that is not there yet: Parquet, a file a kind and day."""
        with duckdb.connect(
            config={"memory_limit": memory_limit, "temp_directory": str(landing.parent / "spill")}
        ) as made:
            made.execute("SET preserve_insertion_order = true")
            for day in range(self.days):
                progress(day, self.days)
                self._write_day(made, landing, day)
            self._write_contributions(made, landing)

    def _write_day(self, made: duckdb.DuckDBPyConnection, landing: Path, day: int) -> None:
        name = self.day(day).isoformat()
        if _target(landing, "appeal_events", name).exists():
            return
        running = self.running(day)
        made.execute(
            "CREATE OR REPLACE TEMP TABLE running (slot INTEGER, number INTEGER, experiment_id VARCHAR, variants INTEGER)"
        )
        for slot, number in enumerate(running):
            made.execute(
                "INSERT INTO running VALUES (?, ?, ?, ?)", [slot, number, f"made-{number:04}", _variants(number)]
            )
        made.execute(
            f"CREATE OR REPLACE TEMP TABLE events AS {(_SQL / 'month_events.sql').read_text(encoding='utf-8')}",
            {
                "day": name,
                "number": day,
                "views": round(self.events * _VIEWS_PER_EVENT / self.days),
                "asks": round(self.events * _ASKS_PER_EVENT / self.days) if running else 0,
                "readers": self.readers,
                "slots": len(running),
            },
        )
        _copy(
            made,
            "SELECT event_id, occurred_at, reader_id, article_id, section, device FROM events WHERE is_view",
            _target(landing, "pageviews", name),
        )
        _copy(
            made,
            "SELECT event_id, occurred_at, reader_id, experiment_id, variant_id, 'donation' AS surface, event, article_id, "
            "device, reader_type FROM events WHERE NOT is_view",
            _target(landing, "appeal_events", name),
        )

    def _write_contributions(self, made: duckdb.DuckDBPyConnection, landing: Path) -> None:
        if _target(landing, "contributions", self.last_day.isoformat()).exists():
            return
        asks = str(landing / "appeal_events" / "*" / "*.parquet").replace("'", "''")
        made.execute(
            "CREATE OR REPLACE TEMP TABLE asked AS SELECT event_id, occurred_at, reader_id "
            f"FROM read_parquet('{asks}') WHERE event = 'inserted' AND hash(event_id) % 10000 < {_GIFTS}"
        )
        made.execute(
            f"CREATE OR REPLACE TEMP TABLE paid AS {(_SQL / 'month_contributions.sql').read_text(encoding='utf-8')}"
        )
        for day in range(self.days):
            name = self.day(day).isoformat()
            select = f"SELECT * FROM paid WHERE CAST(occurred_at AS DATE) = DATE '{name}' ORDER BY contribution_id"
            _copy(made, select, _target(landing, "contributions", name))


def _variants(number: int) -> int:
    return 2 + number % 3


def _target(landing: Path, kind: str, day: str) -> Path:
    return landing / kind / day / "made.parquet"


def _copy(made: duckdb.DuckDBPyConnection, select: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    made.execute(f"COPY ({select}) TO '{str(part).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)")
    os.replace(part, target)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.month", description="Write a made month as a publisher's folder."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--events", type=int, default=100_000_000, help="pageviews and appeal events, about (%(default)s)"
    )
    parser.add_argument("--experiments", type=int, default=12)
    chosen = parser.parse_args(arguments)
    month = Month(chosen.events, chosen.experiments)
    month.write_registry(chosen.folder)
    month.write(chosen.folder / "landing", lambda day, days: _say(f"day {day + 1} of {days}"))
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
