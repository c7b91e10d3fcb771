"""Landed rows against the contract: what is accepted, and for what reason a row is set aside.

Works on Polars lazy frames, column by column, and drops nothing: every row comes out either typed or with a reason.
Duplicates are not sought here (`ingestion.py`), and nothing here reads or writes a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from analysis.bots import is_crawler
from analysis.contract import CONTRACT, Column, Kind
from analysis.landing import IS_UNREADABLE, ROW_NUMBER
from analysis.money import minor_digits
from analysis.registry import Experiment

#: Why a row is set aside, as `reason` in the quarantine; the words stand in docs/contract.md and on the data-health page.
REASONS: dict[str, str] = {
    "unreadable_row": "The line is no row of the file's format.",
    "missing_value": "A required value is missing, or a mapping could make nothing of what stands there.",
    "wrong_type": "A value cannot be read as the column's type.",
    "not_allowed": "A value is none of those the contract allows.",
    "unknown_variant": "The experiment is registered, and this variant is not one of its variants.",
    "unknown_currency": "The currency is no ISO 4217 code.",
    "no_rate": "There is no exchange rate for the currency within seven days before the payment.",
    "negative_amount": "The amount is below 0; money paid back is a row of its own with refund_of.",
    "future_timestamp": "The event lies in the future of the machine that read it.",
    "ancient_timestamp": "The event lies before 1990: a damaged date, or a clock that was never set.",
    "erased_reader": "The reader asked to be forgotten.",
}

#: Column with the number of a row's first fault.
FAULT = "_fault"

#: Clocks of senders run ahead of ours by less than this.
CLOCK_SKEW = timedelta(minutes=10)
#: No site asked anybody for money earlier.
EARLIEST = datetime(1990, 1, 1)  # noqa: DTZ001 - in UTC, as the column is
#: A rate is taken from at most this many days before the payment: reference rates pause at weekends and holidays.
RATE_AGE = timedelta(days=7)

_TRUE, _FALSE = ("true", "1", "t", "yes"), ("false", "0", "f", "no")


@dataclass(frozen=True)
class Rules:
    """What validation needs to know beside the contract.

    Attributes:
        now: The reading machine's clock, aware; a later event is refused.
        rates: One row per currency and day: `currency`, `rate_date` (Date), `rate` (Float64), `rate_source`.
    """

    now: datetime
    time_zone: str
    reporting_currency: str
    rates: pl.DataFrame
    variants: dict[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        experiments: Sequence[Experiment],
        *,
        now: datetime,
        time_zone: str,
        reporting_currency: str,
        rates: pl.DataFrame,
    ) -> Rules:
        """Rules for the experiments registered now."""
        variants = {experiment.id: tuple(variant.id for variant in experiment.variants) for experiment in experiments}
        return cls(now, time_zone, reporting_currency, rates, variants)


def validate(rows: pl.LazyFrame, kind: Kind, rules: Rules) -> pl.LazyFrame:
    """Return every row typed, with the publisher's `day`, and with the number of its fault where it has one.

    Returns:
        The contract's columns in their types, `day` (Date), for contributions the reporting columns, `ROW_NUMBER`, the
        landed values as `raw_<column>`, and `FAULT`, null for a valid row. One row per row of the input, in any order.
        The first fault of a row in contract order is its fault; `refused` puts it into words.
    """
    schema = rows.collect_schema()
    columns = CONTRACT[kind]
    # Each step sees the last one's columns, so that no text is stripped or parsed twice.
    typed = (
        rows.select(
            ROW_NUMBER,
            IS_UNREADABLE,
            *[_stripped(column, schema[column.name]).alias(f"raw_{column.name}") for column in columns],
        )
        .with_columns(_empty_as_null(f"raw_{column.name}", schema[column.name]) for column in columns)
        .with_columns(
            _parse(column, pl.col(f"raw_{column.name}"), schema[column.name]).alias(column.name) for column in columns
        )
    )
    if "received_at" in schema:
        ahead = pl.col("occurred_at") > pl.col("received_at") + CLOCK_SKEW
        typed = typed.with_columns(
            pl.when(ahead).then(pl.col("received_at")).otherwise(pl.col("occurred_at")).alias("occurred_at")
        )
    typed = typed.with_columns(
        pl.col("occurred_at").dt.convert_time_zone(rules.time_zone).dt.date().alias("day"),
        pl.col("occurred_at").dt.replace_time_zone(None),
    )
    if kind == "contributions":
        typed = _in_reporting_currency(typed, rules)
    if "is_bot" in typed.collect_schema():
        crawler = _is_crawler(schema["user_agent"])
        typed = typed.with_columns(pl.coalesce(pl.col("is_bot") | crawler, crawler, pl.col("is_bot")).alias("is_bot"))
    faults = _faults(kind, rules)
    chain = pl.when(faults[0].holds.fill_null(value=False)).then(pl.lit(0, pl.UInt8))
    for number, fault in enumerate(faults[1:], start=1):
        chain = chain.when(fault.holds.fill_null(value=False)).then(pl.lit(number, pl.UInt8))
    return typed.with_columns(chain.alias(FAULT)).drop(IS_UNREADABLE)


def refused(rows: pl.DataFrame, kind: Kind, rules: Rules) -> pl.DataFrame:
    """Return the rows that have a fault, as the quarantine keeps them.

    Args:
        rows: Rows of `validate`; those without a fault are left out.

    Returns:
        One row per row set aside: `row_number`, `reason`, `column_name` (null where the whole row is at fault),
        `example` (the refused value as far as it names nobody).
    """
    faults = _faults(kind, rules)
    bad = rows.filter(pl.col(FAULT).is_not_null())
    example = pl.lit(None, pl.String)
    for number, fault in enumerate(faults):
        if fault.column is not None and not fault.column.is_secret:
            example = pl.when(pl.col(FAULT) == number).then(_example(fault.column)).otherwise(example)
    reasons = dict(enumerate(fault.reason for fault in faults))
    names = dict(enumerate(None if fault.column is None else fault.column.name for fault in faults))
    return bad.select(
        pl.col(ROW_NUMBER).cast(pl.Int64).alias("row_number"),
        pl.col(FAULT).replace_strict(reasons, return_dtype=pl.String).alias("reason"),
        pl.col(FAULT).replace_strict(names, return_dtype=pl.String).alias("column_name"),
        example.alias("example"),
    )


@dataclass(frozen=True)
class _Fault:
    """One way in which a row breaks the contract; `column` is None where the whole row does."""

    holds: pl.Expr
    reason: str
    column: Column | None


def _stripped(column: Column, dtype: pl.DataType) -> pl.Expr:
    """Text without surrounding space; other types as they are."""
    expression = pl.col(column.name)
    if _is_text(dtype):
        return expression.cast(pl.String).str.strip_chars()
    return expression


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum)


def _empty_as_null(name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) if _is_text(dtype) else pl.col(name)


def _parse(column: Column, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    is_text = _is_text(dtype)
    match column.type:
        case "text" | "identifier" | "choice":
            return raw if is_text else _number_as_text(raw, dtype)
        case "currency":
            return raw.str.to_uppercase() if is_text else pl.lit(None, pl.String)
        case "integer":
            if is_text:
                return raw.cast(pl.Int64, strict=False)
            if dtype.is_float() or dtype.is_decimal():
                return pl.when(raw == raw.round(0)).then(raw.cast(pl.Int64, strict=False))
            return raw.cast(pl.Int64, strict=False) if dtype.is_integer() else pl.lit(None, pl.Int64)
        case "boolean":
            if dtype == pl.Boolean:
                return raw
            text = raw.cast(pl.String).str.to_lowercase()
            return pl.when(text.is_in(_TRUE)).then(statement=True).when(text.is_in(_FALSE)).then(statement=False)
        case "timestamp":
            return _moment(raw, dtype)


def _is_crawler(dtype: pl.DataType) -> pl.Expr:
    """Null, and not false, where no user agent was sent: `is_bot` stays what the sender says of it."""
    if not _is_text(dtype):
        return pl.lit(None, pl.Boolean)
    return pl.col("user_agent").map_batches(is_crawler, return_dtype=pl.Boolean)


def _number_as_text(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_float():  # an id that a data frame library turned into 1234.0
        return (
            pl.when(raw == raw.round(0))
            .then(raw.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(raw.cast(pl.String))
        )
    return raw.cast(pl.String, strict=False)


def _moment(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    utc = pl.Datetime("us", "UTC")
    if isinstance(dtype, pl.Datetime):
        return (
            raw.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
            if dtype.time_zone
            else raw.dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        )
    if dtype != pl.String:
        return pl.lit(None, utc)
    text = raw.str.replace(" ", "T", literal=True)
    return pl.coalesce(
        text.str.strptime(utc, "%+", strict=False),
        (text + pl.lit("Z")).str.strptime(utc, "%+", strict=False),  # no offset: UTC
    )


def _faults(kind: Kind, rules: Rules) -> list[_Fault]:
    """Every fault that a row of the kind can have, in the order in which they are asked."""
    columns = {column.name: column for column in CONTRACT[kind]}
    faults = [_Fault(pl.col(IS_UNREADABLE), "unreadable_row", None)]
    for column in columns.values():
        faults += _column_faults(column, rules)
    if kind == "appeal_events":
        faults.append(_Fault(_is_unknown_variant(rules), "unknown_variant", columns["variant_id"]))
    if kind == "contributions":
        faults.append(_Fault(pl.col("rate").is_null(), "no_rate", columns["currency"]))
    return faults


def _column_faults(column: Column, rules: Rules) -> list[_Fault]:
    raw, parsed = pl.col(f"raw_{column.name}"), pl.col(column.name)
    faults: list[_Fault] = []
    if column.required:
        faults.append(_Fault(raw.is_null(), "missing_value", column))
    if column.type in ("integer", "boolean", "timestamp"):
        faults.append(_Fault(raw.is_not_null() & parsed.is_null(), "wrong_type", column))
    if column.type == "choice":
        faults.append(_Fault(parsed.is_not_null() & ~parsed.is_in(column.allowed), "not_allowed", column))
    if column.type == "currency":
        known = parsed.is_in(list(minor_digits())).fill_null(value=False)
        faults.append(_Fault(raw.is_not_null() & ~known, "unknown_currency", column))
    if column.name == "amount_minor":
        faults.append(_Fault(parsed < 0, "negative_amount", column))
    if column.name == "occurred_at":
        latest = (rules.now + CLOCK_SKEW).replace(tzinfo=None)
        faults.append(_Fault(parsed > pl.lit(latest, pl.Datetime("us")), "future_timestamp", column))
        faults.append(_Fault(parsed < pl.lit(EARLIEST, pl.Datetime("us")), "ancient_timestamp", column))
    return faults


def _is_unknown_variant(rules: Rules) -> pl.Expr:
    known = [f"{experiment}\x1f{variant}" for experiment, variants in rules.variants.items() for variant in variants]
    pair = pl.concat_str("experiment_id", "variant_id", separator="\x1f")
    return pl.col("experiment_id").is_in(list(rules.variants)) & ~pair.is_in(known)


def _in_reporting_currency(typed: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """Add the amount in the reporting currency at the latest rate of at most seven days before the payment."""
    digits = pl.DataFrame(
        {"currency": list(minor_digits()), "_digits": list(minor_digits().values())},
        schema={"currency": pl.String, "_digits": pl.Int64},
    ).lazy()
    own = pl.col("currency") == rules.reporting_currency
    joined = (
        typed.sort("day")
        .join_asof(
            rules.rates.sort("rate_date").lazy(),
            left_on="day",
            right_on="rate_date",
            by="currency",
            strategy="backward",
            tolerance=RATE_AGE,
            coalesce=False,
            check_sortedness=False,
        )
        .join(digits, on="currency", how="left")
    )
    scale = 10.0 ** (minor_digits()[rules.reporting_currency] - pl.col("_digits"))
    return joined.with_columns(
        pl.when(own).then(1.0).otherwise(pl.col("rate")).alias("rate"),
        pl.when(~own).then(pl.col("rate_date")).alias("rate_date"),
        pl.when(own).then(pl.lit("reporting currency")).otherwise(pl.col("rate_source")).alias("rate_source"),
    ).with_columns(
        pl.when(own)
        .then(pl.col("amount_minor"))
        .otherwise((pl.col("amount_minor") * pl.col("rate") * scale).round(0).cast(pl.Int64, strict=False))
        .alias("reporting_minor")
    )


def _example(column: Column) -> pl.Expr:
    """The refused value, but only as far as it cannot name a person.

    A column may hold what belongs in another one, so a value is shown only where it looks like a short code; of
    anything else the shape is kept: letters as `a`, digits as `9`.
    """
    text = pl.col(f"raw_{column.name}").cast(pl.String, strict=False)
    shape = text.str.slice(0, 40).str.replace_all(r"\p{L}", "a").str.replace_all(r"\d", "9")
    if column.type in ("choice", "currency") or column.name == "variant_id":
        return pl.when(text.str.contains(r"^[A-Za-z][A-Za-z_-]{0,23}$")).then(text).otherwise(shape)
    return shape
