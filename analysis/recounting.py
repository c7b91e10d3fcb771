"""Which experiments need only some readers counted again: those whom rows that came or went since may concern.

Every cohort table adds up over readers. So what is kept of an experiment, less what these readers were when it was counted,
plus what they are now, is what counting everybody anew would find, to the last integer: a new day, a late row or a refund
costs the readers that it touches. A cohort whose window has passed has none, and is left as it stands.

That needs the parts of before, which stay for the grace period, and what was counted from which: the table `counted_parts`.
Everything else than rows (the registration, settings, links between ids, a window that passes) has everybody counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from analysis.cohorts import ASKED_ONCE, COHORT_TABLES, Count, added_up, guards_pageviews, history_days
from analysis.measures import sources
from analysis.store import NewPart, Part, Warehouse

COUNTED_PARTS = "counted_parts"

_SCHEMA: dict[str, type[pl.DataType]] = {"relation": pl.String, "part_id": pl.Int64, "counted_to": pl.Date}

#: Some readers are counted, before and after, where the parts that changed hold less than this share of the exposures.
_SHARE = 0.25

#: Rows of exposures that must be spared: counting twice costs a third of a CPU second besides, and so do these.
_WORTH = 300_000


@dataclass(frozen=True)
class Recount:
    """An experiment as it was counted last and as it would be counted now, by the same rule."""

    before: Count
    after: Count

    def changed(self, relation: str) -> list[Part]:
        """The parts of a relation that came or went, each once."""
        old, new = ({part.part_id: part for part in count.read_as(relation)} for count in (self.before, self.after))
        return [(old | new)[part_id] for part_id in sorted(old.keys() ^ new.keys())]

    @property
    def reads_visits(self) -> bool:
        """Whether any pageview of a reader changes the numbers."""
        experiment = self.after.experiment
        return guards_pageviews(experiment) or "visits" in sources(experiment) or history_days(experiment) > 0

    @property
    def is_small(self) -> bool:
        """Whether it is less work than counting everybody."""
        changed = sum(part.rows for part in self.changed("daily_exposures"))
        rows = sum(part.rows for part in self.after.read_as("daily_exposures"))
        return changed <= _SHARE * rows and rows - changed >= _WORTH

    @property
    def waits(self) -> bool:
        """Whether readers begin to count without a row that says so: a metric that waits for whole windows."""
        waiting = any(metric.is_matured_only for metric in self.after.experiment.measured.values())
        return waiting and self.before.counted_to != self.after.counted_to

    @property
    def companions(self) -> tuple[object, ...]:
        """Equal for recounts that can be done in one pass: the same parts changed for all of them."""
        changed = [part.part_id for relation in self.relations for part in self.changed(relation)]
        return (self.before.counted_to, self.after.counted_to, self.reads_visits, tuple(changed))

    @property
    def relations(self) -> list[str]:
        """What either of the counts reads."""
        return sorted(self.before.parts.keys() | self.after.parts.keys())


def recounts(warehouse: Warehouse, counts: Mapping[str, Count], rules: Mapping[str, str]) -> list[list[Recount]]:
    """The experiments, of those to be counted, for which some readers are enough; in groups that are counted together.

    Args:
        counts: By id of the experiment, how it would be counted now.
        rules: By id, a mark of everything but rows that its numbers follow from.
    """
    made_from = {part.scope: part for part in warehouse.parts(COUNTED_PARTS)}
    whole = set(counts)
    for table in COHORT_TABLES:
        whole &= {part.scope for part in warehouse.parts(table)}
    candidates = [one for one in counts if one in whole and one in made_from and made_from[one].inputs == rules[one]]
    if not candidates:
        return []
    stored = {part.part_id: part for part in _stored(warehouse)}
    groups: dict[tuple[object, ...], list[Recount]] = {}
    for experiment_id in candidates:
        before = _counted_before(made_from[experiment_id], counts[experiment_id], stored)
        if before is None:
            continue
        recount = Recount(before, counts[experiment_id])
        if recount.is_small and not recount.waits:
            groups.setdefault(recount.companions, []).append(recount)
    return list(groups.values())


def _stored(warehouse: Warehouse) -> Iterator[Part]:
    """Every part on disk, in force or not."""
    for part in warehouse.all_parts():
        yield Part(part.part_id, part.table, part.scope, part.path, part.rows, None)


def _counted_before(made_from: Part, now: Count, stored: Mapping[int, Part]) -> Count | None:
    """How an experiment was counted last; None where a part of then is gone."""
    rows = pl.read_parquet(made_from.path)
    if rows.is_empty() or not set(rows["part_id"]) <= stored.keys():
        return None
    # What is read now and was not there then is a relation without parts, and none that is read in its stead.
    parts: dict[str, list[Part]] = {relation: [] for relation in now.parts}
    for relation, part_id in rows.select("relation", "part_id").iter_rows():
        parts.setdefault(relation, []).append(stored[part_id])
    counted_to: date = rows["counted_to"][0]
    return Count(now.experiment, counted_to, parts)


def made_from(warehouse: Warehouse, count: Count, rule: str) -> NewPart:
    """The part that says what an experiment was counted from."""
    rows = [(relation, part.part_id, count.counted_to) for relation, found in count.parts.items() for part in found]
    return warehouse.write_frame(
        pl.DataFrame(rows, schema=_SCHEMA, orient="row"), COUNTED_PARTS, count.experiment.id, inputs=rule
    )


def replaced(
    kept: Mapping[str, pl.DataFrame], before: Mapping[str, pl.DataFrame], after: Mapping[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """The cohort tables of an experiment with the same readers taken out as they were and put in as they are."""
    found = dict(after)
    for table in COHORT_TABLES.keys() - set(ASKED_ONCE):
        taken = before[table].with_columns(-pl.col(COHORT_TABLES[table]))
        found[table] = added_up(table, [kept[table], taken, after[table]])
    return found


def read_kept(warehouse: Warehouse, experiments: Iterable[str]) -> dict[str, dict[str, pl.DataFrame]]:
    """The cohort tables in force, by experiment and table."""
    wanted: dict[str, dict[str, pl.DataFrame]] = {experiment: {} for experiment in experiments}
    for table in COHORT_TABLES:
        for part in warehouse.parts(table, wanted.keys()):
            wanted[part.scope][table] = pl.read_parquet(part.path)
    return wanted


def own_of(tables: Mapping[str, pl.DataFrame], code: int) -> dict[str, pl.DataFrame]:
    """The tables of the experiment with a number in its batch."""
    return {
        name: frame.filter(pl.col("experiment_code") == code).drop("experiment_code") for name, frame in tables.items()
    }


def both(group: Sequence[Recount]) -> tuple[list[Count], list[Count]]:
    """How a group was counted and how it is to be counted."""
    return [one.before for one in group], [one.after for one in group]
