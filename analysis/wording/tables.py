"""Names and columns of the tables on wording: the arms of past tests, and what was found on each surface."""

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
        "trait": (pl.String, "Trait."),
        "name": (pl.String, "Its name."),
        "meaning": (pl.String, "What a text does that has it."),
        "unit": (pl.String, "What an effect is counted for: `present`, or one more of what is named."),
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
            "Lift in the tests that varied it alone, from five on: may be called a cause where `alone_q` is 0.05 at most.",
        ),
        "alone_low": (pl.Float64, "Its lower 95 % limit, clustered by test."),
        "alone_high": (pl.Float64, "Its upper limit."),
        "alone_q": (pl.Float64, "Its q-value over the traits that were varied alone (Benjamini & Hochberg 1995)."),
    },
)

_SURFACE: dict[str, tuple[pl.DataType | type[pl.DataType], str]] = {
    "surface": (pl.String, "Where the appeals stood; `unknown` where that is not said."),
}
_OUTCOME: dict[str, tuple[pl.DataType | type[pl.DataType], str]] = {
    **_SURFACE,
    "outcome": (pl.String, "`conversion`, or settled `value` per reader."),
}


def _figure(name: str, meaning: str) -> dict[str, tuple[pl.DataType | type[pl.DataType], str]]:
    return {
        name: (pl.Float64, meaning),
        f"{name}_low": (pl.Float64, "Its lower 95 % limit, later tests drawn anew."),
        f"{name}_high": (pl.Float64, "Its upper limit."),
    }


WORDING_PREDICTION = ResultTable(
    "wording_prediction",
    "surface, outcome",
    {
        **_OUTCOME,
        "place": (pl.Int64, "Place of the surface by number of tests, from 1."),
        "language": (pl.String, "Language whose texts were coded."),
        "lexicon_version": (pl.Int64, "Version of its lexicon; 0 where there is none."),
        "tests": (
            pl.Int64,
            "Tests with two coded wordings and more: those that were drawn by chance, not their blocks.",
        ),
        "arms": (pl.Int64, "Their wordings."),
        "tests_left_out": (pl.Int64, "Tests left out because a trust check blocks."),
        "arms_uncoded": (pl.Int64, "Wordings left out: words not known, or in another language."),
        "method": (pl.String, "`log_rate`, `poisson` or `log_value`; absent where no trait could be estimated."),
        "sigma2": (pl.Float64, "Variance of the log outcome between wordings of a test that traits leave unexplained."),
        "median_conversions": (pl.Float64, "Conversions of the wording in the middle."),
        "median_rate": (pl.Float64, "Conversion rate of the wording in the middle."),
        "reason": (
            pl.String,
            "Why nothing is judged out of sample: `no_dates`, `too_few_tests`, `no_traits`, `too_many_surfaces`; absent else.",
        ),
        "train_tests": (pl.Int64, "Earlier tests that were learned from."),
        "judged_tests": (pl.Int64, "Later tests that were judged on."),
        "pairs": (pl.Int64, "Pairs of wordings of one block of a later test."),
        "clear_pairs": (pl.Int64, "Those of them that differ by |z| > 1.96."),
        **_figure("accuracy", "Share of pairs whose better wording was predicted; a tie counts half."),
        **_figure("clear_accuracy", "The same over the clear pairs."),
        "ceiling": (pl.Float64, "Accuracy that knowing the true rates would reach against the noise of the counts."),
        **_figure("log_loss", "Mean of -log of the chance given to what came; log 2 without knowledge."),
        **_figure("slope", "Difference seen for one predicted: 1 is calibrated."),
        "is_predicting": (pl.Boolean, "True where the whole range of `accuracy` lies above one half."),
    },
)

WORDING_CALIBRATION = ResultTable(
    "wording_calibration",
    "surface, outcome, bin of pairs by predicted difference",
    {
        **_OUTCOME,
        "bin": (pl.Int64, "Bin, from 1, by tenths of the pairs."),
        "predicted": (pl.Float64, "Mean predicted difference in the log outcome, each pair from its better side."),
        "observed": (pl.Float64, "Mean difference seen."),
        "pairs": (pl.Int64, "Pairs of later tests."),
    },
)

_ARM: tuple[tuple[str, pl.DataType | type[pl.DataType], str], ...] = (
    ("arm", pl.String, "Variant."),
    ("text", pl.String, "Its words in full."),
    ("readers", pl.Int64, "Its readers."),
    ("conversions", pl.Int64, "Those of them who gave, subscribed or clicked."),
)

WORDING_EXAMPLES = ResultTable(
    "wording_examples",
    "surface, trait, side",
    {
        **_SURFACE,
        "trait": (pl.String, "Trait."),
        "side": (pl.String, "`more`: the clearest pair in which the trait went with more; `less`: with less."),
        "test_id": (pl.String, "Test of the pair."),
        "lift": (pl.Float64, "Conversion rate of the wording with the trait against the other, less 1."),
        "z": (pl.Float64, "Difference of the log rates by its standard error."),
        **{f"with_{name}": (dtype, f"With the trait: {meaning}") for name, dtype, meaning in _ARM},
        **{f"without_{name}": (dtype, f"Without it, or with less: {meaning}") for name, dtype, meaning in _ARM},
    },
)

WORDING_AGREEMENT = ResultTable(
    "wording_agreement",
    "surface, trait that people coded too",
    {
        **_SURFACE,
        "trait": (pl.String, "Trait."),
        "texts": (pl.Int64, "Wordings that people coded."),
        "seen_by_both": (pl.Int64, "Of them: rules and people see it."),
        "seen_by_rules": (pl.Int64, "Only rules see it."),
        "seen_by_people": (pl.Int64, "Only people see it."),
        "seen_by_none": (pl.Int64, "Neither sees it."),
        "kappa": (
            pl.Float64,
            "Agreement beyond chance (Cohen 1960), -1 to 1; absent below ten texts, or where all are alike.",
        ),
        "low": (pl.Float64, "Lower 95 % limit (Fleiss, Cohen & Everitt 1969)."),
        "high": (pl.Float64, "Upper limit."),
    },
)

WORDING_INTERACTIONS = ResultTable(
    "wording_interactions",
    "surface, kind of group, group, trait",
    {
        **_SURFACE,
        "kind": (pl.String, "`placement`, `section`, `device` or `reader_type`."),
        "level": (pl.String, "Group; absent where nothing is said of the kind."),
        "trait": (pl.String, "Trait; absent where nothing is said of the kind."),
        "tests_varying": (pl.Int64, "Tests of the group whose texts differ in it."),
        "lift": (pl.Float64, "Effect on conversion in the group."),
        "low": (pl.Float64, "Lower 95 % limit, clustered by test."),
        "high": (pl.Float64, "Upper limit."),
        "p": (
            pl.Float64,
            "p of the test that the trait's effects are equal in all groups of the kind (Wald, clustered by test).",
        ),
        "q": (pl.Float64, "q-value of the same over the traits of the kind."),
        "reason": (
            pl.String,
            "Why nothing is said: `not_counted` (nothing is counted by it), `one_group`, `too_few_tests`; absent else.",
        ),
    },
)

#: What was found about wording, in the order of `result.WordingResult`.
WORDING_TABLES = (
    WORDING_PREDICTION,
    WORDING_CALIBRATION,
    WORDING_EFFECTS,
    WORDING_EXAMPLES,
    WORDING_AGREEMENT,
    WORDING_INTERACTIONS,
)
