"""What one publisher's tests say about wording: its arms with their traits, the effects, and how well they predict.

Everything here follows from the arms of past tests, own and imported (`past.py`); `trait_effects.py` and `prediction.py`
have the model, `result.py` the tables that are kept and published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from analysis.wording.agreement import agreement
from analysis.wording.interactions import interactions
from analysis.wording.lexicon import MEASURES, OwnTrait, Trait, languages, lexicon, people_may_code
from analysis.wording.past import OUTCOMES, Past
from analysis.wording.prediction import NotJudged, OutOfSample, out_of_sample
from analysis.wording.trait_effects import TraitEvidence, trait_effects
from analysis.wording.traits import code_texts, overruled

#: Surfaces that are looked at, those with most tests: each is a model, a page and a table of its own.
MOST_SURFACES = 8


@dataclass(frozen=True)
class OutcomeFindings:
    """Effects of the traits on one outcome, and how well they predict tests that they were not learned from."""

    outcome: str
    effects: TraitEvidence
    judged: OutOfSample | NotJudged


@dataclass(frozen=True)
class Findings:
    """All that is known of wording on one surface: a click on a headline is no gift, and a gift is no subscription.

    Attributes:
        surface: Where the appeals stood, and with it what was counted.
        language: The language whose texts were coded: the one with most arms among those with a lexicon.
        arms: The arms of that language, `PAST_SCHEMA` and a Float64 column a trait.
        traits: What the columns mean.
        outcomes: By outcome.
        agreement: How far rules and people agree, schema `AGREEMENT_SCHEMA`.
        interactions: Effects by groups, schema `INTERACTION_SCHEMA`.
        left_out: Tests left out because a trust check blocks.
        uncoded: Arms left out because their language is another one, or their words are not known.
    """

    surface: str
    language: str
    arms: pl.DataFrame
    traits: tuple[Trait, ...]
    outcomes: Mapping[str, OutcomeFindings]
    agreement: pl.DataFrame
    interactions: pl.DataFrame
    left_out: int
    uncoded: int


def find_all(past: Past, own: Mapping[str, OwnTrait] | None = None) -> tuple[Findings, ...]:
    """Return what the past says about wording on each of the `MOST_SURFACES` surfaces with most tests, most tests first."""
    return tuple(find(past, own, surface=surface) for surface in past.surfaces[:MOST_SURFACES])


def find(
    past: Past, own: Mapping[str, OwnTrait] | None = None, *, surface: str | None = None, language: str | None = None
) -> Findings:
    """Return what the past says about wording on one surface.

    Args:
        past: Arms with their texts.
        own: Traits that the newsroom declares itself, by id.
        surface: Where the appeals stood; that with most tests where None.
        language: Code texts of this language, such as `en`; the most frequent one with a lexicon where None.
    """
    place = past.surfaces[0] if surface is None else surface
    here = past.on(place)
    arms = here.arms.with_columns(base=pl.col("language").str.to_lowercase().str.split("-").list.first())
    spoken = language.split("-")[0].lower() if language else _most_spoken(arms)
    chosen = arms.filter((pl.col("base") == spoken) & pl.col("text").is_not_null()).drop("base")
    declared = [trait.as_trait(name) for name, trait in (own or {}).items()]
    by_rules = chosen.hstack(
        code_texts(chosen["text"], spoken, lowest_amount=chosen["lowest_amount"], own=declared)
    ).with_columns(
        # Where amounts are not known for every arm of a test they cannot speak: the mean of the test varies nowhere.
        pl.col("amount_asked").fill_null(pl.col("amount_asked").mean().over("block_id")).fill_null(0.0)
    )
    coded = overruled(by_rules, here.people)
    traits = tuple(trait for trait in _known(spoken, own or {}) if trait.id in coded.columns)
    names = [trait.id for trait in traits]
    # A trait that only people code varies in no test that they have not coded.
    table = coded.with_columns(pl.col(names).fill_null(0.0))
    slack = {trait.id: trait.slack for trait in traits}
    outcomes = {
        outcome: OutcomeFindings(
            outcome,
            trait_effects(table, names, outcome=outcome, slack=slack),
            out_of_sample(table, names, outcome=outcome),
        )
        for outcome in OUTCOMES
    }
    return Findings(
        place,
        spoken,
        table,
        traits,
        outcomes,
        agreement(by_rules, here.people, [trait.id for trait in traits if trait.id in by_rules.columns]),
        interactions(table, here.segments, names),
        here.left_out.height,
        arms.height - table.height,
    )


def _known(language: str, own: Mapping[str, OwnTrait]) -> tuple[Trait, ...]:
    """Traits by rules of the language first, then what people may code, each once."""
    known = {trait.id: trait for trait in (*lexicon(language).traits, *MEASURES)}
    return tuple({**people_may_code(own), **known, **{one: own[one].as_trait(one) for one in own}}.values())


def _most_spoken(arms: pl.DataFrame) -> str:
    known: Sequence[str] = languages()
    counted = (
        arms.filter(pl.col("base").is_in(known)).group_by("base").len().sort(["len", "base"], descending=[True, False])
    )
    return str(counted["base"][0]) if counted.height else known[0]
