-- What one publisher's day adds to the declared measures of pageviews that need more than their number.
-- Grain: measure, reader. Reads: pageviews (of the day), page_measures. Parameters: $day.
-- The row without a reader says on how many rows of the day everything was sent that the measure asks for: a day without
-- any cannot be told from a day on which nothing happened.
WITH asked AS (
    SELECT
        m.measure,
        p.reader_key,
        CASE WHEN m.sums_ad_revenue THEN p.ad_revenue_micros ELSE 1 END AS amount,
        (NOT m.sums_ad_revenue OR p.ad_revenue_micros IS NOT NULL)
            AND (m.sections IS NULL OR p.section IS NOT NULL)
            AND (m.devices IS NULL OR p.device IS NOT NULL) AS is_sent,
        (m.sections IS NULL OR coalesce(list_contains(m.sections, p.section), false))
            AND (m.devices IS NULL OR coalesce(list_contains(m.devices, p.device), false))
            AND (m.has_article IS NULL OR m.has_article = (p.article_id IS NOT NULL)) AS is_counted
    FROM pageviews AS p
    CROSS JOIN page_measures AS m
    WHERE p.is_bot IS NOT TRUE
)
SELECT measure, reader_key, CAST($day AS DATE) AS day, CAST(sum(amount) AS BIGINT) AS amount
FROM asked
WHERE is_counted AND reader_key IS NOT NULL AND amount IS NOT NULL
GROUP BY measure, reader_key
UNION ALL
SELECT measure, CAST(NULL AS BIGINT) AS reader_key, CAST($day AS DATE) AS day, count(CASE WHEN is_sent THEN 1 END) AS amount
FROM asked
GROUP BY measure
ORDER BY measure, reader_key
