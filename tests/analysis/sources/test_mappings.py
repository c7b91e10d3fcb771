"""Exports as publishers have them become rows of the contract: the real samples, and rows of each vendor's public schema."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.checking import files_out_of_balance
from analysis.errors import SettingsError
from analysis.sources.mapping import mapping_names, source_mapping
from tests.builders import TestPublisher, encoded, gift


def source(publisher: TestPublisher, mapping: str, more: str = "") -> None:
    publisher.settings_more += f'\n[sources.web]\nmapping = "{mapping}"\n{more}'
    publisher.write_settings()


def ingested(publisher: TestPublisher, name: str, content: bytes) -> dict[str, int]:
    """Land a file of the source and ingest it; accepted rows by table. Whatever it is, its rows add up."""
    publisher.land("web", content, name)
    publisher.ingest()
    assert files_out_of_balance(publisher.warehouse).is_empty()
    ledger = publisher.warehouse.ledger().filter(pl.col("status") == "ingested")
    assert ledger["source"].unique().to_list() == ["web"]
    return dict(ledger.group_by("kind").agg(pl.col("accepted").sum()).sort("kind").iter_rows())


def stored(publisher: TestPublisher, kind: str) -> pl.DataFrame:
    parts = [pl.read_parquet(part.path) for part in publisher.warehouse.parts(kind)]
    return pl.concat(parts, how="diagonal").sort("occurred_at")


def refusals(publisher: TestPublisher) -> dict[str, int]:
    frame = publisher.warehouse.quarantine_reasons()
    return dict(frame.group_by("reason").agg(pl.col("rows").sum()).iter_rows())


def ga4(name: str, second: int, reader: str | None, **params: str) -> dict[str, Any]:
    """One event of the nested export."""
    return {
        "event_date": "20261005",
        "event_timestamp": str(1_791_200_000_000_000 + second * 1_000_000),
        "event_name": name,
        "event_params": [
            {"key": key, "value": {"string_value": value, "int_value": None, "float_value": None}}
            for key, value in params.items()
        ],
        "user_pseudo_id": reader,
        "user_id": params.get("login"),
        "device": {"category": "mobile", "language": "en"},
        "platform": "WEB",
        "event_bundle_sequence_id": 7,
        "batch_event_index": second,
    }


GA4 = [
    ga4("page_view", 1, "g.1", page_location="https://news.example/a?mail=jane@example.org#x"),
    ga4("appeal_inserted", 2, "g.1", experiment_id="thanks", variant_id="thanks", surface="donation"),
    ga4("appeal_clicked", 3, "g.1", experiment_id="thanks", variant_id="thanks", login="77"),
    ga4("scroll", 4, "g.1"),
    ga4("appeal_inserted", 5, "g.2", experiment_id="thanks", variant_id="nobody"),
]


@pytest.mark.parametrize("ending", ["ndjson", "parquet", "ndjson.gz"])
def test_the_nested_export_of_ga4_gives_pageviews_appeal_events_and_links(
    publisher: TestPublisher, ending: str
) -> None:
    source(publisher, "ga4-export")
    found = ingested(publisher, f"events_20261005.{ending}", encoded(GA4, f"x.{ending}"))
    assert found == {"appeal_events": 2, "identity_links": 1, "pageviews": 1}
    events = stored(publisher, "appeal_events")
    assert events.select("variant_id", "event", "surface", "device").rows() == [
        ("thanks", "inserted", "donation", "mobile"),
        ("thanks", "clicked", "donation", "mobile"),
    ]
    assert stored(publisher, "pageviews")["article_id"].to_list() == ["https://news.example/a"]
    assert refusals(publisher) == {"unknown_variant": 1}
    assert publisher.warehouse.ledger()["passed_over"].to_list() == [1, 0, 0]


def test_a_gift_that_names_the_account_is_of_the_browser_that_logged_in(publisher: TestPublisher) -> None:
    source(publisher, "ga4-export")
    publisher.land("contributions", [gift("10-05 13:00", "account:77", contribution_id="g1")])
    publisher.land("web", encoded(GA4, "x.ndjson"), "events_20261005.ndjson")
    publisher.ingest()
    assert stored(publisher, "contributions")["reader_key"][0] == stored(publisher, "identity_links")["linked_key"][0]


def test_ids_of_digits_alone_which_ga4_turns_into_numbers_are_read(publisher: TestPublisher) -> None:
    source(publisher, "ga4-export")
    event = ga4("appeal_inserted", 1, "g.1")
    event["event_params"] = [
        {"key": key, "value": {"string_value": None, "int_value": number}}
        for key, number in (("experiment_id", 2026), ("variant_id", 1))
    ]
    ingested(publisher, "events_20261005.ndjson", encoded([event], "x.ndjson"))
    assert stored(publisher, "appeal_events").select("experiment_id", "variant_id").rows() == [("2026", "1")]


def test_a_day_of_ga4_that_is_delivered_again_replaces_the_day(publisher: TestPublisher) -> None:
    source(publisher, "ga4-export")
    publisher.land("web", encoded(GA4[:2], "x.ndjson"), "events_intraday_20261005.ndjson", day="2026-10-05")
    publisher.ingest()
    publisher.land("web", encoded(GA4, "x.ndjson"), "events_20261005.ndjson", day="2026-10-06")
    publisher.ingest()
    publisher.land("web", encoded(GA4[:3], "x.ndjson"), "events_20261005.ndjson", day="2026-10-08")
    publisher.ingest()
    assert (stored(publisher, "pageviews").height, stored(publisher, "appeal_events").height) == (1, 2)
    assert refusals(publisher) == {}
    in_force = publisher.warehouse.ledger().filter(pl.col("status") == "ingested")["path"].unique().to_list()
    assert in_force == ["web/2026-10-08/events_20261005.ndjson"]
    assert publisher.ingest().files == 0


def test_an_edition_that_was_never_in_force_has_its_row_in_the_ledger(publisher: TestPublisher) -> None:
    source(publisher, "ga4-export")
    publisher.land("web", encoded(GA4[:2], "x.ndjson"), "events_intraday_20261005.ndjson", day="2026-10-05")
    publisher.land("web", encoded(GA4, "x.ndjson"), "events_20261005.ndjson", day="2026-10-06")
    for _ in range(2):  # the second time it is there already
        publisher.ingest()
        unread = publisher.warehouse.ledger().filter(pl.col("path").str.contains("intraday"))
        assert unread.select("kind", "status", "received").rows() == [
            (kind, "superseded", None) for kind in ("pageviews", "appeal_events", "identity_links")
        ]
        assert (unread["content_hash"].str.len_chars() >= 64).all()
        assert unread["message"][0].endswith(
            "web/2026-10-06/events_20261005.ndjson is a newer edition of the same export"
        )
    assert files_out_of_balance(publisher.warehouse).is_empty()


def test_the_flattened_export_of_ga4_links_the_browsers_of_an_account(
    publisher: TestPublisher, real_data: Path
) -> None:
    source(publisher, "ga4-flat")
    found = ingested(publisher, "x.csv", (real_data / "ga4" / "event_data_flat.csv").read_bytes())
    assert found == {"appeal_events": 0, "identity_links": 4, "pageviews": 0}  # four pairs on one day
    assert stored(publisher, "identity_links")["linked_key"].n_unique() == 3


def test_the_events_of_snowplow_are_counted_once_by_their_id(publisher: TestPublisher, real_data: Path) -> None:
    source(publisher, "snowplow-loaded")
    path = real_data / "snowplow" / "snowplow_web_events.csv"
    found = ingested(publisher, "events.csv", path.read_bytes())
    views = pl.read_csv(path, infer_schema=False).filter(pl.col("event_name") == "page_view")
    assert found["pageviews"] == views.n_unique(["event_id", pl.col("derived_tstamp").str.slice(0, 10)])
    ledger = publisher.warehouse.ledger().filter(pl.col("kind") == "pageviews").row(0, named=True)
    assert ledger["received"] == views.height
    assert ledger["duplicate"] == views.height - found["pageviews"] > 0
    spiders = publisher.warehouse.rows_per_day().filter(pl.col("kind") == "pageviews")
    assert 0 <= spiders["bots"].sum() < views.height


def test_snowplow_as_the_enricher_writes_it_gives_the_same_pageviews(
    publisher: TestPublisher, real_data: Path, tmp_path: Path
) -> None:
    source(publisher, "snowplow-tsv")
    header = source_mapping(publisher.settings, "web").declared.header
    with (real_data / "snowplow" / "snowplow_web_events.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    appeal = {"data": {"schema": "iglu:org.askwell/appeal/jsonschema/1-0-0", "data": {
        "event": "inserted", "experiment_id": "thanks", "variant_id": "thanks", "surface": "paywall"}}}  # fmt: skip
    rows[0] |= {"event_name": "appeal", "unstruct_event": json.dumps(appeal)}
    rows[3] |= {"se_category": "appeal", "se_action": "clicked", "se_label": "thanks", "se_property": "current"}
    text = "".join("\t".join(row.get(name) or "" for name in header) + "\n" for row in rows)
    found = ingested(publisher, "enriched.tsv.gz", __import__("gzip").compress(text.encode()))
    other = TestPublisher(tmp_path / "other")
    source(other, "snowplow-loaded")
    assert (
        found["pageviews"]
        == ingested(other, "x.csv", (real_data / "snowplow/snowplow_web_events.csv").read_bytes())["pageviews"]
    )
    assert stored(publisher, "appeal_events").select("event", "surface").sort("event").rows() == [
        ("clicked", "donation"),
        ("inserted", "paywall"),
    ]


def test_a_retry_of_segment_keeps_its_message_id_and_counts_once(publisher: TestPublisher) -> None:
    source(publisher, "segment")
    call = {
        "type": "track", "event": "Appeal Inserted", "messageId": "m1", "anonymousId": "a1", "userId": None,
        "timestamp": "2026-10-05T12:00:00.000Z", "receivedAt": "2026-10-05T12:00:01.000Z",
        "properties": {"experiment_id": "thanks", "variant_id": "current", "surface": "donation"},
        "context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    }  # fmt: skip
    calls = [
        call,
        {**call, "receivedAt": "2026-10-05T12:03:00.000Z"},
        {**call, "type": "page", "messageId": "m2", "context": {"page": {"path": "/a"}, "userAgent": "Mozilla/5.0"}},
        {
            "type": "identify",
            "messageId": "m3",
            "anonymousId": "a1",
            "userId": "u1",
            "timestamp": "2026-10-05T12:05:00Z",
        },
    ]
    assert ingested(publisher, "x.jsonl", encoded(calls, "x.ndjson")) == {
        "appeal_events": 1, "identity_links": 1, "pageviews": 1,
    }  # fmt: skip
    assert stored(publisher, "appeal_events")["is_bot"].to_list() == [True]
    assert stored(publisher, "pageviews")["is_bot"].to_list() == [False]


def test_a_call_of_segment_from_a_server_is_of_the_account_that_links_name(publisher: TestPublisher) -> None:
    source(publisher, "segment")
    event = {
        "type": "track", "event": "appeal_inserted", "timestamp": "2026-10-05T12:00:00Z",
        "properties": {"experiment_id": "thanks", "variant_id": "current"},
    }  # fmt: skip
    login = {
        "type": "identify",
        "messageId": "m1",
        "anonymousId": "a1",
        "userId": "u1",
        "timestamp": "2026-10-05T12:00:00Z",
    }
    calls = [{**event, "messageId": "m2", "userId": "u1"}, {**event, "messageId": "m3"}, login]
    ingested(publisher, "x.ndjson", encoded(calls, "x.ndjson"))
    account = stored(publisher, "identity_links")["linked_key"][0]
    assert set(stored(publisher, "appeal_events")["reader_key"].to_list()) == {account, None}


def test_a_visit_of_matomo_gives_a_row_for_each_of_its_actions(publisher: TestPublisher) -> None:
    source(publisher, "matomo")
    at = 1_791_200_000
    visit = {
        "idVisit": 5, "visitorId": "v1", "userId": "u1", "deviceType": "Smartphone", "serverTimestamp": at, "actionDetails": [
            {"type": "action", "timestamp": at, "idpageview": "p1", "url": "https://news.example/a?x=1"},
            {"type": "event", "timestamp": at + 1, "eventCategory": "appeal", "eventAction": "inserted", "eventName": "thanks/current"},
            {"type": "outlink", "timestamp": at + 2, "url": "https://elsewhere.example"},
            {"type": "action", "timestamp": at + 3, "idpageview": "p2", "url": "https://news.example/b"},
        ],
    }  # fmt: skip
    found = ingested(publisher, "visits.ndjson", encoded([visit], "x.ndjson"))
    assert found == {"appeal_events": 1, "identity_links": 1, "pageviews": 2}


@pytest.mark.parametrize(
    ("mapping", "row"),
    [
        ("growthbook", {"timestamp": "2026-10-05 12:00:00", "anonymous_id": "r1", "experiment_id": "thanks", "variation_id": "thanks"}),
        ("eppo", {"timestamp": "2026-10-05T12:00:00Z", "subject": "r1", "experiment": "thanks", "variation": "thanks"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_an_exposure_table_gives_insertions(
    publisher: TestPublisher, mapping: str, row: dict[str, str], ending: str
) -> None:
    source(publisher, mapping, 'options = { surface = "paywall" }\n')
    assert ingested(publisher, f"x.{ending}", encoded([row], f"x.{ending}")) == {"appeal_events": 1}
    assert stored(publisher, "appeal_events").select("event", "surface", "variant_id").rows() == [
        ("inserted", "paywall", "thanks")
    ]


def charge(**changes: Any) -> dict[str, Any]:
    """A charge of the Stripe API that counts."""
    return {
        "object": "charge", "id": "ch_1", "amount": 1000, "amount_captured": 1000, "currency": "gbp", "created": 1_791_200_000,
        "livemode": True, "paid": True, "captured": True, "status": "succeeded", "customer": "cus_1", "invoice": None,
        "fraud_details": {}, "metadata": {"reader_id": "r1", "experiment_id": "thanks", "variant_id": "thanks"}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "settled"),
        ({"status": "failed", "paid": False}, "failed"),
        ({"status": "pending"}, "pending"),
        ({"captured": False, "amount_captured": 0}, "pending"),
        ({"fraud_details": {"user_report": "fraudulent"}}, "failed"),
        ({"fraud_details": {"stripe_report": "fraudulent"}}, "failed"),
    ],
)
def test_only_a_charge_that_was_paid_and_captured_is_settled(
    publisher: TestPublisher, changes: dict[str, Any], status: str
) -> None:
    source(publisher, "stripe-objects")
    ingested(publisher, "x.ndjson", encoded([charge(**changes)], "x.ndjson"))
    assert stored(publisher, "contributions")["status"].to_list() == [status]


def test_a_pledge_that_was_ended_is_reported_and_is_no_payment(publisher: TestPublisher) -> None:
    source(publisher, "stripe-objects")
    pledge = {
        "object": "subscription",
        "id": "sub_1",
        "currency": "gbp",
        "created": 1_791_000_000,
        "customer": "cus_1",
        "livemode": True,
    }
    going = {**pledge, "id": "sub_2", "canceled_at": None, "ended_at": None}
    ended = {**pledge, "canceled_at": 1_791_200_000, "ended_at": 1_793_000_000}
    ingested(publisher, "x.ndjson", encoded([charge(customer="cus_1", metadata={}), going, ended], "x.ndjson"))
    rows = (
        stored(publisher, "contributions")
        .sort("contribution_id")
        .select("contribution_id", "status", "amount_minor", "recurrence")
    )
    assert rows.rows() == [("ch_1", "settled", 1000, "once"), ("sub_1", "cancelled", 0, "monthly")]
    assert stored(publisher, "contributions")["reader_key"].n_unique() == 1


def test_a_payment_in_test_mode_is_passed_over(publisher: TestPublisher) -> None:
    source(publisher, "stripe-objects")
    found = ingested(publisher, "x.ndjson", encoded([charge(livemode=False)], "x.ndjson"))
    assert found == {"contributions": 0, "identity_links": 0, "payment_details": 0}
    assert publisher.warehouse.ledger()["passed_over"].sum() == 1


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("gbp", 1000, 1000), ("jpy", 1000, 1000), ("mga", 1000, 100_000), ("isk", 1000, 10), ("kwd", 1000, 1000), ("rsd", 1000, 1000)],
)  # fmt: skip
def test_amounts_of_stripe_become_minor_units_of_iso_4217(
    publisher: TestPublisher, currency: str, amount: int, minor: int
) -> None:
    publisher.rates(
        "date,currency,rate,source\n"
        + "".join(f"2026-10-05,{code},1,t\n" for code in ("JPY", "MGA", "ISK", "KWD", "RSD"))
    )
    source(publisher, "stripe-objects")
    ingested(
        publisher, "x.ndjson", encoded([charge(currency=currency, amount=amount, amount_captured=amount)], "x.ndjson")
    )
    assert stored(publisher, "contributions")["amount_minor"].to_list() == [minor]


def test_the_objects_of_the_stripe_api_are_all_accounted_for(publisher: TestPublisher, real_data: Path) -> None:
    source(publisher, "stripe-objects", 'options = { live_only = "no" }\n')
    publisher.rates("date,currency,rate,source\n2009-02-13,USD,0.7,bank\n")
    objects = json.loads((real_data / "stripe" / "api_objects.json").read_text(encoding="utf-8"))
    found = ingested(publisher, "x.ndjson", encoded(list(objects.values()), "x.ndjson"))
    assert found == {"contributions": 4, "identity_links": 0, "payment_details": 2}
    # The charge of the fixture is not captured, the refund succeeded, the dispute is open, the subscription was ended.
    assert sorted(stored(publisher, "contributions")["status"]) == ["cancelled", "pending", "pending", "settled"]
    assert publisher.warehouse.ledger()["passed_over"].sum() == 4


def test_the_tables_of_a_stripe_loader_give_payments_refunds_and_fees(
    publisher: TestPublisher, real_data: Path
) -> None:
    publisher.settings_more += "".join(
        f'\n[sources.{name}]\nmapping = "stripe-{name}"\n'
        for name in ("charges", "refunds", "disputes", "invoices", "fees", "subscriptions")
    )
    days = pl.date_range(pl.date(2021, 1, 1), pl.date(2023, 12, 31), "1d", eager=True)
    publisher.rates("date,currency,rate,source\n" + "".join(f"{day},USD,0.7,bank\n" for day in days))
    for name, table in (
        ("charges", "charge"), ("refunds", "refund"), ("disputes", "dispute"), ("invoices", "invoice"),
        ("fees", "balance_transaction"), ("subscriptions", "subscription"),
    ):  # fmt: skip
        publisher.land(name, (real_data / "stripe" / f"{table}_data.csv").read_bytes(), f"{table}.csv")
    publisher.ingest()
    assert files_out_of_balance(publisher.warehouse).is_empty()
    reported = stored(publisher, "contributions")
    ended = reported.filter(pl.col("status") == "cancelled")
    assert (ended.height, ended["amount_minor"].sum(), ended["reader_key"].n_unique()) == (2, 0, 2)
    paid = reported.filter(pl.col("status") != "cancelled")
    assert paid.filter(pl.col("refund_of").is_null())["status"].to_list() == ["failed"] * 16  # every one was declined
    disputes = paid.filter(pl.col("contribution_id").str.starts_with("du_"))
    assert dict(disputes.group_by("status").len().iter_rows()) == {"settled": 7, "failed": 3, "pending": 2}
    assert (
        paid.filter(pl.col("contribution_id").str.starts_with("re_"))["amount_minor"].sum()
        == 675000 + 13650 + 1541221 + 161550
    )
    assert (
        stored(publisher, "payment_details")["fee_minor"].sum()
        == 59190 + 3438 + 209972 + 7435 + 12754 + 591 + 137308 + 217530
    )
    ledger = publisher.warehouse.ledger()
    assert ledger.filter(pl.col("source") == "fees")["passed_over"].to_list() == [1]  # the payout


DONATIONS = """Spenden-ID;Datum;Betrag;Währung;Status;Intervall;Leser-ID;Spender-ID;Test;Variante;Erstattung zu
D1;05.10.2026 14:30;1.250,50;EUR;bezahlt;einmalig;r1;s1;thanks;thanks;
D2;25.10.2026 02:30;20,00;EUR;bezahlt;monatlich;;s2;;;
D3;06.10.2026 09:00;10,00;EUR;offen;einmalig;r3;;;;
D4;07.10.2026 09:00;fünf;EUR;bezahlt;einmalig;r4;;;;
D5;2026-10-07;5,00;EUR;bezahlt;einmalig;r5;;;;
D6;08.10.2026 09:00;5,005;EUR;bezahlt;einmalig;r6;;;;
D7;09.10.2026 09:00;5,00;EUR;bezahlt;einmalig;r1;;;;D1
"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_donation_platform_with_decimal_comma_and_days_first(publisher: TestPublisher, encoding: str) -> None:
    publisher.rates("date,currency,rate,source\n" + "".join(f"2026-10-{day:02},EUR,0.9,bank\n" for day in range(1, 28)))
    source(publisher, "donations-csv", f'encoding = "{encoding}"\n')
    found = ingested(publisher, "x.csv", DONATIONS.encode(encoding))
    assert found == {"contributions": 4, "identity_links": 1}
    rows = stored(publisher, "contributions").sort("contribution_id")
    assert rows["amount_minor"].to_list() == [125_050, 2000, 1000, 500]
    assert [str(moment) for moment in rows["occurred_at"]][:2] == ["2026-10-05 12:30:00", "2026-10-25 01:30:00"]
    assert rows["status"].to_list() == ["settled", "settled", "pending", "settled"]
    assert rows["refund_of"].to_list() == [None, None, None, "D1"]
    assert refusals(publisher) == {"wrong_type": 3}  # five as a word, a day that comes first, half a cent


