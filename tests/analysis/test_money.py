"""Rates have a date and a source, and only money that is settled counts, net of what was paid back."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from analysis.money import minor_digits, read_rates
from tests.builders import TestPublisher, appeal_event, cell, gift


def value(publisher: TestPublisher, rows: list[dict[str, Any]], metric: str = "value") -> tuple[int, float]:
    """Contributors and their value, in minor units, of variant `thanks`, where reader `r` was asked on 5 October."""
    publisher.land("appeal_events", [appeal_event("10-05 12:00", "r", "thanks"), appeal_event("10-29 12:00", "x")])
    publisher.land("contributions", rows)
    found = cell(publisher.statistics().statistics, metric, "thanks")
    return found["x"], found["s1"]


def paid_back(when: str, amount: int, **changes: Any) -> dict[str, Any]:
    return gift(when, None, amount, refund_of="g", **changes)


GIFT = gift("10-05 13:00", "r", 1000, contribution_id="g")


@pytest.mark.parametrize(
    ("backs", "left"),
    [
        ([paid_back("10-06 12:00", 300)], 700),
        ([paid_back("10-06 12:00", 300), paid_back("10-07 12:00", 200)], 500),
        ([paid_back("10-06 12:00", 300, status="failed")], 1000),
        ([paid_back("10-06 12:00", 300, status="pending")], 1000),
        ([paid_back("10-06 12:00", 300, contribution_id="b"), paid_back("10-09 12:00", 300, contribution_id="b", status="failed")], 1000),
        ([paid_back("10-06 12:00", 1000), paid_back("10-20 12:00", 1000)], 0),  # refunded, and then disputed
        ([paid_back("10-06 12:00", 700), paid_back("10-20 12:00", 700)], 0),
        ([paid_back("10-06 12:00", 400, contribution_id="b", version=1), paid_back("10-06 12:00", 250, contribution_id="b", version=2)], 750),
    ],
)  # fmt: skip
def test_what_was_paid_back_is_taken_off_once(publisher: TestPublisher, backs: list[dict[str, Any]], left: int) -> None:
    _, money = value(publisher, [GIFT, *backs])
    assert money == left


def test_a_payment_that_failed_after_it_had_settled_is_none(publisher: TestPublisher) -> None:
    rows = [{**GIFT, "version": 1}, {**GIFT, "status": "failed", "version": 2}]
    assert value(publisher, rows) == (0, 0)


def test_a_payment_that_settled_at_the_second_try_counts(publisher: TestPublisher) -> None:
    rows = [{**GIFT, "status": "failed"}, GIFT]
    assert value(publisher, rows) == (1, 1000)


def test_an_invoice_tells_that_a_payment_is_a_renewal(publisher: TestPublisher) -> None:
    publisher.land(
        "payment_details",
        [
            {"detail_id": "in_1", "occurred_at": "2026-10-05T13:00:00Z", "payment_id": "in_1", "is_renewal": False},
            {"detail_id": "in_2", "occurred_at": "2026-10-06T13:00:00Z", "payment_id": "in_2", "is_renewal": True},
        ],
    )
    rows = [
        gift("10-05 13:00", "r", 500, recurrence="monthly", billed_by="in_1"),
        gift("10-06 13:00", "r", 700, recurrence="monthly", billed_by="in_2"),
    ]
    assert value(publisher, rows, "value_annualised") == (1, 6000)
    assert cell(publisher.statistics().statistics, "value", "thanks")["s1"] == 1200


def test_rates_of_the_central_bank_are_taken_with_their_date_and_source(publisher: TestPublisher) -> None:
    publisher.settings_more += "\n[money]\necb_rates = true\n"
    publisher.write_settings()
    publisher.land(
        "contributions",
        [gift("10-04 12:00", "r", 1000, currency="EUR"), gift("10-05 12:00", "r", 10_000, currency="JPY")],
    )
    publisher.land("contributions", [gift("10-05 12:00", "r", 1000, currency="XAF")])
    publisher.ingest()
    parts = [pl.read_parquet(part.path) for part in publisher.warehouse.parts("contributions")]
    frame = pl.concat(parts, how="diagonal").sort("currency")
    assert frame["currency"].to_list() == ["EUR", "JPY"]
    assert frame["rate_source"].str.contains("European Central Bank").all()
    assert str(frame["rate_date"][0]) == "2026-10-02"  # a Sunday has the rate of Friday
    euro = frame.row(0, named=True)
    assert euro["reporting_minor"] == round(1000 * euro["rate"])
    assert 0.7 < euro["rate"] < 1
    assert publisher.warehouse.quarantine_reasons()["reason"].to_list() == ["no_rate"]


def test_the_file_of_the_central_bank_may_be_dropped_as_it_is(publisher: TestPublisher) -> None:
    publisher.rates("Date,USD,GBP,JPY,\n2026-10-05,1.25,0.8,160,\n2026-10-02,1.25,N/A,160,\n")
    rates = {row["currency"]: row for row in read_rates(publisher.settings).to_dicts()}
    assert rates["EUR"]["rate"] == pytest.approx(0.8)
    assert rates["USD"]["rate"] == pytest.approx(0.64)
    assert rates["JPY"]["rate"] == pytest.approx(0.005)
    assert "European Central Bank" in rates["USD"]["rate_source"]
    assert read_rates(publisher.settings).height == 3  # a day without the reporting currency gives nothing


def test_minor_units_are_those_of_iso_4217() -> None:
    digits = minor_digits()
    assert {code: digits[code] for code in ("GBP", "JPY", "KWD", "ISK", "RSD", "MGA", "CLF", "XAF")} == {
        "GBP": 2, "JPY": 0, "KWD": 3, "ISK": 0, "RSD": 2, "MGA": 2, "CLF": 4, "XAF": 0,
    }  # fmt: skip
