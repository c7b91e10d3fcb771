"""Traits of a text: what it does, coded by rules that were written down before any result was seen.

A lexicon is a data file under `lexicons/`, one a language, with a version. Rules that need no word list (questions,
numbers, length, readability, the amount asked) hold for every language written with spaces. What people coded in the
registry overrules the rules; how well the two agree is Cohen's kappa. Results stand elsewhere: coding is blind to them.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import polars as pl

from analysis.registry import Appeal

#: A trait is a switch below this many counts; counted traits and measures keep their number.
_LETTER_OR_DIGIT = r"[\p{L}\p{N}']"


@dataclass(frozen=True)
class Trait:
    """One thing that a text may do.

    Attributes:
        id: Name in tables.
        name: Name people read.
        meaning: One sentence.
        unit: What an effect is counted for: `present` (0 or 1), or one more of what is named.
        pattern: Regular expression of the lexicon's phrases; None for a measure.
        counted: Occurrences are counted instead of asked for.
        examples, others: Texts that must be coded 1 and 0.
    """

    id: str
    name: str
    meaning: str
    unit: str = "present"
    pattern: str | None = None
    counted: bool = False
    examples: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def slack(self) -> float:
        """How far texts may differ in it and still be said to differ in another trait alone.

        A switch and the amount: not at all. Length: ten words. Counts of words and readability follow from any other
        change of a text, and do not stand against it.
        """
        if self.unit == "present" or self.id == "amount_asked":
            return 0.0
        return 1.0 if self.id == "length" else math.inf


#: Rules without a word list, in any language that is written with spaces between words.
MEASURES: tuple[Trait, ...] = (
    Trait("question", "Question", "Asks a question."),
    Trait("number", "Number", "Has a figure in it."),
    Trait("exclamation", "Exclamation mark", "Has an exclamation mark."),
    Trait("length", "Length", "Words, in tens.", unit="ten words"),
    Trait(
        "readability",
        "Hard to read",
        "LIX of the text, in tens: words a sentence plus the percent of words longer than six letters.",
        unit="ten points",
    ),
    Trait("amount_asked", "Lowest amount asked", "Natural logarithm of the lowest amount proposed.", unit="e-fold"),
)


@dataclass(frozen=True)
class Lexicon:
    """The traits of one language; `version` changes when any phrase does."""

    language: str
    version: int
    traits: tuple[Trait, ...]

    def trait(self, trait_id: str) -> Trait:
        """The trait of that id.

        Raises:
            KeyError: the lexicon and the measures have no such trait.
        """
        for one in (*self.traits, *MEASURES):
            if one.id == trait_id:
                return one
        raise KeyError(trait_id)


def languages() -> tuple[str, ...]:
    """Languages that have a lexicon; texts in others are coded by measures only."""
    files = resources.files("analysis.wording") / "lexicons"
    return tuple(sorted(file.name.removesuffix(".toml") for file in files.iterdir() if file.name.endswith(".toml")))


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language; one without traits where there is none, so that measures are coded all the same."""
    base = language.split("-", maxsplit=1)[0].lower()
    if base not in languages():
        return Lexicon(base, 0, ())
    text = (resources.files("analysis.wording") / "lexicons" / f"{base}.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    traits = tuple(
        Trait(
            id=row["id"],
            name=row["name"],
            meaning=row["meaning"],
            unit=row.get("unit", "present"),
            pattern=_pattern(row["phrases"]),
            counted=row.get("counted", False),
            examples=tuple(row.get("examples", ())),
            others=tuple(row.get("others", ())),
        )
        for row in document["traits"]
    )
    return Lexicon(document["language"], document["version"], traits)


def _pattern(phrases: Sequence[str]) -> str:
    """One regular expression for all phrases: whole words, any case, `*` for the rest of a word or for one word."""

    def one(phrase: str) -> str:
        words = []
        for word in phrase.lower().split():
            if word == "*":
                words.append(r"[\p{L}\p{N},.']+")
            else:
                stem = re.escape(word.removesuffix("*")).replace("'", "['\u2019]")
                words.append(stem + (r"[\p{L}\p{N}'\u2019]*" if word.endswith("*") else ""))
        return r"\s+".join(words)

    # The rust engine has no look-around; \b stands between a letter and what is none.
    starts = (one(phrase) for phrase in phrases)
    return "(?i)" + "|".join(
        (r"\b" if phrase[:1].isalnum() else "") + start + r"(?:\b|$)"
        for phrase, start in zip(phrases, starts, strict=True)
    )


