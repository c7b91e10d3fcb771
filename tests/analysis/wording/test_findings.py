"""What one publisher's tests say: arms from the tables of an edition, broken splits left out, known effects recovered."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from analysis.registry import Appeal
from analysis.wording.drafts import DraftError, advise, read_draft
from analysis.wording.findings import (
    PAST_SCHEMA,
    Findings,
    Past,
    effects_table,
    examples,
    find,
    find_all,
    imported_past,
    own_past,
)
from analysis.wording.prediction import NotJudged, OutOfSample
from analysis.wording.tables import WORDING_EFFECTS
from tests.wording_builders import EFFECTS, simulated_past


@pytest.fixture(scope="module")
def findings() -> Findings:
    """400 tests in which a thank-you brings 20 % more, a question 15 % less, and nothing else does anything."""
    return find(simulated_past(400))


def test_known_effects_are_recovered_and_the_rest_is_not_made_up(findings: Findings) -> None:
    """24 intervals of 95 %: fewer than 20 that hold the truth would happen once in 170 times."""
    held = 0
    for seed in range(12):
        table = find(simulated_past(400, seed=100 + seed)).outcomes["conversion"].effects.table
        rows = {row["trait"]: row for row in table.iter_rows(named=True)}
        for trait, truth in EFFECTS.items():
            assert rows[trait]["q"] < 0.05
            held += rows[trait]["low"] < truth < rows[trait]["high"]
    assert held >= 20
    unknown = findings.outcomes["conversion"].effects.table.filter(trait="deadline").to_dicts()[0]
    assert (unknown["status"], unknown["lift"]) == ("unknown", None)


def test_words_that_work_predict_later_tests_and_words_that_do_not_are_said_not_to(findings: Findings) -> None:
    judged = findings.outcomes["conversion"].judged
    assert isinstance(judged, OutOfSample)
    assert judged.predicts
    nothing = find(simulated_past(400, effects={})).outcomes["conversion"].judged
    assert isinstance(nothing, OutOfSample)
    assert nothing.accuracy.low <= 0.5
    assert not nothing.predicts


def test_few_tests_are_not_judged(findings: Findings) -> None:
    few = find(simulated_past(20))
    assert isinstance(few.outcomes["conversion"].judged, NotJudged)
    assert isinstance(findings.outcomes["value"].judged, NotJudged)


def test_a_past_of_none_is_no_error() -> None:
    nothing = find(Past(pl.DataFrame(schema=PAST_SCHEMA)))
    assert nothing.tests == 0
    assert advise(nothing, Appeal(body="Thank you")).neighbours == ()


def test_examples_are_pairs_of_one_test_that_differ_in_the_trait(findings: Findings) -> None:
    best, worst = examples(findings, "gratitude")
    assert best is not None
    assert worst is not None
    assert best.lift > 0 > worst.lift
    for example in (best, worst):
        assert "Thank you" in str(example.with_it["text"])
        assert "Thank you" not in str(example.without_it["text"])
        assert example.with_it["test_id"] == example.without_it["test_id"]


def test_the_table_is_that_of_the_database(findings: Findings) -> None:
    table = effects_table(findings)
    assert table.schema == pl.Schema(WORDING_EFFECTS.schema)
    assert set(table["outcome"]) == {"conversion", "value"}


def test_a_click_on_a_headline_is_not_added_to_a_gift() -> None:
    """Thanks raise gifts and lower clicks: taken together they would seem to do little."""
    gifts = simulated_past(150).arms
    clicks = simulated_past(100, effects={"gratitude": -0.3}, seed=8).arms.with_columns(
        surface=pl.lit("headline"), test_id=pl.lit("h") + pl.col("test_id")
    )
    unsaid = simulated_past(3).arms.with_columns(
        surface=pl.lit(None, dtype=pl.String), test_id=pl.lit("u") + pl.col("test_id")
    )
    pools = find_all(Past(pl.concat([clicks, unsaid, gifts])))
    assert [(pool.surface, pool.tests) for pool in pools] == [("donation", 150), ("headline", 100), ("unknown", 3)]
    table = effects_table(*pools).filter((pl.col("trait") == "gratitude") & (pl.col("outcome") == "conversion"))
    lifts = dict(table.select("surface", "lift").iter_rows())
    assert lifts["donation"] > 0.1
    assert lifts["headline"] < -0.2
    assert lifts["unknown"] is None
    assert effects_table(pools[0]).equals(effects_table(find(Past(gifts))))


def test_texts_of_another_language_are_counted_and_not_coded() -> None:
    past = simulated_past(20)
    german = past.arms.head(6).with_columns(language=pl.lit("de-DE"), test_id=pl.lit("deutsch"))
    found = find(Past(pl.concat([past.arms, german])))
    assert found.language == "en"
    assert found.uncoded == 6


def test_imports_keep_their_names_apart_and_leave_broken_splits_out() -> None:
    table = pl.DataFrame(
        {
            "test_id": ["a", "a", "b", "b"],
            "arm_id": ["1", "2", "1", "2"],
            "ended": [date(2020, 1, 1)] * 4,
            "surface": ["donation"] * 4,
            "language": [None] * 4,
            "headline": ["Thank you", "Please help", "One", "Two"],
            "body": ["Give.", None, None, None],
            "highlight": [None] * 4,
            "button": [None] * 4,
            "lowest_amount": [None] * 4,
            "readers": [1000, 1000, 10, 1000],
            "conversions": [10, 12, 1, 2],
            "value": [None] * 4,
            "is_split_broken": [False, False, True, True],
        },
        schema_overrides={"language": pl.String, "highlight": pl.String, "button": pl.String, "value": pl.Float64, "lowest_amount": pl.Float64},
    )  # fmt: skip
    past = imported_past({"old": table})
    assert past.excluded == ("old/b",)
    assert past.arms["text"].to_list() == ["Thank you\nGive.", "Please help"]
    assert set(past.arms["test_id"]) == {"old/a"}


def test_own_tests_that_a_check_blocks_are_left_out() -> None:
    from tests.analysis.wording.test_catalogue import CURRENT, OTHER, experiment

    one = experiment(CURRENT, OTHER)
    base = {
        "experiment_id": "parts",
        "as_of": date(2026, 10, 20),
        "basis": "exposed",
        "segment_kind": "all",
        "segment": "all",
        "epoch": 0,
    }
    statistics = pl.DataFrame(
        [
            {**base, "metric": metric, "variant_id": arm, "n": 1_000, "x": x, "s1": s1, "s2": s2}
            for arm, x, money in (("current", 10, 5_000.0), ("other", 20, 8_000.0))
            for metric, s1, s2 in (("conversion", float(x), float(x)), ("value", money, money**2 / 5))
        ]
    )  # fmt: skip
    passing = pl.DataFrame({"experiment_id": ["parts"], "status": ["pass"]})
    past = own_past([one], statistics, passing, date(2026, 10, 20))
    assert past.arms.select("arm_id", "readers", "conversions", "value", "effective_gifts", "lowest_amount").rows() == [
        ("current", 1_000, 10, 5_000.0, 5.0, 3.0),
        ("other", 1_000, 20, 8_000.0, 5.0, 5.0),
    ]
    blocked = own_past([one], statistics, passing.with_columns(status=pl.lit("block")), date(2026, 10, 20))
    assert blocked.arms.is_empty()
    assert blocked.excluded == ("parts",)


# -- drafts -------------------------------------------------------------------------------------------------------------


def test_a_draft_gets_neighbours_expected_effects_and_a_contrast(findings: Findings) -> None:
    advice = advise(findings, Appeal(body="Thank you for reading. Will you stay? The appeal ends on Friday."))
    by_trait = {item.trait.id: item for item in advice.traits}
    assert "Thank you" in str(advice.neighbours[0].arm["text"])
    assert [near.likeness for near in advice.neighbours] == sorted(
        (n.likeness for n in advice.neighbours), reverse=True
    )
    thanks = by_trait["gratitude"]
    assert thanks.low is not None
    assert thanks.expected is not None
    assert thanks.high is not None
    assert thanks.low < thanks.expected < thanks.high
    assert by_trait["deadline"].expected is None
    assert advice.teaches_most is not None
    assert advice.teaches_most.gain == max(item.gain for item in advice.traits)


def test_against_another_text_only_what_differs_is_told(findings: Findings) -> None:
    draft, other = (
        Appeal(body="Thank you for reading. Will you stay?"),
        Appeal(body="Thank you for reading. Do stay now."),
    )
    told = {item.trait.id: item.amount for item in advise(findings, draft, other).traits}
    assert told["question"] == 1
    assert "gratitude" not in told


def test_a_draft_is_read_in_its_parts(tmp_path) -> None:
    file = tmp_path / "draft.txt"
    file.write_text("Headline: We thank you\nbody: Line one.\nLine two: more.\nAmounts: 3, 7.50\n", encoding="utf-8")
    draft = read_draft(file)
    assert (draft.headline, draft.body) == ("We thank you", "Line one.\nLine two: more.")
    assert [float(amount) for amount in draft.amounts] == [3, 7.5]
    file.write_text("Only words", encoding="utf-8")
    assert read_draft(file).body == "Only words"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no words"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
        (b"amounts: many\nbody: x", "'many', which is no number"),
        (b"amounts: -3\nbody: x", "amounts are above 0"),
        (b"x" * 60_000, "60000 characters"),
    ],
)
def test_a_draft_that_cannot_be_used_says_why(tmp_path, content: bytes, said: str) -> None:
    file = tmp_path / "draft.txt"
    file.write_bytes(content)
    with pytest.raises(DraftError, match=said):
        read_draft(file)


def test_a_draft_that_is_missing_says_so(tmp_path) -> None:
    with pytest.raises(DraftError, match="cannot be read"):
        read_draft(tmp_path / "none.txt")