def test_words_of_a_donation_platform_are_named_in_any_case_and_an_unknown_one_is_set_aside(
    publisher: TestPublisher,
) -> None:
    source(publisher, "donations-csv", 'options = { settled = "Eingegangen, OK", currency = "GBP" }\n')
    words = ("eingegangen", "OK ", "Offen", "Abgelehnt", "vorgemerkt")
    lines = [f"D{number};05.10.2026 14:30;5,00;{word}" for number, word in enumerate(words)]
    assert (
        ingested(publisher, "x.csv", "\n".join(["Spenden-ID;Datum;Betrag;Status", *lines]).encode())["contributions"]
        == 4
    )
    rows = stored(publisher, "contributions").sort("contribution_id")
    assert rows["status"].to_list() == ["settled", "settled", "pending", "failed"]
    assert refusals(publisher) == {"missing_value": 1}


def test_a_column_of_another_name_is_named_in_the_settings(publisher: TestPublisher) -> None:
    source(publisher, "growthbook", 'columns = { reader = "visitor", exposed_at = "at" }\n')
    row = {"at": "2026-10-05 12:00:00", "visitor": "r1", "experiment_id": "thanks", "variation_id": "thanks"}
    assert ingested(publisher, "x.csv", encoded([row], "x.csv")) == {"appeal_events": 1}
    assert publisher.warehouse.rows_per_day()["without_reader"].to_list() == [0]


