-- Statistics of an edition without what one reader gave. Grain and columns as before. Reads: kept.
-- Where one group of a cut has one giver, the sums of the whole cut go: the one would follow by subtraction.
SELECT
    * EXCLUDE (is_told) REPLACE (
        CASE WHEN metric IN ('conversion', 'dismissed') THEN top END AS top,
        CASE WHEN NOT is_told THEN s1 END AS s1,
        CASE WHEN NOT is_told THEN s2 END AS s2,
        CASE WHEN NOT is_told THEN d1 END AS d1,
        CASE WHEN NOT is_told THEN d2 END AS d2,
        CASE WHEN NOT is_told THEN sd END AS sd
    )
FROM (
    SELECT
        *,
        metric NOT IN ('conversion', 'dismissed') AND coalesce(bool_or(x = 1) OVER cut, false) AS is_told
    FROM kept
    WINDOW cut AS (PARTITION BY experiment_id, as_of, basis, segment_kind, metric, variant_id)
)
