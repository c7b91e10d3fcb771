"""From declared metrics to the relations that the statements of `sql/` read: measures, windows, caps.

A measure is named by a digest of its declaration, so that a day's partial stays good as long as somebody declares it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from analysis.declarations import Declaration, Measure
from analysis.money import minor_digits, to_minor
from analysis.registry import Experiment
from analysis.settings import Settings
from analysis.store import fingerprint

_MICROSECONDS_PER_HOUR = 3_600_000_000
_MANY = 2**62

_FILTERED: dict[str, pl.DataType | type[pl.DataType]] = {"measure": pl.String}
_TEXTS = pl.List(pl.String)
PAGE_MEASURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "measure": pl.String,
    "sums_ad_revenue": pl.Boolean,
    "sections": _TEXTS,
    "devices": _TEXTS,
    "has_article": pl.Boolean,
}
APPEAL_MEASURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "measure": pl.String,
    "events": _TEXTS,
    "sections": _TEXTS,
    "devices": _TEXTS,
    "reader_types": _TEXTS,
}
PAYMENT_MEASURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "measure": pl.String,
    "sums": pl.String,
    "months": pl.Float64,
    "product": pl.String,
    "recurrence": pl.String,
    "price_phase": pl.String,
    "is_trial": pl.Boolean,
    "is_renewal": pl.Boolean,
    "is_cancellation": pl.Boolean,
}
COUNTED_MEASURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_code": pl.Int32,
    "metric": pl.String,
    "is_denominator": pl.Boolean,
    "source": pl.String,
    "measure": pl.String,
    "opens_days": pl.Int32,
    "closes_days": pl.Int32,
    "opens_us": pl.Int64,
    "closes_us": pl.Int64,
    "is_on_views": pl.Boolean,
    "needs_trial": pl.Boolean,
    "needs_cancellation": pl.Boolean,
    "needs_renewal": pl.Boolean,
    "needs_price_phase": pl.Boolean,
    "needs_retention": pl.Boolean,
}
COUNTED_METRICS: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_code": pl.Int32,
    "metric": pl.String,
    "is_matured_only": pl.Boolean,
    "matures_days": pl.Int32,
    "is_among": pl.Boolean,
    "cap": pl.Int64,
    "numerator_is_flag": pl.Boolean,
    "numerator_least": pl.Int64,
    "numerator_most": pl.Int64,
    "denominator_is_flag": pl.Boolean,
    "denominator_least": pl.Int64,
    "denominator_most": pl.Int64,
}


def measure_name(measure: Measure) -> str:
    """The measure's name in the daily partials: a digest of its filters and its sum (thresholds are applied later)."""
    return fingerprint(measure.model_dump(mode="json", exclude={"at_least", "at_most"}))[:16]


def source_of(measure: Measure) -> str:
    """Which relation answers a measure: `visits`, `pages`, `appeals` or `payments`."""
    if measure.is_plain_visit:
        return "visits"
    return {"pageviews": "pages", "appeal_events": "appeals", "contributions": "payments"}[measure.rows]


def sources(experiment: Experiment) -> set[str]:
    """The relations that an experiment's declared metrics read."""
    return {source_of(measure) for declaration in experiment.measured.values() for measure in declaration.measures}


def _distinct(experiments: Iterable[Experiment], source: str) -> dict[str, Measure]:
    return {
        measure_name(measure): measure
        for experiment in experiments
        for declaration in experiment.measured.values()
        for measure in declaration.measures
        if source_of(measure) == source
    }


def _texts(values: Sequence[str]) -> list[str] | None:
    return list(values) or None


def _choices(values: Sequence[str]) -> list[str] | list[None]:
    return sorted(set(values)) or [None]


def page_measures(experiments: Iterable[Experiment]) -> pl.DataFrame:
    """One row per measure that needs more of pageviews than their number. Schema `PAGE_MEASURES`."""
    rows = [
        (name, measure.sum == "ad_revenue", _texts(measure.section), _texts(measure.device), measure.has_article)
        for name, measure in sorted(_distinct(experiments, "pages").items())
    ]
    return pl.DataFrame(rows, schema=PAGE_MEASURES, orient="row")


def appeal_measures(experiments: Iterable[Experiment]) -> pl.DataFrame:
    """One row per measure of appeal events. Schema `APPEAL_MEASURES`."""
    rows = [
        (name, list(one.event), _texts(one.section), _texts(one.device), _texts(one.reader_type))
        for name, one in sorted(_distinct(experiments, "appeals").items())
    ]
    return pl.DataFrame(rows, schema=APPEAL_MEASURES, orient="row")


