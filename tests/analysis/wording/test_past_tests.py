"""Past tests: every row accounted for, known shapes as they are, broken splits seen, samples divided back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from analysis.errors import TableError
from analysis.wording.past_tests import PAST_ARMS_SCHEMA, PastTests, read_past_tests

DATA = Path(__file__).parents[4] / "shared" / "data"


def written(tmp_path: Path, text: str, name: str = "past.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def adds_up(found: PastTests) -> bool:
    return found.received == found.arms.height + found.merged + sum(found.set_aside.values())


def test_a_table_in_our_columns_is_read_as_it_is(tmp_path: Path) -> None:
    found = read_past_tests(
        written(
            tmp_path,
            "test_id,ended,headline,button,readers,conversions,value,currency\n"
            "w1,2024-12-01,Give today,Give,10000,40,410.50,GBP\n"
            "w1,2024-12-01,Thank you,Give,10010,52,499.00,GBP\n",
        )
    )
    assert found.arms.schema == pl.Schema(PAST_ARMS_SCHEMA)
    assert found.arms["headline"].to_list() == ["Give today", "Thank you"]
    assert found.arms["value"].to_list() == [410.5, 499.0]
    assert found.arms["ended"].to_list() == [date(2024, 12, 1)] * 2
    assert adds_up(found)


def test_columns_of_any_other_table_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "Test,Seen,Gave,Words\na,1000,3,Give\na,1004,5,Please give\n")
    mapping = {"test_id": "Test", "readers": "Seen", "conversions": "Gave", "body": "Words"}
    assert read_past_tests(path, mapping).arms["body"].to_list() == ["Give", "Please give"]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({}, "say which column is test_id, readers, conversions"),
        ({"test_id": "Test"}, "say which column is readers, conversions"),
        ({"test_id": "Tests", "readers": "Seen", "conversions": "Gave"}, "has no column Tests"),
        ({"colour": "Test"}, "colour is no column of a past test; allowed are test_id"),
    ],
)
def test_a_column_that_is_missing_or_unknown_is_refused_by_name(
    tmp_path: Path, mapping: dict[str, str], said: str
) -> None:
    path = written(tmp_path, "Test,Seen,Gave\na,1000,3\n")
    with pytest.raises(TableError, match=said):
        read_past_tests(path, mapping)


def test_rows_that_say_nothing_are_set_aside_by_their_reason(tmp_path: Path) -> None:
    rows = [",100,1", "a,,1", "a,100,x", "a,100,101", "a,0,0", "a,100,-1", "a,100.5,1", "a,inf,1", "a,100,2", "a,101,0"]
    found = read_past_tests(written(tmp_path, "test_id,readers,conversions\n" + "\n".join(rows) + "\n"))
    assert found.set_aside == {"more_conversions_than_readers": 1, "no_count": 1, "no_test": 1, "not_a_count": 5}
    assert found.arms.height == 2
    assert adds_up(found)


@pytest.mark.parametrize(
    ("column", "given", "reason"),
    [
        ("ended", "31/12/2020", "no_day"),
        ("ended", "2020-13-01", "no_day"),
        ("value", "£410.50", "no_number"),
        ("lowest_amount", "five", "no_number"),
        ("readers", '"1,000"', "not_a_count"),
        ("conversions", '"1,000"', "not_a_count"),
    ],
)
def test_what_stands_there_and_cannot_be_read_is_no_absence(
    tmp_path: Path, column: str, given: str, reason: str
) -> None:
    """A row that has nothing in a column that may be left out is used; one whose entry means nothing to us is told."""
    sound = {"test_id": "a", "readers": "1000", "conversions": "3", "ended": " ", "value": "", "lowest_amount": ""}
    rows = [sound, sound, sound | {column: given}]
    lines = "".join(",".join(one[name] for name in sound) + "\n" for one in rows)
    found = read_past_tests(written(tmp_path, ",".join(sound) + "\n" + lines))
    assert found.set_aside == {reason: 1}
    assert found.arms.height == 2
    assert adds_up(found)


def test_days_with_an_hour_are_days(tmp_path: Path) -> None:
    path = tmp_path / "past.parquet"
    pl.DataFrame(
        {"test_id": ["a", "a"], "readers": [900, 901], "conversions": [1, 2], "ended": [date(2020, 12, 31)] * 2}
    ).with_columns(pl.col("ended").cast(pl.Datetime)).write_parquet(path)
    assert read_past_tests(path).arms["ended"].to_list() == [date(2020, 12, 31)] * 2


def test_equal_words_of_a_test_are_one_arm_and_arms_without_words_stay_apart(tmp_path: Path) -> None:
    found = read_past_tests(
        written(
            tmp_path,
            "test_id,headline,readers,conversions\na,Give,1000,3\na,Give,1000,4\na,Help,1000,5\nb,,900,1\nb,,900,2\n",
        )
    )
    assert found.arms.select("test_id", "readers", "conversions").rows() == [
        ("a", 2000, 7),
        ("a", 1000, 5),
        ("b", 900, 1),
        ("b", 900, 2),
    ]
    assert found.merged == 1
    assert adds_up(found)


def test_a_test_that_was_not_split_evenly_is_marked_and_a_scaled_sample_is_not(tmp_path: Path) -> None:
    found = read_past_tests(
        written(
            tmp_path,
            "test_id,ended,readers,conversions\n"
            "uneven,2024-03-05,100003,30\nuneven,2024-03-05,97111,30\n"
            "sample,2024-04-05,1082000,828\nsample,2024-04-05,1055500,865\n"
            "even,2024-05-05,100003,30\neven,2024-05-05,100241,30\n",
        )
    )
    assert found.broken.rows() == [("uneven", date(2024, 3, 1))]
    assert found.scaled == 1
    assert found.arms.filter("is_split_broken")["test_id"].unique().to_list() == ["uneven"]
    assert found.arms.filter(test_id="sample")["scaled_by"].to_list() == [500, 500]


def test_hostile_words_are_kept_as_words(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'test_id,headline,readers,conversions\na,"<script>alert(1)</script>",1000,1\na,"\'; DROP TABLE x",1000,1\n',
    )
    assert set(read_past_tests(path).arms["headline"]) == {"<script>alert(1)</script>", "'; DROP TABLE x"}


@pytest.mark.parametrize("text", ["", "test_id\n", "no,such\n1,2\n"])
def test_a_file_without_past_tests_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(TableError):
        read_past_tests(written(tmp_path, text))


@pytest.mark.skipif(not DATA.exists(), reason="needs the real data beside the checkout")
def test_the_headline_archive_is_read_as_it_is_and_its_broken_months_are_found() -> None:
    """The archive's authors warn of tests from June 2013 to January 2014 (Matias et al. 2021)."""
    found = read_past_tests(DATA / "upworthy_half.parquet")
    assert found.received == 11_571
    assert adds_up(found)
    warned = found.broken.filter(pl.col("month").is_between(date(2013, 6, 1), date(2014, 1, 1)))
    assert warned.height == found.broken.height == 281


@pytest.mark.skipif(not DATA.exists(), reason="needs the real data beside the checkout")
def test_the_banner_tests_are_read_as_they_are_and_none_is_called_broken() -> None:
    found = read_past_tests(DATA / "wikimedia_fundraising_tests.csv")
    assert (found.received, found.tests, found.broken.height, found.scaled) == (24, 4, 0, 1)
    assert adds_up(found)
    assert found.arms.filter(test_id="WMDE-2012-T1")["readers"].to_list() == [11136, 11052, 11281]
