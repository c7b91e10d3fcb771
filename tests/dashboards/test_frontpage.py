"""The front page: which shelf a test stands on, and that it fits whatever there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from analysis.experiment_result import ExperimentResult
from dashboards.frontpage import index_report, shelve
from dashboards.html import StaticFiles, render
from tests.dashboards.builders import AUDIENCE, EDITION, STORIES, TODAY, tell

ASKING = next(story for story in STORIES if tell(story).decision["verdict"] == "keep_asking")
PROVEN = next(story for story in STORIES if tell(story).decision["verdict"] == "use_it")


def ended(result: ExperimentResult, days_ago: int, window_hours: int | None = 14 * 24) -> ExperimentResult:
    end = TODAY - timedelta(days=days_ago)
    experiment = result.experiment.model_copy(update={"planned_end": end})
    return replace(result, experiment=experiment, window_hours=window_hours)


def shelf_of(result: ExperimentResult) -> str:
    shelf = shelve([result])
    return next(name for name, found in vars(shelf).items() if found)


@pytest.mark.parametrize(
    ("days_ago", "window_hours", "name"),
    [
        (-1, 14 * 24, "running"),
        (0, 14 * 24, "running"),
        (1, 14 * 24, "maturing"),
        (13, 14 * 24, "maturing"),
        (14, 14 * 24, "finished"),
        (1, 36, "maturing"),
        (2, 36, "finished"),
        (1, None, "finished"),
    ],
)
def test_a_test_matures_from_its_planned_end_until_its_last_window_ends(
    days_ago: int, window_hours: int | None, name: str
) -> None:
    assert shelf_of(ended(tell(ASKING), days_ago, window_hours)) == name


def test_what_needs_a_person_stands_there_for_a_week_then_it_matures() -> None:
    assert shelf_of(ended(tell(PROVEN), 7)) == "needs"
    assert shelf_of(ended(tell(PROVEN), 8)) == "maturing"


def test_a_maturing_test_says_until_when_outcomes_come_in() -> None:
    page = index_report([ended(tell(ASKING), 3)], AUDIENCE, EDITION)
    shelves = {shelf.id: shelf for shelf in page.lists}
    assert list(shelves) == ["needs", "running", "maturing", "finished"]
    (row,) = shelves["maturing"].rows
    assert row.days.endswith("; outcomes still come in until 20 Nov")
    assert "1 is maturing." in page.standfirst


def test_five_hundred_tests_fit_the_front_page_with_sixty_that_run_or_need_somebody() -> None:
    def copies(result: ExperimentResult, number: int, name: str) -> list[ExperimentResult]:
        return [
            replace(result, experiment=result.experiment.model_copy(update={"id": f"{name}-{place}"}))
            for place in range(number)
        ]

    many = [
        *copies(tell(PROVEN), 20, "needs"),
        *copies(tell(ASKING), 40, "running"),
        *copies(ended(tell(ASKING), 60), 440, "finished"),
    ]
    page = index_report(many, AUDIENCE, EDITION)
    assert {shelf.id: len(shelf.rows) for shelf in page.lists} == {
        "needs": 20, "running": 40, "maturing": 0, "finished": 20,
    }  # fmt: skip
    assert len(render(page, StaticFiles("f", "s", "a", "p"), stamp=None).encode()) <= 160_000


def test_the_axis_of_the_strips_is_drawn_once_and_shown_again_under_each() -> None:
    page = index_report([tell(story) for story in STORIES], AUDIENCE, EDITION)
    text = render(page, StaticFiles("f", "s", "a", "p"), stamp=None)
    assert text.count('id="axis-tests"') == 1
    assert text.count('href="#axis-tests"') > len(STORIES) / 2
