-- Assignments of Eppo. Grain: assignment. Reads: landed. Parameters: $event, $surface.
SELECT
    row_number,
    concat_ws('|', subject, experiment, variation, assigned_at) AS event_id,
    moment(assigned_at) AS occurred_at,
    subject AS reader_id,
    experiment AS experiment_id,
    variation AS variant_id,
    $surface AS surface,
    $event AS event,
    CASE WHEN device IN ('mobile', 'desktop', 'tablet', 'app') THEN device WHEN device IS NOT NULL THEN 'other' END AS device
FROM landed