def test_a_mapping_of_ones_own_stands_beside_the_settings(publisher: TestPublisher) -> None:
    folder = publisher.folder / "mappings" / "our-pixel"
    folder.mkdir(parents=True)
    (folder / "mapping.toml").write_text(
        'title = "Our pixel"\nvendor_schema = "ours"\nformats = ["csv"]\nseparator = "|"\ntables = ["pageviews"]\n'
        '[fields]\nnumber = "n"\nwho = "who"\nseen_at = "t"\n', encoding="utf-8"
    )  # fmt: skip
    (folder / "pageviews.sql").write_text(
        "SELECT row_number, number AS event_id, moment(seen_at) AS occurred_at, who AS reader_id FROM landed",
        encoding="utf-8",
    )
    source(publisher, "our-pixel")
    assert ingested(publisher, "x.csv", b"n|who|t\n1|r1|1791200000\n2|r2|1791200001\n") == {"pageviews": 2}


def test_a_changed_mapping_reads_its_files_again(publisher: TestPublisher) -> None:
    source(publisher, "growthbook")
    row = {
        "timestamp": "2026-10-05 12:00:00",
        "anonymous_id": "r1",
        "experiment_id": "thanks",
        "variation_id": "thanks",
    }
    ingested(publisher, "x.csv", encoded([row], "x.csv"))
    publisher.settings_more += 'options = { surface = "paywall" }\n'
    publisher.write_settings()
    assert publisher.ingest().files == 1
    assert stored(publisher, "appeal_events")["surface"].to_list() == ["paywall"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[sources.web]\nmapping = "ga5"\n', "must be one of .*ga4-export"),
        ('[sources.web]\nmapping = "../../etc"\n', "must be one of"),
        ('[sources.web]\nmapping = "growthbook"\ncolumns = { who = "x" }\n', "unknown field of growthbook"),
        ('[sources.web]\nmapping = "growthbook"\noptions = { zone = "x" }\n', "unknown option of growthbook"),
        ('[sources.pageviews]\nmapping = "growthbook"\n', "a source is named by small letters"),
    ],
)
def test_a_source_with_a_mistake_is_answered_by_key(publisher: TestPublisher, settings: str, said: str) -> None:
    publisher.settings_more = settings
    publisher.write_settings()
    with pytest.raises(SettingsError, match=said):
        publisher.ingest()


