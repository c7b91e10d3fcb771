"""Past texts most like a new one: the same words first, rare words before common ones, and nothing made up."""

from __future__ import annotations

import math

import pytest

from analysis.wording.neighbours import likeness

PAST = ["Please help us today", "Please keep it open", "Thank you for reading", "", "日本の新聞を支えて"]


def test_the_same_words_are_alike_in_any_case_and_no_common_word_is_zero() -> None:
    found = likeness("THANK you for reading!", PAST).to_list()
    assert found[2] == pytest.approx(1.0)
    assert found[:2] == [0.0, 0.0]
    assert found[3] == 0.0


def test_the_cosine_is_that_of_the_formula() -> None:
    def weight(found_in: int, n: int = 2) -> float:
        return 1 + math.log((1 + n) / (1 + found_in))

    # text: please, give; past: {please, help}, {please}
    new = {"please": weight(2), "give": weight(0)}
    size = math.hypot(*new.values())
    first = new["please"] * weight(2) / (size * math.hypot(weight(2), weight(1)))
    assert likeness("please give", ["please help", "please"]).to_list() == pytest.approx([first, new["please"] / size])


def test_a_rare_word_counts_for_more_than_a_common_one() -> None:
    past = ["please help", "please read", "please give", "independence helps"]
    found = likeness("please independence", past).to_list()
    assert found[3] > max(found[:3])


def test_scripts_without_spaces_are_compared_by_character() -> None:
    assert likeness("新聞を読んで", PAST)[4] > 0.3


def test_an_empty_text_or_an_empty_past_has_no_neighbours() -> None:
    assert likeness("…", PAST).to_list() == [0.0] * len(PAST)
    assert likeness("help", []).to_list() == []
