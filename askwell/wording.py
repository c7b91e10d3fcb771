"""`askwell wording`: what past tests say to a draft: near texts, what each trait did, what a next test should vary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from analysis.edition import last_edition, past_of
from analysis.registry import read_registry
from analysis.settings import read_settings
from analysis.store import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.wording.drafts import DraftAdvice, DraftTrait
    from analysis.wording.findings import Findings

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
        DraftError: the draft, or the text it is held against, cannot be read.
        NothingToReport: no edition has been published yet.
        DraftError: there is no past test on the surface.
    """
    from analysis.wording.drafts import DraftError, advise, read_draft
    from analysis.wording.findings import find, surfaces
    from dashboards.phrasing.words import plain

    new, current = read_draft(draft), None if against is None else read_draft(against)
    settings = read_settings(settings_file)
    warehouse = Warehouse(settings)
    experiments = read_registry(settings.folders.experiments)
    past = past_of(warehouse, experiments, last_edition(warehouse))
    known = surfaces(past)
    if surface is not None and surface not in known:
        raise DraftError(f"--surface {surface!r} has no past test; there are tests on {', '.join(map(plain, known))}.")
    findings = find(past, surface=surface, language=language)
    advice = advise(findings, new, current)
    if as_json:
        typer.echo(json.dumps(_as_json(findings, advice), ensure_ascii=False, default=str))
    else:
        typer.echo("\n".join(_lines(findings, advice, has_other=current is not None)))


def _lines(findings: Findings, advice: DraftAdvice, *, has_other: bool) -> Iterator[str]:
    from dashboards.phrasing.words import plain

    yield (
        f"Past tests on surface {plain(findings.surface, 40)} in language {findings.language} that speak: {findings.tests:,}."
        + (f" Left out because a trust check blocks: {len(findings.excluded):,}." if findings.excluded else "")
    )
    yield _prediction(findings)
    yield ""
    yield "Nearest past texts"
    for neighbour in advice.neighbours:
        arm = neighbour.arm
        given = (
            f"{arm['conversions']:,} of {arm['readers']:,} {_did(arm['surface'])}"
            if arm["conversions"] is not None
            else "no counts"
        )
        yield f"  {neighbour.likeness:.2f}  {plain(str(arm['text']), 90)}"
        yield f"        {given}; {plain(str(arm['test_id']), 60)}/{plain(str(arm['arm_id']), 40)}, to {arm['ended'] or 'an unknown day'}"
    if not advice.neighbours:
        yield "  No past text shares enough words with it."
    yield ""
    yield "What its traits did" + (
        ", where it differs from the other text" if has_other else ", against a text without them"
    )
    for item in advice.traits:
        yield f"  {item.trait.name}: {_effect(item)}"
    if not advice.traits:
        yield "  It differs in no trait that Askwell knows." if has_other else "  It has no trait that Askwell knows."
    yield ""
    most = advice.teaches_most
    if most is None:
        yield "No single contrast is worth a test by what is known."
    else:
        yield f"A test that varies only this would teach most: {most.trait.name} ({most.trait.meaning.rstrip('.').lower()})."
    yield "Effects are what went together inside past tests, not causes; a test of the draft decides."


def _did(surface: object) -> str:
    """What the counted readers did: tests of headlines counted clicks, those of appeals gifts."""
    return "clicked" if surface == "headline" else "gave"


def _effect(item: DraftTrait) -> str:
    tests = item.effect["tests_varying"]
    if item.expected is None or item.low is None or item.high is None:
        return f"not known, {_REASONS.get(str(item.effect['reason']), 'not estimated')} (tests that vary it: {tests})."
    return (
        f"{item.expected:+.1%} expected; for one new pair of texts {item.low:+.0%} to {item.high:+.0%} "
        f"({item.effect['status']}, tests that vary it: {tests})."
    )


def _prediction(findings: Findings) -> str:
    from analysis.wording.prediction import NotJudged

    judged = findings.outcomes["conversion"].judged
    if isinstance(judged, NotJudged):
        return "Whether words predict here is not known: too few later tests to judge by. Read what follows as description."
    said = (
        f"{judged.accuracy.value:.1%} of pairs in later tests were told right (range {judged.accuracy.low:.1%} to "
        f"{judged.accuracy.high:.1%}; chance 50%, best possible {judged.ceiling:.1%})."
    )
    return said if judged.predicts else f"Words do not predict here: {said}"


def _as_json(findings: Findings, advice: DraftAdvice) -> dict[str, object]:
    from analysis.wording.prediction import NotJudged

    judged = findings.outcomes["conversion"].judged
    told: dict[str, object] = (
        {"reason": judged.reason, "tests": judged.tests}
        if isinstance(judged, NotJudged)
        else {
            "accuracy": [judged.accuracy.value, judged.accuracy.low, judged.accuracy.high],
            "ceiling": judged.ceiling,
            "predicts": judged.predicts,
            "tests": judged.judged_tests,
        }
    )
    shown = ("test_id", "arm_id", "text", "readers", "conversions", "ended", "origin")
    return {
        "surface": findings.surface,
        "language": findings.language,
        "tests": findings.tests,
        "excluded_tests": list(findings.excluded),
        "prediction": told,
        "neighbours": [
            {"likeness": near.likeness, **{name: near.arm[name] for name in shown}} for near in advice.neighbours
        ],
        "traits": [
            {
                "trait": item.trait.id,
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
        "teaches_most": None if advice.teaches_most is None else advice.teaches_most.trait.id,
    }