def test_a_file_that_its_mapping_does_not_fit_is_entered_as_unreadable(publisher: TestPublisher) -> None:
    source(publisher, "ga4-export")
    publisher.land("web", b"a,b\n1,2\n", "x.csv")
    publisher.land("web", b"not json\n" + encoded(GA4[:1], "x.ndjson") + b"[1]\n", "y.ndjson")
    done = publisher.ingest()
    assert done.unreadable == 3  # for each of its three tables
    assert refusals(publisher) == {"unreadable_row": 2}
    assert files_out_of_balance(publisher.warehouse).is_empty()


def test_csv_lines_that_are_no_rows_are_set_aside_and_the_rest_is_mapped(publisher: TestPublisher) -> None:
    source(publisher, "growthbook")
    text = b"timestamp,anonymous_id,experiment_id,variation_id\n2026-10-05 12:00:00,r1,thanks,thanks\n1,2,3,4,5,6\n2026-10-05 12:00:00,r2,thanks,thanks\n"
    assert ingested(publisher, "x.csv", text) == {"appeal_events": 2}
    assert refusals(publisher) == {"unreadable_row": 1}


def test_every_mapping_says_whose_schema_it_follows_and_whether_it_was_tried(publisher: TestPublisher) -> None:
    names = mapping_names(publisher.settings)
    assert len(names) >= 15
    for name in names:
        publisher.settings_more = f'[sources.web]\nmapping = "{name}"\n'
        publisher.write_settings()
        mapping = source_mapping(publisher.settings, "web")
        assert mapping.declared.vendor_schema
        assert set(mapping.statements) == set(mapping.tables)
        for kind, statement in mapping.statements.items():
            for option in mapping.options:
                used = any(f"${option}" in text for text in mapping.statements.values())
                assert used, f"{name}: the option {option} is used by no statement"
            assert statement.startswith("-- "), f"{name}/{kind}.sql has no head"
