"""`askwell check --source`: what a mapping would make of a file, said before it is landed, and nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from analysis.errors import LandingError, SettingsError
from askwell.cli import app
from tests.builders import TestPublisher, encoded

CHARGES = """id,amount,currency,created,livemode,status,captured,paid,customer_id,metadata,receipt_url
ch_1,500,gbp,2026-10-05 12:00:00,true,succeeded,true,true,cus_1,"{""reader_id"": ""r1"", ""variant_id"": ""thanks""}",https://pay.example/1
ch_2,900,gbp,never,true,succeeded,true,true,cus_2,,https://pay.example/2
ch_3,900,zzz,2026-10-05 12:00:00,true,succeeded,true,true,cus_3,,https://pay.example/3
ch_4,900,gbp,2026-10-05 12:00:00,false,succeeded,true,true,cus_4,,https://pay.example/4
"""


@pytest.fixture
def paid(publisher: TestPublisher) -> TestPublisher:
    publisher.settings_more = '[sources.paid]\nmapping = "stripe-charges"\n'
    publisher.write_settings()
    return publisher


def check(publisher: TestPublisher, file: Path, *more: str, source: str = "paid") -> Result:
    settings = ["--settings", str(publisher.folder / "askwell.toml")]
    return CliRunner().invoke(app, ["check", "--source", source, str(file), *settings, *more])


def export(publisher: TestPublisher, content: bytes, name: str = "charges.csv") -> Path:
    path = publisher.folder / name
    path.write_bytes(content)
    return path


def test_a_good_file_shows_its_first_rows_and_what_would_become_of_the_others(paid: TestPublisher) -> None:
    said = check(paid, export(paid, CHARGES.encode()))
    assert said.exit_code == 0, said.output
    assert "4 rows, 1 of them belong to no table of the contract" in said.stdout  # the test mode
    assert "contributions: 1 rows would be accepted" in said.stdout
    assert "contribution_id=ch_1" in said.stdout
    assert "amount_minor=500" in said.stdout
    assert (
        "1 would be set aside (occurred_at): A required value is missing, or a mapping could make nothing of what stands there."
        in said.stdout
    )
    assert "1 would be set aside (currency): The currency is no ISO 4217 code." in said.stdout
    assert "Columns without use: receipt_url." in said.stdout
    assert "fraud_details_stripe_report" not in said.stdout
    assert "Fields without a column in this file: " in said.stdout
    assert "Tried on the dbt_stripe seeds" in said.stdout


def test_the_same_as_an_object_for_a_script(paid: TestPublisher) -> None:
    found = json.loads(check(paid, export(paid, CHARGES.encode()), "--json").stdout)
    assert (found["rows"], found["passed_over"], found["tried_on_a_real_export"]) == (4, 1, True)
    table = found["tables"]["contributions"]
    assert (table["accepted"], table["refused"]) == (
        1,
        {"missing_value:occurred_at": 1, "unknown_currency:currency": 1},
    )
    assert table["first_rows"][0]["reader_id"] == "r1"


def test_nothing_is_changed(paid: TestPublisher) -> None:
    file = export(paid, CHARGES.encode())
    before = sorted(str(path) for path in paid.folder.rglob("*"))
    check(paid, file)
    assert sorted(str(path) for path in paid.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("charges.ndjson", encoded([{"id": "ch_1"}], "x.ndjson"), "the mapping stripe-charges reads csv, parquet"),
        ("charges.csv", b"", "the file is empty (0 bytes)"),
        ("charges.parquet", b"no parquet at all", "no readable Parquet"),
        ("charges.xlsx", b"PK", "is no file that Askwell reads"),
        ("charges.csv.gz", b"\x1f\x8bcut off", "charges.csv.gz"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_one_sentence(
    paid: TestPublisher, name: str, content: bytes, said: str
) -> None:
    answer = check(paid, export(paid, content, name))
    assert isinstance(answer.exception, LandingError)
    assert said in str(answer.exception)


def test_a_file_of_other_columns_says_which_fields_have_none(paid: TestPublisher) -> None:
    answer = check(paid, export(paid, b"Name,Betrag\nJane,5\n"))
    assert answer.exit_code == 1
    assert "No row of it would be accepted. Is it an export that stripe-charges reads?" in answer.output
    assert "Columns without use: Name, Betrag." in answer.stdout
    assert "1 would be set aside (contribution_id): A required value is missing" in answer.stdout


def test_a_source_that_is_not_in_the_settings_and_a_file_that_is_not_there(paid: TestPublisher) -> None:
    answer = check(paid, export(paid, b""), source="web")
    assert isinstance(answer.exception, SettingsError)
    assert "sources.web: is not there; sources: paid" in str(answer.exception)
    gone = check(paid, paid.folder / "gone.csv").exception
    assert isinstance(gone, LandingError)
    assert "gone.csv is not there" in str(gone)


def test_hostile_text_is_printed_without_what_moves_a_terminal(paid: TestPublisher) -> None:
    row = "\x1b]0;owned\x07ch_9,500,gbp,2026-10-05 12:00:00,true,succeeded,true,true,cus_1,,x\n"
    answer = check(paid, export(paid, (CHARGES.splitlines()[0] + "\n" + row).encode()))
    assert answer.exit_code == 0
    assert "\x1b" not in answer.output
    assert "\x07" not in answer.output


def test_the_check_of_everything_that_landed_names_the_table_of_each_line(paid: TestPublisher) -> None:
    paid.land("paid", CHARGES.encode(), "charges.csv")
    said = CliRunner().invoke(app, ["check", "--settings", str(paid.folder / "askwell.toml")]).stdout
    assert "charges.csv (contributions): 3 rows, set aside: " in said
    assert "charges.csv (identity_links): 1 rows, none set aside" in said
