-- Settled gifts of some days, and those of them whose reader was seen nowhere: on no page, at no appeal, in no link of ids.
-- Grain: one row. Reads: contributions, daily_exposures, daily_visits, identity_links. Parameters: $first, $last (days).
WITH given AS (
    SELECT reader_key
    FROM contributions
    WHERE status = 'settled' AND refund_of IS NULL AND day BETWEEN $first AND $last
),
met AS (
    SELECT reader_key FROM daily_exposures SEMI JOIN given USING (reader_key)
    UNION
    SELECT reader_key FROM daily_visits SEMI JOIN given USING (reader_key)
    UNION
    SELECT reader_key FROM identity_links SEMI JOIN given USING (reader_key)
    UNION
    SELECT l.linked_key AS reader_key FROM identity_links AS l SEMI JOIN given AS g ON g.reader_key = l.linked_key
)
SELECT count(*) AS gifts, count(*) FILTER (WHERE m.reader_key IS NULL) AS unmet
FROM given AS g
LEFT JOIN met AS m ON m.reader_key = g.reader_key
