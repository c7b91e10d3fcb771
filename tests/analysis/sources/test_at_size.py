"""A day of each kind of export at size: every row is told of, in each table as many as the made file has."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import polars as pl
import pytest

from analysis.checking import files_out_of_balance
from tests.analysis.sources.test_mappings import source
from tests.builders import TestPublisher

ROWS = 120_000
#: Seconds of one October day, so that all rows are of the publisher's 5 October.
AT = "TIMESTAMP '2026-10-05 06:00:00' + to_seconds(i // 4)"
#: One row in a hundred is sent twice, one in a thousand has no readable moment, and then is set aside.
TWICE, BROKEN = "i % 100 = 99", "i % 1000 = 500"


@dataclass(frozen=True)
class Made:
    """A made export: SELECT over `made(i)`, and the tables of the contract among which its rows are shared out."""

    mapping: str
    ending: str
    select: str
    kinds: tuple[str, ...]


def number(unit: int = 1) -> str:
    """SQL of a row's own number: that of the row before where the row is sent twice."""
    return f"((i - CASE WHEN {TWICE} THEN 1 ELSE 0 END) // {unit})"


def moment(form: str = "%Y-%m-%d %H:%M:%S") -> str:
    at = AT.replace("i // 4", f"({number()}) // 4")
    return f"CASE WHEN {BROKEN} THEN 'never' ELSE strftime({at}, '{form}') END"


EXPORTS = (
    Made("snowplow-loaded", "csv", f"""
        'page_view' AS event_name, 'e' || {number()} AS event_id, 'd' || {number(7)} AS domain_userid, {moment()} AS derived_tstamp,
        {moment()} AS collector_tstamp, '/a' || (i % 900) AS page_urlpath, 'web' AS platform""", ("pageviews",)),
    Made("segment", "ndjson", f"""
        CASE WHEN {number()} % 2 = 0 THEN 'page' ELSE 'track' END AS type, 'Appeal Inserted' AS event, 'm' || {number()} AS "messageId",
        'a' || {number(7)} AS "anonymousId", {moment("%Y-%m-%dT%H:%M:%SZ")} AS timestamp,
        {{'experiment_id': 'thanks', 'variant_id': 'current'}} AS properties""", ("appeal_events", "pageviews")),
    Made("growthbook", "parquet", f"""
        'r' || {number()} AS anonymous_id, {moment()} AS timestamp, 'thanks' AS experiment_id, 'current' AS variation_id""", ("appeal_events",)),
    Made("eppo", "csv", f"""
        'r' || {number()} AS subject, {moment()} AS timestamp, 'thanks' AS experiment, 'current' AS variation""", ("appeal_events",)),
    Made("matomo", "ndjson", f"""
        {number()} AS "idVisit", 'v' || {number(7)} AS "visitorId", 'Desktop' AS "deviceType", [{{'type': 'action',
        'timestamp': CASE WHEN {BROKEN} THEN NULL ELSE 1791180000 + {number()} // 4 END, 'idpageview': 'p',
        'url': 'https://news.example/' || (i % 900)}}] AS "actionDetails\"""", ("pageviews",)),
    Made("stripe-charges", "csv", f"""
        'ch_' || {number()} AS id, 500 + {number()} % 90 AS amount, 'gbp' AS currency, {moment()} AS created, 'true' AS livemode,
        'succeeded' AS status, 'true' AS captured, 'true' AS paid, 'cus_' || {number(3)} AS customer_id""", ("contributions",)),
    Made("stripe-objects", "ndjson", f"""
        'charge' AS object, 'ch_' || {number()} AS id, 500 + {number()} % 90 AS amount, 500 + {number()} % 90 AS amount_captured,
        'gbp' AS currency, CASE WHEN {BROKEN} THEN NULL ELSE 1791180000 + {number()} // 4 END AS created,
        true AS livemode, 'succeeded' AS status, true AS captured, true AS paid,
        'cus_' || {number(3)} AS customer""", ("contributions",)),
    Made("donations-csv", "csv", f"""
        'D' || {number()} AS "Spenden-ID", {moment("%d.%m.%Y %H:%M")} AS "Datum", '12,50' AS "Betrag", 'GBP' AS "Währung",
        'bezahlt' AS "Status", 'r' || {number()} AS "Leser-ID\"""", ("contributions",)),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("made", EXPORTS, ids=lambda made: made.mapping)
def test_every_row_of_a_large_export_is_told_of(publisher: TestPublisher, made: Made) -> None:
    source(publisher, made.mapping)
    file = publisher.land("web", b"", f"export.{made.ending}")
    with duckdb.connect() as connection:
        how = {"csv": "FORMAT csv, HEADER", "ndjson": "FORMAT json", "parquet": "FORMAT parquet"}[made.ending]
        if made.mapping == "donations-csv":
            how += ", DELIMITER ';'"
        connection.execute(f"COPY (SELECT {made.select} FROM range({ROWS}) AS made(i)) TO '{file}' ({how})")
    publisher.ingest()
    assert files_out_of_balance(publisher.warehouse).is_empty()
    ledger = publisher.warehouse.ledger().filter(pl.col("kind").is_in(made.kinds))
    received, accepted, duplicate, quarantined = (
        ledger[name].sum() for name in ("received", "accepted", "duplicate", "quarantined")
    )
    twice, broken = ROWS // 100, ROWS // 1000
    assert (received, quarantined, duplicate) == (ROWS, broken, twice)
    assert accepted == ROWS - broken - twice
