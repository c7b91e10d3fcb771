"""What one publisher's tests say about wording: its arms with their traits, the effects, and how well they predict.

Everything here follows from the arms of past tests, own and imported; `trait_effects.py` and `prediction.py` have the
model. A test whose trust checks block says nothing and is counted; so is a text in a language without a lexicon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from analysis.registry import Experiment
from analysis.wording.prediction import NotJudged, OutOfSample, out_of_sample
from analysis.wording.tables import WORDING_EFFECTS
from analysis.wording.trait_effects import TRAIT_EFFECT_SCHEMA, TraitEvidence, trait_effects
from analysis.wording.traits import MEASURES, Trait, code_texts, languages, lexicon

#: One row an arm of a past test. Money only has to be alike inside a test: minor units of whatever it was counted in.
PAST_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "test_id": pl.String,
    "arm_id": pl.String,
    "text": pl.String,
    "lowest_amount": pl.Float64,
    "language": pl.String,
    "surface": pl.String,
    "ended": pl.Date,
    "readers": pl.Int64,
    "conversions": pl.Int64,
    "value": pl.Float64,
    "effective_gifts": pl.Float64,
    "origin": pl.String,
}

#: Surface of past tests that do not say where their appeals stood.
UNKNOWN_SURFACE = "unknown"

#: What is asked of the traits, in the order of pages: money is what counts, conversion is what can be told sooner.
OUTCOMES = ("conversion", "value")


@dataclass(frozen=True)
class Past:
    """Arms of past tests, schema `PAST_SCHEMA`, and the ids of tests that were left out because a trust check blocks."""

    arms: pl.DataFrame
    excluded: tuple[str, ...] = ()

    def __add__(self, other: Past) -> Past:
        return Past(pl.concat([self.arms, other.arms]), (*self.excluded, *other.excluded))


@dataclass(frozen=True)
class OutcomeFindings:
    """Effects of the traits on one outcome, and how well they predict tests that they were not learned from."""

    outcome: str
    effects: TraitEvidence
    judged: OutOfSample | NotJudged


@dataclass(frozen=True)
class Example:
    """A pair of arms of one test of which only the first has the trait, or has more of it.

    Attributes:
        lift: Conversion rate of the first against the second, less 1.
    """

    test_id: str
    with_it: Mapping[str, object]
    without_it: Mapping[str, object]
    lift: float


@dataclass(frozen=True)
class Findings:
    """All that is known of wording on one surface: a click on a headline is no gift, and a gift is no subscription.

    Attributes:
        surface: Where the appeals stood, and with it what was counted.
        language: The language whose texts were coded: the one with most arms among those with a lexicon.
        arms: The arms of that language, `PAST_SCHEMA` and a Float64 column a trait.
        traits: What the columns mean.
        outcomes: By outcome.
        excluded: Tests left out because a trust check blocks, of all surfaces.
        uncoded: Arms left out because their language is another one, or their words are not known.
    """

    surface: str
    language: str
    arms: pl.DataFrame
    traits: tuple[Trait, ...]
    outcomes: Mapping[str, OutcomeFindings]
    excluded: tuple[str, ...]
    uncoded: int

    @property
    def tests(self) -> int:
        """Tests with two coded arms and more."""
        return self.outcomes["conversion"].effects.tests

    def trait(self, trait_id: str) -> Trait:
        """The trait of that id.

        Raises:
            KeyError: none has it.
        """
        return {trait.id: trait for trait in self.traits}[trait_id]


def own_past(experiments: Iterable[Experiment], statistics: pl.DataFrame, checks: pl.DataFrame, as_of: date) -> Past:
    """Return the arms of the publisher's own tests as they stand on `as_of`.

    Args:
        experiments: The registry, for texts and dates.
        statistics, checks: Schemas `SUFFICIENT_STATISTICS` and `CHECKS`.
        as_of: Last counted day.
    """
    newest = statistics.filter(
        (pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all") & pl.col("metric").is_in(OUTCOMES)
    ).filter(pl.col("as_of") == pl.col("as_of").max().over("experiment_id"))
    totals = {
        (str(row["experiment_id"]), str(row["variant_id"]), str(row["metric"])): row
        for row in newest.group_by("experiment_id", "variant_id", "metric")
        .agg(pl.col("n", "x", "s1", "s2").sum())
        .iter_rows(named=True)
    }
    blocked = set(checks.filter(pl.col("status") == "block")["experiment_id"].to_list())
    rows: list[dict[str, object]] = []
    excluded = []
    for experiment in experiments:
        if experiment.id in blocked:
            excluded.append(experiment.id)
            continue
        for variant in experiment.ordered_variants:
            counted = totals.get((experiment.id, variant.id, "conversion"))
            if counted is None or not counted["n"]:
                continue
            money = totals.get((experiment.id, variant.id, "value"), {"s1": 0.0, "s2": 0.0})
            appeal = variant.appeal
            words = [part for part in (appeal.headline, appeal.body, appeal.highlight, appeal.button) if part]
            rows.append(
                {
                    "test_id": experiment.id,
                    "arm_id": variant.id,
                    "text": "\n".join(words) or None,
                    "lowest_amount": float(min(appeal.amounts)) if appeal.amounts else None,
                    "language": experiment.language,
                    "surface": experiment.surface,
                    "ended": min(experiment.planned_end, as_of),
                    "readers": int(counted["n"]),
                    "conversions": int(counted["x"]),
                    "value": float(money["s1"]) if money["s1"] > 0 else None,
                    "effective_gifts": money["s1"] ** 2 / money["s2"] if money["s2"] > 0 else None,
                    "origin": "own",
                }
            )
    return Past(pl.DataFrame(rows, schema=PAST_SCHEMA), tuple(excluded))


def imported_past(imports: Mapping[str, pl.DataFrame]) -> Past:
    """Return the arms of imported tests; tests whose split is broken are left out and counted.

    Args:
        imports: By name of the import, arms as `askwell import` keeps them.
    """
    frames, excluded = [pl.DataFrame(schema=PAST_SCHEMA)], []
    for name, table in imports.items():
        arms = table.with_columns(
            test_id=pl.concat_str(pl.lit(name), "test_id", separator="/"),
            text=pl.concat_str("headline", "body", "highlight", "button", separator="\n", ignore_nulls=True),
            language=pl.col("language").fill_null("en"),
            effective_gifts=pl.lit(None, dtype=pl.Float64),  # totals do not say how money was spread over gifts
            origin=pl.lit(name),
        ).with_columns(pl.when(pl.col("text") != "").then("text").alias("text"))
        excluded += arms.filter("is_split_broken")["test_id"].unique().sort().to_list()
        kept = arms.filter(~pl.col("is_split_broken"))
        frames.append(kept.select(pl.col(column).cast(dtype) for column, dtype in PAST_SCHEMA.items()))
    return Past(pl.concat(frames), tuple(excluded))


def surfaces(past: Past) -> tuple[str, ...]:
    """Return the surfaces of the past, that with most tests first; `UNKNOWN_SURFACE` alone where there is no test."""
    counted = _placed(past).group_by("surface").agg(tests=pl.col("test_id").n_unique())
    return tuple(counted.sort(["tests", "surface"], descending=[True, False])["surface"]) or (UNKNOWN_SURFACE,)


def find_all(past: Past) -> tuple[Findings, ...]:
    """Return what the past says about wording, a surface each, that with most tests first."""
    return tuple(find(past, surface=surface) for surface in surfaces(past))


def find(past: Past, *, surface: str | None = None, language: str | None = None) -> Findings:
    """Return what the past says about wording on one surface.

    Args:
        surface: Where the appeals stood; that with most tests where None.
        language: Code texts of this language, such as `en`; the most frequent one with a lexicon where None.
    """
    place = surfaces(past)[0] if surface is None else surface
    arms = (
        _placed(past)
        .filter(pl.col("surface") == place)
        .with_columns(base=pl.col("language").str.to_lowercase().str.split("-").list.first())
    )
    spoken = language.split("-")[0].lower() if language else _most_spoken(arms)
    chosen = arms.filter((pl.col("base") == spoken) & pl.col("text").is_not_null()).drop("base")
    coded = code_texts(chosen["text"], spoken, lowest_amount=chosen["lowest_amount"])
    table = chosen.hstack(coded).with_columns(
        # Where amounts are not known for every arm of a test they cannot speak: the mean of the test varies nowhere.
        pl.col("amount_asked").fill_null(pl.col("amount_asked").mean().over("test_id")).fill_null(0.0)
    )
    traits = tuple(trait for trait in (*lexicon(spoken).traits, *MEASURES) if trait.id in coded.columns)
    names = [trait.id for trait in traits]
    outcomes = {
        outcome: OutcomeFindings(
            outcome,
            trait_effects(table, names, outcome=outcome, slack={trait.id: trait.slack for trait in traits}),
            out_of_sample(_usable(table, outcome), names, outcome=outcome),
        )
        for outcome in OUTCOMES
    }
    return Findings(place, spoken, table, traits, outcomes, past.excluded, arms.height - table.height)


def effects_table(*pools: Findings) -> pl.DataFrame:
    """Return the effects on every surface and outcome, schema `WORDING_EFFECTS`."""
    return pl.concat(
        [
            WORDING_EFFECTS.frame(),
            *(
                found.effects.table.select(
                    pl.lit(findings.surface).alias("surface"), pl.lit(outcome).alias("outcome"), *TRAIT_EFFECT_SCHEMA
                )
                for findings in pools
                for outcome, found in findings.outcomes.items()
            ),
        ]
    )


def examples(findings: Findings, trait_id: str) -> tuple[Example | None, Example | None]:
    """Return the pair of texts in which the trait went with most, and that in which it went with least, by z.

    None where no pair of a test points that way.
    """
    arms = (
        findings.arms.drop_nulls(["conversions"])
        .with_row_index("row")
        .with_columns(
            y=((pl.col("conversions") + 0.5) / (pl.col("readers") + 0.5)).log(),
            v=1 / (pl.col("conversions") + 0.5) - 1 / (pl.col("readers") + 0.5),
        )
    )
    few = arms.select("row", "test_id", pl.col(trait_id).alias("trait"), "y", "v")
    pairs = (
        few.join(few, on="test_id", suffix="_without")
        .filter(pl.col("trait") > pl.col("trait_without"))
        .with_columns(difference=pl.col("y") - pl.col("y_without"))
        .with_columns(z=pl.col("difference") / (pl.col("v") + pl.col("v_without")).sqrt())
        .sort("z", "row", "row_without")
    )
    if pairs.is_empty():
        return None, None

    def example(row: Mapping[str, object]) -> Example:
        first, second = (arms.row(int(str(row[name])), named=True) for name in ("row", "row_without"))
        rates = [float(arm["conversions"] + 0.5) / float(arm["readers"] + 0.5) for arm in (first, second)]
        return Example(str(row["test_id"]), first, second, rates[0] / rates[1] - 1)

    best, worst = pairs.row(-1, named=True), pairs.row(0, named=True)
    return (example(best) if best["z"] > 0 else None), (example(worst) if worst["z"] < 0 else None)


def _placed(past: Past) -> pl.DataFrame:
    return past.arms.with_columns(pl.col("surface").fill_null(UNKNOWN_SURFACE))


def _most_spoken(arms: pl.DataFrame) -> str:
    known: Sequence[str] = languages()
    counted = (
        arms.filter(pl.col("base").is_in(known)).group_by("base").len().sort(["len", "base"], descending=[True, False])
    )
    return str(counted["base"][0]) if counted.height else known[0]


def _usable(table: pl.DataFrame, outcome: str) -> pl.DataFrame:
    if outcome == "conversion":
        return table.drop_nulls(["conversions"])
    return table.drop_nulls(["value", "effective_gifts"]).filter(
        (pl.col("value") > 0) & (pl.col("effective_gifts") > 0)
    )
