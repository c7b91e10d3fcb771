-- Pageviews of each reader on one publisher's day.
-- Grain: reader. Key: reader_key. Reads: pageviews (of the day). Parameters: $day.
SELECT
    reader_key,
    CAST($day AS DATE) AS day,
    CAST(count(*) AS INTEGER) AS pageviews
FROM pageviews
WHERE reader_key IS NOT NULL AND is_bot IS NOT TRUE
GROUP BY reader_key
ORDER BY reader_key
