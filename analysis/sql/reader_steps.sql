-- First time of each step that few readers take (of one range of reader keys).
-- Grain: experiment, reader with such a step. Key: experiment_code, reader_key. Reads: daily_exposures, counted_experiments.
-- Parameters: $low, $high. Views, and insertions that are the exposure, stand in merged_readers.
SELECT
    c.experiment_code,
    d.reader_key,
    min(d.eligible_us) AS eligible_us,
    min(d.inserted_us) AS inserted_us,
    min(d.expanded_us) AS expanded_us,
    min(d.clicked_us) AS clicked_us,
    min(d.checkout_started_us) AS checkout_started_us,
    min(d.dismissed_us) AS dismissed_us,
    min(d.blocked_us) AS blocked_us,
    min(d.registered_us) AS registered_us
FROM daily_exposures AS d
JOIN counted_experiments AS c
    ON c.experiment_id = d.experiment_id AND d.day >= c.starts AND d.day <= c.counted_to
WHERE d.reader_key BETWEEN $low AND $high
    AND (
        d.eligible_us IS NOT NULL
        OR d.inserted_us IS NOT NULL
        OR d.expanded_us IS NOT NULL
        OR d.clicked_us IS NOT NULL
        OR d.checkout_started_us IS NOT NULL
        OR d.dismissed_us IS NOT NULL
        OR d.blocked_us IS NOT NULL
        OR d.registered_us IS NOT NULL
    )
GROUP BY c.experiment_code, d.reader_key
