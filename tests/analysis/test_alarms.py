"""Alarms against a real mail server: once per cause, never at night, and again only after the cause had gone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import get_args

import pytest

from analysis.alarms import RUNBOOK, Cause, Kind, is_quiet, tell, tell_test
from analysis.settings import Alarms, Settings, read_settings
from tests.analysis.test_delivery import Postbox, postbox  # noqa: F401 - the fixture
from tests.builders import TestPublisher
from tests.services import ROOT

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LATE = Cause(
    "late", "late//pageviews/2026-10-31", "No pageviews since 2026-10-31", "Nothing came.", "Look at the export."
)
FAILED = Cause("failed", "failed/everything/disk", "The run everything failed", "The disk is full.", "Make room.")


@pytest.fixture
def box(postbox: tuple[Postbox, int]) -> Postbox:  # noqa: F811
    return postbox[0]


@pytest.fixture
def settings(publisher: TestPublisher, postbox: tuple[Postbox, int]) -> Settings:  # noqa: F811
    publisher.settings_more = f"""
[delivery]
mail_to = ["lead@ledger.example"]
smtp_host = "127.0.0.1"
smtp_port = {postbox[1]}
[alarms]
mail_to = ["engineer@ledger.example"]
quiet_from = "22:00"
quiet_to = "07:00"
"""
    publisher.write_settings()
    return read_settings(publisher.folder)


def look(settings: Settings, *causes: Cause, now: datetime = NOON) -> list[str]:
    return [receipt.outcome for receipt in tell(settings, causes, now, looked_for=("late", "failed"))]


def test_a_cause_is_told_once_and_says_what_to_do(settings: Settings, box: Postbox) -> None:
    assert look(settings, LATE) == ["sent"]
    assert look(settings, LATE) == []
    (message,) = box.messages
    assert box.recipients == ["engineer@ledger.example"]
    assert message["Subject"] == "Askwell, The Test Courier: No pageviews since 2026-10-31"
    assert "What to do: Look at the export." in message.get_content()


def test_every_kind_of_alarm_has_its_entry_in_the_runbook_and_names_it(settings: Settings, box: Postbox) -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(RUNBOOK) == set(get_args(Kind))
    assert [heading for heading in RUNBOOK.values() if heading not in headings] == []
    look(settings, LATE, FAILED)
    text = " ".join(box.messages[0].get_content().split())
    assert "docs/runbook.md says more under “No … since …” and “The run … failed”." in text


def test_causes_that_open_together_make_one_message(settings: Settings, box: Postbox) -> None:
    assert look(settings, LATE, FAILED) == ["sent"]
    assert box.messages[0]["Subject"].endswith("since 2026-10-31, and 1 more")
    assert "Make room." in box.messages[0].get_content()


def test_a_cause_that_had_gone_is_told_again(settings: Settings, box: Postbox) -> None:
    look(settings, FAILED)
    look(settings)
    assert look(settings, FAILED, now=datetime(2026, 11, 3, 12, tzinfo=UTC)) == ["sent"]
    assert len(box.messages) == 2


def test_a_kind_that_was_not_looked_for_stays_open(settings: Settings, box: Postbox) -> None:
    look(settings, FAILED)
    tell(settings, [], NOON, looked_for=("late",))
    assert look(settings, FAILED) == []
    assert len(box.messages) == 1


def test_alarms_wait_for_the_morning_and_what_passed_by_then_is_not_told(settings: Settings, box: Postbox) -> None:
    night, morning = datetime(2026, 11, 2, 23, tzinfo=UTC), datetime(2026, 11, 3, 7, tzinfo=UTC)
    assert look(settings, LATE, FAILED, now=night) == []
    assert look(settings, LATE, now=morning) == ["sent"]
    assert "The run" not in box.messages[0].get_content()


def test_a_mail_server_that_is_away_gets_it_later_and_once(
    settings: Settings, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.delivery.WAITS", ())
    box.answers = ["451 come back later"]
    assert look(settings, LATE) == ["failed"]
    assert look(settings, LATE, FAILED) == [
        "sent",
        "sent",
    ]  # the old message by its own key, the new cause in a new one
    assert look(settings, LATE, FAILED) == []
    assert len(box.messages) == 2


def test_kinds_that_are_off_are_not_told(publisher: TestPublisher, settings: Settings, box: Postbox) -> None:
    publisher.settings_more = publisher.settings_more.replace("[alarms]", '[alarms]\noff = ["late"]')
    publisher.write_settings()
    assert look(read_settings(publisher.folder), LATE, FAILED) == ["sent"]
    assert "pageviews" not in box.messages[0].get_content()


def test_a_test_comes_at_any_hour_and_every_time(settings: Settings, box: Postbox) -> None:
    for second in (1, 2):
        (receipt,) = tell_test(settings, datetime(2026, 11, 2, 23, 0, second, tzinfo=UTC))
        assert receipt.outcome == "sent"
    assert len(box.messages) == 2
    assert "This is a test" in box.messages[0]["Subject"]


def test_a_record_that_is_broken_tells_again_rather_than_never(settings: Settings, box: Postbox) -> None:
    look(settings, LATE)
    (settings.delivery.folder / "alarms.json").write_text("[1, 2", encoding="utf-8")
    assert look(settings, LATE, now=datetime(2026, 11, 2, 13, tzinfo=UTC)) == ["sent"]


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        (("22:00", "07:00"), "21:59", False),
        (("22:00", "07:00"), "22:00", True),
        (("22:00", "07:00"), "06:59", True),
        (("22:00", "07:00"), "07:00", False),
        (("12:00", "13:00"), "12:30", True),
        (("12:00", "13:00"), "13:00", False),
        (("", ""), "03:00", False),
    ],
)
def test_quiet_hours_may_span_midnight(hours: tuple[str, str], at: str, quiet: bool) -> None:
    assert is_quiet(Alarms(quiet_from=hours[0], quiet_to=hours[1]), time.fromisoformat(at)) is quiet


def test_quiet_hours_need_both_ends() -> None:
    with pytest.raises(ValueError, match="go together"):
        Alarms(quiet_from="22:00")
