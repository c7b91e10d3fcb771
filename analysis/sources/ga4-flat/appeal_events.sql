-- Appeal events of a flattened GA4 export. Grain: event. Reads: landed. Parameters: $appeal_prefix, $surface.
SELECT
    row_number,
    coalesce(event_key, concat_ws('|', user_pseudo_id, event_at, event_name, bundle_id, batch_index)) AS event_id,
    moment(event_at) AS occurred_at,
    user_pseudo_id AS reader_id,
    experiment_id,
    variant_id,
    coalesce(surface, $surface) AS surface,
    substr(event_name, length($appeal_prefix) + 1) AS event,
    article_id,
    section,
    CASE
        WHEN lower(platform) IN ('android', 'ios', 'app') THEN 'app'
        WHEN device_category IN ('mobile', 'desktop', 'tablet') THEN device_category
        WHEN device_category IS NOT NULL THEN 'other'
    END AS device,
    reader_type
FROM landed
WHERE starts_with(event_name, $appeal_prefix)
