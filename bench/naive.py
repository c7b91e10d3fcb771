"""What one would write without Askwell: a query an experiment over all events, one basis, one day, no segments.

It answers much less than the pipeline does (no viewed basis, no day before the last, no segments, no funnel), and must
find the same integers for what it answers.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from analysis.cohorts import last_counted_day
from analysis.money import to_minor
from bench.workspace import Workspace

#: n, contributors, value and its square, pageviews and their square, for each variant of one experiment.
QUERY = """
WITH first AS (
    SELECT reader_key, min(occurred_at) AS asked_at, arg_min(variant_id, occurred_at) AS variant_id, min(day) AS first_day
    FROM appeal_events
    WHERE experiment_id = $experiment AND event = $exposure AND reader_key IS NOT NULL AND is_bot IS NOT TRUE
        AND day BETWEEN $starts AND $counted_to
    GROUP BY reader_key
    HAVING min(day) <= $planned_end
),
gifts AS (
    SELECT f.reader_key, f.asked_at, c.contribution_id, c.amount_minor, c.currency, c.reporting_minor
    FROM first AS f JOIN contributions AS c ON c.reader_key = f.reader_key
    WHERE c.status = 'settled' AND c.refund_of IS NULL AND c.day <= $counted_to
        AND c.occurred_at >= f.asked_at AND c.occurred_at < f.asked_at + to_hours($window_hours)
),
refunds AS (
    SELECT g.contribution_id, g.reader_key, sum(CASE WHEN r.currency = g.currency AND g.amount_minor > 0
        THEN CAST(round(CAST(r.amount_minor AS DOUBLE) * g.reporting_minor / g.amount_minor) AS BIGINT)
        ELSE r.reporting_minor END) AS back
    FROM gifts AS g JOIN contributions AS r ON r.refund_of = g.contribution_id
    WHERE r.status = 'settled' AND r.day <= $counted_to AND r.occurred_at < g.asked_at + to_days($refund_days)
    GROUP BY g.contribution_id, g.reader_key
),
paid AS (
    SELECT reader_key, least(greatest(sum(reporting_minor - coalesce(back, 0)), 0), $cap)::BIGINT AS value
    FROM gifts LEFT JOIN refunds USING (contribution_id, reader_key)
    GROUP BY reader_key
),
views AS (
    SELECT f.reader_key, count(*) AS pages
    FROM first AS f JOIN pageviews AS v ON v.reader_key = f.reader_key
    WHERE $guards_pageviews AND v.is_bot IS NOT TRUE AND v.day >= f.first_day AND v.day < f.first_day + 7
        AND v.day BETWEEN $starts AND $counted_to
    GROUP BY f.reader_key
)
SELECT f.variant_id, count(*) AS n, count(p.value) AS contributors,
    coalesce(sum(p.value), 0)::BIGINT AS s1, coalesce(sum(p.value * p.value), 0)::BIGINT AS s2,
    coalesce(sum(v.pages), 0)::BIGINT AS pages, coalesce(sum(v.pages * v.pages), 0)::BIGINT AS pages2
FROM first AS f LEFT JOIN paid AS p USING (reader_key) LEFT JOIN views AS v USING (reader_key)
GROUP BY f.variant_id
"""

_COLUMNS = ["experiment_id", "variant_id", "n", "contributors", "s1", "s2", "pages", "pages2"]


def count(connection: duckdb.DuckDBPyConnection, workspace: Workspace, as_of: date) -> pl.DataFrame:
    """One row per experiment and variant. Reads the views pageviews, appeal_events, contributions."""
    settings, frames = workspace.settings, []
    for experiment in workspace.experiments:
        if experiment.starts > as_of:
            continue
        cap = settings.cap(experiment)
        parameters = {
            "experiment": experiment.id,
            "exposure": experiment.exposure,
            "starts": experiment.starts,
            "planned_end": experiment.planned_end,
            "counted_to": last_counted_day(experiment, settings, as_of),
            "window_hours": settings.window_hours(experiment),
            "refund_days": settings.outcomes.refund_days,
            "cap": 2**62 if cap is None else to_minor(cap, settings.publisher.reporting_currency),
            "guards_pageviews": any(guardrail.metric == "pageviews" for guardrail in experiment.guardrails),
        }
        found = connection.sql(QUERY, params=parameters).pl()
        frames.append(found.with_columns(experiment_id=pl.lit(experiment.id)))
    return pl.concat(frames).select(_COLUMNS).sort(_COLUMNS[:2])


def counted_by_pipeline(statistics: pl.DataFrame) -> pl.DataFrame:
    """The same table from the sufficient statistics of an edition (schema `SUFFICIENT_STATISTICS`)."""
    last = statistics.filter(
        pl.col("basis") == "exposed",
        pl.col("segment_kind") == "all",
        pl.col("as_of") == pl.col("as_of").max().over("experiment_id"),
    )
    metric = pl.col("metric")
    return (
        last.group_by("experiment_id", "variant_id")
        .agg(
            pl.col("n").filter(metric == "value").sum(),
            pl.col("x").filter(metric == "conversion").sum().alias("contributors"),
            pl.col("s1").filter(metric == "value").sum(),
            pl.col("s2").filter(metric == "value").sum(),
            pl.col("s1").filter(metric == "pageviews").sum().alias("pages"),
            pl.col("s2").filter(metric == "pageviews").sum().alias("pages2"),
        )
        .select(*_COLUMNS[:2], pl.col(_COLUMNS[2:]).cast(pl.Int64))
        .sort(_COLUMNS[:2])
    )
