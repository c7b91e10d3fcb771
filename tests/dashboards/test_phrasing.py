"""Numbers and verdicts as people read them, by locale, currency and surface."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from analysis.inference.results import Reason
from analysis.trust import CHECK_NAMES
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.guardrails import guardrail_state
from dashboards.phrasing.verdicts import HEADLINE_LENGTH, verdict_words
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import evidence_words, plain, reason_words
from dashboards.reading import Comparison, Range, Reading
from tests.dashboards import builders
from tests.dashboards.builders import STORIES, UNDATED, Story, tell

PAGES = Path(__file__).parents[2] / "dashboards"
BRITISH, GERMAN, JAPANESE = Voice("en-GB", "GBP"), Voice("de-DE", "EUR"), Voice("ja-JP", "JPY")
NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("spoken", "minor", "expected"),
    [
        (BRITISH, 1_528, "+£15.28"),
        (BRITISH, -378, "−£3.78"),
        (BRITISH, 0, "£0"),
        (BRITISH, 0.2, "£0.00"),
        (BRITISH, 123_456_789, "+£1,234,567.89"),
        (GERMAN, 1_528, f"+15,28{NBSP}€"),
        (GERMAN, -123_456, f"−1.234,56{NBSP}€"),
        (JAPANESE, 1_528, "+￥1,528"),
        (JAPANESE, -152_800, "−￥152,800"),
        (Voice("en-US", "USD"), 1_528, "+$15.28"),
        (Voice("fr-FR", "EUR"), 150_000, f"+1\N{NARROW NO-BREAK SPACE}500,00{NBSP}€"),
        (Voice("en-GB", "KWD"), 1_528, f"+KWD{NBSP}1.528"),
    ],
)
def test_money_is_written_as_the_locale_and_the_currency_do(spoken: Voice, minor: float, expected: str) -> None:
    assert spoken.money(minor, plus=True) == expected


@pytest.mark.parametrize(
    ("spoken", "number", "expected"),
    [(BRITISH, 399_107, "399,107"), (GERMAN, 399_107, "399.107"), (JAPANESE, 399_107, "399,107"), (BRITISH, -3, "−3")],
)
def test_counts_are_grouped_as_the_locale_does(spoken: Voice, number: int, expected: str) -> None:
    assert spoken.count(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (41_200, "41,200"),
        (999_499, "999,499"),
        (999_500, "1.00 million"),
        (1_203_333, "1.20 million"),
        (2.5e9, "2.50 billion"),
    ],
)
def test_counts_in_prose_turn_to_words_from_a_million(number: float, expected: str) -> None:
    assert BRITISH.prose_count(number) == expected


@pytest.mark.parametrize(
    ("spoken", "share", "expected"),
    [
        (BRITISH, 0.221, "+22%"),
        (BRITISH, 0.0431, "+4.3%"),
        (BRITISH, -0.0996, "−10%"),
        (BRITISH, 0.09949, "+9.9%"),
        (BRITISH, 0.0002, "+0.02%"),
        (BRITISH, 0.0, "0%"),
        (BRITISH, -0.00001, "0%"),
        (GERMAN, 0.0431, f"+4,3{NBSP}%"),
        (JAPANESE, 1.5, "+150%"),
    ],
)
def test_percent_has_no_more_digits_than_mean_something(spoken: Voice, share: float, expected: str) -> None:
    assert spoken.percent(share, plus=True) == expected


@pytest.mark.parametrize(
    ("minor", "low", "high", "expected", "said"),
    [
        (4_712_345, 1_200_000, 8_100_000, "£47,000", "+£12,000 to +£81,000"),
        (4_712_345, -1_234_500, 8_149_900, "£47,000", "−£13,000 to +£82,000"),
        (760, -123, 940, "£7.60", "−£1.30 to +£9.40"),
    ],
)
def test_a_sum_carries_the_leading_two_figures_of_its_range_which_never_shrinks(
    minor: float, low: float, high: float, expected: str, said: str
) -> None:
    assert BRITISH.sum_of_money(minor, Range(low, high)) == expected
    assert BRITISH.range_of_sums(Range(low, high)) == said


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (752, 2_305, "from £7.52 to £23.05 more"),
        (-378, 1_202, "from £3.78 less to £12.02 more"),
        (-2_305, -752, "from £7.52 to £23.05 less"),
        (None, 300, "up to £3.00 more"),
        (200, None, "from £2.00 more, without an upper end"),
        (None, None, "not known"),
    ],
)
def test_a_range_is_said_from_low_to_high_and_never_as_plus_or_minus(
    low: float | None, high: float | None, expected: str
) -> None:
    assert BRITISH.range_in_words("value", Range(low, high)) == expected


@pytest.mark.parametrize(
    ("metric", "mean", "expected", "unit"),
    [
        ("value", 15.624, "£156.24", "per 1,000 readers asked"),
        ("conversion", 0.00592, "592", "per 100,000 readers asked"),
        ("conversion", 0.000_052, "5.2", "per 100,000 readers asked"),
        ("pageviews", 6.2, "6.20", "per reader"),
    ],
)
def test_a_metric_is_said_in_the_unit_people_know(metric: str, mean: float, expected: str, unit: str) -> None:
    assert BRITISH.level(metric, mean) == expected
    assert BRITISH.unit_of(metric) == unit


def test_days_are_named_in_the_order_of_the_country() -> None:
    day = date(2026, 11, 9)
    assert BRITISH.day(day) == "Mon 9 Nov 2026"
    assert Voice("en-US", "USD").day(day) == "Mon Nov 9, 2026"
    assert GERMAN.day(day) == "Mo., 9. Nov. 2026"
    assert GERMAN.short_day(day) == "9. Nov."


@pytest.mark.parametrize(
    ("e_value", "expected"),
    [
        (None, "not known"),
        (0.4, "no evidence yet"),
        (2.99, "no evidence yet"),
        (3, "weak"),
        (10, "substantial"),
        (19.9, "substantial"),
        (20, "proven"),
    ],
)
def test_evidence_has_four_words(e_value: float | None, expected: str) -> None:
    assert evidence_words(e_value, BRITISH) == expected


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_an_absent_number_has_a_sentence(reason: Reason) -> None:
    said = reason_words(str(reason), BRITISH)
    assert said.endswith(".")
    assert "_" not in said
    assert said != reason_words("another_reason", BRITISH)
    assert said.lower().rstrip(".") != str(reason).replace("_", " "), "the code itself is no sentence"


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert reason_words("moon_in_the_wrong_house", BRITISH) == "Moon in the wrong house."


@pytest.mark.parametrize("check", CHECK_NAMES)
@pytest.mark.parametrize("status", ["pass", "warn", "block"])
def test_every_check_has_a_name_and_a_sentence_in_every_state(check: str, status: str) -> None:
    story = replace(builders.PROVEN, blocked=({"check_name": check, "status": status, "detail": "{}"},))
    reading = Reading(tell(story))
    lone = replace(
        reading.result,
        checks=reading.result.checks.filter((pl.col("check_name") == check) & (pl.col("status") == status)),
    )
    (words,) = checks_in_words(Reading(lone), BRITISH)
    assert words.status == status
    assert words.sentence.endswith(".")
    assert "_" not in words.name + words.short + words.sentence


def test_a_check_asked_for_each_variant_is_one_line_with_the_worst_state() -> None:
    result = tell(builders.PROVEN)
    rows = [
        {"experiment_id": "x", "check_name": "one_donor", "variant_id": variant, "status": status, "detail": f'{{"share": {share}, "sign_turns": false}}'}
        for variant, status, share in (("current", "pass", 0.01), ("b", "warn", 0.12), ("c", "not_applicable", 0))
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=result.checks.schema)
    (words,) = checks_in_words(Reading(replace(result, checks=frame)), BRITISH)
    assert words.status == "warn"
    assert words.sentence == "One contributor makes up 12% of what “Because of you” brought in."


# -- verdicts --------------------------------------------------------------------------------------------------------

EXPECTED = {
    "because-of-you": ("Use it · proven", "“Because of you” brought in £35 more per 1,000 readers than the current wording"),
    "open-to-everyone": ("Use it · best bet", "“Open to everyone” is the best bet, though not proven"),
    "nine-days-left": ("Keep the current", "Nothing beat the current wording"),
    "full-page": ("Stop", "Stop “Full page first”: readers read less"),
    "morning-mail": ("Too early", "Too early to say: 5 full days and 41 contributors in the smallest group"),
    "price-of-a-coffee": ("Still asking", "Too close to call so far: “The price of a coffee” leads by £6.33, but it may be chance"),
    "button-words": ("No difference", "“Give now” and the current wording bring in about the same"),
    "culture-pages": ("Cannot tell", "This test cannot find an answer with our traffic"),
    "election-week": ("Fix first", "Do not use this result yet: readers were not split as planned"),
    "trial-offer": ("Still asking", "Too close to call so far: the current wording leads by £14, but it may be chance"),
}  # fmt: skip


@pytest.mark.parametrize("story", [story for story in STORIES if story.id in EXPECTED], ids=lambda story: story.id)
def test_a_verdict_has_its_badge_and_its_headline(story: Story) -> None:
    words = verdict_words(tell(story))
    assert (words.badge.words, words.headline) == EXPECTED[story.id]


@pytest.mark.parametrize("story", [*STORIES, *UNDATED], ids=lambda story: story.id)
def test_sentences_keep_the_rules_of_the_house(story: Story) -> None:
    words = verdict_words(tell(story))
    everything = " ".join((words.headline, words.standfirst, words.advice, words.money_line)).lower()
    assert len(words.headline) <= HEADLINE_LENGTH
    for banned in ("significant", "p-value", "winner", "loser", "uplift", "trend towards", "±", " ci ", "nan", "none"):
        assert banned not in everything
    assert words.standfirst.endswith(".")
    assert words.money_line.endswith(".")


@pytest.mark.parametrize("story", [story for story in STORIES if story.basis != "proven"], ids=lambda story: story.id)
def test_only_a_proven_verdict_says_brought_in_more(story: Story) -> None:
    assert "brought in" not in verdict_words(tell(story)).headline


def test_the_range_of_a_proven_verdict_is_said_to_lie_above_zero_only_where_it_does() -> None:
    proven, bet = verdict_words(tell(builders.PROVEN)), verdict_words(tell(builders.BEST_BET))
    assert "all above zero" in proven.standfirst
    assert "zero" not in bet.standfirst


def test_a_paywall_speaks_of_subscribers_and_blocked_readers_not_of_gifts() -> None:
    words = verdict_words(tell(builders.PAYWALL))
    everything = " ".join((words.headline, words.standfirst, words.advice, words.money_line))
    assert "blocked readers" in everything
    for banned in ("gift", "contribut", "donat"):
        assert banned not in everything.lower()


@pytest.mark.parametrize(
    "file",
    sorted(
        {
            *PAGES.glob("experiment/*.py"),
            *PAGES.glob("phrasing/*.py"),
            PAGES / "tied_gifts.py",
            PAGES / "counted_readers.py",
        }
    ),
)
def test_words_of_one_surface_stand_in_the_vocabulary_alone(file: Path) -> None:
    """A page of a paywall says neither gift nor appeal: a fixed sentence that does would stand on it some day."""
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    said = [
        argument.value
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] in ("say", "say_n", "say_as", "marked")
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    found = [
        text for text in said if re.search(r"\b(gift|donat|donor|contribut|appeal)", re.sub(r"\{\w+\}", "", text), re.I)
    ]
    if file.name == "voice.py":
        assert "gifts" in found
    else:
        assert not found


def test_views_are_called_views() -> None:
    words = verdict_words(tell(builders.WITHOUT_SPREAD))
    assert "per 1,000 views" in words.money_line
    assert "readers" not in words.money_line


def test_three_alike_variants_are_named_in_one_sentence() -> None:
    said = verdict_words(tell(builders.FIVE)).standfirst
    assert "“Thanks”, “Independence”, “Open” and “Numbers” made no clear difference." in said


def test_all_wordings_are_alike_only_where_every_range_lies_inside_the_smallest_effect() -> None:
    arms = (builders.Arm(2_100_000, 14_020), builders.Arm(2_098_410, 14_061), builders.Arm(2_098_000, 14_033))
    alike = replace(
        builders.NO_DIFFERENCE, arms=arms, names=("A", "B", "C"), appeals=(builders.CONTROL,) * 3, variant_id=None
    )
    assert verdict_words(tell(alike)).headline == "All three wordings bring in about the same"
    apart = replace(alike, arms=(*arms[:2], builders.Arm(20_000, 140)))
    assert "All three" not in verdict_words(tell(apart)).headline


def test_a_test_that_waits_for_its_guardrail_says_so_instead_of_too_close_to_call() -> None:
    story = replace(
        builders.BEST_BET,
        verdict="keep_asking",
        basis=None,
        decision={"reasons": ["enough_data", "loss_below_threshold", "guardrail_not_settled:pageviews", "no_forecast"]},
    )
    words = verdict_words(tell(story))
    assert words.headline == "“Open to everyone” looks best, but what it costs is not settled"
    assert "pages read per reader (margin 1%)" in words.advice


def test_a_lead_that_is_proven_is_never_called_chance() -> None:
    words = verdict_words(tell(replace(builders.PROVEN, verdict="keep_asking", basis=None)))
    assert "chance" not in words.headline
    assert "still open" in words.headline


def test_two_variants_need_more_evidence_than_one_before_one_is_called_proven() -> None:
    arms = (builders.Arm(150_000, 900), builders.Arm(150_000, 1_140))
    alone = Reading(tell(replace(builders.PROVEN, arms=arms))).comparison("b")
    among = Reading(tell(replace(builders.PROVEN, arms=(*arms, builders.Arm(150_000, 903))))).comparison("b")
    assert alone is not None
    assert among is not None
    assert alone.is_proven
    assert not among.is_proven


def test_what_changed_since_the_last_report_is_said_once_and_only_when_it_did() -> None:
    assert verdict_words(tell(builders.PROVEN)).standfirst.endswith("The day before: still asking.")
    assert "before" not in verdict_words(tell(builders.BEST_BET)).standfirst


def test_a_proof_in_contributions_says_when_money_is_not_clear() -> None:
    result = tell(
        replace(
            builders.BEST_BET,
            arms=(builders.Arm(212_400, 1_102, cv=4), builders.Arm(212_911, 1_420, gift=2_100, cv=4)),
            basis="proven",
        )
    )
    counted = replace(result, experiment=result.experiment.model_copy(update={"primary_metric": "conversion"}))
    words = verdict_words(counted)
    assert words.headline == "“Open to everyone” led to 148 more contributions per 100,000 readers"
    assert "In money the difference is not clear: from £" in words.standfirst


def test_a_part_that_is_not_nothing_is_never_nought_percent() -> None:
    assert [BRITISH.part(share) for share in (0, 0.00001, 0.00006, 0.02)] == ["0%", "under 0.01%", "0.01%", "2.0%"]


def test_too_early_names_only_what_is_missing() -> None:
    few = verdict_words(tell(replace(builders.TOO_EARLY, days=20)))
    assert few.headline == "Too early to say: 41 contributors in the smallest group"
    over = verdict_words(tell(replace(builders.TOO_EARLY, days=20, planned_days=14)))
    assert over.headline == "The test ended too small to tell: 41 contributors in the smallest group"
    assert over.advice.startswith("Keep the current wording.")
    assert str(over.badge) == "Too small"


def test_a_test_past_its_end_is_not_said_to_lack_traffic() -> None:
    story = replace(builders.CANNOT_TELL, decision={"reasons": ["enough_data", "planned_end_reached"]})
    assert verdict_words(tell(story)).headline == "The test has ended without an answer"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.009, 0.01, "kept"),
        (-0.02, 0.01, "open"),
        (-0.05, -0.02, "broken"),
        (None, None, "unknown"),
        (None, 0.01, "open"),
    ],
)
def test_a_guardrail_is_judged_by_its_whole_range(low: float | None, high: float | None, expected: str) -> None:
    arm = Reading(tell(builders.PROVEN)).arms[1]
    row = {"anytime_low": low, "anytime_high": high}
    assert guardrail_state(Comparison(arm, "pageviews", row), 0.01) == expected
    turned = {"anytime_low": None if high is None else -high, "anytime_high": None if low is None else -low}
    assert guardrail_state(Comparison(arm, "dismissed", turned), 0.01) == expected, "more dismissals are worse"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\nlines\tof  text", "two lines of text"),
        ("right\u202eto left", "rightto left"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("a" * 80, "a" * 59 + "…"),
    ],
)
def test_outside_text_becomes_one_harmless_line(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_the_vocabulary_covers_every_surface() -> None:
    from analysis.registry import SURFACES

    for surface in SURFACES:
        assert voice(builders.AUDIENCE, surface).words.readers
