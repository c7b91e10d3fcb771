"""`askwell wording` and the page, with a history taken in by `askwell import`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from analysis.database import open_database
from analysis.edition import draft, publish, write_decisions, write_estimates, write_statistics
from dashboards.edition import publish_site
from tests.askwell.test_commands import askwell
from tests.builders import NOW, TestPublisher, appeal_event
from tests.wording_builders import simulated_past


def published(publisher: TestPublisher) -> int:
    publisher.statistics(NOW)
    warehouse, experiments = publisher.warehouse, publisher.experiments
    with warehouse.writing():
        edition = draft(warehouse, experiments, NOW + timedelta(hours=1))
        write_statistics(warehouse, experiments, edition)
        write_estimates(warehouse, experiments, edition)
        write_decisions(warehouse, experiments, edition)
        publish(warehouse, experiments, edition)
        publish_site(warehouse, experiments, edition)
    return edition.number


@pytest.fixture
def running(publisher: TestPublisher) -> TestPublisher:
    publisher.register()
    publisher.land("appeal_events", [appeal_event("10-05 12:00", f"r{reader}") for reader in range(20)])
    return publisher


def test_a_history_that_is_imported_makes_an_edition_a_page_and_an_answer(running: TestPublisher) -> None:
    assert published(running) == 1
    page = running.settings.folders.site / "wording.html"
    assert "Too few tests to say which words work" in page.read_text(encoding="utf-8")
    history = running.folder / "old.csv"
    simulated_past(120).arms.select("test_id", "arm_id", "ended", "readers", "conversions", headline="text").write_csv(
        history
    )
    askwell("import", history, cwd=running.folder)
    refused = askwell("run", "--publish-only", cwd=running.folder, ok=False)
    assert refused.returncode == 1
    assert "run `askwell run` without --publish-only" in refused.stderr
    assert published(running) == 2
    assert published(running) == 2, "nothing new, no new edition"
    assert "Words tell the better of two texts in " in page.read_text(encoding="utf-8")
    with open_database(running.settings.folders.database) as database:
        told = database.sql(
            "SELECT status FROM wording_effects WHERE outcome = 'conversion' AND trait = 'gratitude'"
        ).fetchall()
    assert told[0][0] in ("confirmed", "leaning")
    text = running.folder / "draft.txt"
    text.write_text("headline: Thank you for reading\nbody: The appeal ends on Friday.", encoding="utf-8")
    answer = json.loads(askwell("wording", text, "--json", cwd=running.folder).stdout)
    assert answer["prediction"]["predicts"]
    traits = {row["trait"]: row for row in answer["traits"]}
    assert traits["gratitude"]["low"] < traits["gratitude"]["expected_lift"] < traits["gratitude"]["high"]
    assert traits["deadline"]["expected_lift"] is None
    assert answer["neighbours"][0]["origin"] in ("old", "own")
    assert answer["surface"] == "unknown", "the file did not say where its appeals stood"
    nowhere = askwell("wording", text, "--surface", "moon", cwd=running.folder, ok=False)
    assert nowhere.returncode == 1
    assert "--surface 'moon' has no past test; there are tests on unknown" in nowhere.stderr
    said = askwell("wording", text, cwd=running.folder).stdout
    assert "Effects are what went together inside past tests, not causes" in said
    assert "score" not in said


def test_without_an_edition_or_a_draft_one_sentence_says_what_to_do(running: TestPublisher, tmp_path: Path) -> None:
    text = tmp_path / "draft.txt"
    text.write_text("Thank you", encoding="utf-8")
    done = askwell("wording", text, cwd=running.folder, ok=False)
    assert done.returncode == 1
    assert "No edition has been published yet" in done.stderr
    missing = askwell("wording", tmp_path / "none.txt", cwd=running.folder, ok=False)
    assert missing.returncode == 1
    assert "cannot be read" in missing.stderr
