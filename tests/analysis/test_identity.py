"""Ids that links connect are one reader, wherever readers are counted."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.identity import persons, refresh_persons
from tests.builders import TestPublisher, appeal_event, cell, gift


def link(reader: str, other: str, when: str = "2026-10-05T12:00:00Z", kind: str = "account") -> dict[str, Any]:
    return {"occurred_at": when, "reader_id": reader, "linked_id": other, "linked_kind": kind}


def links(pairs: Sequence[tuple[int, ...]]) -> pl.DataFrame:
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


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), min_size=1, max_size=6), min_size=1, max_size=5
    )
)
def test_links_that_come_day_by_day_make_the_same_persons_as_all_at_once(
    tmp_path_factory: pytest.TempPathFactory, days: list[list[tuple[int, int]]]
) -> None:
    grown, whole = (TestPublisher(tmp_path_factory.mktemp("links") / "publisher") for _ in range(2))
    for publisher in (grown, whole):
        publisher.settings_more = "[identity]\nlargest_person = 4\n"
        publisher.write_settings()
    (grown.folder / "askwell.key").write_text("k" * 32)
    (grown.folder / "askwell.key").chmod(0o600)
    shutil.copy(grown.folder / "askwell.key", whole.folder / "askwell.key")
    for pairs in days:
        rows = [link(f"r{first}", f"r{second}") for first, second in pairs]
        for publisher in (grown, whole):
            publisher.land("identity_links", rows)
        grown.ingest()
        refreshed(grown)
    whole.ingest()
    refreshed(whole)
    assert together(grown).equals(together(whole))


def refreshed(publisher: TestPublisher) -> None:
    warehouse = publisher.warehouse
    with warehouse.writing():
        refresh_persons(warehouse)


def together(publisher: TestPublisher) -> pl.DataFrame:
    frames = [pl.read_parquet(part.path) for part in publisher.warehouse.parts("persons")]
    return pl.concat(frames).sort("reader_key") if frames else pl.DataFrame()


def test_an_experiment_is_counted_again_only_where_links_touch_its_readers(publisher: TestPublisher) -> None:
    publisher.register("other")
    publisher.land(
        "appeal_events",
        [
            appeal_event("10-05 12:00", "phone", "thanks"),
            appeal_event("10-05 12:00", "someone", "thanks", experiment_id="other"),
            appeal_event("10-27 12:00", "x"),
        ],
    )
    publisher.land("contributions", [gift("10-05 13:00", "cus_1", 900)])
    publisher.land("identity_links", [link("a", "b")])
    publisher.statistics()
    before = {part.scope: part.part_id for part in publisher.warehouse.parts("cohort_cells")}
    publisher.land("identity_links", [link("b", "stranger")])
    publisher.statistics()
    assert {part.scope: part.part_id for part in publisher.warehouse.parts("cohort_cells")} == before
    publisher.land("identity_links", [link("cus_1", "phone", kind="customer")])
    found = publisher.statistics().statistics
    after = {part.scope: part.part_id for part in publisher.warehouse.parts("cohort_cells")}
    assert {scope for scope in after if after[scope] != before[scope]} == {"thanks"}
    assert cell(found, "value", "thanks", experiment_id="thanks")["s1"] == 900


def test_links_that_are_withdrawn_part_a_person_again(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "phone", "thanks"), appeal_event("10-27 12:00", "x")])
    publisher.land("contributions", [gift("10-05 13:00", "cus_1", 900)])
    publisher.land("identity_links", [link("phone", "account:7")], "kept.ndjson")
    publisher.land("identity_links", [link("account:7", "cus_1", kind="customer")], "mistaken.ndjson")
    assert cell(publisher.statistics().statistics, "value", "thanks")["s1"] == 900
    publisher.land("identity_links", [link("account:8", "cus_1", kind="customer")], "mistaken.ndjson")
    assert cell(publisher.statistics().statistics, "value", "thanks")["s1"] == 0


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
