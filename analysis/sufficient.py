"""From cohort statistics to sufficient statistics: exact integers added up over cohorts, by day, basis and segment.

Counts, sums and sums of squares of each metric follow from the readers counted by value, so that every cap and every
day of the past can be had without touching an event. Sums run in 128-bit integers; they become floating point only at
the end, for the inference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

import polars as pl

from analysis.cohorts import last_counted_day
from analysis.contract import DEVICES, READER_TYPES
from analysis.frozen import frozen
from analysis.measures import matures_days, unit_of
from analysis.money import to_minor
from analysis.reader_rules import CONTAMINATED, MARKS, flipped
from analysis.registry import Experiment
from analysis.result_tables import (
    ARRIVALS,
    COHORTS,
    FUNNEL,
    SPECIAL_READERS,
    STRANGERS,
    SUFFICIENT_STATISTICS,
    TIED_GIFTS,
    TYING_ROUTES,
)
from analysis.settings import Settings
from analysis.store import Warehouse
from analysis.vocabulary import APPEAL_EVENTS

#: Codes of `sql/daily_exposures.sql`, in its order.
_DEVICE_NAMES = ("unknown", *DEVICES)
_READER_TYPE_NAMES = ("unknown", *READER_TYPES)

_ARM = ("experiment_id", "epoch", "variant_id")
_COVARIATES = ("visits_before", "device", "reader_type")

EXPOSURE_COUNT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "as_of": pl.Date,
    "epoch": pl.Int64,
    "variant_id": pl.String,
    "n": pl.Int64,
    "n_viewed": pl.Int64,
    "n_contaminated": pl.Int64,
    "n_immature": pl.Int64,
    "n_split": pl.Int64,
    "n_gave_before": pl.Int64,
    "visits_before": pl.Int64,
    "visits_before_squared": pl.Int64,
}

#: Readers who count, by the day on which they were first asked.
DAILY_ARRIVAL_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "epoch": pl.Int64,
    "first_day": pl.Date,
    "variant_id": pl.String,
    "n": pl.Int64,
}

#: Readers by what was known of them before they were asked, with a metric: what `inference.adjusted` works on.
CLASS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "as_of": pl.Date,
    "metric": pl.String,
    "epoch": pl.Int64,
    "variant_id": pl.String,
    "device": pl.String,
    "reader_type": pl.String,
    "visits_before": pl.Int64,
    "n": pl.Int64,
    "x": pl.Int64,
    "s1": pl.Float64,
    "s2": pl.Float64,
}

#: Rows of changes that are added up at once: a row becomes some 600 bytes, seen by every metric that uses it.
_ROWS_AT_ONCE = 100_000

#: Days for which arrivals are kept apart: the longest that a report looks back for what changed since the one before.
ARRIVAL_DAYS = 35


@dataclass(frozen=True)
class CohortStatistics:
    """What the inference and the reports need of all experiments at one `as_of`.

    Attributes:
        statistics: Schema `SUFFICIENT_STATISTICS`. Every day of an experiment for the basis `exposed`, segment `all` and
            the metrics that follow from contributions; the last day alone for everything else.
        exposure_counts: One row per experiment, epoch and variant; `n_viewed` are exposed readers who viewed the appeal
            within half an hour of their first exposure; `n_split` are all who were assigned, whether or not a rule about
            giving leaves them out, of whom `n_gave_before` were giving before; visits before are sums over `n`. Schema
            `EXPOSURE_COUNT_SCHEMA`.
        daily_arrivals: Readers who count by the day on which they were first asked. Schema `DAILY_ARRIVAL_SCHEMA`.
        classes: Readers of experiments that register covariates, by class. Schema `CLASS_SCHEMA`; a covariate that is
            not registered is null.
        funnel: Schema `FUNNEL`.
        special_readers: What is special about readers, counted or not. Schema `SPECIAL_READERS`.
        tied_gifts: Settled gifts by the route that ties them to a variant. Schema `TIED_GIFTS`.
        strangers: Exposures that name no reader. Schema `STRANGERS`.
        daily_readers: One row per experiment: mean readers first exposed a day over its last seven full days.
        arrivals: What came on the last `ARRIVAL_DAYS` days, by the day on which its reader was first asked. Schema
            `ARRIVALS`.
        cohorts: Readers who count, as finely as analysts compare them. Schema `COHORTS`.
    """

    statistics: pl.DataFrame
    exposure_counts: pl.DataFrame
    classes: pl.DataFrame
    daily_arrivals: pl.DataFrame
    funnel: pl.DataFrame
    special_readers: pl.DataFrame
    tied_gifts: pl.DataFrame
    strangers: pl.DataFrame
    daily_readers: pl.DataFrame
    arrivals: pl.DataFrame
    cohorts: pl.DataFrame


def cohort_statistics(warehouse: Warehouse, experiments: Sequence[Experiment], as_of: date) -> CohortStatistics:
    """Add up the cohort tables in force for the experiments that have any, some experiments at a time."""
    known = {part.scope for part in warehouse.parts("cohort_cells")} - frozen(warehouse)
    counted = [experiment for experiment in experiments if experiment.id in known]
    found = [_statistics_of(warehouse, group, as_of) for group in _groups(warehouse, counted)]
    return CohortStatistics(
        **{field.name: pl.concat([getattr(one, field.name) for one in found]) for field in fields(CohortStatistics)}
    )


def _groups(warehouse: Warehouse, experiments: Sequence[Experiment]) -> Iterator[list[Experiment]]:
    """Share out experiments so that what is in memory at once is bounded, whatever all of them have together."""
    rows: dict[str, int] = {}
    for table in ("outcome_changes", "measure_changes"):
        for part in warehouse.parts(table):
            rows[part.scope] = rows.get(part.scope, 0) + part.rows
    group: list[Experiment] = []
    held = 0
    for experiment in experiments:
        own = rows.get(experiment.id, 0)
        if group and held + own > _ROWS_AT_ONCE:
            yield group
            group, held = [], 0
        group.append(experiment)
        held += own
    yield group


def _statistics_of(warehouse: Warehouse, counted: Sequence[Experiment], as_of: date) -> CohortStatistics:
    settings = warehouse.settings
    facts = _facts(counted, settings, as_of)
    all_cells = _named(warehouse, "cohort_cells", counted)
    all_outcomes = _outcomes(_named(warehouse, "outcome_changes", counted), facts)
    all_told = pl.concat([all_outcomes, _named(warehouse, "measure_changes", counted)], how="diagonal")
    cells, outcomes, told, pageviews = (
        _counted(frame, facts)
        for frame in (all_cells, all_outcomes, all_told, _named(warehouse, "pageview_cells", counted))
    )
    readers = cells.filter(pl.col("n") > 0)
    history = _counted(_named(warehouse, "history_cells", counted), facts)
    declared = _declared(warehouse, counted)
    metrics = pl.concat(
        [
            facts.select("experiment_id")
            .join(pl.DataFrame({"metric": _OUTCOME_METRICS}), how="cross")
            .with_columns(
                matures_days=pl.lit(0),
                unit=pl.lit(1.0),
                is_known=pl.lit(value=True),
                is_on_views=pl.lit(value=True),
                is_ratio=pl.col("metric") == "average_gift",
            ),
            declared,
        ],
        how="vertical_relaxed",
    )
    statistics = pl.concat(
        [
            _history(readers, told, facts, metrics),
            _last_day(readers, told, facts, metrics),
            _turned_round(all_cells, all_told, facts, metrics, counted, settings),
            _dismissals(readers, facts),
            _pageviews(readers, pageviews, facts),
        ]
    )
    return CohortStatistics(
        statistics=statistics.select(list(SUFFICIENT_STATISTICS.columns)),
        exposure_counts=_exposure_counts(all_cells, history, facts, counted),
        daily_arrivals=readers.filter(pl.col("basis") == "exposed")
        .group_by("experiment_id", "epoch", "first_day", "variant_id")
        .agg(pl.col("n").sum())
        .sort("experiment_id", "epoch", "first_day", "variant_id")
        .select(pl.col(name).cast(dtype) for name, dtype in DAILY_ARRIVAL_SCHEMA.items()),
        classes=_classes(readers, told, history, facts, metrics, counted),
        strangers=_strangers(warehouse, facts),
        tied_gifts=_tied_gifts(warehouse, counted, facts),
        special_readers=_special_readers(all_cells, all_outcomes, facts, counted, settings),
        funnel=_funnel(cells, outcomes, facts),
        daily_readers=_daily_readers(readers, facts),
        arrivals=_arrivals(outcomes, _counted(_named(warehouse, "refund_changes", counted), facts), as_of),
        cohorts=_cohorts(readers, outcomes),
    )


def _facts(experiments: Sequence[Experiment], settings: Settings, as_of: date) -> pl.DataFrame:
    """One row per experiment: its last counted day, window, cap and first day."""
    currency = settings.publisher.reporting_currency
    rows = []
    for experiment in experiments:
        cap = settings.cap(experiment)
        rows.append(
            {
                "experiment_id": experiment.id,
                "starts": experiment.starts,
                "planned_end": experiment.planned_end,
                "as_of": last_counted_day(experiment, settings, as_of),
                "window_hours": settings.window_hours(experiment),
                "cap_minor": None if cap is None else to_minor(cap, currency),
                "left_out": settings.reader_rules(experiment).left_out,
            }
        )
    schema = {
        "experiment_id": pl.String,
        "starts": pl.Date,
        "planned_end": pl.Date,
        "as_of": pl.Date,
        "window_hours": pl.Int64,
        "cap_minor": pl.Int64,
        "left_out": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)


_COHORT_SCHEMA: dict[str, dict[str, pl.DataType | type[pl.DataType]]] = {
    "cohort_cells": {
        "basis": pl.String,
        "first_day": pl.Date,
        **dict.fromkeys(("n", "n_seen", *APPEAL_EVENTS), pl.Int64),
    },
    "outcome_changes": {
        "basis": pl.String,
        "first_day": pl.Date,
        "metric": pl.String,
        "outcome_day": pl.Date,
        "value_minor": pl.Int64,
        "readers": pl.Int64,
    },
    "refund_changes": {
        "basis": pl.String,
        "first_day": pl.Date,
        "outcome_day": pl.Date,
        "refunds": pl.Int64,
        "taken_minor": pl.Int64,
    },
    "pageview_cells": {"first_day": pl.Date, "pageviews": pl.Int64, "readers": pl.Int64},
    "history_cells": {
        "visits_before": pl.Int64,
        **dict.fromkeys(("readers", "x", "s1", "s2"), pl.Int64),
    },
    "measure_changes": {
        "basis": pl.String,
        "first_day": pl.Date,
        "metric": pl.String,
        "outcome_day": pl.Date,
        **dict.fromkeys(("x", "s1", "s2", "d1", "d2", "sd"), pl.Int128),
    },
}
_SUMS = ("x", "s1", "s2", "d1", "d2", "sd")


def _named(warehouse: Warehouse, table: str, experiments: Sequence[Experiment]) -> pl.DataFrame:
    """A cohort table of all experiments, with names in place of codes."""
    schema = {
        "experiment_id": pl.String,
        "variant_id": pl.String,
        "epoch": pl.Int64,
        "device": pl.String,
        "reader_type": pl.String,
        "marks": pl.Int64,
        **_COHORT_SCHEMA[table],
    }
    by_id = {experiment.id: experiment for experiment in experiments}
    frames = [
        pl.scan_parquet(part.path).select(
            pl.lit(part.scope).alias("experiment_id"),
            pl.col("variant_code")
            .cast(pl.Int64)
            .replace_strict(
                dict(enumerate(variant.id for variant in by_id[part.scope].variants)), return_dtype=pl.String
            )
            .alias("variant_id"),
            pl.col("epoch").cast(pl.Int64),
            _decoded("device_code", _DEVICE_NAMES).alias("device"),
            _decoded("reader_type_code", _READER_TYPE_NAMES).alias("reader_type"),
            pl.col("marks").cast(pl.Int64),
            *[pl.col(name).cast(dtype) for name, dtype in _COHORT_SCHEMA[table].items()],
        )
        for part in warehouse.parts(table)
        if part.scope in by_id
    ]
    return pl.concat(frames).collect() if frames else pl.DataFrame(schema=schema)


def _decoded(column: str, names: Sequence[str]) -> pl.Expr:
    return pl.col(column).cast(pl.Int64).replace_strict(dict(enumerate(names)), return_dtype=pl.String)


def _counted(frame: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Without the readers whom a rule leaves out."""
    return frame.join(facts.select("experiment_id", "left_out"), on="experiment_id").filter(
        pl.col("marks") & pl.col("left_out") == 0
    )


