"""Which readers count: every mark is found, every rule leaves out whom it names, and both results are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl
import pytest

from analysis.errors import ConfigurationError
from analysis.reader_rules import MARKS
from analysis.sufficient import CohortStatistics
from askwell.check import CheckFailed, check_workspace
from tests.builders import TestPublisher, appeal_event, cell, gift, pageview

LATER = appeal_event("10-27 12:00", "closing")


def rules(publisher: TestPublisher, text: str) -> None:
    publisher.settings_more = f"[readers]\n{text}\n"
    publisher.write_settings()


def marked(found: CohortStatistics) -> dict[str, dict[str, Any]]:
    """Readers with each mark in the variant `thanks`."""
    rows = found.special_readers.filter(pl.col("variant_id") == "thanks").to_dicts()
    return {row["mark"]: row for row in rows if row["readers"]}


def asked(found: CohortStatistics, basis: str = "exposed", variant: str = "thanks") -> int:
    return cell(found.statistics, "conversion", variant, basis=basis)["n"]


def gave(found: CohortStatistics, basis: str = "exposed", variant: str = "thanks") -> tuple[int, float]:
    row = cell(found.statistics, "value", variant, basis=basis)
    return row["x"], row["s1"]


TWO_WORDINGS = [
    appeal_event("10-05 11:00", "r", "current", "eligible"),
    appeal_event("10-05 12:00", "r", "thanks"),
    appeal_event("10-05 12:00", "other", "thanks"),
    LATER,
]


@pytest.mark.parametrize(
    ("rule", "thanks", "current"),
    [("first", (2, 1), (1, 0)), ("as_assigned", (1, 0), (2, 1)), ("exclude", (1, 0), (1, 0))],
)
def test_a_reader_of_several_variants_counts_by_the_rule(
    publisher: TestPublisher, rule: str, thanks: tuple[int, int], current: tuple[int, int]
) -> None:
    rules(publisher, f'several_variants = "{rule}"')
    publisher.land("appeal_events", TWO_WORDINGS)
    publisher.land("contributions", [gift("10-06 12:00", "r")])
    found = publisher.statistics().statistics
    counted = {
        name: (cell(found, "conversion", name)["n"], cell(found, "conversion", name)["x"])
        for name in ("thanks", "current")
    }
    assert counted == {"thanks": thanks, "current": current}
    other = "with_several_variants" if rule == "exclude" else "without_several_variants"
    both = sum(cell(found, "conversion", name, basis=other)["n"] for name in ("thanks", "current"))
    assert both == (3 if rule == "exclude" else 2)


def test_an_experiment_registers_its_own_rule(publisher: TestPublisher) -> None:
    publisher.register(tables='[readers]\nseveral_variants = "exclude"\n')
    publisher.land("appeal_events", TWO_WORDINGS)
    assert asked(publisher.statistics()) == 1


@pytest.mark.parametrize("rule", ["ignore", "count", "exclude"])
def test_two_experiments_on_one_article_overlap(publisher: TestPublisher, rule: str) -> None:
    rules(publisher, f'overlap = "{rule}"')
    publisher.register("other")
    other = {"experiment_id": "other"}
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "both", "thanks", article_id="a1"),
            appeal_event("10-05 12:01", "both", "thanks", article_id="a1", **other),
            appeal_event("10-05 12:00", "two-articles", "thanks", article_id="a1"),
            appeal_event("10-05 12:01", "two-articles", "thanks", article_id="a2", **other),
            appeal_event("10-05 12:00", "two-days", "thanks", article_id="a1"),
            appeal_event("10-06 12:01", "two-days", "thanks", article_id="a1", **other),
            appeal_event("10-05 12:00", "no-article", "thanks"),
            appeal_event("10-05 12:01", "no-article", "thanks", **other),
            LATER,
        ],
    )
    found = publisher.statistics()
    mine = found.special_readers.filter(pl.col("experiment_id") == "thanks", pl.col("variant_id") == "thanks")
    assert mine["readers"].to_list() == ([] if rule == "ignore" else [1])
    n = cell(found.statistics, "conversion", "thanks", experiment_id="thanks")["n"]
    assert n == (3 if rule == "exclude" else 4)


def test_who_gave_or_subscribed_before_is_giving_already(publisher: TestPublisher) -> None:
    rules(publisher, 'already_giving = "exclude"\ngiving_days = 30')
    publisher.land(
        "appeal_events",
        [
            *(
                appeal_event("10-05 12:00", who, "thanks")
                for who in ("gave", "gave-long-ago", "gave-after", "declined")
            ),
            appeal_event("10-05 12:00", "subscriber", "thanks", reader_type="subscriber"),
            LATER,
        ],
    )
    publisher.land(
        "contributions",
        [
            gift("09-20 12:00", "gave"),
            gift("06-01 12:00", "gave-long-ago"),
            gift("10-05 12:30", "gave-after"),
            gift("10-01 12:00", "declined", status="failed"),
        ],
    )
    found = publisher.statistics()
    assert marked(found)["already_giving"]["readers"] == 2
    assert asked(found) == 3
    assert asked(found, "with_already_giving") == 5


def test_employees_are_left_out_by_their_ids(publisher: TestPublisher) -> None:
    rules(publisher, 'employees_file = "staff.txt"')
    (publisher.folder / "staff.txt").write_text("# the newsroom\nboss\n\n  intern  \n", encoding="utf-8")
    publisher.land(
        "appeal_events", [*(appeal_event("10-05 12:00", who, "thanks") for who in ("boss", "intern", "r")), LATER]
    )
    publisher.land("contributions", [gift("10-05 13:00", "boss", 5000), gift("10-05 13:00", "r", 700)])
    found = publisher.statistics()
    assert asked(found) == 1
    assert (gave(found), gave(found, "with_employees")) == ((1, 700), (2, 5700))
    row = marked(found)["employees"]
    assert (row["readers"], row["exposed"], row["contributors"], row["value_minor"]) == (2, 3, 1, 5000)
    assert (row["rule"], row["is_counted"]) == ("exclude", False)
    (publisher.folder / "staff.txt").write_text("nobody\n", encoding="utf-8")
    assert asked(publisher.statistics()) == 3  # a changed list is counted anew


def test_a_list_of_employees_that_is_not_there_is_said_by_key_and_path(publisher: TestPublisher) -> None:
    rules(publisher, 'employees_file = "staff.txt"')
    publisher.land("appeal_events", [LATER])
    with pytest.raises(ConfigurationError, match=r"readers\.employees_file.*staff\.txt.*one reader id a line"):
        publisher.statistics()
    with pytest.raises(CheckFailed):
        check_workspace(publisher.folder / "askwell.toml", as_json=True)


def test_crawlers_are_left_out_and_counted_by_variant(publisher: TestPublisher) -> None:
    crawler = {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "robot", "thanks", **crawler),
            appeal_event("10-05 12:00", "told", "current", is_bot=True),
            appeal_event("10-05 12:00", "r", "thanks"),
            LATER,
        ],
    )
    found = publisher.statistics()
    assert asked(found) == 1
    assert asked(found, "with_crawlers") == 2
    rows = found.special_readers.filter(pl.col("mark") == "crawlers")
    assert dict(rows.select("variant_id", "readers").iter_rows()) == {"thanks": 1, "current": 1}


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        ("most_pageviews_a_minute = 12", {"burst"}),
        ("most_pageviews_a_minute = 13", set()),
        ("most_pageviews_a_day = 30", {"steady"}),
        ("most_exposures_a_day = 3", {"asked-often"}),
    ],
)
def test_readers_faster_than_people_are_left_out_by_each_rate(
    publisher: TestPublisher, limit: str, left: set[str]
) -> None:
    rules(publisher, limit)
    readers = ["burst", "steady", "asked-often", "r"]
    publisher.land(
        "appeal_events",
        [
            *(appeal_event("10-05 12:00", who, "thanks") for who in readers),
            *(appeal_event(f"10-05 13:0{n}", "asked-often", "thanks") for n in range(2)),
            LATER,
        ],
    )
    publisher.land(
        "pageviews",
        [
            *(pageview(f"10-05 12:00:{second:02}", "burst") for second in range(0, 60, 5)),
            *(pageview(f"10-05 12:{minute:02}", "steady") for minute in range(30)),
            pageview("10-05 12:00", "r"),
        ],
    )
    found = publisher.statistics()
    assert asked(found) == len(readers) - len(left)
    assert marked(found).get("too_fast", {"readers": 0})["readers"] == len(left)


def test_exposures_without_an_id_are_a_stratum_of_their_own(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            *(appeal_event("10-05 12:00", None, "thanks") for _ in range(3)),
            appeal_event("10-06 12:00", "  ", "thanks"),
            appeal_event("10-06 12:00", None, "current"),
            appeal_event("10-06 12:00", None, "current", "viewed"),
            appeal_event("10-06 12:00", None, "current", is_bot=True),
            appeal_event("10-05 12:00", "r", "thanks"),
            LATER,
        ],
    )
    found = publisher.statistics()
    assert dict(found.strangers.select("variant_id", "exposures").iter_rows()) == {"current": 1, "thanks": 4}
    assert asked(found) == 1


def test_a_rule_that_concerns_nobody_makes_no_row(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "thanks"), LATER])
    found = publisher.statistics()
    assert set(found.statistics["basis"].unique()) == {"exposed"}
    assert found.special_readers.is_empty()


def test_the_results_without_a_rule_do_not_depend_on_it(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "robot", "thanks", is_bot=True), *TWO_WORDINGS])
    publisher.land("contributions", [gift("10-06 12:00", "r"), gift("10-06 12:00", "robot", 900)])
    excluded = publisher.statistics().statistics
    rules(publisher, 'crawlers = "count"')
    counted = publisher.statistics().statistics
    sums = ["variant_id", "metric", "n", "x", "s1", "s2", "top"]

    def of(frame: pl.DataFrame, basis: str) -> list[tuple[Any, ...]]:
        last = frame.filter(pl.col("basis") == basis, pl.col("segment_kind") == "all").filter(
            pl.col("as_of") == pl.col("as_of").max()
        )
        wanted = ["conversion", "value", "value_uncapped", "value_annualised", "average_gift"]
        return sorted(last.filter(pl.col("metric").is_in(wanted)).select(sums).rows(), key=str)

    assert of(counted, "exposed") == of(excluded, "with_crawlers")
    assert of(counted, "without_crawlers") == of(excluded, "exposed")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('crawlers = "drop"', "readers.crawlers = 'drop'.*'count' or 'exclude'"),
        ('several_variants = "count"', "readers.several_variants = 'count'.*'first', 'as_assigned' or 'exclude'"),
        ("most_pageviews_a_minute = 3", "readers.most_pageviews_a_minute = 3.*greater than or equal to 10"),
        ('robots = "exclude"', "readers.robots = 'exclude'.*unknown key; allowed here: already_giving, crawlers"),
    ],
)
def test_a_wrong_rule_is_said_by_key_value_and_what_is_allowed(publisher: TestPublisher, line: str, said: str) -> None:
    rules(publisher, line)
    with pytest.raises(ConfigurationError, match=said):
        _ = publisher.settings


def test_every_mark_has_a_bit_of_its_own() -> None:
    assert sorted(MARKS.values()) == [1 << place for place in range(len(MARKS))]


def test_the_rules_reach_the_database_the_checks_and_the_page(publisher: TestPublisher) -> None:
    from askwell.run import execute

    publisher.land(
        "appeal_events",
        [
            *(appeal_event("10-05 12:00", f"r{n}", ("thanks", "current")[n % 2]) for n in range(40)),
            *(appeal_event("10-05 12:00", f"robot{n}", "thanks", is_bot=True) for n in range(200)),
            LATER,
        ],
    )
    publisher.land("contributions", [gift("10-05 13:00", "r0"), gift("10-05 13:00", "robot1")])
    execute(publisher.folder / "askwell.toml", lambda *_: None, clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
    with duckdb.connect(str(publisher.settings.folders.database), read_only=True) as database:
        assert database.execute("SELECT count(*), count_if(is_converted) FROM reader_outcomes").fetchall() == [(41, 1)]
        assert database.execute("SELECT count(*), min(marks) FROM left_out_readers").fetchall() == [(200, 32)]
        assert database.execute(
            "SELECT variant_id, readers FROM special_readers WHERE mark = 'crawlers' ORDER BY ALL"
        ).fetchall() == [("current", 0), ("thanks", 200)]
        assert database.execute(
            "SELECT status, detail->>'mark' FROM checks WHERE check_name = 'left_out_by_variant'"
        ).fetchall() == [("block", "crawlers")]
    page = (publisher.settings.folders.site / "experiments" / "thanks.html").read_text(encoding="utf-8")
    assert "Who is counted" in page
    assert "200 · left out" in page
