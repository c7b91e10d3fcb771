"""`python -m bench.sources [ROWS] [FORMAT]`: reading a day of a GA4 export through its mapping, beside reading the same file.

Makes one file of the nested export (NDJSON or Parquet), scans it once with DuckDB, one cheap aggregate a column, and then
ingests it. Prints rows, CPU seconds of both, their ratio, and the largest memory of the process.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from analysis.ingestion import ingest
from analysis.settings import read_settings
from analysis.store import Warehouse

_SETTINGS = """
[publisher]
name = "Bench"
first_day = 2026-10-01
[machine]
memory_limit = "2 GB"
[sources.web]
mapping = "ga4-export"
"""

_MADE = """
SELECT
    '20261005' AS event_date,
    1791158400000000 + i * 8000 AS event_timestamp,
    CASE WHEN i % 10 < 7 THEN 'page_view' WHEN i % 10 < 9 THEN 'appeal_inserted' ELSE 'scroll' END AS event_name,
    [
        {'key': 'page_location', 'value': {'string_value': 'https://news.example/a' || (i % 5000), 'int_value': NULL}},
        {'key': 'experiment_id', 'value': {'string_value': 'thanks', 'int_value': NULL}},
        {'key': 'variant_id', 'value': {'string_value': CASE WHEN hash(i // 4) % 2 = 0 THEN 'a' ELSE 'b' END, 'int_value': NULL}},
        {'key': 'ga_session_id', 'value': {'string_value': NULL, 'int_value': i // 4}}
    ] AS event_params,
    'GA1.' || (i // 4) AS user_pseudo_id,
    CASE WHEN i % 50 = 0 THEN 'u' || (i // 4) END AS user_id,
    {'category': CASE WHEN i % 3 = 0 THEN 'desktop' ELSE 'mobile' END} AS device,
    'WEB' AS platform,
    i AS event_bundle_sequence_id,
    0 AS batch_event_index
FROM range($rows) AS made(i)
"""


def main(rows: int, file_format: str) -> None:
    """Make the file, scan it, ingest it, and say what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "askwell.toml").write_text(_SETTINGS, encoding="utf-8")
        file = base / "landing" / "web" / "2026-10-06" / f"events_20261005.{file_format}"
        file.parent.mkdir(parents=True)
        with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
            how = "FORMAT parquet, COMPRESSION zstd" if file_format == "parquet" else "FORMAT json"
            connection.execute(f"COPY ({_MADE}) TO '{file}' ({how})", {"rows": rows})
            start = time.process_time()
            source = f"read_parquet('{file}')" if file_format == "parquet" else f"read_ndjson('{file}')"
            connection.execute(
                "SELECT max(event_timestamp), max(event_name), sum(len(event_params)), max(user_pseudo_id), max(user_id), "
                f"max(device.category), max(platform), max(event_bundle_sequence_id) FROM {source}"
            ).fetchall()
            scan = time.process_time() - start
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        warehouse = Warehouse(read_settings(base))
        start = time.process_time()
        with warehouse.writing():
            done = ingest(warehouse, (), now=datetime(2026, 11, 1, tzinfo=UTC))
        took = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = file.stat().st_size / 1e6
    print(
        f"{file_format}: {rows:,} rows, {size:,.0f} MB; scan {scan:.1f} CPU s; ingest {took:.1f} CPU s "
        f"({took / rows * 1e6:.2f} us a row, {took / scan:.0f} x the scan); {done.accepted:,} accepted, "
        f"{done.quarantined:,} set aside; peak {peak / 1e6:.2f} GB (before ingesting {before / 1e6:.2f} GB)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, sys.argv[2] if len(sys.argv) > 2 else "parquet")
