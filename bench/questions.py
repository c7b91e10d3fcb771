"""The ten commonest questions on a published database, each against the scan of the columns it needs.

`python -m bench.questions DATABASE [--rounds 5]` prints median wall and CPU seconds of each question, the same for one cheap
aggregate over the columns that the question has to read, and the ratio. A question meets the goal at twice its scan or
under one second. Every round opens the file anew, as an analyst's tool does. Without a database it asks that of a made month
(`--events`), which it runs through the pipeline first, in a folder that it deletes.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import duckdb

from analysis.database import open_database
from bench.month import Month

#: Question, its statement, and the scan of the columns it needs; $experiment is the experiment with most readers.
QUESTIONS = (
    ("verdicts", "FROM decisions", "SELECT count(verdict) FROM decisions"),
    ("lift of a test", "FROM lift($experiment)", "SELECT max(lift) FROM estimates"),
    ("evidence day by day", "FROM daily($experiment)", "SELECT max(s1) FROM sufficient_statistics"),
    ("funnel", "FROM funnel($experiment)", "SELECT max(readers) FROM funnel"),
    (
        "pageviews by day",
        "SELECT day, sum(rows) FROM rows_per_day WHERE kind = 'pageviews' GROUP BY day",
        "SELECT max(rows) FROM rows_per_day",
    ),
    (
        "pageviews by section",
        "SELECT section, count(*) FROM pageviews GROUP BY section",
        "SELECT count(section) FROM pageviews",
    ),
    (
        "appeal events by day and kind",
        "SELECT day, event, count(*) FROM appeal_events GROUP BY ALL",
        "SELECT count(day), count(event) FROM appeal_events",
    ),
    (
        "one reader",
        "SELECT count(*), max(day) FROM daily_visits WHERE reader_key = 42",
        "SELECT max(reader_key), max(day) FROM daily_visits",
    ),
    (
        "gifts by currency",
        "SELECT currency, count(*), sum(reporting_minor) FROM contributions WHERE status = 'settled' GROUP BY currency",
        "SELECT count(currency), sum(reporting_minor), count(status) FROM contributions",
    ),
    (
        "any cut of a test compared",
        "FROM compare($experiment, device := 'mobile')",
        "SELECT max(reader_key), max(first_exposure), max(exposures), max(day) FROM daily_exposures "
        "WHERE experiment_id = $experiment",
    ),
)


def timed(path: Path, sql: str, experiment: str, rounds: int) -> tuple[float, float]:
    """Median wall and CPU seconds of a statement over some rounds."""
    walls, cpus = [], []
    for _ in range(rounds):
        with open_database(path) as database:
            parameters = {"experiment": experiment} if "$experiment" in sql else None
            wall, cpu = time.perf_counter(), _cpu()
            database.execute(sql, parameters).fetchall()
            walls.append(time.perf_counter() - wall)
            cpus.append(_cpu() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path, nargs="?")
    parser.add_argument("--events", type=int, default=10_000_000, help="of a made month (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.database is not None:
        ask(options.database, options.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        ask(published_month(Path(folder), options.events), options.rounds)


def published_month(folder: Path, events: int) -> Path:
    """The database of a made month, from landed files to publishing."""
    from askwell.run import execute

    month = Month(events, 12)
    month.write_registry(folder)
    month.write(folder / "landing", lambda day, days: None)
    execute(folder / "askwell.toml", lambda *_: None)
    return folder / "askwell.duckdb"


def ask(path: Path, rounds: int) -> None:
    """Print the table of a published database."""
    with open_database(path) as database:
        largest = database.execute(
            "SELECT experiment_id FROM funnel GROUP BY 1 ORDER BY max(readers) DESC LIMIT 1"
        ).fetchall()[0][0]
        rows = database.execute("SELECT kind, sum(rows) FROM rows_per_day GROUP BY kind ORDER BY kind").fetchall()
    print(f"DuckDB {duckdb.__version__}; {', '.join(f'{count:,} {kind}' for kind, count in rows)}; test {largest}")
    print(f"{'question':42}{'s':>8}{'cpu s':>8}{'scan s':>8}{'ratio':>8}  goal")
    for name, sql, scan in QUESTIONS:
        wall, cpu = timed(path, sql, largest, rounds)
        base, _ = timed(path, scan, largest, rounds)
        met = wall < 1 or wall <= 2 * base
        print(f"{name:42}{wall:8.3f}{cpu:8.3f}{base:8.3f}{wall / base:8.1f}  {'met' if met else 'missed'}", flush=True)


if __name__ == "__main__":
    main()
