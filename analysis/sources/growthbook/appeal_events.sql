-- Exposures of GrowthBook. Grain: exposure. Reads: landed. Parameters: $event, $surface.
SELECT
    row_number,
    coalesce(event_id, concat_ws('|', reader, experiment_id, variation_id, exposed_at)) AS event_id,
    moment(exposed_at) AS occurred_at,
    reader AS reader_id,
    experiment_id,
    variation_id AS variant_id,
    $surface AS surface,
    $event AS event,
    CASE WHEN device IN ('mobile', 'desktop', 'tablet', 'app') THEN device WHEN device IS NOT NULL THEN 'other' END AS device
FROM landed
