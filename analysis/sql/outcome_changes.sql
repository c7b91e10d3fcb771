-- How the histogram of readers by value changed from day to day: -1 where a reader left a value, +1 where one arrived.
-- Grain: experiment, basis, variant, epoch, device, reader type, marks, first day, metric, outcome day, value.
-- Reads: merged_readers, gift_movements, counted_experiments.
-- Summed over outcome days up to any day d it is the exact histogram of contributors as of d, so one pass serves every
-- day of the evidence chart. A fully refunded contributor stays, at value 0: the conversion is not taken back.
-- Readers who gave are few: the movements of money are joined to all readers once, and the bases parted afterwards.
WITH gave AS (
    SELECT
        r.experiment_code,
        r.reader_key,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.marks,
        r.exposed_us,
        r.exposed_day,
        r.viewed_us,
        r.viewed_day,
        m.gift_us,
        m.at_us,
        m.day,
        m.is_refund,
        m.cash,
        m.annualised,
        c.window_us,
        c.refund_us
    FROM merged_readers AS r
    JOIN gift_movements AS m ON m.reader_key = r.reader_key
    JOIN counted_experiments AS c
        ON c.experiment_code = r.experiment_code
        AND m.gift_day >= c.starts
        AND m.gift_day <= c.counted_to
        AND m.day >= c.starts
        AND m.day <= c.counted_to
    WHERE r.exposed_us IS NOT NULL
),
based AS (
    SELECT *, 'exposed' AS basis, exposed_us AS first_us, exposed_day AS first_day FROM gave
    UNION ALL
    SELECT *, 'viewed' AS basis, viewed_us AS first_us, viewed_day AS first_day FROM gave WHERE viewed_us IS NOT NULL
),
paid AS (
    SELECT
        experiment_code,
        basis,
        reader_key,
        variant_code,
        epoch,
        device_code,
        reader_type_code,
        marks,
        first_day,
        day AS outcome_day,
        sum(cash) AS cash,
        sum(annualised) AS annualised
    FROM based
    WHERE gift_us >= first_us
        AND gift_us < first_us + window_us
        AND (NOT is_refund OR at_us < first_us + refund_us)
    GROUP BY
        experiment_code, basis, reader_key, variant_code, epoch, device_code, reader_type_code, marks, first_day, day
),
running AS (
    SELECT
        *,
        sum(cash) OVER (PARTITION BY experiment_code, basis, reader_key ORDER BY outcome_day) AS cash_after,
        sum(annualised) OVER (PARTITION BY experiment_code, basis, reader_key ORDER BY outcome_day) AS annualised_after,
        row_number() OVER (PARTITION BY experiment_code, basis, reader_key ORDER BY outcome_day) AS visit
    FROM paid
),
moves AS (
    SELECT *, 'value' AS metric, cash_after AS value_minor, 1 AS change FROM running
    UNION ALL
    SELECT *, 'value' AS metric, cash_after - cash AS value_minor, -1 AS change FROM running WHERE visit > 1
    UNION ALL
    SELECT *, 'value_annualised' AS metric, annualised_after AS value_minor, 1 AS change FROM running
    UNION ALL
    SELECT *, 'value_annualised' AS metric, annualised_after - annualised AS value_minor, -1 AS change
    FROM running
    WHERE visit > 1
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
    CAST(value_minor AS BIGINT) AS value_minor,
    CAST(sum(change) AS BIGINT) AS readers
FROM moves
GROUP BY
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
    value_minor
HAVING sum(change) <> 0
