-- Readers of whom something is known beside their appeal events: employees (16), and those faster than people read (64).
-- Grain: experiment, reader. Key: experiment_code, reader_key. Reads: employees, own_daily_visits, own_daily_exposures,
-- persons, counted_experiments. Parameters: $most_pageviews_a_minute, $most_pageviews_a_day, $most_exposures_a_day.
-- A rate is that of one id; where links put ids together, it is said of the person.
WITH found AS (
    SELECT reader_key, NULL AS day, NULL AS experiment_id, 16 AS mark FROM employees
    UNION ALL
    SELECT reader_key, day, NULL AS experiment_id, 64 AS mark
    FROM own_daily_visits
    WHERE pageviews >= $most_pageviews_a_day OR most_a_minute >= $most_pageviews_a_minute
    UNION ALL
    SELECT reader_key, day, experiment_id, 64 AS mark
    FROM own_daily_exposures
    WHERE exposures >= $most_exposures_a_day
)
SELECT
    c.experiment_code,
    coalesce(p.person_key, f.reader_key) AS reader_key,
    bit_or(f.mark) AS marks
FROM found AS f
JOIN counted_experiments AS c
    ON (f.day IS NULL OR f.day BETWEEN c.starts AND c.counted_to)
    AND (f.experiment_id IS NULL OR f.experiment_id = c.experiment_id)
LEFT JOIN persons AS p ON p.reader_key = f.reader_key
GROUP BY c.experiment_code, coalesce(p.person_key, f.reader_key)
