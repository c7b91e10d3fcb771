"""Alarms: what needs a person, told once per cause, with what to do, and not at night.

A cause is open as long as it is found. It is told when it opens, by `analysis.delivery`, and again only after it had gone.
Several causes that open together make one message. What has passed by itself before it was told is never told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Literal

from analysis.delivery import Letter, Receipt, alone, deliver, replace_file
from analysis.freshness import Feed
from analysis.settings import Alarms, Delivery, Settings

Kind = Literal["trust", "verdict", "late", "failed"]

#: Heading of docs/runbook.md that says more about a kind of cause.
RUNBOOK: dict[Kind, str] = {
    "failed": "The run … failed",
    "late": "No … since …",
    "trust": "… were not split as planned, and other trust checks",
    "verdict": "… has a verdict",
}

#: Which causes are open, since when and in which message they were told; beside the messages.
STATE_FILE = "alarms.json"


@dataclass(frozen=True)
class Cause:
    """Something that needs a person.

    Attributes:
        key: What makes it this cause and no other, over all ticks that find it.
        subject: A line.
        happened: What was found, a sentence or two.
        remedy: What to do.
    """

    kind: Kind
    key: str
    subject: str
    happened: str
    remedy: str


@dataclass(frozen=True)
class _Open:
    since: str
    letter: str = ""
    is_told: bool = False


def late_feed(feed: Feed) -> Cause:
    """The cause of a feed that fell silent."""
    days = "a full day" if feed.days == 1 else f"{feed.days} full days"
    return Cause(
        "late",
        f"late/{feed.source}/{feed.kind}/{feed.newest}",
        f"No {feed.name} since {feed.newest}",
        f"The last day with {feed.name} is {feed.newest}; {days} brought nothing, after {feed.pace:,.0f} rows a day before.",
        "Look at the export and at the landing folder: has a file come? `askwell check` says what would be read. Pages "
        "show the last day that is complete; nothing has to be computed again by hand once the files are there.",
    )


def tell(
    settings: Settings, causes: Sequence[Cause], now: datetime, *, looked_for: Collection[Kind]
) -> tuple[Receipt, ...]:
    """Tell the causes that are new; return what became of the messages.

    Args:
        settings: Where messages go, which kinds are off, and the quiet hours.
        causes: Everything that is open now, of the kinds in `looked_for`.
        now: An aware moment.
        looked_for: Kinds that were looked for; open causes of other kinds stay as they are.
    """
    folder = settings.delivery.folder
    folder.mkdir(parents=True, exist_ok=True)
    delivery = _delivery(settings)
    with alone(folder, ".alarms.lock"):
        before = _read(folder / STATE_FILE)
        found = {cause.key: cause for cause in causes if cause.kind not in settings.alarms.off}
        after = {key: state for key, state in before.items() if key.partition("/")[0] not in looked_for}
        after |= {key: before.get(key, _Open(now.astimezone(UTC).isoformat(timespec="seconds"))) for key in found}
        receipts: list[Receipt] = []
        if not is_quiet(settings.alarms, now.astimezone(settings.zone).time()):
            waiting = [key for key in found if not after[key].is_told]
            for letter, keys in _letters(waiting, after).items():
                # On record before it is sent: a second attempt uses the same key, and who has had it is left out.
                after |= {key: replace(after[key], letter=letter) for key in keys}
                _write(folder / STATE_FILE, after)
                answers = deliver(_letter(letter, [found[key] for key in keys], settings), delivery)
                receipts += answers
                if not any(answer.outcome == "failed" for answer in answers):
                    after |= {key: replace(after[key], is_told=True) for key in keys}
        if after != before:
            _write(folder / STATE_FILE, after)
    return tuple(receipts)


def tell_test(settings: Settings, now: datetime) -> tuple[Receipt, ...]:
    """Send an alarm that says it is a test, whatever the hour; return what became of it."""
    cause = Cause(
        "failed",
        "test",
        "This is a test",
        "Somebody asked Askwell to send an alarm as a test.",
        "Nothing. If you were not expecting it, ask whoever runs Askwell.",
    )
    key = f"alarm-test-{now.astimezone(UTC):%Y%m%dT%H%M%S%f}"
    return deliver(_letter(key, [cause], settings), _delivery(settings))


def is_quiet(alarms: Alarms, hour: time) -> bool:
    """Return whether alarms wait at this hour of the publisher's day; the hours may span midnight."""
    if not alarms.quiet_from:
        return False
    start, end = time.fromisoformat(alarms.quiet_from), time.fromisoformat(alarms.quiet_to)
    return start <= hour < end if start <= end else hour >= start or hour < end


def _delivery(settings: Settings) -> Delivery:
    if not settings.alarms.mail_to:
        return settings.delivery
    return settings.delivery.model_copy(update={"mail_to": settings.alarms.mail_to})


def _letters(waiting: Sequence[str], states: dict[str, _Open]) -> dict[str, list[str]]:
    """Causes by the message that tells them: that of an earlier attempt, or one for all that are new."""
    letters: dict[str, list[str]] = {}
    fresh = [key for key in waiting if not states[key].letter]
    digest = hashlib.sha256("\n".join(f"{key} {states[key].since}" for key in sorted(fresh)).encode()).hexdigest()
    for key in waiting:
        letters.setdefault(states[key].letter or f"alarm-{digest[:16]}", []).append(key)
    return letters


def _letter(key: str, causes: Sequence[Cause], settings: Settings) -> Letter:
    publisher = " ".join(settings.publisher.name.split())
    subject = causes[0].subject if len(causes) == 1 else f"{causes[0].subject}, and {len(causes) - 1} more"
    text = "\n\n".join(f"{cause.subject}\n\n{cause.happened}\n\nWhat to do: {cause.remedy}" for cause in causes)
    lines = "\n".join(f"{cause.subject}. {cause.remedy}" for cause in causes)
    more = " and ".join(dict.fromkeys(f"“{RUNBOOK[cause.kind]}”" for cause in causes))
    foot = (
        f"Askwell tells a cause once; it tells it again only after it had gone. docs/runbook.md says more under {more}."
    )
    return Letter(key=key, subject=f"Askwell, {publisher}: {subject}", text=f"{text}\n\n-- \n{foot}\n", short=lines)


def _read(path: Path) -> dict[str, _Open]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): _Open(str(one["since"]), str(one["letter"]), bool(one["told"])) for key, one in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # no record, or one that is not ours: tell rather than be silent


def _write(path: Path, states: dict[str, _Open]) -> None:
    content = {
        key: {"since": state.since, "letter": state.letter, "told": state.is_told} for key, state in states.items()
    }
    replace_file(path, json.dumps(content, indent=1).encode())
