"""Landed rows against the contract: what is accepted, and for what reason a row is set aside.

Works on Polars lazy frames, column by column, and drops nothing: every row comes out either typed or with a reason.
Duplicates are not sought here (`ingestion.py`), and nothing here reads or writes a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import polars as pl
from babel.numbers import get_currency_precision, list_currencies

from analysis.contract import CONTRACT, Column, Kind
from analysis.landing import IS_UNREADABLE, ROW_NUMBER
from analysis.registry import Experiment

#: Why a row is set aside, as `reason` in the quarantine; the words stand in docs/contract.md and on the data-health page.
REASONS: dict[str, str] = {
    "unreadable_row": "The line is no row of the file's format.",
    "missing_value": "A required value is missing.",
    "wrong_type": "A value cannot be read as the column's type.",
    "not_allowed": "A value is none of those the contract allows.",
    "unknown_variant": "The experiment is registered, and this variant is not one of its variants.",
    "unknown_currency": "The currency is no ISO 4217 code.",
    "no_rate": "There is no exchange rate for the currency within seven days before the payment.",
    "negative_amount": "The amount is below 0; money paid back is a row of its own with refund_of.",
    "future_timestamp": "The event lies in the future of the machine that read it.",
}

REASON, COLUMN, EXAMPLE = "_reason", "_column", "_example"

#: Clocks of senders run ahead of ours by less than this.
CLOCK_SKEW = timedelta(minutes=10)
#: A rate is taken from at most this many days before the payment: reference rates pause at weekends and holidays.
RATE_AGE = timedelta(days=7)

Fault = tuple[pl.Expr, str, str | None]

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
    """Return every row typed, with the publisher's `day`, and with a reason where it is set aside.

    Returns:
        The contract's columns in their types, `day` (Date), for contributions the reporting columns, `ROW_NUMBER`,
        and `_reason`, `_column`, `_example`, which are null for a valid row. One row per row of the input, in any
        order. The first fault of a row in contract order gives the reason.
    """
    schema = rows.collect_schema()
    columns = CONTRACT[kind]
    raw = {column.name: _clean(column, schema[column.name]) for column in columns}
    typed = rows.select(
        ROW_NUMBER,
        IS_UNREADABLE,
        *[raw[column.name].alias(f"raw_{column.name}") for column in columns],
        *[_parse(column, raw[column.name], schema[column.name]).alias(column.name) for column in columns],
    )
    typed = typed.with_columns(
        pl.col("occurred_at").dt.convert_time_zone(rules.time_zone).dt.date().alias("day"),
        pl.col("occurred_at").dt.replace_time_zone(None),
    )
    if kind == "contributions":
        typed = _in_reporting_currency(typed, rules)
    faults: list[Fault] = [(pl.col(IS_UNREADABLE), "unreadable_row", None)]
    for column in columns:
        faults += _faults(column, rules)
    if kind == "appeal_events":
        faults.append((_is_unknown_variant(rules), "unknown_variant", "variant_id"))
    if kind == "contributions":
        faults.append((pl.col("rate").is_null(), "no_rate", "currency"))
    stored = [column.name for column in columns]
    money = ["reporting_minor", "rate", "rate_date", "rate_source"] if kind == "contributions" else []
    return typed.with_columns(
        _first(faults, lambda fault: pl.lit(fault[1])).alias(REASON),
        _first(faults, lambda fault: pl.lit(fault[2], pl.String)).alias(COLUMN),
        _first(faults, lambda fault: _example(fault[2], columns)).alias(EXAMPLE),
    ).select(*stored, *money, "day", ROW_NUMBER, REASON, COLUMN, EXAMPLE)


def _first(faults: Sequence[Fault], value: Callable[[Fault], pl.Expr]) -> pl.Expr:
    chain = pl.when(faults[0][0].fill_null(value=False)).then(value(faults[0]))
    for fault in faults[1:]:
        chain = chain.when(fault[0].fill_null(value=False)).then(value(fault))
    return chain.otherwise(None)


def _clean(column: Column, dtype: pl.DataType) -> pl.Expr:
    """Text without surrounding space and empty text as null; other types as they are."""
    expression = pl.col(column.name)
    if dtype == pl.Categorical or isinstance(dtype, pl.Enum):
        expression = expression.cast(pl.String)
    elif dtype != pl.String:
        return expression
    stripped = expression.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _parse(column: Column, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    is_text = dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum)
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


def _faults(column: Column, rules: Rules) -> list[Fault]:
    raw, parsed = pl.col(f"raw_{column.name}"), pl.col(column.name)
    faults: list[Fault] = []
    if column.required:
        faults.append((raw.is_null(), "missing_value", column.name))
    if column.type in ("integer", "boolean", "timestamp"):
        faults.append((raw.is_not_null() & parsed.is_null(), "wrong_type", column.name))
    if column.type == "choice":
        faults.append((parsed.is_not_null() & ~parsed.is_in(column.allowed), "not_allowed", column.name))
    if column.type == "currency":
        faults.append(
            (
                raw.is_not_null() & ~parsed.is_in(list(minor_digits())).fill_null(value=False),
                "unknown_currency",
                column.name,
            )
        )
    if column.name == "amount_minor":
        faults.append((parsed < 0, "negative_amount", column.name))
    if column.type == "timestamp":
        latest = (rules.now + CLOCK_SKEW).replace(tzinfo=None)
        faults.append((parsed > pl.lit(latest, pl.Datetime("us")), "future_timestamp", column.name))
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


@cache
def minor_digits() -> dict[str, int]:
    """Decimal places of every ISO 4217 currency by its code: 2 for GBP, 0 for JPY (CLDR through Babel)."""
    return {code: get_currency_precision(code) for code in sorted(list_currencies())}


def _example(name: str | None, columns: Sequence[Column]) -> pl.Expr:
    """The refused value, but only as far as it cannot name a person.

    A column may hold what belongs in another one, so a value is shown only where it looks like a short code; of
    anything else the shape is kept: letters as `a`, digits as `9`.
    """
    column = next((column for column in columns if column.name == name), None)
    if column is None or column.is_secret:
        return pl.lit(None, pl.String)
    text = pl.col(f"raw_{column.name}").cast(pl.String, strict=False)
    shape = text.str.slice(0, 40).str.replace_all(r"\p{L}", "a").str.replace_all(r"\d", "9")
    if column.type in ("choice", "currency") or column.name == "variant_id":
        return pl.when(text.str.contains(r"^[A-Za-z][A-Za-z_-]{0,23}$")).then(text).otherwise(shape)
    return shape
