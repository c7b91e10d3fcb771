"""The past as one table of arms: the publisher's own tests and those that were imported, with their texts.

A test whose trust checks block says nothing and is counted. What people coded of a text, and own tests by groups of
readers, stand beside the arms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from analysis.registry import Experiment
from analysis.wording.traits import CODED_BY_PEOPLE

#: One row an arm of a past test. Money only has to be alike inside a test: minor units of whatever it was counted in.
PAST_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "test_id": pl.String,
    "block_id": pl.String,
    "arm_id": pl.String,
    "text": pl.String,
    "lowest_amount": pl.Float64,
    "language": pl.String,
    "surface": pl.String,
    "placement": pl.String,
    "ended": pl.Date,
    "readers": pl.Int64,
    "conversions": pl.Int64,
    "value": pl.Float64,
    "effective_gifts": pl.Float64,
    "origin": pl.String,
}

#: Arms of own tests by groups of readers: one row an arm, kind of group and group.
SEGMENTS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "test_id": pl.String,
    "arm_id": pl.String,
    "kind": pl.String,
    "level": pl.String,
    "readers": pl.Int64,
    "conversions": pl.Int64,
}

#: Tests that say nothing because a trust check blocks them.
LEFT_OUT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {"test_id": pl.String, "surface": pl.String}

#: Surface of past tests that do not say where their appeals stood.
UNKNOWN_SURFACE = "unknown"

#: What is asked of the traits, in the order of pages: conversion is what can be told sooner, money is what counts.
OUTCOMES = ("conversion", "value")

#: Effective gifts for one gift (Kish 1965) where arm totals do not say how money was spread over gifts: Karlan & List
#: 2007 have 163 for 298 without a matching offer and 384 for 736 with one. Only weights follow from it; standard errors
#: are those of the clusters.
EFFECTIVE_SHARE = 0.53


@dataclass(frozen=True)
class Past:
    """Arms of past tests (schema `PAST_SCHEMA`) and what stands beside them.

    Attributes:
        left_out: Tests left out because a trust check blocks, schema `LEFT_OUT_SCHEMA`.
        people: What people coded, schema `CODED_BY_PEOPLE`.
        segments: Own tests by groups of readers, schema `SEGMENTS_SCHEMA`.
    """

    arms: pl.DataFrame
    left_out: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LEFT_OUT_SCHEMA))
    people: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CODED_BY_PEOPLE))
    segments: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SEGMENTS_SCHEMA))

    def __add__(self, other: Past) -> Past:
        return Past(
            pl.concat([self.arms, other.arms]),
            pl.concat([self.left_out, other.left_out]),
            pl.concat([self.people, other.people]),
            pl.concat([self.segments, other.segments]),
        )

    @property
    def surfaces(self) -> tuple[str, ...]:
        """The surfaces, that with most tests first; `UNKNOWN_SURFACE` alone where there is no test."""
        counted = self.arms.group_by("surface").agg(tests=pl.col("test_id").n_unique())
        return tuple(counted.sort(["tests", "surface"], descending=[True, False])["surface"]) or (UNKNOWN_SURFACE,)

    def on(self, surface: str) -> Past:
        """The tests of one surface."""
        arms = self.arms.filter(surface=surface)
        return Past(
            arms,
            self.left_out.filter(surface=surface),
            self.people.join(arms.select("test_id").unique(), on="test_id", how="semi"),
            self.segments.join(arms.select("test_id").unique(), on="test_id", how="semi"),
        )


def own_past(experiments: Iterable[Experiment], statistics: pl.DataFrame, checks: pl.DataFrame, as_of: date) -> Past:
    """Return the arms of the publisher's own tests as they stand on `as_of`.

    Args:
        experiments: The registry, for texts, dates and what people coded.
        statistics, checks: Schemas `SUFFICIENT_STATISTICS` and `CHECKS`.
        as_of: Last counted day.
    """
    newest = (
        statistics.filter((pl.col("basis") == "exposed") & pl.col("metric").is_in(OUTCOMES))
        .filter(pl.col("as_of") == pl.col("as_of").max().over("experiment_id", "segment_kind"))
        .group_by("experiment_id", "variant_id", "segment_kind", "segment", "metric")
        .agg(pl.col("n", "x", "s1", "s2").sum())
    )
    totals = {
        (str(row["experiment_id"]), str(row["variant_id"]), str(row["metric"])): row
        for row in newest.filter(segment_kind="all").iter_rows(named=True)
    }
    blocked = set(checks.filter(pl.col("status") == "block")["experiment_id"].to_list())
    known = list(experiments)
    sound = [one for one in known if one.id not in blocked]
    rows = [row for one in sound for row in _own_arms(one, totals, as_of)]
    segments = newest.filter(
        (pl.col("segment_kind") != "all")
        & (pl.col("metric") == "conversion")
        & pl.col("experiment_id").is_in([one.id for one in sound])
    ).select(
        test_id="experiment_id",
        arm_id="variant_id",
        kind="segment_kind",
        level="segment",
        readers=pl.col("n").cast(pl.Int64),
        conversions=pl.col("x").cast(pl.Int64),
    )
    people = [
        {"test_id": one.id, "arm_id": variant.id, "trait": trait, "value": float(value)}
        for one in sound
        for variant in one.variants
        for trait, value in variant.traits.items()
    ]
    left_out = [{"test_id": one.id, "surface": one.surface} for one in known if one.id in blocked]
    return Past(
        pl.DataFrame(rows, schema=PAST_SCHEMA),
        pl.DataFrame(left_out, schema=LEFT_OUT_SCHEMA),
        pl.DataFrame(people, schema=CODED_BY_PEOPLE),
        segments,
    )


def _own_arms(
    experiment: Experiment, totals: Mapping[tuple[str, str, str], Mapping[str, float]], as_of: date
) -> Iterable[dict[str, object]]:
    for variant in experiment.ordered_variants:
        counted = totals.get((experiment.id, variant.id, "conversion"))
        if counted is None or not counted["n"]:
            continue
        money = totals.get((experiment.id, variant.id, "value"), {"s1": 0.0, "s2": 0.0})
        yield {
            "test_id": experiment.id,
            "block_id": experiment.id,
            "arm_id": variant.id,
            "text": variant.appeal.words or None,
            "lowest_amount": float(min(variant.appeal.amounts)) if variant.appeal.amounts else None,
            "language": experiment.language,
            "surface": experiment.surface,
            "placement": experiment.placement or None,
            "ended": min(experiment.planned_end, as_of),
            "readers": int(counted["n"]),
            "conversions": int(counted["x"]),
            "value": float(money["s1"]) if money["s1"] > 0 else None,
            "effective_gifts": money["s1"] ** 2 / money["s2"] if money["s2"] > 0 else None,
            "origin": "own",
        }


def imported_past(imports: Mapping[str, pl.DataFrame]) -> Past:
    """Return the arms of imported tests; tests whose split is broken are left out and counted, copies count once.

    Args:
        imports: By name of the import, arms as `askwell import` keeps them; one of an earlier version lacks columns.
    """
    frames, left_out = [pl.DataFrame(schema=PAST_SCHEMA)], [pl.DataFrame(schema=LEFT_OUT_SCHEMA)]
    later = {"block_id": pl.col("test_id"), "placement": pl.lit(None, dtype=pl.String)}
    for name, table in imports.items():
        whole = table.with_columns(**{column: to for column, to in later.items() if column not in table.columns})
        arms = whole.with_columns(
            pl.concat_str(pl.lit(name), column, separator="/").alias(column) for column in ("test_id", "block_id")
        ).with_columns(
            _none_if_empty(
                pl.concat_str("headline", "body", "highlight", "button", separator="\n", ignore_nulls=True)
            ).alias("text"),
            language=_none_if_empty(pl.col("language")).fill_null("en"),
            surface=_none_if_empty(pl.col("surface")).fill_null(UNKNOWN_SURFACE),
            placement=_none_if_empty(pl.col("placement")),
            effective_gifts=EFFECTIVE_SHARE * pl.col("conversions"),
            origin=pl.lit(name),
        )
        left_out.append(arms.filter("is_split_broken").select("test_id", "surface").unique().sort("test_id"))
        kept = arms.filter(~pl.col("is_split_broken"))
        frames.append(kept.select(pl.col(column).cast(dtype) for column, dtype in PAST_SCHEMA.items()))
    return Past(_once(pl.concat(frames)), pl.concat(left_out))


def _once(arms: pl.DataFrame) -> pl.DataFrame:
    """Tests without those that have the words and counts of one before: a history that was imported under two names."""
    row = pl.concat_str(pl.col("text").fill_null(""), "surface", "readers", "conversions", separator="\x1f")
    alike = arms.group_by("test_id", maintain_order=True).agg(row.sort().str.join("\x1e").alias("rows"))
    first = alike.unique("rows", keep="first", maintain_order=True)
    return arms.join(first, on="test_id", how="semi", maintain_order="left")


def _none_if_empty(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.strip_chars() != "").then(text.str.strip_chars())
