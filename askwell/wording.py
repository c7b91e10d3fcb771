"""`askwell wording`: what past tests say to a draft: near texts, what each trait did, what a next test should vary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from analysis.edition import last_edition, past_of, wording_of
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analysis.wording.drafts import DraftAdvice, DraftTrait, Neighbour
    from analysis.wording.result import WordingResult

_REASONS = {
    "seen_too_seldom": "too few of your tests have had it",
    "varies_too_seldom": "too few of your tests have varied it",
    "same_as_others": "it always came with other traits",
    "too_few_tests": "there are too few tests",
}


def run_wording(
    draft: Path,
    settings_file: Path,
    *,
    against: Path | None,
    surface: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Print what the past says to the draft; never one score.

    Raises:
        DraftError: the draft, or the text it is held against, cannot be read, or there is no past test on the surface.
        NothingToReport: no edition has been published yet.
    """
    import polars as pl

    from analysis.wording.drafts import DraftError, advise, read_draft
    from dashboards.phrasing.words import plain

    new, current = read_draft(draft), None if against is None else read_draft(against)
    settings = read_settings(settings_file)
    warehouse = Warehouse(settings)
    edition = last_edition(warehouse)
    told = wording_of(warehouse, edition)
    if surface is not None and surface not in told.surfaces:
        raise DraftError(
            f"--surface {surface!r} has no past test; there are tests on {', '.join(map(plain, told.surfaces))}."
        )
    place = surface or told.surfaces[0]
    known = told.on(place)
    spoken = (language or str(known.outcome()["language"])).split("-")[0].lower()
    past = past_of(warehouse, read_registry(settings.folders.experiments, settings.shared), edition).on(place)
    arms = past.arms.filter(pl.col("language").str.to_lowercase().str.split("-").list.first() == spoken)
    advice = advise(known, arms.drop_nulls("text"), new, current, language=spoken, own=settings.traits)
    if as_json:
        typer.echo(json.dumps(_as_json(known, advice, spoken), ensure_ascii=False, default=str))
    else:
        typer.echo("\n".join(_lines(known, advice, spoken, has_other=current is not None)))


def _lines(known: WordingResult, advice: DraftAdvice, spoken: str, *, has_other: bool) -> Iterator[str]:
    from dashboards.phrasing.words import plain

    row = known.outcome()
    yield (
        f"Past tests on surface {plain(str(row['surface']), 40)} in language {row['language']} that speak: {row['tests']:,}."
        + (f" Left out because a trust check blocks: {row['tests_left_out']:,}." if row["tests_left_out"] else "")
    )
    yield _prediction(row)
    yield ""
    yield "Nearest past texts, by the words they share (1 is the same words)"
    for neighbour in advice.neighbours:
        yield from _near(neighbour)
    if not advice.neighbours:
        yield (
            f"  No past text shares enough words with it. Effects below are of texts in {row['language']}; say --language where the "
            "draft is in another one."
        )
    yield ""
    if spoken != row["language"]:
        yield f"What its traits did is not known in language {plain(spoken, 20)}: effects are of texts in {row['language']}."
        return
    yield "What its traits did" + (
        ", where it differs from the other text" if has_other else ", against a text without them"
    )
    for item in advice.traits:
        yield f"  {item.name}: {_effect(item)}"
    if not advice.traits:
        yield "  It differs in no trait that Askwell knows." if has_other else "  It has no trait that Askwell knows."
    yield ""
    if not advice.teaches_most:
        yield "No single contrast is worth a test by what is known."
    else:
        most, *equal = advice.teaches_most
        yield (
            f"A test that varies only this would teach most: {most.name} ({str(most.effect['meaning']).rstrip('.').lower()}; "
            f"tests that varied it: {most.effect['tests_varying']})."
        )
        if equal:
            yield f"As much would: {', '.join(item.name for item in equal)}."
    yield "Effects are what went together inside past tests, not causes; a test of the draft decides."


def _near(neighbour: Neighbour) -> Iterator[str]:
    from dashboards.phrasing.words import plain

    arm = neighbour.arm
    given = (
        f"{arm['conversions']:,} of {arm['readers']:,} {_did(arm['surface'])}"
        if arm["conversions"] is not None
        else "no counts"
    )
    if neighbour.lift is not None:
        given += f", {neighbour.lift:+.0%} against the rest of its test ({neighbour.low:+.0%} to {neighbour.high:+.0%})"
    yield f"  {neighbour.likeness:.2f}  {plain(str(arm['text']), 90)}"
    yield f"        {given}; {plain(str(arm['test_id']), 60)}/{plain(str(arm['arm_id']), 40)}, to {arm['ended'] or 'an unknown day'}"


def _did(surface: object) -> str:
    """What the counted readers did: tests of headlines counted clicks, those of appeals gifts."""
    return {"headline": "clicked", "paywall": "subscribed", "registration": "registered", "unknown": "converted"}.get(
        str(surface), "gave"
    )


def _effect(item: DraftTrait) -> str:
    tests = item.effect["tests_varying"]
    if item.expected is None or item.low is None or item.high is None:
        return f"not known, {_REASONS.get(str(item.effect['reason']), 'not estimated')} (tests that vary it: {tests})."
    return (
        f"{item.expected:+.1%} expected; for one new pair of texts {item.low:+.0%} to {item.high:+.0%} "
        f"({item.effect['status']}, tests that vary it: {tests})."
    )


def _prediction(row: Mapping[str, object]) -> str:
    if row["reason"] is not None:
        return "Whether words predict here is not known: too few later tests to judge by. Read what follows as description."
    said = (
        f"{row['accuracy']:.1%} of pairs in later tests were told right (range {row['accuracy_low']:.1%} to "
        f"{row['accuracy_high']:.1%}; chance 50%, best possible {row['ceiling']:.1%})."
    )
    return said if row["is_predicting"] else f"Words do not predict here: {said}"


def _as_json(known: WordingResult, advice: DraftAdvice, spoken: str) -> dict[str, object]:
    row = known.outcome()
    told: dict[str, object] = (
        {"reason": row["reason"], "tests": row["judged_tests"]}
        if row["reason"] is not None
        else {
            "accuracy": [row["accuracy"], row["accuracy_low"], row["accuracy_high"]],
            "ceiling": row["ceiling"],
            "predicts": row["is_predicting"],
            "tests": row["judged_tests"],
        }
    )
    shown = ("test_id", "arm_id", "text", "readers", "conversions", "ended", "origin")
    return {
        "surface": row["surface"],
        "language": spoken,
        "language_of_effects": row["language"],
        "tests": row["tests"],
        "tests_left_out": row["tests_left_out"],
        "prediction": told,
        "neighbours": [
            {
                "likeness": near.likeness,
                **{name: near.arm[name] for name in shown},
                "lift_in_its_test": near.lift,
                "low": near.low,
                "high": near.high,
            }
            for near in advice.neighbours
        ],
        "traits": [
            {
                "trait": item.effect["trait"],
                "name": item.name,
                "amount": item.amount,
                "status": item.effect["status"],
                "reason": item.effect["reason"],
                "tests_varying": item.effect["tests_varying"],
                "expected_lift": item.expected,
                "low": item.low,
                "high": item.high,
                "gain_of_a_test": item.gain,
            }
            for item in advice.traits
        ],
        "teaches_most": advice.teaches_most[0].effect["trait"] if advice.teaches_most else None,
        "teach_as_much": [item.effect["trait"] for item in advice.teaches_most[1:]],
    }
