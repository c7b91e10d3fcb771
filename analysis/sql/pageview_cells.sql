-- Readers by their pageviews on the day of first exposure and the six days after it.
-- Grain: experiment, variant, epoch, device, reader type, marks, first day (basis `exposed`), pageviews. Reads: merged_readers,
-- daily_visits, counted_experiments; only experiments that guard pageviews.
-- A histogram, because readers can be taken out of it again exactly; readers without a pageview are not in it: their
-- number follows from cohort_cells.
WITH visited AS (
    SELECT
        r.experiment_code,
        r.reader_key,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.marks,
        r.exposed_day AS first_day,
        sum(v.pageviews) AS pageviews
    FROM merged_readers AS r
    JOIN counted_experiments AS c ON c.experiment_code = r.experiment_code AND c.counts_pageviews
    JOIN daily_visits AS v
        ON v.reader_key = r.reader_key
        AND v.day >= c.starts
        AND v.day <= c.counted_to
        AND v.day >= r.exposed_day
        AND v.day < r.exposed_day + 7
    GROUP BY
        r.experiment_code, r.reader_key, r.variant_code, r.epoch, r.device_code, r.reader_type_code, r.marks, r.exposed_day
)
SELECT
    experiment_code,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    marks,
    first_day,
    CAST(pageviews AS BIGINT) AS pageviews,
    count(*) AS readers
FROM visited
GROUP BY experiment_code, variant_code, epoch, device_code, reader_type_code, marks, first_day, pageviews
