-- Pageviews of Matomo visits. Grain: action of the type `action`. Reads: landed.
SELECT
    row_number,
    concat_ws('|', visit_id, coalesce(action.idpageview, CAST(place AS VARCHAR)), action.timestamp) AS event_id,
    make_timestamp(action.timestamp * 1000000) AS occurred_at,
    visitor_id AS reader_id,
    split_part(split_part(action.url, '?', 1), '#', 1) AS article_id,
    CASE
        WHEN device_type ILIKE 'desktop' THEN 'desktop'
        WHEN device_type ILIKE 'smartphone' OR device_type ILIKE 'phablet' OR device_type ILIKE 'feature phone' THEN 'mobile'
        WHEN device_type ILIKE 'tablet' THEN 'tablet'
        WHEN device_type IS NOT NULL THEN 'other'
    END AS device
FROM (
    SELECT row_number, visit_id, visitor_id, device_type, unnest(actions) AS action, generate_subscripts(actions, 1) AS place
    FROM landed
)
WHERE action.type = 'action'
