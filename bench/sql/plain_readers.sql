-- What an analyst would write for one test over the accepted events: its readers from their first exposure, with what they gave.
-- Grain: reader. Reads: appeal_events, contributions, pageviews. Parameters: $experiment, $exposure, $starts, $planned_end,
-- $counted_to, $window_hours, $refund_days, $cap, $guards_pageviews.
WITH first AS (
    SELECT reader_key, min(occurred_at) AS asked_at, arg_min(variant_id, occurred_at) AS variant_id, min(day) AS first_day
    FROM appeal_events
    WHERE experiment_id = $experiment AND event = $exposure AND reader_key IS NOT NULL AND is_bot IS NOT TRUE
        AND day BETWEEN $starts AND $counted_to
    GROUP BY reader_key
    HAVING min(day) <= $planned_end
),
gifts AS (
    SELECT f.reader_key, f.asked_at, c.contribution_id, c.reporting_minor
    FROM first AS f JOIN contributions AS c ON c.reader_key = f.reader_key
    WHERE c.status = 'settled' AND c.refund_of IS NULL AND c.day <= $counted_to
        AND c.occurred_at >= f.asked_at AND c.occurred_at < f.asked_at + to_hours($window_hours)
),
refunds AS (
    SELECT g.contribution_id, sum(r.reporting_minor) AS back
    FROM gifts AS g JOIN contributions AS r ON r.refund_of = g.contribution_id
    WHERE r.status = 'settled' AND r.day <= $counted_to AND r.occurred_at < g.asked_at + to_days($refund_days)
    GROUP BY g.contribution_id
),
paid AS (
    SELECT reader_key, least(greatest(sum(reporting_minor - coalesce(back, 0)), 0), $cap)::BIGINT AS value
    FROM gifts LEFT JOIN refunds USING (contribution_id)
    GROUP BY reader_key
),
views AS (
    SELECT f.reader_key, count(*) AS pages
    FROM first AS f JOIN pageviews AS v ON v.reader_key = f.reader_key
    WHERE $guards_pageviews AND v.is_bot IS NOT TRUE AND v.day >= f.first_day AND v.day < f.first_day + 7
        AND v.day BETWEEN $starts AND $counted_to
    GROUP BY f.reader_key
)
SELECT
    f.variant_id,
    CASE WHEN p.value IS NULL THEN 0 ELSE 1 END AS converted,
    coalesce(p.value, 0) AS value,
    coalesce(v.pages, 0) AS pages
FROM first AS f LEFT JOIN paid AS p USING (reader_key) LEFT JOIN views AS v USING (reader_key)
