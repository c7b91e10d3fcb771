"""From the sums of a table to everything known of its tests: the inference of the pipeline, without days.

Reading the table stands in `tables.py`; the words and the pages are made elsewhere. A table knows no dates, no funnel,
no guardrails and no texts, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from analysis.decisions import decide
from analysis.errors import TableError
from analysis.experiment_result import NO_CURRENCY, Audience, Edition, ExperimentResult
from analysis.inference.estimates import describe_variants, estimate
from analysis.inference.other_readings import other_readings
from analysis.registry import Appeal, Experiment, Variant, guardrails, plans, shares
from analysis.result_tables import FUNNEL, SUFFICIENT_STATISTICS
from analysis.sufficient import EXPOSURE_COUNT_SCHEMA
from analysis.tables import WHOLE_TABLE, Tallies
from analysis.trust import run_checks

#: Names by which a control is known without being named, the surest first.
_CONTROLS = ("control", "current", "default", "baseline", "original", "0", "false")

Unit = Literal["reader", "view"]


@dataclass(frozen=True)
class TablePlan:
    """What is known of a table beyond its rows: the part of the registry that a table can have.

    Attributes:
        control: Value of the variant column; None takes a variant called control, current, default, baseline, original,
            0 or false, else the first.
        shares: Planned weight by value of the variant column; None assumes equal ones and flags that.
        metric: What decides; None takes value where the table has it.
        days: Full days that the table covers; None where that is not known.
        unit: What a row or a count of `readers` is.
        readers_column: Column that counts them in a table of totals.
        currency: ISO 4217 code; `NO_CURRENCY` where it is not known.
    """

    control: str | None = None
    shares: Mapping[str, float] | None = None
    metric: Literal["value", "conversion"] | None = None
    days: int | None = None
    alpha: float = 0.05
    smallest_effect: float | None = None
    cap_minor: int | None = None
    unit: Unit = "reader"
    readers_column: str | None = None
    currency: str = NO_CURRENCY


@dataclass(frozen=True)
class TableResult:
    """One test of a table.

    Attributes:
        test: Value of the column that splits the file; None where it is not split.
        control: Value of the variant column that is the control.
        names: Value of the variant column by variant id, the control first.
        statistics: Schema `SUFFICIENT_STATISTICS`.
        result: Its tables, under ids that the registry allows.
    """

    test: str | None
    control: str
    names: dict[str, str]
    statistics: pl.DataFrame
    result: ExperimentResult


@dataclass(frozen=True)
class TableResults:
    """Every test that could be compared, and every one that could not, with the reason as a clause."""

    tests: tuple[TableResult, ...]
    refused: dict[str, str]


def table_results(
    tallies: Tallies, plan: TablePlan, *, name: str, now: datetime, balance: pl.DataFrame | None = None
) -> TableResults:
    """Return what the table says about each of its tests, all of them compared in one pass.

    Args:
        tallies: From `tables.tally`.
        plan: What was planned, and what rows and money are.
        name: What the table is called, for a file of one test.
        now: Moment that the pages carry.
        balance: From `table_balance.balance_checks`; None where nobody asked for it.

    Raises:
        TableError: no test can be compared; the sentence says why.
    """
    refused = dict(tallies.refused)
    made: list[_Made] = []
    for part in tallies.sums.partition_by("test", maintain_order=True):
        test = str(part["test"][0])
        try:
            made.append(_experiment(test, part, plan, name=name, number=len(made) + 1))
        except TableError as problem:
            if test == WHOLE_TABLE:
                raise
            refused[test] = str(problem).rstrip(".")
    if not made:
        reasons = "; ".join(f"{test}: {reason}" for test, reason in list(refused.items())[:5])
        more = len(refused) - 5
        raise TableError(f"No test can be compared. {reasons}{f'; and {more} more' if more > 0 else ''}.")
    return TableResults(_compare(made, tallies, plan, now, balance), refused)


@dataclass(frozen=True)
class _Made:
    """A test as an experiment of the registry; `ids` maps values of the variant column to variant ids."""

    test: str
    experiment: Experiment
    ids: dict[str, str]
    sums: pl.DataFrame


def _experiment(test: str, sums: pl.DataFrame, plan: TablePlan, *, name: str, number: int) -> _Made:
    values = sums.filter(pl.col("segment_kind") == "all")["variant"].unique(maintain_order=True).to_list()
    if len(values) < 2:
        raise TableError(f"There is only one variant, {values[0]}; a comparison needs two.")
    control = _control(values, plan.control)
    ordered = [control, *(value for value in values if value != control)]
    ids = dict(zip(ordered, _ids(ordered), strict=True))
    planned = _planned(ordered, plan.shares)
    metrics = set(sums["metric"])
    if plan.metric is not None and plan.metric not in metrics:
        raise TableError(f"The table has no {plan.metric} to decide by.")
    experiment = Experiment(
        id=f"t{number}" if test != WHOLE_TABLE else "table",
        name=test or name,
        hypothesis="Not registered; the table was analysed as it is.",
        surface="donation",
        owner="",
        starts=_NO_DAY,
        planned_end=_NO_DAY,
        control=ids[control],
        variants=tuple(
            Variant(id=ids[value], name=value, share=planned[value], appeal=Appeal(headline=value)) for value in ordered
        ),
        primary_metric=plan.metric or ("value" if "value" in metrics else "conversion"),
        smallest_effect=plan.smallest_effect,
        alpha=plan.alpha,
    )
    return _Made(test, experiment, ids, sums)


#: Stands in the registry's dates; nothing reads it where `as_of` is absent.
_NO_DAY = datetime(1970, 1, 1).date()  # noqa: DTZ001


def _control(values: Sequence[str], named: str | None) -> str:
    if named is not None:
        if named not in values:
            raise TableError(f"The control {named} is not among the variants: {', '.join(values)}.")
        return named
    lower = {value.lower(): value for value in reversed(values)}
    return next((lower[known] for known in _CONTROLS if known in lower), values[0])


def _ids(values: Sequence[str]) -> list[str]:
    """An id for each value that the registry allows: the values themselves where all of them are, else their places."""
    is_id = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}").fullmatch
    return list(values) if all(map(is_id, values)) else [f"variant-{place}" for place in range(len(values))]


def _planned(values: Sequence[str], given: Mapping[str, float] | None) -> dict[str, float]:
    if given is None:
        return dict.fromkeys(values, 1.0)
    unknown = [name for name in given if name not in values]
    if unknown:
        raise TableError(f"--shares names {', '.join(unknown)}, and the variants are {', '.join(values)}.")
    lacking = [value for value in values if value not in given]
    if lacking:
        raise TableError(f"--shares gives no weight for {', '.join(lacking)}.")
    return {value: given[value] for value in values}


def _compare(
    made: Sequence[_Made], tallies: Tallies, plan: TablePlan, now: datetime, balance: pl.DataFrame | None
) -> tuple[TableResult, ...]:
    experiments = [item.experiment for item in made]
    ids = pl.DataFrame(
        [
            {"test": item.test, "experiment_id": item.experiment.id, "variant": value, "variant_id": variant_id}
            for item in made
            for value, variant_id in item.ids.items()
        ],
        schema={"test": pl.String, "experiment_id": pl.String, "variant": pl.String, "variant_id": pl.String},
    )
    statistics = (
        tallies.sums.join(ids, on=["test", "variant"], maintain_order="left")
        .with_columns(
            as_of=pl.lit(None, pl.Date),
            basis=pl.lit("exposed"),
            epoch=pl.lit(0, pl.Int64),
            **dict.fromkeys(("d1", "d2", "sd"), pl.lit(None, pl.Float64)),  # a table of totals has no ratio metric
        )
        .select(pl.col(column).cast(dtype) for column, dtype in SUFFICIENT_STATISTICS.schema.items())
    )
    counts = (
        statistics.filter((pl.col("segment_kind") == "all") & (pl.col("metric") == "conversion"))
        .with_columns(
            pl.lit(None, pl.Int64).alias(name)
            for name in EXPOSURE_COUNT_SCHEMA
            if name not in SUFFICIENT_STATISTICS.schema
        )
        .select(pl.col(column).cast(dtype) for column, dtype in EXPOSURE_COUNT_SCHEMA.items())
    )
    zone = ZoneInfo("UTC")
    plan_rows = plans(experiments)
    share_rows = shares(experiments, zone).with_columns(is_registered=pl.lit(plan.shares is not None))
    estimates = estimate(statistics, plan_rows, share_rows)
    described = describe_variants(statistics, plan_rows, share_rows)
    checks = run_checks(counts, statistics, estimates, plan_rows, share_rows)
    if balance is not None:
        of_test = ids.select("test", "experiment_id").unique(maintain_order=True)
        checks = pl.concat([checks, balance.join(of_test, on="test").select(checks.columns)])
    uneven = _uneven(checks) if plan.shares is None else []
    if uneven:
        # Equal shares were assumed, and the counts speak against them: what rests on the planned share is not known.
        share = pl.when(~pl.col("experiment_id").is_in(uneven)).then(pl.col("share"))
        estimates = estimate(statistics, plan_rows, share_rows.with_columns(share=share))
    readings = other_readings(statistics, estimates, plan_rows, share_rows)
    decisions = decide(estimates, described, checks, plan_rows, guardrails(experiments), days=plan.days)
    tables = [
        {str(key[0]): part for key, part in frame.partition_by("experiment_id", as_dict=True).items()}
        for frame in (statistics, estimates, described, checks, readings)
    ]
    verdicts = {str(row["experiment_id"]): row for row in decisions.iter_rows(named=True)}
    audience = Audience(publisher="", locale="en-GB", currency=plan.currency, zone=zone, unit=plan.unit)
    general = _general_notes(tallies)
    found = []
    for item in made:
        own = [table[item.experiment.id] for table in tables[:4]]
        found.append(
            TableResult(
                test=item.test if item.test != WHOLE_TABLE else None,
                control=next(iter(item.ids)),
                names={variant_id: value for value, variant_id in item.ids.items()},
                statistics=own[0],
                result=ExperimentResult(
                    has_texts=False,
                    experiment=item.experiment,
                    edition=Edition(0, None, now),
                    audience=audience,
                    estimates=own[1],
                    variant_results=own[2],
                    checks=own[3],
                    funnel=FUNNEL.frame(),
                    other_readings=tables[4].get(item.experiment.id, readings.clear()),
                    decision=verdicts[item.experiment.id],
                    cap_minor=plan.cap_minor,
                    notes=(
                        *tallies.notes.get(item.test, ()),
                        *general,
                        *([] if plan.shares is not None else [_UNEVEN if item.experiment.id in uneven else _EVEN]),
                    ),
                ),
            )
        )
    return tuple(found)


_EVEN = "No planned shares were given; equal ones are assumed, also by the any-look range of conversions."
_UNEVEN = (
    "No planned shares were given, and the counts speak against equal ones; the any-look range of conversions needs the "
    "planned shares and is absent."
)


def _uneven(checks: pl.DataFrame) -> list[str]:
    """Tests whose split check does not pass."""
    failed = (pl.col("check_name") == "sample_ratio") & pl.col("status").is_in(["warn", "block"])
    return checks.filter(failed)["experiment_id"].unique(maintain_order=True).to_list()


def _general_notes(tallies: Tallies) -> list[str]:
    """What holds for every test of the table."""
    notes = []
    for count, what in ((tallies.rows_without_variant, "variant"), (tallies.rows_without_test, "test")):
        if count:
            notes.append(
                f"{count:,} {'row names' if count == 1 else 'rows name'} no {what} and {'is' if count == 1 else 'are'} left out."
            )
    return notes
