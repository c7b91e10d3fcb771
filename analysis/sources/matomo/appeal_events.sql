-- Appeal events of Matomo visits: events of the category `appeal`, the event as action, `experiment/variant` or
-- `experiment/variant/surface` as name. Grain: action. Reads: landed. Parameters: $appeal_category, $surface.
SELECT
    row_number,
    concat_ws('|', visit_id, place, action.timestamp) AS event_id,
    make_timestamp(action.timestamp * 1000000) AS occurred_at,
    visitor_id AS reader_id,
    split_part(action.eventName, '/', 1) AS experiment_id,
    nullif(split_part(action.eventName, '/', 2), '') AS variant_id,
    coalesce(nullif(split_part(action.eventName, '/', 3), ''), $surface) AS surface,
    action.eventAction AS event,
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
WHERE action.type = 'event' AND action.eventCategory = $appeal_category