def appeal_text(appeal: Appeal) -> str:
    """All words of an appeal in reading order."""
    return "\n".join(part for part in (appeal.headline, appeal.body, appeal.highlight, appeal.button) if part)


def code_texts(
    texts: Sequence[str | None] | pl.Series,
    language: str = "en",
    *,
    lowest_amount: Sequence[float | None] | pl.Series | None = None,
) -> pl.DataFrame:
    """Code texts by the rules.

    Args:
        texts: Shape (n_texts,); None where the words are not known.
        language: Language of all of them, such as `en` or `en-GB`.
        lowest_amount: Lowest amount proposed beside each text, in major units.

    Returns:
        One row a text, one Float64 column a trait of the lexicon and of `MEASURES`. All null where the text is unknown;
        `amount_asked` null where no amount is known.
    """
    series = pl.Series("text", texts, dtype=pl.String)
    amounts = pl.Series(
        "amount", lowest_amount if lowest_amount is not None else [None] * len(series), dtype=pl.Float64
    )
    frame = pl.DataFrame([series, amounts])
    text = pl.col("text")
    columns: list[pl.Expr] = []
    for trait in lexicon(language).traits:
        pattern = trait.pattern or ""
        found = text.str.count_matches(pattern) if trait.counted else text.str.contains(pattern)
        columns.append(found.cast(pl.Float64).alias(trait.id))
    words = text.str.count_matches(rf"{_LETTER_OR_DIGIT}+").cast(pl.Float64)
    sentences = pl.max_horizontal(text.str.count_matches(r"[.!?\u2026]+(?:\s|$)|\n+"), pl.lit(1)).cast(pl.Float64)
    long_words = text.str.count_matches(r"\p{L}{7,}").cast(pl.Float64)
    lix = pl.when(words > 0).then(words / sentences + 100 * long_words / words).otherwise(0.0)
    columns += [
        text.str.contains(r"\?").cast(pl.Float64).alias("question"),
        text.str.contains(r"\p{N}").cast(pl.Float64).alias("number"),
        text.str.contains("!", literal=True).cast(pl.Float64).alias("exclamation"),
        (words / 10).alias("length"),
        pl.when(text.is_not_null()).then(lix / 10).alias("readability"),
        pl.when(pl.col("amount") > 0).then(pl.col("amount").log()).alias("amount_asked"),
    ]
    return frame.select(columns)


def overruled(coded: pl.DataFrame, by_people: Sequence[Mapping[str, float]]) -> pl.DataFrame:
    """Coded texts with what people said in the place of the rules, and with the traits that only people coded.

    Args:
        coded: As `code_texts` returns it.
        by_people: For each text, trait to value; traits that are not named stay as the rules had them.

    Raises:
        ValueError: the two have different lengths.
    """
    if coded.height != len(by_people):
        raise ValueError(f"{coded.height} coded texts and {len(by_people)} of people; one of each text is needed")
    names = list(dict.fromkeys([*coded.columns, *(name for said in by_people for name in said)]))
    columns = []
    for name in names:
        said = pl.Series([one.get(name) for one in by_people], dtype=pl.Float64)
        rules = coded[name] if name in coded.columns else pl.Series([None] * coded.height, dtype=pl.Float64)
        columns.append(pl.select(pl.coalesce(said, rules).alias(name)).to_series())
    return pl.DataFrame(columns)


def kappa(rules: Sequence[float], people: Sequence[float]) -> float | None:
    """Agreement of two codings of the same texts beyond chance, from -1 to 1; None where both never differ in value.

    Args:
        rules, people: A 0 or 1 for each text, shape (n_texts,).

    Source: Cohen 1960.
    """
    if len(rules) != len(people):
        raise ValueError(f"rules and people need one length, not {len(rules)} and {len(people)}")
    n = len(rules)
    if n == 0:
        return None
    first, second = [value > 0 for value in rules], [value > 0 for value in people]
    agree = sum(a == b for a, b in zip(first, second, strict=True)) / n
    p, q = sum(first) / n, sum(second) / n
    chance = p * q + (1 - p) * (1 - q)
    return None if chance == 1 else (agree - chance) / (1 - chance)
