-- What one publisher's day adds to the declared measures of appeal events.
-- Grain: measure, experiment, reader. Reads: appeal_events (of the day), appeal_measures. Parameters: $day.
SELECT
    m.measure,
    e.experiment_id,
    e.reader_key,
    CAST($day AS DATE) AS day,
    count(*) AS amount
FROM appeal_events AS e
JOIN appeal_measures AS m
    ON list_contains(m.events, e.event)
    AND (m.sections IS NULL OR list_contains(m.sections, e.section))
    AND (m.devices IS NULL OR list_contains(m.devices, e.device))
    AND (m.reader_types IS NULL OR list_contains(m.reader_types, e.reader_type))
WHERE e.reader_key IS NOT NULL AND e.is_bot IS NOT TRUE
GROUP BY m.measure, e.experiment_id, e.reader_key
ORDER BY m.measure, e.experiment_id, e.reader_key
