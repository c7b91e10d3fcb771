"""Names and columns of the tables on wording: the arms of past tests, and what was found of each trait."""

from __future__ import annotations

import polars as pl

from analysis.result_tables import ResultTable

#: Table of the warehouse with arms of past tests; its scopes are names of imports.
PAST_ARMS = "past_arms"

WORDING_EFFECTS = ResultTable(
    "wording_effects",
    "surface, outcome, trait of the wording",
    {
        "surface": (
            pl.String,
            "Where the appeals stood: a gift, a subscription and a click are not taken together. `unknown`: not said.",
        ),
        "outcome": (pl.String, "`conversion`, or settled `value` per reader."),
        "trait": (pl.String, "Trait; its meaning stands in the lexicon of its language."),
        "status": (pl.String, "`confirmed`, `leaning`, `contradicted`, `open` or `unknown`."),
        "reason": (pl.String, "Why nothing is estimated; absent where something is."),
        "tests_seen": (pl.Int64, "Tests in which a text has it."),
        "tests_varying": (pl.Int64, "Tests whose texts differ in it: the ones that speak."),
        "tests_alone": (
            pl.Int64,
            "Tests whose texts differ in this trait alone: no other switch, the same amount, at most ten words in length.",
        ),
        "tests_better": (pl.Int64, "Tests in which more of it went with more; without weights."),
        "tests_worse": (pl.Int64, "Tests in which more of it went with less."),
        "lift": (pl.Float64, "Change for one unit of the trait, as a share; an association inside tests."),
        "low": (pl.Float64, "Lower 95 % limit, clustered by test."),
        "high": (pl.Float64, "Upper limit."),
        "q": (pl.Float64, "q-value over the traits of the outcome (Benjamini & Hochberg 1995)."),
        "shrunk_lift": (pl.Float64, "The same, drawn towards zero by how much traits differ at all."),
        "pair_low": (pl.Float64, "Lower 95 % limit for one new pair of texts."),
        "pair_high": (pl.Float64, "Upper limit."),
        "comes_with": (pl.String, "Traits that come and go with it inside tests; a minus for the opposite way."),
        "coefficient": (pl.Float64, "Logarithm of 1 + lift."),
        "se": (pl.Float64, "Its standard error, clustered by test."),
        "shrunk_coefficient": (pl.Float64, "Logarithm of 1 + shrunk_lift."),
        "shrunk_se": (pl.Float64, "Its posterior standard deviation."),
        "alone_lift": (
            pl.Float64,
            "Lift in the tests that varied it alone, from five on: the only one that may be called a cause.",
        ),
        "alone_low": (pl.Float64, "Its lower 95 % limit, clustered by test."),
        "alone_high": (pl.Float64, "Its upper limit."),
    },
)
