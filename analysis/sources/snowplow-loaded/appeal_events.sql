-- Appeal events of Snowplow: structured events of the category `appeal` (action: the event; label: the experiment;
-- property: the variant), or self-describing events with these names. Grain: event. Reads: landed.
-- Parameters: $appeal_category, $surface, $appeal_path (where a self-describing event keeps its fields), $appeal_schema (what
-- its text holds; empty for a column of its own).
SELECT
    row_number,
    event_id,
    coalesce(moment(derived_at), moment(collected_at)) AS occurred_at,
    moment(collected_at) AS received_at,
    domain_userid AS reader_id,
    coalesce(json_extract_string(CASE WHEN json_valid(appeal) THEN appeal END, $appeal_path || '.experiment_id'), se_label) AS experiment_id,
    coalesce(json_extract_string(CASE WHEN json_valid(appeal) THEN appeal END, $appeal_path || '.variant_id'), se_property) AS variant_id,
    coalesce(json_extract_string(CASE WHEN json_valid(appeal) THEN appeal END, $appeal_path || '.surface'), $surface) AS surface,
    coalesce(json_extract_string(CASE WHEN json_valid(appeal) THEN appeal END, $appeal_path || '.event'), se_action) AS event,
    page_path AS article_id,
    CASE
        WHEN platform IN ('mob', 'app') THEN 'app'
        WHEN device_type ILIKE '%tablet%' THEN 'tablet'
        WHEN device_type ILIKE '%mobile%' OR lower(is_mobile) = 'true' OR is_mobile = '1' THEN 'mobile'
        WHEN device_type ILIKE '%computer%' OR device_type ILIKE '%desktop%' THEN 'desktop'
    END AS device,
    json_extract_string(CASE WHEN json_valid(appeal) THEN appeal END, $appeal_path || '.reader_type') AS reader_type,
    useragent AS user_agent,
    CASE WHEN regexp_matches(CAST(robots AS VARCHAR), '"?spider_?or_?robot"?\s*:\s*''?true', 'i') THEN true END AS is_bot
FROM landed
WHERE se_category = $appeal_category OR contains(appeal, $appeal_schema)
