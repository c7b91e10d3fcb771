"""Landed files into the warehouse: nothing is lost, bad input is answered, a second time changes nothing."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.checking import files_out_of_balance
from analysis.errors import SettingsError, WarehouseError
from tests.builders import NOW, TestPublisher, appeal_event, cell, encoded, gift, pageview


def reasons(publisher: TestPublisher) -> dict[str, int]:
    frame = publisher.warehouse.quarantine_reasons()
    return dict(frame.group_by("reason").agg(pl.col("rows").sum()).iter_rows())


def stored(publisher: TestPublisher, kind: str) -> pl.DataFrame:
    parts = publisher.warehouse.parts(kind)
    return pl.concat([pl.read_parquet(part.path) for part in parts]) if parts else pl.DataFrame()


def assert_balanced(publisher: TestPublisher) -> None:
    assert files_out_of_balance(publisher.warehouse).is_empty()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_minor": -5}, "negative_amount"),
        ({"amount_minor": "many"}, "wrong_type"),
        ({"amount_minor": None}, "missing_value"),
        ({"currency": "XXQ"}, "unknown_currency"),
        ({"currency": "CHF"}, "no_rate"),
        ({"status": "maybe"}, "not_allowed"),
        ({"occurred_at": "2026-13-45"}, "wrong_type"),
        ({"occurred_at": None}, "missing_value"),
        ({"occurred_at": "2027-01-01T00:00:00Z"}, "future_timestamp"),
        ({"occurred_at": "0026-10-05T12:00:00Z"}, "ancient_timestamp"),
        ({"occurred_at": "-026-10-05T12:00:00Z"}, "ancient_timestamp"),
        ({"contribution_id": "  "}, "missing_value"),
    ],
)
def test_a_row_that_breaks_the_contract_is_set_aside_with_its_reason(
    publisher: TestPublisher, changes: dict[str, Any], reason: str
) -> None:
    publisher.land("contributions", [gift("10-05 12:00", "r"), {**gift("10-05 12:00", "s"), **changes}])
    done = publisher.ingest()
    assert (done.received, done.accepted, done.quarantined) == (2, 1, 1)
    assert reasons(publisher) == {reason: 1}
    assert_balanced(publisher)


def test_an_unknown_variant_of_a_registered_experiment_is_set_aside(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "nobody"), appeal_event("10-05 12:00", "r")])
    publisher.ingest()
    assert reasons(publisher) == {"unknown_variant": 1}


def test_events_of_an_experiment_that_is_not_registered_are_kept(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", experiment_id="../../etc")])
    assert publisher.ingest().accepted == 1


def test_a_variant_registered_later_comes_back_by_replay(publisher: TestPublisher) -> None:
    from analysis.ingestion import ingest

    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "third"), appeal_event("10-05 12:00", "s")])
    publisher.ingest()
    path = publisher.folder / "experiments" / "thanks.toml"
    path.write_text(
        path.read_text() + '\n[[variants]]\nid = "third"\nappeal = { headline = "New" }\n', encoding="utf-8"
    )
    warehouse = publisher.warehouse
    with warehouse.writing():
        done = ingest(warehouse, publisher.experiments, now=NOW, again=lambda quarantined: quarantined > 0)
    assert (done.files, done.accepted, done.quarantined) == (1, 2, 0)
    assert_balanced(publisher)


@pytest.mark.parametrize("name", ["x.parquet", "x.ndjson", "x.csv", "x.ndjson.gz", "x.csv.gz"])
def test_every_format_brings_the_same_rows(publisher: TestPublisher, name: str) -> None:
    rows = [pageview("10-05 12:00", "r", event_id="p-a"), pageview("10-06 12:00", "s", event_id="p-b", section="news")]
    publisher.land("pageviews", rows, name)
    publisher.ingest()
    frame = stored(publisher, "pageviews").sort("occurred_at")
    assert frame["section"].to_list() == [None, "news"]
    assert frame["occurred_at"].to_list() == [datetime(2026, 10, 5, 12), datetime(2026, 10, 6, 12)]  # noqa: DTZ001


def test_zstd_is_read(publisher: TestPublisher) -> None:
    import pyarrow as pa

    raw = encoded([pageview("10-05 12:00", "r")], "x.ndjson")
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    publisher.land("pageviews", sink.getvalue().to_pybytes(), "x.ndjson.zst")
    publisher.land("pageviews", _zstd(b"event_id,occurred_at\nq1,2026-10-05\nbroken,line,with,more\n"), "y.csv.zst")
    done = publisher.ingest()
    assert (done.accepted, done.unreadable) == (1, 0)
    assert reasons(publisher) == {"unreadable_row": 1, "wrong_type": 1}


def _zstd(raw: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.parquet", b""),
        ("empty.ndjson", b""),
        ("empty.csv.gz", b""),
        ("junk.parquet", b"this is no Parquet file at all"),
        ("cut.csv.gz", gzip.compress(b"event_id,occurred_at\n" + b"p1,2026-10-05T12:00:00Z\n" * 5000)[:200]),
        ("cut.ndjson.gz", gzip.compress(b'{"event_id": "p1", "occurred_at": "2026-10-05T12:00:00Z"}\n' * 5000)[:150]),
    ],
)
def test_a_damaged_file_is_entered_as_unreadable_and_the_rest_goes_on(
    publisher: TestPublisher, name: str, content: bytes
) -> None:
    publisher.land("pageviews", content, name)
    publisher.land("pageviews", [pageview("10-05 12:00", "r")], "good.ndjson")
    done = publisher.ingest()
    assert (done.accepted, done.unreadable) == (1, 1)
    ledger = publisher.warehouse.ledger().filter(pl.col("status") == "unreadable")
    assert ledger["received"].to_list() == [None]
    assert ledger["message"][0]


def test_a_damaged_file_that_is_sent_again_whole_is_read(publisher: TestPublisher) -> None:
    whole = encoded([pageview("10-05 12:00", f"r{number}") for number in range(500)], "x.ndjson.gz")
    publisher.land("pageviews", whole[: len(whole) // 2], "x.ndjson.gz")
    assert publisher.ingest().unreadable == 1
    publisher.land("pageviews", whole, "x.ndjson.gz")
    assert publisher.ingest().accepted == 500
    assert publisher.warehouse.ledger()["status"].to_list() == ["superseded", "ingested"]


def test_broken_lines_are_named_and_the_other_lines_go_on(publisher: TestPublisher) -> None:
    good = encoded([pageview("10-05 12:00", "r"), pageview("10-05 12:01", "s")], "x.ndjson")
    publisher.land("pageviews", good + b"{broken\n[1, 2]\n\n\xff\xfe\n", "x.ndjson")
    done = publisher.ingest()
    assert (done.received, done.accepted, done.quarantined) == (5, 2, 3)
    assert reasons(publisher) == {"unreadable_row": 3}


def test_csv_lines_with_too_many_fields_are_set_aside(publisher: TestPublisher) -> None:
    text = b'event_id,occurred_at,section\np1,2026-10-05T12:00:00Z,"a, b"\np2,2026-10-05T12:00:00Z,a,b,c\np3,2026-10-05T12:00:00Z\n'
    publisher.land("pageviews", text, "x.csv")
    done = publisher.ingest()
    assert (done.received, done.accepted) == (3, 2)
    assert reasons(publisher) == {"unreadable_row": 1}


def test_the_same_file_again_changes_nothing(publisher: TestPublisher) -> None:
    publisher.land("pageviews", [pageview("10-05 12:00", "r")], "x.ndjson")
    publisher.ingest()
    before = [part.path for part in publisher.warehouse.parts("pageviews")]
    assert publisher.ingest().files == 0
    assert [part.path for part in publisher.warehouse.parts("pageviews")] == before


def test_the_same_rows_under_another_name_are_duplicates(publisher: TestPublisher) -> None:
    rows = [pageview("10-05 12:00", f"r{number}") for number in range(10)]
    publisher.land("pageviews", rows, "a.ndjson")
    publisher.land("pageviews", [*rows, pageview("10-05 13:00", "new")], "b.ndjson", day="2026-10-09")
    done = publisher.ingest()
    assert (done.received, done.accepted, done.duplicate) == (21, 11, 10)
    assert publisher.warehouse.ledger()["duplicate_exact"].sum() == 10
    assert_balanced(publisher)


def test_duplicates_that_are_the_same_in_every_value_are_told_from_those_that_share_the_key(
    publisher: TestPublisher,
) -> None:
    row = pageview("10-05 12:00", "r1", device="mobile")
    publisher.land("pageviews", [row, row, {**row, "device": "tablet"}], "a.ndjson")
    publisher.land("pageviews", [row, {**row, "device": "app"}], "b.ndjson")
    publisher.ingest()
    ledger = publisher.warehouse.ledger().sort("path")
    kept = stored(publisher, "pageviews")["device"].item()
    assert ledger["duplicate"].sum() == 4
    assert ledger["duplicate_exact"].to_list() == [1, 0]
    assert kept == "tablet"


def test_a_corrected_file_leads_where_it_would_have_led_at_once(publisher: TestPublisher) -> None:
    old = [pageview("10-05 12:00", f"r{number}") for number in range(10)]
    publisher.land("pageviews", old, "a.ndjson")
    publisher.land("pageviews", old, "b.ndjson")
    publisher.ingest()
    publisher.land("pageviews", old[:3], "a.ndjson")  # seven rows leave a; they stand in b, where they had been dropped
    publisher.ingest()
    assert stored(publisher, "pageviews").height == 10
    assert_balanced(publisher)


def test_late_rows_go_to_the_day_of_their_event(publisher: TestPublisher) -> None:
    publisher.land("pageviews", [pageview("10-01 12:00", "r"), pageview("10-08 12:00", "r")], day="2026-10-09")
    publisher.ingest()
    assert [part.scope for part in publisher.warehouse.parts("pageviews")] == ["2026-10-01", "2026-10-08"]


def test_ids_of_any_kind_are_kept_apart_and_never_written(publisher: TestPublisher) -> None:
    readers = [2**63 - 1, 18446744073709551615, "ünïcode-名前", "a@b.example", "1", "01"]
    events = [appeal_event("10-05 12:00", reader, "thanks") for reader in readers]
    publisher.land("appeal_events", [*events, appeal_event("10-27 12:00", "x")])
    assert cell(publisher.statistics().statistics, "conversion", "thanks")["n"] == len(readers)
    everything = b"".join(
        path.read_bytes() for path in publisher.settings.folders.warehouse.rglob("*") if path.is_file()
    )
    for raw in (b"a@b.example", "名前".encode(), b"18446744073709551615"):
        assert raw not in everything


def test_an_integer_id_and_its_text_are_the_same_reader(publisher: TestPublisher) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", 12345678901234567, "thanks")], "x.parquet")
    publisher.land("contributions", [gift("10-05 13:00", "12345678901234567")], "y.csv")
    publisher.land("appeal_events", [appeal_event("10-27 12:00", "x")])
    assert cell(publisher.statistics().statistics, "conversion", "thanks")["x"] == 1


def test_a_refused_value_is_kept_only_as_far_as_it_names_nobody(publisher: TestPublisher) -> None:
    publisher.land("contributions", [gift("10-05 12:00", "r", status="jane.doe@example.org", currency="GBP")])
    publisher.land("contributions", [gift("10-05 12:00", "r", currency="XXQ")])
    publisher.ingest()
    assert sorted(publisher.warehouse.quarantine_reasons()["example"]) == ["XXQ", "aaaa.aaa@aaaaaaa.aaa"]


def test_the_hash_key_is_made_once_and_only_for_its_owner(publisher: TestPublisher) -> None:
    key = publisher.settings.hash_key()
    path = publisher.settings.identity.hash_key_file
    assert path.stat().st_mode & 0o777 == 0o600
    assert publisher.settings.hash_key() == key
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        publisher.settings.hash_key()


def test_another_key_gives_other_hashes(publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher.land("pageviews", [pageview("10-05 12:00", "r")])
    publisher.ingest()
    first = stored(publisher, "pageviews")["reader_key"][0]
    other = TestPublisher(publisher.folder.parent / "other")
    monkeypatch.setenv("ASKWELL_HASH_KEY", "another key of enough length")
    other.land("pageviews", [pageview("10-05 12:00", "r")])
    other.ingest()
    assert stored(other, "pageviews")["reader_key"][0] != first


@pytest.mark.parametrize(
    ("variable", "old", "new", "said"),
    [
        ("ASKWELL_HASH_KEY", "", "", "hash key"),
        ("", "Europe/London", "Europe/Paris", "time_zone"),
        ("", '"GBP"', '"EUR"', "reporting_currency"),
    ],
)
def test_rows_are_not_mixed_under_another_key_zone_or_currency(
    publisher: TestPublisher, monkeypatch: pytest.MonkeyPatch, variable: str, old: str, new: str, said: str
) -> None:
    publisher.land("pageviews", [pageview("10-05 12:00", "r")])
    publisher.ingest()
    if variable:
        monkeypatch.setenv(variable, "another key of enough length")
    path = publisher.folder / "askwell.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(WarehouseError, match=f"filled under another {said}"):
        publisher.ingest()


def test_a_blank_line_is_a_row_without_values_however_the_file_is_read(publisher: TestPublisher) -> None:
    text = b"event_id,occurred_at\np1,2026-10-05T12:00:00Z\n\np2,2026-10-05T12:00:00Z\n"
    publisher.land("pageviews", text, "quick.csv")
    publisher.land("pageviews", text.replace(b"p", b"q") + b"q9,2026,too,many\n", "careful.csv")
    done = publisher.ingest()
    assert (done.received, done.accepted) == (7, 4)
    assert reasons(publisher) == {"missing_value": 2, "unreadable_row": 1}


def test_a_missing_landing_folder_brings_nothing(publisher: TestPublisher) -> None:
    assert publisher.ingest().files == 0


def test_files_that_no_rule_covers_are_named(publisher: TestPublisher) -> None:
    publisher.land("pageviews", b"notes", "readme.txt")
    publisher.land("guests", b"{}", "x.ndjson")
    publisher.land("pageviews", b"half", "x.ndjson.tmp")
    assert publisher.ingest().strange == ("guests/2026-10-02/x.ndjson", "pageviews/2026-10-02/readme.txt")


def test_amounts_are_converted_at_the_rate_of_their_day(publisher: TestPublisher) -> None:
    publisher.rates(
        "date,currency,rate,source\n2026-10-02,EUR,0.80,bank\n2026-10-05,EUR,0.90,bank\n2026-10-05,JPY,0.005,bank\n"
    )
    publisher.land(
        "contributions",
        [
            gift("10-04 12:00", "r", 1000, currency="EUR"),  # a Sunday: the rate of Friday
            gift("10-05 12:00", "r", 1000, currency="EUR"),
            gift("10-05 12:00", "r", 1000, currency="jpy"),  # yen have no minor unit
            gift("10-20 12:00", "r", 1000, currency="EUR"),  # more than seven days without a rate
        ],
    )
    publisher.ingest()
    frame = stored(publisher, "contributions").sort("occurred_at", "currency")
    assert frame["reporting_minor"].to_list() == [800, 900, 500]
    assert frame["rate_source"].to_list() == ["bank"] * 3
    assert reasons(publisher) == {"no_rate": 1}


@pytest.mark.parametrize(
    "text",
    ["date,currency\n", "date,currency,rate,source\n2026-10-01,EUR,-1,x\n", "date,currency,rate,source\nno,EUR,1,x\n"],
)
def test_a_rates_file_with_a_mistake_is_answered_by_name(publisher: TestPublisher, text: str) -> None:
    publisher.rates(text)
    with pytest.raises(SettingsError, match="rates_file"):
        publisher.ingest()


messy_rows = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 5)),
            "occurred_at": st.sampled_from(["2026-10-05T12:00:00Z", "2026-10-05 23:30:00", "yesterday", "", None, 5]),
            "reader_id": st.one_of(st.none(), st.text(max_size=4), st.integers()),
            "is_bot": st.sampled_from([True, False, "true", "no", "perhaps", None]),
            "device": st.sampled_from(["mobile", "fridge", None]),
        }
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.tuples(messy_rows, st.sampled_from(["ndjson", "csv"]), st.binary(max_size=6)), max_size=3))
def test_received_is_accepted_plus_duplicate_plus_set_aside_whatever_lands(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[dict[str, Any]], str, bytes]]
) -> None:
    made = TestPublisher(tmp_path_factory.mktemp("mess"))
    for number, (rows, ending, junk) in enumerate(files):
        made.land("pageviews", encoded(rows, f"x.{ending}") + junk, f"{number}.{ending}")
    made.ingest()
    ledger = made.warehouse.ledger().filter(pl.col("status") == "ingested")
    assert (ledger["received"] == ledger["accepted"] + ledger["duplicate"] + ledger["quarantined"]).all()
    assert_balanced(made)


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(4)))
def test_files_in_any_order_lead_to_the_same_statistics(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    events = [
        appeal_event(
            f"10-{5 + number % 4:02d} 12:00", f"r{number % 9}", ("current", "thanks")[number % 2], event_id=f"k{number}"
        )
        for number in range(30)
    ]
    files = [events[:12], events[8:20], events[20:], [*events[:3], appeal_event("10-27 12:00", "x", event_id="last")]]
    found = []
    for sequence in (range(4), order):
        made = TestPublisher(tmp_path_factory.mktemp("order"))
        made.register()
        for number in sequence:
            made.land("appeal_events", files[number], f"{number}.ndjson")
            made.ingest()
        found.append(made.statistics().statistics.sort(pl.all()))
    assert found[0].equals(found[1])


def test_a_file_may_be_ingested_while_the_clock_says_otherwise(publisher: TestPublisher) -> None:
    publisher.land("pageviews", [pageview("10-05 12:00", "r")])
    assert publisher.ingest(datetime(2026, 10, 1, tzinfo=UTC)).quarantined == 1


def test_a_script_in_a_file_name_is_only_a_name(publisher: TestPublisher, tmp_path: Path) -> None:
    name = "<script>alert(1)<script>'; DROP TABLE files; --.ndjson"
    publisher.land("pageviews", [pageview("10-05 12:00", "r")], name)
    assert publisher.ingest().accepted == 1
    assert json.dumps(publisher.warehouse.ledger()["path"][0]).endswith('.ndjson"')


@pytest.mark.parametrize(
    ("occurred", "received", "kept"),
    [
        ("12:10:00", "12:00:00", "12:10:00"),  # within the bound: the sender's clock is taken
        ("12:10:01", "12:00:00", "12:00:00"),  # beyond it: the collector's
        ("09:00:00", "12:00:00", "09:00:00"),  # sent late, as when a phone had no network
        ("12:00:00", None, "12:00:00"),
    ],
)
def test_a_clock_that_runs_ahead_is_set_to_the_collector_s(
    publisher: TestPublisher, occurred: str, received: str | None, kept: str
) -> None:
    arrived = None if received is None else f"2026-10-05T{received}Z"
    publisher.land("appeal_events", [appeal_event(f"10-05 {occurred}", "r", received_at=arrived)])
    publisher.ingest()
    (part,) = publisher.warehouse.parts("appeal_events")
    assert [f"{at:%H:%M:%S}" for at in pl.read_parquet(part.path)["occurred_at"]] == [kept]


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("2026-03-28T23:59:59Z", "2026-03-28"),  # London: one second before midnight, winter time
        ("2026-03-29T00:00:00Z", "2026-03-29"),
        ("2026-03-29T22:59:59Z", "2026-03-29"),  # the day of 23 hours
        ("2026-03-29T23:00:00Z", "2026-03-30"),
        ("2026-10-24T22:59:59Z", "2026-10-24"),
        ("2026-10-24T23:00:00Z", "2026-10-25"),  # the day of 25 hours
        ("2026-10-25T23:59:59Z", "2026-10-25"),
        ("2026-10-26T00:00:00Z", "2026-10-26"),
    ],
)
def test_days_on_which_clocks_are_changed_begin_and_end_at_the_publisher_s_midnight(
    publisher: TestPublisher, when: str, day: str
) -> None:
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", occurred_at=when)])
    publisher.ingest()
    assert [part.scope for part in publisher.warehouse.parts("appeal_events")] == [day]
