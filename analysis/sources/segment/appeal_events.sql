-- Appeal events of Segment: track calls named appeal_inserted or "Appeal Inserted". Grain: call. Reads: landed.
-- A call from a server may name the account alone; it is written as links write it, so that both are one reader.
-- Parameters: $appeal_prefix, $surface.
SELECT
    row_number,
    message_id AS event_id,
    coalesce(moment(occurred), moment(sent_at)) AS occurred_at,
    moment(received) AS received_at,
    coalesce(anonymous_id, 'account:' || user_id) AS reader_id,
    experiment_id,
    variant_id,
    coalesce(surface, $surface) AS surface,
    substr(replace(lower(event), ' ', '_'), length($appeal_prefix) + 1) AS event,
    article_id,
    section,
    CASE
        WHEN device_type IN ('ios', 'android') THEN 'app' WHEN is_mobile = 'true' THEN 'mobile' WHEN is_mobile = 'false' THEN 'desktop'
    END AS device,
    reader_type,
    user_agent
FROM landed
WHERE type = 'track' AND starts_with(replace(lower(event), ' ', '_'), $appeal_prefix)
