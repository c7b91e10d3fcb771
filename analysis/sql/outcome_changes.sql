-- How the histogram of readers by value changed from day to day: -1 where a reader left a value, +1 where one arrived.
-- Grain: basis, variant, epoch, device, reader type, first day, metric, outcome day, value. Reads: experiment_readers,
-- gift_movements. Parameters: $window_us, $refund_us.
-- Summed over outcome days up to any day d it is the exact histogram of contributors as of d, so one pass serves every
-- day of the evidence chart. A fully refunded contributor stays, at value 0: the conversion is not taken back.
WITH paid AS (
    SELECT
        r.basis,
        r.reader_key,
        r.variant_code,
        r.epoch,
        r.device_code,
        r.reader_type_code,
        r.first_day,
        m.day AS outcome_day,
        sum(m.cash) AS cash,
        sum(m.annualised) AS annualised
    FROM experiment_readers AS r
    JOIN gift_movements AS m
        ON m.reader_key = r.reader_key
        AND m.gift_us >= r.first_us
        AND m.gift_us < r.first_us + $window_us
        AND (NOT m.is_refund OR m.at_us < r.first_us + $refund_us)
    GROUP BY
        r.basis, r.reader_key, r.variant_code, r.epoch, r.device_code, r.reader_type_code, r.first_day, m.day
),
running AS (
    SELECT
        *,
        sum(cash) OVER days AS cash_after,
        sum(annualised) OVER days AS annualised_after,
        row_number() OVER days AS visit
    FROM paid
    WINDOW days AS (PARTITION BY basis, reader_key ORDER BY outcome_day)
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
    basis,
    variant_code,
    epoch,
    device_code,
    reader_type_code,
    first_day,
    metric,
    outcome_day,
    CAST(value_minor AS BIGINT) AS value_minor,
    CAST(sum(change) AS BIGINT) AS readers
FROM moves
GROUP BY
    basis, variant_code, epoch, device_code, reader_type_code, first_day, metric, outcome_day, value_minor
HAVING sum(change) <> 0
