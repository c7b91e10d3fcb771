"""Crawlers by their user agent and readers by their pace, on a real access log of four days in 2015.

The log is of a small technical site: 10,000 lines, one of them broken, with crawlers, feed readers and empty user agents. An
address with its user agent is taken for a reader, a request that names no file for a pageview.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.bots import is_crawler
from tests.builders import TestPublisher, pageview

LINE = re.compile(r'(\S+) \S+ \S+ \[([^\]]+)\] "\S+ (\S+)[^"]*" \d+ \S+ "[^"]*" "([^"]*)"')
FILE = re.compile(r"\.(png|jpe?g|gif|css|js|ico|svg|ttf|woff|eot|txt|xml|gz|zip|pdf)(\?|$)", re.IGNORECASE)
#: The log's days, moved into the test publisher's month.
SHIFT = datetime(2026, 10, 5, tzinfo=UTC) - datetime(2015, 5, 17, tzinfo=UTC)


@pytest.fixture
def requests(real_data: Path) -> list[dict[str, Any]]:
    found = []
    with gzip.open(real_data / "web_access_masked.log.gz", "rt", encoding="utf-8", errors="replace") as log:
        for line in log:
            parts = LINE.match(line)
            if parts is None or FILE.search(parts[3]):
                continue
            at = (datetime.strptime(parts[2], "%d/%b/%Y:%H:%M:%S %z") + SHIFT).isoformat()
            found.append(pageview("10-05 12:00", f"{parts[1]}|{parts[4]}", occurred_at=at, user_agent=parts[4]))
    return found


def fast(publisher: TestPublisher) -> dict[int, tuple[int, int]]:
    """Pageviews and most in a minute by key, of readers who had ten and more on a day."""
    frames = [pl.read_parquet(part.path) for part in publisher.warehouse.parts("daily_visits")]
    busy = pl.concat(frames).filter(pl.col("most_a_minute").is_not_null()).group_by("reader_key").agg(pl.all().max())
    return {
        key: (pages, most) for key, pages, most in busy.select("reader_key", "pageviews", "most_a_minute").iter_rows()
    }


def test_the_list_of_crawlers_knows_most_of_the_robots_of_a_real_log(requests: list[dict[str, Any]]) -> None:
    agents = pl.Series([row["user_agent"] for row in requests])
    crawling = agents.filter(is_crawler(agents))
    assert agents.len() == 4300
    assert crawling.len() / agents.len() > 0.4  # of a site of 2015; the list grows, and may find more
    assert {"msnbot/2.0b (+http://search.msn.com/msnbot.htm)", "-"} <= set(crawling)
    assert not any("Chrome/32" in agent for agent in crawling)


def test_rates_find_robots_that_the_list_does_not_know(
    publisher: TestPublisher, requests: list[dict[str, Any]]
) -> None:
    publisher.zone = "UTC"
    publisher.write_settings()
    publisher.land("pageviews", requests)
    publisher.statistics(as_of=datetime(2026, 10, 9, tzinfo=UTC).date())
    rows = [row for row in requests if not is_crawler(pl.Series([row["user_agent"]]))[0]]
    minutes = Counter((row["reader_id"], row["occurred_at"][:16]) for row in rows)
    most: dict[str, int] = {}
    for (reader, _), count in minutes.items():
        most[reader] = max(most.get(reader, 0), count)
    quick = sorted(reader.partition("|")[2] for reader, count in most.items() if count >= 20)
    # Two addresses of a crawler that hides behind a browser's words, and two that say they are a browser of 2001.
    assert (
        quick
        == ["Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)"] * 2
        + ["Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)"] * 2
    )
    found = fast(publisher)
    assert sorted((count for _, count in found.values()), reverse=True)[:5] == sorted(most.values(), reverse=True)[:5]
    assert sum(count >= 20 for _, count in found.values()) == 4
    assert [pages for pages, _ in found.values() if pages >= 100] == [135]  # a feed reader
