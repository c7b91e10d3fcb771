"""Which readers count: a rule for each thing that can be special about a reader, and the marks that say it of one.

A mark is known of every reader, whatever the rule says, so that a result can be told with and without them. This module
holds no statistic: where marks are found stands in `sql/`, where readers are added up in `sufficient.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from analysis.configuration import Section

Rule = Literal["count", "exclude"]
SeveralVariants = Literal["first", "as_assigned", "exclude"]
Overlap = Literal["ignore", "count", "exclude"]

#: Bit of each mark in the column `marks` of the cohort tables; the names are the keys of `[readers]`.
MARKS: Mapping[str, int] = MappingProxyType(
    {
        "several_variants": 1,
        "linked_variants": 2,
        "overlap": 4,
        "already_giving": 8,
        "employees": 16,
        "crawlers": 32,
        "too_fast": 64,
    }
)

#: Marks of readers who met more than one wording.
CONTAMINATED = MARKS["several_variants"] | MARKS["linked_variants"]

#: Bits that a day's partial adds to those of the variants that were met (`sql/daily_exposures.sql`).
CRAWLER_BIT, OVERLAP_BIT = 1 << 16, 1 << 17


class ReaderRules(Section):
    """`[readers]` of `askwell.toml`: who counts.

    Attributes:
        several_variants: Readers whose one id met several variants: by the first exposure, by the first event of any type
            (`as_assigned`), or not at all.
        linked_variants: Readers put together from linked ids that met different variants.
        overlap: Readers exposed to two experiments on one article on one day; `ignore` does not look for them.
        already_giving: Subscribers at the first exposure, and readers with a settled payment in `giving_days` before it.
        employees: Readers whose ids `employees_file` lists, one a line.
        crawlers: Readers with an event of a crawler, by user agent or as marked by the sender.
        too_fast: Readers who reached one of the three rates below.
    """

    several_variants: SeveralVariants = "first"
    linked_variants: Rule = "exclude"
    overlap: Overlap = "ignore"
    already_giving: Rule = "count"
    employees: Rule = "exclude"
    crawlers: Rule = "exclude"
    too_fast: Rule = "exclude"
    giving_days: Annotated[int, Field(ge=1, le=3660)] = 365
    employees_file: Path | None = None
    most_pageviews_a_minute: Annotated[int, Field(ge=10)] = 30
    most_pageviews_a_day: Annotated[int, Field(ge=10)] = 1000
    most_exposures_a_day: Annotated[int, Field(ge=2)] = 500

    @property
    def left_out(self) -> int:
        """Bits of the marks whose readers do not count."""
        return sum(bit for name, bit in MARKS.items() if getattr(self, name) == "exclude")

    def with_own(self, own: OwnReaderRules) -> ReaderRules:
        """These rules, with what an experiment registers instead."""
        return self.model_copy(update=own.model_dump(exclude_none=True))


class OwnReaderRules(Section):
    """`[readers]` of an experiment: rules that differ from those of `askwell.toml`."""

    several_variants: SeveralVariants | None = None
    linked_variants: Rule | None = None
    overlap: Overlap | None = None
    already_giving: Rule | None = None
    employees: Rule | None = None
    crawlers: Rule | None = None
    too_fast: Rule | None = None


def flipped(name: str, rule: str) -> str:
    """The basis on which one rule is turned round: `with_crawlers` where they are left out, else `without_crawlers`."""
    return f"with_{name}" if rule == "exclude" else f"without_{name}"