def _outcomes(changes: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Changes of x, s1 and s2 by metric and day: each row of the histogram's changes, seen by every metric that uses it."""
    value, one = pl.col("value_minor"), pl.lit(1)
    capped = pl.min_horizontal(value.clip(lower_bound=0), pl.col("cap_minor"))
    joined = changes.join(facts.select("experiment_id", "cap_minor"), on="experiment_id")
    by_metric = [
        joined.filter(pl.col("metric") == source).with_columns(
            pl.lit(name).alias("metric"),
            amount.cast(pl.Int64).alias("amount"),
            positive.alias("is_positive"),
            denominator.cast(pl.Int128).alias("denominator"),
        )
        for name, source, amount, positive, denominator in (
            ("conversion", "value", one, pl.lit(value=True), pl.lit(None)),
            ("value", "value", capped, value > 0, pl.lit(None)),
            ("value_uncapped", "value", value, value > 0, pl.lit(None)),
            ("value_annualised", "value_annualised", value, value > 0, pl.lit(None)),
            ("average_gift", "value", capped, value > 0, one),
        )
    ]
    amount = pl.col("amount").cast(pl.Int128)
    return (
        pl.concat(by_metric)
        .with_columns(
            (pl.col("readers") * pl.col("is_positive").cast(pl.Int64)).alias("x"),
            (amount * pl.col("readers")).alias("s1"),
            (amount * amount * pl.col("readers")).alias("s2"),
            (pl.col("denominator") * pl.col("readers")).alias("d1"),
            (pl.col("denominator") * pl.col("denominator") * pl.col("readers")).alias("d2"),
            (amount * pl.col("denominator") * pl.col("readers")).alias("sd"),
        )
        .with_columns(pl.col("x").cast(pl.Int128))
    )


_OUTCOME_METRICS = ("conversion", "value", "value_uncapped", "value_annualised", "average_gift")


def _declared(warehouse: Warehouse, experiments: Sequence[Experiment]) -> pl.DataFrame:
    """One row per experiment and declared metric: when a reader counts, the unit of its sums, and whether it is known.

    `matures_days` is 0 for a metric that does not wait for whole windows. A ratio has a row only once.
    """
    settings = warehouse.settings
    sent: dict[tuple[str, str], bool] = {}
    parts: dict[tuple[str, str], int] = {}
    by_id = {experiment.id: experiment for experiment in experiments}
    for part in warehouse.parts("measure_coverage"):
        if part.scope not in by_id:
            continue
        for metric, days, days_sent in pl.read_parquet(part.path).select("metric", "days", "days_sent").iter_rows():
            key = (part.scope, metric)
            parts[key] = parts.get(key, 0) + 1
            sent[key] = sent.get(key, True) and days > 0 and days == days_sent
    rows = [
        {
            "experiment_id": experiment.id,
            "metric": name,
            "matures_days": matures_days(declaration, experiment, settings) if declaration.is_matured_only else 0,
            "unit": unit_of(declaration.numerator, settings),
            "is_known": sent.get((experiment.id, name), False)
            and parts[experiment.id, name] == len(declaration.measures),
            "is_on_views": name == experiment.primary_metric,
            "is_ratio": declaration.denominator is not None,
        }
        for experiment in experiments
        for name, declaration in experiment.measured.items()
    ]
    schema = {
        "experiment_id": pl.String,
        "metric": pl.String,
        "matures_days": pl.Int64,
        "unit": pl.Float64,
        "is_known": pl.Boolean,
        "is_on_views": pl.Boolean,
        "is_ratio": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema)


def _scaled(sums: pl.DataFrame) -> pl.DataFrame:
    """Sums in the unit of the tables, as floating point; absent where the metric is not known."""
    unit = pl.col("unit")
    scale = {"x": pl.lit(1.0), "s1": unit, "s2": unit * unit, "d1": pl.lit(1.0), "d2": pl.lit(1.0), "sd": unit}
    return sums.with_columns(
        pl.when(pl.col("is_known") & (pl.col("is_ratio") if name in ("d1", "d2", "sd") else pl.lit(value=True)))
        .then(pl.col(name).cast(pl.Float64) * by)
        .alias(name)
        for name, by in scale.items()
    )


def _history(readers: pl.DataFrame, outcomes: pl.DataFrame, facts: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Sums up to every day of each experiment: basis `exposed`, segment `all`, every metric that has a history."""
    exposed = readers.filter(pl.col("basis") == "exposed")
    arms = exposed.select(_ARM).unique().join(facts.select("experiment_id", "starts", "as_of"), on="experiment_id")
    days = (
        arms.with_columns(pl.date_ranges("starts", "as_of").alias("day"))
        .explode("day")
        .select(*_ARM, "day")
        .join(metrics, on="experiment_id")
    )
    waits = metrics.select("experiment_id", "matures_days").unique()
    arrived = (
        exposed.group_by(*_ARM, pl.col("first_day").alias("day"))
        .agg(pl.col("n").sum())
        .join(waits, on="experiment_id")
        .with_columns(pl.col("day") + pl.duration(days=pl.col("matures_days")))
    )
    changed = (
        outcomes.filter(pl.col("basis") == "exposed")
        .group_by(*_ARM, "metric", pl.col("outcome_day").alias("day"))
        .agg(pl.col(_SUMS).sum())
    )
    sums = (
        days.join(arrived, on=[*_ARM, "matures_days", "day"], how="left")
        .join(changed, on=[*_ARM, "metric", "day"], how="left")
        .with_columns(pl.col("n", *_SUMS).fill_null(0))
        .sort(*_ARM, "metric", "day")
        .with_columns(pl.col("n", *_SUMS).cum_sum().over(*_ARM, "metric"))
        .filter((pl.col("n").sum().over("experiment_id", "epoch", "metric", "day") > 0) | (pl.col("epoch") == 0))
    )
    tops = _tops(outcomes.filter(pl.col("basis") == "exposed"), _ARM, facts)
    return _shaped(
        _scaled(sums)
        .rename({"day": "as_of"})
        .join(tops, on=[*_ARM, "metric", "as_of"], how="left")
        .with_columns(
            pl.lit("exposed").alias("basis"), pl.lit("all").alias("segment_kind"), pl.lit("all").alias("segment")
        )
    )


def _last_day(
    readers: pl.DataFrame, outcomes: pl.DataFrame, facts: pl.DataFrame, metrics: pl.DataFrame
) -> pl.DataFrame:
    """Sums on the last day: basis `viewed` as a whole, and basis `exposed` by segment."""
    cuts = [
        ("viewed", "all", pl.lit("all")),
        ("exposed", "device", pl.col("device")),
        ("exposed", "reader_type", pl.col("reader_type")),
    ]
    frames = []
    for basis, kind, segment in cuts:
        counted, paid = (frame.filter(pl.col("basis") == basis) for frame in (readers, outcomes))
        # A group of readers is looked at only where something is known of it.
        known = metrics.filter(pl.col("is_known") & (pl.col("is_on_views") | (basis == "exposed")))
        frames.append(_cut(counted, paid, facts, known, basis=basis, kind=kind, segment=segment))
    return pl.concat(frames)


def _turned_round(
    cells: pl.DataFrame,
    outcomes: pl.DataFrame,
    facts: pl.DataFrame,
    metrics: pl.DataFrame,
    experiments: Sequence[Experiment],
    settings: Settings,
) -> pl.DataFrame:
    """Sums on the last day with one rule about readers turned round, the others as they are: one basis for each rule.

    Only rules that concern a reader of the experiment, and only metrics that the viewed basis has, too.
    """
    exposed, paid = (frame.filter(pl.col("basis") == "exposed") for frame in (cells, outcomes))
    wanted = metrics.filter(pl.col("is_known") & pl.col("is_on_views"))
    frames = []
    for name, rules in _rules(experiments, settings, exposed).items():
        for basis in sorted(set(rules.values())):
            turned = facts.filter(
                pl.col("experiment_id").is_in([one for one, other in rules.items() if other == basis])
            ).with_columns(pl.col("left_out") ^ MARKS[name])
            frames.append(
                _cut(
                    _counted(exposed, turned),
                    _counted(paid, turned),
                    facts,
                    wanted,
                    basis=basis,
                    kind="all",
                    segment=pl.lit("all"),
                )
            )
    return pl.concat([SUFFICIENT_STATISTICS.frame(), *frames])


def _rules(experiments: Sequence[Experiment], settings: Settings, exposed: pl.DataFrame) -> dict[str, dict[str, str]]:
    """By name of a mark, the experiments that have such readers, and the basis that turns their rule round."""
    there = exposed.filter(pl.col("n") > 0).select("experiment_id", "marks").unique()
    found: dict[str, dict[str, str]] = {}
    for name, bit in MARKS.items():
        marked = set(there.filter(pl.col("marks") & bit != 0)["experiment_id"])
        rules = {one.id: getattr(settings.reader_rules(one), name) for one in experiments if one.id in marked}
        found[name] = {one: flipped(name, rule) for one, rule in rules.items()}
    return found


def _special_readers(
    cells: pl.DataFrame,
    outcomes: pl.DataFrame,
    facts: pl.DataFrame,
    experiments: Sequence[Experiment],
    settings: Settings,
) -> pl.DataFrame:
    """One row per experiment, variant and mark that a reader of the experiment has: readers, contributors, value."""
    exposed = cells.filter((pl.col("basis") == "exposed") & (pl.col("n") > 0))
    paid = outcomes.filter((pl.col("basis") == "exposed") & pl.col("metric").is_in(["conversion", "value"]))
    keys = ["experiment_id", "variant_id"]
    frames = []
    for name, bit in MARKS.items():
        marked = pl.col("marks") & bit != 0
        rules = {one.id: str(getattr(settings.reader_rules(one), name)) for one in experiments}
        arms = exposed.filter(marked.any().over("experiment_id"))
        given = (
            paid.filter(marked)
            .group_by(keys)
            .agg(
                contributors=pl.col("x").filter(pl.col("metric") == "conversion").sum(),
                value_minor=pl.col("s1").filter(pl.col("metric") == "value").sum(),
            )
        )
        frames.append(
            arms.group_by(keys)
            .agg(readers=pl.col("n").filter(marked).sum(), exposed=pl.col("n").sum())
            .join(given, on=keys, how="left")
            .with_columns(
                pl.col("contributors", "value_minor").fill_null(0),
                mark=pl.lit(name),
                rule=pl.col("experiment_id").replace_strict(rules, return_dtype=pl.String),
            )
        )
    return (
        pl.concat(frames, how="vertical_relaxed")
        .with_columns(is_counted=pl.col("rule") != "exclude")
        .join(facts.select("experiment_id", "as_of"), on="experiment_id")
        .select(pl.col(name).cast(dtype) for name, dtype in SPECIAL_READERS.schema.items())
        .sort("experiment_id", "mark", "variant_id")
    )


def _tied_gifts(warehouse: Warehouse, experiments: Sequence[Experiment], facts: pl.DataFrame) -> pl.DataFrame:
    """Gifts of readers who count, by experiment, variant and route."""
    variants = {experiment.id: dict(enumerate(one.id for one in experiment.variants)) for experiment in experiments}
    frames = [
        pl.read_parquet(part.path).select(
            pl.lit(part.scope).alias("experiment_id"),
            pl.col("variant_code")
            .cast(pl.Int64)
            .replace_strict(variants[part.scope], return_dtype=pl.String)
            .alias("variant_id"),
            "route",
            pl.col("marks").cast(pl.Int64),
            "gifts",
            "value_minor",
        )
        for part in warehouse.parts("gift_routes")
        if part.scope in variants
    ]
    if not frames:
        return TIED_GIFTS.frame()
    keys = ["experiment_id", "as_of", "variant_id", "route"]
    return (
        _counted(pl.concat(frames), facts)
        .join(facts.select("experiment_id", "as_of"), on="experiment_id")
        .group_by(keys)
        .agg(pl.col("gifts", "value_minor").sum())
        .with_columns(is_tied=pl.col("route").is_in(TYING_ROUTES))
        .select(pl.col(name).cast(dtype) for name, dtype in TIED_GIFTS.schema.items())
        .sort(keys)
    )


def _strangers(warehouse: Warehouse, facts: pl.DataFrame) -> pl.DataFrame:
    """Exposures that name no reader, over the counted days of each experiment."""
    paths = [part.path for part in warehouse.parts("daily_strangers") if part.rows]
    if not paths:
        return STRANGERS.frame()
    return (
        pl.scan_parquet(paths)
        .join(facts.lazy().select("experiment_id", "starts", "as_of"), on="experiment_id")
        .filter(pl.col("day").is_between("starts", "as_of"))
        .group_by("experiment_id", "as_of", "variant_id")
        .agg(pl.col("exposures").sum())
        .select(pl.col(name).cast(dtype) for name, dtype in STRANGERS.schema.items())
        .sort("experiment_id", "variant_id")
        .collect()
    )


def _cut(
    readers: pl.DataFrame,
    outcomes: pl.DataFrame,
    facts: pl.DataFrame,
    metrics: pl.DataFrame,
    *,
    basis: str,
    kind: str,
    segment: pl.Expr,
) -> pl.DataFrame:
    """Sums on the last day of the readers given, by segment, for the metrics given."""
    keys = [*_ARM, "segment"]
    last_days = facts.select("experiment_id", last_day="as_of")
    counted = readers.with_columns(segment.alias("segment")).join(last_days, on="experiment_id")
    paid = outcomes.with_columns(segment.alias("segment"))
    waits = pl.col("first_day") + pl.duration(days=pl.col("matures_days"))
    base = (
        counted.join(metrics.select("experiment_id", "matures_days").unique(), on="experiment_id")
        .group_by(*keys, "matures_days")
        .agg(pl.col("n").filter(waits <= pl.col("last_day")).sum())
        .join(metrics, on=["experiment_id", "matures_days"])
    )
    return _shaped(
        base.join(paid.group_by(*keys, "metric").agg(pl.col(_SUMS).sum()), on=[*keys, "metric"], how="left")
        .with_columns(pl.col(_SUMS).fill_null(0))
        .pipe(_scaled)
        .join(_tops(paid, keys, facts), on=[*keys, "metric"], how="left")
        .join(last_days, on="experiment_id")
        .with_columns(
            pl.col("last_day").alias("as_of"), pl.lit(basis).alias("basis"), pl.lit(kind).alias("segment_kind")
        )
    )


def _tops(outcomes: pl.DataFrame, keys: Sequence[str], facts: pl.DataFrame) -> pl.DataFrame:
    """Largest amount that a reader holds on the last day, by metric."""
    held = (
        outcomes.filter(pl.col("amount").is_not_null())
        .group_by(*keys, "metric", "amount")
        .agg(pl.col("readers").sum())
        .filter(pl.col("readers") > 0)
    )
    return (
        held.group_by(*keys, "metric")
        .agg(pl.col("amount").max().alias("top"))
        .join(facts.select("experiment_id", "as_of"), on="experiment_id")
    )


def _dismissals(readers: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    counted = (
        readers.filter(pl.col("basis") == "exposed").group_by(_ARM).agg(pl.col("n").sum(), pl.col("dismissed").sum())
    )
    return _shaped(
        counted.with_columns(
            pl.col("dismissed").alias("x"),
            pl.col("dismissed").alias("s1"),
            pl.col("dismissed").alias("s2"),
            pl.lit(1).alias("top"),
            pl.lit("dismissed").alias("metric"),
        ).pipe(_on_last_day, facts)
    )


def _pageviews(readers: pl.DataFrame, pageviews: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    views, many = pl.col("pageviews").cast(pl.Int128), pl.col("readers")
    seen = pageviews.group_by(_ARM).agg(
        many.sum().alias("x"),
        (views * many).sum().alias("s1"),
        (views * views * many).sum().alias("s2"),
        pl.col("pageviews").max().alias("top"),
    )
    counted = readers.filter(pl.col("basis") == "exposed").group_by(_ARM).agg(pl.col("n").sum())
    return _shaped(
        counted.join(seen, on=list(_ARM)).with_columns(pl.lit("pageviews").alias("metric")).pipe(_on_last_day, facts)
    )


def _on_last_day(frame: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    return frame.join(facts.select("experiment_id", "as_of"), on="experiment_id").with_columns(
        *(pl.lit(None, pl.Float64).alias(name) for name in ("d1", "d2", "sd")),
        pl.lit("exposed").alias("basis"),
        pl.lit("all").alias("segment_kind"),
        pl.lit("all").alias("segment"),
    )


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(dtype) for name, dtype in SUFFICIENT_STATISTICS.schema.items())


def _classes(
    readers: pl.DataFrame,
    outcomes: pl.DataFrame,
    history: pl.DataFrame,
    facts: pl.DataFrame,
    metrics: pl.DataFrame,
    experiments: Sequence[Experiment],
) -> pl.DataFrame:
    """The primary metric by device and kind of reader, and pageviews by earlier visits, too, where these are registered."""
    having = {name: [one.id for one in experiments if name in one.covariates] for name in _COVARIATES}
    keys = [*_ARM, "device", "reader_type"]

    def told_apart(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Rows of experiments that register any of the names; a covariate that is not registered tells nobody apart."""
        asked = {one for name in names for one in having[name]}
        return frame.filter(pl.col("experiment_id").is_in(asked)).with_columns(
            pl.when(pl.col("experiment_id").is_in(having[name])).then(pl.col(name)).alias(name) for name in keys[3:]
        )

    exposed, paid = (frame.filter(pl.col("basis") == "exposed") for frame in (readers, outcomes))
    decides = pl.DataFrame(
        [(one.id, one.primary_metric) for one in experiments],
        schema={"experiment_id": pl.String, "metric": pl.String},
        orient="row",
    )
    return (
        pl.concat(
            [
                pl.DataFrame(schema=CLASS_SCHEMA),
                _primary_by_class(
                    told_apart(exposed, keys[3:]),
                    told_apart(paid, keys[3:]),
                    metrics.join(decides, on=decides.columns),
                    keys,
                ),
                _pageviews_by_class(
                    told_apart(exposed, ["visits_before"]), told_apart(history, ["visits_before"]), keys
                ),
            ],
            how="diagonal_relaxed",
        )
        .drop("as_of")
        .join(facts.select("experiment_id", "as_of"), on="experiment_id")
        .select(pl.col(name).cast(dtype) for name, dtype in CLASS_SCHEMA.items())
        .sort("experiment_id", "metric", *keys[1:], "visits_before")
    )


def _primary_by_class(
    exposed: pl.DataFrame, paid: pl.DataFrame, decides: pl.DataFrame, keys: Sequence[str]
) -> pl.DataFrame:
    """Sums of the metric that decides; of one that waits for whole windows, or is a ratio, there are none."""
    known = decides.filter(pl.col("is_known") & ~pl.col("is_ratio") & (pl.col("matures_days") == 0))
    sums = (
        paid.join(known, on=["experiment_id", "metric"], how="semi").group_by(keys).agg(pl.col("x", "s1", "s2").sum())
    )
    return (
        exposed.group_by(keys)
        .agg(pl.col("n").sum())
        .join(sums, on=list(keys), how="left", nulls_equal=True)
        .with_columns(pl.col("x", "s1", "s2").fill_null(0), *(pl.lit(0).alias(name) for name in ("d1", "d2", "sd")))
        .join(known, on="experiment_id")
        .pipe(_scaled)
    )


def _pageviews_by_class(exposed: pl.DataFrame, visited: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Readers by earlier visits; those without any pageview, before and after, belong to the class of 0."""
    known = visited.group_by(*keys, "visits_before").agg(pl.col("readers", "x", "s1", "s2").sum())
    found = known.group_by(keys).agg(pl.col("readers").sum().alias("found"))
    unseen = (
        exposed.group_by(keys)
        .agg(pl.col("n").sum())
        .join(found, on=list(keys), how="left", nulls_equal=True)
        .with_columns(readers=pl.col("n") - pl.col("found").fill_null(0))
        .select(*keys, "readers", visits_before=pl.lit(0), x=pl.lit(0), s1=pl.lit(0), s2=pl.lit(0))
    )
    return (
        pl.concat([known, unseen.select(known.columns)], how="vertical_relaxed")
        .group_by(*keys, "visits_before")
        .agg(pl.col("readers").sum().alias("n"), pl.col("x", "s1", "s2").sum())
        .filter(pl.col("n") > 0)
        .with_columns(metric=pl.lit("pageviews"))
    )


def _exposure_counts(
    cells: pl.DataFrame, history: pl.DataFrame, facts: pl.DataFrame, experiments: Sequence[Experiment]
) -> pl.DataFrame:
    """Readers who count, and beside them those who met several variants, whether or not these count."""
    visits, readers = pl.col("visits_before"), pl.col("readers")
    before = history.group_by(_ARM).agg(
        (visits * readers).sum().alias("sum"), (visits * visits * readers).sum().alias("squares")
    )
    asked = [one.id for one in experiments if "visits_before" in one.covariates]
    joined = cells.filter((pl.col("basis") == "exposed") & (pl.col("n") > 0)).join(
        facts.select("experiment_id", "as_of", "window_hours", "left_out"), on="experiment_id"
    )
    matures = pl.col("first_day") + pl.duration(hours=pl.col("window_hours"))
    counted = pl.col("marks") & pl.col("left_out") == 0
    giving = MARKS["already_giving"]
    split = pl.col("marks") & pl.col("left_out") & ~giving == 0
    mixed = (pl.col("marks") & CONTAMINATED != 0) & (pl.col("marks") & pl.col("left_out") & ~CONTAMINATED == 0)
    return (
        joined.group_by(*_ARM, "as_of")
        .agg(
            pl.col("n").filter(counted).sum(),
            pl.col("n_seen").filter(counted).sum().alias("n_viewed"),
            pl.col("n").filter(mixed).sum().alias("n_contaminated"),
            pl.col("n").filter(counted & (matures > pl.col("as_of"))).sum().alias("n_immature"),
            pl.col("n").filter(split).sum().alias("n_split"),
            pl.col("n").filter(split & (pl.col("marks") & giving != 0)).sum().alias("n_gave_before"),
        )
        .join(before, on=list(_ARM), how="left")
        .with_columns(
            # Nobody who visited is a count of 0 where visits were asked for, and not known where they were not.
            pl.when(pl.col("experiment_id").is_in(asked)).then(pl.col(name).fill_null(0)).alias(column)
            for name, column in (("sum", "visits_before"), ("squares", "visits_before_squared"))
        )
        .select(pl.col(name).cast(dtype) for name, dtype in EXPOSURE_COUNT_SCHEMA.items())
        .sort(_ARM)
    )


def _funnel(cells: pl.DataFrame, outcomes: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    keys = ["experiment_id", "variant_id"]
    steps = (
        cells.filter(pl.col("basis") == "exposed")
        .group_by(keys)
        .agg(pl.col(APPEAL_EVENTS).sum())
        .unpivot(APPEAL_EVENTS, index=keys, variable_name="step", value_name="readers")
    )
    contributed = (
        outcomes.filter((pl.col("basis") == "exposed") & (pl.col("metric") == "conversion"))
        .group_by(keys)
        .agg(pl.col("x").sum().cast(pl.Int64).alias("readers"))
        .with_columns(pl.lit("contributed").alias("step"))
        .select(*keys, "step", "readers")
    )
    present = cells.select(keys).unique().with_columns(pl.lit("contributed").alias("step"))
    missing = present.join(contributed, on=[*keys, "step"], how="anti").with_columns(
        pl.lit(0, pl.Int64).alias("readers")
    )
    return (
        pl.concat([steps, contributed, missing])
        .join(facts.select("experiment_id", "as_of"), on="experiment_id")
        .select(pl.col(name).cast(dtype) for name, dtype in FUNNEL.schema.items())
        .sort("experiment_id", "variant_id", "step")
    )


def _arrivals(outcomes: pl.DataFrame, refunds: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """First contributions and refunds of readers, by the days on which they were first asked and on which these came."""
    keys = ["experiment_id", "first_day", "outcome_day"]
    first = outcomes.filter((pl.col("basis") == "exposed") & (pl.col("metric") == "conversion"))
    return (
        pl.concat(
            [first.select(*keys, pl.col("x").alias("outcomes")), refunds.select(*keys, "refunds", "taken_minor")],
            how="diagonal",
        )
        .filter(pl.col("outcome_day") > as_of - timedelta(days=ARRIVAL_DAYS))
        .group_by(keys)
        .agg(pl.col("outcomes", "refunds", "taken_minor").sum())
        .select(pl.col(name).cast(dtype) for name, dtype in ARRIVALS.schema.items())
        .sort(keys)
    )


#: Metrics of `COHORTS` by the beginning of their columns' names.
_COHORT_METRICS = {"value": "value", "uncapped": "value_uncapped", "annualised": "value_annualised"}


def _cohorts(readers: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    keys = ["experiment_id", "basis", "epoch", "variant_id", "first_day", "device", "reader_type"]
    sums = [pl.col("x").filter(pl.col("metric") == "conversion").sum().alias("contributors")]
    for name, metric in _COHORT_METRICS.items():
        of_metric = pl.col("metric") == metric
        sums += [
            pl.col(column).filter(of_metric).sum().alias(f"{name}_{given}")
            for column, given in (("x", "givers"), ("s1", "minor"), ("s2", "minor_squared"))
        ]
    return (
        readers.group_by(keys)
        .agg(pl.col("n").sum().alias("readers"))
        .join(outcomes.group_by(keys).agg(sums), on=keys, how="left")
        .with_columns(pl.exclude(keys).fill_null(0))
        .select(pl.col(name).cast(dtype) for name, dtype in COHORTS.schema.items())
        .sort(keys)
    )


def _daily_readers(readers: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    week = timedelta(days=7)
    recent = (
        readers.filter(pl.col("basis") == "exposed")
        .join(facts, on="experiment_id")
        .with_columns(pl.min_horizontal("as_of", "planned_end").alias("until"))
        .filter(pl.col("first_day") > pl.col("until") - week)
    )
    return (
        recent.group_by("experiment_id", "until", "starts")
        .agg(pl.col("n").sum())
        .with_columns(
            pl.min_horizontal(pl.lit(7), (pl.col("until") - pl.col("starts")).dt.total_days() + 1).alias("days")
        )
        .select("experiment_id", (pl.col("n") / pl.col("days")).alias("daily_readers"))
    )
