"""The query behind a section, and how few contributors are too few to draw."""

from __future__ import annotations

from dashboards.blocks import Query
from dashboards.reading import Reading

#: Below this many contributors in either wording a group or a step is listed, not drawn.
FEWEST_DRAWN = 100


def table_queries(reading: Reading, *wanted: tuple[str, str, str], every_day: bool = False) -> tuple[Query, ...]:
    """Queries on the published tables; ids are slugs and dates are dates, so nothing from outside can enter the SQL."""
    as_of, experiment = reading.day, reading.result.experiment
    if as_of is None:
        return ()
    found = []
    for answers, table, condition in wanted:
        conditions = [f"experiment_id = '{experiment.id}'"]
        if not every_day:
            conditions.append(f"as_of = DATE '{as_of.isoformat()}'")
        conditions += [condition] if condition else []
        order = " ORDER BY as_of" if every_day else ""
        found.append(Query(answers, f"FROM {table} WHERE {' AND '.join(conditions)}{order}"))
    return tuple(found)
