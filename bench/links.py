"""Putting readers together at size: all links at once, and a day's links more.

`python -m bench.links [LINKS] [NEW]` makes a warehouse of LINKS links (3 million) between browsers, accounts and payment
customers, and adds a day of NEW (10,000). Figures are CPU seconds, beside scanning the links.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from analysis.identity import refresh_persons
from analysis.settings import read_settings
from analysis.store import Warehouse

#: Days over which the links came.
DAYS = 60
SETTINGS = '[publisher]\nname = "Links"\n[machine]\nmemory_limit = "3 GB"\n'


def made_links(count: int, seed: int) -> pl.DataFrame:
    """Links as log-ins and payments leave them: a browser with an account, now and then an account with a customer."""
    draw = np.random.default_rng(seed)
    keys = draw.integers(-(2**62), 2**62, size=count, dtype=np.int64)
    accounts = draw.integers(0, max(1, count // 2), size=count, dtype=np.int64) * 7_919 + 11
    is_payment = draw.random(count) < 0.1
    return pl.DataFrame(
        {"reader_key": np.where(is_payment, accounts, keys), "linked_key": np.where(is_payment, keys, accounts)}
    )


def measured(work: Callable[[], object]) -> float:
    """CPU seconds of a piece of work."""
    before = time.process_time()
    work()
    return time.process_time() - before


def run(folder: Path, links: int, new: int) -> None:
    """Measure and print."""
    (folder / "askwell.toml").write_text(SETTINGS, encoding="utf-8")
    warehouse = Warehouse(read_settings(folder))
    first = date(2026, 1, 1)
    with warehouse.writing():
        frame = made_links(links, seed=1)
        size = -(-links // DAYS)
        for number in range(DAYS):
            day = (first + timedelta(days=number)).isoformat()
            warehouse.replace([warehouse.write_frame(frame.slice(number * size, size), "identity_links", day)])
        parts = [part.path for part in warehouse.parts("identity_links")]
        scan = measured(lambda: pl.scan_parquet(parts).select(pl.all().sum()).collect())
        whole = measured(lambda: refresh_persons(warehouse))
        later = made_links(links, seed=1).sample(new, seed=2).with_columns(pl.col("reader_key") + 1)
        day = (first + timedelta(days=DAYS)).isoformat()
        warehouse.replace([warehouse.write_frame(later, "identity_links", day)])
        grown = measured(lambda: refresh_persons(warehouse))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    rows = (
        pl.scan_parquet(warehouse.parts("persons")[0].path)
        .select(pl.len(), pl.col("component_key").n_unique())
        .collect()
    )
    sys.stdout.write(
        f"{links:,} links, {rows[0, 0]:,} ids of {rows[0, 1]:,} persons\n"
        f"scanning the links          {scan:6.2f} CPU s\n"
        f"all at once                 {whole:6.2f} CPU s\n"
        f"a day of {new:,} links more {grown:6.2f} CPU s, {whole / grown:.1f} times less\n"
        f"peak memory                 {peak:6.2f} GiB\n"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        run(Path(where), *(int(value) for value in (*sys.argv[1:], "3000000", "10000")[:2]))
