"""A shareable extract of an edition: what was tested and what came out, and nothing that could tell of one reader.

There are no reader rows and no histograms in it. Three further rules, with the reason for each:

- *small cells*: a count of 1 to `SMALLEST_CELL` - 1 readers, or as few readers missing to all, is absent, and with it every
  figure of the row (threshold rule);
- *dominance*: money of which one reader gave more than `LARGEST_SHARE` is absent: the sum would tell the gift;
- *complements*: where the groups of a cut add up to a total that is published, a single absent group could be had by
  subtraction, and so could a small sum of several; the smallest of the others are left out with them.

What could be had by subtracting one published figure from another is not in the extract at all: earlier days (two days
in a row tell what one day brought), other value rules and the uncapped value (they differ by single large gifts), the
viewed basis. Two extracts of one running experiment can still be subtracted: share one at its end, or weeks apart.

Source: Hundepool et al. 2012, Statistical Disclosure Control, ch. 4 (threshold, dominance, secondary suppression).
"""

from __future__ import annotations

import duckdb
import polars as pl

from analysis.queries import query

SMALLEST_CELL = 5
LARGEST_SHARE = 0.5

#: Why a figure of the extract is absent, beside the reasons of the tables themselves.
SMALL_CELL, ONE_GIFT, COMPLEMENT = "small_cell", "one_gift", "complement_of_small_cell"

#: Metrics of the extract: none follows from another by subtraction.
METRICS: tuple[str, ...] = ("conversion", "value", "dismissed", "pageviews")

_CUT = ["experiment_id", "metric", "segment_kind", "segment"]

#: Tables that need no rule: nothing in them counts few readers.
_PLAIN = ("experiments", "variants", "decisions", "checks", "publisher", "edition")


def extract(database: duckdb.DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Return the tables of the extract by name; a suppressed figure is absent, and `reason` says by which rule.

    Args:
        database: The published database, as `database.open_database` opens it.
    """
    asked: dict[str, object] = {"metrics": list(METRICS)}

    def rows(name: str, parameters: dict[str, object] | None = None) -> pl.DataFrame:
        return database.sql(query(f"extract/{name}"), params=parameters).pl()

    results = hide_small_cells(rows("results", asked))
    hidden = results.filter(pl.col("reason").is_in([SMALL_CELL, ONE_GIFT, COMPLEMENT])).select(*_CUT, "variant_id")
    tables = {name: rows(name) for name in _PLAIN}
    tables["results"] = results
    tables["comparisons"] = _hide_comparisons(rows("comparisons", asked), hidden)
    tables["funnel"] = _hide_steps(rows("funnel"), results)
    return tables


def hide_small_cells(results: pl.DataFrame) -> pl.DataFrame:
    """Return results with figures of small, dominated and complementary cells absent, without `top` and `s1`.

    Args:
        results: One row per experiment, metric, cut, variant: `n`, `x` readers; `s1` the sum, `top` its largest part.
    """
    n, x = pl.col("n"), pl.col("x")
    small = _is_small(n) | _is_small(x) | _is_small(n - x)
    # A cell is small for all its metrics alike: the value's contributors are those of the conversion.
    cell = ["experiment_id", "segment_kind", "segment", "variant_id"]
    # Where the largest part is not known, it may be all of it.
    dominated = (pl.col("metric") == "value") & (pl.col("top") > LARGEST_SHARE * pl.col("s1")).fill_null(x > 0)
    marked = results.with_columns(
        pl.when((small & pl.col("metric").is_in(["conversion", "value"])).any().over(cell) | small)
        .then(pl.lit(SMALL_CELL))
        .when(dominated)
        .then(pl.lit(ONE_GIFT))
        .alias("hidden")
    )
    marked = _hide_complements(marked)
    shown = pl.col("hidden").is_null()
    return marked.with_columns(
        *(pl.when(shown).then(pl.col(name)).alias(name) for name in ("n", "x", "mean", "se", "rate_low", "rate_high")),
        pl.coalesce("hidden", "reason").alias("reason"),
    ).drop("hidden", "top", "s1")


def _hide_complements(marked: pl.DataFrame) -> pl.DataFrame:
    """Return the cells with more of them hidden, until the hidden groups of a cut tell nothing small together.

    Groups of a cut add up to `all` for each variant, so what is hidden is known in sum: a single group in full, and of
    several groups that they have two contributors between them. The smallest open group joins them while that is so.
    """
    cut = ["experiment_id", "metric", "segment_kind", "variant_id"]
    cell = ["experiment_id", "segment_kind", "segment", "variant_id"]
    is_hidden = pl.col("hidden").is_not_null()
    n, x = (pl.when(is_hidden).then(pl.col(name)).sum().over(cut) for name in ("n", "x"))
    tells = (is_hidden.sum().over(cut) == 1) | _is_small(n) | _is_small(x) | _is_small(n - x)
    is_smallest = pl.when(~is_hidden).then(pl.col("n")).rank("ordinal").over(cut) == 1
    joins = (pl.col("segment_kind") != "all") & is_hidden.any().over(cut) & tells & ~is_hidden & is_smallest
    # Contributors of the conversion stand, nearly, for those of the value: what joins in one joins in the other.
    is_pair = pl.col("metric").is_in(["conversion", "value"])
    joins_pair = ~is_hidden & is_pair & (pl.col("joins") & is_pair).any().over(cell)
    while True:
        asked = marked.with_columns(joins.alias("joins")).with_columns(joins_pair.alias("joins_pair"))
        if not asked["joins"].any():
            return marked
        hidden = pl.when(pl.col("joins") | pl.col("joins_pair")).then(pl.lit(COMPLEMENT)).otherwise(pl.col("hidden"))
        marked = asked.with_columns(hidden.alias("hidden")).drop("joins", "joins_pair")


def _is_small(count: pl.Expr) -> pl.Expr:
    return (count > 0) & (count < SMALLEST_CELL)


def _hide_comparisons(comparisons: pl.DataFrame, hidden: pl.DataFrame) -> pl.DataFrame:
    """Figures of a comparison are absent where either side's are."""
    mark = hidden.with_columns(pl.lit(value=True).alias("is_hidden"))
    joined = comparisons.join(mark, on=[*_CUT, "variant_id"], how="left").join(
        mark.rename({"variant_id": "control_id", "is_hidden": "is_control_hidden"}),
        on=[*_CUT, "control_id"],
        how="left",
    )
    shown = pl.col("is_hidden").is_null() & pl.col("is_control_hidden").is_null()
    figures = ("lift", "anytime_low", "anytime_high", "e_value", "chance_better")
    return joined.with_columns(
        *(pl.when(shown).then(pl.col(name)).alias(name) for name in figures),
        pl.when(shown).then(pl.col("reason")).otherwise(pl.lit(SMALL_CELL)).alias("reason"),
    ).select(comparisons.columns)


def _hide_steps(funnel: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Small steps are absent, and contributors wherever the results leave them out."""
    open_cells = results.filter(
        (pl.col("metric") == "conversion") & (pl.col("segment_kind") == "all") & pl.col("x").is_not_null()
    ).select("experiment_id", "variant_id", pl.lit(value=True).alias("is_open"))
    shown = ~_is_small(pl.col("readers")) & ((pl.col("step") != "contributed") | pl.col("is_open"))
    return (
        funnel.join(open_cells, on=["experiment_id", "variant_id"], how="left")
        .with_columns(
            pl.when(shown).then(pl.col("readers")).alias("readers"),
            pl.when(shown).then(None).otherwise(pl.lit(SMALL_CELL)).alias("reason"),
        )
        .drop("is_open")
    )
