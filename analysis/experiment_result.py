"""Everything known of one experiment on one day: what a page, a brief or `askwell analyze` is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from analysis.branding import Look
from analysis.metrics import METRICS, Metric
from analysis.registry import Experiment
from analysis.result_tables import ADJUSTED_ESTIMATES, OTHER_READINGS, SPECIAL_READERS, STRANGERS, TIED_GIFTS

#: ISO 4217's own code for "no currency is involved", no placeholder of ours: amounts are shown as plain numbers.
NO_CURRENCY = "XXX"


@dataclass(frozen=True)
class Edition:
    """One publish: `number` counts up; `as_of` is the last event day counted, absent for a table without dates."""

    number: int
    as_of: date | None
    published_at: datetime


@dataclass(frozen=True)
class Audience:
    """For whom a page is written.

    Attributes:
        currency: ISO 4217 code; `NO_CURRENCY` where a table does not say what its amounts are in.
        metrics: The metrics by name, the team's own among them: their kinds, directions and names.
        language: Language of the sentences, such as `de`; empty for that of the locale.
        look: The publisher's logo and colours.
        unit: What was counted as one: `reader`, or `view` where a table's totals count views.
    """

    publisher: str
    locale: str
    currency: str
    zone: ZoneInfo
    unit: str = "reader"
    language: str = ""
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS, compare=False)
    look: Look = field(default_factory=Look)


@dataclass(frozen=True)
class ExperimentResult:
    """The result tables of `result_tables.py`, each cut to one experiment.

    Attributes:
        estimates, variant_results: Every as_of day up to the edition's; the last one is today's.
        checks, decision, funnel: Of the edition's as_of only. `decision` is one row of `DECISIONS` as a dict.
        previous_decision: The same of the edition before; None where there was none.
        previous_counts: Readers and outcomes (conversion, everybody asked) on the day of that edition, as it said them.
        arrivals: Outcomes and refunds of the last days by the day on which they came (`result_tables.ARRIVALS`).
        is_redefined: True where it is counted by another definition than in that edition; None where that is not known.
        daily_readers: Mean readers asked a day over the last seven full days; None where there are no dates.
        cap_minor: Cap of a reader's value in minor units; None where there is none.
        window_hours: Outcome window.
        counted_to: Last event day that counts for this experiment; before the edition's as_of once it is over.
        has_texts: False for a table that somebody had: what readers saw is not known.
        adjusted_estimates: The comparison with covariates, of the edition's as_of; empty where none is registered.
        other_readings: The comparison by other methods, of the edition's as_of.
        special_readers: Readers whom a rule marks, of the edition's as_of; empty for a table that somebody had.
        tied_gifts: Gifts by the route that ties them, of the edition's as_of; empty likewise.
        strangers: Exposures that name no reader, of the edition's as_of; empty likewise.
        notes: Sentences that stand on the page as they are (what is not known, what was assumed).
    """

    experiment: Experiment
    edition: Edition
    audience: Audience
    estimates: pl.DataFrame
    variant_results: pl.DataFrame
    checks: pl.DataFrame
    funnel: pl.DataFrame
    decision: dict[str, object]
    previous_decision: dict[str, object] | None = None
    daily_readers: float | None = None
    cap_minor: int | None = None
    window_hours: int | None = None
    counted_to: date | None = None
    has_texts: bool = True
    notes: tuple[str, ...] = ()
    previous_counts: tuple[int, int] | None = None
    arrivals: pl.DataFrame | None = None
    is_redefined: bool | None = None
    adjusted_estimates: pl.DataFrame = field(default_factory=ADJUSTED_ESTIMATES.frame)
    other_readings: pl.DataFrame = field(default_factory=OTHER_READINGS.frame)
    special_readers: pl.DataFrame = field(default_factory=SPECIAL_READERS.frame)
    tied_gifts: pl.DataFrame = field(default_factory=TIED_GIFTS.frame)
    strangers: pl.DataFrame = field(default_factory=STRANGERS.frame)
