-- Pageviews of a GA4 export. Grain: event. Reads: landed. Parameters: $page_event.
SELECT
    row_number,
    concat_ws('|', user_pseudo_id, event_timestamp, event_name, bundle_id, batch_index) AS event_id,
    make_timestamp(event_timestamp) AS occurred_at,
    user_pseudo_id AS reader_id,
    coalesce(
        param(event_params, 'article_id').string_value,
        CAST(param(event_params, 'article_id').int_value AS VARCHAR),
        split_part(split_part(param(event_params, 'page_location').string_value, '?', 1), '#', 1)
    ) AS article_id,
    param(event_params, 'section').string_value AS section,
    CASE
        WHEN platform IN ('ANDROID', 'IOS') THEN 'app'
        WHEN device_category IN ('mobile', 'desktop', 'tablet') THEN device_category
        WHEN device_category IS NOT NULL THEN 'other'
    END AS device
FROM landed
WHERE event_name IN ($page_event, 'screen_view')
