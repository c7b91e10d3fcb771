-- Refunds that count for the readers of the experiments being counted, by the day on which they came.
-- Grain: experiment, basis, variant, epoch, device, reader type, marks, first day, outcome day. Reads: merged_readers,
-- gift_movements, counted_experiments. Only what is netted from the value of a reader counts: a refund of a gift inside the
-- outcome window, in time, with something left of the gift to take.
SELECT
    r.experiment_code,
    'exposed' AS basis,
    r.variant_code,
    r.epoch,
    r.device_code,
    r.reader_type_code,
    r.marks,
    r.exposed_day AS first_day,
    m.day AS outcome_day,
    CAST(count(*) AS BIGINT) AS refunds,
    CAST(-sum(m.cash) AS BIGINT) AS taken_minor
FROM gift_movements AS m
JOIN merged_readers AS r ON r.reader_key = m.reader_key
JOIN counted_experiments AS c
    ON c.experiment_code = r.experiment_code
    AND m.gift_day >= c.starts
    AND m.gift_day <= c.counted_to
    AND m.day >= c.starts
    AND m.day <= c.counted_to
WHERE m.is_refund
    AND m.cash <> 0
    AND m.gift_us >= r.exposed_us
    AND m.gift_us < r.exposed_us + c.window_us
    AND m.at_us < r.exposed_us + c.refund_us
GROUP BY
    r.experiment_code,
    r.variant_code,
    r.epoch,
    r.device_code,
    r.reader_type_code,
    r.marks,
    r.exposed_day,
    m.day
