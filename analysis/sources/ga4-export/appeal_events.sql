-- Appeal events of a GA4 export: events named appeal_inserted, appeal_clicked and so on, with the test's parameters.
-- The export turns a text of digits into a number: an id such as 2026 stands in int_value.
-- Grain: event. Reads: landed. Parameters: $appeal_prefix, $surface.
SELECT
    row_number,
    concat_ws('|', user_pseudo_id, event_timestamp, event_name, bundle_id, batch_index) AS event_id,
    make_timestamp(event_timestamp) AS occurred_at,
    user_pseudo_id AS reader_id,
    coalesce(
        param(event_params, 'experiment_id').string_value, CAST(param(event_params, 'experiment_id').int_value AS VARCHAR)
    ) AS experiment_id,
    coalesce(
        param(event_params, 'variant_id').string_value, CAST(param(event_params, 'variant_id').int_value AS VARCHAR)
    ) AS variant_id,
    coalesce(param(event_params, 'surface').string_value, $surface) AS surface,
    substr(event_name, length($appeal_prefix) + 1) AS event,
    coalesce(
        param(event_params, 'article_id').string_value, CAST(param(event_params, 'article_id').int_value AS VARCHAR)
    ) AS article_id,
    param(event_params, 'section').string_value AS section,
    CASE
        WHEN platform IN ('ANDROID', 'IOS') THEN 'app'
        WHEN device_category IN ('mobile', 'desktop', 'tablet') THEN device_category
        WHEN device_category IS NOT NULL THEN 'other'
    END AS device,
    param(event_params, 'reader_type').string_value AS reader_type
FROM landed
WHERE starts_with(event_name, $appeal_prefix)
