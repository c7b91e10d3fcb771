-- Readers with a mark in an edition, without what one of them gave. Grain and columns as before. Reads: kept.
SELECT * REPLACE (CASE WHEN contributors <> 1 THEN value_minor END AS value_minor)
FROM kept
