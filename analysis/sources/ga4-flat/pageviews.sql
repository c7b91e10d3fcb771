-- Pageviews of a flattened GA4 export. Grain: event. Reads: landed. Parameters: $page_event.
SELECT
    row_number,
    coalesce(event_key, concat_ws('|', user_pseudo_id, event_at, event_name, bundle_id, batch_index)) AS event_id,
    moment(event_at) AS occurred_at,
    user_pseudo_id AS reader_id,
    coalesce(article_id, split_part(split_part(page_location, '?', 1), '#', 1)) AS article_id,
    section,
    CASE
        WHEN lower(platform) IN ('android', 'ios', 'app') THEN 'app'
        WHEN device_category IN ('mobile', 'desktop', 'tablet') THEN device_category
        WHEN device_category IS NOT NULL THEN 'other'
    END AS device
FROM landed
WHERE event_name IN ($page_event, 'screen_view')
