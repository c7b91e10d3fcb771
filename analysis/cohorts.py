"""What is counted of experiments: the tables of cohort statistics, the statements they follow from, and what these read.

Where it is counted stands elsewhere: in this process (`duckdb_engine.py`). An engine is given experiments with the parts of
their days and gives back the same integers whichever it is; everything before (daily partials) and after (sufficient
statistics) does not know of it.

A new metric needs a statement in `sql/` that yields `experiment_code`, the columns of its cohort and columns that add up
over readers, and a line in `COHORT_TABLES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, Self

import polars as pl

from analysis.identity import keys_of, shown_as_persons
from analysis.inputs import columns_of
from analysis.measures import counted_measures, counted_metrics, longest_days, payment_measures, sources
from analysis.registry import Experiment
from analysis.settings import Settings
from analysis.store import Part
from analysis.vocabulary import APPEAL_EVENTS

#: Tables of cohort statistics, one part an experiment, and the columns of each that count readers. All other columns
#: are its key: each table adds up over readers, so ranges of them can be computed apart.
COHORT_TABLES: dict[str, tuple[str, ...]] = {
    "cohort_cells": ("n", "n_seen", *APPEAL_EVENTS),
    "outcome_changes": ("readers",),
    "refund_changes": ("refunds", "taken_minor"),
    "pageview_cells": ("readers",),
    "history_cells": ("readers", "x", "s1", "s2"),
    "measure_changes": ("x", "s1", "s2", "d1", "d2", "sd"),
    "measure_coverage": ("days", "days_sent"),
    "left_out_readers": ("readers",),
    "gift_routes": ("gifts", "value_minor"),
}

#: Tables of facts about days, not about readers: they are asked once, whatever the ranges of readers.
ASKED_ONCE = ("measure_coverage",)

#: Relations that several statements read, in the order in which they are made: those of all readers, and those of a range.
OF_ALL_READERS = ("special_readers", "first_gifts", "settled_payments", "gift_movements", "contribution_measures")
OF_A_RANGE = ("merged_readers", "reader_steps")

#: What the statements read of the store, by the name under which they do: the table, and whether ids that links connect
#: are shown as one person.
INPUTS: dict[str, tuple[str, bool]] = {
    "daily_exposures": ("daily_exposures", True),
    "daily_visits": ("daily_visits", True),
    "daily_page_measures": ("daily_page_measures", True),
    "daily_appeal_measures": ("daily_appeal_measures", True),
    "contributions": ("contributions", True),
    "payment_details": ("payment_details", False),
    "earlier_contributions": ("contributions", False),
    "earlier_visits": ("daily_visits", True),
    "own_daily_exposures": ("daily_exposures", False),
    "own_daily_visits": ("daily_visits", False),
}

#: Tables of the store that are read, in a fixed order.
INPUT_TABLES = tuple(dict.fromkeys(table for table, _ in INPUTS.values()))

#: Contributions before the experiment and in it: who was giving already.
EARLIER = "earlier_contributions"
#: Visits before the experiment and in it, where they are a covariate.
EARLIER_VISITS = "earlier_visits"
#: Days before a reader's first exposure whose visits are a covariate.
HISTORY_DAYS = 28

#: Partials that only experiments with measures of a source read: one that they do not need must not make them stale.
_READ_BY = {"daily_page_measures": "pages", "daily_appeal_measures": "appeals"}

_MICROSECONDS_PER_HOUR = 3_600_000_000
_DISTANT_US = 2**62
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Count:
    """An experiment to count, up to which day, and the parts that it reads, by table (and by `EARLIER`, `EARLIER_VISITS`)."""

    experiment: Experiment
    counted_to: date
    parts: dict[str, list[Part]]

    @classmethod
    def of(cls, experiment: Experiment, common: Common, as_of: date, parts: Mapping[str, Sequence[Part]]) -> Self:
        """The experiment with those of the parts of `INPUT_TABLES` that its numbers follow from."""
        settings = common.settings
        counted_to = last_counted_day(experiment, settings, as_of)
        first, last = experiment.starts.isoformat(), counted_to.isoformat()
        gifts_from = (experiment.starts - timedelta(days=settings.reader_rules(experiment).giving_days)).isoformat()
        own = {
            table: [part for part in found if first <= part.scope <= last]
            for table, found in parts.items()
            if table not in _READ_BY or _READ_BY[table] in sources(experiment)
        }
        visits = visits_from(experiment).isoformat()
        earlier = parts["daily_visits"] if history_days(experiment) else []
        own[EARLIER_VISITS] = [part for part in earlier if visits <= part.scope <= last]
        own[EARLIER] = [part for part in parts["contributions"] if gifts_from <= part.scope <= last]
        return cls(experiment, counted_to, own)

    def read_as(self, relation: str) -> list[Part]:
        """The parts of one of the `INPUTS`."""
        return self.parts.get(relation, self.parts.get(INPUTS[relation][0], []))


@dataclass(frozen=True)
class Common:
    """What holds for all experiments that are counted: settings, whose ids links connect, ids of employees."""

    settings: Settings
    persons: Sequence[Part]
    employees: Sequence[str]


class Engine(Protocol):
    """Where the statements run."""

    def batches(self, counts: Sequence[Count]) -> Iterator[Sequence[Count]]:
        """Share out experiments into those that are best counted together."""
        ...

    def count(self, batch: Sequence[Count]) -> dict[str, pl.DataFrame]:
        """The tables of `COHORT_TABLES`, in which `experiment_code` numbers the experiments of the batch in order."""
        ...


def together(batch: Sequence[Count], relation: str) -> list[Part]:
    """The parts of one of the `INPUTS` that any of the experiments needs."""
    found = {part.part_id: part for one in batch for part in one.read_as(relation)}
    return [found[part_id] for part_id in sorted(found)]


def seen(relation: str, microseconds: str, common: Common) -> str:
    """SQL of one of the `INPUTS`, over the relation `stored_<name>`, as the statements read it.

    Moments are whole microseconds since 1970, named `_us` and not `_at`: engines do not agree on anything else about time.

    Args:
        microseconds: The engine's expression of them, with {} where the moment stands.
    """
    table, by_person = INPUTS[relation]
    columns = {
        f"{name[:-3]}_us" if kind == "TIMESTAMP" else name: microseconds.format(name) if kind == "TIMESTAMP" else name
        for name, kind in columns_of(table).items()
    }
    shown = ", ".join(name if name == value else f"{value} AS {name}" for name, value in columns.items())
    select = f"SELECT {shown} FROM stored_{relation}"
    return shown_as_persons(select, columns) if by_person and common.persons else select


def by_last_day(counts: Sequence[Count]) -> list[list[Count]]:
    """Experiments that are counted up to the same day, which alone can share what is read.

    A failure or a renewal says something of a payment on an earlier day: one that came after the last counted day of a test
    must not reach it through the rows of another.
    """
    found: dict[date, list[Count]] = {}
    for one in counts:
        found.setdefault(one.counted_to, []).append(one)
    return list(found.values())


def key_ranges(count: int) -> list[tuple[int, int]]:
    """Split the signed 64-bit space evenly."""
    count = max(1, count)
    edges = [_LOWEST + (2**64 * index) // count for index in range(count + 1)]
    return [(edges[index], edges[index + 1] - 1) for index in range(count)]


def parameters(settings: Settings, low: int = _LOWEST, high: int = _HIGHEST) -> dict[str, int | bool]:
    """What the statements name with a dollar sign, for a range of reader keys."""
    rules = settings.readers
    return {
        "low": low,
        "high": high,
        "holds_no_key": low == _LOWEST,
        "giving_days": rules.giving_days,
        "most_pageviews_a_minute": rules.most_pageviews_a_minute,
        "most_pageviews_a_day": rules.most_pageviews_a_day,
        "most_exposures_a_day": rules.most_exposures_a_day,
    }


def added_up(table: str, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One row per cohort, in an order that does not depend on how the readers were shared out."""
    sums = COHORT_TABLES[table]
    keys = [name for name in frames[0].columns if name not in sums]
    added = pl.concat(frames)
    if len(frames) > 1:
        added = added.group_by(keys).agg(pl.col(sums).sum())
    return added.filter(pl.any_horizontal(pl.col(sums) != 0)).sort(keys)


