"""Exchange rates of the simulated publisher: invented, plausible, and marked as simulated in their file."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from analysis.simulation.draws import Floats, stream
from analysis.simulation.gifts import CURRENCIES
from analysis.simulation.sizes import SimulationSize

#: Pounds for one unit on the first day, and the daily spread of the rate.
_START = {"EUR": 0.865, "USD": 0.752, "JPY": 0.00498}
_DAILY_SPREAD = 0.003
#: Rates begin before the first payment, as reference rates pause at weekends.
_DAYS_BEFORE = 7


def simulated_rates(size: SimulationSize, seed: int) -> pl.DataFrame:
    """Return one row per working day and foreign currency: `date`, `currency`, `rate` (pounds a unit), `source`."""
    days = [size.first_day + timedelta(days=day) for day in range(-_DAYS_BEFORE, size.days)]
    days = [day for day in days if day.weekday() < 5]
    random = stream(seed, "rates")
    rows: list[tuple[date, str, float, str]] = []
    for currency, start in _START.items():
        path = start * np.exp(np.cumsum(random.normal(0.0, _DAILY_SPREAD, len(days))))
        rows += [
            (day, currency, float(f"{rate:.6g}"), "simulated, not a market rate")
            for day, rate in zip(days, path, strict=True)
        ]
    return pl.DataFrame(rows, schema=["date", "currency", "rate", "source"], orient="row").sort("date", "currency")


def daily_rates(rates: pl.DataFrame, size: SimulationSize) -> Floats:
    """Return pounds for one unit, `(days, currencies)` in the order of `CURRENCIES`; weekends keep Friday's rate."""
    table = np.ones((size.days, len(CURRENCIES)))
    for place, currency in enumerate(CURRENCIES[1:], start=1):
        of_currency = rates.filter(pl.col("currency") == currency)
        days = np.array([(day - size.first_day).days for day in of_currency["date"]])
        places = np.searchsorted(days, np.arange(size.days), side="right") - 1
        table[:, place] = of_currency["rate"].to_numpy()[places]
    return table
