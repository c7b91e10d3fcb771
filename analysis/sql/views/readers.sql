-- Everything the warehouse knows of a reader, over all days and experiments.
-- Grain: reader. Key: reader_key. Reads: daily_visits, daily_exposures, contributions.
-- Built from the daily partials, not from the events: one row a day instead of one a pageview.
WITH seen AS (
    SELECT reader_key, day, pageviews, NULL AS experiment_id, 0 AS exposures, 0 AS payments, 0 AS paid FROM daily_visits
    UNION ALL
    SELECT reader_key, day, 0, experiment_id, exposures, 0, 0 FROM daily_exposures
    WHERE bits & 65536 = 0
    UNION ALL
    SELECT
        reader_key, day, 0, NULL, 0,
        CASE WHEN refund_of IS NULL THEN 1 ELSE 0 END,
        CASE WHEN refund_of IS NULL THEN reporting_minor ELSE 0 END
    FROM contributions
    WHERE status = 'settled' AND reader_key IS NOT NULL
)
SELECT
    reader_key,
    min(day) AS first_day,
    max(day) AS last_day,
    count(DISTINCT day) AS days,
    sum(pageviews)::BIGINT AS pageviews,
    count(DISTINCT experiment_id) AS experiments,
    sum(exposures)::BIGINT AS exposures,
    sum(payments)::BIGINT AS payments,
    sum(paid)::BIGINT AS paid_minor
FROM seen
GROUP BY reader_key
