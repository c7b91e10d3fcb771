"""What we do not know, and why."""

from __future__ import annotations

from datetime import timedelta

from dashboards.blocks import Section, Sentences
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain, reason_words, sentence, window_words, wording
from dashboards.reading import Reading


def unknown_section(reading: Reading, spoken: Voice) -> Section:
    """Return the section on what is not known."""
    result, say = reading.result, spoken.say
    said = [sentence(plain(say(note), 300)) for note in result.notes]
    absent: dict[tuple[str, str], list[str]] = {}
    for comparison in reading.comparisons.values():
        if comparison.reason is not None:
            why = spoken.inside(reason_words(comparison.reason, spoken))
            absent.setdefault((wording(comparison.arm, spoken), why), []).append(metric_name(comparison.metric, spoken))
    said += [
        f"{name}: {why} ({', '.join(spoken.inside(metric) for metric in metrics)})"
        for (name, why), metrics in absent.items()
    ]
    for words in checks_in_words(reading, spoken):
        if words.status == "not_applicable":
            check, reason = spoken.inside(words.name), spoken.inside(words.sentence)
            said.append(say("Check “{check}”: {reason}", check=check, reason=reason))
    if reading.day is None:
        said.append(
            say("The table has no dates: how the evidence grew, when an answer is due and what it is worth a month cannot be said.")
        )  # fmt: skip
    elif result.window_hours is not None and reading.day <= result.experiment.planned_end:
        opened = reading.day - timedelta(hours=result.window_hours)
        said.append(
            say(
                "Readers first asked after {day} can still act inside their {window}; they count with what they did so far.",
                day=spoken.day(opened),
                window=window_words(result.window_hours, spoken),
            )
        )
    if result.experiment.smallest_effect is None:
        said.append(say("No smallest effect that matters was registered, so “no difference” was not asked."))
    if result.audience.unit == "view":
        said.append(
            say("Views were counted, not readers. One reader may stand behind many views, so ranges may be too narrow.")
        )
    if reading.day is not None:
        said.append(say("How often a reader was asked is not counted yet, so whether the words wear out is not known."))
    said.append(say("Whether the effect lasts after the test is not measured by the test."))
    block = Sentences(tuple(dict.fromkeys(said)), is_list=True)
    return Section("unknown", say("What we do not know"), (block,))
