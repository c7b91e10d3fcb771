-- One day of a made month: what readers saw and did, in the order of time.
-- Grain: event. Reads: running (slot, experiment_id, variants). Parameters: $day, $number, $views, $asks, $readers, $slots.
-- A row's k-th uniform is a hash of its number, so the month is the same on every machine; u * u makes visits heavy-tailed.
-- Every ask is inserted; half of the asks are seen, a few are clicked or dismissed. Seen by nobody in particular: the
-- wording has no effect here, because only speed is measured on these data.
WITH draws AS (
    SELECT
        CAST($number AS BIGINT) * 1000000000 + i AS id,
        i < $views AS is_view,
        CASE WHEN i < $views THEN i * 1.0 / $views ELSE (i - $views) * 1.0 / $asks END AS share_of_day
    FROM range(CAST($views + $asks AS BIGINT)) AS r(i)
),
shown AS (
    SELECT
        id,
        is_view,
        CAST($day AS TIMESTAMP) + to_microseconds(CAST(share_of_day * 86399000000 AS BIGINT)) AS at,
        CAST(floor($readers * pow((hash(id * 32 + 1) >> 11)::DOUBLE / 9007199254740992.0, 2)) AS BIGINT) AS reader,
        CAST(floor($slots * ((hash(id * 32 + 2) >> 11)::DOUBLE / 9007199254740992.0)) AS INTEGER) AS slot,
        hash(id * 32 + 3) % 1000 AS act,
        hash(id * 32 + 4) % 50000 AS article
    FROM draws
),
steps AS (
    SELECT *, 'inserted' AS event, 0 AS later FROM shown
    UNION ALL
    SELECT *, 'viewed' AS event, 4 AS later FROM shown WHERE NOT is_view AND act < 550
    UNION ALL
    SELECT *, 'clicked' AS event, 20 AS later FROM shown WHERE NOT is_view AND act < 20
    UNION ALL
    SELECT *, 'dismissed' AS event, 9 AS later FROM shown WHERE NOT is_view AND act BETWEEN 500 AND 530
)
SELECT
    s.is_view,
    'e' || (s.id * 32 + s.later)::VARCHAR AS event_id,
    s.at + to_seconds(s.later) AS occurred_at,
    md5('reader ' || s.reader::VARCHAR) AS reader_id,
    r.experiment_id,
    'v' || (hash(s.reader * 4096 + r.number) % r.variants)::VARCHAR AS variant_id,
    s.event,
    'a' || s.article::VARCHAR AS article_id,
    'section ' || (s.article % 12)::VARCHAR AS section,
    CASE hash(s.reader * 32 + 5) % 10 WHEN 0 THEN 'tablet' WHEN 1 THEN 'app' WHEN 2 THEN 'desktop' WHEN 3 THEN 'desktop'
        WHEN 4 THEN 'desktop' ELSE 'mobile' END AS device,
    CASE hash(s.reader * 32 + 6) % 10 WHEN 0 THEN 'subscriber' WHEN 1 THEN 'returning' WHEN 2 THEN 'returning'
        WHEN 3 THEN 'returning' ELSE 'new' END AS reader_type
FROM steps AS s
LEFT JOIN running AS r ON r.slot = s.slot AND NOT s.is_view
ORDER BY s.is_view, occurred_at
