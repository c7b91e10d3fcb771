"""Exchange rates and minor units. A sum is never taken over two currencies, and a missing rate is never 1."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
from babel.numbers import list_currencies

from analysis.errors import Mistake, SettingsError
from analysis.settings import Settings

RATE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "currency": pl.String,
    "rate_date": pl.Date,
    "rate": pl.Float64,
    "rate_source": pl.String,
}


#: Currencies of ISO 4217 (list one of the maintenance agency) whose minor unit is not the hundredth. CLDR, and so Babel,
#: tells how many decimals people write (none for the Serbian dinar), which is another question.
_DIGITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


@cache
def minor_digits() -> dict[str, int]:
    """Decimal places of every ISO 4217 currency by its code: 2 for GBP, 0 for JPY, 3 for KWD."""
    return {code: _DIGITS.get(code, 2) for code in sorted(list_currencies())}


def to_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in major units as minor units: 12.5 GBP is 1250, 12 JPY is 12."""
    return int((amount * 10 ** minor_digits().get(currency, 2)).to_integral_value())


def read_rates(settings: Settings) -> pl.DataFrame:
    """Return the publisher's rates: reporting currency for one unit of `currency`. One row per currency and day.

    Without a rates file there are none, and gifts in other currencies are set aside with the reason `no_rate`.

    Raises:
        SettingsError: the file is missing or a line in it is not date, currency, rate above 0, source.
    """
    path = settings.money.rates_file
    if path is None:
        return pl.DataFrame(schema=RATE_SCHEMA)
    return _read(path, settings.file)


def _read(path: Path, settings_file: Path) -> pl.DataFrame:
    def refuse(allowed: str) -> SettingsError:
        return SettingsError(settings_file, [Mistake("money.rates_file", str(path), allowed)])

    try:
        raw = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise refuse("does not exist") from None
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise refuse(f"is no readable CSV ({str(problem).splitlines()[0]})") from None
    missing = {"date", "currency", "rate", "source"} - set(raw.columns)
    if missing:
        raise refuse(f"lacks the column {', '.join(sorted(missing))}; needed: date, currency, rate, source")
    rates = raw.select(
        pl.col("currency"),
        pl.col("date").str.to_date("%Y-%m-%d", strict=False).alias("rate_date"),
        pl.col("rate").cast(pl.Float64, strict=False),
        pl.col("source").alias("rate_source"),
    )
    bad = rates.with_row_index("line", offset=2).filter(
        pl.col("rate_date").is_null() | pl.col("rate").is_null() | (pl.col("rate") <= 0) | pl.col("currency").is_null()
    )
    if bad.height:
        raise refuse(f"line {bad['line'][0]} needs a date like 2026-10-01, a currency code and a rate above 0")
    return rates.unique(["currency", "rate_date"], keep="last", maintain_order=True)
