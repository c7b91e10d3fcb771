"""What one publisher's tests say: arms from the tables of an edition, broken splits left out, known effects recovered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from analysis.registry import Appeal
from analysis.wording.drafts import DraftError, advise, read_draft
from analysis.wording.findings import Findings, find
from analysis.wording.lexicon import OwnTrait
from analysis.wording.past import PAST_SCHEMA, Past, imported_past, own_past
from analysis.wording.prediction import NotJudged, OutOfSample
from analysis.wording.result import WordingResult
from analysis.wording.tables import WORDING_TABLES
from analysis.wording.traits import CODED_BY_PEOPLE
from tests.wording_builders import EFFECTS, simulated_past, told


@pytest.fixture(scope="module")
def findings() -> Findings:
    """400 tests in which a thank-you brings 20 % more, a question 15 % less, and nothing else does anything."""
    return find(simulated_past(400))


@pytest.fixture(scope="module")
def history() -> Past:
    return simulated_past(400)


@pytest.fixture(scope="module")
def known(history: Past) -> WordingResult:
    return told(history)


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
    nothing = Past(pl.DataFrame(schema=PAST_SCHEMA))
    found = told(nothing)
    assert found.outcome()["tests"] == 0
    assert found.surfaces == ("unknown",)
    assert advise(found, nothing.arms, Appeal(body="Thank you")).neighbours == ()


def test_examples_are_pairs_of_one_test_that_differ_in_the_trait(known: WordingResult) -> None:
    pairs = known.examples.filter(trait="gratitude")
    assert pairs["side"].to_list() == ["more", "less"]
    assert [lift > 0 for lift in pairs["lift"]] == [True, False]
    for pair in pairs.iter_rows(named=True):
        assert "Thank you" in pair["with_text"]
        assert "Thank you" not in pair["without_text"]
    assert known.examples.filter(trait="deadline").is_empty()


def test_the_tables_are_those_of_the_database(known: WordingResult) -> None:
    for table in WORDING_TABLES:
        assert known.frames[table.name].schema == pl.Schema(table.schema), table.name
    assert set(known.effects["outcome"]) == {"conversion", "value"}
    gratitude = known.effects.filter(trait="gratitude", outcome="value").row(0, named=True)
    assert (gratitude["name"], gratitude["unit"]) == ("Gratitude", "present")


def test_a_click_on_a_headline_is_not_added_to_a_gift() -> None:
    """Thanks raise gifts and lower clicks: taken together they would seem to do little."""
    gifts = simulated_past(150).arms
    clicks = simulated_past(100, effects={"gratitude": -0.3}, seed=8).arms.with_columns(
        surface=pl.lit("headline"), test_id=pl.lit("h") + pl.col("test_id"), block_id=pl.lit("h") + pl.col("test_id")
    )
    unsaid = simulated_past(3).arms.with_columns(
        surface=pl.lit("unknown"), test_id=pl.lit("u") + pl.col("test_id"), block_id=pl.lit("u") + pl.col("test_id")
    )
    found = told(Past(pl.concat([clicks, unsaid, gifts])))
    assert found.prediction.filter(outcome="conversion").select("surface", "tests").rows() == [
        ("donation", 150),
        ("headline", 100),
        ("unknown", 3),
    ]
    table = found.effects.filter((pl.col("trait") == "gratitude") & (pl.col("outcome") == "conversion"))
    lifts = dict(table.select("surface", "lift").iter_rows())
    assert lifts["donation"] > 0.1
    assert lifts["headline"] < -0.2
    assert lifts["unknown"] is None
    assert found.on("donation").effects.equals(told(Past(gifts)).effects)


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
    assert past.left_out["test_id"].to_list() == ["old/b"]
    assert past.arms["text"].to_list() == ["Thank you\nGive.", "Please help"]
    assert set(past.arms["test_id"]) == {"old/a"}


def test_a_history_imported_under_two_names_counts_once() -> None:
    arms = simulated_past(6).arms
    table = arms.select(
        "test_id", "arm_id", "ended", "language", "lowest_amount", "readers", "conversions", "value",
        surface=pl.lit(" "), headline="text", body=pl.lit(None, dtype=pl.String), highlight=pl.lit(None, dtype=pl.String),
        button=pl.lit(None, dtype=pl.String), is_split_broken=pl.lit(False),
    )  # fmt: skip
    past = imported_past({"old": table, "again": table.head(9)})
    assert past.arms["test_id"].n_unique() == 6
    assert past.arms.height == arms.height
    assert set(past.arms["surface"]) == {"unknown"}, "an empty surface is one that is not said"


def test_money_of_imported_tests_counts_as_if_gifts_were_as_uneven_as_in_a_published_test() -> None:
    table = simulated_past(80).arms.with_columns(value=pl.col("conversions") * 20.0).select(
        "test_id", "arm_id", "ended", "language", "lowest_amount", "readers", "conversions", "value", "surface",
        headline="text", body=pl.lit(None, dtype=pl.String), highlight=pl.lit(None, dtype=pl.String),
        button=pl.lit(None, dtype=pl.String), is_split_broken=pl.lit(False),
    )  # fmt: skip
    found = told(imported_past({"old": table})).effects.filter(trait="gratitude")
    by_outcome = {row["outcome"]: row for row in found.iter_rows(named=True)}
    assert by_outcome["value"]["lift"] == pytest.approx(by_outcome["conversion"]["lift"], abs=0.03)
    assert by_outcome["value"]["low"] < EFFECTS["gratitude"] < by_outcome["value"]["high"]


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
    assert blocked.left_out.rows() == [("parts", "donation")]


# -- people -------------------------------------------------------------------------------------------------------------


def coded(rows: list[tuple[str, str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CODED_BY_PEOPLE, orient="row")


def test_people_overrule_the_rules_and_their_agreement_is_told(history: Past) -> None:
    """Of 60 texts people call two a question that no rule sees, and see no thanks in ten that have them."""
    first = history.arms.head(60)
    rows = []
    for place, arm in enumerate(first.iter_rows(named=True)):
        has = {"gratitude": "Thank you" in arm["text"], "question": "?" in arm["text"]}
        thanked = has["gratitude"] and first["text"].head(place).str.contains("Thank you").sum() >= 10
        rows.append((arm["test_id"], arm["arm_id"], "gratitude", float(thanked)))
        rows.append((arm["test_id"], arm["arm_id"], "question", float(has["question"] or place in (0, 7))))
    found = find(replace(history, people=coded(rows)))
    agreement = {row["trait"]: row for row in found.agreement.iter_rows(named=True)}
    assert agreement["gratitude"]["seen_by_rules"] == 10
    assert agreement["question"]["seen_by_rules"] == 0
    assert agreement["gratitude"]["kappa"] < agreement["question"]["kappa"] <= 1
    assert agreement["gratitude"]["low"] < agreement["gratitude"]["kappa"] < agreement["gratitude"]["high"]
    assert found.arms.head(60)["gratitude"].sum() == find(history).arms.head(60)["gratitude"].sum() - 10


def test_a_trait_of_a_newsrooms_own_is_estimated_by_its_phrases_or_by_what_people_said(history: Past) -> None:
    own = {
        "harbour": OwnTrait(name="Harbour", meaning="Speaks of the harbour.", phrases=("harbour*",)),
        "warm": OwnTrait(name="Warm", meaning="Sounds warm."),
        "never": OwnTrait(name="Never", meaning="Nobody has coded it."),
    }
    people = coded(
        [
            (arm["test_id"], arm["arm_id"], "warm", float("Thank you" in arm["text"]))
            for arm in history.arms.head(300).iter_rows(named=True)
        ]
    )
    found = find(replace(history, people=people), own)
    effects = {row["trait"]: row for row in found.outcomes["conversion"].effects.table.iter_rows(named=True)}
    assert effects["harbour"]["reason"] == "varies_too_seldom"
    assert effects["harbour"]["tests_seen"] > 0
    assert effects["warm"]["tests_varying"] > 50
    assert "never" not in effects


# -- drafts -------------------------------------------------------------------------------------------------------------


def test_a_draft_gets_neighbours_expected_effects_and_a_contrast(history: Past, known: WordingResult) -> None:
    draft = Appeal(body="Thank you for reading. Will you stay? The appeal ends on Friday.")
    advice = advise(known, history.arms, draft)
    by_trait = {item.effect["trait"]: item for item in advice.traits}
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
    assert advice.teaches_most[0].gain == pytest.approx(max(item.gain for item in advice.traits), rel=1e-3)
    near = advice.neighbours[0]
    assert near.low is not None
    assert near.lift is not None
    assert near.high is not None
    assert near.low < near.lift < near.high


def test_of_traits_whose_tests_teach_alike_the_least_tested_is_named_first(history: Past, known: WordingResult) -> None:
    draft = Appeal(body="Give today. The appeal ends on Friday. Independent journalism is at stake.")
    advice = advise(known, history.arms, draft)
    first, *equal = advice.teaches_most
    assert [first.name, *(item.name for item in equal)] == ["Deadline", "Independence", "Stakes", "Urgency"]
    assert {item.gain for item in equal} == {first.gain}


def test_of_a_draft_in_another_language_no_trait_is_told(history: Past, known: WordingResult) -> None:
    advice = advise(known, history.arms.clear(), Appeal(body="Danke. Thank you."), language="de")
    assert (advice.traits, advice.neighbours, advice.teaches_most) == ((), (), ())


def test_against_another_text_only_what_differs_is_told(history: Past, known: WordingResult) -> None:
    draft, other = (
        Appeal(body="Thank you for reading. Will you stay?"),
        Appeal(body="Thank you for reading. Do stay now."),
    )
    differs = {item.effect["trait"]: item.amount for item in advise(known, history.arms, draft, other).traits}
    assert differs["question"] == 1
    assert "gratitude" not in differs


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
