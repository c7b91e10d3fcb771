-- Pageviews of readers on the day of first exposure and the six days after it, as sums.
-- Grain: variant, epoch, device, reader type, first day (basis `exposed`). Reads: experiment_readers, daily_visits.
-- Readers without a pageview add nothing to any sum; their number follows from cohort_cells.
WITH visited AS (
    SELECT
        r.reader_key,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.first_day,
        sum(v.pageviews) AS pageviews
    FROM experiment_readers AS r
    JOIN daily_visits AS v
        ON v.reader_key = r.reader_key AND v.day >= r.first_day AND v.day < r.first_day + 7
    WHERE r.basis = 'exposed' AND r.first_us IS NOT NULL
    GROUP BY r.reader_key, r.variant_code, r.epoch, r.device_code, r.reader_type_code, r.first_day
)
SELECT
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    first_day,
    count(*) AS x,
    CAST(sum(pageviews) AS BIGINT) AS s1,
    CAST(sum(pageviews * pageviews) AS BIGINT) AS s2,
    CAST(max(pageviews) AS BIGINT) AS top
FROM visited
GROUP BY variant_code, epoch, device_code, reader_type_code, first_day
