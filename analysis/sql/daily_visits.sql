-- Pageviews of each reader on one publisher's day, and of busy readers the most within one minute of the clock.
-- Grain: reader. Key: reader_key. Reads: pageviews (of the day). Parameters: $day.
-- Nobody reaches ten pages in a minute with fewer than ten: only the few readers who have as many are looked at again.
WITH visits AS (
    SELECT reader_key, count(*) AS pageviews
    FROM pageviews
    WHERE reader_key IS NOT NULL AND is_bot IS NOT TRUE
    GROUP BY reader_key
),
minutes AS (
    SELECT p.reader_key, epoch_us(p.occurred_at) // 60000000 AS minute, count(*) AS pageviews
    FROM pageviews AS p
    JOIN visits AS v ON v.reader_key = p.reader_key AND v.pageviews >= 10
    WHERE p.is_bot IS NOT TRUE
    GROUP BY p.reader_key, epoch_us(p.occurred_at) // 60000000
),
paces AS (
    SELECT reader_key, max(pageviews) AS most_a_minute FROM minutes GROUP BY reader_key
)
SELECT
    v.reader_key,
    CAST($day AS DATE) AS day,
    CAST(v.pageviews AS INTEGER) AS pageviews,
    CAST(p.most_a_minute AS INTEGER) AS most_a_minute
FROM visits AS v
LEFT JOIN paces AS p ON p.reader_key = v.reader_key
ORDER BY v.reader_key
