"""Ids that links connect are one reader, wherever readers are counted."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.identity import persons
from tests.builders import TestPublisher, appeal_event, cell, gift


def link(reader: str, other: str, when: str = "2026-10-05T12:00:00Z", kind: str = "account") -> dict[str, Any]:
    return {"occurred_at": when, "reader_id": reader, "linked_id": other, "linked_kind": kind}


def links(pairs: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"reader_key": pl.Int64, "linked_key": pl.Int64}, orient="row")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), max_size=40), st.randoms())
def test_a_person_is_a_connected_component_whatever_the_order_of_links(
    pairs: list[tuple[int, int]], order: random.Random
) -> None:
    found = persons(links(pairs), largest=1000)
    parent = {key: key for pair in pairs for key in pair}  # union-find, as an independent count

    def root(key: int) -> int:
        while parent[key] != key:
            key = parent[key]
        return key

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    assert dict(found.select("reader_key", "person_key").iter_rows()) == {key: root(key) for key in parent}
    shuffled = [pair if order.random() < 0.5 else pair[::-1] for pair in pairs]
    order.shuffle(shuffled)
    assert persons(links(shuffled), largest=1000).equals(found)


def test_a_group_larger_than_a_person_may_be_is_left_apart() -> None:
    found = persons(links([(0, number) for number in range(1, 10)]), largest=5)
    assert not found["is_merged"].any()
    assert found["reader_key"].to_list() == found["person_key"].to_list()
    assert found["n_ids"].unique().to_list() == [10]


def test_a_gift_by_the_customer_of_another_browser_s_account_counts_for_the_reader(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "phone", "thanks"), appeal_event("10-27 12:00", "x")])
    publisher.land("contributions", [gift("10-05 13:00", "cus_1", 900)])
    assert cell(publisher.statistics().statistics, "conversion", "thanks")["x"] == 0
    publisher.land(
        "identity_links",
        [
            link("phone", "account:7"),
            link("laptop", "account:7", "2026-10-20T12:00:00Z"),
            link("laptop", "cus_1", kind="customer"),
        ],
    )
    after = publisher.statistics().statistics
    assert (cell(after, "conversion", "thanks")["n"], cell(after, "conversion", "thanks")["x"]) == (1, 1)
    assert cell(after, "value", "thanks")["s1"] == 900


def test_one_person_on_two_devices_is_asked_once(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "phone", "thanks"),
            appeal_event("10-06 12:00", "laptop", "thanks"),
            appeal_event("10-07 12:00", "tablet", "current"),
            appeal_event("10-27 12:00", "x"),
        ],
    )
    publisher.land(
        "identity_links", [link("phone", "account:7"), link("laptop", "account:7"), link("account:8", "tablet")]
    )
    found = publisher.statistics()
    assert cell(found.statistics, "conversion", "thanks")["n"] == 1
    assert cell(found.statistics, "conversion", "current")["n"] == 2


def test_a_person_who_met_two_variants_is_contamination_and_left_out(publisher: TestPublisher) -> None:
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "phone", "thanks"),
            appeal_event("10-06 12:00", "laptop", "current"),
            appeal_event("10-06 12:00", "tablet", "thanks"),
            appeal_event("10-27 12:00", "x"),
        ],
    )
    publisher.land("identity_links", [link("phone", "account:7"), link("laptop", "account:7")])
    found = publisher.statistics()
    assert dict(found.exposure_counts.select("variant_id", "n_contaminated").iter_rows()) == {"thanks": 1, "current": 0}
    assert cell(found.statistics, "conversion", "thanks")["n"] == 1
    assert cell(found.statistics, "conversion", "thanks", basis="with_linked_variants")["n"] == 2


def test_analysts_find_the_same_readers(publisher: TestPublisher) -> None:
    from askwell.run import execute

    publisher.land("appeal_events", [appeal_event("10-05 12:00", "phone", "thanks"), appeal_event("10-27 12:00", "x")])
    publisher.land("contributions", [gift("10-05 13:00", "cus_1", 900)])
    publisher.land("identity_links", [link("phone", "cus_1", kind="customer")])
    execute(publisher.folder / "askwell.toml", lambda *_: None, clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
    with duckdb.connect(str(publisher.settings.folders.database), read_only=True) as database:
        assert database.execute(
            "SELECT sum(value_minor) FROM reader_outcomes WHERE variant_id = 'thanks'"
        ).fetchall() == [(900,)]
        assert database.execute("SELECT count(*), count(DISTINCT person_key) FROM persons").fetchall() == [(2, 1)]
