-- Pageviews of Segment. Grain: call. A retry keeps its message id. Reads: landed.
SELECT
    row_number,
    message_id AS event_id,
    coalesce(moment(occurred), moment(sent_at)) AS occurred_at,
    moment(received) AS received_at,
    coalesce(anonymous_id, 'account:' || user_id) AS reader_id,
    coalesce(article_id, page_path) AS article_id,
    section,
    CASE
        WHEN device_type IN ('ios', 'android') THEN 'app' WHEN is_mobile = 'true' THEN 'mobile' WHEN is_mobile = 'false' THEN 'desktop'
    END AS device,
    user_agent
FROM landed
WHERE type IN ('page', 'screen')
