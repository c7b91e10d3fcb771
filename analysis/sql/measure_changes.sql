-- How the sums of every declared metric changed from day to day, exact in integers of 38 digits.
-- Grain: experiment, basis, variant, epoch, device, reader type, marks, first day, metric, outcome day.
-- Reads: merged_readers, counted_experiments, counted_measures, daily_visits, daily_page_measures, daily_appeal_measures,
-- contribution_measures, counted_metrics.
-- Per reader and day the amounts so far are taken before and after the day, made into the reader's numerator y and
-- denominator d (flag, cap, floor), and the differences of y, y^2, d, d^2, yd are added up over readers. Summed over outcome
-- days up to any day they are the sums as of that day. A metric that waits for whole windows changes on the day on which
-- the reader's window has passed, and on no other.
WITH readers AS (
    SELECT 'exposed' AS basis, exposed_us AS first_us, exposed_day AS first_day, * FROM merged_readers
    WHERE exposed_us IS NOT NULL
    UNION ALL
    SELECT 'viewed' AS basis, viewed_us AS first_us, viewed_day AS first_day, * FROM merged_readers
    WHERE exposed_us IS NOT NULL AND viewed_us IS NOT NULL
),
asked AS (
    SELECT
        k.source,
        k.measure,
        k.metric,
        k.is_denominator,
        k.opens_days,
        k.opens_us,
        k.closes_days,
        k.closes_us,
        c.experiment_code,
        c.experiment_id,
        c.starts,
        c.counted_to,
        c.refund_us,
        r.basis,
        r.reader_key,
        r.first_us,
        r.first_day,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.marks
    FROM readers AS r
    JOIN counted_experiments AS c ON c.experiment_code = r.experiment_code
    JOIN counted_measures AS k
        ON k.experiment_code = r.experiment_code AND (r.basis = 'exposed' OR k.is_on_views)
),
found AS (
    SELECT a.*, d.day AS outcome_day, CAST(d.pageviews AS BIGINT) AS amount
    FROM asked AS a
    JOIN daily_visits AS d
        ON d.reader_key = a.reader_key
        AND d.day BETWEEN a.starts AND a.counted_to
        AND d.day >= a.first_day + a.opens_days
        AND d.day < a.first_day + a.closes_days
    WHERE a.source = 'visits'
    UNION ALL
    SELECT a.*, d.day AS outcome_day, d.amount
    FROM asked AS a
    JOIN daily_page_measures AS d
        ON d.reader_key = a.reader_key
        AND d.measure = a.measure
        AND d.day BETWEEN a.starts AND a.counted_to
        AND d.day >= a.first_day + a.opens_days
        AND d.day < a.first_day + a.closes_days
    WHERE a.source = 'pages'
    UNION ALL
    SELECT a.*, d.day AS outcome_day, d.amount
    FROM asked AS a
    JOIN daily_appeal_measures AS d
        ON d.reader_key = a.reader_key
        AND d.experiment_id = a.experiment_id
        AND d.measure = a.measure
        AND d.day BETWEEN a.starts AND a.counted_to
        AND d.day >= a.first_day + a.opens_days
        AND d.day < a.first_day + a.closes_days
    WHERE a.source = 'appeals'
    UNION ALL
    SELECT a.*, d.day AS outcome_day, d.amount
    FROM asked AS a
    JOIN contribution_measures AS d
        ON d.reader_key = a.reader_key
        AND d.measure = a.measure
        AND d.day BETWEEN a.starts AND a.counted_to
        AND d.gift_us >= a.first_us + a.opens_us
        AND d.gift_us < a.first_us + a.closes_us
        AND (NOT d.is_refund OR d.at_us < a.first_us + a.refund_us)
    WHERE a.source = 'payments'
),
daily AS (
    SELECT
        experiment_code,
        metric,
        basis,
        reader_key,
        variant_code,
        epoch,
        device_code,
        reader_type_code,
        marks,
        first_day,
        outcome_day,
        CAST(sum(CASE WHEN is_denominator THEN 0 ELSE amount END) AS BIGINT) AS numerator,
        CAST(sum(CASE WHEN is_denominator THEN amount ELSE 0 END) AS BIGINT) AS denominator
    FROM found
    GROUP BY
        experiment_code, metric, basis, reader_key, variant_code, epoch, device_code, reader_type_code, marks, first_day, outcome_day
),
running AS (
    SELECT
        *,
        CAST(
            sum(numerator) OVER (PARTITION BY experiment_code, metric, basis, reader_key ORDER BY outcome_day) AS BIGINT
        ) AS numerator_after,
        CAST(
            sum(denominator) OVER (PARTITION BY experiment_code, metric, basis, reader_key ORDER BY outcome_day) AS BIGINT
        ) AS denominator_after
    FROM daily
),
told AS (
    SELECT
        r.experiment_code,
        r.metric,
        r.basis,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.marks,
        r.first_day,
        CASE WHEN m.is_matured_only THEN r.first_day + m.matures_days ELSE r.outcome_day END AS outcome_day,
        m.is_among,
        c.counted_to,
        CASE WHEN m.numerator_is_flag
            THEN CAST(r.numerator_after BETWEEN m.numerator_least AND m.numerator_most AS BIGINT)
            WHEN m.cap IS NOT NULL THEN least(greatest(r.numerator_after, 0), m.cap)
            ELSE r.numerator_after END AS y_after,
        CASE WHEN m.numerator_is_flag
            THEN CAST(r.numerator_after - r.numerator BETWEEN m.numerator_least AND m.numerator_most AS BIGINT)
            WHEN m.cap IS NOT NULL THEN least(greatest(r.numerator_after - r.numerator, 0), m.cap)
            ELSE r.numerator_after - r.numerator END AS y_before,
        CASE WHEN m.denominator_is_flag
            THEN CAST(r.denominator_after BETWEEN m.denominator_least AND m.denominator_most AS BIGINT)
            ELSE r.denominator_after END AS d_after,
        CASE WHEN m.denominator_is_flag
            THEN CAST(r.denominator_after - r.denominator BETWEEN m.denominator_least AND m.denominator_most AS BIGINT)
            ELSE r.denominator_after - r.denominator END AS d_before
    FROM running AS r
    JOIN counted_metrics AS m ON m.experiment_code = r.experiment_code AND m.metric = r.metric
    JOIN counted_experiments AS c ON c.experiment_code = r.experiment_code
),
wide AS (
    SELECT
        experiment_code,
        basis,
        variant_code,
        epoch,
        device_code,
        reader_type_code,
        marks,
        first_day,
        metric,
        outcome_day,
        CAST(CASE WHEN is_among AND d_after <= 0 THEN 0 ELSE y_after END AS DECIMAL(18, 0)) AS y1,
        CAST(CASE WHEN is_among AND d_before <= 0 THEN 0 ELSE y_before END AS DECIMAL(18, 0)) AS y0,
        CAST(d_after AS DECIMAL(18, 0)) AS d1,
        CAST(d_before AS DECIMAL(18, 0)) AS d0
    FROM told
    WHERE outcome_day <= counted_to
)
SELECT
    experiment_code,
    basis,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    marks,
    first_day,
    metric,
    outcome_day,
    CAST(sum(CAST(y1 > 0 AS INTEGER) - CAST(y0 > 0 AS INTEGER)) AS DECIMAL(38, 0)) AS x,
    CAST(sum(y1 - y0) AS DECIMAL(38, 0)) AS s1,
    CAST(sum(y1 * y1 - y0 * y0) AS DECIMAL(38, 0)) AS s2,
    CAST(sum(d1 - d0) AS DECIMAL(38, 0)) AS d1,
    CAST(sum(d1 * d1 - d0 * d0) AS DECIMAL(38, 0)) AS d2,
    CAST(sum(y1 * d1 - y0 * d0) AS DECIMAL(38, 0)) AS sd
FROM wide
GROUP BY
    experiment_code, basis, variant_code, epoch, device_code, reader_type_code, marks, first_day, metric, outcome_day
