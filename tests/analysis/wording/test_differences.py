from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.registry import Appeal
from analysis.wording.differences import Piece, appeal_differences, part_difference


def marked(current: str, other: str) -> str:
    """The pieces as text: [new] and {replaced}."""
    frames = {"same": "{}", "new": "[{}]", "replaced": "{{{}}}"}
    return "".join(frames[piece.kind].format(piece.text) for piece in part_difference("body", current, other).pieces)


@pytest.mark.parametrize(
    ("current", "other", "expected"),
    [
        ("We need your help today", "We need your help today", "We need your help today"),
        ("We need your help today", "We need your gift today", "We need your {help}[gift] today"),
        ("We need your help", "We need your help today", "We need your help [today]"),
        ("We really need your help", "We need your help", "We {really}need your help"),
        ("Give today.", "give today!", "give today!"),
        # a single common word between two changes belongs to the change
        (
            "Please read this note and give to us if you can",
            "Please read this story or give for us if you can",
            "Please read this {note and give to}[story or give for] us if you can",
        ),
        ("読者の支援が必要です", "読者の寄付が必要です", "読者の{支援}[寄付]が必要です"),
    ],
)
def test_new_words_are_marked_and_replaced_words_stand_before_them(current: str, other: str, expected: str) -> None:
    assert marked(current, other) == expected


def test_a_text_with_hardly_a_word_in_common_is_called_rewritten_and_carries_no_marks() -> None:
    difference = part_difference("headline", "Time is running out for this year", "Because of you, we could ask")
    assert difference.is_rewritten
    assert difference.is_changed
    assert difference.pieces == (Piece("Because of you, we could ask", "same"),)


def test_a_part_that_only_one_wording_has_is_wholly_new_or_wholly_gone() -> None:
    assert part_difference("highlight", "", "Thank you").pieces == (Piece("Thank you", "new"),)
    assert part_difference("highlight", "Thank you", "").pieces == (Piece("Thank you", "replaced"),)


def test_an_appeal_is_compared_part_by_part_and_absent_parts_are_left_out() -> None:
    current = Appeal(headline="Support us", button="Give")
    other = Appeal(headline="Support us today", button="Give")
    parts = appeal_differences(current, other)
    assert [(part.part, part.is_changed) for part in parts] == [("headline", True), ("button", False)]


words = st.lists(
    st.sampled_from(["we", "need", "your", "help", "Help,", "give", "now", "a\nb", "支", "<b>"]), max_size=30
)


@given(words, words, st.sampled_from([" ", "  ", "\n"]))
def test_same_and_new_pieces_are_exactly_what_readers_saw(before: list[str], after: list[str], gap: str) -> None:
    current, other = gap.join(before), gap.join(after)
    pieces = part_difference("body", current, other).pieces
    assert "".join(piece.text for piece in pieces if piece.kind != "replaced") == other


@given(words)
def test_a_text_against_itself_has_no_change(text: list[str]) -> None:
    assert not part_difference("body", " ".join(text), " ".join(text)).is_changed or not text


def test_five_thousand_words_are_compared_in_a_moment() -> None:
    current = " ".join(f"word{number % 700} said." for number in range(5_000))
    other = current.replace("word13 ", "thing ")
    started = time.perf_counter()
    difference = part_difference("body", current, other)
    assert time.perf_counter() - started < 2
    assert difference.is_changed
