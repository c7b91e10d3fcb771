-- What came on each day, without what refunds took back: many a day has one. Grain and columns as before. Reads: kept.
SELECT * REPLACE (CAST(NULL AS BIGINT) AS taken_minor)
FROM kept
