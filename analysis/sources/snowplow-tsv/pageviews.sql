-- Pageviews of Snowplow. Grain: event. Reads: landed.
-- The derived time corrects the clock of the device by the time of sending; the collector's bounds it.
SELECT
    row_number,
    event_id,
    coalesce(moment(derived_at), moment(collected_at)) AS occurred_at,
    moment(collected_at) AS received_at,
    domain_userid AS reader_id,
    page_path AS article_id,
    CASE
        WHEN platform IN ('mob', 'app') THEN 'app'
        WHEN device_type ILIKE '%tablet%' THEN 'tablet'
        WHEN device_type ILIKE '%mobile%' OR lower(is_mobile) = 'true' OR is_mobile = '1' THEN 'mobile'
        WHEN device_type ILIKE '%computer%' OR device_type ILIKE '%desktop%' THEN 'desktop'
    END AS device,
    useragent AS user_agent,
    CASE WHEN regexp_matches(CAST(robots AS VARCHAR), '"?spider_?or_?robot"?\s*:\s*''?true', 'i') THEN true END AS is_bot
FROM landed
WHERE event_name = 'page_view'
