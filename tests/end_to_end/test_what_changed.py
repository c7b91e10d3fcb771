"""The front page says why numbers differ from the edition before, each reason apart, on the real pipeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analysis.edition import audience_of, last_edition, results, stamp_of
from dashboards.frontpage import changes, index_report, why_numbers_changed
from dashboards.phrasing.voice import voice
from tests.analysis.test_database import published
from tests.builders import TestPublisher, appeal_event, gift

#: The first edition counts the first day and is made on the morning after it; the second a day later.
FIRST, SECOND = "10-05", "10-06"
MORNING = datetime(2026, 10, 6, 9, tzinfo=UTC)
NEXT_MORNING = MORNING + timedelta(days=1)


@pytest.fixture
def told(publisher: TestPublisher) -> TestPublisher:
    """A publisher whose first edition told of forty readers, six of whom gave."""
    publisher.land("appeal_events", asked(FIRST, range(40)), "first.ndjson", FIRST_FOLDER)
    gifts = [gift(f"{FIRST} 13:00", f"r{number}", contribution_id=f"g{number}") for number in range(6)]
    publisher.land("contributions", gifts, "gifts.ndjson", FIRST_FOLDER)
    published(publisher, MORNING)
    return publisher


FIRST_FOLDER = f"2026-{FIRST}"


def asked(day: str, readers: range) -> list[dict[str, object]]:
    return [appeal_event(f"{day} 12:00", f"r{number}", ("current", "thanks")[number % 2]) for number in readers]


def reasons(publisher: TestPublisher, now: datetime = MORNING) -> tuple[str, ...]:
    """Why numbers changed, as the front page of an edition made now says it after the verdicts that changed."""
    published(publisher, now)
    warehouse, experiments = publisher.warehouse, publisher.experiments
    edition = last_edition(warehouse)
    assert edition.number == 2
    found, audience = results(warehouse, experiments, edition), audience_of(publisher.settings, experiments)
    said = why_numbers_changed(found, voice(audience))
    assert index_report(found, audience, stamp_of(edition)).changes == (*changes(found), *said)
    return said


def test_a_new_day_brings_readers_matured_outcomes_and_refunds(told: TestPublisher) -> None:
    told.land("appeal_events", asked(SECOND, range(100, 110)))
    back = gift(f"{SECOND} 14:00", "r0", 600, refund_of="g0")
    told.land("contributions", [gift(f"{SECOND} 13:00", name) for name in ("r7", "r8", "r100")] + [back])
    assert reasons(told, NEXT_MORNING) == (
        "New readers: 10 more since 5 Oct; outcomes of theirs so far: 1.",
        "Matured outcomes: 2 readers first asked by 5 Oct acted since.",
        "Refunds: 1 came since 5 Oct and took back £6.00.",
    )


def test_rows_that_came_late_are_told_apart(told: TestPublisher) -> None:
    told.land("appeal_events", asked(FIRST, range(200, 203)))
    told.land("contributions", [gift(f"{FIRST} 15:00", "r200")])
    assert reasons(told) == ("Late rows came in for days up to 5 Oct. Readers: +3, outcomes: +1.",)


def test_rows_that_were_withdrawn_are_told_apart(told: TestPublisher) -> None:
    told.land("appeal_events", asked(FIRST, range(38)), "first.ndjson", FIRST_FOLDER)
    assert reasons(told) == ("Rows of days up to 5 Oct were withdrawn. Readers: −2, outcomes: −0.",)


def test_a_changed_definition_is_told_apart_and_names_the_test(told: TestPublisher) -> None:
    told.register(more="window_hours = 1")
    (said,) = reasons(told)
    assert said.startswith("Changed definition: ")
    assert said.endswith("Up to 5 Oct, readers differ by 0 and outcomes by 6 from what was told then.")


def test_an_edition_that_changes_no_number_gives_no_reason(told: TestPublisher) -> None:
    told.land("pageviews", [{"event_id": "p", "occurred_at": f"2026-{FIRST}T12:00:00Z", "reader_id": "r1"}])
    assert reasons(told) == ()
