"""For each trait the pair of texts in which it went with most, and that in which it went with least: extremes, not rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from analysis.wording.trait_effects import outcome_of

EXAMPLE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "trait": pl.String,
    "side": pl.String,
    "test_id": pl.String,
    "lift": pl.Float64,
    "z": pl.Float64,
    "with_arm": pl.String,
    "with_text": pl.String,
    "with_readers": pl.Int64,
    "with_conversions": pl.Int64,
    "without_arm": pl.String,
    "without_text": pl.String,
    "without_readers": pl.Int64,
    "without_conversions": pl.Int64,
}


def examples(arms: pl.DataFrame, traits: Sequence[str]) -> pl.DataFrame:
    """Return pairs of arms of one block of which the first has a trait, or more of it, and the second not.

    Args:
        arms: `PAST_SCHEMA` and a Float64 column a trait.
        traits: Columns.

    Returns:
        For each trait at most two rows, `side` more and less: the pairs with the largest z above 0 and the smallest below, of
        the difference in log conversion rate. Schema `EXAMPLE_SCHEMA`.
    """
    known = arms.drop_nulls(["conversions"]).with_row_index("row")
    few = known.select("row", "block_id")
    pairs = few.join(few, on="block_id", suffix="_b").filter(pl.col("row") < pl.col("row_b")).sort("row", "row_b")
    if pairs.is_empty():
        return pl.DataFrame(schema=EXAMPLE_SCHEMA)
    a, b = pairs["row"].to_numpy(), pairs["row_b"].to_numpy()
    y, variance = outcome_of(known, "conversion")
    z = (y[a] - y[b]) / np.sqrt(variance[a] + variance[b])
    rows: list[dict[str, object]] = []
    for trait in traits:
        values = known[trait].to_numpy()
        towards = z * np.sign(values[a] - values[b])
        for side, place in (("more", int(np.argmax(towards))), ("less", int(np.argmin(towards)))):
            if towards[place] == 0 or (towards[place] > 0) != (side == "more"):
                continue
            first, second = (a, b) if values[a[place]] > values[b[place]] else (b, a)
            rows.append({"trait": trait, "side": side, **_pair(known, int(first[place]), int(second[place]))})
    return pl.DataFrame(rows, schema=EXAMPLE_SCHEMA)


def _pair(arms: pl.DataFrame, first: int, second: int) -> dict[str, object]:
    pair = [arms.row(row, named=True) for row in (first, second)]
    y, variance = outcome_of(arms[[first, second]], "conversion")
    difference = float(y[0] - y[1])
    return {
        "test_id": pair[0]["test_id"],
        "lift": float(np.expm1(difference)),
        "z": difference / float(np.sqrt(variance.sum())),
        **{
            f"{side}_{name}": arm[column]
            for side, arm in zip(("with", "without"), pair, strict=True)
            for name, column in (
                ("arm", "arm_id"),
                ("text", "text"),
                ("readers", "readers"),
                ("conversions", "conversions"),
            )
        },
    }
