"""Traits: every trait of every lexicon on its own examples, the measures, people against rules."""

from __future__ import annotations

import math

import polars as pl
import pytest

from analysis.wording import lexicon, traits
from analysis.wording.past import PAST_SCHEMA

LEXICONS = [lexicon.lexicon(language) for language in lexicon.languages()]
CASES = [(one.language, trait) for one in LEXICONS for trait in one.traits]


@pytest.mark.parametrize(("language", "trait"), CASES, ids=[f"{language}-{trait.id}" for language, trait in CASES])
def test_a_trait_is_found_in_its_examples_and_not_in_the_others(language: str, trait: lexicon.Trait) -> None:
    assert trait.examples
    assert trait.others
    assert traits.code_texts(trait.examples, language)[trait.id].min() > 0  # pyright: ignore[reportOptionalOperand]
    assert traits.code_texts(trait.others, language)[trait.id].to_list() == [0.0] * len(trait.others)


@pytest.mark.parametrize("one", LEXICONS, ids=[one.language for one in LEXICONS])
def test_ids_of_a_lexicon_are_unique_and_meet_no_measure(one: lexicon.Lexicon) -> None:
    ids = [trait.id for trait in (*one.traits, *lexicon.MEASURES)]
    assert len(set(ids)) == len(ids)
    assert one.version >= 1


def test_a_phrase_matches_whole_words_in_any_case_with_either_apostrophe() -> None:
    coded = traits.code_texts(["TODAY we publish", "todays", "before it\u2019s too late", "yesterday"])
    assert coded["urgency"].to_list() == [1, 0, 1, 0]


def test_measures_count_what_they_name() -> None:
    coded = traits.code_texts(
        ["Will you give? It costs 5 pounds!", None, ""], lowest_amount=[5.0, 2.0, None]
    ).to_dicts()
    assert [coded[0][name] for name in ("question", "number", "exclamation", "length")] == pytest.approx([1, 1, 1, 0.7])
    assert coded[0]["readability"] == pytest.approx((7 / 2) / 10)
    assert coded[0]["amount_asked"] == pytest.approx(math.log(5))
    assert {name: value for name, value in coded[1].items() if name != "amount_asked"} == dict.fromkeys(
        (name for name in coded[1] if name != "amount_asked"), None
    )
    assert coded[2]["length"] == 0
    assert coded[2]["amount_asked"] is None


def test_a_language_without_a_lexicon_has_its_measures_only() -> None:
    coded = traits.code_texts(["Helfen Sie heute?"], "de-DE")
    assert coded.columns == [trait.id for trait in lexicon.MEASURES]
    assert coded["question"].to_list() == [1.0]


def test_people_overrule_the_rules_and_may_add_a_trait() -> None:
    coded = pl.DataFrame({"test_id": ["t", "t"], "arm_id": ["a", "b"]}).hstack(
        traits.code_texts(["Please give today.", "Give."])
    )
    people = pl.DataFrame(
        [("t", "a", "urgency", 0.0), ("t", "a", "named_journalist", 1.0), ("other", "b", "please", 1.0)],
        schema=traits.CODED_BY_PEOPLE,
        orient="row",
    )
    said = traits.overruled(coded, people)
    assert said["urgency"].to_list() == [0.0, 0.0]
    assert said["please"].to_list() == [1.0, 0.0]
    assert said["named_journalist"].to_list() == [1.0, None]


def test_own_traits_are_coded_by_their_phrases_and_left_to_people_without_any() -> None:
    own = [
        lexicon.OwnTrait(name="Harbour", meaning="The harbour.", phrases=("harbour*", "50 %", "(at sea)")).as_trait(
            "harbour"
        ),
        lexicon.OwnTrait(name="Warm", meaning="Warm.").as_trait("warm"),
    ]
    coded = traits.code_texts(["The Harbours close", "inharbour", "we are (at sea) now", "50 % less"], own=own)
    assert coded["harbour"].to_list() == [1.0, 0.0, 1.0, 1.0]
    assert "warm" not in coded.columns


def test_names_of_own_traits_meet_no_column_of_the_past() -> None:
    assert {*PAST_SCHEMA, "length", "gratitude"} <= lexicon.taken_names()


def test_hostile_texts_are_coded_like_any_other() -> None:
    texts = ["<script>alert('you')</script>", "\u202egive today\u202c", "\U0001f600" * 3, "word " * 50_000]
    coded = traits.code_texts(texts)
    assert coded.height == 4
    assert coded["length"][3] == 5_000
