-- Variants of an edition without what one reader gave. Grain and columns as before. Reads: kept.
-- Where one group of a cut has one giver, the means of the whole cut go: the one would follow by subtraction.
SELECT
    * EXCLUDE (is_told) REPLACE (
        CASE WHEN NOT is_told THEN mean END AS mean,
        CASE WHEN NOT is_told THEN se END AS se,
        CASE WHEN is_told THEN 'one_reader' ELSE reason END AS reason
    )
FROM (
    SELECT
        *,
        metric NOT IN ('conversion', 'dismissed') AND coalesce(bool_or(x = 1) OVER cut, false) AS is_told
    FROM kept
    WINDOW cut AS (PARTITION BY experiment_id, as_of, basis, segment_kind, metric, variant_id)
)
