"""Traits that a text may have: the reviewed lexicons, the measures, and what a newsroom declares for itself.

A lexicon is a data file under `lexicons/`, one a language, with a version. Rules that need no word list (questions,
numbers, length, readability, the amount asked) hold for every language written with spaces. How texts are coded by
them stands in `traits.py`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import Field, StringConstraints

from analysis.configuration import Section

#: Columns that stand beside the traits wherever arms are worked on.
_COLUMNS = (
    *("test_id", "block_id", "arm_id", "text", "lowest_amount", "language", "surface", "placement", "ended", "readers"),
    *("conversions", "value", "effective_gifts", "origin", "base", "level", "kind", "test_number", "likeness"),
)

TraitName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


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


class OwnTrait(Section):
    """A trait of a newsroom's own: `[traits.NAME]` in `askwell.toml`.

    Attributes:
        phrases: What codes it, as in a lexicon; without any, only people do, in `[variants.traits]`.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    meaning: Annotated[str, Field(min_length=1, max_length=200)]
    phrases: Annotated[tuple[Annotated[str, Field(pattern=r"[^*\s]", max_length=100)], ...], Field(max_length=200)] = ()

    def as_trait(self, trait_id: str) -> Trait:
        """The trait that texts are coded for."""
        pattern = pattern_of(self.phrases) if self.phrases else None
        return Trait(trait_id, self.name, self.meaning, pattern=pattern)


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
            pattern=pattern_of(row["phrases"]),
            counted=row.get("counted", False),
            examples=tuple(row.get("examples", ())),
            others=tuple(row.get("others", ())),
        )
        for row in document["traits"]
    )
    return Lexicon(document["language"], document["version"], traits)


def pattern_of(phrases: Sequence[str]) -> str:
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
        (r"\b" if phrase[:1].isalnum() else "") + start + (r"\b" if phrase[-1:].isalnum() else "")
        for phrase, start in zip(phrases, starts, strict=True)
    )


def built_in_traits() -> tuple[Trait, ...]:
    """Every trait of every lexicon, and the measures."""
    return (*(trait for language in languages() for trait in lexicon(language).traits), *MEASURES)


def people_may_code(own: Mapping[str, OwnTrait]) -> dict[str, Trait]:
    """Traits that people may code, by id: all but the measures that are numbers."""
    return {
        **{trait.id: trait for trait in built_in_traits() if trait.unit in ("present", "word")},
        **{name: declared.as_trait(name) for name, declared in own.items()},
    }


def taken_names() -> frozenset[str]:
    """Names that a trait of a newsroom's own may not have: built-in traits, and what the arms of past tests hold already."""
    return frozenset((*(trait.id for trait in built_in_traits()), *_COLUMNS))
