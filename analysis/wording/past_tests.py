"""Past tests as arm totals: a table that a publisher has, read into one shape, with every row accounted for.

Two shapes are known as they are: headline archives in the columns of the Upworthy Research Archive (Matias et al. 2021),
and donation-banner tables in the columns of the Wikimedia tests. Any other table needs its columns named, or has ours.
Tests whose split is broken are marked, not dropped: they stay to be seen and teach nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from analysis.errors import TableError
from analysis.srm import log_e_terms, log_e_total, scaling_constant
from analysis.tables import open_table

#: e-value against "split as planned" from which a test teaches nothing, as everywhere (methods: trust checks).
BROKEN_SPLIT = 1_000.0

#: One row an arm of a past test.
PAST_ARMS_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "test_id": pl.String,
    "block_id": pl.String,
    "arm_id": pl.String,
    "ended": pl.Date,
    "surface": pl.String,
    "placement": pl.String,
    "language": pl.String,
    "headline": pl.String,
    "body": pl.String,
    "highlight": pl.String,
    "button": pl.String,
    "lowest_amount": pl.Float64,
    "readers": pl.Int64,
    "conversions": pl.Int64,
    "value": pl.Float64,
    "currency": pl.String,
    "scaled_by": pl.Int64,
    "is_split_broken": pl.Boolean,
}

#: Why a row was not used, as people read it after its count.
SET_ASIDE = {
    "no_test": "without a test",
    "no_count": "without a count of readers or conversions",
    "not_a_count": "with a count that is no whole number as 1000 (1,000 is none), or no readers",
    "no_day": "with a day that cannot be read (it is needed as 2020-12-31)",
    "no_number": "with a value or lowest amount that is no number (it is needed as 1234.50)",
    "more_conversions_than_readers": "with more conversions than readers",
    "hardly_ran": "of arms that hardly ran (100 impressions or fewer)",
}

_NEEDED = ("test_id", "readers", "conversions")
_GIVEN = tuple(name for name in PAST_ARMS_SCHEMA if name not in ("scaled_by", "is_split_broken"))
_COUNTS = ("readers", "conversions")
_MONEY = ("value", "lowest_amount")
_TEXTS = ("headline", "body", "highlight", "button")
_UPWORTHY = frozenset({"clickability_test_id", "headline", "impressions", "clicks"})
_WIKIMEDIA = frozenset({"test_id", "arm", "impressions", "donations", "amount"})

#: Impressions up to which an arm of an archive hardly ran.
_HARDLY_RAN = 100


@dataclass(frozen=True)
class PastTests:
    """What a file of past tests held.

    Attributes:
        arms: `PAST_ARMS_SCHEMA`; arms of one test with the same words are one row.
        received: Rows of the file; received = used + merged + sum of `set_aside`.
        merged: Rows added to another arm with the same words.
        set_aside: Rows by the reason for which they were not used.
        broken: Tests whose readers were not split evenly, with the month they ended in (None where no day is known).
        scaled: Tests whose readers were a sample scaled up, divided back.
    """

    arms: pl.DataFrame
    received: int
    merged: int
    set_aside: dict[str, int]
    broken: pl.DataFrame
    scaled: int

    @property
    def tests(self) -> int:
        """Tests with one arm and more."""
        return self.arms["test_id"].n_unique()


def read_past_tests(path: Path, columns: Mapping[str, str] | None = None) -> PastTests:
    """Read arm totals of past tests.

    Args:
        path: CSV, Parquet or xlsx; one row an arm.
        columns: Our column to the file's, as in {"test_id": "Test", "readers": "Seen"}; the others are taken by our name
            where the file has it. None or empty: a known shape, or our names.

    Raises:
        TableError: the file cannot be read, a column that is needed is missing, one is not known, or no row can be used.
    """
    table = open_table(path)
    has = table.collect_schema().names()
    if not columns and set(has) >= _UPWORTHY:
        rows = _upworthy(table, has)
    elif not columns and set(has) >= _WIKIMEDIA:
        rows = _wikimedia(table, has)
    else:
        rows = _named(path, table, has, dict(columns or {}))
    found = _read(rows.collect())
    if found.arms.is_empty():
        why = ", ".join(f"{count} {SET_ASIDE[reason]}" for reason, count in found.set_aside.items()) or "it has none"
        raise TableError(f"{path} has no row that can be used ({why}); one row a wording is needed, with counts.")
    return found


def _upworthy(table: pl.LazyFrame, has: list[str]) -> pl.LazyFrame:
    """Readers were drawn by test; blocks are test and image: within one, headlines are what differs."""
    image = pl.col("eyecatcher_id").fill_null("") if "eyecatcher_id" in has else pl.lit("")
    week = pl.col("test_week").cast(pl.Int64, strict=False) if "test_week" in has else pl.lit(None, dtype=pl.Int64)
    return table.select(
        test_id="clickability_test_id",
        block_id=image,
        headline="headline",
        surface=pl.lit("headline"),
        language=pl.lit("en"),
        ended=pl.date(week // 100, 1, 1) + pl.duration(days=7 * (week % 100)),
        readers=pl.col("impressions").cast(pl.Float64, strict=False),
        conversions=pl.col("clicks").cast(pl.Float64, strict=False),
        unread=_first_unread({"not_a_count": _unread_number("impressions") | _unread_number("clicks")}),
        is_hardly_run=pl.col("impressions").cast(pl.Float64, strict=False) <= _HARDLY_RAN,
    )


def _wikimedia(table: pl.LazyFrame, has: list[str]) -> pl.LazyFrame:
    """Readers are impressions, or landings where only those were counted; money with each gift capped where it is."""
    number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in has}
    readers = pl.coalesce(number["impressions"], number["lp_views"]) if "lp_views" in has else number["impressions"]
    value = pl.coalesce(number["amount_capped"], number["amount"]) if "amount_capped" in has else number["amount"]
    window = pl.col("window_utc").cast(pl.String) if "window_utc" in has else pl.lit(None, dtype=pl.String)
    return table.select(
        test_id="test_id",
        arm_id="arm",
        surface=pl.lit("donation"),
        ended=window.str.extract_all(r"\d{4}-\d{2}-\d{2}").list.last().str.to_date(strict=False),
        readers=readers,
        conversions=number["donations"],
        value=value,
        unread=_first_unread(
            {
                "not_a_count": pl.any_horizontal(
                    _unread_number(name) for name in ("impressions", "lp_views", "donations") if name in has
                ),
                "no_number": pl.any_horizontal(
                    _unread_number(name) for name in ("amount_capped", "amount") if name in has
                ),
            }
        ),
        currency=pl.col("currency") if "currency" in has else pl.lit(None, dtype=pl.String),
    )


def _named(path: Path, table: pl.LazyFrame, has: list[str], columns: dict[str, str]) -> pl.LazyFrame:
    unknown = sorted(set(columns) - set(_GIVEN))
    if unknown:
        raise TableError(f"{path}: {', '.join(unknown)} is no column of a past test; allowed are {', '.join(_GIVEN)}.")
    chosen = {name: columns.get(name, name) for name in _GIVEN if name in columns or name in has}
    missing = sorted({column for column in chosen.values() if column not in has})
    if missing:
        raise TableError(f"{path} has no column {', '.join(missing)}; it has {', '.join(has)}.")
    lacking = [name for name in _NEEDED if name not in chosen]
    if lacking:
        raise TableError(
            f"{path}: say which column is {', '.join(lacking)}, as in --columns {lacking[0]}=NAME; it has {', '.join(has)}."
        )
    picked = []
    for name, column in chosen.items():
        if name == "ended":
            source = _day(column)
        elif name in (*_COUNTS, *_MONEY):
            source = _number(column)
        else:
            source = pl.col(column).cast(pl.String)
        picked.append(source.alias(name))
    unread = {
        "not_a_count": pl.any_horizontal(_unread_number(chosen[name]) for name in _COUNTS),
        "no_day": _is_unread(chosen["ended"], _day(chosen["ended"])) if "ended" in chosen else pl.lit(False),
        "no_number": pl.any_horizontal(
            pl.lit(False), *(_unread_number(chosen[name]) for name in _MONEY if name in chosen)
        ),
    }
    return table.select(*picked, unread=_first_unread(unread))


def _day(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.strip_chars().str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)


def _number(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64, strict=False)


def _unread_number(column: str) -> pl.Expr:
    return _is_unread(column, _number(column))


def _is_unread(column: str, read: pl.Expr) -> pl.Expr:
    """Whether something stands there that could not be read: absent is another thing."""
    return _text(column).is_not_null() & read.is_null()


def _first_unread(unread: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.coalesce(*(pl.when(is_unread).then(pl.lit(reason)) for reason, is_unread in unread.items()))


def _read(rows: pl.DataFrame) -> PastTests:
    for name in _GIVEN:
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None, dtype=PAST_ARMS_SCHEMA[name]).alias(name))
    if "is_hardly_run" not in rows.columns:
        rows = rows.with_columns(is_hardly_run=pl.lit(False))
    readers, conversions = pl.col("readers"), pl.col("conversions")
    is_count = (readers == readers.round()) & (conversions == conversions.round())
    rows = rows.with_columns(
        pl.col("test_id").cast(pl.String),
        block_id=pl.concat_str(pl.col("test_id").cast(pl.String), _text("block_id"), separator="|", ignore_nulls=True),
        surface=_text("surface"),
        placement=_text("placement"),
        language=_text("language"),
        set_aside=pl.when(pl.col("test_id").is_null() | (pl.col("test_id") == ""))
        .then(pl.lit("no_test"))
        .when(pl.col("unread").is_not_null())
        .then(pl.col("unread"))
        .when(readers.is_null() | readers.is_nan() | conversions.is_null() | conversions.is_nan())
        .then(pl.lit("no_count"))
        .when(~is_count | (readers < 1) | (conversions < 0) | readers.is_infinite())
        .then(pl.lit("not_a_count"))
        .when(conversions > readers)
        .then(pl.lit("more_conversions_than_readers"))
        .when(pl.col("is_hardly_run"))
        .then(pl.lit("hardly_ran")),
    )
    set_aside = dict(rows.drop_nulls("set_aside").group_by("set_aside").len().sort("set_aside").iter_rows())
    used = rows.filter(pl.col("set_aside").is_null()).with_columns(pl.col("readers", "conversions").cast(pl.Int64))
    used, scaled = _divided_back(used)
    used = used.with_columns(is_split_broken=_is_broken(used))
    texts = pl.concat_str([pl.col(part).fill_null("") for part in _TEXTS], separator="\x1f")
    has_words = texts.str.replace_all("\x1f", "").str.len_chars() > 0
    same = pl.when(has_words).then(texts).otherwise(pl.coalesce("arm_id", pl.int_range(pl.len()).cast(pl.String)))
    firsts = [
        pl.col(name).first()
        for name in _GIVEN
        if name not in ("test_id", "block_id", "readers", "conversions", "value", "ended")
    ]
    arms = (
        used.with_columns(same=same)
        .group_by("test_id", "block_id", "same", maintain_order=True)
        .agg(
            pl.col("ended").max(),
            *firsts,
            pl.col("readers", "conversions").sum(),
            pl.when(pl.col("value").is_not_null().all()).then(pl.col("value").sum()).first().alias("value"),
            pl.col("scaled_by").first(),
            pl.col("is_split_broken").any(),
        )
        .with_columns(arm_id=pl.coalesce("arm_id", pl.int_range(pl.len()).over("test_id").cast(pl.String)))
        .select(pl.col(name).cast(dtype) for name, dtype in PAST_ARMS_SCHEMA.items())
        .sort("test_id", "block_id", "arm_id")
    )
    broken = (
        used.filter("is_split_broken")
        .group_by("test_id")
        .agg(month=pl.col("ended").max().dt.truncate("1mo"))
        .sort("month", "test_id")
    )
    return PastTests(arms, rows.height, used.height - arms.height, set_aside, broken, scaled)


def _text(column: str) -> pl.Expr:
    """A column without outer spaces; null where nothing is left."""
    stripped = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _divided_back(used: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Readers that were a sample scaled up, as they were counted; conversions were counted whole and stay.

    Only the check of the split needs it: rates of one test keep their proportions.
    """
    suspects = used.group_by("test_id").agg(pl.col("readers"), round_=(pl.col("readers") % 10 == 0).all())
    constants = {
        str(test): constant
        for test, readers, is_round in suspects.iter_rows()
        if is_round and (constant := int(scaling_constant(readers))) > 1
    }
    scaled_by = pl.col("test_id").replace_strict(constants, default=1, return_dtype=pl.Int64)
    return used.with_columns(scaled_by=scaled_by), len(constants)


def _is_broken(used: pl.DataFrame) -> pl.Series:
    """True in every row of a test whose readers were not split evenly: e-value of 1,000 and more.

    Source: Lindon & Malek 2022.
    """
    if used.is_empty():
        return pl.Series("is_split_broken", [], dtype=pl.Boolean)
    counted = used.select("test_id", n=pl.col("readers") // pl.col("scaled_by"), share=1 / pl.len().over("test_id"))
    logs = counted.with_columns(
        term=pl.Series(log_e_terms(counted["n"].to_numpy(), counted["share"].to_numpy()))
    ).select(total=pl.col("n").sum().over("test_id"), terms=pl.col("term").sum().over("test_id"))
    log_e = logs["terms"].to_numpy() + log_e_total(logs["total"].to_numpy())
    return pl.Series("is_split_broken", log_e >= math.log(BROKEN_SPLIT)) & pl.Series(np.isfinite(log_e))