def payment_measures(experiments: Iterable[Experiment], settings: Settings) -> pl.DataFrame:
    """One row per measure of contributions and what it asks of them; null asks for nothing. Schema `PAYMENT_MEASURES`.

    A payment has one product, one recurrence and one price phase, and so meets one row of a measure at most.

    `months` is what a monthly pledge counts: 12, or under a monthly retention r the sum of r^k for k = 0 .. 11.
    """
    retention = settings.outcomes.monthly_retention
    stated = 0.0 if retention is None else float(sum(retention**month for month in range(12)))
    rows = [
        (
            name,
            one.sum,
            stated if one.sum == "twelve_months" else 12.0,
            product,
            recurrence,
            price_phase,
            one.is_trial,
            one.is_renewal,
            one.is_cancellation,
        )
        for name, one in sorted(_distinct(experiments, "payments").items())
        for product in _choices(one.product)
        for recurrence in _choices(one.recurrence)
        for price_phase in _choices(one.price_phase)
    ]
    return pl.DataFrame(rows, schema=PAYMENT_MEASURES, orient="row")


def _window_hours(declaration: Declaration, experiment: Experiment, settings: Settings) -> int:
    days = declaration.window_days
    return settings.window_hours(experiment) if days is None else days * 24


def matures_days(declaration: Declaration, experiment: Experiment, settings: Settings) -> int:
    """Days after the day of first exposure on which the last of the reader's window is counted."""
    days = declaration.starts_after_days + -(-_window_hours(declaration, experiment, settings) // 24)
    # A window that counts to the second ends during the day after its last whole one.
    return days if any(source_of(measure) == "payments" for measure in declaration.measures) else days - 1


def longest_days(experiment: Experiment, settings: Settings) -> int:
    """Days after the last first exposure on which a declared metric of the experiment can still change."""
    return max(
        (matures_days(declaration, experiment, settings) for declaration in experiment.measured.values()), default=0
    )


def counted_measures(experiments: Sequence[Experiment], settings: Settings) -> pl.DataFrame:
    """One row per experiment (numbered in order), metric and part of it. Schema `COUNTED_MEASURES`."""
    rows = []
    for code, experiment in enumerate(experiments):
        for metric, declaration in experiment.measured.items():
            opens = declaration.starts_after_days
            hours = _window_hours(declaration, experiment, settings)
            for number, measure in enumerate(declaration.measures):
                rows.append(
                    (
                        code,
                        metric,
                        number == 1,
                        source_of(measure),
                        measure_name(measure),
                        opens,
                        opens + -(-hours // 24),
                        opens * 24 * _MICROSECONDS_PER_HOUR,
                        (opens * 24 + hours) * _MICROSECONDS_PER_HOUR,
                        metric == experiment.primary_metric,
                        measure.is_trial is not None,
                        measure.is_cancellation,
                        measure.is_renewal is True,
                        bool(measure.price_phase),
                        measure.sum == "twelve_months" and settings.outcomes.monthly_retention is None,
                    )
                )
    return pl.DataFrame(rows, schema=COUNTED_MEASURES, orient="row")


def counted_metrics(experiments: Sequence[Experiment], settings: Settings) -> pl.DataFrame:
    """One row per experiment (numbered in order) and declared metric. Schema `COUNTED_METRICS`."""
    rows = []
    for code, experiment in enumerate(experiments):
        for metric, declaration in experiment.measured.items():
            top, bottom = declaration.numerator, declaration.denominator
            rows.append(
                (
                    code,
                    metric,
                    declaration.is_matured_only,
                    matures_days(declaration, experiment, settings),
                    declaration.among_denominator,
                    _cap(declaration, settings),
                    top.sum == "readers",
                    top.at_least,
                    top.at_most or _MANY,
                    bottom is not None and bottom.sum == "readers",
                    1 if bottom is None else bottom.at_least,
                    _MANY if bottom is None else bottom.at_most or _MANY,
                )
            )
    return pl.DataFrame(rows, schema=COUNTED_METRICS, orient="row")


def _cap(declaration: Declaration, settings: Settings) -> int | None:
    if declaration.cap is None:
        return None
    if declaration.numerator.sum == "ad_revenue":
        return int(declaration.cap * 1_000_000)
    return (
        to_minor(declaration.cap, settings.publisher.reporting_currency)
        if declaration.numerator.is_money
        else int(declaration.cap)
    )


def unit_of(measure: Measure, settings: Settings) -> float:
    """What one of the integers summed is worth in the unit of the result tables: micros become minor units."""
    if measure.sum != "ad_revenue":
        return 1.0
    return 10.0 ** (minor_digits().get(settings.publisher.reporting_currency, 2) - 6)
