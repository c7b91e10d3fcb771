"""Verdicts and trust checks as causes of alarms, in the words of the pages."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.alarms import Cause
from analysis.experiment_result import ExperimentResult
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.verdicts import verdict_words
from dashboards.phrasing.voice import voice
from dashboards.phrasing.words import plain
from dashboards.reading import Reading

#: Verdicts that somebody acts on.
REACHED = ("use_it", "stop_harm", "no_difference", "cannot_tell")


def verdict_causes(results: Sequence[ExperimentResult], site_url: str = "") -> list[Cause]:
    """Return a cause for each test that has a verdict, and for each trust check that holds one back."""
    found = []
    for result in results:
        spoken = voice(result.audience, result.experiment.surface)
        name, identity = plain(result.experiment.name), result.experiment.id
        page = f"experiments/{identity}.html"
        where = f"{site_url.rstrip('/')}/{page}" if site_url else f"{page} of the report site"
        words = verdict_words(result)
        verdict = str(result.decision["verdict"])
        if verdict in REACHED:
            key = f"verdict/{identity}/{verdict}/{result.decision['variant_id']}/{result.decision['basis']}"
            told = f"{words.headline}. {words.money_line}"
            found.append(Cause("verdict", key, f"{name}: {words.badge}", told, f"{words.advice} Read {where}."))
        if verdict != "fix_first":
            continue
        for check in checks_in_words(Reading(result), spoken):
            if check.status == "block":
                found.append(
                    Cause(
                        "trust",
                        f"trust/{identity}/{check.name}",
                        f"{name}: {check.short}",
                        f"{check.sentence} No verdict is given until this is mended.",
                        f"Read “Can we trust it?” on {where}; docs/methods/trust-checks.md says what each check asks.",
                    )
                )
    return found
