"""Effects of a trait by groups: a difference that is there is found, none is made of readers who stand in two groups."""

from __future__ import annotations

import numpy as np
import polars as pl

from analysis.wording.interactions import interactions
from analysis.wording.past import SEGMENTS_SCHEMA


def arms_and_groups(
    mobile: float, desktop: float, tests: int = 120, seed: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tests of two arms, the second with thanks, whose arms have something of their own in both groups alike."""
    rng = np.random.default_rng(seed)
    arms, groups = [], []
    for test in range(tests):
        level = rng.normal(-4, 0.3)
        for arm in (0, 1):
            own = rng.normal(0, 0.15)
            given = {
                name: int(rng.poisson(20_000 * np.exp(level + own + effect * arm)))
                for name, effect in (("mobile", mobile), ("desktop", desktop))
            }
            key = {"test_id": f"t{test}", "arm_id": str(arm)}
            arms.append(
                {**key, "thanks": float(arm), "placement": None, "readers": 40_000, "conversions": sum(given.values())}
            )
            groups += [
                {**key, "kind": "device", "level": name, "readers": 20_000, "conversions": x}
                for name, x in given.items()
            ]
    frame = pl.DataFrame(arms, schema_overrides={"placement": pl.String}).with_columns(block_id="test_id")
    return frame, pl.DataFrame(groups, schema=SEGMENTS_SCHEMA)


def test_a_trait_that_works_on_one_device_only_is_found() -> None:
    found = interactions(*arms_and_groups(mobile=0.25, desktop=0.0), ["thanks"])
    rows = {row["level"]: row for row in found.filter(kind="device").iter_rows(named=True)}
    assert rows["mobile"]["low"] < np.expm1(0.25) < rows["mobile"]["high"]
    assert rows["desktop"]["low"] < 0 < rows["desktop"]["high"]
    assert rows["mobile"]["q"] < 1e-6


def test_equal_effects_are_called_different_as_rarely_as_promised() -> None:
    """60 tests of equal effects at 5 %: more than 8 would come less than once in a hundred times."""
    different = 0
    for seed in range(60):
        found = interactions(*arms_and_groups(mobile=0.1, desktop=0.1, tests=40, seed=seed), ["thanks"])
        different += found.filter(kind="device")["p"][0] <= 0.05
    assert different <= 8


def test_placements_are_those_of_the_tests_and_what_cannot_be_told_has_its_reason() -> None:
    arms, groups = arms_and_groups(mobile=0.2, desktop=0.2)
    number = pl.col("test_id").str.slice(1).cast(pl.Int64)
    placed = arms.with_columns(
        placement=pl.when(number < 60)
        .then(pl.lit("top"))
        .when(number < 117)
        .then(pl.lit("end"))
        .otherwise(pl.lit("side"))
    )
    found = interactions(placed, groups.clear(), ["thanks"])
    assert found.filter(kind="placement").drop_nulls("trait")["level"].to_list() == ["top", "end"]
    reasons = dict(found.filter(pl.col("trait").is_null()).select("kind", "reason").iter_rows())
    assert reasons == {"section": "not_counted", "device": "not_counted", "reader_type": "not_counted"}
    alone = interactions(placed.with_columns(placement=pl.lit("top")), groups.clear(), ["thanks"])
    assert alone.filter(kind="placement")["reason"].to_list() == ["one_group"]
    few = interactions(placed.filter(number >= 113), groups.clear(), ["thanks"])
    assert few.filter(kind="placement")["reason"].to_list() == ["too_few_tests"]
