"""What the sections of a wording page share: rows of its tables as words, names of traits, and the query of a section."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.wording.result import WordingResult
from dashboards.blocks import Query
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import plain
from dashboards.reading import Range
from dashboards.translations import marked

Row = Mapping[str, object]

STATUS = {
    "confirmed": (marked("Confirmed"), marked("found in earlier tests, and later tests alone say the same")),
    "leaning": (marked("Leaning"), marked("points one way over all tests, not confirmed")),
    "contradicted": (marked("Contradicted"), marked("later tests, or tests that varied it alone, say the opposite")),
    "open": (marked("Open"), marked("tested, and nothing clear")),
    "unknown": (marked("Not known"), ""),
}

#: Order of the playbook: what is surest first.
ORDER = ("confirmed", "contradicted", "leaning", "open", "unknown")

#: Context of the names of traits for translators.
TRAIT = "trait"


def number(row: Row, column: str) -> float:
    """A column of a row as a number; 0 where it is absent."""
    return float(str(row[column] if row[column] is not None else 0))


def interval(row: Row, low: str = "low", high: str = "high") -> Range:
    """Two columns of a row as a range."""
    return Range(number(row, low), number(row, high))


def trait_name(row: Row, spoken: Voice) -> str:
    """Name of a trait in the language of the page; a newsroom's own is said as it declared it."""
    return plain(spoken.say_as(TRAIT, str(row["name"])))


def estimated(known: WordingResult, outcome: str = "conversion") -> list[Row]:
    """Rows of the traits that have an effect: what is surest first, and of that the largest to expect."""
    rows = known.effects.filter(outcome=outcome).drop_nulls("lift").to_dicts()
    return sorted(rows, key=lambda row: (ORDER.index(str(row["status"])), -abs(number(row, "shrunk_coefficient"))))


def query(answers: str, table: str, known: WordingResult, condition: str = "") -> Query:
    """Query on a table of the surface that a page is about."""
    surface = str(known.outcome()["surface"]).replace("'", "''")
    return Query(answers, f"FROM {table} WHERE surface = '{surface}'{f' AND {condition}' if condition else ''}")


def effects_query(known: WordingResult, spoken: Voice, outcome: str = "conversion") -> Query:
    """Query on the effects, names and statuses of all traits."""
    asked = spoken.say("Every trait, with its standard error")
    return query(asked, "wording_effects", known, f"outcome = '{outcome}'")


def shares(row: Row, spoken: Voice) -> dict[str, str]:
    """Accuracy out of sample with its range, as places of a sentence."""
    return {
        "share": spoken.percent(number(row, "accuracy"), digits=1),
        "low": spoken.percent(number(row, "accuracy_low"), digits=1),
        "high": spoken.percent(number(row, "accuracy_high"), digits=1),
    }