def guards_pageviews(experiment: Experiment) -> bool:
    """True where the experiment registers the guardrail for which visits are counted, or visits as a covariate of it."""
    return history_days(experiment) > 0 or any(guardrail.metric == "pageviews" for guardrail in experiment.guardrails)


def history_days(experiment: Experiment) -> int:
    """Days before a reader's first exposure that are read: none where visits are no covariate."""
    return HISTORY_DAYS if "visits_before" in experiment.covariates else 0


def visits_from(experiment: Experiment) -> date:
    """The first day whose visits the experiment reads."""
    return experiment.starts - timedelta(days=history_days(experiment))


def last_counted_day(experiment: Experiment, settings: Settings, as_of: date) -> date:
    """The last day that can still change the experiment's numbers: it ends when its last window and refund period do."""
    return min(as_of, over(experiment, settings))


def over(experiment: Experiment, settings: Settings) -> date:
    """The day after which nothing changes the experiment's numbers any more."""
    window_days = -(-settings.window_hours(experiment) // 24)
    longest = max(window_days, settings.outcomes.refund_days, 7, longest_days(experiment, settings))
    return experiment.planned_end + timedelta(days=longest)


def bounds(batch: Sequence[Count], common: Common) -> dict[str, pl.DataFrame]:
    """The small relations that the statements read, by name: the experiments of a batch and all that bounds them."""
    settings = common.settings
    experiments = [one.experiment for one in batch]
    return {
        "counted_experiments": _counted_experiments(batch, settings),
        "counted_variants": _counted_variants(experiments),
        "later_epochs": _later_epochs(experiments, settings),
        "counted_measures": counted_measures(experiments, settings),
        "counted_metrics": counted_metrics(experiments, settings),
        "payment_measures": payment_measures(experiments, settings),
        "employees": pl.DataFrame(
            {"reader_key": keys_of(common.employees, settings.hash_key())}, schema={"reader_key": pl.Int64}
        ),
    }


def _counted_experiments(batch: Sequence[Count], settings: Settings) -> pl.DataFrame:
    """One row per experiment: its number in the batch and all that bounds it."""
    return pl.DataFrame(
        [
            (
                code,
                one.experiment.id,
                one.experiment.starts,
                one.experiment.planned_end,
                one.counted_to,
                settings.window_hours(one.experiment) * _MICROSECONDS_PER_HOUR,
                settings.outcomes.refund_days * 24 * _MICROSECONDS_PER_HOUR,
                one.experiment.exposure == "inserted",
                guards_pageviews(one.experiment),
                history_days(one.experiment),
                settings.reader_rules(one.experiment).left_out,
            )
            for code, one in enumerate(batch)
        ],
        schema={
            "experiment_code": pl.Int32,
            "experiment_id": pl.String,
            "starts": pl.Date,
            "planned_end": pl.Date,
            "counted_to": pl.Date,
            "window_us": pl.Int64,
            "refund_us": pl.Int64,
            "is_inserted": pl.Boolean,
            "counts_pageviews": pl.Boolean,
            "history_days": pl.Int32,
            "left_out": pl.Int32,
        },
        orient="row",
    )


def _counted_variants(experiments: Sequence[Experiment]) -> pl.DataFrame:
    """The variants of each experiment by number, as payments may name them."""
    return pl.DataFrame(
        [
            (number, experiment.id, variant.id, code)
            for number, experiment in enumerate(experiments)
            for code, variant in enumerate(experiment.variants)
        ],
        schema={
            "experiment_code": pl.Int32,
            "experiment_id": pl.String,
            "variant_id": pl.String,
            "variant_code": pl.Int32,
        },
        orient="row",
    )


def _later_epochs(experiments: Sequence[Experiment], settings: Settings) -> pl.DataFrame:
    """Every allocation epoch but the first, which is where no later one holds."""
    rows = []
    for code, experiment in enumerate(experiments):
        starts = [int(start.timestamp() * 1_000_000) for start, _ in experiment.epochs(settings.zone)]
        rows += [
            (code, epoch, start, end)
            for epoch, (start, end) in enumerate(zip(starts, [*starts[1:], _DISTANT_US], strict=True))
            if epoch > 0
        ]
    return pl.DataFrame(
        rows,
        schema={"experiment_code": pl.Int32, "epoch": pl.Int32, "starts_us": pl.Int64, "ends_us": pl.Int64},
        orient="row",
    )
