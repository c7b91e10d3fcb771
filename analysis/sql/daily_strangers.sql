-- Exposures of one publisher's day that name no reader.
-- Grain: experiment, variant. Key: experiment_id, variant_id. Reads: appeal_events (of the day), registered_variants.
-- Parameters: $day.
SELECT
    v.experiment_id,
    v.variant_id,
    CAST($day AS DATE) AS day,
    count(*) AS exposures
FROM appeal_events AS e
JOIN registered_variants AS v
    ON v.experiment_id = e.experiment_id AND v.variant_id = e.variant_id AND v.exposure = e.event
WHERE e.reader_key IS NULL AND e.is_bot IS NOT TRUE
GROUP BY v.experiment_id, v.variant_id
