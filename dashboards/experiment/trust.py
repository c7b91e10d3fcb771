"""The trust checks, each in a sentence."""

from __future__ import annotations

from dashboards.blocks import Block, Line, Lines, Section, Sentences
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.checks import checks_in_words
from dashboards.phrasing.voice import Voice
from dashboards.reading import Reading

_STATUS_LOOK = {
    "block": ("exclamation", "down"),
    "warn": ("exclamation", "note"),
    "pass": ("tick", "up"),
    "not_applicable": ("dash", "mute"),
}


def trust_section(reading: Reading, spoken: Voice) -> Section:
    """Return the section on the trust checks."""
    lines = tuple(
        Line(words.name, words.sentence, *_STATUS_LOOK.get(words.status, ("question", "mute")), words.status)
        for words in checks_in_words(reading, spoken)
    )
    blocks: tuple[Block, ...] = (
        (Lines(lines),) if lines else (Sentences((spoken.say("No trust check has run for this test yet."),)),)
    )
    queries = table_queries(reading, (spoken.say("All checks with their limits"), "checks", ""))
    return Section("trust", spoken.say("Can we trust it?"), blocks, queries=queries)
