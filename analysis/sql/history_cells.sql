-- Readers by their pageviews before they were asked, with what they opened from then on.
-- Grain: experiment, variant, epoch, device, reader type, marks, visits_before. Reads: merged_readers, earlier_visits,
-- counted_experiments; only experiments that register visits as a covariate.
-- visits_before: pageviews on the days before that of the first exposure, 255 and more as 255; the day itself is left out, since
-- its pageviews may already be an effect. Readers without any pageview are not in it: their number follows from cohort_cells.
WITH visited AS (
    SELECT
        r.experiment_code,
        r.reader_key,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.marks,
        CAST(sum(CASE WHEN v.day < r.exposed_day THEN v.pageviews ELSE 0 END) AS BIGINT) AS before,
        CAST(sum(CASE WHEN v.day >= r.exposed_day THEN v.pageviews ELSE 0 END) AS BIGINT) AS pageviews
    FROM merged_readers AS r
    JOIN counted_experiments AS c ON c.experiment_code = r.experiment_code AND c.history_days > 0
    JOIN earlier_visits AS v
        ON v.reader_key = r.reader_key
        AND v.day <= c.counted_to
        AND v.day >= r.exposed_day - c.history_days
        AND v.day < r.exposed_day + 7
    GROUP BY
        r.experiment_code, r.reader_key, r.variant_code, r.epoch, r.device_code, r.reader_type_code, r.marks
)
SELECT
    experiment_code,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    marks,
    CAST(CASE WHEN before < 255 THEN before ELSE 255 END AS INTEGER) AS visits_before,
    count(*) AS readers,
    count(CASE WHEN pageviews > 0 THEN 1 END) AS x,
    CAST(sum(pageviews) AS BIGINT) AS s1,
    CAST(sum(pageviews * pageviews) AS BIGINT) AS s2
FROM visited
GROUP BY
    experiment_code,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    marks,
    CASE WHEN before < 255 THEN before ELSE 255 END
